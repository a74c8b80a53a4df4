"""A square millimetre of cortex: the microcircuit of Potjans & Diesmann 2014.

Eight populations, four layers of excitatory and inhibitory LIF neurons with exponential currents; 77,169 neurons and 299
million synapses at full size. Smaller sizes keep a share of the neurons and of each neuron's inputs, with weights grown and a
constant current added so that mean and variance of the input stay.

Source       Potjans & Diesmann 2014, Cerebral Cortex 24:785, doi:10.1093/cercor/bhs358; down-scaling: van Albada, Helias &
             Diesmann 2015, doi:10.1371/journal.pcbi.1004490; reference numbers: Romaro et al. 2021, Neural Computation
             33:1993, doi:10.1162/neco_a_01400
Deviations   Poisson background without a delay; it keeps its full in-degree at every size
"""

from __future__ import annotations

import dataclasses
import math
import time
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from ..neurons import LIF, Current, Exponential, InvalidValue, PoissonInput, check_seed, normal
from ..reservoirs import FixedTotal, Network, Spikes
from . import spike_statistics as statistics

__all__ = ["POPULATIONS", "PRESETS", "SUMMARY", "Config", "build", "figures", "run", "trial"]

SUMMARY = "Potjans & Diesmann 2014: a cortical microcircuit of eight populations, at any size"

POPULATIONS = ("23E", "23I", "4E", "4I", "5E", "5I", "6E", "6I")
SIZES = np.array([20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948])
EXTERNAL = np.array([1600, 1500, 2100, 1900, 2000, 1900, 2900, 2100])
V_START = np.array([[-68.28, 5.36], [-63.16, 4.57], [-63.33, 4.74], [-63.45, 4.94], [-63.11, 4.94], [-61.66, 4.55],
                    [-66.72, 5.46], [-61.43, 4.48]])  # fmt: skip
