"""What a readout rule is: how a linear readout's weights change, from what is known at one update.

A rule is parameters with two functions and a NamedTuple of coefficients with one method:

    discretise(every) -> step                          coefficients for one update every `every` ms
    initial_state(channels, features) -> state         a NamedTuple of arrays that the caller owns
    step.learn(state, weight, features, prediction, target, attention)
        changes `weight` (channels, features) and `state` in place; `features` (features,), `prediction`, `target` and
        `attention` (channels,). A channel whose attention is 0 does not learn.

The method is compiled into the event loop, found by its type like a neuron's; in Python it is the same method.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numba.extending import overload
from numpy.typing import NDArray

from ..neurons import Parameters
from ..neurons.model import method_of

__all__ = ["Floats", "ReadoutRule", "learn"]

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ReadoutRule(Parameters):
    """Base of rules for readouts."""

    def discretise(self, every: float) -> Any:
        """Coefficients for one update every `every` ms."""
        raise NotImplementedError

    def initial_state(self, channels: int, features: int) -> Any:
        """What the rule remembers besides the weights: a NamedTuple of arrays, () if nothing."""
        raise NotImplementedError


def learn(
    step: Any,
    state: Any,
    weight: Floats,
    features: Floats,
    prediction: Floats,
    target: Floats,
    attention: Floats,
) -> None:
    """`step.learn(...)`, in compiled code too."""
    step.learn(state, weight, features, prediction, target, attention)


@overload(learn)
def _learn(step, state, weight, features, prediction, target, attention):  # type: ignore[no-untyped-def]
    method = method_of(step, "learn")
    return lambda step, state, weight, features, prediction, target, attention: method(
        step, state, weight, features, prediction, target, attention
    )
