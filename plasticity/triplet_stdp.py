"""Spike-timing dependent plasticity of triplets."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from ..neurons import parameter
from .bounds import Bounds, HardBounds, depress, potentiate
from .local import SynapticRule
from .pairing import EveryPair, Pairing, jump

__all__ = ["TripletPost", "TripletPre", "TripletSTDP", "TripletSTDPStep"]


class TripletPre(NamedTuple):
    """r1, r2: fast and slow trace of the presynaptic spikes that arrived."""

    r1: Any
    r2: Any


class TripletPost(NamedTuple):
    """o1, o2: fast and slow trace of the postsynaptic spikes."""

    o1: Any
    o2: Any


class TripletSTDPStep(NamedTuple):
    """Coefficients of `TripletSTDP`."""

    a2_plus: Any
    a3_plus: Any
    a2_minus: Any
    a3_minus: Any
    bounds: Any
    pairing: Any

    def on_pre(self, weight: Any, pre: TripletPre, post: TripletPost) -> Any:
        return depress(self.bounds, weight, post.o1 * (self.a2_minus + self.a3_minus * pre.r2))

    def on_post(self, weight: Any, pre: TripletPre, post: TripletPost) -> Any:
        return potentiate(self.bounds, weight, pre.r1 * (self.a2_plus + self.a3_plus * post.o2))

    def spike_pre(self, pre: TripletPre) -> TripletPre:
        return TripletPre(jump(self.pairing, pre.r1), jump(self.pairing, pre.r2))

    def spike_post(self, post: TripletPost) -> TripletPost:
        return TripletPost(jump(self.pairing, post.o1), jump(self.pairing, post.o2))


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class TripletSTDP(SynapticRule):
    """STDP in which a pair counts more when the neuron has fired before: it depends on rate as well as on timing.

        traces r1 (tau_plus), r2 (tau_x) of arrivals and o1 (tau_minus), o2 (tau_y) of postsynaptic spikes
        arrival: w <- down(w, o1 (a2_minus + a3_minus r2));  postsynaptic spike: w <- up(w, r1 (a2_plus + a3_plus o2))
        r2 and o2 are read before the spike's own jump

    Parameters   tau_plus, tau_minus, tau_x, tau_y      ms, > 0
                 a2_plus, a3_plus, a2_minus, a3_minus   units of the weight; the default is the minimal all-to-all set for
                                                        visual cortex
                 bounds     HardBounds, SoftBounds, PowerBounds or Unbounded
                 pairing    EveryPair or NearestPair; published parameters belong to one of them
    State        weight per synapse; r1, r2 per presynaptic neuron and delay; o1, o2 per postsynaptic neuron
    Raises       InvalidValue for a field outside its range
    Source       Pfister & Gerstner 2006, doi:10.1523/JNEUROSCI.1425-06.2006
    Deviations   as `STDP`
    """

    tau_plus: float = parameter(16.8, "ms", above=0.0)
    tau_minus: float = parameter(33.7, "ms", above=0.0)
    tau_x: float = parameter(101.0, "ms", above=0.0)
    tau_y: float = parameter(114.0, "ms", above=0.0)
    a2_plus: float = parameter(0.0, "units of weight")
    a3_plus: float = parameter(6.5e-3, "units of weight")
    a2_minus: float = parameter(7.1e-3, "units of weight")
    a3_minus: float = parameter(0.0, "units of weight")
    bounds: Bounds = dataclasses.field(default_factory=HardBounds)
    pairing: Pairing = dataclasses.field(default_factory=EveryPair)

    def discretise(self, dt: float) -> TripletSTDPStep:
        return TripletSTDPStep(
            self.a2_plus, self.a3_plus, self.a2_minus, self.a3_minus, self.bounds.discretise(), self.pairing.discretise()
        )

    def pre_traces(self) -> TripletPre:
        return TripletPre(self.tau_plus, self.tau_x)

    def post_traces(self) -> TripletPost:
        return TripletPost(self.tau_minus, self.tau_y)
