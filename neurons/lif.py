"""Leaky integrate-and-fire."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, NamedTuple

import numpy as np

from .errors import InvalidValue
from .maths import Value, exp, is_tensor, where
from .model import Neuron, warn_if_coarse
from .parameters import any_not_below, parameter

__all__ = ["LIF", "LIFState", "LIFStep", "check_reset", "whole_steps"]


def check_reset(model: Any) -> None:
    """Raises InvalidValue unless the model's v_reset lies below its v_threshold; distributions are checked once sampled."""
    if any_not_below(model.v_reset, model.v_threshold):
        raise InvalidValue(
            f"{type(model).__name__}.v_reset", model.v_reset, f"< v_threshold = {model.v_threshold} mV",
            "or the neuron fires at every step",
        )  # fmt: skip


def whole_steps(time: Value, dt: float) -> Value:
    """A duration in ms rounded to whole steps, as a float (or tensor)."""
    steps = time / dt
    return steps.round() if is_tensor(steps) else np.round(steps)


class LIFState(NamedTuple):
    """v: membrane potential, mV; refractory: steps of silence left. Shape (..., n)."""

    v: Value
    refractory: Value


class LIFStep(NamedTuple):
    """Coefficients of `LIF` at one dt."""

    decay_m: Value
    r_m: Value
    v_rest: Value
    v_reset: Value
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
        return LIFState(where(spiked, self.v_reset, state.v), where(spiked, self.refractory_steps, state.refractory))

    def receive(self, state: LIFState, jump: Value) -> LIFState:
        return LIFState(where(state.refractory > 0.0, state.v, state.v + jump), state.refractory)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class LIF(Neuron):
    """Leaky integrate-and-fire neuron, integrated exactly (exponentially) for a current constant over the step.

        tau_m dv/dt = -(v - v_rest) + r_m I;  v >= v_threshold: spike, v <- v_reset, held for t_refractory

    Parameters   tau_m         membrane time constant, ms, > 0
                 r_m           membrane resistance, MOhm (mV per nA), > 0
                 v_rest        resting potential, mV
                 v_reset       potential after a spike, mV, < v_threshold
                 v_threshold   firing threshold, mV
                 t_refractory  absolute refractory period, ms, >= 0
    State        v mV, refractory (steps left); shape (..., n)
    Input        current in nA; an `Exponential` synapse is integrated exactly too (`exponential_gain`); a `Delta`
                 synapse moves v by its weight in mV, and is lost on a refractory neuron
    Raises       InvalidValue for a field outside its range or v_reset >= v_threshold
    Source       Gerstner et al. 2014, Neuronal Dynamics, ch. 1, doi:10.1017/CBO9781107447615; exact integration:
                 Rotter & Diesmann 1999, doi:10.1007/s004220050570
    Deviations   the threshold is tested on the grid of dt only; t_refractory is rounded to whole steps and counted as
                 Brian2 counts it: the membrane moves again in the step whose time label is t_refractory after the
                 spike's, so t_refractory = dt is the same as 0
    """

    tau_m: Value = parameter(20.0, "ms", above=0.0)
    r_m: Value = parameter(1.0, "MOhm", above=0.0)
    v_rest: Value = parameter(-65.0, "mV")
    v_reset: Value = parameter(-65.0, "mV")
    v_threshold: Value = parameter(-50.0, "mV")
    t_refractory: Value = parameter(0.0, "ms", at_least=0.0)

    ordered: ClassVar[tuple[tuple[str, str], ...]] = (("v_reset", "v_threshold"),)

    def check(self) -> None:
        check_reset(self)

    def discretise(self, dt: float) -> LIFStep:
        """Coefficients at `dt` ms; differentiable in every parameter but t_refractory."""
        warn_if_coarse("LIF.tau_m", self.tau_m, dt)
        return LIFStep(
            exp(-dt / self.tau_m),
            self.r_m,
            self.v_rest,
            self.v_reset,
            self.v_threshold,
            whole_steps(self.t_refractory, dt),
        )

    def initial_state(self) -> LIFState:
        """At rest, not refractory."""
        return LIFState(self.v_rest, 0.0)

    def exponential_gain(self, dt: float, tau_syn: Value) -> Value:
        """∫ exp(-(dt-s)/tau_m) exp(-s/tau_syn) ds over a step, relative to a constant current of 1.

        Written with (exp(x) - 1)/x, which stays exact where the two time constants come close; 1 where they meet.
        """
        tau_m = np.asarray(self.tau_m)
        x = dt / tau_m - dt / np.asarray(tau_syn)
        relative = np.where(x == 0.0, 1.0, np.expm1(x) / np.where(x == 0.0, 1.0, x))
        return dt / tau_m * np.exp(-dt / tau_m) * relative / -np.expm1(-dt / tau_m)
