"""Clipping of gradients by their joint length."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..neurons.errors import InvalidValue
from .factors import Factors
from .modifier import Modifier

__all__ = ["Clip"]


@dataclasses.dataclass(frozen=True)
class Clip(Modifier):
    """Gradients are scaled down together, so that their joint length is at most `norm`.

        g <- g min(1, norm / sqrt(Σ g²)),   the sum over all of the network's parameters

    What the rule itself learns ("rule.NAME") is a network of its own: it is scaled apart, to the same norm.

    Parameters   norm   > 0, in units of the gradient
    State        none
    Raises       InvalidValue
    Source       Pascanu, Mikolov & Bengio 2013, arXiv 1211.5063
    Deviations   none
    """

    norm: float

    def __post_init__(self) -> None:
        number = isinstance(self.norm, int | float) and not isinstance(self.norm, bool)
        if not number or not 0.0 < self.norm < math.inf:
            raise InvalidValue("Clip.norm", self.norm, "> 0 and finite")

    def update(
        self,
        gradients: dict[str, Tensor],
        state: Any,
        *,
        weights: Mapping[str, Tensor],
        activity: Mapping[str, Factors],
    ) -> tuple[dict[str, Tensor], Any]:
        scaled: dict[str, Tensor] = {}
        for own in (False, True):
            part = {name: value for name, value in gradients.items() if name.startswith("rule.") == own}
            if part:
                length = torch.nn.utils.get_total_norm(part.values())
                if not torch.isfinite(length):  # the sum of squares may overflow where no gradient does
                    length = torch.nn.utils.get_total_norm([value.double() for value in part.values()])
                factor = (self.norm / length).clamp(max=1.0)
                scaled |= {name: value * factor.to(value.dtype) for name, value in part.items()}
        return {name: scaled[name] for name in gradients}, state
