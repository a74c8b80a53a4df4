"""A loss that counts little at first."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..neurons.errors import InvalidValue
from .factors import Factors
from .modifier import Modifier

__all__ = ["WarmUp"]


@dataclasses.dataclass(frozen=True)
class WarmUp(Modifier):
    """Gradients grow from almost nothing to their size over the first batches, as if the loss were multiplied.

        g <- g min(1, k / steps),   k = 1, 2, ... the batch's number since training began

    Clipping after it hides it: gradients that stay above the norm do not grow. Weight decay and momentum are the optimiser's,
    and know nothing of it.

    Parameters   steps   batches, >= 1
    State        how many batches there were, counted up to steps - 1
    Raises       InvalidValue
    Source       Kao & Hariharan 2024, arXiv 2409.19841 (section 6.1), as its published program has it
    Deviations   the program counts k anew in every epoch, which matters where an epoch has fewer batches than `steps`; the
                 text speaks of the learning rate
    """

    steps: int

    def __post_init__(self) -> None:
        if isinstance(self.steps, bool) or not isinstance(self.steps, int) or self.steps < 1:
            raise InvalidValue("WarmUp.steps", self.steps, "a whole number >= 1", "leave it out for none")

    def init(self, weights: Mapping[str, Tensor]) -> int:
        return 0

    def update(
        self,
        gradients: dict[str, Tensor],
        state: Any,
        *,
        weights: Mapping[str, Tensor],
        activity: Mapping[str, Factors],
    ) -> tuple[dict[str, Tensor], Any]:
        if state >= self.steps - 1:
            return gradients, state
        share = (state + 1) / self.steps
        return {name: share * value for name, value in gradients.items()}, state + 1