PROBABILITY = np.array([  # of a synapse, [target][source]
    [.1009, .1689, .0437, .0818, .0323, 0, .0076, 0],
    [.1346, .1371, .0316, .0515, .0755, 0, .0042, 0],
    [.0077, .0059, .0497, .1350, .0067, .0003, .0453, 0],
    [.0691, .0029, .0794, .1597, .0033, 0, .1057, 0],
    [.1004, .0622, .0505, .0057, .0831, .3726, .0204, 0],
    [.0548, .0269, .0257, .0022, .0600, .3158, .0086, 0],
    [.0156, .0066, .0211, .0166, .0572, .0197, .0396, .2252],
    [.0364, .0010, .0034, .0005, .0277, .0080, .0658, .1443],
])  # fmt: skip
RATES = {"full": [0.90, 2.80, 4.39, 5.70, 6.80, 8.22, 1.14, 7.60], "tenth": [0.75, 3.28, 4.76, 6.20, 6.55, 8.97, 1.10, 8.06]}
CVS = {"full": [.938, .916, .891, .873, .847, .809, .924, .819], "tenth": [.937, .919, .883, .869, .853, .800, .938, .810]}
WEIGHT, G, TAU_SYN = 0.08781, 4.0, 0.5  # nA, ratio, ms
WEIGHT_SPREAD, DELAY_SPREAD = 0.1, 0.5
DELAYS = {"E": 1.5, "I": 0.75}  # ms
BACKGROUND = 8.0  # Hz of each external synapse


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Size, time and repetitions."""

    size: float = 0.1
    """Share of the neurons, and of the inputs of each, 0.01 to 1."""
    duration_ms: float = 1500.0
    """Simulated time, ms."""
    warm_up_ms: float = 500.0
    """Time before anything is counted, ms."""
    threads: int = 1
    """Threads of one simulation, 1 to 64; they change no result."""
    seeds: int = 2
    """Repetitions, each with its own synapses, start and input."""
    precision: str = "single"
    """Of the simulation, "single" or "double"."""
    seed: int = 0
    """Of the first repetition."""

    def __post_init__(self) -> None:
        if not 0.01 <= self.size <= 1.0:
            raise InvalidValue("size", self.size, "0.01 to 1")
        if not 0.0 <= self.warm_up_ms < self.duration_ms:
            raise InvalidValue("warm_up_ms", self.warm_up_ms, f">= 0 and < duration_ms = {self.duration_ms} ms")
        if not 1 <= self.threads <= 64:
            raise InvalidValue("threads", self.threads, "1 to 64")
        if self.seeds < 1:
            raise InvalidValue("seeds", self.seeds, ">= 1")
        if self.precision not in ("single", "double"):
            raise InvalidValue("precision", self.precision, "'single' or 'double'")
        check_seed("seed", self.seed)


PRESETS = {
    "smoke": Config(size=0.02, duration_ms=200.0, warm_up_ms=100.0, seeds=1),
    "laptop": Config(),
    "paper": Config(size=1.0, duration_ms=10_500.0, threads=2, seeds=1),
}


def in_degrees() -> NDArray[np.float64]:
    """Recurrent synapses of a neuron at full size, [target][source]: K = ln(1 - C) / ln(1 - 1 / (N_pre N_post)) / N_post."""
    pairs = SIZES[:, None].astype(np.float64) * SIZES[None, :]
    return np.log1p(-PROBABILITY) / np.log1p(-1.0 / pairs) / SIZES[:, None]


def weights() -> NDArray[np.float64]:
    """Mean weight, nA, [target][source]: excitatory, inhibitory four times that, from 4E to 23E twice."""
    found = np.tile(np.where([name.endswith("E") for name in POPULATIONS], WEIGHT, -G * WEIGHT), (8, 1))
    found[0, 2] *= 2.0
    return found


def build(config: Config, seed: int) -> tuple[Network, list[Any]]:
    """The network and its populations."""
    net = Network(dt=0.1, seed=seed, precision=config.precision)
    model = LIF(tau_m=10.0, r_m=40.0, v_rest=-65.0, v_reset=-65.0, v_threshold=-50.0, t_refractory=2.0)
    sizes = np.maximum(1, np.round(config.size * SIZES)).astype(int)
    cells = [
        net.population(int(n), model, name=name, initial={"v": normal(*start)})
        for name, n, start in zip(POPULATIONS, sizes, V_START, strict=True)
    ]
    synapse = Exponential(tau_syn=TAU_SYN)
    degree, weight, grown = in_degrees(), weights(), 1.0 / math.sqrt(config.size)
    for x, source in enumerate(POPULATIONS):
        mean_delay = DELAYS[source[-1]]
        delay = normal(mean_delay, DELAY_SPREAD * mean_delay).clip(0.1)
        for y in range(8):
            total = round(config.size * degree[y, x] * sizes[y])
            if total > 0:
                w = grown * weight[y, x]
                drawn = normal(w, WEIGHT_SPREAD * abs(w))
                drawn = drawn.clip(0.0) if w > 0 else drawn.clip(-np.inf, 0.0)
                net.connect(cells[x], cells[y], FixedTotal(total), weight=drawn, delay=delay, synapse=synapse)
    # what weights that grow by one over the root of the share leave missing in the mean
    missing = (1.0 - math.sqrt(config.size)) * TAU_SYN * 1e-3 * (degree * weight) @ np.array(RATES["full"])
    for y in range(8):
        net.drive(cells[y], PoissonInput(rate=BACKGROUND, n=int(EXTERNAL[y]), weight=WEIGHT, synapse=synapse))
        net.drive(cells[y], Current(amplitude=float(missing[y])))
    return net, cells


def trial(config: Config, seed: int) -> dict[str, Any]:
    """One circuit: statistics of every population, some cells' spikes."""
    net, cells = build(config, seed)
    began = time.perf_counter()
    result = net.run(config.duration_ms, record=[Spikes(p) for p in cells], threads=config.threads, progress=False)
    wall = time.perf_counter() - began
    start, stop = config.warm_up_ms, config.duration_ms
    found: dict[str, Any] = {"cost/wall_s": wall, "cost/memory_mb": psutil.Process().memory_info().rss / 1e6}
    for population in cells:
        times, neurons = result.spikes(population)
        cv = statistics.cvs(times, neurons, start, stop)
        name = population.name
        found |= {
            f"{name}/rates": statistics.rates(times, neurons, population.size, start, stop),
            f"{name}/cv": cv.mean() if len(cv) else np.nan,
            f"{name}/synchrony": statistics.fano(times, start, stop, 3.0),
        }
        shown = (times >= stop - 400.0) & (neurons < max(1, population.size // 50 if config.size < 1 else population.size // 100))
        found |= {f"{name}/raster_times": times[shown], f"{name}/raster_neurons": neurons[shown]}
    return found


def run(config: Config, record: Any) -> None:
    """All seeds, into the record."""
    blocks = record.map(trial, {f"seed{k}": (config, config.seed + k) for k in range(config.seeds)})
    known = {1.0: "full", 0.1: "tenth"}.get(config.size)
    rates = {}
    for i, name in enumerate(POPULATIONS):
        rates[name] = np.array([blocks[f"seed{k}"][f"{name}/rates"].mean() for k in range(config.seeds)])
        record.metric(f"rate.{name}", rates[name], paper=RATES[known][i] if known else None, unit="Hz")
        cv = [float(blocks[f"seed{k}"][f"{name}/cv"]) for k in range(config.seeds)]
        record.metric(f"cv.{name}", cv, paper=CVS[known][i] if known else None)
        record.metric(f"synchrony.{name}", [float(blocks[f"seed{k}"][f"{name}/synchrony"]) for k in range(config.seeds)])
        record.series(f"rates/{name}", blocks["seed0"][f"{name}/rates"], units="Hz")
        record.spikes(name, blocks["seed0"][f"{name}/raster_times"], blocks["seed0"][f"{name}/raster_neurons"])
    for key, note in (("wall_s", "s, with drawing the synapses"), ("memory_mb", "held at the end of the run")):
        record.cost(key, [float(blocks[f"seed{k}"][f"cost/{key}"]) for k in range(config.seeds)], note=note)
    if known:
        _check(record, known, {name: float(x.mean()) for name, x in rates.items()})


def _check(record: Any, known: str, rate: dict[str, float]) -> None:
    for i, name in enumerate(POPULATIONS):
        within = 0.3 if known == "tenth" else 0.2 if name in ("23E", "6E") else 0.1
        reference = RATES[known][i]
        claim = f"{name}: within {100 * within:.0f} % of the reference, {reference} Hz"
        record.check(f"rate_{name}", claim, abs(rate[name] / reference - 1.0) <= within, f"{rate[name]:.2f} Hz")
    order = rate["5E"] > rate["4E"] > max(rate["6E"], rate["23E"])
    record.check("order", "excitatory rates: layer 5 > 4 > 6 and 2/3", order)
    above = all(rate[f"{layer}I"] > rate[f"{layer}E"] for layer in ("23", "4", "5", "6"))
    record.check("inhibition", "in every layer inhibitory cells fire more than excitatory ones", above)


def figures(record: Any) -> dict[str, Any]:
    """A raster of all layers, and the rates of cells by population."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 5), width_ratios=[2, 1], layout="constrained")
    offset = 0
    ticks = []
    for name in POPULATIONS:
        times, numbers = record.spikes(name)
        cells = numbers.astype(np.int64)  # they are kept without a sign
        size = max(1, int(cells.max(initial=0)) + 1)
        left.plot(times, -(offset + cells), ".", markersize=1, color="C0" if name.endswith("E") else "C3")
        ticks.append(-(offset + size / 2))
        offset += size + 5
    left.set(yticks=ticks, yticklabels=POPULATIONS, xlabel="time (ms)", title="some of the cells")
    rates = [record[f"rates/{name}"] for name in POPULATIONS]
    right.boxplot(rates[::-1], orientation="horizontal", showfliers=False, showmeans=True)
    right.set(yticklabels=POPULATIONS[::-1], xlabel="rate (Hz)", title="cells' rates, means as triangles")
    return {"activity": figure}
