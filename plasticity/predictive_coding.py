"""Predictive coding: hidden values settle between what the input predicts and what the target asks, then weights learn."""

from __future__ import annotations

import copy
import dataclasses
import itertools

import torch

from .blocks import through
from .credit import Batch, Credit, LayeredNetwork, trainable
from .settling import check_settling, check_steps, energy, forward_values, moved, sections_of

__all__ = ["PredictiveCoding"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PredictiveCoding:
    """The values before each activation relax with the weights held; errors that are left give one gradient of the weights.

        mu_k = W_k f(x_{k-1}),  eps_k = x_k - mu_k,  eps_output = -dloss/dmu_output (target - output, or label - softmax)
        steps times:   x_k <- x_k + rate (-eps_k + f'(x_k) o W_{k+1}' eps_{k+1})        k hidden; x_k starts at mu_k
        dL/dW_k := -eps_k f(x_{k-1})',  mean over the batch

    The error moves down by one layer in each step, so that the lowest layers learn only if steps >= hidden layers.

    Parameters   steps   of the values, >= 1
                 rate    of the values, > 0; near 1 and above they may not settle
    Factors      presynaptic value, postsynaptic error that the neuron's own settling has left; no third
    State        none
    Cost         each step a pass forward and one backward, the lowest connections left out; besides two
                 passes forward and one backward
    Raises       InvalidValue; for layers with time, dropout or batch statistics, and for sequences of more than one step
    Source       Whittington & Bogacz 2017, doi:10.1162/NECO_a_00949; in this notation Salvatori et al., arXiv 2212.00720; an
                 output with a loss of its own: Pinchetti et al. 2022, arXiv 2211.03481
    Deviations   the output holds no value node of its own: its error is the loss's slope, which for squared error is the
                 source's. Read as the error arrives with rate 1 this is backpropagation; settled, it is not (see tests)
    """

    steps: int = 20
    rate: float = 0.1

    def __post_init__(self) -> None:
        check_settling("PredictiveCoding", self.steps, self.rate)

    def init(self, network: LayeredNetwork) -> None:
        sections_of("PredictiveCoding", network)

    def gradients(self, network: LayeredNetwork, batch: Batch, state: None) -> Credit:
        sections = sections_of("PredictiveCoding", network)
        check_steps("PredictiveCoding", batch)
        # a copy, because autograd finds the gradient of weights that ask for one even where only the values' is wanted
        held = copy.deepcopy(sections)
        for layer in itertools.chain(*held):
            layer.requires_grad_(False)
        objective, parameters = network.objective, trainable(network)
        values, outputs = forward_values(held, batch.x)
        if values:
            lowest = values[0].detach()  # neither the input nor its weights change
            for _ in range(self.steps):
                now = energy(lowest, values, held, objective, batch.target)
                values = moved(values, torch.autograd.grad(now, values), self.rate)
        final = energy(through(sections[0], batch.x), [v.detach() for v in values], sections, objective, batch.target)
        found = torch.autograd.grad(final / batch.x.shape[1], list(parameters.values()))
        loss = objective.loss(outputs, batch.target)
        return Credit(loss, objective.scores(outputs), dict(zip(parameters, found, strict=True)), None)
