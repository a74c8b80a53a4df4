"""Changes that are collected, and move the weights now and then."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..neurons import parameter, steps_in
from .bounds import Bounds, HardBounds, Unbounded, potentiate
from .local import Moment, SynapticRule, check_inner, on_post, on_pre, spike_post, spike_pre
from .stdp import STDP

__all__ = ["Collected", "Deferred", "DeferredStep"]


class Collected(NamedTuple):
    """weight: as it acts; change: what has been collected since. Units of the weight, shape (synapses,)."""

    weight: Any
    change: Any


class DeferredStep(NamedTuple):
    """Coefficients of `Deferred`."""

    rule: Any
    bounds: Any
    nothing: Any
    drift: Any
    keep: Any

    def transmitted(self, synapse: Collected, pre: Any, moment: Moment) -> Any:
        return synapse.weight

    def after_pre(self, synapse: Collected, pre: Any, post: Any, moment: Moment) -> Collected:
        return Collected(synapse.weight, synapse.change + on_pre(self.rule, self.nothing, pre, post))

    def after_post(self, synapse: Collected, pre: Any, post: Any, moment: Moment) -> Collected:
        return Collected(synapse.weight, synapse.change + on_post(self.rule, self.nothing, pre, post))

    def consolidate(self, synapse: Collected, moment: Moment) -> Collected:
        weight = potentiate(self.bounds, synapse.weight, self.drift + synapse.change)
        return Collected(weight, synapse.change * self.keep)

    def spike_pre(self, pre: Any) -> Any:
        return spike_pre(self.rule, pre)

    def spike_post(self, post: Any) -> Any:
        return spike_post(self.rule, post)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Deferred(SynapticRule):
    """A rule's changes are collected, and every `every` ms the weight takes a step of drift + change; a part is kept.

        every `every` ms:  w <- up(w, drift + change);  change <- keep change

    Parameters   rule     a rule with bounds=Unbounded()
                 every    ms, > 0, a multiple of dt
                 drift    units of the weight: what keeps silent synapses alive
                 keep     in [0, 1]: the part of the change that goes on acting
                 bounds   of the weight
    State        weight and change per synapse; traces of `rule`
    Raises       InvalidValue for a rule with bounds, without any, or that wraps another
    Source       Izhikevich 2006, doi:10.1162/089976606775093882 (its published program)
    Deviations   none
    """

    rule: SynapticRule = dataclasses.field(default_factory=lambda: STDP(bounds=Unbounded()))
    every: float = parameter(1000.0, "ms", above=0.0)
    drift: float = parameter(0.01, "units of weight")
    keep: float = parameter(0.9, "1", at_least=0.0, at_most=1.0)
    bounds: Bounds = dataclasses.field(default_factory=lambda: HardBounds(high=10.0))

    def check(self) -> None:
        check_inner("Deferred.rule", self.rule)

    def discretise(self, dt: float) -> DeferredStep:
        return DeferredStep(self.rule.discretise(dt), self.bounds.discretise(), 0.0, self.drift, self.keep)

    def pre_traces(self) -> Any:
        return self.rule.pre_traces()

    def post_traces(self) -> Any:
        return self.rule.post_traces()

    def initial_synapse(self, weight: NDArray[Any]) -> Collected:
        """Nothing collected yet."""
        return Collected(weight, np.zeros_like(weight))

    def consolidate_every(self, dt: float) -> int:
        """Steps of `dt` ms between steps of the weights."""
        return steps_in("Deferred.every", self.every, dt)
