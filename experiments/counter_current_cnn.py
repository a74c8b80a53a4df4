"""Counter-current learning of a convolutional network that names photographs, beside backpropagation and a control.

    ccl        local losses between the network and a second one that leads from classes back to images
    backprop   the same network with batch-normalised inputs of convolutions, as the paper has its baseline
    frozen     the control: convolutions stay as they were drawn, the connections to the classes learn

Convolutions with ELU and pooling; flips and crops; the epoch with the least validation loss is the one that is reported.

Source       Kao & Hariharan 2024, arXiv 2409.19841, sections 4.2 and 6.1, and its published program
Deviations   images that validate are not augmented, in the program they are; ramps of the loss take at most a tenth of all
             batches, which matters to small budgets only; "cifar10_jpeg" is a lossy copy of CIFAR-10, whose numbers stand beside
             none of the paper's. The control is ours
"""

from __future__ import annotations

import dataclasses
import time
from typing import Any, Literal

import numpy as np

from ..neurons import InvalidValue, check_seed
from .counter_current_map_figures import NAMES, cnn_figures
from .registry import unknown

__all__ = ["PRESETS", "SUMMARY", "Config", "figures", "run", "trial"]

SUMMARY = "counter-current learning of a convolutional network on CIFAR, beside backprop and frozen features"

DATASETS = ("cifar10", "cifar10_jpeg", "cifar100")
METHODS = ("ccl", "backprop", "frozen")
PUBLISHED = {
    "cifar10": {"ccl": 82.94, "backprop": 87.12},
    "cifar100": {"ccl": 56.29, "backprop": 51.92},
}  # test accuracy, %, means of five seeds: tables 3 and 4
figures = cnn_figures


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Data, size and budget; the defaults are the paper's. Constants of training are in `counter_current_recipes`."""

    dataset: Literal["cifar10", "cifar10_jpeg", "cifar100"] = "cifar10"
    """Photographs of 32 x 32 pixels. "cifar10_jpeg" is a lossy copy, in no way the published set."""
    methods: tuple[str, ...] = METHODS
    """What is compared, of ccl, backprop, frozen."""
    channels: tuple[int, ...] = (128, 128, 256, 256, 512)
    """Of each convolution; up to five, each of which halves the side of 32 pixels."""
    epochs: int = 100
    """Passes over the training images, along which learning rates fall to 0.001."""
    train_size: int = 0
    """Images for training and validation, of which a tenth validates; 0: all 50,000."""
    test_size: int = 0
    """Images for the test, the first of them; 0: all 10,000."""
    frozen_learning_rates: tuple[float, ...] = (1.0, 10.0, 100.0, 1000.0)
    """From which the control chooses, by the validation loss; ours. Features of random convolutions are small."""
    device: Literal["cpu", "cuda"] = "cpu"
    """What computes. Repeatable to the byte on the CPU only."""
    seeds: int = 5
    """Trials, each with its own division of the images, initial weights, augmentation and order."""
    seed: int = 0
    """Of the first trial; trial k has seed + k."""

    def __post_init__(self) -> None:
        if self.dataset not in DATASETS:
            raise unknown("dataset", self.dataset, DATASETS)
        if self.device not in ("cpu", "cuda"):
            raise unknown("device", self.device, ("cpu", "cuda"))
        for name in self.methods:
            if name not in METHODS:
                raise unknown("methods", name, METHODS)
        if not self.methods or len(set(self.methods)) < len(self.methods):
            raise InvalidValue("methods", self.methods, "at least one, none twice")
        for name, low in (("epochs", 1), ("train_size", 0), ("test_size", 0), ("seeds", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < low:
                raise InvalidValue(name, value, f"a whole number >= {low}")
        if not 1 <= len(self.channels) <= 5 or min(self.channels) < 1:
            raise InvalidValue(
                "channels", self.channels, "one to five numbers >= 1", "32 pixels are halved at most 5 times"
            )
        if 0 < self.train_size < 100:
            raise InvalidValue("train_size", self.train_size, "0 or >= 100", "a tenth of it validates")
        if not self.frozen_learning_rates or min(self.frozen_learning_rates) <= 0.0:
            raise InvalidValue("frozen_learning_rates", self.frozen_learning_rates, "at least one, each > 0")
        check_seed("seed", self.seed)
        check_seed("seed + seeds", self.seed + self.seeds)


PRESETS = {
    "smoke": Config(
        dataset="cifar10_jpeg", channels=(8, 8, 16, 16, 32), epochs=5, train_size=2000, test_size=500,
        frozen_learning_rates=(100.0,), seeds=1,
    ),
    "laptop": Config(
        dataset="cifar10_jpeg", channels=(32, 32, 64, 64, 128), epochs=10, train_size=8000, test_size=2000, seeds=2
    ),
    "paper": Config(),
}  # fmt: skip


def trial(method: str, config: Config, seed: int) -> dict[str, Any]:
    """One method on the images of one seed."""
    from . import counter_current_trials as trials  # torch takes a second

    began = time.perf_counter()
    return {**trials.classify(method, config, seed), "cost/wall_s": time.perf_counter() - began}


def run(config: Config, record: Any) -> None:
    """All methods and seeds, into the record."""
    tasks = {
        f"{method}/seed{k}": (method, config, config.seed + k) for method in config.methods for k in range(config.seeds)
    }
    blocks = record.map(trial, tasks)

    def each(method: str, key: str) -> Any:
        return np.array([blocks[f"{method}/seed{k}"][key] for k in range(config.seeds)])

    accuracy = {method: each(method, "accuracy") for method in config.methods}
    published = PUBLISHED.get(config.dataset, {}) if as_published(config) else {}
    for method in config.methods:
        note = f"{NAMES[method]}, {config.dataset}; test, at the epoch of least validation loss"
        record.metric(f"accuracy.{method}", accuracy[method], unit="%", paper=published.get(method), note=note)
    for method in config.methods:
        record.metric(f"last.{method}", each(method, "test")[:, -1], unit="%", note="test, after the last epoch")
        record.metric(f"loss.{method}", each(method, "loss"), note="cross-entropy on the test images, at that epoch")
        record.series(f"test/{method}", each(method, "test"), units="%", axes="seed, epoch")
        record.series(f"validation/{method}", each(method, "validation"), units="%", axes="seed, epoch")
        record.series(f"validation_loss/{method}", each(method, "validation_loss"), axes="seed, epoch")
        record.cost(f"train_s.{method}", each(method, "cost/wall_s"), note="all learning rates, reading the images too")
    record.series("chance", each(config.methods[0], "chance")[0], units="%")
    if "frozen" in accuracy:
        record.metric("learning_rate.frozen", each("frozen", "learning_rate"), note="chosen on the validation images")
        for method in (name for name in ("ccl", "backprop") if name in accuracy):
            gain = float((accuracy[method] - accuracy["frozen"]).mean())
            claim = f"{NAMES[method]}: better than frozen features"
            record.check(f"learns_{method}", claim, gain > 0.0, f"{gain:+.1f} points")


def as_published(config: Config) -> bool:
    """Whether data and budget are the paper's, so that its numbers may stand beside ours."""
    paper = PRESETS["paper"]
    same = (getattr(config, name) == getattr(paper, name) for name in ("channels", "epochs", "train_size", "test_size"))
    return config.dataset in PUBLISHED and all(same)
