"""A lowered network: it holds what does not change; everything that does is a `State`, passed in and handed back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..neurons import Drive, InvalidValue, Neuron, Source
from .compiled import compiled_run
from .lowering import LoweredGroup, lower_groups, lower_links
from .memory import aligned
from .population import Driven, Population, PopulationView, Projection, Readout, Teaching
from .program import DriveSlot, Events, FeedbackStep, Floats, Group, Jump, Link, Program, ReadoutSlot, Receptor, Tap
from .recording import TapPlan

__all__ = ["Simulation", "State", "Stretch", "taught_rows"]

State = Mapping[str, NDArray[Any]]
"""Every array that changes while a network runs, by name; "step" (1,) is the clock. Copy it, save it, run on from it."""

_EVENTS = 1 << 16  # spikes kept in one call of the loop before it hands them over
_SOURCE_STREAM = 1 << 31  # noise of source populations is counted apart from that of drives


class Stretch(NamedTuple):
    """What one `advance` observed.

    steps     how many were run
    spikes    per recorded group: (steps, neurons) of its spikes, in order of time
    samples   per planned variable: shape (rows, recorded)
    outputs   per readout: predictions, shape (updates, channels)
    """

    steps: int
    spikes: dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]]
    samples: dict[str, Floats]
    outputs: list[Floats]


class Simulation:
    """A network ready to run; made by `Network.simulation()`."""

    def __init__(
        self,
        dt: float,
        seed: int,
        populations: Sequence[Population],
        projections: Sequence[Projection],
        drives: Sequence[Driven],
        readouts: Sequence[Readout],
    ) -> None:
        if not populations:
            raise InvalidValue("Network", "no populations", "at least one", "call network.population(n, model)")
        self.dt, self.seed = dt, seed
        self.populations, self.readouts = tuple(populations), tuple(readouts)
        self.groups = lower_groups(populations, dt)
        self._group_of = {number: g for g, group in enumerate(self.groups) for number in group.offset}
        self._first = [0, *(int(end) for end in np.cumsum([group.size for group in self.groups])[:-1])]
        self._receptors, self._links = lower_links(self.groups, projections, dt)
        self._bias = [aligned(np.zeros(group.size)) for group in self.groups]
        self._drives: dict[Driven | Population, tuple[int, Any]] = {}
        for driven in drives:
            self._add_drive(driven, self._lower_drive(driven, driven.drive))
        for population in populations:
            if isinstance(population.model, Source):
                self._add_drive(population, self._lower_source(population, population.model))
        self._slots = [self._lower_readout(readout) for readout in readouts]
        self.variables = {f"{group.name}.{field}": None for group in self.groups for field in group.state._fields} | {
            f"{self.groups[r.group].name}.{r.name}.{field}": None
            for r in self._receptors
            if r.step is not None
            for field in r.state._fields
        }

    def group_of(self, view: PopulationView) -> LoweredGroup:
        """The group that a population was merged into."""
        return self.groups[self._group_of[view.population.number]]

    def initial_state(self) -> dict[str, NDArray[Any]]:
        """The state at time 0; new arrays."""
        state: dict[str, NDArray[Any]] = {"step": np.zeros(1, np.int64)}
        for group in self.groups:
            _flatten(state, group.name, group.state)
        for receptor in self._receptors:
            group = self.groups[receptor.group]
            name = f"{group.name}.{receptor.name}"
            state[f"{name}.ring"] = np.zeros((receptor.slots, group.size))
            if receptor.step is not None:
                _flatten(state, name, receptor.state)
        for number, readout in enumerate(self.readouts):
            name = f"readout{number}"
            state[f"{name}.trace"] = np.zeros(readout.features)
            state[f"{name}.trace_sum"] = np.zeros(readout.features)
            state[f"{name}.weight"] = readout.weight.copy()
            state[f"{name}.prediction"] = np.zeros(readout.channels)
            state[f"{name}.feedback"] = np.zeros(self._slots[number].feedback_current.size)
            _flatten(state, f"{name}.rule", readout.rule.initial_state(readout.channels, readout.features))
        return state

    def advance(
        self,
        state: State,
        steps: int,
        *,
        inputs: Mapping[Driven | Population, Drive | Neuron] | None = None,
        teach: Mapping[Readout, Teaching] | None = None,
        spikes_of: frozenset[int] = frozenset(),
        plans: Mapping[str, TapPlan] | None = None,
    ) -> tuple[dict[str, NDArray[Any]], Stretch]:
        """Run `steps` steps on from a state, which is not changed.

        Parameters   inputs      drives or sources played in place of those that the network was made with, by the
                                 handle that `drive` or `population` gave
                     teach       what readouts are taught, rows from this stretch's first update on
                     spikes_of   numbers of the groups whose spikes are kept
                     plans       which variables are sampled
        Returns      the new state, and what was observed; fewer steps than asked for where spikes filled the buffer
        """
        state = {name: aligned(array) for name, array in state.items()}
        first = int(state["step"][0])
        groups = [self._group(g, state, g in spikes_of) for g in range(len(self.groups))]
        reserve = sum(self.groups[g].size for g in spikes_of)
        room = max(_EVENTS, 4 * reserve) if reserve else 0
        events = Events(np.empty(room, np.int64), np.empty(room, np.int64), np.zeros(1, np.int64), reserve)
        taps = {name: self._tap(name, state, plans, first, steps) for name in self.variables}
        rings = [state[f"{self.groups[r.group].name}.{r.name}.ring"] for r in self._receptors]
        receptors, jumps = [], []
        for receptor, ring in zip(self._receptors, rings, strict=True):
            group = groups[receptor.group]
            if receptor.step is None:
                jumps.append(Jump(group.step, group.state, ring))
            else:
                own = _gather(state, f"{self.groups[receptor.group].name}.{receptor.name}", receptor.state)
                receptors.append(Receptor(receptor.step, own, ring, group.state.v, group.current))
        links = [
            Link(
                groups[k.group].spikes, groups[k.group].count, rings[k.receptor], k.indptr, k.target, k.weight, k.delay
            )
            for k in self._links
        ]
        readouts = [self._readout(r, groups, state, first, steps, teach or {}) for r in range(len(self.readouts))]
        drives = [DriveSlot(drive, groups[g].current) for g, drive in self._played(inputs or {})]
        for readout, slot in zip(self.readouts, readouts, strict=True):
            if readout.feedback is not None:
                g = self._group_of[readout.views[0].population.number]
                drives.append(DriveSlot(FeedbackStep(slot.feedback_current), groups[g].current))
        program = Program(
            tuple(groups),
            tuple(drives),
            tuple(receptors),
            tuple(jumps),
            tuple(links),
            tuple(readouts),
            tuple(taps.values()),
            events,
        )
        done = compiled_run(program)(program, first, steps, any(tap.every for tap in taps.values()))
        state["step"][0] = first + done
        at, neurons = (array[: events.count[0]] for array in events[:2])
        kept = {g: (neurons >= self._first[g]) & (neurons < self._first[g] + self.groups[g].size) for g in spikes_of}
        rows = {
            name: (plans or {})[name].samples_before(first + done) - tap.first
            for name, tap in taps.items()
            if tap.every
        }
        seen = Stretch(
            done,
            {g: (at[mine], neurons[mine] - self._first[g]) for g, mine in kept.items()},
            {name: taps[name].samples[:n] for name, n in rows.items()},
            [slot.output[: (first + done) // slot.every - slot.first] for slot in readouts],
        )
        return state, seen

    def _add_drive(self, handle: Driven | Population, lowered: tuple[int, Any]) -> None:
        self._drives[handle] = lowered
        constant = lowered[1]
        if getattr(constant, "last", 0) == 2**62 and constant.first == 0:  # always on: counted once, not at every step
            np.add.at(self._bias[lowered[0]], constant.index, constant.amplitude)
            self._drives[handle] = (lowered[0], None)

    def _lower_drive(self, driven: Driven, drive: Drive) -> tuple[int, Any]:
        g = self._group_of[driven.view.population.number]
        return g, drive.lower(self.groups[g].index(driven.view), self.dt, self.seed, driven.stream)

    def _lower_source(self, population: Population, source: Source) -> tuple[int, Any]:
        g = self._group_of[population.number]
        index = self.groups[g].index(population[:])
        return g, source.own_drive(index, self.dt, self.seed, _SOURCE_STREAM + population.number)

    def _played(self, inputs: Mapping[Driven | Population, Drive | Neuron]) -> list[tuple[int, Any]]:
        played = dict(self._drives)
        for handle, other in inputs.items():
            if handle not in played:
                raise InvalidValue("advance: inputs", handle, "a drive or source population of this network")
            drive = played[handle][1]
            if isinstance(handle, Driven) and isinstance(other, type(handle.drive)) and drive is not None:
                played[handle] = self._lower_drive(handle, other)
            elif isinstance(handle, Population) and isinstance(other, Source) and type(other) is type(handle.model):
                played[handle] = self._lower_source(handle, other)
            else:
                raise InvalidValue("advance: inputs", other, "of the kind that it replaces, and not a constant current")
        return [(g, drive) for g, drive in played.values() if drive is not None]

    def _group(self, g: int, state: Mapping[str, NDArray[Any]], record: bool) -> Group:
        group, n = self.groups[g], self.groups[g].size
        eights = aligned(np.zeros(-(-n // 8), np.uint64))
        return Group(
            group.step, _gather(state, group.name, group.state), self._bias[g], aligned(self._bias[g]),
            eights.view(np.bool_)[:n], eights, np.zeros(n, np.uint32), np.zeros(1, np.int64),
            self._first[g] if record else -1,
        )  # fmt: skip

    def _tap(
        self, name: str, state: Mapping[str, NDArray[Any]], plans: Mapping[str, TapPlan] | None, first: int, steps: int
    ) -> Tap:
        plan = (plans or {}).get(name)
        if plan is None or not plan.every:
            return Tap(state[name], 0, 0, np.zeros(0, np.int32), np.zeros((0, 0)))
        before = plan.samples_before(first)
        rows = plan.samples_before(first + steps) - before
        return Tap(state[name], plan.every, before, plan.index, np.empty((rows, len(plan.index))))

    def _lower_readout(self, readout: Readout) -> ReadoutSlot:
        """The slot of a readout with everything that does not change; the rest is filled in by `_readout`."""
        g = self._group_of[readout.views[0].population.number]
        n = self.groups[g].size
        feature = np.full(n, -1, np.int32)
        where = np.concatenate([self.groups[g].index(view) for view in readout.views])
        feature[where] = np.arange(len(where), dtype=np.int32)
        feedback = np.zeros((0, n))
        if readout.feedback is not None:
            feedback = np.zeros((readout.channels, n))
            feedback[:, where] = readout.feedback.T
        per_step = float(np.exp(-self.dt / readout.tau_trace))
        late = per_step ** np.arange(readout.every - 1, -1, -1, dtype=np.float64)
        nothing = np.zeros(0)
        return ReadoutSlot(
            np.zeros(0, np.uint32), np.zeros(0, np.int64), feature, readout.every, per_step**readout.every, late,
            aligned(readout.mean), aligned(readout.scale), nothing, nothing, aligned(np.zeros(len(where))), nothing, nothing,
            readout.rule.discretise(readout.every * self.dt), None, aligned(feedback), np.zeros(n), 0,
            np.zeros(0, np.bool_), nothing, nothing, nothing,
        )  # fmt: skip

    def _readout(
        self,
        number: int,
        groups: Sequence[Group],
        state: Mapping[str, NDArray[Any]],
        first: int,
        steps: int,
        teach: Mapping[Readout, Teaching],
    ) -> ReadoutSlot:
        readout, slot, name = self.readouts[number], self._slots[number], f"readout{number}"
        group = groups[self._group_of[readout.views[0].population.number]]
        updates = (first + steps) // readout.every - first // readout.every
        target, attention, on = taught_rows(readout, teach.get(readout), updates)
        rule = readout.rule.initial_state(1, 1)  # its shape as a tuple; the arrays come from the state
        return slot._replace(
            spikes=group.spikes,
            count=group.count,
            trace=state[f"{name}.trace"],
            trace_sum=state[f"{name}.trace_sum"],
            weight=state[f"{name}.weight"],
            prediction=state[f"{name}.prediction"],
            state=_gather(state, f"{name}.rule", rule),
            feedback_current=state[f"{name}.feedback"],
            first=first // readout.every,
            on=on,
            target=target,
            attention=attention,
            output=np.zeros((updates, readout.channels)),
        )


def taught_rows(readout: Readout, teaching: Teaching | None, updates: int) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Target, attention and on of `updates` updates, a row each; nothing is taught where teaching is None.

    Raises       InvalidValue for shapes that do not fit and values that are no teaching
    """
    shape = (updates, readout.channels)
    if teaching is None:
        return np.zeros(shape), np.zeros(shape), np.ones(updates, np.bool_)
    arrays = []
    for name, value in (("target", teaching.target), ("attention", teaching.attention)):
        array = np.ascontiguousarray(value, dtype=np.float64)
        if array.ndim != 2 or array.shape[1] != readout.channels or len(array) < updates:
            raise InvalidValue(f"Teaching.{name}", f"shape {array.shape}", f"of shape {shape}, one row per update")
        if not np.isfinite(array).all():
            raise InvalidValue(f"Teaching.{name}", "a NaN or infinity", "finite")
        arrays.append(array)
    if (arrays[1] < 0).any():
        raise InvalidValue("Teaching.attention", float(arrays[1].min()), ">= 0")
    on = np.ones(updates, np.bool_) if teaching.on is None else np.ascontiguousarray(teaching.on, dtype=np.bool_)
    if on.ndim != 1 or len(on) < updates:
        raise InvalidValue("Teaching.on", f"shape {on.shape}", f"of shape ({updates},)")
    return arrays[0], arrays[1], on


def _flatten(state: dict[str, NDArray[Any]], name: str, bundle: Any) -> None:
    """Write the arrays of a NamedTuple (of NamedTuples) into a state under dotted names."""
    for field, value in zip(bundle._fields, bundle, strict=True):
        if isinstance(value, tuple):
            _flatten(state, f"{name}.{field}", value)
        elif isinstance(value, np.ndarray):
            state[f"{name}.{field}"] = value.copy()


def _gather(state: Mapping[str, NDArray[Any]], name: str, template: Any) -> Any:
    """The NamedTuple that `_flatten` took apart; fields that are numbers are the template's."""
    return type(template)(
        *(
            _gather(state, f"{name}.{field}", value) if isinstance(value, tuple)
            else state[f"{name}.{field}"] if isinstance(value, np.ndarray)
            else value
            for field, value in zip(template._fields, template, strict=True)
        )
    )  # fmt: skip
