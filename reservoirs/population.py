"""Handles that a network gives out: populations, parts of them, projections, readouts. They hold data, and do nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..neurons import Drive, InvalidValue, Neuron
from ..neurons.parameters import as_numbers
from ..plasticity.contract import Floats, ReadoutRule

__all__ = ["Driven", "Modulator", "Population", "PopulationView", "Readout", "Release", "Scaled", "as_view"]


@dataclasses.dataclass(frozen=True, eq=False)
class Population:
    """Neurons of one model in a network. `population[:5]` or `population[[1, 3]]` is a part of it."""

    name: str
    size: int
    model: Neuron  # sampled: numbers and arrays of shape (size,)
    initial: Mapping[str, Any]  # initial state that differs from the model's own
    number: int  # its place in the network

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, part: Any) -> PopulationView:
        try:
            index = np.atleast_1d(np.arange(self.size, dtype=np.int32)[part])
            if index.ndim > 1:  # what None, True or a table of neurons gives
                raise IndexError
        except IndexError:
            legal = f"a whole number from {-self.size} to {self.size - 1}, a list of them, a slice or a mask"
            raise InvalidValue(f"part of population {self.name!r}", part, legal) from None
        return PopulationView(self, index)


@dataclasses.dataclass(frozen=True, eq=False)
class PopulationView:
    """Some neurons of a population; index, shape (n,), counts within it."""

    population: Population
    index: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.index)


def as_view(field: str, part: Any) -> PopulationView:
    """The view of a population or view.

    Raises       InvalidValue if it is neither, or has no neurons
    """
    if isinstance(part, Population):
        part = part[:]
    if not isinstance(part, PopulationView):
        raise InvalidValue(field, type(part).__name__, "a population of this network, or a part of one")
    if len(part) == 0:
        raise InvalidValue(field, f"an empty part of {part.population.name!r}", "at least one neuron")
    return part


@dataclasses.dataclass(frozen=True, eq=False)
class Modulator:
    """A third factor: a level that decays with `tau` (ms) above `baseline`, one for all neurons or one for each of `over`."""

    tau: float
    baseline: float
    over: Population | None
    number: int  # its place in the network

    @property
    def size(self) -> int:
        """How many levels it has."""
        return 1 if self.over is None else self.over.size


@dataclasses.dataclass(frozen=True, eq=False)
class Release:
    """When a modulator is released during one run, and how much.

    times     ms of the network's clock, shape (n,), ascending
    amounts   a number, shape (n,), or (n, neurons) for a modulator with a level for each neuron

    Raises       InvalidValue
    """

    times: ArrayLike
    amounts: ArrayLike

    def __post_init__(self) -> None:
        legal = "finite, >= 0 ms and ascending, shape (n,)"
        times = np.atleast_1d(as_numbers("Release.times", self.times, legal))
        if times.ndim != 1:
            raise InvalidValue("Release.times", f"shape {times.shape}", legal)
        if not np.isfinite(times).all() or (times < 0).any() or (np.diff(times) < 0).any():
            raise InvalidValue("Release.times", times, legal)
        amounts = as_numbers("Release.amounts", self.amounts, "finite numbers")
        if not np.isfinite(amounts).all():
            raise InvalidValue("Release.amounts", amounts[~np.isfinite(amounts)][0], "finite numbers")


@dataclasses.dataclass(frozen=True, eq=False)
class Scaled:
    """A plastic projection whose weights onto each neuron are kept at a sum."""

    projection: Any
    total: float
    every: int  # steps


@dataclasses.dataclass(frozen=True, eq=False)
class Driven:
    """A drive on some neurons."""

    drive: Drive
    view: PopulationView
    stream: int


@dataclasses.dataclass(frozen=True, eq=False)
class Readout:
    """A linear readout: prediction_c = sum over features f of weight[c, f] (trace_f - mean_f) / std_f.

    The trace of a neuron jumps by 1 at its spike and decays with tau_trace; the readout updates every `every` ms.
    """

    views: Sequence[PopulationView]
    channels: int
    rule: ReadoutRule
    tau_trace: float  # ms
    every: int  # steps
    mean: Floats  # (features,)
    scale: Floats  # (features,): 1 / std, 0 for a feature left out
    weight: Floats  # (channels, features), at the start
    feedback: Floats | None  # (features, channels), units of current per unit of prediction

    @property
    def features(self) -> int:
        """How many neurons it reads."""
        return sum(len(view) for view in self.views)


@dataclasses.dataclass(frozen=True, eq=False)
class Teaching:
    """What a readout is taught during one run, a row per update.

    target      what each channel should predict, shape (updates, channels)
    attention   how much each channel learns, >= 0, shape (updates, channels); 0 everywhere is a test
    on          where the readout works at all, shape (updates,); elsewhere it predicts 0, averages and learns nothing
    """

    target: ArrayLike
    attention: ArrayLike
    on: ArrayLike | None = None
