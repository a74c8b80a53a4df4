"""Samples of spikes as events: for rules that go from spike to spike and not from step to step."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..neurons import InvalidValue

__all__ = ["SpikeTrains"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class SpikeTrains:
    """Spikes of n_in input neurons in several samples, one sample after the other.

    Parameters   n_in      input neurons, >= 1
                 offsets   (samples + 1,): the spikes of sample s stand from offsets[s] to before offsets[s + 1]
                 times     (spikes,) ms, finite, ascending within a sample
                 neurons   (spikes,) from 0 to n_in - 1
    Raises       InvalidValue
    Source       none
    Deviations   none
    """

    n_in: int
    offsets: NDArray[np.int64]
    times: NDArray[np.float64]
    neurons: NDArray[np.int64]

    def __post_init__(self) -> None:
        if isinstance(self.n_in, bool) or not isinstance(self.n_in, int | np.integer) or self.n_in < 1:
            raise InvalidValue("SpikeTrains.n_in", self.n_in, "a whole number >= 1")
        offsets, neurons = _whole("offsets", self.offsets), _whole("neurons", self.neurons)
        times = _numbers("times", self.times)
        if times.shape != neurons.shape:
            raise InvalidValue("SpikeTrains.neurons", f"shape {neurons.shape}", f"{times.shape}, as times")
        if not offsets.size or offsets[0] != 0 or offsets[-1] != times.size or (np.diff(offsets) < 0).any():
            raise InvalidValue(
                "SpikeTrains.offsets", offsets, f"ascending from 0 to the number of spikes, {times.size}"
            )
        if neurons.size and not 0 <= neurons.min() <= neurons.max() < self.n_in:
            found = neurons.min() if neurons.min() < 0 else neurons.max()
            raise InvalidValue("SpikeTrains.neurons", found, f"from 0 to n_in - 1 = {self.n_in - 1}")
        back = (
            np.flatnonzero(np.diff(times) < 0.0) + 1
        )  # places of spikes that come before the one that stands before them
        wrong = np.setdiff1d(back, offsets)
        if wrong.size:
            raise InvalidValue(
                "SpikeTrains.times", f"{times[wrong[0]]} at index {wrong[0]}", "ascending within a sample"
            )
        for name, array in (("offsets", offsets), ("times", times), ("neurons", neurons)):
            object.__setattr__(self, name, array)

    @classmethod
    def from_dense(cls, spiked: ArrayLike, dt: float) -> Self:
        """Of an array (time, sample, channel) that is not 0 where a channel fires; step t is at t dt ms.

        Raises       InvalidValue for another number of axes, or dt <= 0
        """
        array = np.asarray(spiked)
        if array.ndim != 3 or array.shape[2] < 1:
            raise InvalidValue("SpikeTrains: spiked", f"shape {array.shape}", "(time, sample, channel)")
        if isinstance(dt, bool) or not isinstance(dt, int | float) or not 0.0 < dt < math.inf:
            raise InvalidValue("SpikeTrains: dt", dt, "> 0 ms and finite")
        sample, step, channel = np.nonzero(
            array.transpose(1, 0, 2)
        )  # in this order: sample by sample, by time within it
        counts = np.bincount(sample, minlength=array.shape[1])
        offsets = np.concatenate([[0], np.cumsum(counts)])
        return cls(n_in=array.shape[2], offsets=offsets, times=step.astype(np.float64) * dt, neurons=channel)

    @property
    def samples(self) -> int:
        """How many samples there are."""
        return self.offsets.size - 1


def _whole(name: str, value: Any) -> NDArray[np.int64]:
    array = np.asarray(value)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise InvalidValue(f"SpikeTrains.{name}", f"{array.dtype} of shape {array.shape}", "whole numbers in one row")
    return np.ascontiguousarray(array, dtype=np.int64)


def _numbers(name: str, value: Any) -> NDArray[np.float64]:
    array = np.asarray(value)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iuf"):
        raise InvalidValue(f"SpikeTrains.{name}", f"{array.dtype} of shape {array.shape}", "numbers in one row")
    made = np.ascontiguousarray(array, dtype=np.float64)
    if not np.isfinite(made).all():
        raise InvalidValue(f"SpikeTrains.{name}", made[~np.isfinite(made)][0], "finite")
    return made
