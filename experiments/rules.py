"""Rules of credit assignment on one table: any of them, on any networks and sets of images, with intervals, angles and costs.

Every rule chooses one of as many settings on validation images of a seed of its own; the chosen one is then trained with the
seeds that are reported, and of each training the epoch with the highest validation accuracy counts. Divisions, order of
images and, where the network is of the same kind, initial weights are the same for all rules of a seed.

Source       of each rule: see `contenders`; settings: Kao & Hariharan 2024, arXiv 2409.19841, as far as it gives them
Deviations   that paper searches larger grids, which differ from rule to rule
"""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Any

import numpy as np

from ..neurons import InvalidValue, check_seed
from .contenders import CONTENDERS
from .contest import best, chosen, contest, settings_of, sizes_of
from .leaderboard import boards, tables
from .registry import unknown
from .rules_cost import costs
from .rules_figures import figures
from .rules_measures import angle_to_backprop

__all__ = ["DATASETS", "PRESETS", "SUMMARY", "Config", "figures", "hidden_of", "run", "tables", "trial"]

SUMMARY = (
    "rules of credit assignment on one leaderboard: accuracy, angle to backprop, time, memory, multiply-accumulates"
)

DATASETS = ("digits", "mnist", "fashion_mnist", "kmnist", "cifar10", "cifar10_jpeg", "cifar100")
TUNING = 1000  # the seed that settings are chosen on lies this far from those that are reported


def hidden_of(network: str) -> tuple[int, ...]:
    """Widths of the hidden layers of a network by its name: (256, 256) of "256x2". Raises InvalidValue."""
    found = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", network) if isinstance(network, str) else None
    if found is None:
        raise InvalidValue("networks", network, "WIDTHxLAYERS, both >= 1", "e.g. 256x2: two hidden layers of 256")
    return (int(found[1]),) * int(found[2])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """What is compared on what, and the budget."""

    rules: tuple[str, ...] = tuple(CONTENDERS)
    """Which are compared."""
    datasets: tuple[str, ...] = ("fashion_mnist",)
    """Images; cifar10_jpeg is a lossy copy, whose numbers are not those of CIFAR-10."""
    networks: tuple[str, ...] = ("256x2",)
    """Perceptrons, as 256x2: two hidden layers of 256."""
    epochs: int = 100
    """Passes over the training images."""
    tune_epochs: int = 10
    """Passes for each setting that a rule chooses from."""
    batch: int = 256
    """Images to a step."""
    train_size: int = 0
    """Images for training and validation, a tenth of them for the latter; 0: all."""
    seeds: int = 5
    """Trainings that are reported, each with its own division, weights and order."""
    seed: int = 0
    """Of the first; training k has seed + k."""

    def __post_init__(self) -> None:
        for field, known in (("rules", CONTENDERS), ("datasets", DATASETS), ("networks", None)):
            values = getattr(self, field)
            if not values or len(set(values)) < len(values):
                raise InvalidValue(field, values, "at least one, none twice")
            for value in values:
                if known is not None and value not in known:
                    raise unknown(field, value, known)
        for network in self.networks:
            hidden_of(network)
        least = {"epochs": 1, "tune_epochs": 1, "batch": 1, "train_size": 0, "seeds": 1}
        for name, low in least.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < low:
                raise InvalidValue(name, value, f"a whole number >= {low}")
        if 0 < self.train_size < 100:
            raise InvalidValue("train_size", self.train_size, "0 or >= 100")
        check_seed("seed", self.seed)
        check_seed("seed + seeds", self.seed + self.seeds + TUNING)


PRESETS = {
    "smoke": Config(
        rules=("backprop", "ff", "frozen"), datasets=("digits",), networks=("32x2",), epochs=3, tune_epochs=1, batch=32,
        train_size=400, seeds=2,
    ),
    "laptop": Config(epochs=10, tune_epochs=4, seeds=3),
    "paper": Config(datasets=("mnist", "fashion_mnist"), networks=("256x5",)),
}  # fmt: skip


def trial(
    rule: str, setting: int, epochs: int, dataset: str, network: str, config: Config, seed: int
) -> dict[str, Any]:
    """One training that is reported."""
    measures = (angle_to_backprop,)
    return contest(rule, setting, dataset, hidden_of(network), epochs, config.batch, config.train_size, seed, measures)


def attempt(rule: str, setting: int, dataset: str, network: str, config: Config) -> dict[str, Any]:
    """One training that a setting is chosen by."""
    return contest(
        rule,
        setting,
        dataset,
        hidden_of(network),
        config.tune_epochs,
        config.batch,
        config.train_size,
        config.seed + TUNING,
    )


def step_costs(settings: dict[str, int], dataset: str, network: str, config: Config) -> dict[str, Any]:
    """What a step of each rule costs with its setting."""
    return costs(settings, sizes_of(dataset, hidden_of(network)), config.batch)


