"""The lateral circuit of Hebbian orthogonal projection in spikes: does it find the principal subspace of its input?

Residual neurons R hear an input x and the inhibition of subspace neurons S, which hear R. All synapses between them learn by
one local rule, the covariance of the two neurons' spikes with a slow decay: Hebbian from R to S, anti-Hebbian back.

    r = x - H' y,  y = H r,  dH = learning_rate y r' - decay H      (rates about their base)

    circuit   as above, in spikes
    off       the same network, whose synapses do not learn
    cut       the same network without inhibition: H learns, the way back stays 0
    rate      the circuit in linear rates, without spikes, noise or lags
    oja       the rule that Hebbian orthogonal projection states, in rates: dH = y (x - H' y)', y = H x

Source       after Xiao et al. 2024, arXiv 2402.11984, whose lateral circuits learn by Oja's subspace rule (Oja 1989,
             doi:10.1142/S0129065789000475) and have no spikes of their own in time; there is no figure of a paper for this
Deviations   in `circuit`, S hears the residual and not the input, so that every synapse's two factors are the activities of
             the two neurons it joins; the span it comes to is the same, the length of H is not
"""

from __future__ import annotations

import dataclasses
import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from ..neurons import InvalidValue, check_seed, steps_in
from ..reservoirs import Spikes
from . import lateral_circuit_network as circuit
from .lateral_circuit_figures import figures

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PRESETS", "SUMMARY", "Config", "figures", "run", "trial"]

SUMMARY = "a lateral circuit of spiking neurons finds the principal subspace of its input by local plasticity (ours)"

