"""Hodgkin-Huxley point neuron."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from .lif import whole_steps
from .maths import Value, exp, where
from .model import Neuron
from .parameters import parameter

__all__ = ["HodgkinHuxley", "HodgkinHuxleyState", "HodgkinHuxleyStep"]


class HodgkinHuxleyState(NamedTuple):
    """v: membrane potential, mV; m, h, n: gates, in [0, 1]; refractory: steps in which no spike is counted."""

    v: Value
    m: Value
    h: Value
    n: Value
    refractory: Value


class HodgkinHuxleyStep(NamedTuple):
    """Coefficients of `HodgkinHuxley` at one dt."""

    dt: Value
    dt_over_c: Value
    g_leak: Value
    g_sodium: Value
    g_potassium: Value
    e_leak: Value
    e_sodium: Value
    e_potassium: Value
    v_t: Value
    v_threshold: Value
    refractory_steps: Value

    def integrate(self, state: HodgkinHuxleyState, current: Value) -> HodgkinHuxleyState:
        # y / (exp(y / s) - 1) has a hole at 0: y is kept off it, which moves the rate by less than 3e-6 of itself
        x = state.v - self.v_t
        x = where(x < -300.0, 0.0 * x - 300.0, where(x > 300.0, 0.0 * x + 300.0, x))  # no exponential overflows in float32
        m_up, n_up, m_down = 13.0 - x, 15.0 - x, x - 40.0
        m_up = where(m_up * m_up < 1e-10, 1e-5 + 0.0 * x, m_up)
        n_up = where(n_up * n_up < 1e-10, 1e-5 + 0.0 * x, n_up)
        m_down = where(m_down * m_down < 1e-10, 1e-5 + 0.0 * x, m_down)
        a_m, b_m = 0.32 * m_up / (exp(m_up / 4.0) - 1.0), 0.28 * m_down / (exp(m_down / 5.0) - 1.0)
        a_h, b_h = 0.128 * exp((17.0 - x) / 18.0), 4.0 / (1.0 + exp((40.0 - x) / 5.0))
        a_n, b_n = 0.032 * n_up / (exp(n_up / 5.0) - 1.0), 0.5 * exp((10.0 - x) / 40.0)
        # in single precision the differences lose their digits where |y| < 1: there s - y/2 + y^2/(12 s) - y^4/(720 s^3)
        single = 1.0 + 0.0 * x + 1e-12 == 1.0
        m_up_2, m_down_2, n_up_2 = m_up * m_up, m_down * m_down, n_up * n_up
        a_m_near = 4.0 - 0.5 * m_up + m_up_2 * (1.0 / 48.0 - m_up_2 * (1.0 / 46080.0))
        b_m_near = 5.0 - 0.5 * m_down + m_down_2 * (1.0 / 60.0 - m_down_2 * (1.0 / 90000.0))
        a_n_near = 5.0 - 0.5 * n_up + n_up_2 * (1.0 / 60.0 - n_up_2 * (1.0 / 90000.0))
        a_m = where(single & (m_up_2 < 1.0), 0.32 * a_m_near, a_m)
        b_m = where(single & (m_down_2 < 1.0), 0.28 * b_m_near, b_m)
        a_n = where(single & (n_up_2 < 1.0), 0.032 * a_n_near, a_n)
        sodium = self.g_sodium * (state.m * state.m * state.m) * state.h
        potassium = self.g_potassium * ((state.n * state.n) * (state.n * state.n))
        total = self.g_leak + sodium + potassium
        pull = self.g_leak * self.e_leak + sodium * self.e_sodium + potassium * self.e_potassium + current
        v_inf = pull / total
        m_inf, h_inf, n_inf = a_m / (a_m + b_m), a_h / (a_h + b_h), a_n / (a_n + b_n)
        remaining = state.refractory - 1.0
        return HodgkinHuxleyState(
            v_inf + (state.v - v_inf) * exp(-self.dt_over_c * total),
            m_inf + (state.m - m_inf) * exp(-self.dt * (a_m + b_m)),
            h_inf + (state.h - h_inf) * exp(-self.dt * (a_h + b_h)),
            n_inf + (state.n - n_inf) * exp(-self.dt * (a_n + b_n)),
            where(remaining > 0.0, remaining, 0.0 * remaining),
        )

    def excess(self, state: HodgkinHuxleyState) -> Value:
        return where(state.refractory > 0.0, 0.0 * state.v - 1.0, state.v - self.v_threshold)

    def reset(self, state: HodgkinHuxleyState, spiked: Value) -> HodgkinHuxleyState:
        return HodgkinHuxleyState(
            state.v, state.m, state.h, state.n, where(spiked, self.refractory_steps, state.refractory)
        )

    def receive(self, state: HodgkinHuxleyState, jump: Value) -> HodgkinHuxleyState:
        return HodgkinHuxleyState(state.v + jump, state.m, state.h, state.n, state.refractory)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class HodgkinHuxley(Neuron):
    """Hodgkin-Huxley point neuron with the sodium and potassium currents of hippocampal cells (Traub & Miles).

        c_m dv/dt = g_leak (e_leak - v) + g_sodium m^3 h (e_sodium - v) + g_potassium n^4 (e_potassium - v) + I
        dm/dt = a_m (1 - m) - b_m m, and so for h and n; with x = v - v_t, rates in 1/ms:
        a_m = 0.32 (13 - x) / (exp((13 - x)/4) - 1)     b_m = 0.28 (x - 40) / (exp((x - 40)/5) - 1)
        a_h = 0.128 exp((17 - x)/18)                     b_h = 4 / (1 + exp((40 - x)/5))
        a_n = 0.032 (15 - x) / (exp((15 - x)/5) - 1)     b_n = 0.5 exp((10 - x)/40)

    Parameters   c_m pF, > 0; g_leak, g_sodium, g_potassium nS, >= 0 (g_leak > 0); e_leak, e_sodium, e_potassium mV
                 v_t            mV: shifts all rates
                 v_threshold    mV: a spike is counted where v is at or above it, and then not for t_refractory
                 t_refractory   ms, >= 0, of counting only: the membrane is never held
    State        v mV, gates m, h, n, refractory (steps left); shape (..., n)
    Input        current in pA; a `Conductance` in nS
    Raises       InvalidValue for a field outside its range
    Source       Traub & Miles 1991, Neuronal Networks of the Hippocampus, doi:10.1017/CBO9780511895401; Brette et al. 2007,
                 benchmark 3, doi:10.1007/s10827-007-0038-6
    Deviations   exponential Euler: each equation is solved exactly with the others held over the step, and synaptic current
                 is held too; first order in dt. Rates more than 300 mV from v_t are those at 300 mV
    """

    c_m: Value = parameter(200.0, "pF", above=0.0)
    g_leak: Value = parameter(10.0, "nS", above=0.0)
    g_sodium: Value = parameter(20000.0, "nS", at_least=0.0)
    g_potassium: Value = parameter(6000.0, "nS", at_least=0.0)
    e_leak: Value = parameter(-60.0, "mV")
    e_sodium: Value = parameter(50.0, "mV")
    e_potassium: Value = parameter(-90.0, "mV")
    v_t: Value = parameter(-63.0, "mV")
    v_threshold: Value = parameter(-20.0, "mV")
    t_refractory: Value = parameter(3.0, "ms", at_least=0.0)

    def discretise(self, dt: float) -> HodgkinHuxleyStep:
        """Coefficients at `dt` ms; differentiable in every parameter but t_refractory."""
        return HodgkinHuxleyStep(
            dt, dt / self.c_m, self.g_leak, self.g_sodium, self.g_potassium, self.e_leak, self.e_sodium, self.e_potassium,
            self.v_t, self.v_threshold, whole_steps(self.t_refractory, dt),
        )  # fmt: skip

    def initial_state(self) -> HodgkinHuxleyState:
        """At the leak's potential, with closed gates."""
        return HodgkinHuxleyState(self.e_leak, 0.0, 1.0, 0.0, 0.0)
