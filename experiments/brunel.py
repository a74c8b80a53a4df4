"""Four regimes of a random balanced network, and the theory that predicts its rate (Brunel 2000).

10,000 excitatory and 2,500 inhibitory LIF neurons, each pair connected with probability 0.1, delta synapses of J = 0.1 mV
and -g J after 1.5 ms, and external Poisson input of eta times the rate that would just reach threshold. With g and eta the
network is synchronous and regular (A), oscillates fast with irregular cells (B), is asynchronous and irregular (C), or
oscillates slowly (D).

Source       Brunel 2000, J. Comput. Neurosci. 8:183, doi:10.1023/A:1008925309027, figure 8 and its table
Deviations   connections by probability, as in Brian2's example, where the paper fixes in-degrees; input during the refractory
             period is lost; the preset `laptop` has the paper's network but 0.5 s of it
"""

from __future__ import annotations

import dataclasses
import math
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..neurons import LIF, InvalidValue, PoissonInput, check_seed, uniform
from ..reservoirs import Network, Spikes
from . import spike_statistics as statistics

__all__ = ["PANELS", "PRESETS", "SUMMARY", "Config", "figures", "mean_field_rate", "run", "trial"]

SUMMARY = "Brunel 2000: four regimes of a random balanced network, beside mean-field theory"

