"""How many random patterns can a Tempotron tell apart per synapse? The paper has about 3.

A pattern is one spike of each afferent, at a random time within half a second; half of the patterns are to be fired at, drawn
at random. The load is patterns per synapse. For each size and seed loads are tried from the lowest up, each from new weights
on the first patterns of one sequence, until one is not learned without error within a budget of epochs.

    capacity       half-way between the highest load of the ladder that was learned and the next: of this budget, so less
                   than what more epochs would learn
    extrapolated   where a straight line through 1 / sqrt(epochs) reaches 0; epochs ~ (capacity - load)^-2 is how learning
                   times of perceptrons diverge, and an assumption here

Source       Gütig & Sompolinsky 2006, doi:10.1038/nn1643 (time constants, window, momentum, about 3 patterns per synapse)
Deviations   the rate falls, as rate / (1 + epoch / cooling_epochs); it, the momentum and the number of epochs are ours, chosen
             on other patterns than these (see the experiment's page)
"""

from __future__ import annotations

import dataclasses
import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from ..neurons import InvalidValue, check_seed, setup_generator
from ..plasticity import SpikeTrains, Tempotron
from .tempotron_capacity_figures import figures

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PRESETS", "SUMMARY", "Config", "extrapolated", "figures", "highest", "learn", "patterns", "run", "trial"]

SUMMARY = "how many random latency patterns a Tempotron learns per synapse (Gütig & Sompolinsky 2006)"

