"""The workload `brunel`: 12,500 LIF neurons, 1,250 inputs each, delta synapses, panel C of Brunel 2000 (g = 5, eta = 2).

Homogeneous: one delay of 1.5 ms, one weight for excitation and one for inhibition. Heterogeneous: a weight and a delay drawn
for every synapse. dt 0.1 ms, external Poisson input of 20 kHz to every neuron. Graphs and noise are each program's own, so
rates agree, not spikes. NEST's iaf_psc_delta is the same equation solved the same way.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from .workload import Work, Workload, run_brian2_standalone, run_nest, synfire_rows

__all__ = ["workload"]

N, EXCITATORY, P = 12_500, 10_000, 0.1
J, G = 0.1, 5.0  # mV, ratio
EXTERNAL = 20_000.0  # Hz


def workload(kind: str) -> Workload:
    """`homogeneous` or `heterogeneous`."""
    mixed = kind == "heterogeneous"
    simulators: dict[str, Any] = {
        **synfire_rows(partial(_ours, mixed)),
        "brian2": lambda cache, ms: run_brian2_standalone(partial(_brians, mixed), ms),
        "nest": lambda cache, ms: run_nest(partial(_nests, mixed), 1, ms),
        "nest-2threads": lambda cache, ms: run_nest(partial(_nests, mixed), 2, ms),
    }
    how = "a weight and a delay per synapse" if mixed else "one delay, two weights"
    work = Work(N, 10_000, round(P * N), "each" if mixed else "constant")
    summary = f"Brunel network, {N:,} neurons, {round(P * N):,} inputs each, {how}, dt 0.1 ms, 1 s"
    return Workload(summary, 1.0, simulators, work)


def _account(spikes: dict[str, int]) -> tuple[float, float]:
    total = sum(spikes.values())
    return total / N, total * P * N


def _ours(mixed: bool, precision: str) -> Any:
    from ...neurons import LIF, PoissonInput, normal, uniform
    from ...reservoirs import Network

    network = Network(dt=0.1, seed=1, precision=precision)
    model = LIF(tau_m=20.0, v_rest=0.0, v_reset=10.0, v_threshold=20.0, t_refractory=2.0)
    cells = network.population(N, model, initial={"v": uniform(0.0, 20.0)})
    delay: Any = uniform(0.1, 2.9) if mixed else 1.5
    for part, weight in ((cells[:EXCITATORY], J), (cells[EXCITATORY:], -G * J)):
        network.connect(part, cells, p=P, weight=normal(weight, abs(weight) / 10.0) if mixed else weight, delay=delay)
    network.drive(cells, PoissonInput(rate=EXTERNAL / 1000.0, n=1000, weight=J))
    return network, [cells], _account


def _brians(mixed: bool, brian2: Any) -> Any:
    import numpy as np

    ms = brian2.ms
    brian2.defaultclock.dt = 0.1 * ms
    cells = brian2.NeuronGroup(
        N, "dv/dt = -v / (20*ms) : 1 (unless refractory)", threshold="v > 20", reset="v = 10", refractory=2 * ms, method="exact"
    )
    cells.v = np.random.default_rng(1).uniform(0.0, 20.0, N)
    made = []
    for part, weight in ((cells[:EXCITATORY], J), (cells[EXCITATORY:], -G * J)):
        if mixed:
            synapses = brian2.Synapses(part, cells, "w : 1 (constant)", on_pre="v_post += w")
            synapses.connect(p=P)
            synapses.w = f"{weight} * (1 + 0.1 * randn())"
            synapses.delay = "(0.1 + 2.8 * rand()) * ms"
        else:
            synapses = brian2.Synapses(part, cells, on_pre=f"v_post += {weight}", delay=1.5 * ms)
            synapses.connect(p=P)
        made.append(synapses)
    external = brian2.PoissonInput(cells, "v", 1000, EXTERNAL / 1000.0 * brian2.Hz, weight=J)
    monitor = brian2.SpikeMonitor(cells, record=False)
    return brian2.Network(cells, *made, external, monitor), {"cells": monitor}, _account


def _nests(mixed: bool, nest: Any) -> Any:
    values = {"tau_m": 20.0, "C_m": 1.0, "E_L": 0.0, "V_reset": 10.0, "V_th": 20.0, "t_ref": 2.0}
    cells = nest.Create("iaf_psc_delta", N, params=values)
    cells.V_m = nest.random.uniform(0.0, 20.0)
    for part, weight in ((cells[:EXCITATORY], J), (cells[EXCITATORY:], -G * J)):
        delay = nest.random.uniform(0.1, 2.9) if mixed else 1.5
        strength = nest.random.normal(weight, abs(weight) / 10.0) if mixed else weight
        nest.Connect(part, cells, {"rule": "pairwise_bernoulli", "p": P}, {"weight": strength, "delay": delay})
    noise = nest.Create("poisson_generator", params={"rate": EXTERNAL})
    nest.Connect(noise, cells, syn_spec={"weight": J, "delay": 1.5})
    return {"cells": cells}, _account
