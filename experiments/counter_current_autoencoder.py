"""Counter-current learning of a convolutional autoencoder of photographs, beside backpropagation and controls.

    ccl          local losses between the autoencoder and a second one that leads from the target image back to the input
    backprop     the same network, by the gradient of the mean squared error
    frozen       a control: all convolutions stay as they were drawn but the last
    mean_image   a control: the mean of the training images, whatever the input

Images in 0..1; the epoch with the least validation error is the one that is reported.

Source       Kao & Hariharan 2024, arXiv 2409.19841, section 4.3, and its published program
Deviations   crops pad with the edge where the program has black; all biases start at 0, the program's feedback ones do not; the
             baseline's ramp of 200 batches goes on in the second epoch, where the program's begins anew. Controls are ours
"""

from __future__ import annotations

import dataclasses
import time
from typing import Any, Literal

import numpy as np

from ..neurons import InvalidValue, check_seed
from .counter_current_map_figures import NAMES, autoencoder_figures
from .registry import unknown

__all__ = ["PRESETS", "SUMMARY", "Config", "figures", "run", "trial"]

SUMMARY = "counter-current learning of a convolutional autoencoder on STL-10, beside backprop"

DATASETS = ("stl10", "cifar10", "cifar10_jpeg", "cifar100")
METHODS = ("ccl", "backprop", "frozen", "mean_image")
PUBLISHED = {"ccl": 0.0086, "backprop": 0.0059}  # test error on STL-10, means of five seeds
figures = autoencoder_figures


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Data, size and budget; the defaults are the paper's. Constants of training are in `counter_current_recipes`."""

    dataset: Literal["stl10", "cifar10", "cifar10_jpeg", "cifar100"] = "stl10"
    """Photographs of 96 x 96 pixels (stl10) or 32 x 32. "cifar10_jpeg" is a lossy copy, in no way the published set."""
    methods: tuple[str, ...] = METHODS
    """What is compared, of ccl, backprop, frozen, mean_image."""
    channels: tuple[int, ...] = (128, 256, 1024, 2048)
    """After each convolution that halves the side; up to five."""
    epochs: int = 50
    """Along which learning rates fall to 0.001."""
    batches: int = 101
    """Batches of 32 images to an epoch, drawn at random from all; fewer where there are not as many. 0: all images."""
    train_size: int = 0
    """Images for training and validation, of which a tenth validates; 0: all."""
    test_size: int = 0
    """Images for the test, the first of them; 0: all."""
    frozen_learning_rates: tuple[float, ...] = (0.03, 0.3, 3.0)
    """From which the control chooses, by the validation error; ours."""
    shown: int = 8
    """Test images whose reconstructions are kept for the figure."""
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
        least = {"epochs": 1, "batches": 0, "train_size": 0, "test_size": 0, "shown": 1, "seeds": 1}
        for name, low in least.items():
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
        if 0 < self.test_size < self.shown:
            raise InvalidValue("test_size", self.test_size, f"0 or >= {self.shown}, as many as are shown")
        check_seed("seed", self.seed)
        check_seed("seed + seeds", self.seed + self.seeds)


PRESETS = {
    "smoke": Config(
        dataset="cifar10_jpeg", channels=(8, 16, 32, 64), epochs=8, batches=25, train_size=900, test_size=200,
        frozen_learning_rates=(0.3,), seeds=1,
    ),
    "laptop": Config(
        dataset="cifar10_jpeg", channels=(16, 32, 128, 256), epochs=15, train_size=5000, test_size=1000, seeds=2
    ),
    "paper": Config(),
}  # fmt: skip


def trial(method: str, config: Config, seed: int) -> dict[str, Any]:
    """One method on the images of one seed."""
    from . import counter_current_trials as trials  # torch takes a second

    began = time.perf_counter()
    return {**trials.reconstruct(method, config, seed), "cost/wall_s": time.perf_counter() - began}


def run(config: Config, record: Any) -> None:
    """All methods and seeds, into the record."""
    tasks = {
        f"{method}/seed{k}": (method, config, config.seed + k) for method in config.methods for k in range(config.seeds)
    }
    blocks = record.map(trial, tasks)

    def each(method: str, key: str) -> Any:
        return np.array([blocks[f"{method}/seed{k}"][key] for k in range(config.seeds)])

    error = {method: each(method, "error") for method in config.methods}
    published = PUBLISHED if as_published(config) else {}
    for method in config.methods:
        note = f"{NAMES[method]}, {config.dataset}; test, at the epoch of least validation error"
        record.metric(f"error.{method}", error[method], paper=published.get(method), note=note)
        record.series(f"shown/{method}", blocks[f"{method}/seed0"]["shown"], axes="image, colour, row, column")
        record.cost(f"train_s.{method}", each(method, "cost/wall_s"), note="reading the images too")
    for method in (name for name in config.methods if name != "mean_image"):
        record.metric(f"last.{method}", each(method, "test")[:, -1], note="test, after the last epoch")
        record.series(f"test/{method}", each(method, "test"), axes="seed, epoch")
        record.series(f"validation/{method}", each(method, "validation"), axes="seed, epoch")
    record.series(
        "shown/originals", blocks[f"{config.methods[0]}/seed0"]["originals"], axes="image, colour, row, column"
    )
    for control in (name for name in ("frozen", "mean_image") if name in error):
        for method in (name for name in ("ccl", "backprop") if name in error):
            share = float((error[method] / error[control]).mean())
            claim = f"{NAMES[method]}: a smaller error than of the {NAMES[control]}"
            record.check(f"{method}_below_{control}", claim, share < 1.0, f"{share:.2f} of it")


def as_published(config: Config) -> bool:
    """Whether data and budget are the paper's, so that its numbers may stand beside ours."""
    paper, fixed = PRESETS["paper"], ("dataset", "channels", "epochs", "batches", "train_size", "test_size")
    return all(getattr(config, name) == getattr(paper, name) for name in fixed)