TAU_M, V_THRESHOLD, T_REFRACTORY, DELAY, J = 20.0, 20.0, 2.0, 1.5, 0.1  # ms, mV, ms, ms, mV
P = 0.1
# panel: g, eta, v_reset (mV), the window that is drawn (ms), the paper's rate (simulated, from memory), an independent
# program's rate, CV and Fano factor
PANELS: dict[str, dict[str, Any]] = {
    "A": {"g": 3.0, "eta": 2.0, "v_reset": 10.0, "window": (400.0, 500.0), "paper": None, "rate": 330.7, "within": 0.10},
    "B": {"g": 6.0, "eta": 4.0, "v_reset": 10.0, "window": (300.0, 500.0), "paper": 60.7, "rate": 55.8, "within": 0.10},
    "C": {"g": 5.0, "eta": 2.0, "v_reset": 10.0, "window": (300.0, 500.0), "paper": 37.7, "rate": 36.4, "within": 0.05},
    "D": {"g": 4.5, "eta": 0.9, "v_reset": 10.0, "window": (300.0, 500.0), "paper": 5.5, "rate": 5.5, "within": 0.10},
    "reset0": {"g": 5.0, "eta": 2.0, "v_reset": 0.0, "window": (300.0, 500.0), "paper": None, "rate": 30.7, "within": 0.05},
}
NAMES = {
    "A": "A: synchronous regular", "B": "B: fast oscillation", "C": "C: asynchronous irregular", "D": "D: slow oscillation",
    "reset0": "as C, v_reset = 0",
}  # fmt: skip
SHOWN = 50  # cells of a raster


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Size, times and repetitions. The weight grows as the network shrinks, so that fluctuations stay as they are."""

    neurons: int = 12_500
    """Neurons, four fifths of them excitatory; 1,000 to 50,000."""
    duration_ms: float = 700.0
    """Simulated time, ms."""
    warm_up_ms: float = 200.0
    """Time before anything is counted, ms."""
    seeds: int = 2
    """Repetitions of each regime, each with its own graph, start and input."""
    scan: int = 6
    """How many values of g between 3 and 8 are scanned at eta = 2; 0 for none."""
    precision: str = "single"
    """Of the simulation, "single" or "double"."""
    seed: int = 0
    """Of the first repetition."""

    def __post_init__(self) -> None:
        if not 1000 <= self.neurons <= 50_000:
            raise InvalidValue("neurons", self.neurons, "1000 to 50000")
        if not 0.0 <= self.warm_up_ms < self.duration_ms:
            raise InvalidValue("warm_up_ms", self.warm_up_ms, f">= 0 and < duration_ms = {self.duration_ms} ms")
        if self.seeds < 1 or self.scan < 0:
            raise InvalidValue("seeds, scan", (self.seeds, self.scan), ">= 1 and >= 0")
        if self.precision not in ("single", "double"):
            raise InvalidValue("precision", self.precision, "'single' or 'double'")
        check_seed("seed", self.seed)


PRESETS = {
    "smoke": Config(neurons=1000, duration_ms=300.0, warm_up_ms=100.0, seeds=1, scan=0),
    "laptop": Config(),
    "paper": Config(duration_ms=1200.0, seeds=5, scan=11),
}


def weight(neurons: int) -> float:
    """J for a network of this size, mV: 0.1 at 12,500 neurons, growing with one over the root of the in-degree."""
    return J * math.sqrt(12_500 / neurons)


def trial(g: float, eta: float, v_reset: float, config: Config, seed: int) -> dict[str, Any]:
    """One network: its statistics, the counts of its population, and the spikes of 50 cells."""
    edge = round(0.8 * config.neurons)
    j = weight(config.neurons)
    threshold_rate = V_THRESHOLD / (j * P * edge * TAU_M * 1e-3)  # Hz of each external train: 10 Hz at full size
    network = Network(dt=0.1, seed=seed, precision=config.precision)
    model = LIF(tau_m=TAU_M, v_rest=0.0, v_reset=v_reset, v_threshold=V_THRESHOLD, t_refractory=T_REFRACTORY)
    cells = network.population(config.neurons, model, initial={"v": uniform(0.0, V_THRESHOLD)})
    network.connect(cells[:edge], cells, p=P, weight=j, delay=DELAY)
    network.connect(cells[edge:], cells, p=P, weight=-g * j, delay=DELAY)
    network.drive(cells, PoissonInput(rate=eta * threshold_rate, n=round(P * edge), weight=j))
    began = time.perf_counter()
    times, neurons = network.run(config.duration_ms, record=[Spikes(cells)], progress=False).spikes(cells)
    wall = time.perf_counter() - began
    start, stop = config.warm_up_ms, config.duration_ms
    excites = neurons < edge
    frequency, power = statistics.spectrum(times, start, stop)
    above = frequency > 5.0
    peak = int(np.argmax(np.where(above, power, 0.0)))
    found = statistics.cvs(times, neurons, start, stop)
    shown = (neurons % (config.neurons // SHOWN) == 0) & (neurons // (config.neurons // SHOWN) < SHOWN)
    return {
        "rate/excitatory": statistics.mean_rate(times[excites], neurons[excites], edge, start, stop),
        "rate/inhibitory": statistics.mean_rate(times[~excites], neurons[~excites] - edge, config.neurons - edge, start, stop),
        "cv": found.mean() if len(found) else np.nan,
        "fano": statistics.fano(times, start, stop),
        "peak/frequency": frequency[peak],
        "peak/height": power[peak] / max(np.median(power[above]), 1e-12),
        "counts": statistics.counts(times, 0.0, stop, 1.0),
        "raster/times": times[shown],
        "raster/neurons": neurons[shown] // (config.neurons // SHOWN),
        "cost/wall_s": wall,
        "cost/real_time": wall / (config.duration_ms * 1e-3),
    }


def mean_field_rate(g: float, eta: float, v_reset: float = 10.0, neurons: int = 12_500) -> float:
    """The self-consistent rate of the asynchronous state, Hz.

        1/nu = t_refractory + tau sqrt(pi) integral from (v_reset - mu)/sigma to (v_threshold - mu)/sigma of
               exp(u^2) (1 + erf u) du
        mu = C J tau (nu_ext + nu (1 - g/4)),  sigma^2 = C J^2 tau (nu_ext + nu (1 + g^2/4))
    """
    from scipy.integrate import quad
    from scipy.optimize import brentq
    from scipy.special import erfcx

    c, j, tau = 0.8 * P * neurons, weight(neurons), TAU_M * 1e-3
    external = eta * V_THRESHOLD / (j * c * tau)

    def predicted(nu: float) -> float:
        mu = c * j * tau * (external + nu * (1.0 - 0.25 * g))
        sigma = math.sqrt(c * j * j * tau * (external + nu * (1.0 + 0.25 * g * g)))
        low, high = (v_reset - mu) / sigma, (V_THRESHOLD - mu) / sigma
        # exp(u^2)(1 + erf u) = erfcx(-u), which does not overflow below about 26
        area = quad(lambda u: erfcx(-u), low, min(high, 25.0), limit=200)[0]
        return float(1.0 / (T_REFRACTORY * 1e-3 + tau * math.sqrt(math.pi) * area))

    # the rate rises from 0: the lowest crossing is the branch that a network started at rest would reach
    grid = np.concatenate([np.geomspace(1e-3, 10.0, 60), np.linspace(10.5, 499.0, 500)])
    off = np.array([predicted(nu) - nu for nu in grid])
    crossings = np.flatnonzero((off[:-1] > 0.0) & (off[1:] <= 0.0))
    if not len(crossings):
        return float("nan")
    at = crossings[-1]
    return float(brentq(lambda nu: predicted(nu) - nu, grid[at], grid[at + 1]))


def run(config: Config, record: Any) -> None:
    """All regimes and the scan, into the record."""
    tasks = {
        f"{panel}/seed{k}": (p["g"], p["eta"], p["v_reset"], config, config.seed + k)
        for panel, p in PANELS.items()
        for k in range(config.seeds)
    }
    scanned = np.linspace(3.0, 8.0, config.scan)
    tasks |= {f"scan/{i}": (float(g), 2.0, 10.0, config, config.seed + 1000 + i) for i, g in enumerate(scanned)}
    blocks = record.map(trial, tasks)
    whole = config.neurons == 12_500

    def each(panel: str, key: str) -> NDArray[np.float64]:
        return np.array([blocks[f"{panel}/seed{k}"][key] for k in range(config.seeds)])

    for panel, p in PANELS.items():
        record.metric(f"rate.{panel}", each(panel, "rate/excitatory"), paper=p["paper"] if whole else None, unit="Hz")
        record.metric(f"rate_inhibitory.{panel}", each(panel, "rate/inhibitory"), unit="Hz")
        record.metric(f"mean_field.{panel}", mean_field_rate(p["g"], p["eta"], p["v_reset"], config.neurons), unit="Hz")
        record.metric(f"cv.{panel}", each(panel, "cv"))
        record.metric(f"fano.{panel}", each(panel, "fano"), note="counts of the population in 1 ms")
        record.metric(f"peak_frequency.{panel}", each(panel, "peak/frequency"), unit="Hz")
        record.cost(f"wall_time.{panel}", each(panel, "cost/wall_s"), note="s")
        record.cost(f"real_time_factor.{panel}", each(panel, "cost/real_time"))
        record.series(f"counts/{panel}", blocks[f"{panel}/seed0"]["counts"], units="spikes in 1 ms")
        record.spikes(panel, blocks[f"{panel}/seed0"]["raster/times"], blocks[f"{panel}/seed0"]["raster/neurons"])
    if config.scan:
        record.series("scan/g", scanned)
        record.series("scan/rate", [blocks[f"scan/{i}"]["rate/excitatory"] for i in range(config.scan)], units="Hz")
        record.series("scan/mean_field", [mean_field_rate(float(g), 2.0, 10.0, config.neurons) for g in scanned], units="Hz")
    if whole:
        _check(record, each)


def _check(record: Any, each: Any) -> None:
    for panel, p in PANELS.items():
        found = float(each(panel, "rate/excitatory").mean())
        record.check(
            f"rate_{panel}", f"{NAMES[panel]}: rate within {100 * p['within']:.0f} % of an independent program's {p['rate']} Hz",
            abs(found / p["rate"] - 1.0) <= p["within"], f"{found:.1f} Hz",
        )  # fmt: skip
    apart = max(
        abs(float(each(p, "rate/excitatory").mean() / each(p, "rate/inhibitory").mean()) - 1.0) for p in ("A", "B", "C", "D")
    )
    record.check("equal_rates", "excitatory and inhibitory cells fire alike, within 3 %", apart <= 0.03, f"{100 * apart:.1f} %")
    cv = {p: float(each(p, "cv").mean()) for p in PANELS}
    record.check("regular_A", "A: CV below 0.05", cv["A"] < 0.05, f"{cv['A']:.3f}")
    for panel in ("B", "D"):
        record.check(f"irregular_{panel}", f"{panel}: CV between 0.45 and 0.65", 0.45 <= cv[panel] <= 0.65, f"{cv[panel]:.3f}")
    fano = {p: float(each(p, "fano").mean()) for p in ("A", "B", "C")}
    detail = ", ".join(f"{p} {x:.0f}" for p, x in fano.items())
    record.check("synchrony", "Fano factors: A > B > C", fano["A"] > fano["B"] > fano["C"], detail)
    peak = {p: float(each(p, "peak/frequency").mean()) for p in ("B", "D")}
    record.check("rhythm_B", "B: the population oscillates well above 100 Hz", peak["B"] > 120.0, f"{peak['B']:.0f} Hz")
    record.check("rhythm_D", "D: the population oscillates at tens of Hz", 10.0 <= peak["D"] <= 60.0, f"{peak['D']:.0f} Hz")


def figures(record: Any) -> dict[str, Any]:
    """Rasters above population rates, as in the published figure; rate against g."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 4, figsize=(12, 5), sharex="col", height_ratios=[2, 1], layout="constrained")
    for (top, bottom), panel in zip(axes.T, ("A", "B", "C", "D"), strict=True):
        counts = record[f"counts/{panel}"]
        last = len(counts)
        first = max(0, last - (100 if panel == "A" else 200))
        times, cells = record.spikes(panel)
        top.plot(times, cells, "|", color="black", markersize=3)
        top.set(title=NAMES[panel], xlim=(first, last), yticks=[])
        bottom.bar(np.arange(last), counts, width=1.0, color="C0")
        bottom.set(xlim=(first, last), xlabel="time (ms)")
    axes[0, 0].set_ylabel("50 cells")
    axes[1, 0].set_ylabel("spikes in 1 ms")
    drawn = {"regimes": figure}
    if "scan/g" in record:
        figure, axis = plt.subplots(figsize=(5, 3.5), layout="constrained")
        axis.semilogy(record["scan/g"], record["scan/rate"], "o", label="simulated")
        axis.semilogy(record["scan/g"], record["scan/mean_field"], "-", label="mean field")
        axis.axvline(4.0, color="grey", linestyle=":", label="balance")
        axis.set(xlabel="g", ylabel="rate (Hz)", title="eta = 2")
        axis.legend(frameon=False)
        drawn["scan"] = figure
    return drawn
