"""Encoders: from numbers (an image's pixels, a sensor's values) to spikes that a population can play.

Both take values in [0, 1] of shape (n,) and return a `SpikeList` for a population of n neurons.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InvalidValue
from .randomness import check_seed, setup_generator
from .source import SpikeList

__all__ = ["encode_latency", "encode_rate"]


def encode_rate(
    values: ArrayLike, *, duration: float, max_rate: float, seed: int, sample: int = 0, dt: float = 1.0
) -> SpikeList:
    """Poisson spikes at `value * max_rate` Hz for `duration` ms.

    Parameters   values     in [0, 1], shape (n,)
                 duration   ms, > 0
                 max_rate   Hz, > 0, with max_rate dt <= 1 spike per step
                 seed, sample   the draw is a pure function of both, so images can be encoded in any order
                 dt         grid of the spikes, ms
    Raises       InvalidValue for values outside [0, 1] or a rate that dt cannot hold
    Source       none
    Deviations   Bernoulli per step of dt: the mean rate is exact
    """
    values = _checked("encode_rate", values, duration, dt)
    if not 0.0 < max_rate * dt * 1e-3 <= 1.0:
        raise InvalidValue("encode_rate: max_rate", f"{max_rate} Hz", f"> 0 and <= {1e3 / dt:g} Hz at dt = {dt:g} ms")
    steps = math.ceil(duration / dt - 1e-9)
    draws = setup_generator(check_seed("encode_rate: seed", seed), sample).random((steps, values.size))
    step, neuron = np.nonzero(draws < values * (max_rate * dt * 1e-3))
    return SpikeList(times=step * dt, neurons=neuron)


def encode_latency(values: ArrayLike, *, duration: float, dt: float = 1.0, threshold: float = 0.0) -> SpikeList:
    """One spike per neuron, the earlier the larger the value: time = (1 - value) duration; none at or below `threshold`.

    Parameters   values      in [0, 1], shape (n,)
                 duration    ms, > 0: the latency of the smallest value
                 dt          grid of the spikes, ms
                 threshold   values at or below it stay silent
    Raises       InvalidValue for values outside [0, 1]
    Source       Thorpe, Delorme & Van Rullen 2001, doi:10.1016/S0893-6080(01)00083-1 (latency and rank codes)
    Deviations   linear latency, rounded to the grid of dt
    """
    values = _checked("encode_latency", values, duration, dt)
    neuron = np.nonzero(values > threshold)[0]
    step = np.round((1.0 - values[neuron]) * duration / dt)
    return SpikeList(times=step * dt, neurons=neuron)


def _checked(name: str, values: ArrayLike, duration: float, dt: float) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise InvalidValue(f"{name}: values", f"shape {array.shape}", "of shape (n,)", "flatten images first")
    if array.size and not (np.isfinite(array).all() and array.min() >= 0.0 and array.max() <= 1.0):
        raise InvalidValue(f"{name}: values", f"{array.min()} to {array.max()}", "in [0, 1]", "scale them first")
    if not (math.isfinite(duration) and math.isfinite(dt) and 0.0 < dt <= duration):
        raise InvalidValue(f"{name}: duration", f"{duration} ms at dt = {dt} ms", "> 0 and >= dt")
    return array