METHODS = {
    "circuit": "spiking circuit",
    "off": "spiking, no learning",
    "cut": "spiking, no inhibition",
    "rate": "the same rule in rates",
    "oja": "Oja's subspace rule in rates",
}
SPIKING = ("circuit", "off", "cut")
ANGLE, ENERGY, SYMMETRY = 10.0, 0.98, 0.98  # of the checks: degrees; relative to the SVD's; correlation
DRAWN = 1000.0  # ms of the raster


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Input, rule and repetitions. All defaults are ours."""

    inputs: int = 24
    """Residual neurons."""
    strong: tuple[float, ...] = (1.0, 0.8, 0.6)
    """Variances of the input along its principal directions; there are as many subspace neurons."""
    weak: float = 0.1
    """Its variance along every other direction."""
    std_mv: float = 5.0
    """Standard deviation of the input to a neuron, mV: 16 Hz about a base of 50."""
    hold_ms: float = 100.0
    """For which each sample is held."""
    duration_s: float = 1500.0
    """Simulated time, s."""
    every_s: float = 30.0
    """Between readings of the weights, s."""
    learning_rate: float = 3.4e-4
    """Of the covariance rule, mV per Hz: with the decay it sets how long H becomes, here a loop gain of about 1."""
    decay: float = 5e-5
    """Of the weights, at each spike of either neuron: at 50 Hz, forgotten within 200 s."""
    initial_mv: float = 1.0
    """Standard deviation of the initial weights, mV."""
    seeds: int = 5
    """Trials, each with its own input, initial weights and noise."""
    seed: int = 0
    """Of the first trial; trial k has seed + k."""

    def __post_init__(self) -> None:
        if isinstance(self.inputs, bool) or not isinstance(self.inputs, int) or self.inputs < 2:
            raise InvalidValue("inputs", self.inputs, "a whole number >= 2")
        if not 0 < len(self.strong) < self.inputs:
            raise InvalidValue("strong", self.strong, f"at least one variance and fewer than inputs = {self.inputs}")
        if not 0.0 <= self.weak < min(self.strong) or not max(self.strong) < math.inf:
            raise InvalidValue("weak", self.weak, f">= 0 and below every one of strong = {self.strong}")
        for name in ("std_mv", "hold_ms", "duration_s", "every_s", "learning_rate", "decay", "initial_mv"):
            if not 0.0 < getattr(self, name) < math.inf:
                raise InvalidValue(name, getattr(self, name), "> 0 and finite")
        steps_in("hold_ms", self.hold_ms, 1.0)
        chunk = circuit.CHUNK * self.hold_ms * 1e-3
        for name, unit in (("every_s", chunk), ("duration_s", self.every_s)):
            ratio = getattr(self, name) / unit
            if abs(ratio - round(ratio)) > 1e-9 * ratio or round(ratio) < 1:
                raise InvalidValue(name, getattr(self, name), f"a multiple of {unit:g} s")
        if isinstance(self.seeds, bool) or not isinstance(self.seeds, int) or self.seeds < 1:
            raise InvalidValue("seeds", self.seeds, "a whole number >= 1")
        check_seed("seed", self.seed)
        check_seed("seed + seeds", self.seed + self.seeds)


PRESETS = {
    # a small input, for which learning may be this fast; at one and a half times this rate the weights only wander
    "smoke": Config(
        inputs=12, strong=(1.0, 0.7), weak=0.05, duration_s=300.0, every_s=20.0, learning_rate=1e-3, decay=1.5e-4, seeds=1
    ),
    "laptop": Config(),
    "paper": Config(
        inputs=48, strong=(1.0, 0.9, 0.8, 0.7, 0.6, 0.5), duration_s=4000.0, every_s=50.0, learning_rate=1.7e-4,
        decay=2.5e-5, seeds=10,
    ),
}  # fmt: skip


def _spiking(
    name: str, config: Config, given: circuit.Input, start: Any, seed: int
) -> tuple[list[Any], dict[str, Any]]:
    """Weights at each reading, and what the neurons did in the last stretch."""
    rate = {"circuit": (config.learning_rate,) * 2, "off": (0.0, 0.0), "cut": (config.learning_rate, 0.0)}[name]
    if name == "cut":
        start = (start[0], np.zeros_like(start[1]))
    made = circuit.build(given.samples, start, config.hold_ms, rate, config.decay, seed)
    readings, state, stretches = [start], None, round(config.duration_s / config.every_s)
    began = time.perf_counter()
    for k in range(stretches):
        record = [Spikes(made.residual), Spikes(made.subspace)] if k == stretches - 1 else []
        result = made.net.run(config.every_s * 1e3, state=state, record=record, progress=False)
        readings.append(made.weights(result))
        state = result.state
    found: dict[str, Any] = {"cost/wall_s": np.array(time.perf_counter() - began)}
    end = config.duration_s * 1e3
    for cells in (made.residual, made.subspace):
        spikes = result.spikes(cells)
        found[f"rates/{cells.name}"] = np.bincount(spikes.neurons, minlength=cells.size) / config.every_s
        last = spikes.times >= end - DRAWN
        found[f"times/{cells.name}"], found[f"neurons/{cells.name}"] = (
            spikes.times[last] - end + DRAWN,
            spikes.neurons[last],
        )
    return readings, found


def trial(name: str, config: Config, seed: int) -> dict[str, Any]:
    """One method on the input of one seed: its weights at each reading, measured against the SVD."""
    n, k = config.inputs, len(config.strong)
    samples = round(config.duration_s * 1e3 / config.hold_ms)
    given = circuit.draw_input(n, config.strong, config.weak, config.std_mv, samples, seed)
    start = circuit.initial_weights(n, k, config.initial_mv, seed)
    found: dict[str, Any] = {}
    if name in SPIKING:
        readings, found = _spiking(name, config, given, start, seed)
    else:
        every = round(config.every_s * 1e3 / config.hold_ms) // circuit.CHUNK
        if name == "rate":
            course: Any = circuit.rate_course(given.samples, start, config.hold_ms, config.learning_rate, config.decay)
        else:
            course = ((h, h) for h in circuit.oja_course(given.samples, start[0], config.hold_ms, config.learning_rate))
        readings = list(course)[::every]
    last, back = readings[-1]
    return found | {
        "angles": np.array([circuit.angles(h, given.principal) for h, _ in readings]),
        "energy": np.array([circuit.captured(h, given) for h, _ in readings]),
        "symmetry": np.array([_correlation(h, d) for h, d in readings]),
        "lengths": np.array([np.linalg.svd(h, compute_uv=False) for h, _ in readings]),
        "dimension": np.array([circuit.effective_dimension(h) for h, _ in readings]),
        "expected": circuit.expected_lengths(given, config.hold_ms, config.learning_rate, config.decay),
        "weights": last, "inhibition": back, "principal": given.principal,
    }  # fmt: skip


def _correlation(h: NDArray[np.float64], d: NDArray[np.float64]) -> float:
    return float(np.corrcoef(h.ravel(), d.ravel())[0, 1]) if d.any() else 0.0


def run(config: Config, record: Any) -> None:
    """All methods and seeds into the record."""
    tasks = {f"{name}/seed{k}": (name, config, config.seed + k) for name in METHODS for k in range(config.seeds)}
    blocks = record.map(trial, tasks)

    def each(name: str, key: str) -> NDArray[np.float64]:
        return np.array([blocks[f"{name}/seed{k}"][key] for k in range(config.seeds)])

    for name, note in METHODS.items():
        measured = each(name, "angles")  # (seed, reading, k)
        record.metric(f"mean_angle.{name}", measured[:, -1].mean(-1), unit="°", note=note)
        record.metric(f"largest_angle.{name}", measured[:, -1].max(-1), unit="°", note=note)
        record.metric(f"energy.{name}", each(name, "energy")[:, -1], note="within the span, relative to the SVD's")
        record.metric(f"dimension.{name}", each(name, "dimension")[:, -1], note=f"effective, of {len(config.strong)}")
        record.metric(
            f"longest.{name}",
            each(name, "lengths")[:, -1, 0],
            note="largest singular value of H",
            unit="" if name == "oja" else "mV",
        )
        record.series(f"angles/{name}", measured, units="degrees", axes="seed, reading, angle")
        record.series(f"energy/{name}", each(name, "energy"), axes="seed, reading")
        record.series(f"lengths/{name}", each(name, "lengths"), axes="seed, reading, direction")
    for name in ("circuit", "off"):
        record.metric(
            f"symmetry.{name}", each(name, "symmetry")[:, -1], note="correlation of H and the inhibition's transpose"
        )
        record.series(f"symmetry/{name}", each(name, "symmetry"), axes="seed, reading")
    for cells in ("residual", "subspace"):
        rates = each("circuit", f"rates/{cells}")
        record.metric(f"rate.{cells}", rates.mean(-1), unit="Hz", note="mean of the neurons at the end")
        record.spikes(cells, blocks["circuit/seed0"][f"times/{cells}"], blocks["circuit/seed0"][f"neurons/{cells}"])
    for name in SPIKING:
        record.cost(f"wall_s.{name}", each(name, "cost/wall_s"), note="with compilation where it is the first")
    record.metric(
        "longest.expected", each("circuit", "expected")[:, 0], unit="mV", note="fixed point of the rule in rates"
    )
    record.series("expected", each("circuit", "expected"), units="mV", axes="seed, direction")
    for key in ("weights", "inhibition", "principal"):
        record.series(key, blocks["circuit/seed0"][key], note="of the first trial")
    record.series("time", config.every_s * np.arange(each("rate", "energy").shape[1]), units="s")
    drawn = circuit.chance(config.inputs, len(config.strong), config.seed)
    summary = np.array([np.quantile(part, (0.05, 0.5, 0.95)) for part in (drawn.mean(-1), drawn.max(-1))])
    record.series("chance", summary, units="degrees", axes="mean or largest angle, quantile (5, 50, 95 %)")
    record.metric("mean_angle.chance", summary[0, 1], unit="°", note="median of random subspaces")
    record.metric("largest_angle.chance", summary[1, 1], unit="°", note="median of random subspaces")
    _check(record, each, float(drawn.mean(-1).min()))


def _check(record: Any, each: Any, luckiest: float) -> None:
    def every(name: str, claim: str, values: NDArray[np.float64], limit: float, below: bool, shown: str) -> None:
        found = ", ".join(format(value, shown) for value in values)
        record.check(name, claim, bool((values < limit if below else values > limit).all()), found)

    end = each("circuit", "angles")[:, -1].mean(-1)
    said = f"spiking circuit: mean angle to the SVD's subspace below {ANGLE:g}° on every seed"
    every("converges", f"{said}; the nearest of 2000 random ones has {luckiest:.0f}°", end, ANGLE, True, ".1f")
    said = f"and its span holds more than {ENERGY:g} of the energy that the SVD's does, on every seed"
    every("energy", said, each("circuit", "energy")[:, -1], ENERGY, False, ".3f")
    said = f"the two ways' synapses, drawn apart, correlate above {SYMMETRY:g} on every seed"
    every("symmetric", said, each("circuit", "symmetry")[:, -1], SYMMETRY, False, ".4f")
    gap = end - each("rate", "angles")[:, -1].mean(-1)
    every("as_rates", "ends within 5° of the same rule in rates on every seed", np.abs(gap), 5.0, True, ".1f")
    ratio = np.abs(each("circuit", "lengths")[:, -1] / each("circuit", "expected") - 1.0).max(-1)
    every(
        "lengths",
        "its singular values are within 25 % of the fixed point in rates, on every seed",
        ratio,
        0.25,
        True,
        ".2f",
    )
    off = each("off", "angles")[:, -1].mean(-1)
    every(
        "off_stays",
        "without learning the angle stays near chance: more than 40° on every seed",
        off,
        40.0,
        False,
        ".1f",
    )
    gain = each("circuit", "dimension")[:, -1] - each("cut", "dimension")[:, -1]
    said = "without inhibition H keeps fewer directions (effective dimension), on every seed: the gap"
    every("inhibition_spreads", said, gain, 0.0, False, "+.2f")
