"""Rules of credit assignment side by side on one spiking network: what each learns, and what it costs as sequences grow.

A digit is a volley of spikes, bright pixels first; a hidden layer of LIF neurons and a leaky readout name it, by the mean over
time of the cross-entropy at each step. Network, initial weights, data, order of samples and optimiser (Adam) are the same for
all; each rule may choose one of the same learning rates, on samples that are neither trained on nor tested.

    snntorch          backpropagation through time, in snnTorch: the baseline
    bptt              the same here
    sltt, sltt_fifth  spatial learning through time, at every step or at a fifth of them, drawn at random
    ottt              online training through time
    eprop_symmetric, eprop_adaptive, eprop_random   e-prop, by how errors reach hidden neurons
    direct_feedback   direct feedback alignment, each layer through its own time
    readout_only      the control: random hidden weights, the readout alone is trained

Source       Neftci, Mostafa & Zenke 2019, doi:10.1109/MSP.2019.2931595 (bptt); Meng et al. 2023, arXiv 2302.14311 (sltt);
             Xiao et al. 2022, arXiv 2210.04195 (ottt); Bellec et al. 2020, doi:10.1038/s41467-020-17236-y (eprop);
             Nokland 2016, arXiv 1609.01596 (direct feedback). None gives a number for this task
Deviations   a small network and data set, on which rules of deep networks are at home; e-prop without rate regularisation
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Literal

import numpy as np

from ..neurons import InvalidValue, check_seed
from .registry import unknown
from .snn_training_cost import cost
from .snn_training_figures import NAMES, figures

__all__ = ["PRESETS", "SUMMARY", "Config", "figures", "run", "trial"]

SUMMARY = "BPTT, SLTT, OTTT, e-prop and direct feedback on one spiking network: accuracy, memory and time"

DATASETS = ("digits", "mnist", "fashion_mnist")
FLAT = (
    "sltt",
    "sltt_fifth",
    "ottt",
    "eprop_symmetric",
    "eprop_adaptive",
    "eprop_random",
)  # memory does not grow with time
LEARN = ("bptt", "sltt", "ottt", "eprop_symmetric", "eprop_adaptive")  # expected to beat the readout alone
NEAR = 3.0  # points of accuracy; ours


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Sizes, times and repetitions. All defaults are ours."""

    dataset: Literal["digits", "mnist", "fashion_mnist"] = "digits"
    """Images: scikit-learn's 1,797 digits of 8 x 8 pixels, or 70,000 of 28 x 28 from SYNFIRE_DATA."""
    train_size: int = 0
    """Images for training and validation, a fifth of them for the latter; 0: all."""
    rules: tuple[str, ...] = tuple(NAMES)
    """Which rules are compared."""
    hidden: int = 100
    """Hidden neurons."""
    recurrent: bool = True
    """Whether hidden neurons hear one another. Without, symmetric e-prop is BPTT, and random e-prop is direct feedback."""
    recurrent_scale: float = 0.2
    """Of their initial weights, in units of those that would make as large a current as the input's."""
    steps: int = 30
    """Length of a sequence, steps of 1 ms."""
    latency_ms: float = 20.0
    """When the darkest pixel that is not black fires, ms; the brightest fires at 0."""
    tau_m: float = 20.0
    """Membrane time constant of hidden neurons, ms."""
    tau_readout: float = 20.0
    """Of the readout's membranes, ms."""
    epochs: int = 12
    """Passes over the training images for each learning rate."""
    batch: int = 64
    """Images to a step of the optimiser."""
    learning_rates: tuple[float, ...] = (1e-3, 3e-3, 1e-2, 3e-2)
    """Of Adam, from which each rule chooses."""
    seeds: int = 3
    """Trials, each with its own division of the images, initial weights, feedback and order."""
    times: tuple[int, ...] = (25, 50, 100, 200, 400)
    """Lengths of sequences whose time and memory are measured, steps."""
    cost_batch: int = 128
    """Samples to a batch there."""
    seed: int = 0
    """Of the first trial; trial k has seed + k."""

    def __post_init__(self) -> None:
        if self.dataset not in DATASETS:
            raise unknown("dataset", self.dataset, DATASETS)
        for name in self.rules:
            if name not in NAMES:
                raise unknown("rules", name, NAMES)
        least = {"train_size": 0, "hidden": 1, "steps": 1, "epochs": 1, "batch": 1, "seeds": 1, "cost_batch": 1}
        for name, low in least.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < low:
                raise InvalidValue(name, value, f"a whole number >= {low}")
        if 0 < self.train_size < 100:
            raise InvalidValue("train_size", self.train_size, "0 or >= 100", "fewer do not hold every class twice")
        if not 0.0 <= self.recurrent_scale < math.inf:
            raise InvalidValue("recurrent_scale", self.recurrent_scale, ">= 0")
        for name in ("latency_ms", "tau_m", "tau_readout"):
            if not 1.0 <= getattr(self, name) < math.inf:
                raise InvalidValue(name, getattr(self, name), ">= 1 ms, a step")
        if not self.rules or len(set(self.rules)) < len(self.rules):
            raise InvalidValue("rules", self.rules, "at least one, none twice")
        if not self.learning_rates or not all(0.0 < rate < math.inf for rate in self.learning_rates):
            raise InvalidValue("learning_rates", self.learning_rates, "at least one, each > 0")
        if any(isinstance(time, bool) or not isinstance(time, int) or time < 1 for time in self.times):
            raise InvalidValue("times", self.times, "whole numbers >= 1")
        check_seed("seed", self.seed)
        check_seed("seed + seeds", self.seed + self.seeds)


