"""The Tempotron's error as an objective: for potentials of any neuron model, in steps of time."""

from __future__ import annotations

import dataclasses
import math

import torch
from torch import Tensor

from ..neurons.errors import InvalidValue
from .objective import class_numbers

__all__ = ["TempotronLoss"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TempotronLoss:
    """How far each wrong unit's highest potential is from the threshold, in mV; units that are right cost nothing.

        v_max = max_t v[t];   should fire and v_max < v_threshold: v_threshold - v_max
                              should not and v_max >= v_threshold: v_max - v_threshold
        loss = the sum over units, mean over samples

    The outputs are potentials of a `Membrane`, which does not reset. The gradient passes through the one step of the
    maximum: backpropagated through `Dense` and a `Membrane`, it is the Tempotron's correction with that neuron's own kernel,
    and that neuron's own derivatives for the parameters that it learns. One unit stands for two classes and fires for
    class 1; several stand for a class each, and the highest answers.

    Parameters   v_threshold   mV, above the potential at rest
    Raises       InvalidValue
    Source       Gütig & Sompolinsky 2006, doi:10.1038/nn1643, whose cost this is
    Deviations   a mean over the samples of a batch, where the source learns after each; time in steps, so the maximum is
                 that of the steps
    """

    v_threshold: float = 1.0

    def __post_init__(self) -> None:
        value = self.v_threshold
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise InvalidValue("TempotronLoss.v_threshold", value, "a finite number in mV")

    def scores(self, outputs: Tensor) -> Tensor:
        """The highest potential of each class's unit; of a single unit: the threshold, and how high it came, (batch, 2)."""
        v_max = outputs.max(0).values
        return v_max if v_max.shape[1] > 1 else torch.cat([torch.full_like(v_max, self.v_threshold), v_max], 1)

    def loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        units = outputs.shape[2]
        classes = class_numbers(target, outputs.shape[1], max(2, units))
        mine = torch.arange(units, device=outputs.device) + (1 if units == 1 else 0)
        wanted = classes[:, None] == mine
        v_max = outputs.max(0).values  # the gradient of `amax` would be shared among equal steps
        wrong = (v_max >= self.v_threshold) != wanted
        missing = torch.where(wanted, self.v_threshold - v_max, v_max - self.v_threshold)
        return torch.where(wrong, missing, torch.zeros_like(missing)).sum(1).mean()