def run(config: Config, record: Any) -> None:
    """Choose a setting for every rule, train, measure costs, and write curves, metrics and checks, board by board."""
    fields = [(dataset, network) for dataset in config.datasets for network in config.networks]
    tuned = record.map(
        attempt,
        {
            f"tune/{dataset}/{network}/{rule}/setting{k}": (rule, k, dataset, network, config)
            for dataset, network in fields
            for rule in config.rules
            for k in range(settings_of(rule))
        },
    )
    setting = {
        (*field, rule): chosen(
            [tuned["/".join(("tune", *field, rule, f"setting{k}"))] for k in range(settings_of(rule))]
        )
        for field in fields
        for rule in config.rules
    }
    trained = record.map(
        trial,
        {
            f"train/{dataset}/{network}/{rule}/seed{k}": (
                rule, setting[dataset, network, rule], config.epochs, dataset, network, config, config.seed + k
            )
            for k in range(config.seeds)
            for dataset, network in fields
            for rule in config.rules
        },
    )  # fmt: skip
    priced = record.map(
        step_costs,
        {
            f"cost/{dataset}/{network}": (
                {r: setting[dataset, network, r] for r in config.rules},
                dataset,
                network,
                config,
            )
            for dataset, network in fields
        },
    )
    for (dataset, network), prefix in zip(fields, boards(dataclasses.asdict(config)), strict=True):
        place = f"{dataset}/{network}"
        trials = {r: [trained[f"train/{place}/{r}/seed{k}"] for k in range(config.seeds)] for r in config.rules}
        accuracy = {rule: np.array([_at_best(each) for each in trials[rule]]) for rule in config.rules}
        _write(config, record, prefix, accuracy, trials, {r: setting[dataset, network, r] for r in config.rules})
        for rule in config.rules:
            cost = priced[f"cost/{place}"]
            record.metric(f"{prefix}macs.{rule}", cost[f"macs/{rule}"], note="multiply-accumulates per sample and step")
            record.cost(f"{prefix}epoch_s.{rule}", [each["cost/epoch_s"] for each in trials[rule]], "training alone")
            record.cost(f"{prefix}step_mb.{rule}", cost[f"cost/mb_{rule}"], "memory that training on a batch adds")
        _check(record, prefix, accuracy)


def _write(
    config: Config, record: Any, prefix: str, accuracy: dict[str, Any], trials: dict[str, Any], setting: dict[str, int]
) -> None:
    for rule in config.rules:
        contender, runs = CONTENDERS[rule], trials[rule]
        record.metric(f"{prefix}accuracy.{rule}", accuracy[rule], note=contender.label, unit="%")
        if "backprop" in config.rules:
            gap = accuracy["backprop"] - accuracy[rule]
            record.metric(f"{prefix}gap.{rule}", gap, note="points behind backprop, seed by seed")
        angles = np.array([each["angle"] for each in runs])
        record.metric(f"{prefix}angle.{rule}", angles[:, -1], note="degrees to backprop's gradient, at the end")
        record.series(f"{prefix}angle/{rule}", angles, units="degrees", axes="seed, epochs done")
        for curve in ("validation_accuracy", "test_accuracy"):
            values = np.array([each[curve] for each in runs])
            record.series(f"{prefix}{curve}/{rule}", values, units="%", axes="seed, epoch")
        record.metric(f"{prefix}best_epoch.{rule}", [best(each, by="accuracy") + 1.0 for each in runs])
        chose = contender.settings[setting[rule]]
        rates = sorted(each[0] for each in contender.settings)
        note = f"{contender.optimiser}; chosen from {len(rates)} settings, {rates[0]:g} to {rates[-1]:g}"
        record.metric(f"{prefix}learning_rate.{rule}", chose[0], note=note)
        if contender.second:
            record.metric(f"{prefix}second.{rule}", chose[1], note=contender.second)


def _at_best(curves: dict[str, Any]) -> float:
    """Test accuracy in the epoch that counts; NaN where no epoch was sound."""
    epoch = best(curves, by="accuracy")
    return float(curves["test_accuracy"][epoch]) if epoch >= 0 else math.nan


def _check(record: Any, prefix: str, accuracy: dict[str, Any]) -> None:
    """Whether each rule does more than a readout that is given random features."""
    if "frozen" not in accuracy:
        return
    for rule in accuracy:
        if rule != "frozen":
            gain = accuracy[rule] - accuracy["frozen"]
            ahead = int((gain > 0.0).sum())
            claim = f"{CONTENDERS[rule].label}: better than a readout of frozen random features, on every seed"
            detail = f"{gain.mean():+.2f} points, ahead in {ahead} of {len(gain)} seeds"
            record.check(f"{prefix}beats_frozen_{rule}", claim, ahead == len(gain), detail)
