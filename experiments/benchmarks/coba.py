"""The workload `coba`: the benchmark of Vogels & Abbott as Brette et al. 2007 state it, with 80 synapses on every neuron.

Conductance-based LIF, forward Euler, dt 0.1 ms, one step of delay, 80 % excitatory; 200 pA into every neuron keeps it going.
In-degrees are fixed at 64 and 16 for every size, weights are those of 4,000 neurons. All programs compute the same equations
in the same order; graphs and starting potentials are drawn by each in its own way, so rates agree, not spikes.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from .workload import Workload, run_brian2_standalone, synfire_rows

__all__ = ["workload"]

SYNAPSES = 80


def workload(size: str) -> Workload:
    """The benchmark with so many neurons."""
    n = int(size)
    simulators = synfire_rows(partial(_ours, n)) | {"brian2": lambda cache, ms: run_brian2_standalone(partial(_brians, n), ms)}
    return Workload(f"COBA, {n:,} neurons, {SYNAPSES} synapses each, dt 0.1 ms, 1 s", 1.0, simulators)


def _account(n: int, spikes: dict[str, int]) -> tuple[float, float]:
    total = sum(spikes.values())
    return total / n, float(total * SYNAPSES)


def _ours(n: int, precision: str) -> Any:
    from ...neurons import COBA, Conductance, Current, uniform
    from ...reservoirs import FixedInDegree, Network

    network = Network(dt=0.1, seed=1, precision=precision)
    cells = network.population(n, COBA(), initial={"v": uniform(-60.0, -50.0)})
    edge = round(0.8 * n)
    for part, k, weight, synapse in (
        (cells[:edge], 64, 6.0, Conductance(tau_syn=5.0, e_reversal=0.0)),
        (cells[edge:], 16, 67.0, Conductance(tau_syn=10.0, e_reversal=-80.0)),
    ):
        network.connect(part, cells, FixedInDegree(k), weight=weight, delay=0.1, synapse=synapse)
    network.drive(cells, Current(amplitude=200.0))
    return network, [cells], partial(_account, n)


def _brians(n: int, brian2: Any) -> Any:
    import numpy as np

    brian2.defaultclock.dt = 0.1 * brian2.ms
    equations = """
    dv/dt = ((v_rest - v) + g_e * (0 - v) + g_i * (-80 - v) + 20) / tau_m : 1 (unless refractory)
    dg_e/dt = -g_e / tau_e : 1
    dg_i/dt = -g_i / tau_i : 1
    """
    ms = brian2.ms
    names = {"tau_m": 20 * ms, "tau_e": 5 * ms, "tau_i": 10 * ms, "v_rest": -60.0}
    cells = brian2.NeuronGroup(
        n, equations, threshold="v > -50", reset="v = -60", refractory=5 * ms, method="euler", namespace=names
    )
    rng = np.random.default_rng(1)
    cells.v = rng.uniform(-60.0, -50.0, n)
    edge = round(0.8 * n)
    made = []
    for low, high, k, variable, weight in ((0, edge, 64, "g_e", 0.6), (edge, n, 16, "g_i", 6.7)):
        synapses = brian2.Synapses(cells, cells, on_pre=f"{variable}_post += {weight}", delay=0.1 * ms)
        pre = rng.integers(low, high, n * k)
        order = np.argsort(pre, kind="stable")
        synapses.connect(i=pre[order], j=np.repeat(np.arange(n), k)[order])
        made.append(synapses)
    monitor = brian2.SpikeMonitor(cells, record=False)
    return brian2.Network(cells, *made, monitor), {"cells": monitor}, partial(_account, n)
