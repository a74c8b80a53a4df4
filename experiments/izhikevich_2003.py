"""A thousand coupled neurons that find rhythms by themselves (Izhikevich 2003, the network of figure 3).

800 excitatory neurons between regular spiking and chattering, 200 inhibitory ones between low-threshold and fast spiking, all
connected to all, kicked by noise in every millisecond.

Source       Izhikevich 2003, Simple model of spiking neurons, IEEE Trans. Neural Networks 14(6),
             doi:10.1109/TNN.2003.820440; constants of its published program
Deviations   random numbers. The published step is noise, threshold, reset, input from those who fired, integrate; the event
             loop's is integrate, threshold, input, reset. With `Pulse` synapses these are one sequence cut at another
             place, and a test holds the two equal spike by spike; a spike's label is one step earlier here
"""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..neurons import GaussianNoise, InvalidValue, Izhikevich, Pulse, check_seed, uniform
from ..reservoirs import AllToAll, Network, Population, Projection, Spikes
from . import spike_statistics as statistics
from .statistics import mean_interval

__all__ = ["PRESETS", "SUMMARY", "Config", "figures", "network", "run", "trial"]

SUMMARY = "Izhikevich 2003: a thousand coupled neurons and their rhythms"

EXCITATORY, INHIBITORY = 800, 200
WARM_UP = 200.0  # ms, before anything is counted
SLOWEST = 2.0  # Hz, of the frequencies among which the rhythm is sought
DRAWN = 1000.0  # ms of the raster
# what an independent program gave in three runs of 1 s (CV also in one of 10 s), and what we accept
EXPECTED: dict[str, tuple[float, float]] = {
    "rate/excitatory": (7.3, 7.6), "rate/inhibitory": (6.7, 7.5), "fano": (4.0, 8.0), "peak": (7.5, 8.0),
}  # fmt: skip
CV = {"1s": 0.37, "10s": 0.46}
ACCEPTED = {"rate": (5.5, 9.5), "peak": (6.0, 12.0)}  # Hz


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Time and repetitions; the network is the paper's."""

    duration_ms: float = 10_200.0
    """Simulated time, ms, of which the first 200 are not counted; the paper's figure has 1000 ms."""
    seeds: int = 5
    """Repetitions, each with its own neurons, weights and noise."""
    seed: int = 0
    """Of the first repetition."""

    def __post_init__(self) -> None:
        if not 1000.0 <= self.duration_ms <= 1e6:
            raise InvalidValue("duration_ms", self.duration_ms, "1000 to 1000000 ms")
        if self.seeds < 1:
            raise InvalidValue("seeds", self.seeds, ">= 1")
        check_seed("seed", self.seed)


PRESETS = {
    "smoke": Config(duration_ms=1200.0, seeds=1),
    "laptop": Config(),
    "paper": Config(seeds=20),
}


def network(
    seed: int, excitatory: int = EXCITATORY, inhibitory: int = INHIBITORY, strength: float = 1.0
) -> tuple[Network, Population, Population, list[Projection]]:
    """The coupled network without its noise; `strength` multiplies every weight."""
    net = Network(dt=1.0, seed=seed)
    exc = net.population(excitatory, Izhikevich.heterogeneous_excitatory(), name="excitatory")
    inh = net.population(inhibitory, Izhikevich.heterogeneous_inhibitory(), name="inhibitory")
    made = net.connect(exc, [exc, inh], AllToAll(), weight=uniform(0.0, 0.5 * strength), synapse=Pulse())
    made += net.connect(inh, [exc, inh], AllToAll(), weight=uniform(-strength, 0.0), synapse=Pulse())
    return net, exc, inh, made


def trial(config: Config, seed: int) -> dict[str, Any]:
    """One network: its rates, its regularity, its rhythm, and the spikes of its last second."""
    net, exc, inh, _ = network(seed)
    net.drive(exc, GaussianNoise(std=5.0))
    net.drive(inh, GaussianNoise(std=2.0))
    began = time.perf_counter()
    result = net.run(config.duration_ms, record=[Spikes(exc), Spikes(inh)], progress=False)
    wall = time.perf_counter() - began
    first, second = result.spikes(exc), result.spikes(inh)
    times = np.concatenate([first.times, second.times])
    neurons = np.concatenate([first.neurons, second.neurons + EXCITATORY])
    start, stop = WARM_UP, config.duration_ms
    frequency, power = statistics.spectrum(times, start, stop, part=2000.0)
    slow = frequency >= SLOWEST
    short = statistics.cvs(times, neurons, start, min(start + 1000.0, stop))
    last = times >= stop - DRAWN
    return {
        "start/excitatory": statistics.mean_rate(first.times, first.neurons, EXCITATORY, 0.0, 1000.0),
        "start/inhibitory": statistics.mean_rate(second.times, second.neurons, INHIBITORY, 0.0, 1000.0),
        "start/fano": statistics.fano(times, 0.0, 1000.0),
        "rate/excitatory": statistics.mean_rate(first.times, first.neurons, EXCITATORY, start, stop),
        "rate/inhibitory": statistics.mean_rate(second.times, second.neurons, INHIBITORY, start, stop),
        "cv/1s": short.mean() if len(short) else np.nan,
        "cv/10s": statistics.cvs(times, neurons, start, stop).mean(),
        "fano": statistics.fano(times, start, stop),
        "peak": frequency[slow][np.argmax(power[slow])],
        "frequency": frequency,
        "power": power,
        "raster/times": times[last] - (stop - DRAWN),
        "raster/neurons": neurons[last],
        "cost/wall_s": wall,
    }


