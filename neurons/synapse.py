"""Synapses: from the summed weights of arriving spikes to what the neuron feels.

A synapse is made like a neuron: parameters with `discretise`, a NamedTuple of state, and a step whose methods are the
definition: `current(state, v)` is what it adds to the input of a neuron at membrane potential v in this step,
`decay(state)` carries the state to the next one, `arrive(state, weight)` adds the spikes that land after threshold.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from numba.extending import overload

from .maths import Value, exp
from .model import Neuron, method_of, warn_if_coarse
from .parameters import Parameters, parameter

__all__ = ["Delta", "Exponential", "ExponentialState", "ExponentialStep", "Synapse", "arrive", "current", "decay"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Synapse(Parameters):
    """Base of synapse kinds. One object (or two with equal fields) on one population is one shared state."""

    def discretise(self, dt: float, neuron: Neuron) -> Any:
        """The step at `dt` ms on this neuron, or None for a synapse that only makes the neuron `receive` a jump."""
        raise NotImplementedError

    def initial_state(self) -> Any:
        """The state at time 0, a NamedTuple."""
        raise NotImplementedError

    def check_weight(self, field: str, weight: Any) -> None:
        """Refuse a weight, a number or an array, that this kind cannot have; raises InvalidValue naming `field`."""

    @property
    def key(self) -> tuple[Any, ...]:
        """Equal for synapses that can share one state."""
        return (type(self), *(getattr(self, field.name) for field in dataclasses.fields(self)))


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Delta(Synapse):
    """An arriving spike moves the membrane by the weight, at once, between threshold and reset.

    Parameters   none; the weight is in mV
    State        none
    Source       Brunel 2000, doi:10.1023/A:1008925309027 (delta currents)
    Deviations   none; a refractory neuron ignores the jump
    """

    def discretise(self, dt: float, neuron: Neuron) -> None:
        return None

    def initial_state(self) -> tuple[()]:
        return ()


class ExponentialState(NamedTuple):
    """current: the synaptic current in the unit of the weight, shape (n,)."""

    current: Value


class ExponentialStep(NamedTuple):
    """Coefficients of `Exponential` at one dt on one neuron model."""

    decay_syn: Value
    gain: Value

    def current(self, state: ExponentialState, v: Value) -> Value:
        return self.gain * state.current

    def decay(self, state: ExponentialState) -> ExponentialState:
        return ExponentialState(state.current * self.decay_syn)

    def arrive(self, state: ExponentialState, weight: Value) -> ExponentialState:
        return ExponentialState(state.current + weight)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Exponential(Synapse):
    """An arriving spike makes the current jump by the weight; the current decays exponentially.

        tau_syn dI/dt = -I;  spike: I <- I + weight

    Parameters   tau_syn   time constant of decay, ms, > 0
    State        current, in the weight's unit (nA on LIF, mV/ms on Izhikevich), shape (n,)
    Raises       InvalidValue if tau_syn <= 0
    Source       Brette et al. 2007, doi:10.1007/s10827-007-0038-6 (benchmark 2); joint exact integration with LIF:
                 Rotter & Diesmann 1999, doi:10.1007/s004220050570
    Deviations   exact on LIF; on models integrated by Euler's method the current at the start of the step counts for
                 all of it
    """

    tau_syn: float = parameter(5.0, "ms", above=0.0)

    def discretise(self, dt: float, neuron: Neuron) -> ExponentialStep:
        warn_if_coarse("Exponential.tau_syn", self.tau_syn, dt)
        return ExponentialStep(exp(-dt / self.tau_syn), neuron.exponential_gain(dt, self.tau_syn))

    def initial_state(self) -> ExponentialState:
        return ExponentialState(0.0)


def current(step: Any, state: Any, v: Value) -> Value:
    """`step.current(state, v)`, in compiled code too."""
    return step.current(state, v)


@overload(current)
def _current(step, state, v):  # type: ignore[no-untyped-def]
    method = method_of(step, "current")
    return lambda step, state, v: method(step, state, v)


def decay(step: Any, state: Any) -> Any:
    """`step.decay(state)`, in compiled code too."""
    return step.decay(state)


@overload(decay)
def _decay(step, state):  # type: ignore[no-untyped-def]
    method = method_of(step, "decay")
    return lambda step, state: method(step, state)


def arrive(step: Any, state: Any, weight: Value) -> Any:
    """`step.arrive(state, weight)`, in compiled code too."""
    return step.arrive(state, weight)


@overload(arrive)
def _arrive(step, state, weight):  # type: ignore[no-untyped-def]
    method = method_of(step, "arrive")
    return lambda step, state, weight: method(step, state, weight)
