"""What changes gradients between a rule and the optimiser, or weights after its step; and how modifiers are chained to a rule.

rule = chain(CounterCurrent(), Centralise(), Clip(1.0))
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from torch import Tensor, nn

from ..neurons.errors import InvalidValue
from .credit import Batch, Credit, CreditRule, LayeredNetwork, learned_by, settle
from .factors import Factors, recorded

__all__ = ["Chain", "FinishedTask", "Modifier", "chain"]


class FinishedTask(NamedTuple):
    """A task that was learned, for modifiers that keep something of it.

    network     as it is now, in evaluation mode
    batches     of the task's training samples, as many as the caller cares to show
    gradients   from a batch to gradients by name, as the rule gives them before any modifier
    """

    network: LayeredNetwork
    batches: Sequence[Batch]
    gradients: Callable[[Batch], dict[str, Tensor]]


class Modifier:
    """Base of modifiers: frozen dataclasses that override what they need. State is passed in and out.

    Gradients and weights are given by name: the network's, and those that the rule itself learns, as "rule.NAME".
    """

    reads_activity: ClassVar[bool] = False
    """Whether `update` is to be given the factors of the gradients; writing them down takes time and memory."""

    def init(self, weights: Mapping[str, Tensor]) -> Any:
        """The modifier's state before the first batch. Refuses weights that it cannot keep to its law."""
        return None

    def update(
        self,
        gradients: dict[str, Tensor],
        state: Any,
        *,
        weights: Mapping[str, Tensor],
        activity: Mapping[str, Factors],
    ) -> tuple[dict[str, Tensor], Any]:
        """Gradients for the optimiser, and the state to go on; neither argument is changed in place.

        activity   presynaptic activity and error behind the gradients that the rule gave, by the weight's name; empty unless
                   `reads_activity`. A gradient that a modifier before this one has changed is no longer their product
        """
        return gradients, state

    def settle(self, weights: Mapping[str, Tensor], state: Any) -> Any:
        """After the optimiser's step: bring the weights, in place, to what must hold exactly. Returns the state to go on."""
        return state

    def end_task(self, task: FinishedTask, state: Any) -> Any:
        """After the last batch of a task, before the first of the next: keep what must not be forgotten. Returns the state."""
        return state


@dataclasses.dataclass(frozen=True)
class Chain:
    """A rule whose gradients pass through modifiers, one after the other: a rule itself. Made by `chain`.

    Parameters   rule        of credit assignment
                 modifiers   in the order in which they are applied
    State        (the rule's, one for each modifier)
    """

    rule: CreditRule
    modifiers: tuple[Modifier, ...]

    def init(self, network: LayeredNetwork) -> tuple[Any, list[Any]]:
        inner = self.rule.init(network)
        weights = self._weights(network, inner)
        return inner, [modifier.init(weights) for modifier in self.modifiers]

    def gradients(self, network: LayeredNetwork, batch: Batch, state: tuple[Any, list[Any]]) -> Credit:
        self._check_state(state)
        asked = any(modifier.reads_activity for modifier in self.modifiers)
        with recorded(network) if asked else contextlib.nullcontext() as record:
            credit = self.rule.gradients(network, batch, state[0])
        factors = {} if record is None else record.factors()
        activity = {name: each._replace(gradient=credit.gradients.get(name)) for name, each in factors.items()}
        weights, gradients, states = self._weights(network, credit.state), credit.gradients, list(state[1])
        for k, modifier in enumerate(self.modifiers):
            gradients, states[k] = modifier.update(gradients, states[k], weights=weights, activity=activity)
        return credit._replace(gradients=gradients, state=(credit.state, states))

    def learned(self, state: tuple[Any, list[Any]]) -> nn.Module | None:
        return learned_by(self.rule, state[0])

    def settle(self, network: LayeredNetwork, state: tuple[Any, list[Any]]) -> tuple[Any, list[Any]]:
        inner = settle(self.rule, network, state[0])
        weights = self._weights(network, inner)
        return inner, [m.settle(weights, own) for m, own in zip(self.modifiers, state[1], strict=True)]

    def end_task(
        self, network: LayeredNetwork, batches: Sequence[Batch], state: tuple[Any, list[Any]]
    ) -> tuple[Any, list[Any]]:
        """The state with which the next task is learned: each modifier keeps what it needs of this one.

        Parameters   network   as the task left it, in evaluation mode
                     batches   of the task's training samples: all, or enough for the modifiers to know it by
                     state     at the end of the task, as in `Fitted.state`
        """
        self._check_state(state)
        inner, states = state
        task = FinishedTask(network, batches, lambda batch: self.rule.gradients(network, batch, inner).gradients)
        return inner, [m.end_task(task, own) for m, own in zip(self.modifiers, states, strict=True)]

    def _check_state(self, state: Any) -> None:
        ours = isinstance(state, tuple) and len(state) == 2 and isinstance(state[1], list)
        if not ours or len(state[1]) != len(self.modifiers):
            legal = f"of a chain of {len(self.modifiers)} modifiers"
            raise InvalidValue(
                "state", f"{type(state).__name__} of another rule", legal, "that of `init`, or of the same rule"
            )

    def _weights(self, network: LayeredNetwork, inner: Any) -> dict[str, Tensor]:
        weights = {name: value for name, value in network.named_parameters() if value.requires_grad}
        own = learned_by(self.rule, inner)
        return weights if own is None else weights | {f"rule.{name}": value for name, value in own.named_parameters()}


def chain(rule: CreditRule, *modifiers: Modifier) -> Chain:
    """The rule with its gradients changed by these modifiers, in this order. Raises InvalidValue for what is none."""
    for k, modifier in enumerate(modifiers):
        if not isinstance(modifier, Modifier):
            raise InvalidValue(f"chain: modifiers[{k}]", modifier, "a modifier", "e.g. Clip(1.0)")
    if not (hasattr(rule, "init") and hasattr(rule, "gradients")):
        raise InvalidValue("chain: rule", rule, "a rule of credit assignment", "e.g. BPTT()")
    return Chain(rule, modifiers)