_STREAM = 283
PAPER, WITHIN, COMPARED = 3.0, 0.1, 500  # patterns per synapse; what counts as the same; the size that is compared
STAGE = 25  # epochs of one rate
POINTS = 4  # that a line of learning times is drawn through


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Sizes, loads and the rule."""

    sizes: tuple[int, ...] = (100, 200, 500)
    """Afferents N, each with one synapse; 500 is held against the paper."""
    loads: tuple[float, ...] = (0.5, 1.0, 1.5, 2.0, 2.2, 2.4, 2.6, 2.8, 3.0, 3.2, 3.4, 3.6)
    """Patterns per synapse, ascending: the ladder."""
    epochs: int = 2000
    """For each load, at most."""
    rate: float = 0.1
    """Of the weights at first, times sqrt(N)."""
    cooling_epochs: float = 200.0
    """After so many the rate is half of that, after twice as many a third."""
    momentum: float = 0.9
    """Of corrections."""
    window_ms: float = 500.0
    """In which each afferent fires once."""
    tau: float = 15.0
    """Membrane time constant, ms, of the paper."""
    tau_s: float = 3.75
    """Synaptic time constant, ms, of the paper."""
    seeds: int = 5
    """Trials for each size, each with its own patterns, initial weights and orders."""
    seed: int = 0
    """Of the first trial; trial k has seed + k."""

    def __post_init__(self) -> None:
        whole = [isinstance(n, int) and not isinstance(n, bool) for n in (*self.sizes, self.epochs, self.seeds)]
        if not self.sizes or not all(whole[:-2]) or min(self.sizes) < 2 or len(set(self.sizes)) < len(self.sizes):
            raise InvalidValue("sizes", self.sizes, "whole numbers >= 2, each once")
        if len(self.loads) < 2 or not all(0.0 < load < math.inf for load in self.loads):
            raise InvalidValue("loads", self.loads, "at least two, > 0 and finite")
        if list(self.loads) != sorted(set(self.loads)):
            raise InvalidValue("loads", self.loads, "ascending")
        if self.loads[0] * min(self.sizes) < 2.0:
            raise InvalidValue(
                "loads", self.loads[0], f">= {2.0 / min(self.sizes):g}: two patterns at the smallest size"
            )
        for name, good in (("epochs", whole[-2]), ("seeds", whole[-1])):
            if not good or getattr(self, name) < 1:
                raise InvalidValue(name, getattr(self, name), "a whole number >= 1")
        for name in ("window_ms", "cooling_epochs"):
            if not 0.0 < getattr(self, name) < math.inf:
                raise InvalidValue(name, getattr(self, name), "> 0 and finite")
        check_seed("seed", self.seed)
        check_seed("seed + seeds", self.seed + self.seeds)
        self.rule(0)

    def rule(self, epoch: int) -> Tempotron:
        """With the rate of that epoch. Raises InvalidValue for constants that it does not take."""
        rate = self.rate / (1.0 + epoch / self.cooling_epochs)
        return Tempotron(tau=self.tau, tau_s=self.tau_s, rate=rate, momentum=self.momentum)


PRESETS = {
    "smoke": Config(
        sizes=(20, 40), loads=(0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0), epochs=200, cooling_epochs=50.0, seeds=2
    ),
    "laptop": Config(),
    "paper": Config(sizes=(100, 200, 500, 1000), epochs=20_000, cooling_epochs=2000.0, seeds=10),
}


def patterns(n: int, count: int, window_ms: float, seed: int) -> tuple[SpikeTrains, NDArray[np.int64]]:
    """The first `count` patterns of n afferents, and whether each is to be fired at: half of each two in a row."""
    draw = setup_generator(seed, _STREAM, n)
    times = draw.uniform(0.0, window_ms, (count, n))  # row by row, so that fewer patterns are the first of more
    neurons = times.argsort(1)
    trains = SpikeTrains(
        n_in=n,
        offsets=np.arange(count + 1) * n,
        times=np.take_along_axis(times, neurons, 1).ravel(),
        neurons=neurons.ravel(),
    )
    first = setup_generator(seed, _STREAM, n, 1).integers(0, 2, -(-count // 2))
    return trains, np.stack([first, 1 - first], 1).ravel()[:count].astype(np.int64)


def learn(trains: SpikeTrains, target: NDArray[np.int64], config: Config, seed: int) -> NDArray[np.int64]:
    """Errors of each epoch, up to the first without, or the last of the budget."""
    state = config.rule(0).init(trains.n_in, 1, seed)
    found: list[int] = []
    while len(found) < config.epochs and 0 not in found[-1:]:
        order = int(setup_generator(seed, _STREAM, trains.n_in, 2, len(found)).integers(2**63))
        stage = min(STAGE, config.epochs - len(found))
        state, errors = config.rule(len(found)).fit(state, trains, target, epochs=stage, seed=order)
        found += errors.tolist()
    return np.array(found)


def trial(n: int, config: Config, seed: int) -> dict[str, Any]:
    """Up the ladder: epochs until one without error (infinity: none; NaN: not tried), and the fewest errors of an epoch."""
    epochs, fewest = np.full((2, len(config.loads)), np.nan)
    seconds, shown = 0.0, 0
    for k, load in enumerate(config.loads):
        trains, target = patterns(n, round(load * n), config.window_ms, seed)
        began = time.perf_counter()
        errors = learn(trains, target, config, seed)
        seconds, shown = seconds + time.perf_counter() - began, shown + len(errors) * trains.times.size
        fewest[k] = errors.min() / trains.samples
        if errors[-1] > 0:
            epochs[k] = math.inf
            break
        epochs[k] = len(errors)
    return {"epochs": epochs, "fewest": fewest, "cost/wall_s": seconds, "cost/ns_per_spike": 1e9 * seconds / shown}


def highest(loads: NDArray[np.float64], epochs: NDArray[np.float64]) -> float:
    """Half-way between the highest load that was learned and the next; the highest of all where that was learned."""
    learned = np.flatnonzero(np.isfinite(epochs))
    if not learned.size:
        return 0.5 * float(loads[0])
    last = int(learned[-1])
    return float(loads[last]) if last + 1 == loads.size else float(0.5 * (loads[last] + loads[last + 1]))


def extrapolated(loads: NDArray[np.float64], epochs: NDArray[np.float64]) -> float:
    """Where a line through 1 / sqrt(epochs) of the highest loads that were learned reaches 0.

    NaN where there are too few, or the line does not come down within twice the highest load of the ladder.
    """
    learned = np.flatnonzero(np.isfinite(epochs))[-POINTS:]
    if learned.size < POINTS:
        return math.nan
    slope, start = np.polyfit(loads[learned], epochs[learned] ** -0.5, 1)
    return float(-start / slope) if slope < 0.0 and -start / slope <= 2.0 * loads[-1] else math.nan


def run(config: Config, record: Any) -> None:
    """All sizes and seeds into the record; the largest first, so that no worker is left with it at the end."""
    tasks = {
        f"n{n}/seed{k}": (n, config, config.seed + k) for n in sorted(config.sizes)[::-1] for k in range(config.seeds)
    }
    blocks = record.map(trial, tasks)
    loads = np.array(config.loads)
    note = "patterns per synapse learned without error"
    for n in config.sizes:
        mine = [blocks[f"n{n}/seed{k}"] for k in range(config.seeds)]
        epochs = np.array([block["epochs"] for block in mine])  # (seed, load)
        found = {
            "capacity": np.array([highest(loads, each) for each in epochs]),
            "extrapolated": np.array([extrapolated(loads, each) for each in epochs]),
        }
        line = found["extrapolated"]
        drawn = line[np.isfinite(line)]
        record.metric(f"capacity.n{n}", found["capacity"], paper=PAPER, note=f"{note} within {config.epochs} epochs")
        if drawn.size:
            said = f"where 1 / sqrt(epochs) comes to 0; {drawn.size} of {line.size} seeds have such a line"
            record.metric(f"extrapolated.n{n}", drawn, paper=PAPER, note=said)
        record.series(f"epochs/n{n}", epochs, axes="seed, load", note="infinity: not within the budget; NaN: not tried")
        record.series(f"fewest/n{n}", np.array([block["fewest"] for block in mine]), axes="seed, load")
        for name, values in found.items():
            record.series(f"{name}/n{n}", values, axes="seed")
        for key in ("wall_s", "ns_per_spike"):
            record.cost(f"{key}.n{n}", [block[f"cost/{key}"] for block in mine])
        if n == COMPARED:
            _check(record, n, found["capacity"], drawn)
    record.series("loads", loads, units="patterns per synapse")


def _check(record: Any, n: int, capacity: NDArray[np.float64], drawn: NDArray[np.float64]) -> None:
    near = f"lies within {100 * WITHIN:.0f} % of {PAPER:g} patterns per synapse"
    value = float(capacity.mean())
    record.check(
        "capacity", f"N = {n}: capacity within the budget {near}", abs(value - PAPER) <= WITHIN * PAPER, f"{value:.2f}"
    )
    value = float(drawn.mean()) if drawn.size else math.nan
    record.check(
        "extrapolated", f"N = {n}: the extrapolated {near}", abs(value - PAPER) <= WITHIN * PAPER, f"{value:.2f}"
    )
