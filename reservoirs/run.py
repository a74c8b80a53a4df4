"""A run from beginning to end: chunks of `Simulation.advance`, their records kept, Ctrl-C heard, a `Result` in the end."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ..neurons import InvalidValue
from ..neurons.source import steps_in
from .identity import check_identity
from .interrupt import interruptible
from .plasticity_state import checked_release
from .population import Modulator, Readout, Release, Teaching, as_view
from .progress import Progress
from .recording import FileSink, MemorySink, Record, Sink, Spikes, TapPlan, plan_taps
from .result import Result
from .running import Running
from .simulation import Simulation, State, Stretch, taught_rows

__all__ = ["run"]


def run(
    simulation: Simulation,
    duration: float,
    *,
    record: Sequence[Record] = (),
    teach: Mapping[Readout, Teaching] | None = None,
    release: Mapping[Modulator, Release] | None = None,
    state: State | None = None,
    stream: str | None = None,
    progress: bool = True,
) -> Result:
    """As `Network.run`, whose arguments these are, of a network that is lowered already."""
    steps = steps_in("run: duration", duration, simulation.dt)
    if not isinstance(record, list | tuple):
        raise InvalidValue("run: record", record, "a list", "e.g. record=[Spikes(cells)]")
    plans = plan_taps(simulation, record)
    sources = [as_view("record: source", request.source) for request in record if isinstance(request, Spikes)]
    spikes_of = frozenset(simulation.groups.index(simulation.group_of(view)) for view in sources)
    now: State = simulation.initial_state() if state is None else _checked(simulation, state)
    first = int(now["step"][0])
    for readout, teaching in (teach or {}).items():
        if readout not in simulation.readouts:
            raise InvalidValue("run: teach", readout, "by readouts of this network, as `readout` gave them")
        taught_rows(readout, teaching, (first + steps) // readout.every - first // readout.every)
    sink: Sink = MemorySink() if stream is None else FileSink(stream)
    interrupted = warned = False
    if release is not None and not isinstance(release, Mapping):
        raise InvalidValue("run: release", release, "a dict of modulators", "e.g. {modulator: Release([100.0], 1.0)}")
    for modulator, what in (release or {}).items():
        if modulator not in simulation.modulators:
            raise InvalidValue("run: release", modulator, "by modulators of this network, as `modulator` gave them")
        checked_release(modulator, what)
    running = Running(simulation, now, spikes_of=spikes_of, plans=plans)
    with interruptible() as pressed, Progress(duration, simulation.dt, progress) as bar:
        for seen in _chunks(running, steps, teach or {}, release or {}):
            _keep(sink, simulation, seen)
            if not warned and (lost := running.diverged()):
                warned = True
                warnings.warn(
                    f"{lost} at {running.step * simulation.dt:g} ms: the network diverged, and such a neuron is silent from "
                    "then on; lower dt, or the weights and currents",
                    RuntimeWarning,
                    stacklevel=3,
                )
            bar.advance(seen.steps)
            interrupted = pressed() and bar.done < steps
            if interrupted:
                break
    _keep(sink, simulation, _nothing(simulation, spikes_of, plans))
    sink.close()
    return Result(simulation, running.state(), first, sink, tuple(record), plans, interrupted)


def _chunks(
    running: Running, steps: int, teach: Mapping[Readout, Teaching], release: Mapping[Modulator, Release]
) -> Iterator[Stretch]:
    """Advance in chunks of about a quarter of a second; their size never changes a result."""
    start = running.step
    size = 64
    while running.step < start + steps:
        began, at = time.perf_counter(), running.step
        size = min(size, start + steps - at)
        taught = {readout: _part(readout, lesson, start, at, size) for readout, lesson in teach.items()}
        seen = running.advance(size, teach=taught, release=release)
        size = max(64, min(4 * size, int(seen.steps * 0.25 / max(time.perf_counter() - began, 1e-6))))
        yield seen


def _part(readout: Readout, teaching: Teaching, start: int, at: int, size: int) -> Teaching:
    """The rows of a chunk of `size` steps from step `at`, of what is taught from step `start` on."""
    some = slice(at // readout.every - start // readout.every, (at + size) // readout.every - start // readout.every)
    on = None if teaching.on is None else np.asarray(teaching.on)[some]
    return Teaching(np.asarray(teaching.target)[some], np.asarray(teaching.attention)[some], on)


def _keep(sink: Sink, simulation: Simulation, seen: Stretch) -> None:
    for g, (steps, neurons) in seen.spikes.items():
        sink.append(f"spikes/{simulation.groups[g].name}/steps", steps)
        sink.append(f"spikes/{simulation.groups[g].name}/neurons", neurons)
    for name, samples in seen.samples.items():
        sink.append(f"samples/{name}", samples)
    for number, output in enumerate(seen.outputs):
        sink.append(f"outputs/readout{number}", output)


def _nothing(simulation: Simulation, spikes_of: frozenset[int], plans: Mapping[str, TapPlan]) -> Stretch:
    """An empty stretch, so that every record has a dataset."""
    none = np.zeros(0, np.int64), np.zeros(0, np.int64)
    samples = {
        f"{name}/{every}": np.zeros((0, len(index))) for name, plan in plans.items() for every, index in plan.index.items()
    }
    outputs = [np.zeros((0, readout.channels)) for readout in simulation.readouts]
    return Stretch(0, dict.fromkeys(spikes_of, none), samples, outputs)


def _checked(simulation: Simulation, state: State) -> State:
    if not isinstance(state, Mapping):
        raise InvalidValue("run: state", type(state).__name__, "a state as a run leaves it", "e.g. state=result.state")
    check_identity(simulation, state)
    whole = {name: np.asarray(array) for name, array in state.items()}
    for name, array in simulation.initial_state().items():
        found = whole.get(name)
        if found is None or found.shape != array.shape or found.dtype != array.dtype:
            what = "missing" if found is None else f"{found.dtype} of shape {found.shape}"
            legal = f"{array.dtype} of shape {array.shape}"
            raise InvalidValue(f"state[{name!r}]", what, legal, "it is another network's state")
        if array.dtype.kind == "f" and np.isnan(found).any():
            raise InvalidValue(f"state[{name!r}]", "a NaN", "numbers")
    if whole["step"][0] < 0:
        raise InvalidValue("state['step']", int(whole["step"][0]), ">= 0")
    return whole
