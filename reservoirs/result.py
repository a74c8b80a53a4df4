"""What a run leaves: data, and nothing that computes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..neurons import InvalidValue, SynfireError
from ..neurons.source import steps_in
from .population import Population, PopulationView, as_view
from .projection import Projection
from .recording import Record, Sink, Spikes, TapPlan, Trace, full_name, samples_before
from .simulation import Simulation

__all__ = ["Result", "SpikeData", "TraceData"]

Floats = NDArray[np.float64]


class SpikeData(NamedTuple):
    """times: ms, ascending, the start of the step of dt; neurons: index within the population. Shape (spikes,)."""

    times: Floats
    neurons: NDArray[np.int64]


class TraceData(NamedTuple):
    """times: ms, shape (samples,); values: shape (samples, neurons); neurons: index within the population."""

    times: Floats
    values: Floats
    neurons: NDArray[np.int32]


class Result:
    """The records of a run, its final `state`, and whether it was `interrupted`.

    dt, start, stop   ms
    outputs           per readout: predictions, shape (updates, channels)
    """

    def __init__(
        self,
        simulation: Simulation,
        state: dict[str, NDArray[Any]],
        first: int,
        sink: Sink,
        record: tuple[Record, ...],
        plans: dict[str, TapPlan],
        interrupted: bool,
    ) -> None:
        self._simulation, self._first, self._sink, self._plans = simulation, first, sink, plans
        self.state, self.record, self.interrupted = state, record, interrupted
        self.dt = simulation.dt
        self.start, self.stop = first * self.dt, int(state["step"][0]) * self.dt

    def spikes(self, source: Population | PopulationView) -> SpikeData:
        """The recorded spikes of a population or a part of it.

        Raises       InvalidValue if they were not recorded
        """
        view = as_view("Result.spikes", source)
        asked = [r.source if isinstance(r.source, PopulationView) else r.source[:] for r in self.record if isinstance(r, Spikes)]
        kept = [part.index for part in asked if part.population is view.population]
        if not kept or not np.isin(view.index, np.concatenate(kept)).all():
            raise InvalidValue("Result.spikes", view.population.name, "recorded", "run with record=[Spikes(population)]")
        group = self._simulation.group_of(view)
        steps = self._sink.get(f"spikes/{group.name}/steps")
        place = np.full(group.size, -1, np.int64)
        place[group.index(view)] = view.index
        neurons = place[self._sink.get(f"spikes/{group.name}/neurons")]
        return SpikeData(steps[neurons >= 0] * self.dt, neurons[neurons >= 0])

    def trace(self, source: Population | PopulationView, variable: str, *, every: float | None = None) -> TraceData:
        """The recorded samples of a state variable.

        Parameters   every   ms, of the `Trace` that is meant; without it, the finest that covers all these neurons
        Raises       InvalidValue if they were not recorded
        """
        view = as_view("Result.trace", source)
        name = full_name(self._simulation, view, variable)
        kept, wanted = self._plans[name].index, self._simulation.group_of(view).index(view)
        asked = sorted(kept) if every is None else [steps_in("Result.trace: every", every, self.dt)]
        steps = next((e for e in asked if e in kept and np.isin(wanted, kept[e]).all()), None)
        if steps is None:
            raise InvalidValue("Result.trace", f"{variable} of {view.population.name!r}", "recorded", "add a Trace")
        rows = self._sink.get(f"samples/{name}/{steps}")[:, np.searchsorted(kept[steps], wanted)]
        times = (samples_before(self._first, steps) + np.arange(len(rows), dtype=np.float64)) * steps * self.dt
        return TraceData(times, rows, view.index)

    @property
    def outputs(self) -> list[Floats]:
        """Predictions of each readout, shape (updates, channels)."""
        return [self._sink.get(f"outputs/readout{number}") for number in range(len(self._simulation.readouts))]

    def weights(self, projection: Projection) -> Floats:
        """The weights of a projection at the end of the run, shape (synapses,), in the order of its `pre` and `post`."""
        return self._simulation.weights(self.state, projection)

    def recorded_populations(self) -> list[Population]:
        """Populations whose spikes were recorded, wholly or in part, in the order of the network."""
        parts = [r.source for r in self.record if isinstance(r, Spikes)]
        found = {p.number: p for p in (x if isinstance(x, Population) else x.population for x in parts)}
        return [found[number] for number in sorted(found)]

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write everything recorded, and the final state, to an HDF5 file, moved into place when it is whole.

        Spikes are in the SONATA layout, /spikes/<population>/{timestamps, node_ids}; traces under /traces, readouts
        under /outputs, the state to run on from under /state.

        Raises       SynfireError if the file cannot be written
        """
        import h5py

        path = Path(path)
        partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
        try:
            with h5py.File(partial, "w", libver="latest") as file:
                file.attrs.update({"magic": np.uint32(0x0A7A), "version": np.array([0, 1], np.uint32)})
                file.attrs.update({"synfire": "run", "dt": self.dt, "seed": self._simulation.seed})
                file.attrs.update({"start": self.start, "stop": self.stop, "interrupted": self.interrupted})
                for population in self.recorded_populations():
                    asked = [r.source for r in self.record if isinstance(r, Spikes)]
                    parts = [s if isinstance(s, PopulationView) else s[:] for s in asked]
                    index = np.unique(np.concatenate([p.index for p in parts if p.population is population]))
                    spikes = self.spikes(population[index])
                    group = file.create_group(f"spikes/{population.name}")
                    group.attrs["sorting"] = "by_time"
                    group.create_dataset("timestamps", data=spikes.times).attrs["units"] = "milliseconds"
                    group["node_ids"] = spikes.neurons.astype(np.uint64)
                for number, request in enumerate(r for r in self.record if isinstance(r, Trace)):
                    trace = self.trace(request.source, request.variable, every=request.every or self.dt)
                    view = as_view("Trace", request.source)
                    group = file.create_group(f"traces/{number}")
                    group.attrs.update({"population": view.population.name, "variable": request.variable})
                    group["times"], group["values"], group["node_ids"] = trace.times, trace.values, trace.neurons
                for number, output in enumerate(self.outputs):
                    file[f"outputs/readout{number}"] = output
                for name, array in sorted(self.state.items()):
                    file[f"state/{name}"] = array
            os.replace(partial, path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise SynfireError(f"save: cannot write {path}: {error}; free some space or choose another place") from error
        return path
