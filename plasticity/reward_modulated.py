"""Three factors: spikes leave an eligibility, and a modulator turns it into weight."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..neurons import InvalidValue, parameter
from .bounds import Bounds, HardBounds, Unbounded, potentiate
from .local import Moment, SynapticRule, check_inner, on_post, on_pre, spike_post, spike_pre
from .stdp import STDP

__all__ = ["Eligible", "RewardModulated", "RewardModulatedStep"]

_EPOCH = 8.0  # time constants of the eligibility until all is counted anew: exp(8) costs four of sixteen digits


class Eligible(NamedTuple):
    """What a synapse holds: its weight at the modulator's integral K is base + eligibility K.

    eligibility   in the frame of the integral: e(t) exp((t - begun) / tau_eligibility), float64 in every precision
    """

    base: Any
    eligibility: Any


class RewardModulatedStep(NamedTuple):
    """Coefficients of `RewardModulated`."""

    rule: Any
    bounds: Any
    nothing: float

    def weight_of(self, synapse: Eligible, moment: Moment) -> Any:
        return potentiate(self.bounds, synapse.base + synapse.eligibility * moment.integral, self.nothing)

    def transmitted(self, synapse: Eligible, pre: Any, moment: Moment) -> Any:
        return potentiate(self.bounds, synapse.base + synapse.eligibility * moment.integral, self.nothing)

    def after_pre(self, synapse: Eligible, pre: Any, post: Any, moment: Moment) -> Eligible:
        weight = potentiate(self.bounds, synapse.base + synapse.eligibility * moment.integral, self.nothing)
        eligibility = synapse.eligibility + on_pre(self.rule, self.nothing, pre, post) * moment.growth
        return Eligible(weight - eligibility * moment.integral, eligibility)

    def after_post(self, synapse: Eligible, pre: Any, post: Any, moment: Moment) -> Eligible:
        weight = potentiate(self.bounds, synapse.base + synapse.eligibility * moment.integral, self.nothing)
        eligibility = synapse.eligibility + on_post(self.rule, self.nothing, pre, post) * moment.growth
        return Eligible(weight - eligibility * moment.integral, eligibility)

    def consolidate(self, synapse: Eligible, moment: Moment) -> Eligible:
        weight = potentiate(self.bounds, synapse.base + synapse.eligibility * moment.integral, self.nothing)
        return Eligible(weight, synapse.eligibility / moment.growth)

    def spike_pre(self, pre: Any) -> Any:
        return spike_pre(self.rule, pre)

    def spike_post(self, post: Any) -> Any:
        return spike_post(self.rule, post)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class RewardModulated(SynapticRule):
    """A rule's changes go into an eligibility that decays; a modulator M, reward or error, turns it into weight.

        de/dt = -e / tau_eligibility + what `rule` would change;   dw/dt = M(t) e,   time in ms

    M is what the weight gains per ms and unit of eligibility: a level of 0.002 held for 200 ms
    turns an eligibility of 1 that lasts into 0.4.
    Between two events of a synapse its weight moves by e times the integral of M under the eligibility's decay, which is the
    difference of one running integral: the third factor costs nothing per synapse and step.

    Parameters   rule              a rule with bounds=Unbounded(), whose changes do not depend on the weight: STDP, TripletSTDP
                 tau_eligibility   ms, > 0
                 bounds            of the weight: HardBounds or Unbounded
    State        base and eligibility per synapse (float64); traces of `rule`; level and integral of the modulator
    Raises       InvalidValue for a rule with bounds, without any, or that wraps another; for soft bounds of the weight
    Source       Izhikevich 2007, doi:10.1093/cercor/bhl152; Frémaux & Gerstner 2016, doi:10.3389/fncir.2015.00085
    Deviations   M is held over a step; the bounds act when a synapse is touched by a spike, not between, so that a weight
                 which would have left and come back is not clipped; every weight that acts is inside
    """

    rule: SynapticRule = dataclasses.field(default_factory=lambda: STDP(bounds=Unbounded()))
    eligibility: float = parameter(1000.0, "ms", above=0.0)
    bounds: Bounds = dataclasses.field(default_factory=HardBounds)

    def check(self) -> None:
        check_inner("RewardModulated.rule", self.rule)
        if not isinstance(self.bounds, HardBounds | Unbounded):
            raise InvalidValue("RewardModulated.bounds", self.bounds, "HardBounds or Unbounded")

    def discretise(self, dt: float) -> RewardModulatedStep:
        return RewardModulatedStep(self.rule.discretise(dt), self.bounds.discretise(), 0.0)

    def pre_traces(self) -> Any:
        return self.rule.pre_traces()

    def post_traces(self) -> Any:
        return self.rule.post_traces()

    def initial_synapse(self, weight: NDArray[Any]) -> Eligible:
        """No eligibility."""
        return Eligible(weight.astype(np.float64), np.zeros(len(weight)))

    def weights(self, synapse: Eligible, integral: float | NDArray[Any]) -> NDArray[Any]:
        """base + eligibility K, within the bounds."""
        weight: NDArray[Any] = synapse.base + synapse.eligibility * integral
        return np.clip(weight, self.bounds.low, self.bounds.high) if isinstance(self.bounds, HardBounds) else weight

    @property
    def tau_eligibility(self) -> float:
        """Time constant of the eligibility, ms."""
        return self.eligibility

    def consolidate_every(self, dt: float) -> int:
        """Steps of `dt` ms after which the integral begins anew."""
        return max(1, math.floor(_EPOCH * self.eligibility / dt + 1e-6))
