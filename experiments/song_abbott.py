"""Competition by spike timing: STDP on one neuron with a thousand inputs (Song, Miller & Abbott 2000).

Weights that start evenly spread end at the two bounds; the more the inputs fire, the fewer are strong, so that the output
hardly changes; and of inputs that fire in a repeated volley, the early ones win.

Source       Song, Miller & Abbott 2000, Nature Neuroscience 3:919, doi:10.1038/78829, figures 2, 3 and 5; constants of
             Brian2's example for `example`, the paper's for `paper`
Deviations   the paper's inhibitory inputs are one Poisson input per neuron; 500 s where the paper has thousands; the latency
             experiment's volley is ours: all inputs fire once every 100 ms, with latencies spread evenly over 25 ms
"""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import numpy as np

from ..neurons import COBA, Conductance, InvalidValue, Poisson, PoissonInput, SpikeList, check_seed, uniform
from ..plasticity import STDP, HardBounds
from ..reservoirs import AllToAll, Network, Spikes
from . import spike_statistics as statistics

__all__ = ["PRESETS", "SETTINGS", "SUMMARY", "Config", "figures", "run", "trial"]

SUMMARY = "Song, Miller & Abbott 2000: STDP makes weights bimodal, rates stable, and early inputs strong"

INPUTS, LEAK = 1000, 10.0  # nS
# name: neuron, g_max in units of the leak, size of STDP, input rate (Hz), inhibition; an independent program's numbers:
# output rate (Hz), share of weights < 0.1 and > 0.9 of g_max
SETTINGS: dict[str, dict[str, Any]] = {
    "example": {"tau": 10.0, "rest": -74.0, "g": 0.01, "size": 0.01, "rate": 15.0, "inhibited": False,
                "expected": (19.3, 24.8, 18.8)},
    "paper10": {"tau": 20.0, "rest": -70.0, "g": 0.015, "size": 0.005, "rate": 10.0, "inhibited": True,
                "expected": (13.7, 16.1, 26.5)},
    "paper40": {"tau": 20.0, "rest": -70.0, "g": 0.015, "size": 0.005, "rate": 40.0, "inhibited": True,
                "expected": (21.0, 74.4, 6.6)},
}  # fmt: skip
LATEST = 25.0  # ms, of the volley
BINS = 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Times and repetitions."""

    example_s: float = 100.0
    """Simulated time of Brian2's example, s."""
    paper_s: float = 100.0
    """Simulated time of the paper's neuron at both input rates, s."""
    latency_s: float = 100.0
    """Simulated time of the latency experiment, s."""
    seeds: int = 2
    """Repetitions, each with its own weights and inputs."""
    seed: int = 0
    """Of the first repetition."""

    def __post_init__(self) -> None:
        for name in ("example_s", "paper_s", "latency_s"):
            if not 1.0 <= getattr(self, name) <= 1e5:
                raise InvalidValue(name, getattr(self, name), "1 to 100000 s")
        if self.seeds < 1:
            raise InvalidValue("seeds", self.seeds, ">= 1")
        check_seed("seed", self.seed)


PRESETS = {
    "smoke": Config(example_s=2.0, paper_s=2.0, latency_s=2.0, seeds=1),
    "laptop": Config(),
    "paper": Config(paper_s=500.0, latency_s=200.0, seeds=5),
}


def _neuron(net: Network, setting: dict[str, Any]) -> Any:
    model = COBA(
        c_m=setting["tau"] * LEAK, g_leak=LEAK, v_rest=setting["rest"], v_reset=-60.0, v_threshold=-54.0, t_refractory=0.0
    )
    cell = net.population(1, model)
    if setting["inhibited"]:
        inhibit = Conductance(tau_syn=5.0, e_reversal=-70.0)
        net.drive(cell, PoissonInput(rate=10.0, n=200, weight=0.05 * LEAK, synapse=inhibit))
    return cell


def _learning(setting: dict[str, Any], ratio: float = 1.05) -> dict[str, Any]:
    most = setting["g"] * LEAK
    rule = STDP(
        potentiation=setting["size"] * most, depression=ratio * setting["size"] * most, bounds=HardBounds(high=most)
    )
    return {"synapse": Conductance(tau_syn=5.0, e_reversal=0.0), "plasticity": rule}


def trial(name: str, seconds: float, seed: int) -> dict[str, Any]:
    """One neuron under one setting: its rate over the run, and its weights in units of the largest."""
    setting = SETTINGS["example" if name == "latency" else name]
    net = Network(dt=0.1, seed=seed)
    if name == "latency":
        volleys = np.arange(0.0, seconds * 1e3 - 100.0, 100.0)
        latency = np.sort(np.random.default_rng(seed).uniform(0.0, LATEST, INPUTS))
        when = (volleys[:, None] + latency).ravel()
        inputs = net.population(INPUTS, SpikeList(times=when, neurons=np.tile(np.arange(INPUTS), len(volleys))))
    else:
        latency = np.zeros(0)
        inputs = net.population(INPUTS, Poisson(rate=setting["rate"]))
    cell = _neuron(net, setting)
    most = setting["g"] * LEAK
    (learnt,) = net.connect(inputs, cell, AllToAll(), weight=uniform(0.0, most), **_learning(setting))
    began = time.perf_counter()
    result = net.run(seconds * 1e3, record=[Spikes(cell)], progress=False)
    wall = time.perf_counter() - began
    times, neurons = result.spikes(cell)
    last = max(seconds * 1e3 - 10_000.0, 0.5e3 * seconds)
    weights = result.weights(learnt) / most
    found: dict[str, Any] = {
        "rate": statistics.mean_rate(times, neurons, 1, last, seconds * 1e3),
        "rates": statistics.counts(times, 0.0, seconds * 1e3, 1000.0),
        "weights": weights,
        "weak": 100.0 * (weights < 0.1).mean(),
        "strong": 100.0 * (weights > 0.9).mean(),
        "mean": weights.mean(),
        "cost/wall_s": wall,
    }
    if name == "latency":
        first = times[times >= last] % 100.0
        began_at = times[times < 0.2e3 * seconds] % 100.0
        found |= {
            "latencies": latency,
            "response/first": np.median(began_at[began_at < 50.0]) if (began_at < 50.0).any() else np.nan,
            "response/last": np.median(first[first < 50.0]) if (first < 50.0).any() else np.nan,
        }
    return found


