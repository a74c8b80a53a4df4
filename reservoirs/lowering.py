"""From a network to what the event loop walks: populations of one model merge into a group, projections between two
groups onto one synapse kind merge into one list of synapses by presynaptic neuron."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..neurons import Delta, Synapse, setup_generator
from ..plasticity.local import SynapticRule
from .memory import aligned
from .population import Modulator, Population, PopulationView
from .program import Floats
from .projection import Projection
from .synapses import Synapses, build

__all__ = ["LoweredGroup", "LoweredLink", "LoweredReceptor", "cast", "cuts_of", "lower_groups", "lower_links"]

_LINK = 289  # stream of set-up randomness: keys of links
_SECTION = 64  # neurons: sections begin at multiples, so that flags and pairs of random numbers are not torn apart


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
    """Synapses from a group to a receptor that one rule (or none) changes: a part for each thread's section."""

    group: int
    receptor: int
    sections: list[Synapses]
    projections: tuple[Projection, ...]
    rule: SynapticRule | None
    modulator: Modulator | None

    @property
    def one_delay(self) -> int | None:
        """The delay in steps, if all synapses have the same."""
        delay = self.sections[0].delay
        return delay if isinstance(delay, int) else None


def cuts_of(n: int, threads: int) -> NDArray[np.int64]:
    """Where each thread's section of n neurons begins, and where the last ends; shape (threads + 1,)."""
    cuts = np.round(np.arange(threads + 1) * (n / threads / _SECTION)).astype(np.int64) * _SECTION
    cuts = np.minimum(cuts, n)
    cuts[-1] = n
    return cuts


def cast(step: Any, dtype: Any) -> Any:
    """A NamedTuple (of NamedTuples) of numbers and arrays in a precision; whole numbers stay."""
    if isinstance(step, tuple):
        return type(step)(*(cast(value, dtype) for value in step))
    if isinstance(step, np.ndarray):
        return aligned(step.astype(dtype)) if step.dtype.kind == "f" else step
    return dtype(step) if isinstance(step, float | np.floating) else step


def lower_groups(populations: Sequence[Population], dt: float, dtype: Any) -> list[LoweredGroup]:
    """One group per model class, in order of appearance."""
    by_model: dict[type, list[Population]] = {}
    for population in populations:
        by_model.setdefault(type(population.model), []).append(population)
    groups: list[LoweredGroup] = []
    for model, members in by_model.items():
        sizes = [population.size for population in members]
        ends = np.cumsum(sizes)
        step = cast(_merge([population.model.discretise(dt) for population in members], sizes), dtype)
        starts = [population.model.initial_state()._replace(**population.initial) for population in members]
        state = cast(
            type(starts[0])(*(_side_by_side([s[f] for s in starts], sizes) for f in range(len(starts[0])))), dtype
        )
        offset = {population.number: int(end) - population.size for population, end in zip(members, ends, strict=True)}
        name = _free_name(model.__name__.lower(), [group.name for group in groups])
        groups.append(LoweredGroup(name, int(ends[-1]), step, state, tuple(members), offset))
    return groups


def _free_name(name: str, taken: Sequence[str]) -> str:
    """`name`, or name_2, name_3…: a user's class may be called as one of Synfire's is."""
    count = 1
    while (tried := name if count == 1 else f"{name}_{count}") in taken:
        count += 1
    return tried


def lower_links(
    groups: Sequence[LoweredGroup],
    projections: Sequence[Projection],
    wanted: Sequence[tuple[Population, Synapse]],
    dt: float,
    dtype: Any,
    threads: int,
) -> tuple[list[LoweredReceptor], list[LoweredLink], list[int]]:
    """The receptors of all groups, the merged synapses that feed them, and the receptors of `wanted` synapse kinds."""
    where = {number: g for g, group in enumerate(groups) for number in group.offset}
    arriving: dict[tuple[Any, ...], list[Projection]] = {}
    for projection in projections:
        arriving.setdefault((where[projection.target.number], *projection.synapse.key), []).append(projection)
    kinds: dict[tuple[Any, ...], Synapse] = {key: merged[0].synapse for key, merged in arriving.items()}
    asked = [(where[population.number], *synapse.key) for population, synapse in wanted]
    for key, (_, synapse) in zip(asked, wanted, strict=True):
        kinds.setdefault(key, synapse)
    receptors, links = [], []
    for number, (key, synapse) in enumerate(kinds.items()):
        g = key[0]
        own = []
        by_source: dict[tuple[Any, ...], list[Projection]] = {}
        for p in arriving.get(key, []):
            by_source.setdefault((where[p.source.number], p.plasticity, p.modulator), []).append(p)
        for (pre, rule, modulator), merged in by_source.items():
            sections = _sections(groups, pre, g, merged, rule, dtype, threads)
            own.append(LoweredLink(pre, number, sections, tuple(merged), _keyed(rule, merged[0]), modulator))
        receptors.append(_receptor(groups[g], g, synapse, own, number, dt, dtype))
        links += own
    return receptors, links, [list(kinds).index(key) for key in asked]


def _keyed(rule: SynapticRule | None, first: Projection) -> SynapticRule | None:
    """The rule with a key of its link, which is known by the first of its projections."""
    if rule is None:
        return None
    return rule.for_link(int(setup_generator(first.seed, _LINK, first.place).integers(2**63)))


def _sections(
    groups: Sequence[LoweredGroup], pre: int, post: int, merged: list[Projection], rule: Any, dtype: Any, threads: int
) -> list[Synapses]:
    return build(
        merged, groups[pre].size, groups[pre].offset, groups[post].offset, cuts_of(groups[post].size, threads), dtype,
        each_weight=rule is not None,
    )  # fmt: skip


def _receptor(
    group: LoweredGroup, g: int, synapse: Synapse, links: list[LoweredLink], number: int, dt: float, dtype: Any
) -> LoweredReceptor:
    ahead = [link for link in links if link.rule is None and link.one_delay is None]
    slots = 1 + max((int(np.max(longest(s), initial=0)) for link in ahead for s in link.sections), default=0)
    if isinstance(synapse, Delta):
        return LoweredReceptor(g, f"synapse{number}", None, None, slots)
    sizes = [population.size for population in group.members]
    step = cast(_merge([synapse.discretise(dt, population.model) for population in group.members], sizes), dtype)
    start = synapse.initial_state()
    state = type(start)(*(np.full(group.size, value, dtype) for value in start))
    return LoweredReceptor(g, f"synapse{number}", step, state, slots)


def longest(synapses: Synapses) -> Any:
    """The delays of some synapses, steps, in whatever form."""
    return synapses.delay.values if hasattr(synapses.delay, "values") else synapses.delay


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
    joined = np.concatenate(parts)
    return aligned(joined if joined.dtype.kind in "iu" else joined.astype(np.float64))


