"""The forward-forward rule: every layer learns by itself to tell inputs with their right label from those with a wrong one."""

from __future__ import annotations

import dataclasses
import math

import torch
from torch import Tensor
from torch.nn import functional

from ..neurons.errors import InvalidValue
from ..neurons.goodness import Goodness
from ..neurons.randomness import check_seed, setup_generator
from .credit import Batch, Credit, LayeredNetwork, trainable
from .objective import class_numbers

__all__ = ["ForwardForward"]

_WRONG = 231  # stream of wrong labels


@dataclasses.dataclass(frozen=True, kw_only=True)
class ForwardForward:
    """Each layer's goodness is to exceed a threshold for the right label and to stay below it for a wrong one.

        loss_k = mean_batch softplus(threshold - goodness_k(right)) + softplus(goodness_k(wrong) - threshold)
        dL/dW_k := dloss_k/dW_k,   what the layer is given held;  the wrong label is drawn for each sample and batch

    It trains networks of one layer `Goodness`, which holds the stack. No layer sends anything backward.

    Parameters   threshold   of the mean square of a layer's activities, > 0
                 seed        of the wrong labels, which are a pure function of the seed and the number of batches so far
    Factors      presynaptic activity; postsynaptic activity; third: one number for each layer and sample, from its goodness
    State        how many batches there were
    Reports      loss: the sum over layers of the rule's own loss. Scores are NaN, and so is the accuracy in training: all
                 classes would have to be tried, which takes longer than learning. `evaluate` tries them
    Raises       InvalidValue for a network that is not one layer Goodness
    Source       Hinton 2022, arXiv 2212.13345, the supervised form
    Deviations   those of `Goodness`; wrong labels are uniform, where the source prefers those that the network takes for right
    """

    threshold: float = 2.0
    seed: int = 0

    def __post_init__(self) -> None:
        threshold = self.threshold
        if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0.0 < threshold < math.inf:
            raise InvalidValue("ForwardForward.threshold", threshold, "> 0 and finite")
        check_seed("ForwardForward.seed", self.seed)

    def init(self, network: LayeredNetwork) -> int:
        _stack(network)
        return 0

    def gradients(self, network: LayeredNetwork, batch: Batch, state: int) -> Credit:
        stack, parameters = _stack(network), trainable(network)
        classes, samples = stack.classes, batch.x.shape[1]
        right = class_numbers(batch.target, samples, classes)
        drawn = setup_generator(self.seed, _WRONG, state).integers(1, classes, samples)
        wrong = (right + torch.from_numpy(drawn).to(right.device)) % classes
        h = stack.first(batch.x, torch.stack([right, wrong]))
        losses = [self._loss(stack.goodness(h))]
        for k in range(1, len(stack.layers)):
            h = stack.above(k, h.detach())
            losses.append(self._loss(stack.goodness(h)))
        loss = torch.stack(losses).sum()
        found = torch.autograd.grad(loss, list(parameters.values()))
        scores = loss.new_full((samples, classes), math.nan)
        return Credit(loss.detach(), scores, dict(zip(parameters, found, strict=True)), state + 1)

    def _loss(self, goodness: Tensor) -> Tensor:
        right, wrong = goodness
        return (functional.softplus(self.threshold - right) + functional.softplus(wrong - self.threshold)).mean()


def _stack(network: LayeredNetwork) -> Goodness:
    layers = list(network.layers)
    if len(layers) != 1 or not isinstance(layers[0], Goodness):
        found = ", ".join(type(layer).__name__ for layer in layers)
        raise InvalidValue(
            "ForwardForward: layers", found, "one Goodness", "e.g. Feedforward([Goodness([784, 500, 500])])"
        )
    return layers[0]
