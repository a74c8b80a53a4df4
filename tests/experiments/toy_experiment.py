"""The smallest experiment, for the tests of the results store and the command line: means of random numbers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from synfire.neurons import InvalidValue

SUMMARY = "means of random numbers"


@dataclass(frozen=True, kw_only=True)
class Config:
    """A toy."""

    n: int = 50
    """Random numbers per seed, > 0."""
    seeds: int = 4
    """Repetitions, > 0."""
    scales: tuple[float, ...] = (1.0, 2.0)
    """Widths of the distribution."""
    pause_s: float = 0.0
    """Time that a task sleeps, s."""
    seed: int = 0
    """Of the random numbers, >= 0."""

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise InvalidValue("seed", self.seed, ">= 0")
        if self.n <= 0:
            raise InvalidValue("n", self.n, "> 0")


PRESETS = {"smoke": Config(n=5), "laptop": Config(), "paper": Config(n=500)}


def draw(n: int, scale: float, seed: int, pause_s: float) -> dict[str, Any]:
    start = time.perf_counter()
    time.sleep(pause_s)
    numbers = np.random.default_rng(seed).normal(0.5, scale, n)
    return {
        "numbers": numbers,
        "mean": numbers.mean(),
        "product": np.outer(numbers, numbers) @ numbers,
        "cost/wall_s": time.perf_counter() - start,
    }


def run(config: Config, record: Any) -> None:
    tasks = {
        f"scale{scale:g}/seed{seed}": (config.n, scale, config.seed + seed, config.pause_s)
        for scale in config.scales
        for seed in range(config.seeds)
    }
    blocks = record.map(draw, tasks)
    for scale in config.scales:
        mine = [block for name, block in blocks.items() if name.startswith(f"scale{scale:g}/")]
        record.metric(f"mean.scale{scale:g}", [block["mean"] for block in mine], paper=0.5, note="of a toy")
        record.cost(f"wall_s.scale{scale:g}", [block["cost/wall_s"] for block in mine])
    record.metric("nothing", [np.nan, 1.0])
    record.series("sorted", np.sort(blocks[next(iter(tasks))]["numbers"]), units="mV")
    record.spikes("core", [3.0, 1.0, 1.0], [0, 2, 1])
    record.check("near", "the mean is near a half", True, "it is")
    record.check("far", "the mean is far from a half", False)


def figures(record: Any) -> dict[str, Any]:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(2, 2))
    axes.plot(record["sorted"])
    return {"sorted": figure}
