"""The search for polychronous groups: what follows when a neuron's strong inputs fire so that their spikes arrive together.

For every excitatory neuron, the mother, three excitatory neurons with strong synapses onto it, the anchors, fire with the
lags that make their spikes arrive in one step; the network, silent and at rest until then, follows without noise and without
learning, inhibition included. A spike has a link from an earlier one that came to it over a strong synapse in the `WINDOW`
before it, and after the neuron's own last spike; an anchor's layer is 1, a spike's layer is one more than the highest among
its links. What follows is a group if it has `LAYERS` layers, the mother fires, and each anchor has a link to a spike that is
not the mother's: one that only helps to fire the mother could be anyone.

Source       Izhikevich 2006, doi:10.1162/089976606775093882: triplets, strong synapses, simultaneous arrival, seven layers
Deviations   the window and the trial's length are ours, and so is what it means that an anchor contributes. Groups are
             counted by their triplets, so that two triplets that set off much the same spikes are two groups
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["LAYERS", "LIMIT", "WINDOW", "Found", "Graph", "candidates", "example", "graph", "search", "triplets"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LAYERS = 7  # of the longest path, the anchors' included; the paper's
WINDOW = 10  # ms from the arrival of a spike to one that it may have caused
LIMIT = 300  # ms of a trial
LONGEST_DELAY = 20  # ms
V_REST, U_REST, B, V_RESET, V_PEAK = -70.0, -14.0, 0.2, -65.0, 30.0
# A neuron at rest does not fire unless more than this arrives in all, however it is timed: the least that fires one is 16.35
# at once, and about 16 beside some inhibition. So a neuron is not integrated before this much is on its way, and then from its
# first arrival on.
TOO_LITTLE = 12.0
MOST_SPIKES = 4000  # of a trial


class Graph(NamedTuple):
    """A network by presynaptic neuron; delays are whole ms, 1 for a spike that acts in the very next integration."""

    indptr: Ints  # (n + 1,)
    target: Ints  # (synapses,)
    delay: Ints
    weight: Floats
    a: Floats  # (n,)
    d: Floats
    excitatory: int  # neurons, which come first
    strong: float  # a synapse above this is strong


class Scratch(NamedTuple):
    """The spikes of a trial, and every arrival; written anew by each."""

    spiked: Ints  # (MOST_SPIKES,): who
    when: Ints
    layer: Ints
    head: Ints  # (n,): each neuron's last arrival, -1 for none; the rest of its list follows by `further`
    further: Ints  # (arrivals,)
    at: Ints  # step in which it acts
    source: Ints  # number of the spike that it came from
    size: Floats  # weight
    total: Floats  # (n,): of all positive arrivals
    slot: Ints  # (n,): place among those that are integrated, or -1
    who: Ints  # (n,), by slot
    v: Floats
    u: Floats
    current: Floats  # (n, LIMIT): by slot and step


class Found(NamedTuple):
    """The groups of a search: arrays (groups,), and what was tried."""

    mother: Ints
    anchors: Ints  # (groups, 3)
    lags: Ints  # (groups, 3), ms
    spikes: Ints
    span: Ints  # ms from the first anchor's spike to the last of the group
    layers: Ints
    tried: int
    candidates: int


def graph(
    pre: Ints, post: Ints, delay: Ints, weight: Floats, a: Floats, d: Floats, *, excitatory: int, strong: float
) -> Graph:
    """The network of these synapses."""
    order = np.lexsort((post, pre))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(pre, minlength=len(a)))]).astype(np.int64)
    columns = (post[order].astype(np.int64), delay[order].astype(np.int64), weight[order].astype(np.float64))
    return Graph(indptr, *columns, np.asarray(a, np.float64), np.asarray(d, np.float64), excitatory, strong)


def scratch_for(net: Graph) -> Scratch:
    """Room for one trial at a time."""
    n, room = len(net.a), MOST_SPIKES * int(np.diff(net.indptr).max(initial=1))

    def whole(size: int) -> Ints:
        return np.zeros(size, np.int64)

    return Scratch(
        whole(MOST_SPIKES), whole(MOST_SPIKES), whole(MOST_SPIKES), whole(n), whole(room), whole(room), whole(room),
        np.zeros(room), np.zeros(n), whole(n), whole(n), np.zeros(n), np.zeros(n), np.zeros((n, LIMIT)),
    )  # fmt: skip


@numba.njit(cache=True, inline="always")
def _integrate(net: Any, s: Any, k: int, step: int) -> None:
    """One ms of the neuron in slot k, as in the published program: two half steps of v, one step of u."""
    v, u, current = s.v[k], s.u[k], s.current[k, step]
    v += 0.5 * (0.04 * (v * v) + 5.0 * v + 140.0 - u + current)
    v += 0.5 * (0.04 * (v * v) + 5.0 * v + 140.0 - u + current)
    s.v[k], s.u[k] = v, u + net.a[s.who[k]] * (B * v - u)


@numba.njit(cache=True)
def _wake(net: Any, s: Any, j: int, k: int, step: int) -> None:
    """Give neuron j slot k: what has arrived at it is made up for, and it stands where `step` begins."""
    s.slot[j], s.who[k], s.v[k], s.u[k] = k, j, V_REST, U_REST
    s.current[k, :] = 0.0
    first, e = step, s.head[j]
    while e >= 0:
        s.current[k, s.at[e]] += s.size[e]
        first, e = min(first, s.at[e]), s.further[e]
    for past in range(first, step):
        _integrate(net, s, k, past)


@numba.njit(cache=True)
def _follow(net: Any, s: Any, mother: int, anchors: Any, lags: Any) -> int:
    """Let the anchors fire and the network follow; returns how many spikes there were, 0 if the mother kept silent."""
    s.head[:], s.slot[:], s.total[:] = -1, -1, 0.0
    spikes, arrivals, awake, last, due = 0, 0, 0, lags.max(), LIMIT
    for e in range(net.indptr[anchors[0]], net.indptr[anchors[0] + 1]):
        if net.target[e] == mother:
            due = lags[0] + net.delay[e] - 1 + WINDOW
    answered, step = False, 0
    while step < LIMIT and step <= last + LONGEST_DELAY + WINDOW:
        for k in range(len(anchors)):
            if lags[k] == step:
                if s.slot[anchors[k]] < 0:
                    _wake(net, s, anchors[k], awake, step)
                    awake += 1
                s.v[s.slot[anchors[k]]] = V_PEAK
        before = spikes
        for k in range(awake):
            if s.v[k] >= V_PEAK and spikes < MOST_SPIKES:
                s.spiked[spikes], s.when[spikes], last = s.who[k], step, step
                s.v[k], s.u[k] = V_RESET, s.u[k] + net.d[s.who[k]]
                answered |= s.who[k] == mother and step > due - WINDOW
                spikes += 1
        for q in range(before, spikes):
            for e in range(net.indptr[s.spiked[q]], net.indptr[s.spiked[q] + 1]):
                w, j, at = net.weight[e], net.target[e], step + net.delay[e] - 1
                if w == 0.0 or at >= LIMIT:
                    continue
                s.further[arrivals], s.at[arrivals], s.source[arrivals], s.size[arrivals] = s.head[j], at, q, w
                s.head[j] = arrivals
                arrivals += 1
                if s.slot[j] >= 0:
                    s.current[s.slot[j], at] += w
                elif w > 0.0:
                    s.total[j] += w
                    if s.total[j] > TOO_LITTLE:
                        _wake(net, s, j, awake, step)
                        awake += 1
        for k in range(awake):
            _integrate(net, s, k, step)
        if step >= due and not answered:
            return 0
        step += 1
    return spikes


@numba.njit(cache=True)
def _judge(net: Any, s: Any, spikes: int, mother: int, anchors: Any, lags: Any) -> Any:
    """Layers of all spikes; (spikes of the group, its span, its layers), zeros if it is no group."""
    helps, last, mothers = np.zeros(len(anchors), np.bool_), np.full(len(net.a), -1), 0
    size, span, layers = 0, 0, 0
    for q in range(spikes):
        j, now = s.spiked[q], s.when[q]
        s.layer[q] = 0
        for k in range(len(anchors)):
            if j == anchors[k] and now == lags[k]:
                s.layer[q] = 1
        if s.layer[q] == 0:
            mothers += j == mother
            e = s.head[j]
            while e >= 0:
                from_, at = s.source[e], s.at[e]
                if s.size[e] > net.strong and max(now - WINDOW, last[j]) <= at < now and s.layer[from_] > 0:
                    s.layer[q] = max(s.layer[q], s.layer[from_] + 1)
                    for k in range(len(anchors)):
                        first = s.spiked[from_] == anchors[k] and s.when[from_] == lags[k]
                        helps[k] |= first and not (j == mother and mothers == 1)
                e = s.further[e]
        last[j] = now
        if s.layer[q] > 0:
            size, span, layers = size + 1, now, max(layers, s.layer[q])
    if layers < LAYERS or mothers == 0 or not helps.all():
        return 0, 0, 0
    return size, span, layers


@numba.njit(cache=True, nogil=True)
def _scan(net: Any, s: Any, mother: int, anchors: Any, lags: Any, out: Any) -> None:
    """Try every row of `anchors` and `lags`; rows of `out` become (spikes, span, layers)."""
    for row in range(len(anchors)):
        spikes = _follow(net, s, mother, anchors[row], lags[row])
        if spikes >= LAYERS:
            out[row, 0], out[row, 1], out[row, 2] = _judge(net, s, spikes, mother, anchors[row], lags[row])


def candidates(net: Graph) -> list[tuple[Ints, Ints]]:
    """For each excitatory neuron, who is strongly connected to it, itself left out, and the delays."""
    pre = np.repeat(np.arange(len(net.a)), np.diff(net.indptr))
    chosen = (pre < net.excitatory) & (net.weight > net.strong) & (pre != net.target)
    return [(pre[own], net.delay[own]) for i in range(net.excitatory) for own in [np.flatnonzero(chosen & (net.target == i))]]


def triplets(k: int) -> Ints:
    """All sets of three among k in the order of their last member, so that those among fewer come first; shape (sets, 3)."""
    sets = [(x, y, z) for z in range(k) for y in range(z) for x in range(y)]
    return np.array(sets, np.int64).reshape(-1, 3)


def search(net: Graph, share: float, seed: int) -> Found:
    """Try each triplet of strong inputs with probability `share`."""
    inputs = candidates(net)
    table, s = triplets(max((len(pre) for pre, _ in inputs), default=0)), scratch_for(net)
    rng, rows, tried, there = np.random.default_rng(seed), [np.zeros((0, 10), np.int64)], 0, 0
    for mother, (pre, delay) in enumerate(inputs):
        k = len(pre)
        sets = table[: k * (k - 1) * (k - 2) // 6]
        there += len(sets)
        if share < 1.0:
            sets = sets[rng.random(len(sets)) < share]
        if len(sets):
            tried += len(sets)
            lags = delay[sets].max(axis=1, keepdims=True) - delay[sets]
            out = np.zeros((len(sets), 3), np.int64)
            _scan(net, s, mother, pre[sets], lags, out)
            group = out[:, 2] > 0
            rows.append(np.column_stack([np.full(group.sum(), mother), pre[sets][group], lags[group], out[group]]))
    found = np.concatenate(rows)
    return Found(found[:, 0], found[:, 1:4], found[:, 4:7], found[:, 7], found[:, 8], found[:, 9], tried, there)


def example(net: Graph, mother: int, anchors: Ints, lags: Ints) -> tuple[Ints, Ints]:
    """The spikes of a group, rows (neuron, ms, layer), and its links, rows (spike, spike, ms of arrival)."""
    s = scratch_for(net)
    spikes = _follow(net, s, mother, anchors, lags)
    _judge(net, s, spikes, mother, anchors, lags)
    rows = np.column_stack([s.spiked[:spikes], s.when[:spikes], s.layer[:spikes]])
    links, last = [], np.full(len(net.a), -1)
    for q, (j, now, layer) in enumerate(rows):
        e = s.head[j]
        while layer > 1 and e >= 0:
            near = max(now - WINDOW, last[j]) <= s.at[e] < now
            if s.size[e] > net.strong and near and s.layer[s.source[e]] > 0:
                links.append((s.source[e], q, s.at[e]))
            e = s.further[e]
        last[j] = now
    return rows, np.array(links, np.int64).reshape(-1, 3)
