"""Incremental predictive coding: values and weights learn at once, from the same errors, in every step of the settling."""

from __future__ import annotations

import copy
import dataclasses

import torch

from ..neurons.errors import InvalidValue
from .blocks import through
from .credit import Batch, Credit, LayeredNetwork, trainable
from .settling import check_settling, check_steps, energy, forward_values, moved, sections_of

__all__ = ["IncrementalPredictiveCoding"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class IncrementalPredictiveCoding:
    """As `PredictiveCoding`, but a copy of the weights moves along with the values; what it moved is the gradient.

        steps times, from the same errors:   x_k <- x_k + rate (-eps_k + f'(x_k) o W_{k+1}' eps_{k+1})
                                             W_k <- W_k + learning_rate mean_batch eps_k f(x_{k-1})'
        dL/dW_k := (W_k before - W_k after) / learning_rate,   the sum over steps of each step's own gradients

    With `sgd(learning_rate)` of the same learning_rate the network makes exactly these steps, which is the source's rule;
    with another optimiser, or a modifier between, this is a pseudo-gradient. With learning_rate = 0 it is the sum of
    `PredictiveCoding`'s over 0 to steps - 1 steps.

    Parameters   steps           of values and weights, >= 1; the lowest layers learn only if it exceeds the hidden layers
                 rate            of the values, > 0; near 1 and above they may not settle
                 learning_rate   of the weights meanwhile, >= 0
    Factors      as `PredictiveCoding`
    State        none
    Cost         each step a pass forward and one backward through all layers, and one forward before
    Raises       InvalidValue, as `PredictiveCoding`
    Source       Salvatori et al., arXiv 2212.00720
    Deviations   the output's error is the loss's slope, as `PredictiveCoding` has it; weights move by the mean over the batch
    """

    steps: int = 8
    rate: float = 0.5
    learning_rate: float = 0.03

    def __post_init__(self) -> None:
        check_settling("IncrementalPredictiveCoding", self.steps, self.rate)
        rate = self.learning_rate
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0.0 <= rate < float("inf"):
            raise InvalidValue("IncrementalPredictiveCoding.learning_rate", rate, ">= 0 and finite")

    def init(self, network: LayeredNetwork) -> None:
        sections_of("IncrementalPredictiveCoding", network)

    def gradients(self, network: LayeredNetwork, batch: Batch, state: None) -> Credit:
        check_steps("IncrementalPredictiveCoding", batch)
        moving = copy.deepcopy(network)
        sections, weights = sections_of("IncrementalPredictiveCoding", moving), trainable(moving)
        objective, samples = network.objective, batch.x.shape[1]
        values, outputs = forward_values(sections, batch.x)
        loss, scores = objective.loss(outputs, batch.target), objective.scores(outputs)
        total = {name: torch.zeros_like(weight) for name, weight in weights.items()}
        for _ in range(self.steps):
            now = energy(through(sections[0], batch.x), values, sections, objective, batch.target)
            slopes = torch.autograd.grad(now, [*values, *weights.values()])
            values = moved(values, slopes[: len(values)], self.rate)
            with torch.no_grad():
                for (name, weight), slope in zip(weights.items(), slopes[len(values) :], strict=True):
                    total[name].add_(slope, alpha=1.0 / samples)  # a difference of weights would lose digits
                    weight.sub_(slope, alpha=self.learning_rate / samples)
        return Credit(loss, scores, total, None)
