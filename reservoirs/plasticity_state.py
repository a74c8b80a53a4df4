"""Plastic links between their canonical state, which does not depend on threads, and what each thread works on.

Canonical order of synapses: by presynaptic neuron, then delay, then target, then the order of `connect`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..neurons import InvalidValue, SynfireError
from .memory import aligned
from .plastic import NEVER, Third
from .population import Modulator, Release
from .program import Group, PlasticLink, Queue, Scaling
from .projection import Projection

__all__ = [
    "PlasticPart", "RuleFault", "fault_of", "gathered_link_state", "initial_link_state", "neuron_name", "plastic_part",
    "rule_name", "weights_of",
]  # fmt: skip

_HISTORY = 32  # postsynaptic spikes noted per neuron before all synapses must take note of them
_LOG = 1 << 15  # the same for all neurons together, where a log is kept
_TABLE = 1 << 14  # longest table of a trace's decay, steps; beyond, the exponential is taken


class RuleFault(SynfireError):
    """A rule gave a NaN or infinity; names the rule, the synapse and the time."""


def initial_link_state(link: Any, n_post: int, dtype: Any) -> dict[str, NDArray[Any]]:
    """What a plastic link holds at time 0, in canonical order, by name."""
    rule = link.rule
    weight = _canonical(link.sections, [section.weight for section in link.sections]).astype(dtype)
    state = {f"synapse.{name}": value for name, value in rule.initial_synapse(weight)._asdict().items()}
    shape = (len(_delays(link)), len(link.sections[0].indptr) - 1)
    state |= {f"pre.{name}": np.zeros(shape, dtype) for name in rule.pre_traces()._fields}
    state |= {f"post.{name}": np.zeros(n_post, dtype) for name in rule.post_traces()._fields}
    state["last"] = np.full(shape, NEVER, np.int64)
    if link.modulator is not None:
        state["integral"] = np.zeros(1 if link.modulator.over is None else n_post)
        state["begun"] = np.zeros(1, np.int64)
    return state


class PlasticPart(NamedTuple):
    """A thread's plastic links and what keeps their sums."""

    links: tuple[PlasticLink, ...]
    scalings: tuple[Scaling, ...]
    faults: NDArray[np.int64]

    def released(
        self, simulation: Any, me: int, release: Mapping[Modulator, Release], first: int
    ) -> tuple[PlasticLink, ...]:
        """The links with what modulators release in a stretch from step `first` on."""
        for modulator in release:
            if modulator not in simulation.modulators:
                raise InvalidValue("release", modulator, "a modulator of this network, as `modulator` gave it")
        links = []
        for link, lowered in zip(self.links, _plastic(simulation), strict=True):
            if lowered.modulator is not None:
                steps, amounts = _releases(simulation, lowered, release.get(lowered.modulator), first, me)
                third = link.third._replace(release_step=steps, release=amounts, next=np.zeros(1, np.int64))
                link = link._replace(third=third)
            links.append(link)
        return tuple(links)


def plastic_part(
    simulation: Any, me: int, state: Mapping[str, Any], queues: Sequence[Queue], rings: Sequence[Any], groups: Sequence[Group]
) -> PlasticPart:
    """A thread's share of all plastic links."""
    numbers = [number for number, link in enumerate(simulation.links) if link.rule is not None]
    faults = np.zeros((len(numbers), 4), np.int64)
    faults[:, 1] = 1 << 62  # later than any
    links = [
        _link(simulation, number, me, state, queues, rings, groups, fault)
        for number, fault in zip(numbers, faults, strict=True)
    ]
    scalings = []
    for scaled in simulation.scaled:
        for k, lowered in enumerate(_plastic(simulation)):
            if scaled.projection in lowered.projections:
                chosen = _scattered(lowered.sections, _of_projection(simulation, lowered, scaled.projection))[me]
                sums = np.zeros(len(links[k].newest))
                scalings.append(Scaling(links[k].target, links[k].synapse[0], scaled.every, chosen, scaled.total, sums))
    return PlasticPart(tuple(links), tuple(scalings), faults)


