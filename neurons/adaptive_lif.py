"""Leaky integrate-and-fire whose threshold adapts."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from .lif import LIF, whole_steps
from .maths import Value, exp, where
from .model import warn_if_coarse
from .parameters import parameter

__all__ = ["AdaptiveLIF", "AdaptiveLIFState", "AdaptiveLIFStep"]


class AdaptiveLIFState(NamedTuple):
    """v: membrane potential, mV; refractory: steps of silence left; a: adaptation, in spikes. Shape (..., n)."""

    v: Value
    refractory: Value
    a: Value


class AdaptiveLIFStep(NamedTuple):
    """Coefficients of `AdaptiveLIF` at one dt."""

    decay_m: Value
    r_m: Value
    v_rest: Value
    v_reset: Value
    v_threshold: Value
    refractory_steps: Value
    decay_a: Value
    beta: Value

    def integrate(self, state: AdaptiveLIFState, current: Value) -> AdaptiveLIFState:
        remaining = state.refractory - 1.0
        v_inf = self.v_rest + self.r_m * current
        v = where(remaining > 0.0, state.v, v_inf + (state.v - v_inf) * self.decay_m)
        return AdaptiveLIFState(v, where(remaining > 0.0, remaining, 0.0 * remaining), state.a * self.decay_a)

    def excess(self, state: AdaptiveLIFState) -> Value:
        return state.v - (self.v_threshold + self.beta * state.a)

    def reset(self, state: AdaptiveLIFState, spiked: Value) -> AdaptiveLIFState:
        return AdaptiveLIFState(
            where(spiked, self.v_reset, state.v),
            where(spiked, self.refractory_steps, state.refractory),
            where(spiked, state.a + 1.0, state.a),
        )

    def receive(self, state: AdaptiveLIFState, jump: Value) -> AdaptiveLIFState:
        return AdaptiveLIFState(where(state.refractory > 0.0, state.v, state.v + jump), state.refractory, state.a)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class AdaptiveLIF(LIF):
    """`LIF` whose threshold rises with its own recent spikes (ALIF): a memory longer than the membrane's.

        tau_a da/dt = -a, a spike adds 1;  v >= v_threshold + beta a: spike, then as `LIF`

    Parameters   those of `LIF`, and
                 tau_a   time constant of the adaptation, ms, > 0
                 beta    rise of the threshold per spike, mV
    State        v mV, refractory (steps left), a (spikes); shape (..., n)
    Input        as `LIF`, integrated exactly
    Raises       InvalidValue for a field outside its range or v_reset >= v_threshold
    Source       Bellec et al. 2018, arXiv 1803.09574; Bellec et al. 2020, doi:10.1038/s41467-020-17236-y
    Deviations   resets to v_reset; the source subtracts the threshold
    """

    tau_a: Value = parameter(200.0, "ms", above=0.0)
    beta: Value = parameter(1.5, "mV", at_least=0.0)

    def discretise(self, dt: float) -> AdaptiveLIFStep:  # type: ignore[override]
        """Coefficients at `dt` ms; differentiable in every parameter but t_refractory."""
        warn_if_coarse("AdaptiveLIF.tau_m", self.tau_m, dt)
        return AdaptiveLIFStep(
            exp(-dt / self.tau_m), self.r_m, self.v_rest, self.v_reset, self.v_threshold,
            whole_steps(self.t_refractory, dt), exp(-dt / self.tau_a), self.beta,
        )  # fmt: skip

    def initial_state(self) -> AdaptiveLIFState:  # type: ignore[override]
        """At rest, not refractory, not adapted."""
        return AdaptiveLIFState(self.v_rest, 0.0, 0.0)
