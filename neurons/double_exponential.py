"""A synaptic current that rises before it decays."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from .errors import InvalidValue
from .maths import Value, exp
from .model import Neuron, warn_if_coarse
from .parameters import parameter
from .synapse import Synapse

__all__ = ["DoubleExponential", "DoubleExponentialState", "DoubleExponentialStep"]


class DoubleExponentialState(NamedTuple):
    """current: the synaptic current; rising: what it follows. Both in the unit of the weight, shape (n,)."""

    current: Value
    rising: Value


class DoubleExponentialStep(NamedTuple):
    """Coefficients of `DoubleExponential` at one dt on one neuron model."""

    decay_rise: Value
    decay_syn: Value
    follow: Value
    gain: Value
    gain_rising: Value

    def current(self, state: DoubleExponentialState, v: Value) -> Value:
        return self.gain * state.current + self.gain_rising * state.rising

    def decay(self, state: DoubleExponentialState) -> DoubleExponentialState:
        current = state.current * self.decay_rise + state.rising * self.follow
        return DoubleExponentialState(current, state.rising * self.decay_syn)

    def arrive(self, state: DoubleExponentialState, weight: Value) -> DoubleExponentialState:
        return DoubleExponentialState(state.current, state.rising + weight)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class DoubleExponential(Synapse):
    """The current follows an exponential: it rises with one time constant and decays with another.

        tau_rise dI/dt = rising - I;  tau_syn drising/dt = -rising;  spike: rising <- rising + weight

    One spike carries the charge weight tau_syn whatever tau_rise is; as tau_rise -> 0 this becomes `Exponential`.

    Parameters   tau_rise   time constant of the rise, ms, > 0, < tau_syn
                 tau_syn    time constant of the decay, ms, > 0
    State        current, rising, in the weight's unit (nA on LIF, pA on Izhikevich2007), shape (n,)
    Raises       InvalidValue if a time constant is <= 0 or tau_rise >= tau_syn
    Source       Roth & van Rossum 2009, Modeling synapses, in: Computational Modeling Methods for Neuroscientists,
                 doi:10.7551/mitpress/9780262013277.003.0007
    Deviations   scaled by charge, not by peak; exact on LIF; on models integrated by Euler's method the current at the
                 start of the step counts for all of it
    """

    tau_rise: float = parameter(2.0, "ms", above=0.0)
    tau_syn: float = parameter(20.0, "ms", above=0.0)

    def check(self) -> None:
        if self.tau_rise >= self.tau_syn:
            raise InvalidValue("DoubleExponential.tau_rise", self.tau_rise, f"< tau_syn = {self.tau_syn} ms")

    def discretise(self, dt: float, neuron: Neuron) -> DoubleExponentialStep:
        warn_if_coarse("DoubleExponential.tau_rise", self.tau_rise, dt)
        decay_rise, decay_syn = exp(-dt / self.tau_rise), exp(-dt / self.tau_syn)
        gain_rise, gain_syn = (neuron.exponential_gain(dt, tau) for tau in (self.tau_rise, self.tau_syn))
        # alone, the current would be the sum of two exponentials, `rising` scaled by 1 / apart in the slower one
        apart = 1.0 - self.tau_rise / self.tau_syn
        return DoubleExponentialStep(
            decay_rise, decay_syn, (decay_syn - decay_rise) / apart, gain_rise, (gain_syn - gain_rise) / apart
        )

    def initial_state(self) -> DoubleExponentialState:
        return DoubleExponentialState(0.0, 0.0)
