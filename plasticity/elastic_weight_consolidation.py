"""Elastic weight consolidation: each weight is held near its old value as firmly as old tasks depend on it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..neurons.errors import InvalidValue
from ..neurons.randomness import check_seed, setup_generator
from .credit import Batch
from .factors import Factors
from .modifier import FinishedTask, Modifier

__all__ = ["Consolidated", "ElasticWeightConsolidation"]

_STREAM = 263


class Consolidated(NamedTuple):
    """What is known of finished tasks k, by the weight's name: Σ_k F_k and Σ_k F_k θ_k, which is all that their penalty needs.

    tasks    how many
    fisher   Σ F_k, >= 0; empty before the first task's end
    anchor   Σ F_k θ_k
    """

    tasks: int
    fisher: dict[str, Tensor]
    anchor: dict[str, Tensor]


@dataclasses.dataclass(frozen=True)
class ElasticWeightConsolidation(Modifier):
    """Springs from each weight to where finished tasks left it, as stiff as the Fisher information that they gave of it.

        loss + Σ_k (strength / 2) Σ_i F_k,i (θ_i - θ_k,i)²,   so g_i <- g_i + strength Σ_k F_k,i (θ_i - θ_k,i)
        F_k,i = mean over samples x of (∂ log p(y|x) / ∂θ_i)² at θ_k, y drawn from the network's own p(y|x)

    Each sample's gradient is squared, then the mean is taken. p(y|x) is what the objective takes the minus logarithm of,
    p(y|x) ∝ exp(-loss(y)): the softmax of the scores where the loss is their cross-entropy, and in general a distribution
    that the network need not answer by. The gradients are the rule's own: with one that is not exact (feedback alignment, a
    surrogate), F is as approximate. All parameters of the network are held, what the rule itself learns is not.

    Descent is only stable if learning_rate strength max(Σ_k F_k,i) < 2, and passes over the anchor from 1 on: compare with
    `state.fisher` after a task, and lower the strength as tasks add up.

    Parameters   strength   >= 0, in units of samples: how many a finished task weighs as many as
                 samples    of the finished task from which F is estimated, >= 1; all if there are fewer. One call of the rule
                            for each
                 seed       of which samples are taken and of their y; a pure function of the seed and the task's number
    State        Consolidated
    Raises       InvalidValue; at the end of a task also if its targets are no classes
    Source       Kirkpatrick et al. 2017, doi:10.1073/pnas.1611835114
    Deviations   none; the sum over tasks is kept as two running sums, which is the same penalty up to a constant
    """

    strength: float
    samples: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        number = isinstance(self.strength, int | float) and not isinstance(self.strength, bool)
        if not number or not 0.0 <= self.strength < math.inf:
            raise InvalidValue("ElasticWeightConsolidation.strength", self.strength, ">= 0 and finite")
        if isinstance(self.samples, bool) or not isinstance(self.samples, int) or self.samples < 1:
            raise InvalidValue("ElasticWeightConsolidation.samples", self.samples, "a whole number >= 1")
        check_seed("ElasticWeightConsolidation.seed", self.seed)

    def init(self, weights: Mapping[str, Tensor]) -> Consolidated:
        return Consolidated(0, {}, {})

    @torch.no_grad()
    def update(
        self,
        gradients: dict[str, Tensor],
        state: Consolidated,
        *,
        weights: Mapping[str, Tensor],
        activity: Mapping[str, Factors],
    ) -> tuple[dict[str, Tensor], Consolidated]:
        changed = dict(gradients)
        for name in gradients.keys() & state.fisher.keys():
            pull = torch.mul(state.fisher[name], weights[name]).sub_(state.anchor[name])
            changed[name] = torch.add(gradients[name], pull, alpha=self.strength)
        return changed, state

    def end_task(self, task: FinishedTask, state: Consolidated) -> Consolidated:
        weights = {name: value.detach() for name, value in task.network.named_parameters() if value.requires_grad}
        squares, samples = dict[str, Tensor](), 0
        for sample in self._samples(task, state.tasks):
            samples += 1
            for name, gradient in task.gradients(sample).items():
                if name in weights:
                    known = squares.setdefault(name, torch.zeros_like(gradient))
                    known.addcmul_(gradient, gradient)
        fisher, anchor = dict(state.fisher), dict(state.anchor)
        for name, square in squares.items():
            mean, before = square / samples, torch.zeros_like(square)
            fisher[name] = fisher.get(name, before) + mean
            anchor[name] = anchor.get(name, before) + mean * weights[name]
        return Consolidated(state.tasks + 1, fisher, anchor)

    def _samples(self, task: FinishedTask, number: int) -> Iterator[Batch]:
        """Batches of one sample each, with the classes that the network itself drew for them."""
        sizes = [batch.x.shape[1] for batch in task.batches]
        if not sum(sizes):
            raise InvalidValue("ElasticWeightConsolidation: batches of the task", "none", "at least one sample")
        chosen = np.sort(setup_generator(self.seed, _STREAM, number).permutation(sum(sizes))[: self.samples])
        uniform = iter(setup_generator(self.seed, _STREAM, number, 1).random(len(chosen)))
        for batch, start in zip(task.batches, np.cumsum([0, *sizes[:-1]]), strict=True):
            here = chosen[(chosen >= start) & (chosen < start + batch.x.shape[1])] - start
            if not len(here):
                continue
            if batch.target.is_floating_point() or batch.target.ndim != 1:
                found = f"{batch.target.dtype} of shape {tuple(batch.target.shape)}"
                raise InvalidValue("ElasticWeightConsolidation: targets of the task", found, "class numbers")
            x = batch.x[:, torch.from_numpy(here).to(batch.x.device)]
            with torch.no_grad():
                outputs, _ = task.network(x)
            for k in range(len(here)):
                y = _drawn(task.network.objective, outputs[:, k : k + 1], next(uniform))
                yield Batch(x[:, k : k + 1], batch.target.new_tensor([y]))


def _drawn(objective: Any, outputs: Tensor, uniform: float) -> int:
    """The class that a number in [0, 1) stands for, of those that exp(-loss) gives their probability."""
    classes = objective.scores(outputs).shape[-1]
    targets = torch.arange(classes, device=outputs.device)
    losses = torch.stack([objective.loss(outputs, targets[k : k + 1]) for k in range(classes)])
    below = torch.softmax(-losses.double(), 0).cumsum(0)
    return min(int((below <= uniform).sum()), classes - 1)
