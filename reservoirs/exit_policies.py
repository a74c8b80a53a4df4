"""When to stop: by a calibrated confidence, by the margin between the two largest scores, or at the same step for all."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ..neurons.errors import InvalidValue
from ..plasticity.objective import class_numbers

__all__ = ["ConfidenceExit", "DynamicConfidence", "FixedExit", "MarginCutoff", "MarginExit"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConfidenceExit:
    """Stops as soon as the largest probability reaches a threshold.

        confidence[t] = max softmax(accumulated[t] / temperature);   stop where confidence >= threshold

    Parameters   temperature   > 0, in the unit of the scores
                 threshold     infinity: never stop
    Raises       InvalidValue
    Source       Li et al. 2023, arXiv 2303.10276
    """

    temperature: float
    threshold: float

    def __post_init__(self) -> None:
        _number("ConfidenceExit.temperature", self.temperature, 0.0, open_below=True)
        if math.isnan(float(self.threshold)):
            raise InvalidValue("ConfidenceExit.threshold", self.threshold, "a number")

    def confidence(self, accumulated: Tensor) -> Tensor:
        """(time, batch) of scores (time, batch, classes)."""
        return functional.softmax(accumulated / self.temperature, -1).amax(-1)

    def stops(self, accumulated: Tensor, first: int = 0) -> Tensor:
        return self.confidence(accumulated) >= self.threshold


@dataclasses.dataclass(frozen=True, kw_only=True)
class DynamicConfidence:
    """`ConfidenceExit` by samples kept for it: a temperature that calibrates it, and the threshold that is fastest.

        temperature   makes the negative log-likelihood of the classes smallest, in the mean over steps and samples
        threshold     that with the fewest steps in the mean, among those with accuracy >= accuracy at T - tolerance

    Parameters   tolerance    accuracy that may be lost on these samples, 0..1 (0.005: half a point)
                 candidates   thresholds that are tried, evenly over the ranks of all confidences that occur, >= 1
    Raises       InvalidValue
    Source       Li et al. 2023, arXiv 2303.10276: calibration, and a Pareto front of accuracy and latency
    Deviations   made from the paper's abstract. The likelihood is of all steps, since the confidence is read at all of them; of
                 the last step alone it may have no optimum, where every answer there is right
    """

    tolerance: float = 0.002
    candidates: int = 1000

    def __post_init__(self) -> None:
        _number("DynamicConfidence.tolerance", self.tolerance, 0.0)
        if isinstance(self.candidates, bool) or not isinstance(self.candidates, int) or self.candidates < 1:
            raise InvalidValue("DynamicConfidence.candidates", self.candidates, "a whole number >= 1")

    def fit(self, accumulated: Tensor, target: Tensor) -> ConfidenceExit:
        """From scores (time, sample, classes) and class numbers (sample,), as `running_scores` gives them."""
        target = _checked("DynamicConfidence.fit", accumulated, target)
        temperature = _temperature(accumulated, target)
        level = ConfidenceExit(temperature=temperature, threshold=math.inf).confidence(accumulated).cummax(0).values
        ranked = level.flatten().sort().values
        places = torch.linspace(0, len(ranked) - 1, min(self.candidates, len(ranked)), device=level.device).long()
        tried = torch.cat([ranked[places], ranked.new_tensor([math.inf])])
        steps = torch.searchsorted(level.T.contiguous(), tried.expand(level.shape[1], -1).contiguous())
        steps = steps.clamp(max=len(level) - 1)  # (sample, threshold), from 0; at the last whoever never stops
        right = (accumulated.argmax(-1) == target).double()
        accuracy = right.T.gather(1, steps).mean(0)
        enough = accuracy >= accuracy[-1] - self.tolerance - 1e-12  # 1e-12: means of equal counts may round apart
        cost = torch.where(enough, steps.double().mean(0), math.inf)
        return ConfidenceExit(temperature=temperature, threshold=float(tried[int(cost.argmin())]))


@dataclasses.dataclass(frozen=True, kw_only=True)
class MarginExit:
    """Stops as soon as the largest score leads the second by the margin of that step.

        stop where accumulated_(1)[t] - accumulated_(2)[t] >= margins[t]

    Parameters   margins   one for each step, >= 0, in the unit of the scores; infinity: nobody stops there
    Raises       InvalidValue; also for sequences of more steps than there are margins
    Source       Wu et al. 2023, arXiv 2301.09522 (Top-K cutoff, K = 2)
    """

    margins: tuple[float, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.margins, tuple) or not all(margin >= 0.0 for margin in self.margins):
            raise InvalidValue("MarginExit.margins", self.margins, "a tuple of numbers >= 0")

    def stops(self, accumulated: Tensor, first: int = 0) -> Tensor:
        last = first + len(accumulated)
        if last > len(self.margins):
            raise InvalidValue("MarginExit: steps", last, f"at most {len(self.margins)}, for which there are margins")
        return _gap(accumulated) >= accumulated.new_tensor(self.margins[first:last])[:, None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class MarginCutoff:
    """`MarginExit` by training samples: the least margin at each step above which enough of them are right already.

        margins[t] = min b:  of the samples with a lead >= b at step t, at least `least`, a share >= 1 - epsilon is right then

    Parameters   epsilon   share that may be wrong, 0..1
                 least     samples that must lie above a margin, >= 1: a few of them say little of a share near 1
    Raises       InvalidValue; also for fewer than `least` samples
    Source       Wu et al. 2023, arXiv 2301.09522 (Top-K cutoff, K = 2)
    Deviations   made from the paper's abstract: how margins are fitted, and `least`, are ours. What holds of training samples
                 holds of others only as far as the network has not learned them by heart
    """

    epsilon: float = 0.01
    least: int = 100

    def __post_init__(self) -> None:
        _number("MarginCutoff.epsilon", self.epsilon, 0.0)
        if isinstance(self.least, bool) or not isinstance(self.least, int) or self.least < 1:
            raise InvalidValue("MarginCutoff.least", self.least, "a whole number >= 1")

    def fit(self, accumulated: Tensor, target: Tensor) -> MarginExit:
        """From scores (time, sample, classes) and class numbers (sample,), as `running_scores` gives them."""
        target = _checked("MarginCutoff.fit", accumulated, target)
        if len(target) < self.least:
            raise InvalidValue("MarginCutoff.fit: samples", len(target), f"at least {self.least} (`least`)")
        gap, order = _gap(accumulated).sort(dim=1, descending=True)
        right = (accumulated.argmax(-1) == target).gather(1, order).double()
        above = torch.arange(1.0, len(target) + 1, dtype=torch.float64, device=gap.device)
        good = right.cumsum(1) >= (1.0 - self.epsilon) * above - 1e-9  # 1e-9: of counts, which round
        good[:, :-1] &= gap[:, 1:] < gap[:, :-1]  # who has the same lead stops too
        good &= above >= self.least
        lowest = torch.where(good, gap, math.inf).amin(1)
        return MarginExit(margins=tuple(lowest.tolist()))


@dataclasses.dataclass(frozen=True, kw_only=True)
class FixedExit:
    """Stops every sample at the same step: what the others must be better than.

    Parameters   step   1, 2, ...
    Raises       InvalidValue
    """

    step: int

    def __post_init__(self) -> None:
        if isinstance(self.step, bool) or not isinstance(self.step, int) or self.step < 1:
            raise InvalidValue("FixedExit.step", self.step, "a whole number >= 1")

    def stops(self, accumulated: Tensor, first: int = 0) -> Tensor:
        counted = torch.arange(first + 1, first + len(accumulated) + 1, device=accumulated.device)
        return (counted >= self.step)[:, None].expand(accumulated.shape[:2])


def _gap(accumulated: Tensor) -> Tensor:
    largest = accumulated.topk(2, -1).values
    return largest[..., 0] - largest[..., 1]


def _temperature(accumulated: Tensor, target: Tensor) -> float:
    """Where the negative log-likelihood has slope 0: it is convex in 1 / temperature, so its slope is halved in."""
    own = accumulated[:, torch.arange(len(target), device=target.device), target].mean()
    spread = float(accumulated.std(-1).mean())
    if not 0.0 < spread < math.inf:
        raise InvalidValue("fit: accumulated", f"a spread of {spread:g} over classes", "> 0 and finite")
    low, high = math.log(1e-6 / spread), math.log(1e6 / spread)
    for _ in range(22):  # of 28 units of the logarithm, 1e-5 is left
        middle = 0.5 * (low + high)
        expected = (functional.softmax(math.exp(middle) * accumulated, -1) * accumulated).sum(-1).mean()
        low, high = (low, middle) if float(expected - own) > 0.0 else (middle, high)
    return math.exp(-low)


def _checked(name: str, accumulated: Any, target: Tensor) -> Tensor:
    if not isinstance(accumulated, Tensor) or accumulated.ndim != 3 or accumulated.shape[-1] < 2:
        found = f"shape {tuple(accumulated.shape)}" if isinstance(accumulated, Tensor) else type(accumulated).__name__
        raise InvalidValue(f"{name}: accumulated", found, "(time, sample, classes), of two classes or more")
    return class_numbers(target, *accumulated.shape[1:])


def _number(field: str, value: Any, low: float, open_below: bool = False) -> None:
    legal = f"{'>' if open_below else '>='} {low:g} and finite"
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value < math.inf:
        raise InvalidValue(field, value, legal)
    if open_below and value == low:
        raise InvalidValue(field, value, legal)
