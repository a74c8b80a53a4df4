"""What a rule for synapses inside the event loop is: traces, and what a spike on either side does.

A rule is parameters with three small functions, and a NamedTuple of coefficients, its step, whose methods are the rule:

    discretise(dt) -> step
    pre_traces() / post_traces()         NamedTuples of time constants (ms): a trace each, which decays exponentially

    step.on_pre(weight, pre, post) -> weight     a presynaptic spike arrives; traces as they are just before it
    step.on_post(weight, pre, post) -> weight    the postsynaptic neuron fires; traces as they are just before it
    step.spike_pre(pre) -> pre                   what the arriving spike does to the presynaptic traces
    step.spike_post(post) -> post                what the neuron's own spike does to its traces

They are arithmetic on numbers. Two more methods are for rules that need them: `decay(pre, steps) -> pre` in place of
exponential decay, and `transmit(weight, pre) -> amount`, what an arriving spike delivers (default: the weight).

Time at a synapse is the time of arrival: a presynaptic spike counts from when it has travelled its delay. Within a step
arrivals come first, then postsynaptic spikes. A spike delivers the weight as it is before the spike's own change.

A rule whose synapses hold more than a weight (an eligibility) says so in `initial_synapse`, and its step has the methods
`after_pre`, `after_post`, `transmitted` and `weight_of` over that state instead. A rule that draws numbers is given a key of
its link's own by `for_link`, and a draw is a function of that key, the synapse and `Moment.step`.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload
from numpy.typing import NDArray

from ..neurons import InvalidValue, Parameters
from ..neurons.model import method_of
from .bounds import Bounds, Unbounded
from .pairing import Pairing

__all__ = [
    "Moment", "NoTraces", "SynapticRule", "Weight", "after_post", "after_pre", "check_inner", "consolidate", "fade",
    "has_method", "on_post", "on_pre", "spike_post", "spike_pre", "transmitted", "weight_of",
]  # fmt: skip


class Weight(NamedTuple):
    """What most synapses hold: a weight."""

    weight: Any


class NoTraces(NamedTuple):
    """The traces of a rule that needs none on this side."""


class Moment(NamedTuple):
    """What a rule whose synapses hold more than a weight is told about the time of an event.

    integral   of modulator(s) exp(-(s - begun) / tau_eligibility) from `begun` to now, ms times the modulator's unit
    growth     exp((now - begun) / tau_eligibility)
    step       on the network's clock
    """

    integral: float
    growth: float
    step: int


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class SynapticRule(Parameters):
    """Base of rules that change synapses in the event loop.

    Fields called `bounds`, `pairing` and `rule` hold a Bounds, a Pairing and a SynapticRule.
    """

    def __post_init__(self) -> None:
        kinds = {"bounds": (Bounds, "HardBounds()"), "pairing": (Pairing, "EveryPair()"), "rule": (SynapticRule, "STDP()")}
        for name, (kind, example) in kinds.items():
            part: Any = getattr(self, name, None)
            if name in {field.name for field in dataclasses.fields(self)} and not isinstance(part, kind):
                meant = isinstance(part, type) and issubclass(part, kind)
                fix = f"make one: {part.__name__}()" if meant else f"e.g. {example}"
                raise InvalidValue(f"{type(self).__name__}.{name}", part, f"a {kind.__name__}", fix)
        super().__post_init__()

    def check_weight(self, field: str, weight: Any) -> None:
        """Refuse weights to start with, a number or an array, that lie outside the bounds; raises InvalidValue."""
        bounds = getattr(self, "bounds", None)
        if isinstance(bounds, Bounds):
            bounds.check_weight(field, weight)

    def for_link(self, key: int) -> SynapticRule:
        """The rule as one link of a network has it: with `key` (0 to 2**63 - 1), the link's own, if it draws numbers."""
        return self

    def discretise(self, dt: float) -> Any:
        """The step of this rule at `dt` ms."""
        raise NotImplementedError

    def pre_traces(self) -> Any:
        """Time constants of the presynaptic traces, ms: a NamedTuple."""
        return NoTraces()

    def post_traces(self) -> Any:
        """Time constants of the postsynaptic traces, ms: a NamedTuple."""
        return NoTraces()

    def initial_synapse(self, weight: NDArray[Any]) -> Any:
        """What each synapse holds, a NamedTuple of arrays (synapses,), from the weights at the start."""
        return Weight(weight)

    def weights(self, synapse: Any, integral: float | NDArray[Any]) -> NDArray[Any]:
        """The weights (synapses,) in what synapses hold; `integral` is that of `Moment`, for each of them."""
        weight: NDArray[Any] = np.asarray(synapse.weight)
        return weight

    @property
    def tau_eligibility(self) -> float | None:
        """Time constant of the eligibility, ms, if a modulator turns it into weight changes; else None."""
        return None

    def consolidate_every(self, dt: float) -> int:
        """Steps of `dt` ms between calls of the step's `consolidate(synapse, moment) -> synapse`; 0 for never."""
        return 0


def check_inner(field: str, rule: SynapticRule) -> None:
    """Refuse a rule that cannot give its changes to another one, which is asked for them at a weight of 0.

    Raises       InvalidValue unless it has no bounds, and holds nothing but a weight
    """
    bounds, legal = getattr(rule, "bounds", None), "a rule with bounds=Unbounded()"
    if isinstance(bounds, Bounds) and not isinstance(bounds, Unbounded):
        raise InvalidValue(field, rule, legal, "bound the weight here")
    if bounds is None:
        fix = "one without bounds changes weights by what they are; e.g. STDP(bounds=Unbounded())"
        raise InvalidValue(field, rule, legal, fix)
    if not isinstance(rule.initial_synapse(np.zeros(0)), Weight):
        raise InvalidValue(field, rule, f"{legal} that wraps no other", "give it the inner rule, e.g. STDP(bounds=Unbounded())")


