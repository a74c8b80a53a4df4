"""Delay lines driven by events: what a sparse presynaptic train costs is the number of its spikes.

A spike of neuron j at step t adds kernel[:, j, :], a block of (max_delay + 1) × n_out numbers, to the rows t, t + 1, …
of its sample's output; and the gradient of that block is the sum of the same rows of the output's gradient. Postsynaptic
neurons are taken `_WIDE` at a time, so that a sample's rows stay in the first cache and the kernel in the second.
Threads own whole outputs and every sum runs in one order, so results do not depend on their number.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ..neurons.buffer import empty
from ..neurons.kernel import kernel
from ..neurons.threads import shared

__all__ = ["Trains", "add_blocks", "sum_blocks"]

_WIDE = 32  # postsynaptic neurons at a time; where there are fewer, as many vectors of eight as they need
_JOBS = 8  # at least so many pieces of work, whatever the number of threads
_SAMPLES = 8  # worth a thread's while
_STEPS = 16


class Trains(NamedTuple):
    """Events by sample and, within it, by presynaptic neuron; train b n_in + j ends before event ends[b n_in + j]."""

    ends: NDArray[np.int64]
    times: NDArray[np.int32]
    values: NDArray[Any]

    @classmethod
    def of(cls, x: torch.Tensor, dtype: torch.dtype, most: int) -> "Trains | None":
        """Those of x, of shape (time, batch, n_in), if they are no more than `most`."""
        signal = x.detach().numpy()
        counts = np.zeros(signal.shape[1:], np.int32)
        count, collect = kernel(_count), kernel(_collect)
        shared(lambda start, stop: count(signal, counts, start, stop), len(counts), least=_SAMPLES)
        ends = np.cumsum(counts.reshape(-1), dtype=np.int64)
        number = int(ends[-1]) if ends.size else 0
        if number > most:
            return None
        values = np.empty(number, torch.empty(0, dtype=dtype).numpy().dtype)
        times = np.empty(number, np.int32)
        shared(lambda start, stop: collect(signal, ends, times, values, start, stop), len(counts), least=_SAMPLES)
        return cls(ends, times, values)


def _tiles(n_out: int) -> tuple[int, int, int]:
    """(neurons of a tile, tiles, pieces of work in each)."""
    wide = min(_WIDE, -(-n_out // 8) * 8)
    tiles = -(-n_out // wide)
    return wide, tiles, -(-_JOBS // tiles)


def add_blocks(blocks: Any, ends: Any, times: Any, values: Any, lead: int, y: Any) -> None:
    """y[t, b] = Σ over events of blocks[t + lead - time of event, j]; y of shape (time, batch, n_out)."""
    (wide, tiles, parts), (taps, time) = _tiles(y.shape[2]), (len(blocks), len(y))
    sums = empty((y.shape[1], tiles, (lead + time + taps) * wide), blocks.dtype)
    add, spread = kernel(_add), kernel(_spread)
    shared(lambda start, stop: add(blocks, ends, times, values, wide, parts, sums, start, stop), tiles * parts)
    # memory is walked in its order, which matters more than the arithmetic
    shared(lambda start, stop: spread(sums, lead, wide, y, start, stop), time, least=_STEPS)


def sum_blocks(gradient: Any, ends: Any, times: Any, values: Any, lead: int, blocks: Any) -> None:
    """blocks[n, j] = Σ over events of j of gradient[time of event - lead + n, b], the gradient of `add_blocks`."""
    (wide, tiles, parts), (taps, time) = _tiles(gradient.shape[2]), (len(blocks), len(gradient))
    errors = empty((gradient.shape[1], tiles, (lead + time + taps) * wide), gradient.dtype)
    gather, total = kernel(_gather), kernel(_total)
    shared(lambda start, stop: gather(gradient, lead, wide, errors, start, stop), lead + time + taps, least=_STEPS)
    shared(lambda start, stop: total(errors, ends, times, values, wide, parts, blocks, start, stop), tiles * parts)


def _count(x, counts, start, stop):  # type: ignore[no-untyped-def]
    """The number of events of every train, shape (batch, n_in), of x of shape (time, batch, n_in)."""
    for b in range(start, stop):
        count = counts[b]
        for t in range(x.shape[0]):
            row = x[t, b]
            for j in range(row.size):
                count[j] += row[j] != 0


def _collect(x, ends, times, values, start, stop):  # type: ignore[no-untyped-def]
    """The step of every event, train after train, and its size; `ends` is the running sum of the counts."""
    n_in = x.shape[2]
    at = np.empty(n_in, np.int64)
    for b in range(start, stop):
        for j in range(n_in):
            train = b * n_in + j
            at[j] = ends[train - 1] if train else 0
        for t in range(x.shape[0]):
            row = x[t, b]
            for j in range(n_in):
                if row[j] != 0:
                    times[at[j]] = t
                    values[at[j]] = row[j]
                    at[j] += 1


def _add(blocks, ends, times, values, wide, parts, sums, start, stop):  # type: ignore[no-untyped-def]
    taps, n_in, n_out = blocks.shape
    own = np.zeros((n_in, taps * wide), blocks.dtype)
    for job in range(start, stop):
        tile = job // parts
        for n in range(taps):
            for j in range(n_in):
                for i in range(min(wide, n_out - tile * wide)):
                    own[j, n * wide + i] = blocks[n, j, tile * wide + i]
        for b in range(job % parts, len(sums), parts):
            rows = sums[b, tile]
            rows[:] = 0
            for j in range(n_in):
                block = own[j]
                train = b * n_in + j
                for event in range(ends[train - 1] if train else 0, ends[train]):
                    value = values[event]
                    row = rows[times[event] * wide : (times[event] + taps) * wide]
                    for k in range(block.size):
                        row[k] += value * block[k]


def _spread(sums, lead, wide, y, start, stop):  # type: ignore[no-untyped-def]
    """From sums (batch, tile, step and neuron) to y (time, batch, n_out)."""
    for t in range(start, stop):
        for b in range(sums.shape[0]):
            for tile in range(sums.shape[1]):
                row = sums[b, tile, (lead + t) * wide : (lead + t + 1) * wide]
                for i in range(min(wide, y.shape[2] - tile * wide)):
                    y[t, b, tile * wide + i] = row[i]


def _gather(gradient, lead, wide, errors, start, stop):  # type: ignore[no-untyped-def]
    """From the gradient (time, batch, n_out) to errors (batch, tile, step and neuron), 0 where there is none."""
    time, batch, n_out = gradient.shape
    for step in range(start, stop):
        t = step - lead
        for b in range(batch):
            for tile in range(errors.shape[1]):
                row = errors[b, tile, step * wide : (step + 1) * wide]
                row[:] = 0
                if 0 <= t < time:
                    for i in range(min(wide, n_out - tile * wide)):
                        row[i] = gradient[t, b, tile * wide + i]


def _total(errors, ends, times, values, wide, parts, blocks, start, stop):  # type: ignore[no-untyped-def]
    taps, n_in, n_out = blocks.shape
    for job in range(start, stop):
        tile = job // parts
        begin, end = job % parts * n_in // parts, (job % parts + 1) * n_in // parts
        own = np.zeros((end - begin, taps * wide), blocks.dtype)
        for b in range(len(errors)):
            rows = errors[b, tile]
            for j in range(begin, end):
                block = own[j - begin]
                train = b * n_in + j
                for event in range(ends[train - 1] if train else 0, ends[train]):
                    value = values[event]
                    row = rows[times[event] * wide : (times[event] + taps) * wide]
                    for k in range(block.size):
                        block[k] += value * row[k]
        for n in range(taps):
            for j in range(begin, end):
                for i in range(min(wide, n_out - tile * wide)):
                    blocks[n, j, tile * wide + i] = own[j - begin, n * wide + i]
