"""Gradient centralisation: what all weights of a unit would do alike, they do not do."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from .factors import Factors
from .modifier import Modifier

__all__ = ["Centralise"]

_INPUTS = {2: (0,), 4: (1, 2, 3)}  # dimensions of a unit's inputs: Dense (n_in, n_out), Conv (out, in, kernel, kernel)


@dataclasses.dataclass(frozen=True)
class Centralise(Modifier):
    """From the gradient of each unit's incoming weights their mean is taken, so that plain steps keep the weights' sum.

        g_ij <- g_ij - mean_i g_ij,   i over the inputs of unit j; for kernels over channels and pixels

    Parameters   none; all weights of connections, the network's and those that the rule learns; biases and delays keep theirs
    State        none
    Source       Yong, Huang, Hua & Zhang 2020, arXiv 2004.01461
    Deviations   none
    """

    def update(
        self,
        gradients: dict[str, Tensor],
        state: Any,
        *,
        weights: Mapping[str, Tensor],
        activity: Mapping[str, Factors],
    ) -> tuple[dict[str, Tensor], Any]:
        return {name: _centred(name, value) for name, value in gradients.items()}, state


def _centred(name: str, gradient: Tensor) -> Tensor:
    if not name.endswith("weight") or gradient.ndim not in _INPUTS:
        return gradient
    return gradient - gradient.mean(_INPUTS[gradient.ndim], keepdim=True)