def _link(
    simulation: Any, number: int, me: int, state: Mapping[str, Any], queues: Any, rings: Any, groups: Any, fault: Any
) -> PlasticLink:
    link = simulation.links[number]
    dt, dtype, rule, name = simulation.dt, simulation.dtype, link.rule, f"link{number}"
    receptor = simulation.receptors[link.receptor]
    low, high = simulation.cuts[receptor.group][me : me + 2]
    section = link.sections[me]
    pre_tau, post_tau = rule.pre_traces(), rule.post_traces()
    template = rule.initial_synapse(np.zeros(0, dtype))
    synapse = type(template)(
        *(aligned(_scattered(link.sections, state[f"{name}.synapse.{field}"])[me]) for field in template._fields)
    )
    third: Any = ()
    n_post = int(high - low)
    beside = all(_side_by_side(each) for each in link.sections)
    room: Any = (_LOG + 2 * n_post,) if beside else (n_post, _HISTORY)
    if link.modulator is not None:
        third = _third(simulation, link, number, me, state, room)
    from .lowering import cast

    return PlasticLink(
        queue=queues[link.group],
        ring=rings[link.receptor],
        indptr=section.indptr,
        target=section.target,
        delay=_each_delay(section),
        delays=_delays(link),
        step=cast(rule.discretise(dt), dtype),
        synapse=synapse,
        pre=type(pre_tau)(*(aligned(state[f"{name}.pre.{field}"]) for field in pre_tau._fields)),
        pre_rate=type(pre_tau)(*(dt / tau for tau in pre_tau)),
        pre_table=type(pre_tau)(*(_table(dt / tau, dtype) for tau in pre_tau)),
        last=aligned(state[f"{name}.last"]),
        post=type(post_tau)(*(aligned(state[f"{name}.post.{field}"][low:high]) for field in post_tau._fields)),
        post_decay=type(post_tau)(*(dtype(math.exp(-dt / tau)) for tau in post_tau)),
        fired=groups[receptor.group].queue,
        low=int(low),
        who=np.zeros(room, np.uint32) if beside else (),
        newest=np.full(n_post, NEVER, np.int64),
        written=np.zeros(1 if beside else n_post, np.int64),
        at=np.zeros(room, np.int64),
        seen=type(post_tau)(*(np.zeros(room, dtype) for _ in post_tau)),
        settled=np.array([int(state["step"][0])], np.int64),
        third=third,
        consolidates=rule.consolidate_every(dt) or 1 << 62,
        every=_every(simulation, link),
        fault=fault,
    )


def _side_by_side(section: Any) -> bool:
    """Whether all synapses have one delay and every row's targets are neighbours in a line."""
    if not isinstance(section.delay, int):
        return False
    steps = np.diff(section.target.astype(np.int64))
    within = np.ones(len(steps), np.bool_)
    within[section.indptr[1:-1][(section.indptr[1:-1] > 0) & (section.indptr[1:-1] < section.target.size)] - 1] = False
    return bool((steps[within] == 1).all())


def _every(simulation: Any, link: Any) -> int:
    """How often a link's synapses must be up to date: for its rule's `consolidate`, and for sums that are kept."""
    every = [link.rule.consolidate_every(simulation.dt)]
    every += [scaled.every for scaled in simulation.scaled if scaled.projection in link.projections]
    return math.gcd(*every) or 1 << 62


def _third(simulation: Any, link: Any, number: int, me: int, state: Mapping[str, Any], room: Any) -> Third:
    modulator, rule, dt = link.modulator, link.rule, simulation.dt
    receptor = simulation.receptors[link.receptor]
    low, high = simulation.cuts[receptor.group][me : me + 2]
    level, integral = state[f"modulator{modulator.number}"].copy(), state[f"link{number}.integral"].copy()
    if modulator.over is not None:
        spread = np.zeros(simulation.groups[receptor.group].size)
        offset = simulation.groups[receptor.group].offset[modulator.over.number]
        spread[offset : offset + modulator.size] = level
        level, integral = spread[low:high].copy(), integral[low:high].copy()
    tau = rule.tau_eligibility
    return Third(
        level, integral, state[f"link{number}.begun"].copy(), np.zeros(room), modulator.baseline,
        math.exp(-dt / modulator.tau), dt / tau, -tau * math.expm1(-dt / tau),
        np.zeros(0, np.int64), np.zeros((0, level.size)), np.zeros(1, np.int64),
    )  # fmt: skip


