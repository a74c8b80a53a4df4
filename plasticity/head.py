"""One head of a network: an objective that hears some of the outputs, where each task has outputs of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from torch import Tensor

from ..neurons.errors import InvalidValue
from .credit import Objective
from .objective import StepCrossEntropy

__all__ = ["HeadCrossEntropy"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class HeadCrossEntropy:
    """What outputs first, ..., last - 1 are worth to another objective; the other outputs are as if they were not there.

        loss(y, target) = inner.loss(y[..., first:last], target),   scores likewise: (batch, last - first)

    Everything counts from 0 within the head: class numbers in targets, and the scores' argmax, which is the answer. The error
    of all other outputs is exactly 0. `step_loss` and `so_far` are there if `inner` has
    them. Rules that show the class itself to hidden layers
    (DirectRandomTarget, CounterCurrent) show its number within the head, which other heads have too.

    Parameters   first, last   the head's first output and the one past its last, 0 <= first < last
                 inner         objective of the head's outputs; default: cross-entropy at each step
    Raises       InvalidValue; also for a network with fewer than `last` outputs
    Source       multi-head evaluation: van de Ven, Tuytelaars & Tolias 2022, doi:10.1038/s42256-022-00568-3 (task-incremental)
    Deviations   none
    """

    first: int
    last: int
    inner: Objective = dataclasses.field(default_factory=StepCrossEntropy)

    def __post_init__(self) -> None:
        for name, value in (("first", self.first), ("last", self.last)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise InvalidValue(f"HeadCrossEntropy.{name}", value, "a whole number >= 0")
        if not self.first < self.last:
            raise InvalidValue("HeadCrossEntropy.last", self.last, f"> {self.first}, the head's first output")
        if not (callable(getattr(self.inner, "loss", None)) and callable(getattr(self.inner, "scores", None))):
            raise InvalidValue("HeadCrossEntropy.inner", self.inner, "an objective", "e.g. StepCrossEntropy()")

    def scores(self, outputs: Tensor) -> Tensor:
        return self.inner.scores(self._of_the_head(outputs))

    def loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        return self.inner.loss(self._of_the_head(outputs), target)

    @property
    def step_loss(self) -> Callable[[Tensor, Tensor, int], Tensor]:
        """The loss at one step, a function of (output, target, t). Raises AttributeError if `inner` knows none."""
        inner: Any = self.inner
        known: Callable[[Tensor, Tensor, int], Tensor] = inner.step_loss
        return lambda output, target, t: known(self._of_the_head(output), target, t)

    @property
    def so_far(self) -> Callable[..., tuple[Tensor, Any]]:
        """The head's scores at each step, a function of (outputs, carry). Raises AttributeError if `inner` knows none."""
        inner: Any = self.inner
        known: Callable[..., tuple[Tensor, Any]] = inner.so_far
        return lambda outputs, carry=None: known(self._of_the_head(outputs), carry)

    def _of_the_head(self, outputs: Tensor) -> Tensor:
        if outputs.shape[-1] < self.last:
            legal = f"at least {self.last}, the head's last one among them"
            raise InvalidValue("HeadCrossEntropy: outputs of the network", outputs.shape[-1], legal)
        return outputs[..., self.first : self.last]
