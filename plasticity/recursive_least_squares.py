"""Recursive least squares: the learning rule of FORCE."""

from __future__ import annotations

import dataclasses
import math
from typing import NamedTuple

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from ..neurons import parameter
from .contract import Floats, ReadoutRule
from .linear import add_four, add_scaled, dot

__all__ = ["ChannelwiseRecursiveLeastSquares", "RecursiveLeastSquares", "RecursiveLeastSquaresState"]

_PENDING = 16  # rank-1 corrections kept apart before they are written into the inverse: one pass over it for 16


class RecursiveLeastSquaresState(NamedTuple):
    """P = inverse - sum of sign outer(gain, gain) over the first `pending` gains; lower triangle only.

    inverse (groups, n, n), gains (groups, 16, n), signs (groups, 16), pending (groups,), filtered (n,) scratch.
    """

    inverse: Floats
    gains: Floats
    signs: Floats
    pending: NDArray[np.int64]
    filtered: Floats


@register_jitable
def _filter(inverse: Floats, gains: Floats, signs: Floats, pending: int, x: Floats, y: Floats) -> None:
    """y = P x, reading each entry of the lower triangle once, four rows at a time."""
    n = x.size
    for i in range(n):
        y[i] = 0.0
    fours = n - n % 4
    for i in range(0, fours, 4):
        add_four(
            y[:i], x[i], inverse[i, :i], x[i + 1], inverse[i + 1, :i],
            x[i + 2], inverse[i + 2, :i], x[i + 3], inverse[i + 3, :i],
        )  # fmt: skip
        for j in range(i, i + 4):
            y[j] += dot(inverse[j, :i], x[:i]) + inverse[j, j] * x[j]
            for k in range(i, j):
                y[j] += inverse[j, k] * x[k]
                y[k] += inverse[j, k] * x[j]
    for i in range(fours, n):
        y[i] = dot(inverse[i, :i], x[:i]) + inverse[i, i] * x[i]
        add_scaled(y[:i], x[i], inverse[i, :i])
    for m in range(pending):
        add_scaled(y, -signs[m] * dot(gains[m], x), gains[m])


@register_jitable
def _absorb(inverse: Floats, gains: Floats, signs: Floats) -> None:
    """inverse <- inverse - sum of sign outer(gain, gain) over all gains, lower triangle."""
    for i in range(inverse.shape[0]):
        for m in range(0, gains.shape[0], 4):
            add_four(
                inverse[i, : i + 1],
                -signs[m] * gains[m, i], gains[m, : i + 1], -signs[m + 1] * gains[m + 1, i], gains[m + 1, : i + 1],
                -signs[m + 2] * gains[m + 2, i], gains[m + 2, : i + 1], -signs[m + 3] * gains[m + 3, i], gains[m + 3, : i + 1],
            )  # fmt: skip


@register_jitable
def _gain(state: RecursiveLeastSquaresState, group: int, forgetting: float, features: Floats) -> float:
    """One update of P of this group; leaves P features in `state.filtered` and returns 1 + features' P features."""
    inverse, gains, signs, filtered = state.inverse[group], state.gains[group], state.signs[group], state.filtered
    pending = state.pending[group]
    _filter(inverse, gains, signs, pending, features, filtered)
    excited = dot(features, filtered)
    if excited > 0.0:
        share = (forgetting * excited - (1.0 - forgetting)) / (forgetting * excited * (1.0 + excited))
        signs[pending] = 1.0 if share >= 0.0 else -1.0
        root = math.sqrt(abs(share))
        for i in range(filtered.size):
            gains[pending, i] = root * filtered[i]
        pending += 1
        if pending == gains.shape[0]:
            _absorb(inverse, gains, signs)
            pending = 0
        state.pending[group] = pending
    return 1.0 + excited


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

        k = P x / (1 + x' P x);  w_c += attention_c (target_c - prediction_c) k
        P <- P - k x' P;         P(0) = identity / alpha

    With forgetting below 1 what was learned loses weight, only in the direction of x (directional forgetting):

        P <- P - (forgetting s - 1 + forgetting) / (forgetting s (1 + s)) P x x' P,   s = x' P x

    Factors      presynaptic: P x, which needs every other neuron's activity (not local); third: the channel's error
    Parameters   alpha        regularisation at the start, > 0: small learns fast
                 forgetting   in (0, 1]; 1 never forgets; lower tracks changes: along x, P is divided by `forgetting`
    State        P, n^2 numbers, always float64 (in float32 it loses symmetry and diverges)
    Source       Sussillo & Abbott 2009, doi:10.1016/j.neuron.2009.07.018; Nicola & Clopath 2017,
                 doi:10.1038/s41467-017-01827-3; forgetting: Kulhavy 1987, doi:10.1016/0005-1098(87)90053-0
    Deviations   corrections of P are absorbed 16 at a time, which changes rounding only; P moves whenever any channel
                 attends; not the textbook's exponential forgetting, which divides all of P at every update: directions
                 that features do not visit then grow without bound, and on a circuit that repeats itself it diverges
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
    gains, signs = np.zeros((groups, _PENDING, n)), np.zeros((groups, _PENDING))
    return RecursiveLeastSquaresState(inverse, gains, signs, np.zeros(groups, np.int64), np.zeros(n))
