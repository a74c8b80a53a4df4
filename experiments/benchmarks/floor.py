"""What this machine cannot do faster: its memory, one synaptic event, one neuron's step; and what follows for a workload.

    lower bound = events x cost of an event + neurons x steps x cost of an update

The costs are those of bare loops in float32 that know nothing of networks: adding a weight to targets drawn at random, in
rows as long and into as many neurons as the workload has; adding to a plastic row and clipping it; a leaky update with
threshold, reset and refractory time. Drawing random numbers, spikes' own handling, recording and delays are not in it, so
no program can reach it; how near one comes tells what there is left to gain.

`python -m synfire.experiments.benchmarks.floor NEURONS TARGETS KIND` prints the costs as JSON, in a process of its own.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["costs", "lower_bound"]

POOL = 64 << 20  # bytes of synapses at most: far more than a cache holds
TRIES = 5


def costs(neurons: int, targets: int, kind: str) -> dict[str, float]:
    """Nanoseconds per event and per neuron-step, and GB/s, the best of a few tries each.

    Parameters   neurons   that are reached and updated
                 targets   of one spike
                 kind      "constant", "each" or "plastic"; see `Work`
    """
    import numba

    compiled: Callable[..., Any] = numba.njit(fastmath=True, error_model="numpy")
    rng = np.random.default_rng(1)
    f = np.float32
    far_a, far_b = np.ones(1 << 25, f), np.zeros(1 << 25, f)
    far = _best(compiled(_copy), far_a, far_b) / (2 * far_a.nbytes)
    rows = max(1, min(neurons, POOL // (4 * targets)))
    target = np.sort(rng.integers(0, neurons, (rows, targets), dtype=np.uint32), axis=1)
    weight = rng.random((rows, targets), dtype=f) + f(0.5)
    order = rng.permutation(np.resize(np.arange(rows), max(rows, 2_000_000 // targets)))
    onto = np.zeros(neurons, f)
    if kind == "constant":
        event = _best(compiled(_scatter), target, f(0.5), order, onto)
    elif kind == "each":
        event = _best(compiled(_scatter_each), target, weight, order, onto)
    else:
        event = _best(compiled(_plastic), weight, onto[:1].repeat(targets), order)
    v, current, wait = rng.random(neurons, dtype=f), rng.random(neurons, dtype=f), np.zeros(neurons, f)
    steps = max(1, 4_000_000 // neurons)
    update = _best(compiled(_update), v, current, wait, steps)
    return {
        "far_gb_s": 1e-9 / far,
        "event_ns": 1e9 * event / (len(order) * targets),
        "update_ns": 1e9 * update / (steps * neurons),
    }


def lower_bound(cost: dict[str, float], events: float, neurons: int, steps: float) -> float:
    """Seconds."""
    return 1e-9 * (events * cost["event_ns"] + neurons * steps * cost["update_ns"])


def _best(kernel: Callable[..., Any], *arguments: Any) -> float:
    kernel(*arguments)  # compiles
    found = []
    for _ in range(TRIES):
        began = time.perf_counter()
        kernel(*arguments)
        found.append(time.perf_counter() - began)
    return min(found)


def _copy(a: Any, b: Any) -> None:
    for i in range(a.size):
        b[i] = a[i]


def _scatter(target: Any, weight: Any, order: Any, onto: Any) -> None:
    for k in range(order.size):
        row = target[order[k]]
        for j in range(row.size):
            onto[row[j]] += weight


def _scatter_each(target: Any, weight: Any, order: Any, onto: Any) -> None:
    for k in range(order.size):
        row, of = target[order[k]], weight[order[k]]
        for j in range(row.size):
            onto[row[j]] += of[j]


def _plastic(weight: Any, trace: Any, order: Any) -> None:
    for k in range(order.size):
        row = weight[order[k]]
        for j in range(row.size):
            row[j] = min(max(row[j] + trace[j], np.float32(0.0)), np.float32(1.0))


def _update(v: Any, current: Any, wait: Any, steps: int) -> None:
    decay, one, zero, period = np.float32(0.99), np.float32(1.0), np.float32(0.0), np.float32(20.0)
    for _ in range(steps):
        for i in range(v.size):
            moved = decay * v[i] + current[i] if wait[i] <= zero else v[i]
            fired = moved >= one
            v[i] = zero if fired else moved
            wait[i] = period if fired else wait[i] - one


if __name__ == "__main__":
    print(json.dumps(costs(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])))
