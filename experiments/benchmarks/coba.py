"""The workload `coba`: the benchmark of Vogels & Abbott as Brette et al. 2007 state it, with 80 synapses on every neuron.

Conductance-based LIF, forward Euler, dt 0.1 ms, one step of delay, 80 % excitatory; 200 pA into every neuron keeps it going.
In-degrees are fixed at 64 and 16 for every size, weights are those of 4,000 neurons. All programs compute the same equations
in the same order; graphs and starting potentials are drawn by each in its own way, so rates agree, not spikes.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from .workload import Run, Work, Workload, run_brian2_standalone, run_nest, stretched, synfire_rows

__all__ = ["workload"]

SYNAPSES = 80
EXCITATION, INHIBITION = (64, 6.0), (16, 67.0)  # inputs of a neuron, nS each
SPREAD = 0.1  # over six seeds Synfire's rate has a standard deviation of 3.6 %: two of the difference of two runs
ADAPTIVE = "iaf_cond_exp solves with an adaptive step, not forward Euler of 0.1 ms"


def workload(size: str) -> Workload:
    """The benchmark with so many neurons."""
    n = int(size)
    simulators: dict[str, Any] = {
        **synfire_rows(partial(_ours, n)),
        "brian2": lambda cache, ms: run_brian2_standalone(partial(_brians, n), ms),
        "nest": lambda cache, ms: run_nest(partial(_nests, n), 1, ms, ADAPTIVE),
        "annarchy": lambda cache, ms: _annarchy(n, ms),
    }
    summary = f"COBA, {n:,} neurons, {SYNAPSES} synapses each, dt 0.1 ms, 1 s"
    return Workload(summary, 1.0, simulators, Work(n, 10_000, SYNAPSES, "constant"), SPREAD)


def _account(n: int, spikes: dict[str, int]) -> tuple[float, float]:
    total = sum(spikes.values())
    return total / n, float(total * SYNAPSES)


def _ours(n: int, precision: str) -> Any:
    from ...neurons import COBA, Conductance, Current, uniform
    from ...reservoirs import FixedInDegree, Network

    network = Network(dt=0.1, seed=1, precision=precision)
    cells = network.population(n, COBA(), initial={"v": uniform(-60.0, -50.0)})
    edge = round(0.8 * n)
    for part, (k, weight), synapse in (
        (cells[:edge], EXCITATION, Conductance(tau_syn=5.0, e_reversal=0.0)),
        (cells[edge:], INHIBITION, Conductance(tau_syn=10.0, e_reversal=-80.0)),
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
    names = {"tau_m": 20 * ms, "tau_e": stretched(5.0) * ms, "tau_i": stretched(10.0) * ms, "v_rest": -60.0}
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


def _nests(n: int, nest: Any) -> Any:
    values = {"C_m": 200.0, "g_L": 10.0, "E_L": -60.0, "V_reset": -60.0, "V_th": -50.0, "t_ref": 5.0, "E_ex": 0.0,
              "E_in": -80.0, "tau_syn_ex": 5.0, "tau_syn_in": 10.0, "I_e": 200.0}  # fmt: skip
    cells = nest.Create("iaf_cond_exp", n, params=values)
    cells.V_m = nest.random.uniform(-60.0, -50.0)
    edge = round(0.8 * n)
    for part, (k, weight), sign in ((cells[:edge], EXCITATION, 1.0), (cells[edge:], INHIBITION, -1.0)):
        rule = {"rule": "fixed_indegree", "indegree": k}
        nest.Connect(part, cells, rule, {"weight": sign * weight, "delay": 0.1})
    return {"cells": cells}, partial(_account, n)


def _annarchy(n: int, milliseconds: int) -> Run:
    """ANNarchy, double precision, compiled for this network; conductances in units of the leak, as in `_brians`."""
    import os
    import sys
    import tempfile
    import time
    from pathlib import Path

    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # where it looks for cython
    import ANNarchy as annarchy

    imported = time.time()
    network = annarchy.Network(dt=0.1, seed=1)
    neuron = annarchy.Neuron(
        equations=f"""
        dv/dt = ((-60.0 - v) + g_exc * (0.0 - v) + g_inh * (-80.0 - v) + 20.0) / 20.0
        dg_exc/dt = -g_exc / {stretched(5.0)!r}
        dg_inh/dt = -g_inh / {stretched(10.0)!r}
        """,
        spike="v > -50.0",
        reset="v = -60.0",
        refractory=5.0,
    )
    cells = network.create(n, neuron)
    cells.v = annarchy.Uniform(-60.0, -50.0)
    edge = round(0.8 * n)
    for part, (k, weight), target in ((cells[:edge], EXCITATION, "exc"), (cells[edge:], INHIBITION, "inh")):
        network.connect(part, cells, target).fixed_number_pre(number=k, weights=weight / 10.0)
    monitor = network.monitor(cells, "spike")
    with tempfile.TemporaryDirectory(prefix="synfire-bench-annarchy-") as folder:
        network.compile(directory=folder, silent=True)
        network.simulate(1.0)
        monitor.get("spike")
        began = time.perf_counter()
        network.simulate(float(milliseconds))
        run_s = time.perf_counter() - began
        total = sum(len(times) for times in monitor.get("spike").values())
    rate, events = _account(n, {"cells": total})
    return Run(imported, time.time(), run_s, rate / (milliseconds * 1e-3), events, str(annarchy.__version__))