def _releases(simulation: Any, link: Any, release: Release | None, first: int, me: int) -> tuple[Any, Any]:
    """Steps and amounts of what is released from step `first` on, ascending, for a thread's section."""
    modulator: Modulator = link.modulator
    receptor = simulation.receptors[link.receptor]
    low, high = simulation.cuts[receptor.group][me : me + 2]
    size = 1 if modulator.over is None else int(high - low)
    if release is None:
        return np.zeros(0, np.int64), np.zeros((0, size))
    times, amounts = checked_release(modulator, release)
    steps = np.floor(times / simulation.dt + 1e-6).astype(np.int64)
    if modulator.over is not None:
        spread = np.zeros((len(steps), simulation.groups[receptor.group].size))
        offset = simulation.groups[receptor.group].offset[modulator.over.number]
        spread[:, offset : offset + modulator.size] = amounts
        amounts = spread[:, low:high]
    return steps[steps >= first], np.ascontiguousarray(amounts[steps >= first])


def checked_release(modulator: Modulator, release: Release) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times (n,) and amounts (n, levels) of a release.

    Raises       InvalidValue
    """
    if not isinstance(release, Release):
        raise InvalidValue("run: release", release, "a Release for each modulator", "e.g. {modulator: Release([100.0], 1.0)}")
    times = np.atleast_1d(np.asarray(release.times, dtype=np.float64))
    amounts = np.asarray(release.amounts, dtype=np.float64)
    shape = (len(times), modulator.size)
    if amounts.shape in ((), times.shape):
        amounts = np.broadcast_to(amounts[..., None], shape)
    if amounts.shape != shape:
        raise InvalidValue("Release.amounts", f"shape {amounts.shape}", f"a number, of shape {times.shape} or {shape}")
    return times, amounts


def gathered_link_state(simulation: Any, parts: Sequence[Sequence[PlasticLink]]) -> dict[str, NDArray[Any]]:
    """The canonical state of all plastic links from the threads' parts, which have taken note of every spike."""
    state: dict[str, NDArray[Any]] = {}
    numbers = [number for number, link in enumerate(simulation.links) if link.rule is not None]
    for number, own in zip(numbers, zip(*parts, strict=True), strict=True):
        name, sections = f"link{number}", simulation.links[number].sections
        for k, field in enumerate(own[0].synapse._fields):
            state[f"{name}.synapse.{field}"] = _canonical(sections, [part.synapse[k] for part in own])
        for k, field in enumerate(own[0].pre._fields):
            state[f"{name}.pre.{field}"] = own[0].pre[k].copy()
        for k, field in enumerate(own[0].post._fields):
            state[f"{name}.post.{field}"] = np.concatenate([part.post[k] for part in own])
        state[f"{name}.last"] = own[0].last.copy()
        modulator = simulation.links[number].modulator
        if modulator is not None:
            thirds = [part.third.integral for part in own]
            state[f"{name}.integral"] = thirds[0].copy() if modulator.over is None else np.concatenate(thirds)
            state[f"{name}.begun"] = own[0].third.begun.copy()
    return state


def weights_of(simulation: Any, state: Mapping[str, Any], number: int, projection: Projection) -> NDArray[np.float64]:
    """The weights of one projection in a state, in the order of its `pre` and `post`."""
    link, name = simulation.links[number], f"link{number}"
    template = link.rule.initial_synapse(np.zeros(0))
    synapse = type(template)(*(state[f"{name}.synapse.{field}"] for field in template._fields))
    integral: Any = 0.0
    order = _connect_order(simulation, link)
    if link.modulator is not None:
        integral = state[f"{name}.integral"]
        integral = integral[0] if link.modulator.over is None else integral[_targets(simulation, link)[order]]
    given = np.empty(len(order))
    given[order] = link.rule.weights(synapse, integral)
    begin = 0
    for each in link.projections:
        if each is projection:
            break
        begin += len(each)
    return given[begin : begin + len(projection)]


def fault_of(simulation: Any, parts: Sequence[Sequence[PlasticLink]]) -> RuleFault | None:
    """The error for the earliest NaN or infinity that a rule gave, if any did."""
    found = []
    for me, links in enumerate(parts):
        for link, lowered in zip(links, _plastic(simulation), strict=True):
            if link.fault[2]:
                e, step = int(link.fault[0]), int(link.fault[1])
                pre = int(np.searchsorted(link.indptr, e, side="right")) - 1
                post = int(link.target[e]) + int(simulation.cuts[simulation.receptors[lowered.receptor].group][me])
                found.append((step, pre, post, lowered))
    if not found:
        return None
    step, pre, post, lowered = min(found, key=lambda item: item[:3])
    source = simulation.groups[lowered.group]
    target = simulation.groups[simulation.receptors[lowered.receptor].group]
    return RuleFault(
        f"plasticity: {rule_name(lowered.rule)} gave NaN or infinity at {step * simulation.dt:g} ms for the synapse from "
        f"{neuron_name(source, pre)} to {neuron_name(target, post)}; check the rule's hooks and its parameters"
    )


