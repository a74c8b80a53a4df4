"""What a network's outputs over time are worth, for classes and for targets in time."""

from __future__ import annotations

import dataclasses
import math

import torch
from torch import Tensor
from torch.nn import functional

from ..neurons.errors import InvalidValue
from ..neurons.represented_spiking import later_weighs_more

__all__ = [
    "CountCrossEntropy",
    "MaxCrossEntropy",
    "MeanCrossEntropy",
    "MeanSquaredError",
    "SquaredError",
    "StepCrossEntropy",
    "SummedSoftmax",
    "class_numbers",
]


@dataclasses.dataclass(frozen=True, kw_only=True)
class CountCrossEntropy:
    """Cross-entropy of the outputs summed over time: of spike counts, or of what a membrane was in total.

    Source       Eshraghian et al. 2023, doi:10.1109/JPROC.2023.3308088 (ce_count_loss)
    Deviations   none
    """

    def scores(self, outputs: Tensor) -> Tensor:
        return outputs.sum(0)

    def so_far(self, outputs: Tensor, carry: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return _sums(outputs, carry)

    def loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        return functional.cross_entropy(self.scores(outputs), class_numbers(target, *outputs.shape[1:]))


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaxCrossEntropy:
    """Cross-entropy of each output's maximum over time.

    Source       Cramer et al. 2022, doi:10.1109/TNNLS.2020.3044364
    Deviations   none
    """

    def scores(self, outputs: Tensor) -> Tensor:
        return outputs.amax(0)

    def so_far(self, outputs: Tensor, carry: Tensor | None = None) -> tuple[Tensor, Tensor]:
        highest = outputs.double().cummax(0).values
        highest = highest if carry is None else highest.maximum(carry)
        return highest, highest[-1]

    def loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        return functional.cross_entropy(self.scores(outputs), class_numbers(target, *outputs.shape[1:]))


@dataclasses.dataclass(frozen=True, kw_only=True)
class MeanCrossEntropy:
    """Cross-entropy of the outputs' mean over time, in which later steps may weigh more.

        y = Σ_t w[t] y[t] / Σ w,  w[t] = exp(-(T - t) / tau_steps), t = 1 ... T;   loss = cross-entropy(y)

    Parameters   tau_steps   in how many steps a weight falls by e towards the past, > 0; None: the plain mean
    Raises       InvalidValue
    Source       Meng et al. 2022, arXiv 2205.00459, where it decodes the rates of neurons with tau_m = tau_steps dt
    Deviations   none
    """

    tau_steps: float | None = None

    def __post_init__(self) -> None:
        tau = self.tau_steps
        if tau is not None and (isinstance(tau, bool) or not isinstance(tau, int | float) or not 0.0 < tau < math.inf):
            raise InvalidValue("MeanCrossEntropy.tau_steps", tau, "> 0 steps and finite, or None")

    def scores(self, outputs: Tensor) -> Tensor:
        if self.tau_steps is None:
            return outputs.mean(0)
        weights = outputs.new_tensor(later_weighs_more(len(outputs), self.tau_steps))
        return torch.tensordot(weights, outputs, 1)

    def so_far(self, outputs: Tensor, carry: tuple[Tensor, int] | None = None) -> tuple[Tensor, tuple[Tensor, int]]:
        before, steps = (None, 0) if carry is None else carry
        count = 1.0 + steps + torch.arange(len(outputs), dtype=torch.float64, device=outputs.device)
        if self.tau_steps is None:
            sums, last = _sums(outputs, before)
            return sums / count[:, None, None], (last, steps + len(outputs))
        decay = math.exp(-1.0 / self.tau_steps)
        apart = count[:, None] - count  # each step's weight falls with every step that comes after it
        weights = torch.where(apart >= 0.0, decay**apart, 0.0)
        sums = torch.tensordot(weights, outputs.double(), 1)
        if before is not None:
            sums = sums + (decay ** (count - steps))[:, None, None] * before
        total = torch.expm1(-count / self.tau_steps) / math.expm1(-1.0 / self.tau_steps)
        return sums / total[:, None, None], (sums[-1], steps + len(outputs))

    def loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        return functional.cross_entropy(self.scores(outputs), class_numbers(target, *outputs.shape[1:]))


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepCrossEntropy:
    """The mean over time of the cross-entropy at each step: a loss that can be known as the sequence goes.

    Source       Xiao et al. 2022, arXiv 2210.04195; Meng et al. 2023, arXiv 2302.14311
    Deviations   without their squared-error part
    """

    def scores(self, outputs: Tensor) -> Tensor:
        return functional.softmax(outputs, -1).mean(0)

    def so_far(self, outputs: Tensor, carry: tuple[Tensor, int] | None = None) -> tuple[Tensor, tuple[Tensor, int]]:
        """Logarithms of the mean probabilities."""
        return _log_mean_probability(outputs, carry)

    def step_loss(self, output: Tensor, target: Tensor, t: int) -> Tensor:
        return functional.cross_entropy(output, target)

    def loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        target = class_numbers(target, *outputs.shape[1:])
        return functional.cross_entropy(outputs.flatten(0, 1), target.repeat(len(outputs)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class SummedSoftmax:
    """The softmax of the outputs, summed over time, is the score; its cross-entropy takes a softmax again.

        y_c = Σ_t softmax_c(v[t]);  loss = cross-entropy(y), with log-softmax of y

    Source       Hammouamri, Khalfaoui-Hassani & Masquelier 2024, arXiv 2306.17670, as its published program has it
    Deviations   none; the second softmax is the program's, and is not in the text
    """

    def scores(self, outputs: Tensor) -> Tensor:
        return functional.softmax(outputs, -1).sum(0)

    def so_far(self, outputs: Tensor, carry: tuple[Tensor, int] | None = None) -> tuple[Tensor, tuple[Tensor, int]]:
        """Logarithms of the mean probabilities, which rank as their sums do."""
        return _log_mean_probability(outputs, carry)

    def loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        return functional.cross_entropy(self.scores(outputs), class_numbers(target, *outputs.shape[1:]))


@dataclasses.dataclass(frozen=True, kw_only=True)
class SquaredError:
    """Half the squared distance to a target in time, summed over outputs, mean over time and samples.

        loss = mean_t mean_batch ½ Σ_k (y_k[t] - target_k[t])²

    The target has the outputs' shape (time, batch, n).

    Source       Bellec et al. 2020, doi:10.1038/s41467-020-17236-y (pattern generation)
    Deviations   a mean over time where the source has a sum
    """

    def scores(self, outputs: Tensor) -> Tensor:
        return outputs.mean(0)

    def step_loss(self, output: Tensor, target: Tensor, t: int) -> Tensor:
        return 0.5 * (output - target[t]).square().sum(-1).mean()

    def loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        _check_target(outputs, target)
        return 0.5 * (outputs - target).square().sum(-1).mean()


@dataclasses.dataclass(frozen=True, kw_only=True)
class MeanSquaredError:
    """The mean over everything of the squared distance to the target, which has the outputs' shape: images, say.

        loss = mean (y - target)²

    Source       textbook
    Deviations   none
    """

    def scores(self, outputs: Tensor) -> Tensor:
        return outputs.mean(0)

    def step_loss(self, output: Tensor, target: Tensor, t: int) -> Tensor:
        return functional.mse_loss(output, target[t])

    def loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        _check_target(outputs, target)
        return functional.mse_loss(outputs, target)


def _sums(outputs: Tensor, before: Tensor | None) -> tuple[Tensor, Tensor]:
    """Outputs summed up to each step, with what was summed before; and the last, for the next piece."""
    sums = outputs.double().cumsum(0)
    sums = sums if before is None else sums + before
    return sums, sums[-1]


def _log_mean_probability(outputs: Tensor, carry: tuple[Tensor, int] | None) -> tuple[Tensor, tuple[Tensor, int]]:
    before, steps = (None, 0) if carry is None else carry
    sums, last = _sums(functional.softmax(outputs, -1), before)
    count = 1.0 + steps + torch.arange(len(outputs), dtype=torch.float64, device=outputs.device)
    # a probability of 0 in 32 bits is one that cannot be told from a smaller one, not one that is minus infinity
    mean = (sums / count[:, None, None]).clamp(min=torch.finfo(torch.float64).tiny)
    return mean.log(), (last, steps + len(outputs))


def _check_target(outputs: Tensor, target: Tensor) -> None:
    if target.shape != outputs.shape:
        raise InvalidValue("target", f"shape {tuple(target.shape)}", f"{tuple(outputs.shape)}, as the outputs")


def class_numbers(target: Tensor, samples: int, classes: int) -> Tensor:
    """`target` as the class numbers of so many samples. Raises InvalidValue."""
    if target.shape != (samples,) or target.is_floating_point() or target.dtype == torch.bool:
        found = f"{target.dtype} of shape {tuple(target.shape)}"
        raise InvalidValue("target", found, f"class numbers, whole, of shape ({samples},): one per sample")
    low, high = int(target.min()), int(target.max())
    if low < 0 or high >= classes:
        raise InvalidValue("target", low if low < 0 else high, f"0 to {classes - 1}, the network's outputs")
    return target.long()
