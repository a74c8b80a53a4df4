"""Exponentiated gradient: weights change by factors, so none ever changes its sign."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import torch
from torch import Tensor

from ..neurons.errors import InvalidValue
from .factors import Factors
from .modifier import Modifier

__all__ = ["ExponentiatedGradient"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExponentiatedGradient(Modifier):
    """The optimiser's step of each weight, taken as an exponent: mirror descent, in which large weights change most.

        w <- w exp(s Δw),   s = sign(w),   Δw: the optimiser's step;   |s Δw| <= limit,   |w| >= floor afterwards

    With plain SGD, Δw = -learning_rate g, that is exponentiated gradient descent; to first order it is Δw |w|. A weight that
    is 0 stays 0. Signs never change, so a network that obeys Dale's law goes on obeying it. Weights of connections and kernels
    of the network itself change so; biases, other parameters and what the rule learns keep the optimiser's step.

    Parameters   limit   largest exponent of one step, > 0
                 floor   smallest size of a weight that is not 0, >= 0, so that none is lost to rounding
    State        each weight before the optimiser's step
    Raises       InvalidValue
    Source       Kivinen & Warmuth 1997, doi:10.1006/inco.1996.2612; with Dale's law: Cornford et al. 2024,
                 doi:10.1101/2024.10.25.620272; Shetty et al. 2025, arXiv 2510.02730
    Deviations   without the sources' normalisation of a unit's total weight; limit and floor are ours
    """

    limit: float = 1.0
    floor: float = 1e-8

    def __post_init__(self) -> None:
        if isinstance(self.limit, bool) or not 0.0 < self.limit < math.inf:
            raise InvalidValue("ExponentiatedGradient.limit", self.limit, "> 0 and finite")
        if isinstance(self.floor, bool) or not 0.0 <= self.floor < math.inf:
            raise InvalidValue("ExponentiatedGradient.floor", self.floor, ">= 0 and finite")

    def init(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {}

    def update(
        self,
        gradients: dict[str, Tensor],
        state: dict[str, Tensor],
        *,
        weights: Mapping[str, Tensor],
        activity: Mapping[str, Factors],
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        before = {name: w.detach().clone() for name, w in weights.items() if name in gradients and _connects(name, w)}
        return gradients, before

    @torch.no_grad()
    def settle(self, weights: Mapping[str, Tensor], state: dict[str, Tensor]) -> dict[str, Tensor]:
        for name, before in state.items():
            sign = before.sign()
            factor = (weights[name] - before).mul_(sign).clamp_(-self.limit, self.limit).exp_()
            torch.mul(factor.mul_(before).abs_().clamp_(min=self.floor), sign, out=weights[name])
        return {}


def _connects(name: str, weight: Tensor) -> bool:
    return name.endswith("weight") and weight.ndim > 1 and not name.startswith("rule.")
