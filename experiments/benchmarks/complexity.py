"""The workload `complexity`: Lempel-Ziv complexities of a thousand spike trains, against what one writes without an automaton.

Each train has 2,000 bins with a spike in a tenth of them. `plain-python` compares with every earlier place, symbol by symbol, as
Kaspar & Schuster 1987 (doi:10.1103/PhysRevA.36.842) do; `numba` is the same function, compiled; `bytes` leaves the search to
`bytes.find`, which goes on from the last place found. Python counts a few of the trains only, and its time is scaled up.
`synfire-million` is one train of a million bins.

In place of a firing rate stands the mean number of components of the first trains: whoever finds another one is told so.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .workload import Run

__all__ = ["SECONDS", "SIMULATORS", "SPREAD", "SUMMARY", "WORK"]

BINS, TRAINS, P = 2000, 1000, 0.1
MILLION = 1_000_000
FEW = 20  # trains that Python counts
SUMMARY = f"complexities of {TRAINS:,} trains of {BINS:,} bins, a spike in a tenth of them; rate: components of a train"
SECONDS = TRAINS * 1e-3  # a train counts as a millisecond
WORK = None
SPREAD = 0.0  # equal counts or none


def by_comparison(train: Any) -> int:
    """Components of a train: from each earlier place on, how far do both agree?"""
    n, begin, count = len(train), 0, 0
    while begin < n:
        longest = 0
        for j in range(begin):
            k = 0
            while begin + k < n and train[j + k] == train[begin + k]:
                k += 1
            longest = max(longest, k)
            if begin + longest == n:
                break
        begin += longest + 1
        count += 1
    return count


def by_find(train: bytes) -> int:
    """Components of a train: a block's first copy is no earlier than that of the block without its last symbol."""
    n, begin, count = len(train), 0, 0
    while begin < n:
        end, place = begin + 1, 0
        while end <= n and (place := train.find(train[begin:end], place, end - 1)) >= 0:
            end += 1
        begin = end
        count += 1
    return count


def _trains(trains: int, bins: int) -> NDArray[np.uint8]:
    """Shape (bins, trains); the first trains are the same however many are asked for."""
    return np.ascontiguousarray((np.random.default_rng(284).random((trains, bins)) < P).astype(np.uint8).T)


def _ours(threads: int, trains: int, bins: int, cache: str | None) -> Run:
    if cache is not None:
        os.environ["SYNFIRE_CACHE"] = cache
    import torch

    from ... import __version__
    from ...neurons import complexity

    torch.set_num_threads(threads)
    spikes = _trains(trains, bins)
    imported = time.time()
    complexity(spikes)  # compiles
    began = time.perf_counter()
    found = complexity(spikes)
    run_s = time.perf_counter() - began
    components = float((found[:FEW] * (bins / np.log2(bins))).round().mean())
    remark = "" if bins == BINS else f"{trains} train of {bins:,} bins"
    return Run(imported, time.time(), run_s, components, trains * bins, __version__, remark=remark)


def _theirs(count: Callable[[Any], int], form: Callable[[NDArray[np.uint8]], Any], few: int, trains: int) -> Run:
    given = [form(np.ascontiguousarray(row)) for row in _trains(trains, BINS).T[:few]]
    imported = time.time()
    count(form(np.zeros(2, np.uint8)))
    began = time.perf_counter()
    found = [count(train) for train in given]
    took = time.perf_counter() - began
    run_s = took * trains / len(given)
    return Run(
        imported,
        time.time() + run_s - took,
        run_s,
        float(np.mean(found[:FEW])),
        trains * BINS,
        platform.python_version(),
    )


def _compiled(trains: int) -> Run:
    import numba

    return _theirs(numba.njit(by_comparison), np.asarray, TRAINS, trains)._replace(version=numba.__version__)


SIMULATORS: dict[str, Callable[[str | None, int], Run]] = {
    "synfire": lambda cache, trains: _ours(1, trains, BINS, cache),
    "synfire-2threads": lambda cache, trains: _ours(2, trains, BINS, cache),
    "synfire-million": lambda cache, trains: _ours(1, 1, MILLION, cache),
    "plain-python": lambda cache, trains: _theirs(by_comparison, lambda train: train.tolist(), FEW, trains),
    "bytes": lambda cache, trains: _theirs(by_find, bytes, FEW, trains),
    "numba": lambda cache, trains: _compiled(trains),
}
