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
    """v: membrane potential, mV; refractory: steps until it may fire; theta: how far the threshold is raised, mV."""

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
    free_steps: Value  # the last of them, in which v moves
    decay_theta: Value
    theta_plus: Value

    def integrate(self, state: AdaptiveCOBAState, current: Value) -> AdaptiveCOBAState:
        remaining = state.refractory - 1.0
        moved = state.v + (self.dt_leak * (self.v_rest - state.v) + self.dt_over_c * current)
        v = where(remaining > self.free_steps, state.v, moved)
        return AdaptiveCOBAState(v, where(remaining > 0.0, remaining, 0.0 * remaining), state.theta * self.decay_theta)

    def excess(self, state: AdaptiveCOBAState) -> Value:
        return where(state.refractory > 0.0, 0.0 * state.v - 1.0, state.v - (self.v_threshold + state.theta))

    def reset(self, state: AdaptiveCOBAState, spiked: Value) -> AdaptiveCOBAState:
        return AdaptiveCOBAState(
            where(spiked, self.v_reset, state.v),
            where(spiked, self.refractory_steps, state.refractory),
            where(spiked, state.theta + self.theta_plus, state.theta),
        )

    def receive(self, state: AdaptiveCOBAState, jump: Value) -> AdaptiveCOBAState:
        v = where(state.refractory > self.free_steps, state.v, state.v + jump)
        return AdaptiveCOBAState(v, state.refractory, state.theta)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class AdaptiveCOBA(COBA):
    """`COBA` with homeostasis: every spike raises the threshold a little, and it falls back very slowly.

        tau_theta dtheta/dt = -theta;  v >= v_threshold + theta: spike, theta <- theta + theta_plus

    Parameters   those of `COBA` (defaults: the excitatory neuron of the source), and
                 t_silent     no second spike for this long, ms, >= 0; v is held at v_reset for t_refractory only
                 theta_plus   rise of the threshold per spike, mV
                 tau_theta    time constant of its return, ms, > 0
    State        v mV, refractory (steps until it may fire), theta mV; shape (..., n). Start theta elsewhere by `initial`:
                 v_reset may lie above v_threshold where theta begins high
    Input        as `COBA`
    Raises       InvalidValue for a field outside its range
    Source       Diehl & Cook 2015, doi:10.3389/fncom.2015.00099
    Deviations   forward Euler. The source's own program has t_silent = 50 ms and a threshold that returns to -72 mV from
                 theta = 20 mV; the defaults are the equations as printed. In a network of single precision a decay slower
                 than about 1e-7 per step is lost to rounding: theta then hardly falls
    """

    c_m: Value = parameter(100.0, "pF", above=0.0)
    g_leak: Value = parameter(1.0, "nS", above=0.0)
    v_rest: Value = parameter(-65.0, "mV")
    v_reset: Value = parameter(-65.0, "mV")
    v_threshold: Value = parameter(-52.0, "mV")
    t_refractory: Value = parameter(5.0, "ms", at_least=0.0)
    t_silent: Value = parameter(0.0, "ms", at_least=0.0)
    theta_plus: Value = parameter(0.05, "mV")
    tau_theta: Value = parameter(1e7, "ms", above=0.0)

    ordered = ()

    def check(self) -> None:
        """Nothing beyond the fields' own ranges."""

    def discretise(self, dt: float) -> AdaptiveCOBAStep:  # type: ignore[override]
        """Coefficients at `dt` ms; differentiable in every parameter but t_refractory and t_silent."""
        warn_if_coarse("AdaptiveCOBA.c_m / g_leak", self.c_m / self.g_leak, dt)
        held, silent = whole_steps(self.t_refractory, dt), whole_steps(self.t_silent, dt)
        free = (silent - held).clip(0.0, None)
        return AdaptiveCOBAStep(
            dt / self.c_m, dt * self.g_leak / self.c_m, self.v_rest, self.v_reset, self.v_threshold,
            held + free, free, exp(-dt / self.tau_theta), self.theta_plus,
        )  # fmt: skip

    def initial_state(self) -> AdaptiveCOBAState:  # type: ignore[override]
        """At rest, not refractory, the threshold not raised."""
        return AdaptiveCOBAState(self.v_rest, 0.0, 0.0)
