"""The workloads `microcircuit-10` and `microcircuit-100`: the circuit of Potjans & Diesmann 2014, see `..microcircuit`.

LIF neurons with exponential currents, a weight and a delay drawn for every synapse, Poisson background of 8 Hz for every
external synapse; dt 0.1 ms. Synapses, weights, delays and noise are each program's own, so rates agree, not spikes. At a
tenth, a tenth of the neurons keep a tenth of their inputs, with weights grown and a current added, in both programs.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from .workload import Work, Workload, run_nest, synfire_rows

__all__ = ["workload"]

NEURONS, SYNAPSES = 77_169, 298.9e6  # at full size


def workload(percent: str) -> Workload:
    """The circuit at so many percent."""
    size = int(percent) / 100.0
    simulators: dict[str, Any] = {
        **synfire_rows(partial(_ours, size)),
        "nest": lambda cache, ms: run_nest(partial(_nests, size), 1, ms, LATE),
        "nest-2threads": lambda cache, ms: run_nest(partial(_nests, size), 2, ms, LATE),
    }
    work = Work(round(size * NEURONS), 10_000, round(size * SYNAPSES / NEURONS), "each")
    return Workload(f"cortical microcircuit at {percent} %, dt 0.1 ms, 1 s", 1.0, simulators, work, SPREAD)


LATE = "its Poisson background arrives 0.1 ms after ours"
SPREAD = 0.1  # published rates of full-size runs differ by up to 10 % between simulators and seeds


def _account(size: float, spikes: dict[str, int]) -> tuple[float, float]:
    """A spike counts with its population's own out-degree."""
    from .. import microcircuit as circuit

    total = size * circuit.in_degrees() * (size * circuit.SIZES)[:, None]  # synapses, [target][source]
    reach = total.sum(axis=0) / (size * circuit.SIZES)
    events = sum(spikes[name] * reach[i] for i, name in enumerate(circuit.POPULATIONS))
    return sum(spikes.values()) / (size * NEURONS), float(events)


def _ours(size: float, precision: str) -> Any:
    from .. import microcircuit as circuit

    network, cells = circuit.build(circuit.Config(size=size, precision=precision), 1)
    return network, cells, partial(_account, size)


def _nests(size: float, nest: Any) -> Any:
    """The same numbers; NEST's weights are in pA. Delays are rounded to steps by NEST itself."""
    import numpy as np

    from .. import microcircuit as circuit

    values = {"tau_m": 10.0, "C_m": 250.0, "E_L": -65.0, "V_reset": -65.0, "V_th": -50.0, "t_ref": 2.0,
              "tau_syn_ex": circuit.TAU_SYN, "tau_syn_in": circuit.TAU_SYN}  # fmt: skip
    degree, weight, grown = circuit.in_degrees(), circuit.weights(), 1.0 / math.sqrt(size)
    missing = (1.0 - math.sqrt(size)) * circuit.TAU_SYN * 1e-3 * (degree * weight) @ np.array(circuit.RATES["full"])
    sizes = np.maximum(1, np.round(size * circuit.SIZES)).astype(int)
    cells: dict[str, Any] = {}
    for i, name in enumerate(circuit.POPULATIONS):
        cells[name] = nest.Create("iaf_psc_exp", int(sizes[i]), params=values | {"I_e": 1e3 * float(missing[i])})
        mean, deviation = circuit.V_START[i]
        cells[name].V_m = nest.random.normal(float(mean), float(deviation))
        noise = nest.Create("poisson_generator", params={"rate": circuit.BACKGROUND * float(circuit.EXTERNAL[i])})
        nest.Connect(noise, cells[name], syn_spec={"weight": 1e3 * circuit.WEIGHT, "delay": 0.1})
    for x, source in enumerate(circuit.POPULATIONS):
        mean = circuit.DELAYS[source[-1]]
        delay = nest.math.redraw(nest.random.normal(mean, circuit.DELAY_SPREAD * mean), min=0.05, max=1e3)
        for y, target in enumerate(circuit.POPULATIONS):
            total = round(size * degree[y, x] * sizes[y])
            if total > 0:
                w = 1e3 * grown * weight[y, x]
                low, high = (0.0, math.inf) if w > 0 else (-math.inf, 0.0)
                drawn = nest.math.redraw(nest.random.normal(w, circuit.WEIGHT_SPREAD * abs(w)), min=low, max=high)
                rule = {"rule": "fixed_total_number", "N": total}
                nest.Connect(cells[source], cells[target], rule, {"weight": drawn, "delay": delay})
    return cells, partial(_account, size)
