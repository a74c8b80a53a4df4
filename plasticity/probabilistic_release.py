"""Unreliable synapses: whether a spike is released is drawn, at each synapse by itself."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ..neurons import Distribution, InvalidValue, check_seed, parameter, setup_generator
from ..neurons.distribution import Sampler
from ..neurons.randomness import two_uniforms
from .fixed_weight import FixedWeight
from .local import Moment, SynapticRule, Weight, has_method, on_post, on_pre, spike_post, spike_pre

__all__ = ["ProbabilisticRelease", "ProbabilisticReleaseStep", "Releasing"]

_STREAM = 289  # of set-up randomness, and of the draws in the event loop

_NOT_WRAPPED = ("after_post", "after_pre", "consolidate", "decay", "transmit", "transmitted", "weight_of")


class Releasing(NamedTuple):
    """What a synapse holds: its weight, its number among the link's synapses (int64), and the amplitude of its quantum."""

    weight: Any
    number: Any
    amplitude: Any


class ProbabilisticReleaseStep(NamedTuple):
    """Coefficients of `ProbabilisticRelease`."""

    rule: Any
    release: Any
    nothing: Any
    seed: int

    def transmitted(self, synapse: Releasing, pre: Any, moment: Moment) -> Any:
        drawn, _ = two_uniforms(self.seed, _STREAM, synapse.number, moment.step)
        return synapse.weight * synapse.amplitude if drawn < self.release else self.nothing

    def after_pre(self, synapse: Releasing, pre: Any, post: Any, moment: Moment) -> Releasing:
        return Releasing(on_pre(self.rule, synapse.weight, pre, post), synapse.number, synapse.amplitude)

    def after_post(self, synapse: Releasing, pre: Any, post: Any, moment: Moment) -> Releasing:
        return Releasing(on_post(self.rule, synapse.weight, pre, post), synapse.number, synapse.amplitude)

    def spike_pre(self, pre: Any) -> Any:
        return spike_pre(self.rule, pre)

    def spike_post(self, post: Any) -> Any:
        return spike_post(self.rule, post)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ProbabilisticRelease(SynapticRule):
    """Each arriving spike is released at each synapse by itself, with one probability; a release delivers w Q, else nothing.

        delivered = phi Q w,   phi ~ Bernoulli(release) for every arrival and synapse,   Q drawn once for a synapse

    Synapses that all receive a spike deliver release sum(Q w) on average, with a variance of
    release (1 - release) sum((Q w)^2). A threshold unit behind them is Levy & Baxter's neuron; its quanta vary, for which
    `amplitude=uniform(0.0, 2.0)`, of mean 1, is our choice. `optimal_failure_rate` is their 1 - release.

    How a weight changes is the business of `rule`, which sees every arrival, whether released or not.

    A draw is a pure function of (key of the link, number of the synapse in canonical order, step of the arrival); a neuron
    fires once in a step at most, so no two arrivals at a synapse share one. Threads, stretches, resuming and recording
    change none of them. The key is a function of the network's seed, the place in the network of the link's first
    projection, and `seed`: projections that share this object draw apart, and another `seed` redraws the releases and
    amplitudes of a network whose wiring and noise stay.

    Parameters   release     probability, in (0, 1]
                 amplitude   Q: a number >= 0, or a Distribution, of which each synapse has one draw
                 rule        what changes the weight: any that holds nothing but a weight and lets it act as it is, e.g. STDP()
                 seed        a whole number from 0 to 2**63 - 1
    State        weight, number (int64 in every precision) and amplitude per synapse; traces of `rule`
    Raises       InvalidValue for a field outside its range, for draws of the amplitude below 0 or not finite (when the state
                 is made), for a rule that wraps another (Deferred, RewardModulated) or decides what is delivered
                 (TsodyksMarkram)
    Source       Levy & Baxter 2002, doi:10.1523/JNEUROSCI.22-11-04746.2002
    Deviations   one probability for a projection; Q varies between synapses, not between the releases of one; at most one
                 quantum per arrival; the defaults are ours; in single precision `release` is rounded to 24 bits
    """

    release: float = parameter(0.5, "1", above=0.0, at_most=1.0)
    amplitude: float | Distribution = parameter(1.0, "1", at_least=0.0)
    rule: SynapticRule = dataclasses.field(default_factory=FixedWeight)
    seed: int = 0

    def check(self) -> None:
        check_seed("ProbabilisticRelease.seed", self.seed)
        if np.ndim(self.amplitude) > 0:  # type: ignore[arg-type]
            fix = "the order of a link's synapses is the network's own"
            raise InvalidValue("ProbabilisticRelease.amplitude", self.amplitude, "a number or a Distribution", fix)
        step, more = self.rule.discretise(1.0), not isinstance(self.rule.initial_synapse(np.zeros(0)), Weight)
        if more or any(has_method(step, name) for name in _NOT_WRAPPED):
            legal = "a rule that holds nothing but a weight, and delivers it as it is"
            raise InvalidValue("ProbabilisticRelease.rule", self.rule, legal, "e.g. STDP()")

    def check_weight(self, field: str, weight: Any) -> None:
        self.rule.check_weight(field, weight)

    def for_link(self, key: int) -> Self:
        """The same with a seed of the link's own."""
        return dataclasses.replace(self, seed=int(setup_generator(key, _STREAM, self.seed).integers(2**63)))

    def discretise(self, dt: float) -> ProbabilisticReleaseStep:
        return ProbabilisticReleaseStep(self.rule.discretise(dt), float(self.release), 0.0, int(self.seed))

    def pre_traces(self) -> Any:
        return self.rule.pre_traces()

    def post_traces(self) -> Any:
        return self.rule.post_traces()

    def initial_synapse(self, weight: NDArray[Any]) -> Releasing:
        """Numbers as they stand, and an amplitude for each."""
        n = len(weight)
        amplitude = np.broadcast_to(Sampler(setup_generator(self.seed, _STREAM), n)(self.amplitude), (n,))
        bad = ~np.isfinite(amplitude) | (amplitude < 0.0)
        if bad.any():
            fix = "give it bounds, e.g. normal(1.0, 0.5).clip(low=0.0)"
            raise InvalidValue(
                "ProbabilisticRelease.amplitude", f"a draw of {amplitude[bad][0]}", "finite and >= 0", fix
            )
        return Releasing(weight, np.arange(n, dtype=np.int64), amplitude.astype(weight.dtype))
