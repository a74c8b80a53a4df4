"""From a network to what the event loop walks: populations of one model merge into a group, projections between two
groups onto one synapse kind merge into one list of synapses by presynaptic neuron."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..neurons import Delta, Synapse
from .memory import aligned
from .population import Population, PopulationView, Projection
from .program import Floats

__all__ = ["LoweredGroup", "LoweredLink", "LoweredReceptor", "lower_groups", "lower_links"]


class LoweredGroup(NamedTuple):
    """Populations of one model, side by side. `offset` says where each begins, by its number in the network."""

    name: str
    size: int
    step: Any
    state: Any  # the initial state, arrays of shape (size,)
    members: tuple[Population, ...]
    offset: dict[int, int]

    def index(self, view: PopulationView) -> NDArray[np.int32]:
        """Where the neurons of a view stand in the group."""
        return view.index + np.int32(self.offset[view.population.number])


class LoweredReceptor(NamedTuple):
    """One synapse kind on one group; `step` is None for delta synapses. The ring has `slots` rows."""

    group: int
    name: str
    step: Any
    state: Any
    slots: int


class LoweredLink(NamedTuple):
    """Synapses from a group to a receptor, by presynaptic neuron."""

    group: int
    receptor: int
    indptr: NDArray[np.int64]
    target: Any
    weight: Any
    delay: Any


def lower_groups(populations: Sequence[Population], dt: float) -> list[LoweredGroup]:
    """One group per model class, in order of appearance."""
    by_model: dict[type, list[Population]] = {}
    for population in populations:
        by_model.setdefault(type(population.model), []).append(population)
    groups = []
    for model, members in by_model.items():
        sizes = [population.size for population in members]
        ends = np.cumsum(sizes)
        step = _merge([population.model.discretise(dt) for population in members], sizes)
        starts = [population.model.initial_state()._replace(**population.initial) for population in members]
        state = type(starts[0])(*(_side_by_side([s[f] for s in starts], sizes) for f in range(len(starts[0]))))
        offset = {population.number: int(end) - population.size for population, end in zip(members, ends, strict=True)}
        groups.append(LoweredGroup(model.__name__.lower(), int(ends[-1]), step, state, tuple(members), offset))
    return groups


def lower_links(
    groups: Sequence[LoweredGroup], projections: Sequence[Projection], dt: float
) -> tuple[list[LoweredReceptor], list[LoweredLink]]:
    """The receptors of all groups and the merged synapses that feed them."""
    where = {number: g for g, group in enumerate(groups) for number in group.offset}
    wanted: dict[tuple[Any, ...], list[Projection]] = {}
    for projection in projections:
        wanted.setdefault((where[projection.target.number], *projection.synapse.key), []).append(projection)
    receptors, links = [], []
    for number, ((g, *_), arriving) in enumerate(wanted.items()):
        receptors.append(_receptor(groups[g], g, arriving, number, dt))
        by_source: dict[int, list[Projection]] = {}
        for projection in arriving:
            by_source.setdefault(where[projection.source.number], []).append(projection)
        links += [_link(groups, pre, g, number, merged) for pre, merged in by_source.items()]
    return receptors, links


def _receptor(group: LoweredGroup, g: int, arriving: list[Projection], number: int, dt: float) -> LoweredReceptor:
    synapse: Synapse = arriving[0].synapse
    slots = 1 + max((int(np.max(projection.delay, initial=0)) for projection in arriving), default=0)
    if isinstance(synapse, Delta):
        return LoweredReceptor(g, f"synapse{number}", None, None, slots)
    sizes = [population.size for population in group.members]
    step = _merge([synapse.discretise(dt, population.model) for population in group.members], sizes)
    start = synapse.initial_state()
    state = type(start)(*(np.full(group.size, value) for value in start))
    return LoweredReceptor(g, f"synapse{number}", step, state, slots)


def _link(groups: Sequence[LoweredGroup], pre: int, post: int, receptor: int, merged: list[Projection]) -> LoweredLink:
    sources = [p.pre + groups[pre].offset[p.source.number] for p in merged]
    targets = [p.post + groups[post].offset[p.target.number] for p in merged]
    source, target = np.concatenate(sources), np.concatenate(targets)
    lengths = [len(p) for p in merged]
    weight, delay = _side_by_side_or_one([p.weight for p in merged], lengths), _side_by_side_or_one(
        [p.delay for p in merged], lengths
    )
    if (np.diff(source) < 0).any():  # a stable sort keeps the order of synapses that share a source
        order = np.argsort(source, kind="stable")
        source, target = source[order], target[order]
        weight = weight[order] if isinstance(weight, np.ndarray) else weight
        delay = delay[order] if isinstance(delay, np.ndarray) else delay
    indptr = np.zeros(groups[pre].size + 1, np.int64)
    np.cumsum(np.bincount(source, minlength=groups[pre].size), out=indptr[1:])
    narrow = np.uint16 if groups[post].size <= 2**16 else np.uint32
    if isinstance(delay, np.ndarray):
        delay = delay.astype(np.uint8 if delay.max(initial=0) < 256 else np.uint16)
    return LoweredLink(pre, receptor, indptr, target.astype(narrow), weight, delay)


def _merge(steps: Sequence[Any], sizes: Sequence[int]) -> Any:
    """One step for neurons side by side: a coefficient that all share stays a number."""
    return type(steps[0])(*(_side_by_side_or_one([s[f] for s in steps], sizes) for f in range(len(steps[0]))))


def _side_by_side_or_one(values: Sequence[Any], sizes: Sequence[int]) -> Any:
    first = values[0]
    if all(np.ndim(value) == 0 and value == first for value in values):
        return first if isinstance(first, int) else float(first)
    return _side_by_side(values, sizes)


def _side_by_side(values: Sequence[Any], sizes: Sequence[int]) -> Floats:
    parts = [np.broadcast_to(np.asarray(value), (size,)) for value, size in zip(values, sizes, strict=True)]
    return aligned(np.concatenate(parts).astype(parts[0].dtype if parts[0].dtype.kind == "i" else np.float64))


