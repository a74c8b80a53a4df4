"""Adaptive exponential integrate-and-fire."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple, Self

from .errors import InvalidValue
from .maths import Value, exp, where
from .model import Neuron
from .parameters import any_not_below, parameter

__all__ = ["AdEx", "AdExState", "AdExStep"]


class AdExState(NamedTuple):
    """v: membrane potential, mV; w: adaptation current, pA. Shape (..., n)."""

    v: Value
    w: Value


class AdExStep(NamedTuple):
    """Coefficients of `AdEx` at one dt."""

    dt_over_c: Value
    g_leak: Value
    e_leak: Value
    v_threshold: Value
    slope: Value
    v_cut: Value
    v_reset: Value
    a: Value
    b: Value
    dt_over_tau: Value

    def integrate(self, state: AdExState, current: Value) -> AdExState:
        # beyond the cut the neuron fires anyway: the exponential is held there, or it would overflow
        v = where(state.v < self.v_cut, state.v, self.v_cut)
        above = state.v - self.e_leak
        upstroke = self.g_leak * self.slope * exp((v - self.v_threshold) / self.slope)
        moved = state.v + self.dt_over_c * (upstroke - self.g_leak * above - state.w + current)
        return AdExState(moved, state.w + self.dt_over_tau * (self.a * above - state.w))

    def excess(self, state: AdExState) -> Value:
        return state.v - self.v_cut

    def reset(self, state: AdExState, spiked: Value) -> AdExState:
        return AdExState(where(spiked, self.v_reset, state.v), where(spiked, state.w + self.b, state.w))

    def receive(self, state: AdExState, jump: Value) -> AdExState:
        return AdExState(state.v + jump, state.w)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class AdEx(Neuron):
    """Adaptive exponential integrate-and-fire: a soft spike threshold and one slow current give most firing patterns.

        c_m dv/dt = -g_leak (v - e_leak) + g_leak slope exp((v - v_threshold) / slope) - w + I
        tau_w dw/dt = a (v - e_leak) - w;   v >= v_cut: spike, v <- v_reset, w <- w + b

    Parameters   c_m           pF, > 0
                 g_leak        nS, > 0
                 e_leak        mV
                 v_threshold   mV: where the exponential begins to win
                 slope         mV, > 0: how sharply it does
                 v_cut         mV: where a spike is counted, > v_threshold
                 v_reset       mV, < v_cut
                 a             subthreshold adaptation, nS
                 b             adaptation per spike, pA
                 tau_w         ms, > 0
    State        v mV, w pA; shape (..., n)
    Input        current in pA; a `Conductance` in nS
    Raises       InvalidValue for a field outside its range, v_cut <= v_threshold or v_reset >= v_cut
    Source       Brette & Gerstner 2005, doi:10.1152/jn.00686.2005; Naud et al. 2008, doi:10.1007/s00422-008-0264-7 (the
                 named patterns)
    Deviations   forward Euler with both equations at the step's start; dt 0.1 ms shifts first spikes by about 0.3 ms. Above
                 v_cut the exponential keeps its value there
    """

    c_m: Value = parameter(281.0, "pF", above=0.0)
    g_leak: Value = parameter(30.0, "nS", above=0.0)
    e_leak: Value = parameter(-70.6, "mV")
    v_threshold: Value = parameter(-50.4, "mV")
    slope: Value = parameter(2.0, "mV", above=0.0)
    v_cut: Value = parameter(-40.4, "mV")
    v_reset: Value = parameter(-70.6, "mV")
    a: Value = parameter(4.0, "nS")
    b: Value = parameter(80.5, "pA")
    tau_w: Value = parameter(144.0, "ms", above=0.0)

    ordered = (("v_threshold", "v_cut"), ("v_reset", "v_cut"))

    def check(self) -> None:
        for low, high in self.ordered:
            below, above = getattr(self, low), getattr(self, high)
            if any_not_below(below, above):
                raise InvalidValue(f"AdEx.{low}", below, f"< {high} = {above} mV")

    def discretise(self, dt: float) -> AdExStep:
        """Coefficients at `dt` ms; differentiable in every parameter."""
        return AdExStep(
            dt / self.c_m, self.g_leak, self.e_leak, self.v_threshold, self.slope, self.v_cut, self.v_reset,
            self.a, self.b, dt / self.tau_w,
        )  # fmt: skip

    def initial_state(self) -> AdExState:
        """At rest, not adapted."""
        return AdExState(self.e_leak, 0.0)

    @classmethod
    def regular(cls) -> Self:
        """The neuron of Brette & Gerstner 2005: regular spiking."""
        return cls()

    @classmethod
    def bursting(cls) -> Self:
        """The same, bursting."""
        return cls(tau_w=20.0, b=500.0, v_reset=-45.4)

    @classmethod
    def fast(cls) -> Self:
        """The same, fast spiking."""
        return cls(a=2.0 * 281.0 / 144.0, b=0.0)

    @classmethod
    def _naud(cls, c_m: float, g_leak: float, e_leak: float, a: float, tau_w: float, b: float, v_reset: float) -> Self:
        values: dict[str, Any] = {"c_m": c_m, "g_leak": g_leak, "e_leak": e_leak, "a": a, "tau_w": tau_w, "b": b}
        return cls(v_reset=v_reset, v_threshold=-50.0, v_cut=0.0, **values)

    @classmethod
    def tonic(cls) -> Self:
        """Naud et al. 2008, tonic spiking at 500 pA."""
        return cls._naud(200.0, 10.0, -70.0, 2.0, 30.0, 0.0, -58.0)

    @classmethod
    def adapting(cls) -> Self:
        """Naud et al. 2008, adaptation at 500 pA."""
        return cls._naud(200.0, 12.0, -70.0, 2.0, 300.0, 60.0, -58.0)

    @classmethod
    def initial_burst(cls) -> Self:
        """Naud et al. 2008, initial burst at 400 pA."""
        return cls._naud(130.0, 18.0, -58.0, 4.0, 150.0, 120.0, -50.0)

    @classmethod
    def regular_bursting(cls) -> Self:
        """Naud et al. 2008, regular bursting at 210 pA."""
        return cls._naud(200.0, 10.0, -58.0, 2.0, 120.0, 100.0, -46.0)

    @classmethod
    def delayed_accelerating(cls) -> Self:
        """Naud et al. 2008, delayed accelerating at 300 pA."""
        return cls._naud(200.0, 12.0, -70.0, -10.0, 300.0, 0.0, -58.0)

    @classmethod
    def delayed_regular_bursting(cls) -> Self:
        """Naud et al. 2008, delayed regular bursting at 110 pA."""
        return cls._naud(100.0, 10.0, -65.0, -10.0, 90.0, 30.0, -47.0)

    @classmethod
    def transient(cls) -> Self:
        """Naud et al. 2008, transient spiking at 180 pA."""
        return cls._naud(100.0, 10.0, -65.0, 10.0, 90.0, 100.0, -47.0)

    @classmethod
    def irregular(cls) -> Self:
        """Naud et al. 2008, irregular spiking at 160 pA."""
        return cls._naud(100.0, 12.0, -60.0, -11.0, 130.0, 30.0, -48.0)