def has_method(step: Any, name: str) -> bool:
    """Whether the step's class, known by its Numba type, has this method."""
    return hasattr(getattr(step, "instance_class", type(step)), name)


def on_pre(step: Any, weight: Any, pre: Any, post: Any) -> Any:
    """`step.on_pre(weight, pre, post)`, in compiled code too."""
    return step.on_pre(weight, pre, post)


@overload(on_pre)
def _on_pre(step, weight, pre, post):  # type: ignore[no-untyped-def]
    method = method_of(step, "on_pre")
    return lambda step, weight, pre, post: method(step, weight, pre, post)


def on_post(step: Any, weight: Any, pre: Any, post: Any) -> Any:
    """`step.on_post(weight, pre, post)`, in compiled code too."""
    return step.on_post(weight, pre, post)


@overload(on_post)
def _on_post(step, weight, pre, post):  # type: ignore[no-untyped-def]
    method = method_of(step, "on_post")
    return lambda step, weight, pre, post: method(step, weight, pre, post)


def spike_pre(step: Any, pre: Any) -> Any:
    """`step.spike_pre(pre)`, in compiled code too."""
    return step.spike_pre(pre)


@overload(spike_pre)
def _spike_pre(step, pre):  # type: ignore[no-untyped-def]
    method = method_of(step, "spike_pre")
    return lambda step, pre: method(step, pre)


def spike_post(step: Any, post: Any) -> Any:
    """`step.spike_post(post)`, in compiled code too."""
    return step.spike_post(post)


@overload(spike_post)
def _spike_post(step, post):  # type: ignore[no-untyped-def]
    method = method_of(step, "spike_post")
    return lambda step, post: method(step, post)


def fade(step: Any, pre: Any, steps: Any) -> Any:
    """`step.decay(pre, steps)`, in compiled code too."""
    return step.decay(pre, steps)


@overload(fade)
def _fade(step, pre, steps):  # type: ignore[no-untyped-def]
    method = method_of(step, "decay")
    return lambda step, pre, steps: method(step, pre, steps)


def after_pre(step: Any, synapse: Any, pre: Any, post: Any, moment: Moment) -> Any:
    """What the synapse holds after an arrival."""
    if has_method(step, "after_pre"):
        return step.after_pre(synapse, pre, post, moment)
    return Weight(step.on_pre(synapse.weight, pre, post))


@overload(after_pre)
def _after_pre(step, synapse, pre, post, moment):  # type: ignore[no-untyped-def]
    if has_method(step, "after_pre"):
        method = method_of(step, "after_pre")
        return lambda step, synapse, pre, post, moment: method(step, synapse, pre, post, moment)
    return lambda step, synapse, pre, post, moment: Weight(on_pre(step, synapse.weight, pre, post))


def after_post(step: Any, synapse: Any, pre: Any, post: Any, moment: Moment) -> Any:
    """What the synapse holds after a postsynaptic spike."""
    if has_method(step, "after_post"):
        return step.after_post(synapse, pre, post, moment)
    return Weight(step.on_post(synapse.weight, pre, post))


@overload(after_post)
def _after_post(step, synapse, pre, post, moment):  # type: ignore[no-untyped-def]
    if has_method(step, "after_post"):
        method = method_of(step, "after_post")
        return lambda step, synapse, pre, post, moment: method(step, synapse, pre, post, moment)
    return lambda step, synapse, pre, post, moment: Weight(on_post(step, synapse.weight, pre, post))


def transmitted(step: Any, synapse: Any, pre: Any, moment: Moment) -> Any:
    """What a spike delivers that arrives now."""
    if has_method(step, "transmitted"):
        return step.transmitted(synapse, pre, moment)
    return step.transmit(synapse.weight, pre) if has_method(step, "transmit") else synapse.weight


@overload(transmitted)
def _transmitted(step, synapse, pre, moment):  # type: ignore[no-untyped-def]
    if has_method(step, "transmitted"):
        method = method_of(step, "transmitted")
        return lambda step, synapse, pre, moment: method(step, synapse, pre, moment)
    if has_method(step, "transmit"):
        method = method_of(step, "transmit")
        return lambda step, synapse, pre, moment: method(step, synapse.weight, pre)
    return lambda step, synapse, pre, moment: synapse.weight


def weight_of(step: Any, synapse: Any, moment: Moment) -> Any:
    """The weight of a synapse."""
    return step.weight_of(synapse, moment) if has_method(step, "weight_of") else synapse.weight


@overload(weight_of)
def _weight_of(step, synapse, moment):  # type: ignore[no-untyped-def]
    if has_method(step, "weight_of"):
        method = method_of(step, "weight_of")
        return lambda step, synapse, moment: method(step, synapse, moment)
    return lambda step, synapse, moment: synapse.weight


def consolidate(step: Any, synapse: Any, moment: Moment) -> Any:
    """What the synapse holds after a consolidation, if the rule has one."""
    return step.consolidate(synapse, moment) if has_method(step, "consolidate") else synapse


@overload(consolidate)
def _consolidate(step, synapse, moment):  # type: ignore[no-untyped-def]
    if has_method(step, "consolidate"):
        method = method_of(step, "consolidate")
        return lambda step, synapse, moment: method(step, synapse, moment)
    return lambda step, synapse, moment: synapse
