"""Leaky integrate-and-fire that a spike lowers by a fixed amount."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from .lif import LIF, LIFState, whole_steps
from .maths import Value, exp, where
from .model import warn_if_coarse
from .parameters import parameter

__all__ = ["SoftResetLIF", "SoftResetLIFStep"]


class SoftResetLIFStep(NamedTuple):
    """Coefficients of `SoftResetLIF` at one dt."""

    decay_m: Value
    r_m: Value
    v_rest: Value
    v_drop: Value
    v_threshold: Value
    refractory_steps: Value

    def integrate(self, state: LIFState, current: Value) -> LIFState:
        remaining = state.refractory - 1.0
        v_inf = self.v_rest + self.r_m * current
        v = where(remaining > 0.0, state.v, v_inf + (state.v - v_inf) * self.decay_m)
        return LIFState(v, where(remaining > 0.0, remaining, 0.0 * remaining))

    def excess(self, state: LIFState) -> Value:
        return state.v - self.v_threshold

    def reset(self, state: LIFState, spiked: Value) -> LIFState:
        return LIFState(
            where(spiked, state.v - self.v_drop, state.v), where(spiked, self.refractory_steps, state.refractory)
        )

    def receive(self, state: LIFState, jump: Value) -> LIFState:
        return LIFState(where(state.refractory > 0.0, state.v, state.v + jump), state.refractory)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class SoftResetLIF(LIF):
    """`LIF` whose spike subtracts v_drop from the membrane, which so keeps what it had above threshold.

        tau_m dv/dt = -(v - v_rest) + r_m I;  v >= v_threshold: spike, v <- v - v_drop, held for t_refractory

    Parameters   those of `LIF` without v_reset, which has no effect here, and
                 v_drop   what a spike takes off, mV, > 0; v_threshold - v_rest is usual
    State        v mV, refractory (steps left); shape (..., n)
    Input        as `LIF`, integrated exactly
    Raises       InvalidValue for a field outside its range
    Source       Han, Srinivasan & Roy 2020, arXiv 2003.01811 (reset by subtraction)
    Deviations   the source has no leak. A program that subtracts in the next step, after the leak (snnTorch; Bellec et al.
                 2020), is this model with v_drop divided by its decay per step
    """

    v_drop: Value = parameter(15.0, "mV", above=0.0)

    ordered = ()

    def check(self) -> None:
        """Any v_reset is accepted, since none is used."""

    def discretise(self, dt: float) -> SoftResetLIFStep:  # type: ignore[override]
        """Coefficients at `dt` ms; differentiable in every parameter but t_refractory."""
        warn_if_coarse("SoftResetLIF.tau_m", self.tau_m, dt)
        return SoftResetLIFStep(
            exp(-dt / self.tau_m),
            self.r_m,
            self.v_rest,
            self.v_drop,
            self.v_threshold,
            whole_steps(self.t_refractory, dt),
        )
