"""Covariance learning on spikes: what two neurons do together, beyond what each does on average."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from ..neurons import InvalidValue, parameter
from .bounds import Bounds, Unbounded, potentiate
from .local import SynapticRule

__all__ = ["Covariance", "CovarianceStep", "PostActivity", "PreActivity"]


class PreActivity(NamedTuple):
    """x: present rate of presynaptic arrivals; mean: their usual rate; Hz."""

    x: Any
    mean: Any


class PostActivity(NamedTuple):
    """y: present rate of postsynaptic spikes; mean: their usual rate; Hz."""

    y: Any
    mean: Any


class CovarianceStep(NamedTuple):
    """Coefficients of `Covariance`."""

    learning_rate: Any
    keep: Any
    jump: Any
    mean_jump: Any
    bounds: Any

    def on_pre(self, weight: Any, pre: PreActivity, post: PostActivity) -> Any:
        return potentiate(self.bounds, self.keep * weight, self.learning_rate * (post.y - post.mean))

    def on_post(self, weight: Any, pre: PreActivity, post: PostActivity) -> Any:
        return potentiate(self.bounds, self.keep * weight, self.learning_rate * (pre.x - pre.mean))

    def spike_pre(self, pre: PreActivity) -> PreActivity:
        return PreActivity(pre.x + self.jump, pre.mean + self.mean_jump)

    def spike_post(self, post: PostActivity) -> PostActivity:
        return PostActivity(post.y + self.jump, post.mean + self.mean_jump)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Covariance(SynapticRule):
    """Weights follow the covariance of the two neurons' rates; a negative learning rate is anti-Hebbian.

        present rates x, y: traces in Hz with time constant tau; usual rates X, Y: the same with tau_mean
        a presynaptic spike arrives:   w <- (1 - decay) w + learning_rate (y - Y)
        the postsynaptic neuron fires: w <- (1 - decay) w + learning_rate (x - X)

    For stationary trains of rates r, s this is on average dw/dt = learning_rate c - decay (r + s) w. Here c is the area under
    the trains' cross-covariance, weighted by exp(-|lag| / tau) / tau less the same with tau_mean: what varies together within
    tau, faster than tau_mean, whatever the rates themselves are. Nothing depends on which neuron is which: without delays, the
    synapses between two neurons change alike in both directions (but for one decay of what is added in a step in which both
    fire).

    Parameters   tau             of the present rates, ms, > 0
                 tau_mean        of the usual rates, ms, > tau
                 learning_rate   units of the weight per Hz
                 decay           part of the weight lost at each spike of either neuron, in [0, 1]
                 bounds          of the weight; default none, for weights of both signs
    State        weight per synapse; x and its mean per presynaptic neuron and delay; y and its mean per postsynaptic neuron, Hz
    Raises       InvalidValue for a field outside its range, or tau_mean <= tau
    Source       Sejnowski 1977, doi:10.1007/BF00275079 (covariance of discharges; in continuous time, of rates)
    Deviations   ours: spikes, the decay, and means that are traces. These start at 0: for a few tau_mean after the start of
                 a run rates look unusually high, and weights move by about learning_rate r s tau_mean
    """

    tau: float = parameter(30.0, "ms", above=0.0)
    tau_mean: float = parameter(1000.0, "ms", above=0.0)
    learning_rate: float = parameter(1e-5, "units of weight / Hz")
    decay: float = parameter(1e-4, "1", at_least=0.0, at_most=1.0)
    bounds: Bounds = dataclasses.field(default_factory=Unbounded)

    def check(self) -> None:
        if self.tau_mean <= self.tau:
            raise InvalidValue("Covariance.tau_mean", self.tau_mean, f"> tau = {self.tau:g} ms")

    def discretise(self, dt: float) -> CovarianceStep:
        return CovarianceStep(
            self.learning_rate, 1.0 - self.decay, 1e3 / self.tau, 1e3 / self.tau_mean, self.bounds.discretise()
        )

    def pre_traces(self) -> PreActivity:
        return PreActivity(self.tau, self.tau_mean)

    def post_traces(self) -> PostActivity:
        return PostActivity(self.tau, self.tau_mean)
