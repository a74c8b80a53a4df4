"""A network while it runs: a program for each thread, over sections of the state, and the state put together again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..neurons import Drive, Neuron
from .compiled import compiled_run
from .gate import new_gate
from .memory import aligned
from .plasticity_state import PlasticPart, fault_of, gathered_link_state, neuron_name, plastic_part
from .population import Driven, Modulator, Population, Readout, Release, Teaching
from .program import (
    DriveSlot,
    Events,
    FeedbackStep,
    Group,
    InputSlot,
    Jump,
    LateLink,
    Link,
    Program,
    Queue,
    ReadoutSlot,
    Receptor,
    Tap,
    Team,
)
from .recording import TapPlan, samples_before
from .simulation import Simulation, State, Stretch, taught_rows

__all__ = ["Running"]

_EVENTS = 1 << 16  # spikes kept in one call of the loop before it hands them over


class Running:
    """A simulation under way, made by `Simulation.start`: `advance` runs on, `play` changes its inputs, `state` tells where
    it stands. The state it began from is not changed.

    `advance` over many stretches of one Running costs nothing in between; a new Running copies the state.
    """

    def __init__(
        self,
        simulation: Simulation,
        state: State,
        *,
        spikes_of: frozenset[int] = frozenset(),
        plans: Mapping[str, TapPlan] | None = None,
        inputs: Mapping[Driven | Population, Drive | Neuron] | None = None,
    ) -> None:
        self._simulation, self._plans, self._spikes_of = simulation, plans or {}, spikes_of
        self.step = int(state["step"][0])
        self._threads, self._block = simulation.threads, simulation.block
        self._queues = [self._queue(g, state) for g in range(len(simulation.groups))]
        self._gate = new_gate()
        self._votes = np.zeros((2, self._threads, 8), np.int64)
        shared = [n for n in state if n.startswith("readout")]
        self._shared = {name: aligned(state[name]) for name in shared}
        self._modulators = {name: state[name].copy() for name in state if name.startswith("modulator")}
        self._run: Any = None
        self._programs = [self._program(me, state, inputs or {}) for me in range(self._threads)]

    def advance(
        self,
        steps: int,
        *,
        teach: Mapping[Readout, Teaching] | None = None,
        release: Mapping[Modulator, Release] | None = None,
    ) -> Stretch:
        """Run up to `steps` steps; what was observed. Arguments as of `Simulation.advance`.

        Raises       RuleFault if a rule gave a NaN or infinity
        """
        simulation, first = self._simulation, self.step
        readouts = tuple(self._taught(r, first, steps, teach or {}) for r in range(len(simulation.readouts)))
        programs = []
        for me, (program, plastic) in enumerate(self._programs):
            links = plastic.released(simulation, me, release or {}, first)
            program.events.count[0] = 0
            taps = tuple(self._tap(name, program, me, first, steps) for name in simulation.variables)
            programs.append(
                program._replace(plastic_links=links, readouts=readouts, taps=taps)
            )
        sampling = any(tap.every.size for tap in programs[0].taps)
        run = self._run = self._run or compiled_run(programs[0])
        if self._threads == 1:
            done = run(programs[0], first, steps, sampling)
        else:
            with ThreadPoolExecutor(self._threads) as pool:
                done = max(pool.map(lambda program: run(program, first, steps, sampling), programs))
        self.step = first + done
        fault = fault_of(simulation, [program.plastic_links for program in programs])
        if fault is not None:
            raise fault
        return Stretch(
            done,
            {g: self._spikes(g, programs) for g in self._spikes_of},
            self._samples(programs),
            [slot.output[: self.step // slot.every - slot.first] for slot in readouts],
        )

    def play(self, inputs: Mapping[Driven | Population, Drive | Neuron]) -> None:
        """From now on, play these drives and sources in place of those that the network was made with.

        Raises       InvalidValue for a handle that is none of this network's, or another kind of drive than it had
        """
        places = self._places()
        for me, (program, plastic) in enumerate(self._programs):
            rings = [getattr(program, kind)[k].ring for kind, k in places]
            drives, arriving = self._driving(me, inputs, rings, program.groups)
            self._programs[me] = program._replace(drives=drives, inputs=arriving), plastic

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that changes, as new arrays; the same whatever the number of threads."""
        simulation = self._simulation
        state: dict[str, NDArray[Any]] = {"step": np.array([self.step], np.int64), "network": simulation.identity.copy()}
        parts = [program for program, _ in self._programs]
        for g, group in enumerate(simulation.groups):
            for k, field in enumerate(group.state._fields):
                state[f"{group.name}.{field}"] = np.concatenate([part.groups[g].state[k] for part in parts])
            if simulation.recent:
                state[f"{group.name}.recent"] = self._recent(g)
        places = self._places()
        for r, receptor in enumerate(simulation.receptors):
            name = f"{simulation.groups[receptor.group].name}.{receptor.name}"
            own = [getattr(part, kind)[k] for part in parts for kind, k in [places[r]]]
            state[f"{name}.ring"] = np.concatenate([each.ring for each in own], axis=1)
            if receptor.step is not None:
                for k, field in enumerate(receptor.state._fields):
                    state[f"{name}.{field}"] = np.concatenate([each.state[k] for each in own])
        state |= gathered_link_state(simulation, [part.plastic_links for part in parts])
        state |= {name: array.copy() for name, array in self._modulators.items()}
        for number, modulator in enumerate(simulation.modulators):
            for k, link in enumerate(link for link in simulation.links if link.rule is not None):
                if link.modulator is modulator:
                    state[f"modulator{number}"] = _level(simulation, modulator, link, [p.plastic_links[k] for p in parts])
                    break
        return state | {name: array.copy() for name, array in self._shared.items()}

    def diverged(self) -> str | None:
        """The first neuron whose state is not a finite number, and its state, in words; None if there is none."""
        for g, group in enumerate(self._simulation.groups):
            for k, field in enumerate(group.state._fields):
                for program, _ in self._programs:
                    lost = ~np.isfinite(program.groups[g].state[k])
                    if lost.any():
                        neuron = int(np.argmax(lost))
                        where = neuron_name(group, program.groups[g].low + neuron)
                        return f"{field} of {where} is {program.groups[g].state[k][neuron]}"
        return None

    def _places(self) -> list[tuple[str, int]]:
        """Where each receptor stands in a program: among `receptors` or `jumps`, and at which place."""
        places, counts = [], {"receptors": 0, "jumps": 0}
        for receptor in self._simulation.receptors:
            kind = "jumps" if receptor.step is None else "receptors"
            places.append((kind, counts[kind]))
            counts[kind] += 1
        return places

    def _queue(self, g: int, state: State) -> Queue:
        simulation = self._simulation
        group, cuts, recent = simulation.groups[g], simulation.cuts[g], simulation.recent
        slots = recent + 2 * self._block + 1  # a thread may be a block ahead of another, which still reads
        queue = Queue(np.empty((slots, group.size), np.uint32), np.zeros((slots, self._threads), np.int64), cuts)
        for step in range(max(0, self.step - recent), self.step):
            neurons = np.flatnonzero(state[f"{group.name}.recent"][step % recent])
            bounds = np.searchsorted(neurons, cuts)
            for thread in range(self._threads):
                some = neurons[bounds[thread] : bounds[thread + 1]]
                queue.neuron[step % slots, cuts[thread] : cuts[thread] + len(some)] = some
                queue.count[step % slots, thread] = len(some)
        return queue

    def _recent(self, g: int) -> NDArray[np.bool_]:
        simulation, queue = self._simulation, self._queues[g]
        recent, slots = simulation.recent, len(queue.count)
        flags = np.zeros((recent, simulation.groups[g].size), np.bool_)
        for step in range(max(0, self.step - recent), self.step):
            for thread, begin in enumerate(queue.cuts[:-1]):
                count = queue.count[step % slots, thread]
                flags[step % recent, queue.neuron[step % slots, begin : begin + count]] = True
        return flags

    def _program(
        self, me: int, state: State, inputs: Mapping[Driven | Population, Drive | Neuron]
    ) -> tuple[Program, PlasticPart]:
        simulation = self._simulation
        groups = tuple(self._group(g, me, state) for g in range(len(simulation.groups)))
        rings, receptors, jumps = [], [], []
        for receptor in simulation.receptors:
            low, high = simulation.cuts[receptor.group][me : me + 2]
            name = f"{simulation.groups[receptor.group].name}.{receptor.name}"
            ring = aligned(state[f"{name}.ring"][:, low:high])
            rings.append(ring)
            group = groups[receptor.group]
            if receptor.step is None:
                jumps.append(Jump(group.step, group.state, ring))
            else:
                own = _section(_gather(state, name, receptor.state), low, high)
                receptors.append(Receptor(_section(receptor.step, low, high), own, ring))
                group = group._replace(receptors=(*group.receptors, receptors[-1]))
                groups = (*groups[: receptor.group], group, *groups[receptor.group + 1 :])
        links: list[Link] = []
        late_links: list[LateLink] = []
        for link in simulation.links:
            if link.rule is None:
                s, queue, ring = link.sections[me], self._queues[link.group], rings[link.receptor]
                rows, weight = s.indptr.view(np.uint64), self._cast(s.weight)
                if link.one_delay is None:
                    links.append(Link(queue, ring, rows, s.target, weight, s.delay))
                else:
                    late_links.append(LateLink(queue, ring, rows, s.target, weight, link.one_delay))
        plastic = plastic_part(simulation, me, state, self._queues, rings, groups)
        drives, arriving = self._driving(me, inputs, rings, groups)
        reserve = sum(len(groups[g].flags) for g in self._spikes_of)
        room = max(_EVENTS, 2 * reserve * self._block) if reserve else 0
        events = Events(np.empty(room, np.int64), np.empty(room, np.int64), np.zeros(1, np.int64), reserve)
        fed_back = any(readout.feedback is not None for readout in simulation.readouts)
        team = Team(self._gate, self._threads, me, self._block, self._votes, fed_back)
        program = Program(
            groups, drives, arriving, tuple(receptors), tuple(jumps), tuple(links), tuple(late_links),
            plastic.links, plastic.scalings, (), (), events, plastic.faults, team,
        )  # fmt: skip
        return program, plastic

    def _driving(
        self, me: int, inputs: Mapping[Driven | Population, Drive | Neuron], rings: Sequence[Any], groups: Sequence[Group]
    ) -> tuple[tuple[DriveSlot, ...], tuple[InputSlot, ...]]:
        """What drives a thread's neurons: currents and sources, and inputs that arrive at synapses."""
        simulation = self._simulation
        drives, arriving = [], []
        for handle, g, drive in simulation.played(inputs):
            low, high = (int(cut) for cut in simulation.cuts[g][me : me + 2])
            part = drive.within(low, high)
            if handle in simulation.receptor_of:
                part = part._replace(weight=self._cast(part.weight))
                arriving.append(InputSlot(part, rings[simulation.receptor_of[handle]]))
            else:
                drives.append(DriveSlot(part, groups[g].current))
        for number, readout in enumerate(simulation.readouts):
            if readout.feedback is not None:
                g = simulation.number_of_group(readout.views[0].population)
                low, high = simulation.cuts[g][me : me + 2]
                drives.append(DriveSlot(FeedbackStep(self._shared[f"readout{number}.feedback"][low:high]), groups[g].current))
        return tuple(drives), tuple(arriving)

    def _cast(self, weight: Any) -> Any:
        return self._simulation.dtype(weight) if isinstance(weight, float) else weight

    def _group(self, g: int, me: int, state: State) -> Group:
        simulation = self._simulation
        group, (low, high) = simulation.groups[g], (int(cut) for cut in simulation.cuts[g][me : me + 2])
        n = high - low
        eights = aligned(np.zeros(-(-n // 8), np.uint64))
        bias = aligned(simulation.bias[g][low:high].astype(simulation.dtype))
        constant: Any = bias
        if g not in simulation.driven:
            same = (simulation.bias[g] == simulation.bias[g][:1]).all()
            constant = simulation.dtype(simulation.bias[g][0]) if same else bias
        begin = aligned(bias) if g in simulation.driven else ()
        return Group(
            _section(group.step, low, high), _section(_gather(state, group.name, group.state), low, high),
            (), begin, constant, eights.view(np.bool_)[:n], eights, self._queues[g], low,
            simulation.first[g] + low if g in self._spikes_of else -1,
        )  # fmt: skip

    def _tap(self, name: str, program: Program, me: int, first: int, steps: int) -> Tap:
        simulation, plan = self._simulation, self._plans.get(name)
        g, values = self._values(name, program)
        asked = {} if plan is None else plan.index
        low, high = simulation.cuts[g][me : me + 2]
        own = [index[(index >= low) & (index < high)] - np.int32(low) for index in asked.values()]
        every = np.array(list(asked), np.int64)
        before = samples_before(first, every)
        many = np.array([len(index) for index in own], np.int64)
        ends = np.cumsum((samples_before(first + steps, every) - before) * many)
        return Tap(
            values, every, before, np.concatenate([[0], np.cumsum(many)]).astype(np.int64),
            np.concatenate([np.zeros(0, np.int32), *own]), np.concatenate([[0], ends[:-1]]).astype(np.int64)[: len(every)],
            np.empty(int(ends[-1]) if len(ends) else 0, simulation.dtype),
        )  # fmt: skip

    def _values(self, name: str, program: Program) -> tuple[int, Any]:
        """The group that a variable belongs to, and its array in a program."""
        simulation, (owner, _, field) = self._simulation, name.rpartition(".")
        for g, group in enumerate(simulation.groups):
            if owner == group.name:
                return g, getattr(program.groups[g].state, field)
        for receptor, (kind, place) in zip(simulation.receptors, self._places(), strict=True):
            if owner == f"{simulation.groups[receptor.group].name}.{receptor.name}":
                return receptor.group, getattr(getattr(program, kind)[place].state, field)
        raise KeyError(name)

    def _samples(self, programs: list[Program]) -> dict[str, Any]:
        samples = {}
        for k, name in enumerate(self._simulation.variables):
            taps = [program.taps[k] for program in programs]
            for i, every in enumerate(taps[0].every):
                rows = samples_before(self.step, every) - taps[0].first[i]
                widths = [tap.begin[i + 1] - tap.begin[i] for tap in taps]
                parts = [tap.samples[tap.at[i] :][: rows * width] for tap, width in zip(taps, widths, strict=True)]
                samples[f"{name}/{every}"] = np.hstack(
                    [part.reshape(rows, width) for part, width in zip(parts, widths, strict=True)]
                )
        return samples

    def _spikes(self, g: int, programs: list[Program]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        first, size = self._simulation.first[g], self._simulation.groups[g].size
        steps, neurons = [], []
        for program in programs:
            at, neuron = (array[: program.events.count[0]] for array in program.events[:2])
            mine = (neuron >= first) & (neuron < first + size)
            steps.append(at[mine])
            neurons.append(neuron[mine] - first)
        at, neuron = np.concatenate(steps), np.concatenate(neurons)
        if len(programs) > 1:  # each thread's are in order of time, and threads in order of neurons
            order = np.argsort(at, kind="stable")
            at, neuron = at[order], neuron[order]
        return at, neuron

    def _taught(self, number: int, first: int, steps: int, teach: Mapping[Readout, Teaching]) -> ReadoutSlot:
        simulation = self._simulation
        readout, slot, name = simulation.readouts[number], simulation.slots[number], f"readout{number}"
        updates = (first + steps) // readout.every - first // readout.every
        target, attention, on = taught_rows(readout, teach.get(readout), updates)
        rule = readout.rule.initial_state(1, 1)  # its shape as a tuple; the arrays come from the state
        return slot._replace(
            queue=self._queues[simulation.number_of_group(readout.views[0].population)],
            trace=self._shared[f"{name}.trace"],
            trace_sum=self._shared[f"{name}.trace_sum"],
            weight=self._shared[f"{name}.weight"],
            prediction=self._shared[f"{name}.prediction"],
            state=_gather(self._shared, f"{name}.rule", rule),
            feedback_current=self._shared[f"{name}.feedback"],
            first=first // readout.every,
            on=on,
            target=target,
            attention=attention,
            output=np.zeros((updates, readout.channels)),
        )


def _section(bundle: Any, low: int, high: int) -> Any:
    """The part low..high of every array in a NamedTuple."""
    return type(bundle)(
        *(
            _section(value, low, high) if isinstance(value, tuple)
            else aligned(value[low:high]) if isinstance(value, np.ndarray)
            else value
            for value in bundle
        )
    )  # fmt: skip


def _level(simulation: Simulation, modulator: Modulator, link: Any, parts: list[Any]) -> NDArray[np.float64]:
    if modulator.over is None:
        level: NDArray[np.float64] = parts[0].third.level.copy()
        return level
    offset = simulation.groups[simulation.number_of_group(modulator.over)].offset[modulator.over.number]
    return np.concatenate([part.third.level for part in parts])[offset : offset + modulator.size]


def _gather(state: Mapping[str, NDArray[Any]], name: str, template: Any) -> Any:
    """The NamedTuple whose arrays stand in the state under dotted names; fields that are numbers are the template's."""
    return type(template)(
        *(
            _gather(state, f"{name}.{field}", value) if isinstance(value, tuple)
            else state[f"{name}.{field}"] if isinstance(value, np.ndarray)
            else value
            for field, value in zip(template._fields, template, strict=True)
        )
    )  # fmt: skip
