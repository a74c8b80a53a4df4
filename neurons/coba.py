"""Leaky integrate-and-fire with conductances."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, NamedTuple

from .lif import check_reset, whole_steps
from .maths import Value, where
from .model import Neuron, warn_if_coarse
from .parameters import parameter

__all__ = ["COBA", "COBAState", "COBAStep"]


class COBAState(NamedTuple):
    """v: membrane potential, mV; refractory: steps of silence left. Shape (..., n)."""

    v: Value
    refractory: Value


class COBAStep(NamedTuple):
    """Coefficients of `COBA` at one dt."""

    dt_over_c: Value
    dt_leak: Value
    v_rest: Value
    v_reset: Value
    v_threshold: Value
    refractory_steps: Value

    def integrate(self, state: COBAState, current: Value) -> COBAState:
        remaining = state.refractory - 1.0
        moved = state.v + (self.dt_leak * (self.v_rest - state.v) + self.dt_over_c * current)
        held = remaining > 0.0
        return COBAState(where(held, state.v, moved), where(held, remaining, 0.0 * remaining))

    def excess(self, state: COBAState) -> Value:
        return state.v - self.v_threshold

    def reset(self, state: COBAState, spiked: Value) -> COBAState:
        return COBAState(where(spiked, self.v_reset, state.v), where(spiked, self.refractory_steps, state.refractory))

    def receive(self, state: COBAState, jump: Value) -> COBAState:
        return COBAState(where(state.refractory > 0.0, state.v, state.v + jump), state.refractory)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class COBA(Neuron):
    """Conductance-based leaky integrate-and-fire: meant for `Conductance` synapses.

        c_m dv/dt = g_leak (v_rest - v) + I,  I = sum of g (e_reversal - v);  v >= v_threshold: spike, v <- v_reset, held

    Parameters   c_m           membrane capacitance, pF, > 0
                 g_leak        leak conductance, nS, > 0; the membrane time constant is c_m / g_leak
                 v_rest        reversal potential of the leak, mV
                 v_reset       potential after a spike, mV, < v_threshold
                 v_threshold   firing threshold, mV
                 t_refractory  absolute refractory period, ms, >= 0, counted as `LIF` counts it
    State        v mV, refractory (steps left); shape (..., n)
    Input        current in pA; a `Conductance` in nS gives g (e_reversal - v) with v at the start of the step
    Raises       InvalidValue for a field outside its range or v_reset >= v_threshold
    Source       Vogels & Abbott 2005, doi:10.1523/JNEUROSCI.3508-05.2005; Brette et al. 2007, benchmark 1,
                 doi:10.1007/s10827-007-0038-6
    Deviations   forward Euler, first order in dt: stable while dt (g_leak + all conductances) / c_m < 1
    """

    c_m: Value = parameter(200.0, "pF", above=0.0)
    g_leak: Value = parameter(10.0, "nS", above=0.0)
    v_rest: Value = parameter(-60.0, "mV")
    v_reset: Value = parameter(-60.0, "mV")
    v_threshold: Value = parameter(-50.0, "mV")
    t_refractory: Value = parameter(5.0, "ms", at_least=0.0)

    ordered: ClassVar[tuple[tuple[str, str], ...]] = (("v_reset", "v_threshold"),)

    def check(self) -> None:
        check_reset(self)

    def discretise(self, dt: float) -> COBAStep:
        """Coefficients at `dt` ms; differentiable in every parameter but t_refractory."""
        warn_if_coarse("COBA.c_m / g_leak", self.c_m / self.g_leak, dt)
        return COBAStep(
            dt / self.c_m, dt * self.g_leak / self.c_m, self.v_rest, self.v_reset, self.v_threshold,
            whole_steps(self.t_refractory, dt),
        )  # fmt: skip

    def initial_state(self) -> COBAState:
        """At rest, not refractory."""
        return COBAState(self.v_rest, 0.0)
