"""Recursive least squares: the learning rule of FORCE."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from ..neurons import parameter
from .contract import Floats, ReadoutRule
from .linear import add_scaled, dot

__all__ = ["ChannelwiseRecursiveLeastSquares", "RecursiveLeastSquares", "RecursiveLeastSquaresState"]

_PENDING = 16  # rank-1 corrections kept apart before they are written into the inverse: one pass over it for 16


class RecursiveLeastSquaresState(NamedTuple):
    """P = scale (inverse - sum of outer(gain, gain) over the first `pending` gains); lower triangle only.

    inverse (groups, n, n), gains (groups, 16, n), pending (groups,), scale (groups,), filtered (n,) scratch.
    """

    inverse: Floats
    gains: Floats
    pending: NDArray[np.int64]
    scale: Floats
    filtered: Floats


@register_jitable
def _filter(inverse: Floats, gains: Floats, pending: int, scale: float, x: Floats, y: Floats) -> None:
    """y = P x, reading each entry of the lower triangle once."""
    for i in range(x.size):
        row = inverse[i, :i]
        y[i] = dot(row, x[:i]) + inverse[i, i] * x[i]
        add_scaled(y[:i], x[i], row)
    for m in range(pending):
        add_scaled(y, -dot(gains[m], x), gains[m])
    for i in range(y.size):
        y[i] *= scale


@register_jitable
def _absorb(inverse: Floats, gains: Floats, pending: int, scale: float) -> None:
    """inverse <- scale (inverse - sum of outer products of the pending gains), lower triangle."""
    for i in range(inverse.shape[0]):
        row = inverse[i, : i + 1]
        for m in range(pending):
            add_scaled(row, -gains[m, i], gains[m, : i + 1])
        for j in range(i + 1):
            row[j] *= scale


@register_jitable
def _gain(state: RecursiveLeastSquaresState, group: int, forgetting: float, features: Floats) -> float:
    """One update of P of this group; leaves P features in `state.filtered` and returns its divisor."""
    inverse, gains, filtered = state.inverse[group], state.gains[group], state.filtered
    pending, scale = state.pending[group], state.scale[group]
    _filter(inverse, gains, pending, scale, features, filtered)
    divisor = forgetting + dot(features, filtered)
    root = (divisor * scale) ** 0.5
    for i in range(filtered.size):
        gains[pending, i] = filtered[i] / root
    pending, scale = pending + 1, scale / forgetting
    if pending == gains.shape[0]:
        _absorb(inverse, gains, pending, scale)
        pending, scale = 0, 1.0
    state.pending[group], state.scale[group] = pending, scale
    return divisor


class RecursiveLeastSquaresStep(NamedTuple):
    forgetting: float

    def learn(
        self,
        state: RecursiveLeastSquaresState,
        weight: Floats,
        features: Floats,
        prediction: Floats,
        target: Floats,
        attention: Floats,
    ) -> None:
        divisor = _gain(state, 0, self.forgetting, features)
        for c in range(prediction.size):
            add_scaled(weight[c], attention[c] * (target[c] - prediction[c]) / divisor, state.filtered)


class ChannelwiseStep(NamedTuple):
    forgetting: float

    def learn(
        self,
        state: RecursiveLeastSquaresState,
        weight: Floats,
        features: Floats,
        prediction: Floats,
        target: Floats,
        attention: Floats,
    ) -> None:
        for c in range(prediction.size):
            if attention[c] != 0.0:
                divisor = _gain(state, c, self.forgetting, features)
                add_scaled(weight[c], attention[c] * (target[c] - prediction[c]) / divisor, state.filtered)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class RecursiveLeastSquares(ReadoutRule):
    """Recursive least squares with one inverse correlation matrix P for all channels, as FORCE uses it.

        k = P x / (forgetting + x' P x);  w_c += attention_c (target_c - prediction_c) k
        P <- (P - k x' P) / forgetting;   P(0) = identity / alpha

    Factors      presynaptic: P x, which needs every other neuron's activity (not local); third: the channel's error
    Parameters   alpha        regularisation at the start, > 0: small learns fast
                 forgetting   in (0, 1]; 1 never forgets, lower tracks changes
    State        P, n^2 numbers, always float64 (in float32 it loses symmetry and diverges)
    Source       Sussillo & Abbott 2009, doi:10.1016/j.neuron.2009.07.018; Nicola & Clopath 2017,
                 doi:10.1038/s41467-017-01827-3
    Deviations   corrections of P are absorbed 16 at a time, which changes rounding only; P moves whenever any channel
                 attends
    """

    alpha: float = parameter(1.0, "1", above=0.0)
    forgetting: float = parameter(1.0, "1", above=0.0, at_most=1.0)

    def discretise(self, every: float) -> RecursiveLeastSquaresStep:
        return RecursiveLeastSquaresStep(self.forgetting)

    def initial_state(self, channels: int, features: int) -> RecursiveLeastSquaresState:
        return _initial_state(1, features, self.alpha)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ChannelwiseRecursiveLeastSquares(ReadoutRule):
    """Recursive least squares with an inverse correlation matrix P for each channel, updated where the channel attends.

        as `RecursiveLeastSquares`, with P_c in the place of P

    Factors, Parameters, Source   as `RecursiveLeastSquares`
    State        channels times n^2 numbers
    Deviations   as `RecursiveLeastSquares`; with attention always 1 both are the same rule
    """

    alpha: float = parameter(1.0, "1", above=0.0)
    forgetting: float = parameter(1.0, "1", above=0.0, at_most=1.0)

    def discretise(self, every: float) -> ChannelwiseStep:
        return ChannelwiseStep(self.forgetting)

    def initial_state(self, channels: int, features: int) -> RecursiveLeastSquaresState:
        return _initial_state(channels, features, self.alpha)


def _initial_state(groups: int, n: int, alpha: float) -> RecursiveLeastSquaresState:
    inverse = np.zeros((groups, n, n))
    inverse[:, np.arange(n), np.arange(n)] = 1.0 / alpha
    return RecursiveLeastSquaresState(
        inverse, np.zeros((groups, _PENDING, n)), np.zeros(groups, np.int64), np.ones(groups), np.zeros(n)
    )
