"""Synapses that open a conductance."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np

from .errors import InvalidValue
from .maths import Value, exp
from .model import Neuron, warn_if_coarse
from .parameters import parameter
from .synapse import Synapse

__all__ = ["Conductance", "ConductanceState", "ConductanceStep"]


class ConductanceState(NamedTuple):
    """conductance: in the weight's unit, shape (n,)."""

    conductance: Value


class ConductanceStep(NamedTuple):
    """Coefficients of `Conductance` at one dt."""

    decay_syn: Value
    e_reversal: Value

    def current(self, state: ConductanceState, v: Value) -> Value:
        return state.conductance * (self.e_reversal - v)

    def decay(self, state: ConductanceState) -> ConductanceState:
        return ConductanceState(state.conductance * self.decay_syn)

    def arrive(self, state: ConductanceState, weight: Value) -> ConductanceState:
        return ConductanceState(state.conductance + weight)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Conductance(Synapse):
    """An arriving spike opens a conductance, which closes exponentially; the current depends on the membrane.

        tau_syn dg/dt = -g;  I = g (e_reversal - v);  spike: g <- g + weight

    Parameters   tau_syn      time constant, ms, > 0
                 e_reversal   reversal potential, mV: 0 excites, about -80 inhibits
    State        conductance, in the weight's unit, shape (n,): nS on COBA, AdEx and HodgkinHuxley (which take pA); uS on LIF
    Raises       InvalidValue if tau_syn <= 0; `connect` and `PoissonInput` for a weight < 0
    Source       Brette et al. 2007, doi:10.1007/s10827-007-0038-6 (benchmark 1)
    Deviations   the conductance decays exactly; v and g at the start of the step count for all of it
    """

    tau_syn: float = parameter(5.0, "ms", above=0.0)
    e_reversal: float = parameter(0.0, "mV")

    def discretise(self, dt: float, neuron: Neuron) -> ConductanceStep:
        warn_if_coarse("Conductance.tau_syn", self.tau_syn, dt)
        return ConductanceStep(exp(-dt / self.tau_syn), self.e_reversal)

    def check_weight(self, field: str, weight: Any) -> None:
        """A negative conductance would drive v away from e_reversal, without end."""
        least = np.min(weight, initial=0.0)
        if least < 0.0:
            fix = "clip the distribution, or inhibit by an e_reversal below rest"
            raise InvalidValue(field, float(least), ">= 0 for a Conductance", fix)

    def initial_state(self) -> ConductanceState:
        return ConductanceState(0.0)
