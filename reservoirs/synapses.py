"""Synapses in their final form: rows by presynaptic neuron, a part for every thread's section of the targets.

Projections are drawn in blocks, by several threads at once: first to count how many synapses each row has, then to write
every synapse to its place. The result does not depend on the number of workers, and what is held on the way is little more
than the result.

Order within a row: by delay, then target, then the order of `connect`. A section's part of a row is then a contiguous piece
of each delay's run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..neurons.kernel import kernel
from .projection import Drawn, Projection

__all__ = ["Row", "Synapses", "build"]

Ints = NDArray[np.int64]

_FEW = 16  # blocks
_LOOK = 1 << 22  # synapses looked at at a time


class Row(NamedTuple):
    """A weight or delay that all synapses of a presynaptic neuron share; values (n_pre,)."""

    values: NDArray[Any]


class Synapses(NamedTuple):
    """The synapses onto one section of a group. weight and delay: one number, a `Row`, or an array (synapses,)."""

    indptr: Ints  # (n_pre + 1,)
    target: NDArray[Any]  # (synapses,) uint16 or uint32, counted within the section
    weight: Any
    delay: Any  # steps


class _Block(NamedTuple):
    """Some synapses of one projection, by presynaptic neuron."""

    row: Ints  # (rows,): presynaptic neuron within the group, ascending
    many: Ints  # (rows,): how many synapses each has
    post: NDArray[Any]  # (synapses,): target within the group
    weight: NDArray[Any]  # (synapses,), or (0,) where it is not kept per synapse
    delay: NDArray[Any]


def build(
    projections: Sequence[Projection],
    n_pre: int,
    pre_offset: Mapping[int, int],
    post_offset: Mapping[int, int],
    cuts: Ints,
    dtype: Any,
    *,
    each_weight: bool = False,
) -> list[Synapses]:
    """Merge projections between two groups into rows, for every section of the targets.

    Parameters   pre_offset, post_offset   where each population, by its number, begins in its group
                 cuts                      where sections begin and the last ends, (sections + 1,)
                 dtype                     of weights
                 each_weight               keep a weight for every synapse, even if all are equal
    """
    weight = None if each_weight else _shared([(p, p.one_weight) for p in projections], n_pre, pre_offset, dtype)
    delay = _shared([(p, p.one_delay) for p in projections], n_pre, pre_offset, np.uint16)
    n_post = int(cuts[-1])
    post_type = np.uint16 if n_post <= 2**16 else np.uint32

    none = np.zeros(0, np.uint8)

    def placed(projection: Projection, pre: Ints, post: Ints) -> tuple[Ints, Ints, NDArray[Any]]:
        row, many = np.unique(pre, return_counts=True)
        in_group = (post + post_offset[projection.target.number]).astype(post_type)
        return row + pre_offset[projection.source.number], many, in_group

    def draw(item: tuple[Projection, int]) -> _Block:
        projection, block = item
        drawn = projection.draw(block)
        if (np.diff(drawn.pre) < 0).any():  # explicit pairs come in the user's order
            order = np.argsort(drawn.pre, kind="stable")
            in_order: Any = [part[order] if isinstance(part, np.ndarray) else part for part in drawn[2:]]
            drawn = Drawn(drawn.pre[order], drawn.post[order], *in_order)
        return _Block(
            *placed(projection, drawn.pre, drawn.post),
            none if weight is not None else np.broadcast_to(drawn.weight, drawn.pre.shape).astype(dtype),
            none if delay is not None else np.broadcast_to(drawn.delay, drawn.pre.shape).astype(np.uint16),
        )

    def pairs(item: tuple[Projection, int]) -> _Block:
        projection, block = item
        pre, post = projection.pairs(block)
        order = np.argsort(pre, kind="stable") if (np.diff(pre) < 0).any() else slice(None)
        return _Block(*placed(projection, pre[order], post[order]), none, none)

    items = [(p, block) for p in projections for block in range(p.blocks)]
    sections = len(cuts) - 1
    count_rows, write_rows = kernel(_count_rows), kernel(_write_rows)
    counts = np.zeros((sections, n_pre + 1), np.int64)
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        # few blocks are kept between counting and writing; many are drawn again, so that only the result is in memory
        kept = list(pool.map(draw, items)) if len(items) <= _FEW else None
        for block in kept or _by_turns(pool, pairs, items, workers):
            count_rows(block.row, block.many, block.post, cuts, counts)
        indptr = np.cumsum(counts, axis=1)
        width = int(np.max(np.diff(cuts), initial=0))
        targets = [np.empty(int(ends[-1]), np.uint16 if width <= 2**16 else np.uint32) for ends in indptr]
        weights = [np.empty(t.size if weight is None else 0, dtype) for t in targets]
        # most delays fit a byte; where one does not, what is written so far is widened
        delays = [np.empty(t.size if delay is None else 0, np.uint8) for t in targets]
        cursors = [ends[:-1].copy() for ends in indptr]
        for block in kept or _by_turns(pool, draw, items, workers):
            if delays[0].dtype == np.uint8 and block.delay.max(initial=0) > 255:
                delays = [each.astype(np.uint16) for each in delays]
            for s in range(sections):
                write_rows(
                    block.row, block.many, block.post, block.weight, block.delay, cuts[s], cuts[s + 1], cursors[s],
                    targets[s], weights[s], delays[s],
                )  # fmt: skip
    for s in range(sections):
        if not _in_order(indptr[s], targets[s], delays[s]):
            _sort(indptr[s], targets[s], weights[s], delays[s])
    return [
        Synapses(
            indptr[s].copy(), targets[s], weights[s] if weight is None else weight, delays[s] if delay is None else delay
        )
        for s in range(sections)
    ]


def _by_turns(pool: ThreadPoolExecutor, function: Any, items: list[Any], workers: int) -> Iterator[_Block]:
    """function(item) of every item, in order, never more than `workers` of them in memory."""
    for at in range(0, len(items), workers):
        yield from pool.map(function, items[at : at + workers])


def _shared(values: list[tuple[Projection, Any]], n_pre: int, pre_offset: Mapping[int, int], dtype: Any) -> Any:
    """The one number that all projections share, or the Row of numbers; None if synapses need a value each."""
    if not values:
        return 0
    if any(value is None for _, value in values):
        return None
    first = values[0][1]
    if all(value == first for _, value in values):
        return first
    row: dict[int, Any] = {}
    for projection, value in values:
        if row.setdefault(projection.source.number, value) != value:
            return None
    out = np.zeros(n_pre, dtype)
    for projection, value in values:
        begin = pre_offset[projection.source.number]
        out[begin : begin + projection.source.size] = value
    return Row(out)


def _in_order(indptr: Ints, target: NDArray[Any], delay: NDArray[Any]) -> bool:
    """Whether every row is sorted by delay, then target: then the sort need not even be compiled."""
    for begin in range(1, target.size, _LOOK):
        here, before = slice(begin, begin + _LOOK), slice(begin - 1, min(begin + _LOOK, target.size) - 1)
        falls = target[here] < target[before]
        if delay.size:
            falls = (delay[here] < delay[before]) | (falls & (delay[here] == delay[before]))
        if not np.isin(np.flatnonzero(falls) + begin, indptr, assume_unique=False).all():
            return False
    return True


def _sort(indptr: Ints, target: Any, weight: Any, delay: Any) -> None:
    """Bring every row into order; rows are shared out among workers."""
    sort = kernel(_sort_rows)
    longest = int(np.max(np.diff(indptr), initial=0))
    workers = os.cpu_count() or 1
    ends = np.searchsorted(indptr, np.linspace(0, indptr[-1], workers + 1)).clip(0, len(indptr) - 1)
    ends[0], ends[-1] = 0, len(indptr) - 1

    def some(k: int) -> None:
        scratch = np.empty(longest, np.int32), np.empty(longest, np.int32), np.empty(longest, np.uint32)
        sort(indptr, int(ends[k]), int(ends[k + 1]), target, weight, delay, *scratch, np.empty(longest, weight.dtype))

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(some, range(workers)))


def _count_rows(row: Any, count: Any, post: Any, cuts: Any, counts: Any) -> None:
    """counts[section, pre + 1] += how many synapses of `pre` go there."""
    e = 0
    for r in range(row.size):
        for _ in range(count[r]):
            section = 0
            while post[e] >= cuts[section + 1]:
                section += 1
            counts[section, row[r] + 1] += 1
            e += 1


def _write_rows(
    row: Any, count: Any, post: Any, weight: Any, delay: Any, low: int, high: int, cursor: Any, target: Any, to_weight: Any,
    to_delay: Any,
) -> None:  # fmt: skip
    e = 0
    for r in range(row.size):
        at = cursor[row[r]]
        for _ in range(count[r]):
            if low <= post[e] < high:
                target[at] = post[e] - low
                if to_weight.size:
                    to_weight[at] = weight[e]
                if to_delay.size:
                    to_delay[at] = delay[e]
                at += 1
            e += 1
        cursor[row[r]] = at


def _sort_rows(
    indptr: Any, first: int, last: int, target: Any, weight: Any, delay: Any, order: Any, other: Any, small: Any, wide: Any
) -> None:
    """Stable sort of rows first..last by delay, then target: digit by digit, eight bits at a time."""
    digit = np.empty(257, np.int64)
    for r in range(first, last):
        begin, n = indptr[r], indptr[r + 1] - indptr[r]
        sorted_already = True
        for k in range(begin + 1, begin + n):
            if delay.size and delay[k - 1] != delay[k]:
                sorted_already &= delay[k - 1] < delay[k]
            else:
                sorted_already &= target[k - 1] <= target[k]
        if sorted_already:
            continue
        for k in range(n):
            order[k] = k
        for key in range(6):  # four digits of the target, two of the delay
            if key >= 4 and delay.size == 0:
                break
            shift = 8 * (key if key < 4 else key - 4)
            for d in range(257):
                digit[d] = 0
            for k in range(n):
                value = np.int64(target[begin + k]) if key < 4 else np.int64(delay[begin + k])
                digit[((value >> shift) & 255) + 1] += 1
            if digit[1] == n:  # all zero: nothing to do
                continue
            for d in range(256):
                digit[d + 1] += digit[d]
            for k in range(n):
                value = np.int64(target[begin + order[k]]) if key < 4 else np.int64(delay[begin + order[k]])
                place = (value >> shift) & 255
                other[digit[place]] = order[k]
                digit[place] += 1
            for k in range(n):
                order[k] = other[k]
        for k in range(n):
            small[k] = target[begin + order[k]]
        for k in range(n):
            target[begin + k] = small[k]
        if weight.size:
            for k in range(n):
                wide[k] = weight[begin + order[k]]
            for k in range(n):
                weight[begin + k] = wide[k]
        if delay.size:
            for k in range(n):
                small[k] = delay[begin + order[k]]
            for k in range(n):
                delay[begin + k] = small[k]
