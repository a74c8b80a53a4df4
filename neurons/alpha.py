"""A synaptic current with the shape of an alpha function."""

from __future__ import annotations

import dataclasses
import math
from typing import NamedTuple

from .maths import Value, exp
from .model import Neuron, warn_if_coarse
from .parameters import parameter
from .synapse import Synapse

__all__ = ["Alpha", "AlphaState", "AlphaStep"]


class AlphaState(NamedTuple):
    """current: the synaptic current; rising: what it follows. Both in the unit of the weight, shape (n,)."""

    current: Value
    rising: Value


class AlphaStep(NamedTuple):
    """Coefficients of `Alpha` at one dt on one neuron model."""

    decay_syn: Value
    follow: Value
    peak: Value
    gain: Value
    gain_rising: Value

    def current(self, state: AlphaState, v: Value) -> Value:
        return self.gain * state.current + self.gain_rising * state.rising

    def decay(self, state: AlphaState) -> AlphaState:
        return AlphaState((state.current + state.rising * self.follow) * self.decay_syn, state.rising * self.decay_syn)

    def arrive(self, state: AlphaState, weight: Value) -> AlphaState:
        return AlphaState(state.current, state.rising + weight * self.peak)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Alpha(Synapse):
    """The current of one spike rises to the weight at tau_syn and falls again: weight (t / tau_syn) exp(1 - t / tau_syn).

        tau_syn dI/dt = rising - I;  tau_syn drising/dt = -rising;  spike: rising <- rising + e weight

    Parameters   tau_syn   time to the peak, ms, > 0
    State        current, rising, in the weight's unit (nA on LIF, pA on Izhikevich2007), shape (n,)
    Raises       InvalidValue if tau_syn <= 0
    Source       Rall 1967, doi:10.1152/jn.1967.30.5.1138; Rotter & Diesmann 1999, doi:10.1007/s004220050570
    Deviations   the weight is the peak, not the charge (which is e weight tau_syn); exact on LIF (to 1e-8); on
                 models integrated by Euler's method the current at the start of the step counts for all of it
    """

    tau_syn: float = parameter(2.0, "ms", above=0.0)

    def discretise(self, dt: float, neuron: Neuron) -> AlphaStep:
        warn_if_coarse("Alpha.tau_syn", self.tau_syn, dt)
        gain = neuron.exponential_gain(dt, self.tau_syn)
        # t/tau exp(-t/tau) is the slope of exp(-t/tau) in log tau, so its gain is the gain's own slope
        h = 1e-4
        up, down = (neuron.exponential_gain(dt, self.tau_syn * math.exp(s * h)) for s in (1.0, -1.0))
        return AlphaStep(exp(-dt / self.tau_syn), dt / self.tau_syn, math.e, gain, (up - down) / (2.0 * h))

    def initial_state(self) -> AlphaState:
        return AlphaState(0.0, 0.0)