def run(config: Config, record: Any) -> None:
    """All settings and seeds, into the record."""
    seconds = {"example": config.example_s, "paper10": config.paper_s, "paper40": config.paper_s, "latency": config.latency_s}
    tasks = {f"{name}/seed{k}": (name, s, config.seed + k) for name, s in seconds.items() for k in range(config.seeds)}
    blocks = record.map(trial, tasks)

    def each(name: str, key: str) -> Any:
        return np.array([blocks[f"{name}/seed{k}"][key] for k in range(config.seeds)])

    for name in seconds:
        for key, unit in (("rate", "Hz"), ("weak", "%"), ("strong", "%"), ("mean", "")):
            record.metric(f"{key}.{name}", each(name, key), unit=unit)
        record.cost(f"wall_time.{name}", each(name, "cost/wall_s"), note="s")
        record.series(f"weights/{name}", np.sort(each(name, "weights")) if name != "latency" else each(name, "weights"))
        record.series(f"rates/{name}", each(name, "rates"), units="Hz", axes="seed, second")
    record.series("latencies", each("latency", "latencies"), units="ms")
    for when in ("first", "last"):
        record.metric(f"response_latency.{when}", each("latency", f"response/{when}"), unit="ms", note="median after a volley")
    middle = 100.0 - each("example", "weak") - each("example", "strong")
    density = middle.mean() / 8.0  # per tenth of the range
    ends = min(float(each("example", "weak").mean()), float(each("example", "strong").mean()))
    record.check(
        "bimodal", "example: each end of the histogram holds more weights than any tenth between has on average",
        ends > density, f"{ends:.1f} % at the sparser end, {density:.1f} % per tenth between",
    )  # fmt: skip
    for name, setting in SETTINGS.items():
        rate, weak, strong = setting["expected"]
        found = float(each(name, "rate").mean())
        claim = f"{name}: output rate within 25 % of an independent program's {rate} Hz (at 100 or 500 s)"
        record.check(f"rate_{name}", claim, abs(found / rate - 1.0) <= 0.25, f"{found:.1f} Hz")
        detail = f"{float(each(name, 'weak').mean()):.1f} and {float(each(name, 'strong').mean()):.1f} %"
        near = abs(each(name, "weak").mean() - weak) <= 8.0 and abs(each(name, "strong").mean() - strong) <= 8.0
        record.check(f"weights_{name}", f"{name}: {weak} % weak and {strong} % strong, within 8 points", bool(near), detail)
    growth = float(each("paper40", "rate").mean() / each("paper10", "rate").mean())
    record.check("stable", "four times the input rate less than doubles the output rate", growth < 2.0, f"x {growth:.2f}")
    fewer = float(each("paper40", "strong").mean()) < float(each("paper10", "strong").mean())
    record.check("fewer_strong", "and leaves fewer strong synapses", fewer)
    early = each("latency", "weights")
    tenth = INPUTS // 10
    gap = float(early[:, :tenth].mean() - early[:, -tenth:].mean())
    record.check("early_win", "the earliest tenth of a volley ends stronger than the latest", gap > 0.3, f"{gap:+.2f} of g_max")
    sooner = float(np.nanmean(each("latency", "response/last") - each("latency", "response/first")))
    record.check("latency_falls", "the response to a volley comes sooner after learning", sooner < 0.0, f"{sooner:+.1f} ms")


def figures(record: Any) -> dict[str, Any]:
    """Histograms of weights, rates over time, and weight against latency."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 4, figsize=(14, 3.3), layout="constrained")
    for axis, name in zip(axes, SETTINGS, strict=False):
        axis.hist(record[f"weights/{name}"].ravel(), bins=np.linspace(0.0, 1.0, BINS + 1), color="C0")
        axis.set(title=f"{name}, {SETTINGS[name]['rate']:g} Hz", xlabel="weight / largest", ylabel="synapses")
    latency, weights = record["latencies"][0], record["weights/latency"][0]
    axes[3].plot(latency, weights, ".", markersize=3)
    axes[3].set(title="a repeated volley", xlabel="latency of the input (ms)", ylabel="weight / largest")
    rates, axis = plt.subplots(figsize=(5, 3.3), layout="constrained")
    for name in SETTINGS:
        axis.plot(record[f"rates/{name}"].mean(0), label=name, linewidth=0.8)
    axis.set(xlabel="time (s)", ylabel="output rate (Hz)")
    axis.legend(frameon=False)
    return {"weights": figure, "rates": rates}
