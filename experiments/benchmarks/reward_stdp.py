"""The workload `reward-stdp`: the network of Izhikevich 2007, whose synapses learn by reward-modulated STDP.

1,000 Izhikevich neurons (800 excitatory), 100 synapses from each, excitatory ones onto any neuron and plastic, inhibitory
ones onto excitatory neurons; a delay of 1 ms, dt 1 ms with v in two half-steps, noise in every neuron. STDP of 20 ms, 0.1 up
and 0.15 down, goes into an eligibility of 1 s; dopamine stays at its baseline, 0.002 every 10 ms, which moves the weights all
the time and costs what rewards cost. An event is a spike at one plastic synapse, from either side.

Ours are the normal noise of equal variance for the paper's uniform one, and input that moves v at once, in both programs.
Synapses and noise are each program's own, so rates agree, not spikes. Brian2 moves all weights every 10 ms, as the paper's
program does; Synfire integrates dopamine without an end between a synapse's spikes.
"""

from __future__ import annotations

import math
from typing import Any

from .workload import Work, run_brian2_standalone, synfire_rows

__all__ = ["SECONDS", "SIMULATORS", "SUMMARY", "WORK"]

N, EXCITATORY, OUT = 1000, 800, 100
NOISE = 13.0 / math.sqrt(12.0)
UP, DOWN, MOST = 0.1, 0.15, 4.0
BASELINE = 0.002  # of dopamine, applied 100 times a second


def _account(spikes: dict[str, int]) -> tuple[float, float]:
    """Onto every neuron go 80 plastic synapses in the mean."""
    excitatory, total = spikes["excitatory"], sum(spikes.values())
    return total / N, float(excitatory * OUT + total * OUT * EXCITATORY / N)


def _ours(precision: str) -> Any:
    from ...neurons import GaussianNoise, Izhikevich
    from ...plasticity import STDP, HardBounds, RewardModulated, Unbounded
    from ...reservoirs import FixedOutDegree, Network

    network = Network(dt=1.0, seed=1, precision=precision)
    e = network.population(EXCITATORY, Izhikevich(a=0.02, b=0.2, c=-65.0, d=8.0), name="excitatory")
    i = network.population(N - EXCITATORY, Izhikevich(a=0.1, b=0.2, c=-65.0, d=2.0), name="inhibitory")
    dopamine = network.modulator(tau=200.0, baseline=BASELINE / 10.0)  # dw = level e dt, in ms
    pairs = STDP(potentiation=UP, depression=DOWN, bounds=Unbounded())
    rule = RewardModulated(rule=pairs, eligibility=1000.0, bounds=HardBounds(high=MOST))
    for target, k in ((e, round(OUT * EXCITATORY / N)), (i, round(OUT * (N - EXCITATORY) / N))):
        network.connect(e, target, FixedOutDegree(k), weight=1.0, delay=1.0, plasticity=rule, modulator=dopamine)
    network.connect(i, e, FixedOutDegree(OUT), weight=-1.0, delay=1.0)
    for cells in (e, i):
        network.drive(cells, GaussianNoise(std=NOISE))
    return network, [e, i], _account


def _brians(brian2: Any) -> Any:
    import numpy as np

    ms = brian2.ms
    brian2.defaultclock.dt = 1.0 * ms
    cells = brian2.NeuronGroup(
        N,
        """
        v : 1
        u : 1
        current : 1
        a : 1 (constant)
        d : 1 (constant)
        """,
        threshold="v >= 30",
        reset="v = -65; u += d",
    )
    cells.run_regularly(
        f"""
        current = {NOISE} * randn()
        v += 0.5 * (0.04 * (v * v) + 5 * v + 140 - u + current)
        v += 0.5 * (0.04 * (v * v) + 5 * v + 140 - u + current)
        u += a * (0.2 * v - u)
        """,
        when="groups",
    )
    excitatory = np.arange(N) < EXCITATORY
    cells.v, cells.u = -65.0, -13.0
    cells.a, cells.d = np.where(excitatory, 0.02, 0.1), np.where(excitatory, 8.0, 2.0)
    plastic = brian2.Synapses(
        cells,
        cells,
        """
        s : 1
        c : 1
        dx/dt = -x / (20*ms) : 1 (event-driven)
        dy/dt = -y / (20*ms) : 1 (event-driven)
        """,
        on_pre={"pre": f"v_post += s; x += {UP}; c -= y"},
        on_post=f"c += x; y += {DOWN}",
        delay={"pre": 1.0 * ms},
    )
    plastic.run_regularly(f"s = clip(s + {BASELINE} * c, 0, {MOST}); c *= exp(-0.01)", dt=10.0 * ms)
    fixed = brian2.Synapses(cells, cells, on_pre="v_post -= 1", delay=1.0 * ms)
    rng = np.random.default_rng(1)
    for synapses, low, high, onto in ((plastic, 0, EXCITATORY, N), (fixed, EXCITATORY, N, EXCITATORY)):
        post = np.concatenate([rng.permutation(onto)[:OUT] for _ in range(low, high)])
        synapses.connect(i=np.repeat(np.arange(low, high), OUT), j=post)
    plastic.s = 1.0
    e = brian2.SpikeMonitor(cells[:EXCITATORY], record=False)
    i = brian2.SpikeMonitor(cells[EXCITATORY:], record=False)
    return brian2.Network(cells, plastic, fixed, e, i), {"excitatory": e, "inhibitory": i}, _account


SECONDS = 10.0
SUMMARY = "reward-modulated STDP, 1,000 Izhikevich neurons, 80,000 plastic synapses, dt 1 ms, 10 s"
SIMULATORS = {**synfire_rows(_ours), "brian2": lambda cache, ms: run_brian2_standalone(_brians, ms)}
WORK = Work(N, 1000, OUT, "plastic")