PRESETS = {
    "smoke": Config(
        train_size=300, hidden=40, steps=20, epochs=3, learning_rates=(1e-2,), seeds=1, times=(10, 100), cost_batch=64,
        rules=("bptt", "sltt", "readout_only"),
    ),
    "laptop": Config(),
    "paper": Config(
        seeds=10, epochs=30, cost_batch=256, times=(25, 50, 100, 200, 400, 800)
    ),
}  # fmt: skip


def trial(name: str, config: Config, seed: int) -> dict[str, Any]:
    """One rule on the images of one seed."""
    from . import snn_training_rules as rules  # torch takes a second

    parts = rules.load(
        config.dataset, steps=config.steps, latency=config.latency_ms, train_size=config.train_size, seed=seed
    )
    network = rules.network_of(
        parts.train[0].shape[2], config.hidden, tau_m=config.tau_m, tau_readout=config.tau_readout,
        recurrent=config.recurrent_scale if config.recurrent else None, seed=seed,
    )  # fmt: skip
    return rules.train(name, parts, network, config, seed)


def run(config: Config, record: Any) -> None:
    """All rules and seeds, then the costs, into the record."""
    tasks = {f"{name}/seed{k}": (name, config, config.seed + k) for name in config.rules for k in range(config.seeds)}
    blocks = record.map(trial, tasks)
    measured = [name for name in config.rules if name != "readout_only"]
    sizes = (config.hidden, config.recurrent, config.cost_batch, config.times)
    costs = record.map(cost, {f"cost_{name}": (name, *sizes) for name in measured}) if config.times else {}

    def each(name: str, key: str) -> Any:
        return np.array([blocks[f"{name}/seed{k}"][key] for k in range(config.seeds)])

    accuracy = {name: each(name, "accuracy") for name in config.rules}
    for name in config.rules:
        record.metric(f"accuracy.{name}", accuracy[name], unit="%", note=NAMES[name])
    for name in config.rules:
        record.metric(f"rate.{name}", each(name, "rate"), unit="Hz", note="of hidden neurons, after training")
        record.metric(f"learning_rate.{name}", each(name, "learning_rate"), note="chosen on the validation images")
        if name != "readout_only":
            for k, when in enumerate(("before", "after")):
                note = f"to bptt's gradient of the hidden weights, {when} training"
                record.metric(f"angle_{when}.{name}", each(name, "angle")[:, k], unit="deg", note=note)
        record.series(f"curve/{name}", each(name, "curve"), units="%", axes="seed, epoch")
        record.cost(f"train_s.{name}", each(name, "cost/wall_s"), note="all learning rates")
    for name in costs:
        for k, steps in enumerate(sorted(config.times)):
            rule = name.removeprefix("cost_")
            record.cost(f"batch_ms.{rule}.{steps}", 1e3 * costs[name]["cost/seconds"][k], note="least of three")
            record.cost(f"peak_mb.{rule}.{steps}", costs[name]["cost/megabytes"][k], note="resident, above two steps'")
    _check(config, record, accuracy, costs)


def _check(config: Config, record: Any, accuracy: dict[str, Any], costs: dict[str, Any]) -> None:
    best = accuracy.get("bptt")
    if "readout_only" in accuracy:
        for name in (name for name in LEARN if name in accuracy):
            gain = float((accuracy[name] - accuracy["readout_only"]).mean())
            record.check(
                f"learns_{name}", f"{NAMES[name]}: better than the readout alone", gain > 0.0, f"{gain:+.1f} points"
            )
    for name in ("snntorch", "sltt", "ottt", "eprop_symmetric"):
        if best is not None and name in accuracy:
            gap = float((accuracy[name] - best).mean())
            claim = f"{NAMES[name]}: at most {NEAR:g} points below backpropagation through time"
            record.check(f"near_{name}", claim, gap >= -NEAR, f"{gap:+.1f} points")
    if {"eprop_symmetric", "eprop_random"} <= set(accuracy):
        gap = float((accuracy["eprop_symmetric"] - accuracy["eprop_random"]).mean())
        record.check(
            "symmetric", "e-prop: symmetric feedback is no worse than random", gap >= 0.0, f"{gap:+.1f} points"
        )
    if "cost_bptt" in costs and len(config.times) > 1:
        growth = {
            name.removeprefix("cost_"): float(np.diff(each["cost/megabytes"])[-1]) for name, each in costs.items()
        }
        for name in (name for name in FLAT if name in growth):
            claim = f"{NAMES[name]}: memory grows less than a tenth as much as BPTT's up to the longest sequence"
            record.check(f"flat_{name}", claim, growth[name] < 0.1 * growth["bptt"])
