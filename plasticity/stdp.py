"""Spike-timing dependent plasticity of pairs."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from ..neurons import parameter
from .bounds import Bounds, HardBounds, depress, potentiate
from .local import SynapticRule
from .pairing import EveryPair, Pairing, jump

__all__ = ["STDP", "PostTrace", "PreTrace", "STDPStep"]


class PreTrace(NamedTuple):
    """x: what is left of the presynaptic spikes that arrived."""

    x: Any


class PostTrace(NamedTuple):
    """y: what is left of the postsynaptic spikes."""

    y: Any


class STDPStep(NamedTuple):
    """Coefficients of `STDP`."""

    potentiation: Any
    depression: Any
    bounds: Any
    pairing: Any

    def on_pre(self, weight: Any, pre: PreTrace, post: PostTrace) -> Any:
        return depress(self.bounds, weight, self.depression * post.y)

    def on_post(self, weight: Any, pre: PreTrace, post: PostTrace) -> Any:
        return potentiate(self.bounds, weight, self.potentiation * pre.x)

    def spike_pre(self, pre: PreTrace) -> PreTrace:
        return PreTrace(jump(self.pairing, pre.x))

    def spike_post(self, post: PostTrace) -> PostTrace:
        return PostTrace(jump(self.pairing, post.y))


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class STDP(SynapticRule):
    """Pre before post potentiates, post before pre depresses.

        tau_plus dx/dt = -x,  tau_minus dy/dt = -y
        a presynaptic spike arrives:  w <- down(w, depression y);   then x jumps
        the postsynaptic neuron fires: w <- up(w, potentiation x);   then y jumps

    Parameters   tau_plus, tau_minus   time constants of the traces x and y, ms, > 0
                 potentiation          change for a pair at zero lag, units of the weight
                 depression            the same, >= 0 to depress
                 bounds                HardBounds (additive), SoftBounds (multiplicative), PowerBounds or Unbounded
                 pairing               EveryPair (all-to-all) or NearestPair
    State        weight per synapse; x per presynaptic neuron and delay; y per postsynaptic neuron
    Raises       InvalidValue for a field outside its range
    Source       Song, Miller & Abbott 2000, doi:10.1038/78829; Morrison, Diesmann & Gerstner 2008,
                 doi:10.1007/s00422-008-0233-1
    Deviations   an arriving spike delivers the weight as it was before its own depression; when both happen in one step,
                 the arrival comes first
    """

    tau_plus: float = parameter(20.0, "ms", above=0.0)
    tau_minus: float = parameter(20.0, "ms", above=0.0)
    potentiation: float = parameter(0.01, "units of weight")
    depression: float = parameter(0.0105, "units of weight")
    bounds: Bounds = dataclasses.field(default_factory=HardBounds)
    pairing: Pairing = dataclasses.field(default_factory=EveryPair)

    def discretise(self, dt: float) -> STDPStep:
        return STDPStep(self.potentiation, self.depression, self.bounds.discretise(), self.pairing.discretise())

    def pre_traces(self) -> PreTrace:
        return PreTrace(self.tau_plus)

    def post_traces(self) -> PostTrace:
        return PostTrace(self.tau_minus)
