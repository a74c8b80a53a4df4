"""A lowered network: it holds what does not change; everything that does is a `State`, passed in and handed back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..neurons import Drive, InvalidValue, Neuron, PoissonInput, Source
from .identity import check_identity, identity
from .lowering import LoweredGroup, cuts_of, lower_groups, lower_links
from .memory import aligned
from .plasticity_state import initial_link_state
from .population import Driven, Modulator, Population, PopulationView, Readout, Release, Scaled, Teaching
from .program import Floats, ReadoutSlot
from .projection import Projection
from .recording import TapPlan

if TYPE_CHECKING:
    from .running import Running

__all__ = ["Simulation", "State", "Stretch", "taught_rows"]

State = Mapping[str, NDArray[Any]]
"""Every array that changes while a network runs, by name; "step" (1,) is the clock, "network" says whose state it is. Copy
it, save it, run on from it."""

_SOURCE_STREAM = 1 << 31  # noise of source populations is counted apart from that of drives


class Stretch(NamedTuple):
    """What one `advance` observed.

    steps     how many were run
    spikes    per recorded group: (steps, neurons) of its spikes, in order of time
    samples   per planned variable and interval, as "lif.v/5" for every 5 steps: shape (rows, recorded)
    outputs   per readout: predictions, shape (updates, channels)
    """

    steps: int
    spikes: dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]]
    samples: dict[str, Floats]
    outputs: list[Floats]


class Simulation:
    """A network ready to run on some threads; made by `Network.simulation()`."""

    def __init__(
        self,
        dt: float,
        seed: int,
        populations: Sequence[Population],
        projections: Sequence[Projection],
        drives: Sequence[Driven],
        readouts: Sequence[Readout],
        *,
        modulators: Sequence[Modulator] = (),
        scaled: Sequence[Scaled] = (),
        precision: str = "double",
        threads: int = 1,
    ) -> None:
        if not populations:
            raise InvalidValue("Network", "no populations", "at least one", "call network.population(n, model)")
        self.dt, self.seed, self.threads = dt, seed, threads
        self.dtype = np.float32 if precision == "single" else np.float64
        self.populations, self.projections, self.readouts = tuple(populations), tuple(projections), tuple(readouts)
        self.modulators, self.scaled = tuple(modulators), tuple(scaled)
        self.groups = lower_groups(populations, dt, self.dtype)
        self._group_of = {number: g for g, group in enumerate(self.groups) for number in group.offset}
        self.first = [0, *(int(end) for end in np.cumsum([group.size for group in self.groups])[:-1])]
        self.cuts = [cuts_of(group.size, threads) for group in self.groups]
        inputs = [(driven, driven.drive) for driven in drives if isinstance(driven.drive, PoissonInput)]
        wanted = [(driven.view.population, drive.synapse) for driven, drive in inputs]
        self.receptors, self.links, places = lower_links(self.groups, projections, wanted, dt, self.dtype, threads)
        self.receptor_of = {driven: place for (driven, _), place in zip(inputs, places, strict=True)}
        self.bias = [aligned(np.zeros(group.size)) for group in self.groups]
        self.drives: dict[Driven | Population, tuple[int, Any]] = {}
        for driven in drives:
            self._add_drive(driven, self._lower_drive(driven, driven.drive))
        for population in populations:
            if isinstance(population.model, Source):
                self._add_drive(population, self._lower_source(population, population.model))
        self.slots = [self._lower_readout(readout) for readout in readouts]
        self.driven = {g for handle, (g, drive) in self.drives.items() if drive is not None and handle not in self.receptor_of}
        self.driven |= {self._group_of[r.views[0].population.number] for r in readouts if r.feedback is not None}
        late = [delay for link in self.links if link.rule is None and (delay := link.one_delay) is not None]
        late += [int(np.max(delays_of(link), initial=0)) for link in self.links if link.rule is not None]
        self.recent = max(late, default=0)
        self.variables = {f"{group.name}.{field}": None for group in self.groups for field in group.state._fields} | {
            f"{self.groups[r.group].name}.{r.name}.{field}": None
            for r in self.receptors
            if r.step is not None
            for field in r.state._fields
        }

    def group_of(self, view: PopulationView) -> LoweredGroup:
        """The group that a population was merged into. Raises InvalidValue for another network's."""
        if view.population not in self.populations:
            raise InvalidValue("population", f"{view.population.name!r} of another network", "one of this network")
        return self.groups[self._group_of[view.population.number]]

    def number_of_group(self, population: Population) -> int:
        """Its place among the groups."""
        return self._group_of[population.number]

    @cached_property
    def identity(self) -> NDArray[np.uint8]:
        """What a state must come from to be one of this network, as text in bytes."""
        return identity(self)

    @property
    def block(self) -> int:
        """How many steps a thread may run before it must know the others' spikes: the shortest delay, but not for ever."""
        if self.readouts:
            return 1
        delays = [int(np.min(delays_of(link), initial=_LONGEST_BLOCK)) for link in self.links]
        return max(1, min([_LONGEST_BLOCK, *delays]))

    def initial_state(self) -> dict[str, NDArray[Any]]:
        """The state at time 0; new arrays."""
        state: dict[str, NDArray[Any]] = {"step": np.zeros(1, np.int64), "network": self.identity.copy()}
        for group in self.groups:
            _flatten(state, group.name, group.state)
            if self.recent:
                state[f"{group.name}.recent"] = np.zeros((self.recent, group.size), np.bool_)
        for receptor in self.receptors:
            group = self.groups[receptor.group]
            name = f"{group.name}.{receptor.name}"
            state[f"{name}.ring"] = np.zeros((receptor.slots, group.size), self.dtype)
            if receptor.step is not None:
                _flatten(state, name, receptor.state)
        for number, link in enumerate(self.links):
            if link.rule is not None:
                post = self.groups[self.receptors[link.receptor].group].size
                state |= {f"link{number}.{name}": array for name, array in initial_link_state(link, post, self.dtype).items()}
        for number, modulator in enumerate(self.modulators):
            state[f"modulator{number}"] = np.zeros(modulator.size)
        for number, readout in enumerate(self.readouts):
            name = f"readout{number}"
            state[f"{name}.trace"] = np.zeros(readout.features)
            state[f"{name}.trace_sum"] = np.zeros(readout.features)
            state[f"{name}.weight"] = readout.weight.copy()
            state[f"{name}.prediction"] = np.zeros(readout.channels)
            state[f"{name}.feedback"] = np.zeros(self.slots[number].feedback_current.size)
            _flatten(state, f"{name}.rule", readout.rule.initial_state(readout.channels, readout.features))
        return state

    def advance(
        self,
        state: State,
        steps: int,
        *,
        inputs: Mapping[Driven | Population, Drive | Neuron] | None = None,
        teach: Mapping[Readout, Teaching] | None = None,
        release: Mapping[Modulator, Release] | None = None,
        spikes_of: frozenset[int] = frozenset(),
        plans: Mapping[str, TapPlan] | None = None,
    ) -> tuple[dict[str, NDArray[Any]], Stretch]:
        """Run `steps` steps on from a state, which is not changed.

        Parameters   inputs      drives or sources played in place of those that the network was made with, by the
                                 handle that `drive` or `population` gave
                     teach       what readouts are taught, rows from this stretch's first update on
                     release     when modulators are released, on the network's clock
                     spikes_of   numbers of the groups whose spikes are kept
                     plans       which variables are sampled
        Returns      the new state, and what was observed; fewer steps than asked for where spikes filled the buffer
        """
        running = self.start(state, inputs=inputs, spikes_of=spikes_of, plans=plans)
        seen = running.advance(steps, teach=teach, release=release)
        return running.state(), seen

    def start(
        self,
        state: State | None = None,
        *,
        inputs: Mapping[Driven | Population, Drive | Neuron] | None = None,
        spikes_of: frozenset[int] = frozenset(),
        plans: Mapping[str, TapPlan] | None = None,
    ) -> Running:
        """Begin to run in stretches, from a state or from time 0: for loops that answer to what the network does.

        Parameters   as of `advance`, which copies the state at every call; the `Running` does so only when it is asked
        Example      running = simulation.start(spikes_of=frozenset([simulation.number_of_group(cells)]))
                     seen = running.advance(700); running.play({inputs: Poisson(rate=20.0)}); seen = running.advance(300)
        """
        from .running import Running

        if state is not None:
            check_identity(self, state)
        return Running(self, state or self.initial_state(), inputs=inputs, spikes_of=spikes_of, plans=plans)

    def weights(self, state: State, projection: Projection) -> Floats:
        """The weights of a projection in a state, shape (synapses,), in the order of its `pre` and `post`."""
        from .plasticity_state import weights_of

        for number, link in enumerate(self.links):
            if projection in link.projections and link.rule is not None:
                return weights_of(self, state, number, projection)
        if projection not in self.projections:
            raise InvalidValue("weights", projection, "a projection of this network")
        return np.broadcast_to(np.asarray(projection.weight, dtype=np.float64), (len(projection),)).copy()

    def played(self, inputs: Mapping[Driven | Population, Drive | Neuron]) -> list[tuple[Driven | Population, int, Any]]:
        """Every drive of the event loop: its handle, its group, and the lowered drive, with `inputs` in their places."""
        played = dict(self.drives)
        for handle, other in inputs.items():
            if handle not in played:
                raise InvalidValue("advance: inputs", handle, "a drive or source population of this network")
            drive = played[handle][1]
            if isinstance(handle, Driven) and isinstance(other, type(handle.drive)) and drive is not None:
                mine = handle.drive
                if isinstance(other, PoissonInput) and isinstance(mine, PoissonInput) and other.synapse.key != mine.synapse.key:
                    raise InvalidValue("advance: inputs", other.synapse, "the synapse kind of the input that it replaces")
                played[handle] = self._lower_drive(handle, other)
            elif isinstance(handle, Population) and isinstance(other, Source) and type(other) is type(handle.model):
                other.discretise(self.dt)  # so that a rate beyond dt is refused
                played[handle] = self._lower_source(handle, other)
            else:
                raise InvalidValue("advance: inputs", other, "of the kind that it replaces, and not a constant current")
        return [(handle, g, drive) for handle, (g, drive) in played.items() if drive is not None]

    def _add_drive(self, handle: Driven | Population, lowered: tuple[int, Any]) -> None:
        self.drives[handle] = lowered
        constant = lowered[1]
        if getattr(constant, "last", 0) == 2**62 and constant.first == 0:  # always on: counted once, not at every step
            np.add.at(self.bias[lowered[0]], constant.index, constant.amplitude)
            self.drives[handle] = (lowered[0], None)

    def _lower_drive(self, driven: Driven, drive: Drive) -> tuple[int, Any]:
        g = self._group_of[driven.view.population.number]
        return g, drive.lower(self.groups[g].index(driven.view), self.dt, self.seed, driven.stream)

    def _lower_source(self, population: Population, source: Source) -> tuple[int, Any]:
        g = self._group_of[population.number]
        index = self.groups[g].index(population[:])
        return g, source.own_drive(index, self.dt, self.seed, _SOURCE_STREAM + population.number)

    def _lower_readout(self, readout: Readout) -> ReadoutSlot:
        """The slot of a readout with everything that does not change; the rest is filled in when it runs."""
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
        nothing: Any = np.zeros(0)
        owner = len(self.readouts) and self.readouts.index(readout) % self.threads
        return ReadoutSlot(
            nothing, owner, feature, readout.every, per_step**readout.every, late,
            aligned(readout.mean), aligned(readout.scale), nothing, nothing, aligned(np.zeros(len(where))), nothing, nothing,
            readout.rule.discretise(readout.every * self.dt), None, aligned(feedback), np.zeros(n), 0,
            np.zeros(0, np.bool_), nothing, nothing, nothing,
        )  # fmt: skip


_LONGEST_BLOCK = 16  # steps: longer blocks save nothing and hold more spikes under way


def delays_of(link: Any) -> Any:
    """The delays that occur in a link, steps."""
    parts = [getattr(section.delay, "values", section.delay) for section in link.sections]
    return np.concatenate([np.atleast_1d(part) for part in parts])


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
