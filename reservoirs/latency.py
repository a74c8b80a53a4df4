"""How soon answers come and how good they are: curves of exit policies, and what none can beat."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from ..plasticity.objective import class_numbers

if TYPE_CHECKING:
    from .early_exit import ExitPolicy

__all__ = ["AccuracyLatency", "ExitBounds", "accuracy_latency", "exit_bounds", "exit_steps"]


class AccuracyLatency(NamedTuple):
    """A point for each policy: accuracy 0..1, and steps until the answer in the mean over samples; each (policies,)."""

    accuracy: Tensor
    mean_steps: Tensor


class ExitBounds(NamedTuple):
    """Steps of policies that know the class, each (sample,) int64; T where the answer is not right then.

    ideal     until the first right answer. Its accuracy is that of samples which are right at any step
    optimal   until the answer is right and stays so. Its accuracy is that at the last step
    """

    ideal: Tensor
    optimal: Tensor


def exit_steps(stops: Tensor) -> Tensor:
    """(batch,) steps, 1 ... T, until the first at which a sample stops (time, batch); T if at none."""
    return torch.where(stops.any(0), stops.int().argmax(0) + 1, len(stops))


def accuracy_latency(accumulated: Tensor, target: Tensor, policies: Iterable[ExitPolicy]) -> AccuracyLatency:
    """What each policy makes of scores (time, sample, classes) and class numbers (sample,), as `running_scores` gives them.

    Raises       InvalidValue
    """
    right = accumulated.argmax(-1) == class_numbers(target, *accumulated.shape[1:])
    points = []
    for policy in policies:
        steps = exit_steps(policy.stops(accumulated))
        points.append((float(right.gather(0, steps[None] - 1).double().mean()), float(steps.double().mean())))
    made = torch.tensor(points, dtype=torch.float64).reshape(-1, 2)
    return AccuracyLatency(made[:, 0], made[:, 1])


def exit_bounds(accumulated: Tensor, target: Tensor) -> ExitBounds:
    """When scores (time, sample, classes) are right first, and from when on they stay so. Raises InvalidValue.

    Source       ideal: the oracle of Li et al. 2023, arXiv 2303.10276; optimal: the optimal cutoff time of Wu et al. 2023,
                 arXiv 2301.09522
    """
    right = accumulated.argmax(-1) == class_numbers(target, *accumulated.shape[1:])
    stays = right.flip(0).int().cummin(0).values.flip(0).bool()
    return ExitBounds(exit_steps(right), exit_steps(stays))