def rule_name(rule: Any) -> str:
    """The rule's class, with that of the rule it wraps."""
    inner = getattr(rule, "rule", None)
    return type(rule).__name__ + (f"({type(inner).__name__})" if inner is not None else "")


def neuron_name(group: Any, k: int) -> str:
    """Neuron k of a group as the user knows it: its population and place."""
    for population in group.members:
        offset = group.offset[population.number]
        if offset <= k < offset + population.size:
            return f"{population.name}[{k - offset}]"
    return f"{group.name}[{k}]"


def _plastic(simulation: Any) -> list[Any]:
    return [link for link in simulation.links if link.rule is not None]


def _table(rate: float, dtype: Any) -> NDArray[Any]:
    """exp(-rate k) until it does not matter: each entry the bits that compiled code would find."""
    length = min(_TABLE, math.ceil(40.0 / rate) + 1)
    return np.array([math.exp(-rate * k) for k in range(length)]).astype(dtype)


def _each_delay(section: Any) -> NDArray[Any]:
    """The delay of every synapse; empty if all have one."""
    if isinstance(section.delay, int):
        return np.zeros(0, np.uint16)
    if hasattr(section.delay, "values"):
        return np.repeat(section.delay.values, np.diff(section.indptr)).astype(np.uint16)
    return np.asarray(section.delay).astype(np.uint16)


def _delays(link: Any) -> NDArray[np.int64]:
    """The delays that occur in a link, descending, so that the earliest spikes come first."""
    from .simulation import delays_of

    return np.unique(delays_of(link)).astype(np.int64)[::-1].copy()


def _order(sections: Sequence[Any]) -> NDArray[np.int64] | None:
    """canonical[k] = all sections one after the other [order[k]]; None if they are the same."""
    if len(sections) == 1:
        return None
    pre = np.concatenate([np.repeat(np.arange(len(s.indptr) - 1), np.diff(s.indptr)) for s in sections])
    delay = np.concatenate([np.broadcast_to(_each_delay(s), (s.target.size,)) if _each_delay(s).size or not s.target.size
                            else np.zeros(s.target.size, np.uint16) for s in sections])  # fmt: skip
    return np.lexsort((delay, pre))  # stable: within a delay, sections stand in the order of their targets


def _canonical(sections: Sequence[Any], values: Sequence[Any]) -> NDArray[Any]:
    order = _order(sections)
    joined = np.concatenate(values)
    return joined if order is None else joined[order]


def _scattered(sections: Sequence[Any], values: NDArray[Any]) -> list[NDArray[Any]]:
    order = _order(sections)
    if order is None:
        return [values]
    joined = np.empty_like(values)
    joined[order] = values
    return np.split(joined, np.cumsum([s.target.size for s in sections])[:-1])


def _connect_order(simulation: Any, link: Any) -> NDArray[np.int64]:
    """canonical[k] is synapse order[k] of the link's projections, one after the other."""
    groups = simulation.groups
    post = groups[simulation.receptors[link.receptor].group]
    source = np.concatenate([p.pre + groups[link.group].offset[p.source.number] for p in link.projections])
    target = np.concatenate([p.post + post.offset[p.target.number] for p in link.projections])
    delay = np.concatenate([np.broadcast_to(np.asarray(p.delay), (len(p),)) for p in link.projections])
    return np.lexsort((target, delay, source))


def _targets(simulation: Any, link: Any) -> NDArray[np.int64]:
    post = simulation.groups[simulation.receptors[link.receptor].group]
    return np.concatenate([p.post + post.offset[p.target.number] for p in link.projections])


def _of_projection(simulation: Any, link: Any, projection: Projection) -> NDArray[np.bool_]:
    """Which synapses of a link, in canonical order, are the projection's."""
    whose = np.concatenate([np.full(len(p), p is projection) for p in link.projections])
    return whose[_connect_order(simulation, link)]
