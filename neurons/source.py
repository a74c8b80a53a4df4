"""Where activity comes from: currents and noise that drive neurons, and populations that fire by themselves.

A *drive* (`Current`, `GaussianNoise`, `Waveform`) adds to the input current of neurons. A *source population*
(`Poisson`, `SpikeList`) is a neuron model like any other whose only input is its own drive.
What compiled code sees of a drive is a NamedTuple with the method `apply(current, step)`, which adds to the array of
currents of the group; `index` says which neurons. All randomness is counted by (seed, stream, entity, step).
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload
from numpy.typing import ArrayLike, NDArray

from .errors import InvalidValue
from .maths import Value
from .model import Neuron, method_of
from .parameters import Parameters, as_numbers, parameter
from .randomness import philox_words, two_normals

__all__ = ["Current", "Drive", "GaussianNoise", "Poisson", "SpikeList", "Waveform", "apply", "steps_in"]

Index = NDArray[np.int32]
Floats = NDArray[np.float64]


def steps_in(field: str, time: float, dt: float) -> int:
    """`time` ms as a whole number of steps of `dt` ms.

    Raises       InvalidValue if it is negative, not finite or not a multiple of dt
    """
    if isinstance(time, bool) or not (isinstance(time, int | float | np.number) and math.isfinite(time)) or time < 0:
        raise InvalidValue(field, time, ">= 0 ms")
    steps = round(time / dt)
    if abs(steps * dt - time) > 1e-9 * max(1.0, abs(time)):
        raise InvalidValue(field, f"{time} ms", f"a multiple of dt = {dt} ms", f"use {steps * dt:g} or lower dt")
    return steps


def _pairs_within(index: Index, low: int, high: int) -> tuple[slice, Index]:
    """The whole pairs of places that cover neurons low..high, and their index counted from low; -1 for other neurons."""
    here = (index >= low) & (index < high)
    where = np.flatnonzero(here)
    begin, end = (int(where[0]) // 2 * 2, int(where[-1]) // 2 * 2 + 2) if where.size else (0, 0)
    pairs = slice(begin, min(end, index.size))
    return pairs, np.where(here, index - np.int32(low), np.int32(-1))[pairs].astype(np.int32)


def apply(drive: Any, current: Floats, step: int) -> None:
    """`drive.apply(current, step)`, in compiled code too."""
    drive.apply(current, step)


@overload(apply)
def _apply(drive, current, step):  # type: ignore[no-untyped-def]
    method = method_of(drive, "apply")
    return lambda drive, current, step: method(drive, current, step)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Drive(Parameters):
    """Base of what `Network.drive` takes: a current into neurons, or an input that arrives at their synapses."""

    def lower(self, index: Index, dt: float, seed: int, stream: int) -> Any:
        """The NamedTuple that the event loop calls; `index` are the driven neurons, shape (n,).

        Its method `within(low, high)` gives the part that drives neurons low..high, counted from low: a thread's share.
        """
        raise NotImplementedError


class CurrentStep(NamedTuple):
    index: Index
    amplitude: Floats
    first: int
    last: int

    def apply(self, current: Floats, step: int) -> None:
        if self.first <= step < self.last:
            for i in range(self.index.size):
                current[self.index[i]] += self.amplitude[i]

    def within(self, low: int, high: int) -> CurrentStep:
        here = (self.index >= low) & (self.index < high)
        return self._replace(index=self.index[here] - np.int32(low), amplitude=self.amplitude[here])


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Current(Drive):
    """A constant current from `start` until `stop`.

    Parameters   amplitude   the neuron's unit of current (nA on LIF, mV/ms on Izhikevich); a number, (n,) or Distribution
                 start       ms, >= 0, rounded to the grid of dt
                 stop        ms; infinity for always
    Raises       InvalidValue if stop < start
    Source       none
    Deviations   none
    """

    amplitude: Value = parameter(0.0, "units of current")
    start: float = parameter(0.0, "ms", at_least=0.0)
    stop: float = math.inf

    def check(self) -> None:
        number = isinstance(self.stop, int | float | np.number) and not isinstance(self.stop, bool)
        if not number or not self.start <= self.stop:
            raise InvalidValue("Current.stop", self.stop, f">= start = {self.start:g} ms")

    def lower(self, index: Index, dt: float, seed: int, stream: int) -> CurrentStep:
        last = 2**62 if math.isinf(self.stop) else round(self.stop / dt)
        amplitude = np.broadcast_to(np.asarray(self.amplitude, dtype=np.float64), index.shape).copy()
        return CurrentStep(index, amplitude, round(self.start / dt), last)


class GaussianNoiseStep(NamedTuple):
    index: Index
    mean: Floats
    std: Floats
    pair: int  # number of the first pair: draws are counted by the place among all driven neurons
    seed: int
    stream: int

    def apply(self, current: Floats, step: int) -> None:
        n = self.index.size
        for pair in range((n + 1) // 2):
            first, second = two_normals(self.seed, self.stream, self.pair + pair, step)
            i = 2 * pair
            if self.index[i] >= 0:
                current[self.index[i]] += self.mean[i] + self.std[i] * first
            if i + 1 < n and self.index[i + 1] >= 0:
                current[self.index[i + 1]] += self.mean[i + 1] + self.std[i + 1] * second

    def within(self, low: int, high: int) -> GaussianNoiseStep:
        pairs, index = _pairs_within(self.index, low, high)
        return self._replace(index=index, mean=self.mean[pairs], std=self.std[pairs], pair=self.pair + pairs.start // 2)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class GaussianNoise(Drive):
    """A current drawn afresh for every neuron at every step from a normal distribution, as in Izhikevich 2003.

    Parameters   std    standard deviation of each draw, the neuron's unit of current, >= 0
                 mean   its mean, same unit
    Source       Izhikevich 2003, doi:10.1109/TNN.2003.820440
    Deviations   the variance is per step, as in the paper's program: halving dt halves the noise that a slow membrane
                 feels; scale std by sqrt(old dt / new dt) to keep it
    """

    std: Value = parameter(1.0, "units of current", at_least=0.0)
    mean: Value = parameter(0.0, "units of current")

    def lower(self, index: Index, dt: float, seed: int, stream: int) -> GaussianNoiseStep:
        mean = np.broadcast_to(np.asarray(self.mean, dtype=np.float64), index.shape).copy()
        std = np.broadcast_to(np.asarray(self.std, dtype=np.float64), index.shape).copy()
        return GaussianNoiseStep(index, mean, std, 0, seed, stream)


class WaveformStep(NamedTuple):
    index: Index
    values: Floats  # (rows, channels)
    weight: Floats  # (channels, n)
    every: int

    def apply(self, current: Floats, step: int) -> None:
        row = step // self.every
        if row < self.values.shape[0]:
            for channel in range(self.values.shape[1]):
                value = self.values[row, channel]
                if value != 0.0:
                    for i in range(self.index.size):
                        current[self.index[i]] += value * self.weight[channel, i]

    def within(self, low: int, high: int) -> WaveformStep:
        here = (self.index >= low) & (self.index < high)
        return self._replace(index=self.index[here] - np.int32(low), weight=np.ascontiguousarray(self.weight[:, here]))


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Waveform(Drive):
    """Time-varying input: I_i(t) = sum over channels c of values[t, c] weight[c, i]; 0 after the last row.

    Parameters   values   shape (rows,) or (rows, channels), any unit
                 weight   shape (channels, n), units of current per unit of `values`; default 1 for one channel
                 every    ms per row, a multiple of dt
    Raises       InvalidValue for values that are not finite or shapes that do not fit
    Source       none
    Deviations   none
    """

    values: ArrayLike = dataclasses.field(default=())
    weight: ArrayLike | None = None
    every: float = parameter(1.0, "ms", above=0.0)

    def check(self) -> None:
        values = np.atleast_1d(as_numbers("Waveform.values", self.values, "of shape (rows,) or (rows, channels)"))
        if values.ndim > 2:
            raise InvalidValue("Waveform.values", f"shape {values.shape}", "of shape (rows,) or (rows, channels)")
        values = values.reshape(len(values), -1) if values.size else np.zeros((0, 1))
        if not np.isfinite(values).all():
            raise InvalidValue("Waveform.values", "a NaN or infinity", "finite")
        object.__setattr__(self, "values", values)
        if self.weight is not None:
            weight = np.atleast_2d(as_numbers("Waveform.weight", self.weight, "of shape (channels, n)"))
            if not np.isfinite(weight).all():
                raise InvalidValue("Waveform.weight", "a NaN or infinity", "finite")
            if weight.ndim != 2 or weight.shape[0] != values.shape[1]:
                raise InvalidValue("Waveform.weight", f"shape {weight.shape}", f"of shape ({values.shape[1]}, n)")
            object.__setattr__(self, "weight", weight)

    def lower(self, index: Index, dt: float, seed: int, stream: int) -> WaveformStep:
        values = np.asarray(self.values)
        weight = np.ones((values.shape[1], index.size)) if self.weight is None else np.asarray(self.weight)
        if weight.shape[1] != index.size:
            raise InvalidValue("Waveform.weight", f"shape {weight.shape}", f"of shape (channels, {index.size})")
        every = steps_in("Waveform.every", self.every, dt)
        if every < 1:
            raise InvalidValue("Waveform.every", self.every, f">= dt = {dt} ms")
        return WaveformStep(index, np.ascontiguousarray(values), np.ascontiguousarray(weight), every)


class SourceState(NamedTuple):
    """margin: how far this step's input lies above what makes the source fire; shape (n,)."""

    margin: Value


