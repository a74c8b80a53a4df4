"""What a rule of credit assignment is: from a network, a batch and its own state to gradients.

    state = rule.init(network)
    loss, scores, gradients, state = rule.gradients(network, Batch(x, target), state)

Rules return gradients and change nothing, so any two can be compared on the same network and batch, and only `fit` hands
gradients to an optimiser. Backprop is one rule among others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from torch import Tensor, nn

__all__ = [
    "AnytimeObjective",
    "Batch",
    "Credit",
    "CreditRule",
    "LayeredNetwork",
    "Objective",
    "StepwiseObjective",
    "learned_by",
    "settle",
    "trainable",
]


class Batch(NamedTuple):
    """x: (time, batch, features...); target: class numbers (batch,), or what the objective compares outputs with."""

    x: Tensor
    target: Tensor


class Credit(NamedTuple):
    """loss: scalar, detached; scores: (batch, classes), detached; gradients: by parameter name; state: the rule's, to go on.

    What the rule itself learns (see `learned_by`) has its gradients here too, as "rule.NAME".
    """

    loss: Tensor
    scores: Tensor
    gradients: dict[str, Tensor]
    state: Any


class Objective(Protocol):
    """What outputs (time, batch, n) are worth."""

    def scores(self, outputs: Tensor) -> Tensor:
        """(batch, n): the class with the largest is the network's answer."""
        ...

    def loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        """A scalar, to be made small."""
        ...


class StepwiseObjective(Objective, Protocol):
    """An objective whose loss is the mean over time of a loss at each step, which rules that run forward in time need."""

    def step_loss(self, output: Tensor, target: Tensor, t: int) -> Tensor:
        """The loss of the output (batch, n) at step t, a scalar."""
        ...


class AnytimeObjective(Objective, Protocol):
    """An objective that can tell at every step what the answer would be if the sequence ended there."""

    def so_far(self, outputs: Tensor, carry: Any = None) -> tuple[Tensor, Any]:
        """Scores at each step of all outputs up to it, (time, batch, n), and what the next piece goes on from.

        The largest at step t is the largest of `scores(outputs[: t + 1])`. Floats of 64 bits, so that pieces round as the whole
        does; tensors of the carry have the samples in dimension 0.
        """
        ...


class LayeredNetwork(Protocol):
    """What a rule needs of a network: its layers in order, its objective, and torch's names of its parameters."""

    @property
    def layers(self) -> nn.ModuleList: ...
    @property
    def objective(self) -> Any: ...
    @property
    def __call__(self) -> Callable[..., tuple[Tensor, Any]]: ...
    def named_parameters(self) -> Any: ...


class CreditRule(Protocol):
    """A rule of credit assignment: a frozen dataclass of its constants with these two methods, and two more if it needs them.

    learned(state) -> nn.Module | None    what the rule itself learns: a second network, say; `fit` optimises it too
    settle(network, state) -> state       called after each step of the optimiser
    """

    def init(self, network: LayeredNetwork) -> Any:
        """What the rule carries from batch to batch (feedback weights, say), or None. Refuses networks it cannot train."""
        ...

    def gradients(self, network: LayeredNetwork, batch: Batch, state: Any) -> Credit:
        """Loss, scores and the gradient of every trainable parameter that this rule reaches."""
        ...


def trainable(network: LayeredNetwork) -> Mapping[str, Tensor]:
    """Parameters that ask for a gradient, by name."""
    return {name: value for name, value in network.named_parameters() if value.requires_grad}


def learned_by(rule: CreditRule, state: Any) -> nn.Module | None:
    """What the rule itself learns, as a module in its state whose parameters an optimiser changes in place; None: nothing."""
    method = getattr(rule, "learned", None)
    return None if method is None else method(state)


def settle(rule: CreditRule, network: LayeredNetwork, state: Any) -> Any:
    """The rule's state after the optimiser's step; what must hold exactly of the weights now does."""
    method = getattr(rule, "settle", None)
    return state if method is None else method(network, state)
