"""Inhibitory plasticity that balances excitation."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from ..neurons import parameter
from .bounds import Bounds, HardBounds, potentiate
from .local import SynapticRule
from .stdp import PostTrace, PreTrace

__all__ = ["InhibitorySTDP", "InhibitorySTDPStep"]


class InhibitorySTDPStep(NamedTuple):
    """Coefficients of `InhibitorySTDP`."""

    learning_rate: Any
    alpha: Any
    one: Any
    bounds: Any

    def on_pre(self, weight: Any, pre: PreTrace, post: PostTrace) -> Any:
        return potentiate(self.bounds, weight, self.learning_rate * (post.y - self.alpha))

    def on_post(self, weight: Any, pre: PreTrace, post: PostTrace) -> Any:
        return potentiate(self.bounds, weight, self.learning_rate * pre.x)

    def spike_pre(self, pre: PreTrace) -> PreTrace:
        return PreTrace(pre.x + self.one)

    def spike_post(self, post: PostTrace) -> PostTrace:
        return PostTrace(post.y + self.one)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class InhibitorySTDP(SynapticRule):
    """Near-coincident spikes of either order strengthen, every presynaptic spike weakens: the neuron is held at a rate.

        arrival: w <- w + learning_rate (y - 2 rate tau);  postsynaptic spike: w <- w + learning_rate x
        tau dx/dt = -x, tau dy/dt = -y, each spike adds 1

    Parameters   tau             of both traces, ms, > 0
                 rate            that the postsynaptic neuron is driven to, Hz, >= 0
                 learning_rate   units of the weight, >= 0
                 bounds          of the weight, which is a size: give the synapse its sign by its kind (a `Conductance` with
                                 an inhibitory reversal potential), or negative bounds and learning_rate
    State        weight per synapse; x per presynaptic neuron and delay; y per postsynaptic neuron
    Raises       InvalidValue for a field outside its range
    Source       Vogels, Sprekeler, Zenke, Clopath & Gerstner 2011, doi:10.1126/science.1211095
    Deviations   an arriving spike delivers the weight as it was before its own change; the published program delivers the
                 new one
    """

    tau: float = parameter(20.0, "ms", above=0.0)
    rate: float = parameter(3.0, "Hz", at_least=0.0)
    learning_rate: float = parameter(0.01, "units of weight")
    bounds: Bounds = dataclasses.field(default_factory=lambda: HardBounds(high=100.0))

    def discretise(self, dt: float) -> InhibitorySTDPStep:
        alpha = 2.0 * self.rate * 1e-3 * self.tau
        return InhibitorySTDPStep(self.learning_rate, alpha, 1.0, self.bounds.discretise())

    def pre_traces(self) -> PreTrace:
        return PreTrace(self.tau)

    def post_traces(self) -> PostTrace:
        return PostTrace(self.tau)