class SourceStep(NamedTuple):
    """Fires where its own drive reaches `level`; what arrives from synapses does not touch it."""

    level: Value

    def integrate(self, state: SourceState, current: Value) -> SourceState:
        return SourceState(current - self.level)

    def excess(self, state: SourceState) -> Value:
        return state.margin

    def reset(self, state: SourceState, spiked: Value) -> SourceState:
        return state

    def receive(self, state: SourceState, jump: Value) -> SourceState:
        return state


class BernoulliStep(NamedTuple):
    """Fires neuron `first` + i of a population, which stands at start + i, where its word is below its level."""

    start: int
    first: int
    level: NDArray[np.uint64]  # (n,): 2**32 times the probability
    words: NDArray[np.uint32]  # scratch (64,)
    seed: int
    stream: int

    def apply(self, current: Floats, step: int) -> None:
        words, level, last = self.words, self.level, self.first + self.level.size
        for block in range(self.first // 64, (last + 63) // 64):
            philox_words(words, block, step, self.stream, self.seed)
            begin, end = max(self.first - 64 * block, 0), min(last - 64 * block, 64)
            at = 64 * block - self.first
            for i in range(begin, end):
                if words[i] < level[at + i]:
                    current[self.start + at + i] = 1.0

    def within(self, low: int, high: int) -> BernoulliStep:
        begin = min(max(low - self.start, 0), self.level.size)
        end = min(max(high - self.start, begin), self.level.size)
        return self._replace(
            start=self.start + begin - low, first=self.first + begin, level=self.level[begin:end],
            words=np.zeros(64, np.uint32),
        )  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Source(Neuron):
    """Base of populations that fire by themselves; `own_drive` is what makes them."""

    def initial_state(self) -> SourceState:
        """Nothing to remember."""
        return SourceState(-1.0)

    def own_drive(self, index: Index, dt: float, seed: int, stream: int) -> Any:
        """The lowered drive that makes this population fire."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Poisson(Source):
    """Neurons that fire independently at random, each step with probability rate dt.

    Parameters   rate   Hz, >= 0; a number, (n,) or Distribution
    State        none to speak of
    Raises       InvalidValue when made with rate < 0, or when lowered with rate dt > 1
    Source       none
    Deviations   at most one spike per neuron and step: the mean rate is exact (to 2**-32 per step), the variance of counts
                 is that of a Bernoulli train, lower by the factor 1 - rate dt
    """

    rate: Value = parameter(10.0, "Hz", at_least=0.0)

    def discretise(self, dt: float) -> SourceStep:
        """Fires where its drive is 1."""
        probability = self.rate * dt * 1e-3
        if np.max(probability) > 1.0:
            raise InvalidValue("Poisson.rate", f"{np.max(self.rate):g} Hz", f"<= {1e3 / dt:g} Hz at dt = {dt:g} ms")
        return SourceStep(0.5)

    def own_drive(self, index: Index, dt: float, seed: int, stream: int) -> BernoulliStep:
        level = np.broadcast_to(np.round(np.asarray(self.rate) * (dt * 1e-3 * 2.0**32)), index.shape)
        return BernoulliStep(int(index[0]), 0, level.astype(np.uint64), np.zeros(64, np.uint32), seed, stream)


class SpikeListStep(NamedTuple):
    index: Index
    at: NDArray[np.int64]  # step of each spike, ascending
    neuron: Index

    def apply(self, current: Floats, step: int) -> None:
        k = np.searchsorted(self.at, step)
        while k < self.at.size and self.at[k] == step:
            current[self.index[self.neuron[k]]] = 1.0
            k += 1

    def within(self, low: int, high: int) -> SpikeListStep:
        place = self.index[self.neuron]
        here = (place >= low) & (place < high)
        return self._replace(index=self.index - np.int32(low), at=self.at[here], neuron=self.neuron[here])


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class SpikeList(Source):
    """Neurons that fire at given times.

    Parameters   times     ms, >= 0, shape (spikes,), in any order
                 neurons   which neuron of the population fires, shape (spikes,), whole numbers
    State        none to speak of
    Raises       InvalidValue for times or neurons that are negative, not finite or of unequal length
    Source       none
    Deviations   a spike belongs to the step of dt that contains it; several of one neuron in one step count once
    """

    times: ArrayLike = ()
    neurons: ArrayLike = ()

    def check(self) -> None:
        times = as_numbers("SpikeList.times", self.times, ">= 0 ms and finite")
        neurons = as_numbers("SpikeList.neurons", self.neurons, "whole numbers >= 0")
        if times.ndim != 1 or times.shape != neurons.shape:
            raise InvalidValue("SpikeList.neurons", f"shape {neurons.shape}", f"times' shape {times.shape}, one-dimensional")
        if not np.isfinite(times).all() or (times < 0).any():
            raise InvalidValue("SpikeList.times", times[~(times >= 0) | ~np.isfinite(times)][0], ">= 0 ms and finite")
        bad = ~((neurons == np.floor(neurons)) & (neurons >= 0) & (neurons < 2**31))
        if bad.any():
            raise InvalidValue("SpikeList.neurons", neurons[bad][0], "whole numbers from 0 to 2**31 - 1")
        order = np.lexsort((neurons, times))
        object.__setattr__(self, "times", times[order])
        object.__setattr__(self, "neurons", neurons[order].astype(np.int32))

    def discretise(self, dt: float) -> SourceStep:
        """Fires where its drive is 1."""
        return SourceStep(0.5)

    def own_drive(self, index: Index, dt: float, seed: int, stream: int) -> SpikeListStep:
        times, neurons = np.asarray(self.times), np.asarray(self.neurons, dtype=np.int32)
        if neurons.size and neurons.max() >= index.size:
            raise InvalidValue("SpikeList.neurons", int(neurons.max()), f"< {index.size}, the size of the population")
        at = np.floor(times / dt + 1e-6).astype(np.int64)  # a time meant to lie on the grid may come out just below it
        return SpikeListStep(index, at, neurons)
