"""Izhikevich's two-variable neuron and its published types."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from .distribution import uniform
from .maths import Value, where
from .model import Neuron
from .parameters import parameter

__all__ = ["Izhikevich", "IzhikevichState", "IzhikevichStep"]


class IzhikevichState(NamedTuple):
    """v: membrane potential, mV; u: recovery variable, mV/ms. Shape (..., n)."""

    v: Value
    u: Value


class IzhikevichStep(NamedTuple):
    """Coefficients of `Izhikevich` at one dt; dt_half is the sub-step of v."""

    dt: Value
    dt_half: Value
    a: Value
    b: Value
    c: Value
    d: Value
    v_threshold: Value

    def integrate(self, state: IzhikevichState, current: Value) -> IzhikevichState:
        v = state.v + self.dt_half * (0.04 * (state.v * state.v) + 5.0 * state.v + 140.0 - state.u + current)
        v = v + self.dt_half * (0.04 * (v * v) + 5.0 * v + 140.0 - state.u + current)
        return IzhikevichState(v, state.u + self.dt * (self.a * (self.b * v - state.u)))

    def excess(self, state: IzhikevichState) -> Value:
        return state.v - self.v_threshold

    def reset(self, state: IzhikevichState, spiked: Value) -> IzhikevichState:
        return IzhikevichState(where(spiked, self.c, state.v), where(spiked, state.u + self.d, state.u))

    def receive(self, state: IzhikevichState, jump: Value) -> IzhikevichState:
        return IzhikevichState(state.v + jump, state.u)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Izhikevich(Neuron):
    """Izhikevich neuron: forward Euler, v in two sub-steps of dt/2, then u in one step of dt with the new v.

        dv/dt = 0.04 v^2 + 5 v + 140 - u + I;  du/dt = a (b v - u);  v >= v_threshold: spike, v <- c, u <- u + d

    Parameters   a             rate of recovery, 1/ms
                 b             sensitivity of u to v, 1/ms
                 c             potential after a spike, mV
                 d             jump of u at a spike, mV/ms
                 v_threshold   peak at which a spike is cut, mV
    State        v mV, u mV/ms; shape (..., n)
    Input        current in mV/ms (the 2003 paper's dimensionless I); a `Delta` synapse moves v by its weight in mV
    Raises       InvalidValue for a field that is not finite
    Source       Izhikevich 2003, IEEE Trans. Neural Networks 14(6), doi:10.1109/TNN.2003.820440
    Deviations   none at dt = 1 ms, the paper's own step; at dt > 1 ms the sub-steps may diverge
    """

    a: Value = parameter(0.02, "1/ms")
    b: Value = parameter(0.2, "1/ms")
    c: Value = parameter(-65.0, "mV")
    d: Value = parameter(8.0, "mV/ms")
    v_threshold: Value = parameter(30.0, "mV")

    @classmethod
    def regular_spiking(cls) -> Izhikevich:
        """RS: the commonest excitatory cell of cortex; fires, then adapts."""
        return cls(a=0.02, b=0.2, c=-65.0, d=8.0)

    @classmethod
    def intrinsically_bursting(cls) -> Izhikevich:
        """IB: a burst at the onset of a current, then single spikes."""
        return cls(a=0.02, b=0.2, c=-55.0, d=4.0)

    @classmethod
    def chattering(cls) -> Izhikevich:
        """CH: repeated bursts of closely spaced spikes."""
        return cls(a=0.02, b=0.2, c=-50.0, d=2.0)

    @classmethod
    def fast_spiking(cls) -> Izhikevich:
        """FS: an inhibitory cell that fires fast without adapting."""
        return cls(a=0.1, b=0.2, c=-65.0, d=2.0)

    @classmethod
    def low_threshold_spiking(cls) -> Izhikevich:
        """LTS: an inhibitory cell that fires early and adapts."""
        return cls(a=0.02, b=0.25, c=-65.0, d=2.0)

    @classmethod
    def resonator(cls) -> Izhikevich:
        """RZ: sustained subthreshold oscillations; answers input at its own frequency."""
        return cls(a=0.1, b=0.26, c=-65.0, d=2.0)

    @classmethod
    def thalamo_cortical(cls) -> Izhikevich:
        """TC: tonic firing from rest, a rebound burst after hyperpolarisation."""
        return cls(a=0.02, b=0.25, c=-65.0, d=0.05)

    @classmethod
    def heterogeneous_excitatory(cls) -> Izhikevich:
        """The 2003 paper's excitatory spread, from RS (r = 0) to CH (r = 1); one r per neuron for both c and d."""
        r = uniform(0.0, 1.0)
        return cls(a=0.02, b=0.2, c=-65.0 + 15.0 * r**2, d=8.0 - 6.0 * r**2)

    @classmethod
    def heterogeneous_inhibitory(cls) -> Izhikevich:
        """The 2003 paper's inhibitory spread, from LTS (r = 0) to FS (r = 1); one r per neuron for both a and b."""
        r = uniform(0.0, 1.0)
        return cls(a=0.02 + 0.08 * r, b=0.25 - 0.05 * r, c=-65.0, d=2.0)

    def discretise(self, dt: float) -> IzhikevichStep:
        """Coefficients at `dt` ms; differentiable in every parameter."""
        return IzhikevichStep(dt, dt / 2.0, self.a, self.b, self.c, self.d, self.v_threshold)

    def initial_state(self) -> IzhikevichState:
        """v = -65 mV and u at its equilibrium b v, as in the 2003 paper."""
        return IzhikevichState(-65.0, self.b * -65.0)
