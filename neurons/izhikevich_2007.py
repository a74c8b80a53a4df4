"""Izhikevich's two-variable neuron in physical units."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from .errors import InvalidValue
from .maths import Value, where
from .model import Neuron
from .parameters import any_not_below, parameter

__all__ = ["Izhikevich2007", "Izhikevich2007State", "Izhikevich2007Step"]


class Izhikevich2007State(NamedTuple):
    """v: membrane potential, mV; u: recovery current, pA. Shape (..., n)."""

    v: Value
    u: Value


class Izhikevich2007Step(NamedTuple):
    """Coefficients of `Izhikevich2007` at one dt; dt_over_c in ms/pF, dt_a = dt a."""

    dt_over_c: Value
    dt_a: Value
    k: Value
    v_rest: Value
    v_instant: Value
    b: Value
    v_reset: Value
    d: Value
    v_threshold: Value

    def integrate(self, state: Izhikevich2007State, current: Value) -> Izhikevich2007State:
        above = state.v - self.v_rest
        v = state.v + self.dt_over_c * (self.k * above * (state.v - self.v_instant) - state.u + current)
        return Izhikevich2007State(v, state.u + self.dt_a * (self.b * above - state.u))

    def excess(self, state: Izhikevich2007State) -> Value:
        return state.v - self.v_threshold

    def reset(self, state: Izhikevich2007State, spiked: Value) -> Izhikevich2007State:
        return Izhikevich2007State(where(spiked, self.v_reset, state.v), where(spiked, state.u + self.d, state.u))

    def receive(self, state: Izhikevich2007State, jump: Value) -> Izhikevich2007State:
        return Izhikevich2007State(state.v + jump, state.u)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Izhikevich2007(Neuron):
    """Izhikevich neuron with capacitance and currents: forward Euler, v and u both from the values before the step.

        c_m dv/dt = k (v - v_rest) (v - v_instant) - u + I;  du/dt = a (b (v - v_rest) - u)
        v >= v_threshold: spike, v <- v_reset, u <- u + d

    Parameters   c_m           membrane capacitance, pF, > 0
                 k             steepness of the spike's upstroke, nS/mV, > 0
                 v_rest        resting potential, mV
                 v_instant     potential beyond which a neuron without recovery fires, mV
                 v_threshold   peak at which a spike is cut, mV
                 v_reset       potential after a spike, mV, < v_threshold
                 a             rate of recovery, 1/ms
                 b             sensitivity of u to v, nS
                 d             jump of u at a spike, pA
    State        v mV, u pA; shape (..., n)
    Input        current in pA; a `Delta` synapse moves v by its weight in mV
    Raises       InvalidValue for a field outside its range or v_reset >= v_threshold
    Source       Izhikevich 2007, Dynamical Systems in Neuroscience, ch. 8, ISBN 978-0-262-09043-8; the defaults are
                 those of the networks of Nicola & Clopath 2017, doi:10.1038/s41467-017-01827-3, with
                 v_instant = v_rest + 40 - b / k, which puts the rheobase at 1000 pA
    Deviations   none; forward Euler resolves an upstroke where dt is well below c_m / (k (v_threshold - v_instant))
    """

    c_m: Value = parameter(250.0, "pF", above=0.0)
    k: Value = parameter(2.5, "nS/mV", above=0.0)
    v_rest: Value = parameter(-60.0, "mV")
    v_instant: Value = parameter(-19.2, "mV")
    v_threshold: Value = parameter(30.0, "mV")
    v_reset: Value = parameter(-65.0, "mV")
    a: Value = parameter(0.01, "1/ms")
    b: Value = parameter(-2.0, "nS")
    d: Value = parameter(200.0, "pA")

    ordered = (("v_reset", "v_threshold"),)

    def check(self) -> None:
        if any_not_below(self.v_reset, self.v_threshold):
            fix = "or the neuron fires at every step"
            raise InvalidValue(
                "Izhikevich2007.v_reset", self.v_reset, f"< v_threshold = {self.v_threshold} mV", fix
            )

    def discretise(self, dt: float) -> Izhikevich2007Step:
        """Coefficients at `dt` ms; differentiable in every parameter."""
        return Izhikevich2007Step(
            dt / self.c_m, dt * self.a, self.k, self.v_rest, self.v_instant, self.b, self.v_reset, self.d,
            self.v_threshold,
        )  # fmt: skip

    def initial_state(self) -> Izhikevich2007State:
        """At rest, without recovery current."""
        return Izhikevich2007State(self.v_rest, 0.0)
