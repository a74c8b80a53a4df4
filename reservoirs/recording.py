"""What to record, and where it goes: memory, or an HDF5 file written while the run goes on."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..neurons import InvalidValue, SynfireError, UnknownName
from ..neurons.source import steps_in
from .population import Population, PopulationView, as_view

__all__ = ["FileSink", "MemorySink", "Record", "Sink", "Spikes", "TapPlan", "Trace", "plan_taps", "samples_before"]


@dataclasses.dataclass(frozen=True)
class Spikes:
    """Record the spikes of a population or a part of it."""

    source: Population | PopulationView


@dataclasses.dataclass(frozen=True)
class Trace:
    """Record a state variable, sampled at the start of every step that is a multiple of `every`.

    Parameters   source     a population or a part of it
                 variable   "v", "u", "refractory"…; "current" for a synaptic current ("synapse0.current" where a group
                            has several synapse kinds, numbered in the order of `connect`)
                 every      ms, a multiple of dt; None for every step
    """

    source: Population | PopulationView
    variable: str
    every: float | None = None


Record = Spikes | Trace


class TapPlan:
    """What is asked of one state variable of one group: which neurons, by the number of steps between samples."""

    def __init__(self) -> None:
        self.index: dict[int, NDArray[np.int32]] = {}

    def include(self, index: NDArray[np.int32], every: int) -> None:
        """Sample these neurons of the group every `every` steps."""
        self.index[every] = np.union1d(self.index.get(every, index), index).astype(np.int32)


def samples_before(step: Any, every: Any) -> Any:
    """How many samples lie before this step; whole numbers or arrays of them."""
    return -(-step // every)


def plan_taps(simulation: Any, record: Sequence[Record]) -> dict[str, TapPlan]:
    """A plan for every variable of the simulation, by its full name; empty plans record nothing.

    Raises       InvalidValue, UnknownName for a variable that does not exist
    """
    plans = {name: TapPlan() for name in simulation.variables}
    for request in record:
        if not isinstance(request, Spikes | Trace):
            raise InvalidValue("record", request, "Spikes(population) or Trace(population, variable)")
        view = as_view("record: source", request.source)
        group = simulation.group_of(view)
        if isinstance(request, Trace):
            every = 1 if request.every is None else steps_in("Trace.every", request.every, simulation.dt)
            if every < 1:
                raise InvalidValue("Trace.every", request.every, f">= dt = {simulation.dt} ms")
            plans[full_name(simulation, view, request.variable)].include(group.index(view), every)
    return plans


def full_name(simulation: Any, view: PopulationView, variable: str) -> str:
    """The name of a variable among all of the simulation's: group.variable or group.synapse0.variable."""
    group = simulation.group_of(view).name
    own = [name for name in simulation.variables if name.startswith(group + ".")]
    short = [name for name in own if name == f"{group}.{variable}" or name.endswith(f".{variable}")]
    if f"{group}.{variable}" in own:
        return f"{group}.{variable}"
    if len(short) != 1:
        raise UnknownName("Trace.variable", variable, [name[len(group) + 1 :] for name in own])
    return str(short[0])


class Sink(Protocol):
    """Takes blocks of rows under names, and gives the whole back."""

    def append(self, name: str, block: NDArray[Any]) -> None: ...
    def get(self, name: str) -> NDArray[Any]: ...
    def close(self) -> None: ...


class MemorySink:
    """Keeps blocks in memory."""

    def __init__(self) -> None:
        self._blocks: dict[str, list[NDArray[Any]]] = {}

    def append(self, name: str, block: NDArray[Any]) -> None:
        """Add rows."""
        self._blocks.setdefault(name, []).append(block.copy())

    def get(self, name: str) -> NDArray[Any]:
        """All rows under a name."""
        blocks = self._blocks[name]
        if len(blocks) > 1:
            self._blocks[name] = blocks = [np.concatenate(blocks)]
        return blocks[0]

    def close(self) -> None:
        """Nothing to do."""


class FileSink:
    """Writes blocks to `path`.partial while the run goes on; `close` moves it to `path`.

    Raises       SynfireError for a disk that is full or a folder that cannot be written
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        import h5py

        self.path = Path(path)
        self._partial = self.path.with_name(self.path.name + ".partial")
        try:
            self._file = h5py.File(self._partial, "w", libver="latest")
        except OSError as error:
            raise SynfireError(f"stream: cannot write {self._partial}: {error}") from error
        self._closed = False

    def append(self, name: str, block: NDArray[Any]) -> None:
        """Add rows to the dataset `name`, made at its first block."""
        try:
            if name not in self._file:
                self._file.create_dataset(
                    name, shape=(0, *block.shape[1:]), maxshape=(None, *block.shape[1:]), dtype=block.dtype, chunks=True
                )
            data = self._file[name]
            data.resize(len(data) + len(block), axis=0)
            data[len(data) - len(block) :] = block
            self._file.flush()
        except OSError as error:
            raise SynfireError(f"stream: cannot write {self._partial}: {error}; free some space and run again") from error

    def get(self, name: str) -> NDArray[Any]:
        """All rows under a name, read back."""
        import h5py

        if not self._closed:
            return np.asarray(self._file[name])
        with h5py.File(self.path, "r") as file:
            return np.asarray(file[name])

    def close(self) -> None:
        """Finish the file and move it into place."""
        if not self._closed:
            self._file.close()
            os.replace(self._partial, self.path)
            self._closed = True
