"""Conductance-based integrate-and-fire whose threshold learns."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from .coba import COBA
from .lif import whole_steps
from .maths import Value, exp, where
from .model import warn_if_coarse
from .parameters import parameter

__all__ = ["AdaptiveCOBA", "AdaptiveCOBAState", "AdaptiveCOBAStep"]


class AdaptiveCOBAState(NamedTuple):
    """v: membrane potential, mV; refractory: steps of silence left; theta: how far the threshold is raised, mV."""

    v: Value
    refractory: Value
    theta: Value


class AdaptiveCOBAStep(NamedTuple):
    """Coefficients of `AdaptiveCOBA` at one dt."""

    dt_over_c: Value
    dt_leak: Value
    v_rest: Value
    v_reset: Value
    v_threshold: Value
    refractory_steps: Value
    decay_theta: Value
    theta_plus: Value

    def integrate(self, state: AdaptiveCOBAState, current: Value) -> AdaptiveCOBAState:
        remaining = state.refractory - 1.0
        moved = state.v + (self.dt_leak * (self.v_rest - state.v) + self.dt_over_c * current)
        held = remaining > 0.0
        return AdaptiveCOBAState(
            where(held, state.v, moved), where(held, remaining, 0.0 * remaining), state.theta * self.decay_theta
        )

    def excess(self, state: AdaptiveCOBAState) -> Value:
        return where(state.refractory > 0.0, 0.0 * state.v - 1.0, state.v - (self.v_threshold + state.theta))

    def reset(self, state: AdaptiveCOBAState, spiked: Value) -> AdaptiveCOBAState:
        return AdaptiveCOBAState(
            where(spiked, self.v_reset, state.v),
            where(spiked, self.refractory_steps, state.refractory),
            where(spiked, state.theta + self.theta_plus, state.theta),
        )

    def receive(self, state: AdaptiveCOBAState, jump: Value) -> AdaptiveCOBAState:
        v = where(state.refractory > 0.0, state.v, state.v + jump)
        return AdaptiveCOBAState(v, state.refractory, state.theta)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class AdaptiveCOBA(COBA):
    """`COBA` with homeostasis: every spike raises the threshold a little, and it falls back very slowly.

        tau_theta dtheta/dt = -theta;  v >= v_threshold + theta: spike, theta <- theta + theta_plus

    Parameters   those of `COBA` (defaults: the excitatory neuron of the source), and
                 theta_plus   rise of the threshold per spike, mV
                 tau_theta    time constant of its return, ms, > 0
    State        v mV, refractory (steps left), theta mV; shape (..., n). Start theta elsewhere by `initial`
    Input        as `COBA`
    Raises       InvalidValue for a field outside its range or v_reset >= v_threshold
    Source       Diehl & Cook 2015, doi:10.3389/fncom.2015.00099
    Deviations   forward Euler; a refractory neuron is held at reset and cannot fire: the source's 5 ms clamp and 50 ms
                 without a spike become one period
    """

    c_m: Value = parameter(100.0, "pF", above=0.0)
    g_leak: Value = parameter(1.0, "nS", above=0.0)
    v_rest: Value = parameter(-65.0, "mV")
    v_reset: Value = parameter(-65.0, "mV")
    v_threshold: Value = parameter(-52.0, "mV")
    t_refractory: Value = parameter(5.0, "ms", at_least=0.0)
    theta_plus: Value = parameter(0.05, "mV")
    tau_theta: Value = parameter(1e7, "ms", above=0.0)

    def discretise(self, dt: float) -> AdaptiveCOBAStep:  # type: ignore[override]
        """Coefficients at `dt` ms; differentiable in every parameter but t_refractory."""
        warn_if_coarse("AdaptiveCOBA.c_m / g_leak", self.c_m / self.g_leak, dt)
        return AdaptiveCOBAStep(
            dt / self.c_m, dt * self.g_leak / self.c_m, self.v_rest, self.v_reset, self.v_threshold,
            whole_steps(self.t_refractory, dt), exp(-dt / self.tau_theta), self.theta_plus,
        )  # fmt: skip

    def initial_state(self) -> AdaptiveCOBAState:  # type: ignore[override]
        """At rest, not refractory, the threshold not raised."""
        return AdaptiveCOBAState(self.v_rest, 0.0, 0.0)