def run(config: Config, record: Any) -> None:
    """All seeds, into the record."""
    blocks = record.map(trial, {f"seed{k}": (config, config.seed + k) for k in range(config.seeds)})

    def each(key: str) -> NDArray[np.float64]:
        return np.array([blocks[f"seed{k}"][key] for k in range(config.seeds)])

    whole = config.duration_ms >= 10_000.0
    for kind in ("excitatory", "inhibitory"):
        record.metric(f"rate.{kind}", each(f"rate/{kind}"), unit="Hz")
        record.metric(f"rate_of_first_second.{kind}", each(f"start/{kind}"), unit="Hz", note="from 0 to 1000 ms")
    for span in CV:
        if span == "1s" or whole:
            record.metric(f"cv.{span}", each(f"cv/{span}"), note="mean over neurons with five intervals or more")
    record.metric("fano.all", each("fano"), note="counts of the population in 1 ms")
    record.metric("fano_of_first_second.all", each("start/fano"), note="from 0 to 1000 ms")
    record.metric("peak_frequency.all", each("peak"), unit="Hz", note=f"of the population's counts, above {SLOWEST:g} Hz")
    record.cost("wall_time.run", each("cost/wall_s"), note="s")
    record.series("frequency", blocks["seed0"]["frequency"], units="Hz")
    record.series("power", each("power"), axes="seed, frequency")
    record.spikes("all", blocks["seed0"]["raster/times"], blocks["seed0"]["raster/neurons"])
    _check(record, each, whole)


def _words(name: str) -> str:
    return {"fano": "Fano factor", "peak": "dominant frequency"}.get(name, f"{name.removeprefix('rate/')} rate")


def _meets(values: NDArray[np.float64], low: float, high: float) -> tuple[bool, str]:
    mean, below, above = mean_interval(values)
    return below <= high and above >= low, f"{mean:.2f} [{below:.2f}, {above:.2f}]"


def _check(record: Any, each: Any, whole: bool) -> None:
    for name, (low, high) in EXPECTED.items():
        claim = f"{_words(name)}: the interval meets the {low:g} to {high:g} of an independent program's few runs"
        record.check(name.replace("/", "_"), claim, *_meets(each(name), low, high))
    for name in ("rate/excitatory", "rate/inhibitory", "fano"):
        start, (low, high) = name.removeprefix("rate/"), EXPECTED[name]
        claim = f"{_words(name)}: the same in the second from 0 ms, with the volley that the start makes"
        record.check(f"first_second_{start}", claim, *_meets(each(f"start/{start}"), low, high))
    for span, cv in CV.items():
        if span == "1s" or whole:
            mean, below, above = mean_interval(each(f"cv/{span}"))
            claim = f"CV over {span.removesuffix('s')} s within 0.05 of an independent program's {cv}"
            record.check(f"cv_{span}", claim, abs(mean - cv) <= 0.05, f"{mean:.3f} [{below:.3f}, {above:.3f}]")
    low, high = ACCEPTED["rate"]
    rates = [each(f"rate/{kind}") for kind in ("excitatory", "inhibitory")]
    found = " and ".join(f"{float(rate.mean()):.1f}" for rate in rates)
    near = all(low <= rate.mean() <= high for rate in rates)
    record.check("accepted_rates", f"both kinds fire at {low:g} to {high:g} Hz", near, f"{found} Hz")
    low, high = ACCEPTED["peak"]
    inside = float(((each("peak") >= low) & (each("peak") <= high)).mean())
    record.check(
        "accepted_peak", f"the population's rhythm lies between {low:g} and {high:g} Hz, in nine of ten networks",
        inside >= 0.9, f"{100 * inside:.0f} % of the networks",
    )  # fmt: skip


def figures(record: Any) -> dict[str, Any]:
    """The raster above the population's rate, and the spectrum."""
    import matplotlib.pyplot as plt

    times, neurons = record.spikes("all")
    figure, axes = plt.subplots(2, 2, figsize=(11, 5), height_ratios=[3, 1], width_ratios=[5, 3], layout="constrained")
    raster, rate = axes[:, 0]
    for kind, colour in (("excitatory", "black"), ("inhibitory", "C3")):
        own = (neurons < EXCITATORY) == (kind == "excitatory")
        raster.plot(times[own], neurons[own], ".", color=colour, markersize=1.2, label=kind)
    raster.axhline(EXCITATORY, color="grey", linewidth=0.6)
    raster.set(xlim=(0, DRAWN), ylim=(0, EXCITATORY + INHIBITORY), ylabel="neuron", xticklabels=[])
    raster.set_title("the last second of the first network (inhibitory cells in red)")
    rate.hist(times, bins=np.arange(0.0, DRAWN + 5.0, 5.0), weights=np.full(len(times), 0.2), color="C0")  # 1000 cells, 5 ms
    rate.set(xlim=(0, DRAWN), xlabel="time (ms)", ylabel="rate (Hz)")
    for axis in axes[:, 1]:
        axis.remove()
    spectrum = figure.add_subplot(axes[0, 1].get_gridspec()[:, 1])
    frequency, power = record["frequency"], record["power"]
    shown = (frequency > 0.0) & (frequency <= 100.0)
    spectrum.semilogy(frequency[shown], power[:, shown].T, color="0.8", linewidth=0.6)
    spectrum.semilogy(frequency[shown], power[:, shown].mean(0), color="C0", label="mean")
    spectrum.axvspan(*ACCEPTED["peak"], color="C1", alpha=0.25, label="6 to 12 Hz")
    spectrum.set(xlabel="frequency (Hz)", ylabel="power of the counts in 1 ms", title="the population's rhythm; networks grey")
    spectrum.legend(frameon=False)
    return {"activity": figure}
