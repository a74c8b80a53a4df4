"""Leaky integrate-and-fire whose threshold adapts and that a spike lowers by a fixed amount."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from .adaptive_lif import AdaptiveLIF, AdaptiveLIFState
from .lif import whole_steps
from .maths import Value, exp, where
from .model import warn_if_coarse
from .parameters import parameter

__all__ = ["SoftResetAdaptiveLIF", "SoftResetAdaptiveLIFStep"]


class SoftResetAdaptiveLIFStep(NamedTuple):
    """Coefficients of `SoftResetAdaptiveLIF` at one dt."""

    decay_m: Value
    r_m: Value
    v_rest: Value
    v_drop: Value
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
            where(spiked, state.v - self.v_drop, state.v),
            where(spiked, self.refractory_steps, state.refractory),
            where(spiked, state.a + 1.0, state.a),
        )

    def receive(self, state: AdaptiveLIFState, jump: Value) -> AdaptiveLIFState:
        return AdaptiveLIFState(where(state.refractory > 0.0, state.v, state.v + jump), state.refractory, state.a)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class SoftResetAdaptiveLIF(AdaptiveLIF):
    """`AdaptiveLIF` whose spike subtracts v_drop from the membrane: the neuron with which e-prop was published.

        v >= v_threshold + beta a: spike, v <- v - v_drop, a <- a + 1, held for t_refractory

    Parameters   those of `AdaptiveLIF` without v_reset, which has no effect here, and
                 v_drop   what a spike takes off, mV, > 0; v_threshold - v_rest is the source's
    State        v mV, refractory (steps left), a (spikes); shape (..., n)
    Input        as `LIF`, integrated exactly
    Raises       InvalidValue for a field outside its range
    Source       Bellec et al. 2020, doi:10.1038/s41467-020-17236-y
    Deviations   v and a change in the step of the spike, before their decay, where the source's change in the next, after it:
                 the source is this model with v_drop divided by the membrane's decay per step, and beta by the adaptation's
    """

    v_drop: Value = parameter(15.0, "mV", above=0.0)

    ordered = ()

    def check(self) -> None:
        """Any v_reset is accepted, since none is used."""

    def discretise(self, dt: float) -> SoftResetAdaptiveLIFStep:  # type: ignore[override]
        """Coefficients at `dt` ms; differentiable in every parameter but t_refractory."""
        warn_if_coarse("SoftResetAdaptiveLIF.tau_m", self.tau_m, dt)
        return SoftResetAdaptiveLIFStep(
            exp(-dt / self.tau_m), self.r_m, self.v_rest, self.v_drop, self.v_threshold,
            whole_steps(self.t_refractory, dt), exp(-dt / self.tau_a), self.beta,
        )  # fmt: skip
