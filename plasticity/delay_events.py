"""Delay lines driven by events: what a sparse presynaptic train costs is the number of its spikes.

A spike of neuron j at step t adds kernel[:, j, :], a block of (max_delay + 1) × n_out numbers, to the rows t, t + 1, …
of its sample's output; and the gradient of that block is the sum of the same rows of the output's gradient. Postsynaptic
neurons are taken `_WIDE` at a time, so that a sample's rows stay in the first cache and the kernel in the second.
Threads own whole outputs and every sum runs in one order, so results do not depend on their number.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from numba import njit, prange
from numpy.typing import NDArray

__all__ = ["Trains", "add_blocks", "sum_blocks"]

_WIDE = 32
_JOBS = 8  # at least so many pieces of work, whatever the number of threads


class Trains(NamedTuple):
    """Events by sample and, within it, by presynaptic neuron; train b n_in + j ends before event ends[b n_in + j]."""

    ends: NDArray[np.int64]
    times: NDArray[np.int32]
    values: NDArray[Any]

    @classmethod
    def of(cls, x: torch.Tensor, dtype: torch.dtype, most: int) -> "Trains | None":
        """Those of x, of shape (time, batch, n_in), if they are no more than `most`."""
        signal = x.detach().numpy()
        ends = np.cumsum(_count(signal).reshape(-1), dtype=np.int64)
        number = int(ends[-1]) if ends.size else 0
        if number > most:
            return None
        values = np.empty(number, torch.empty(0, dtype=dtype).numpy().dtype)
        return cls(ends, _collect(signal, ends, values), values)


@njit(cache=True, parallel=True)
def _count(x):  # type: ignore[no-untyped-def]
    """The number of events of every train, shape (batch, n_in), of x of shape (time, batch, n_in)."""
    counts = np.zeros((x.shape[1], x.shape[2]), np.int32)
    for b in prange(x.shape[1]):
        count = counts[b]
        for t in range(x.shape[0]):
            row = x[t, b]
            for j in range(row.size):
                count[j] += row[j] != 0
    return counts


@njit(cache=True, parallel=True)
def _collect(x, ends, values):  # type: ignore[no-untyped-def]
    """The step of every event, train after train, and its size into `values`; `ends` is the running sum of the counts."""
    times = np.empty(values.size, np.int32)
    n_in = x.shape[2]
    for b in prange(x.shape[1]):
        at = np.empty(n_in, np.int64)
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
    return times


@njit(cache=True, parallel=True)
def add_blocks(kernel, ends, times, values, lead, y):  # type: ignore[no-untyped-def]
    """y[t, b] = Σ over events of kernel[t + lead - time of event, j]; y of shape (time, batch, n_out)."""
    taps, n_in, n_out = kernel.shape
    time, batch = y.shape[:2]
    tiles = (n_out + _WIDE - 1) // _WIDE
    parts = (_JOBS + tiles - 1) // tiles
    sums = np.empty((batch, tiles, (lead + time + taps) * _WIDE), kernel.dtype)
    for job in prange(tiles * parts):
        tile = job // parts
        blocks = np.zeros((n_in, taps * _WIDE), kernel.dtype)
        for n in range(taps):
            for j in range(n_in):
                for i in range(min(_WIDE, n_out - tile * _WIDE)):
                    blocks[j, n * _WIDE + i] = kernel[n, j, tile * _WIDE + i]
        for b in range(job % parts, batch, parts):
            rows = sums[b, tile]
            rows[:] = 0
            for j in range(n_in):
                block = blocks[j]
                train = b * n_in + j
                for event in range(ends[train - 1] if train else 0, ends[train]):
                    value = values[event]
                    row = rows[times[event] * _WIDE : (times[event] + taps) * _WIDE]
                    for k in range(block.size):
                        row[k] += value * block[k]
    for t in prange(time):  # memory is walked in its order, which matters more than the arithmetic
        for b in range(batch):
            for tile in range(tiles):
                row = sums[b, tile, (lead + t) * _WIDE : (lead + t + 1) * _WIDE]
                for i in range(min(_WIDE, n_out - tile * _WIDE)):
                    y[t, b, tile * _WIDE + i] = row[i]


@njit(cache=True, parallel=True)
def sum_blocks(gradient, ends, times, values, lead, kernel):  # type: ignore[no-untyped-def]
    """kernel[n, j] = Σ over events of j of gradient[time of event - lead + n, b], the gradient of `add_blocks`."""
    taps, n_in, n_out = kernel.shape
    time, batch = gradient.shape[:2]
    tiles = (n_out + _WIDE - 1) // _WIDE
    parts = (_JOBS + tiles - 1) // tiles
    errors = np.zeros((batch, tiles, (lead + time + taps) * _WIDE), kernel.dtype)
    for t in prange(time):
        for b in range(batch):
            for tile in range(tiles):
                row = errors[b, tile, (lead + t) * _WIDE : (lead + t + 1) * _WIDE]
                for i in range(min(_WIDE, n_out - tile * _WIDE)):
                    row[i] = gradient[t, b, tile * _WIDE + i]
    for job in prange(tiles * parts):
        tile = job // parts
        begin, end = job % parts * n_in // parts, (job % parts + 1) * n_in // parts
        blocks = np.zeros((end - begin, taps * _WIDE), kernel.dtype)
        for b in range(batch):
            rows = errors[b, tile]
            for j in range(begin, end):
                block = blocks[j - begin]
                train = b * n_in + j
                for event in range(ends[train - 1] if train else 0, ends[train]):
                    value = values[event]
                    row = rows[times[event] * _WIDE : (times[event] + taps) * _WIDE]
                    for k in range(block.size):
                        block[k] += value * row[k]
        for n in range(taps):
            for j in range(begin, end):
                for i in range(min(_WIDE, n_out - tile * _WIDE)):
                    kernel[n, j, tile * _WIDE + i] = blocks[j - begin, n * _WIDE + i]
