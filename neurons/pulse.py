"""The synapse whose spike is a current of one step: what a network of layers has, and Izhikevich's programs."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from .maths import Value
from .model import Neuron
from .synapse import Synapse

__all__ = ["Pulse", "PulseState", "PulseStep"]


class PulseState(NamedTuple):
    """current: what arrived in the last step, shape (n,)."""

    current: Value


class PulseStep(NamedTuple):
    """Coefficients of `Pulse`; `left` is what remains after the step."""

    left: Value

    def current(self, state: PulseState, v: Value) -> Value:
        return state.current

    def decay(self, state: PulseState) -> PulseState:
        return PulseState(self.left)

    def arrive(self, state: PulseState, weight: Value) -> PulseState:
        return PulseState(state.current + weight)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Pulse(Synapse):
    """An arriving spike is a current of its weight during the one step that follows.

    Parameters   none; the weight is in the neuron's unit of current (nA on LIF, mV/ms on Izhikevich)
    State        current, shape (n,)
    Source       Izhikevich 2003, doi:10.1109/TNN.2003.820440, whose program adds weights to the current of a step
    Deviations   none; the charge of a spike is weight dt, so that halving dt halves what it does
    """

    def discretise(self, dt: float, neuron: Neuron) -> PulseStep:
        return PulseStep(0.0)

    def initial_state(self) -> PulseState:
        return PulseState(0.0)
