"""Both learning rates of counter-current learning over a grid: how much a feedback stream that learns adds, and where it fails.

Source       Kao & Hariharan 2024, arXiv 2409.19841, Figure 7
Deviations   the paper does not say over how many seeds its cells are; accuracy is that of the epoch with the lowest validation
             loss, as in the paper's tables
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..neurons import InvalidValue, check_seed
from .counter_current import DATASETS
from .registry import unknown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURE_7", "PRESETS", "RATES", "SUMMARY", "Config", "figures", "run", "trial"]

SUMMARY = "counter-current learning over a grid of both learning rates (Figure 7 of its paper)"

RATES = (0.05, 0.1, 0.2, 0.4, 0.8)
FIGURE_7 = {  # rows: the feedback stream's rate, 0 and then RATES; columns: the network's, RATES
    "mnist": (
        (95.09, 96.41, 97.19, 96.89, 96.39), (95.70, 96.74, 97.44, 97.60, 97.45), (95.78, 96.71, 97.52, 97.74, 97.81),
        (95.74, 96.73, 97.44, 97.75, 97.93), (95.81, 96.76, 97.47, 97.91, 98.15), (95.77, 96.81, 97.47, 97.87, 98.07),
    ),
    "cifar10": (
        (42.37, 41.22, 36.93, 24.02, 23.06), (44.06, 47.04, 49.33, 49.97, 41.39), (44.11, 47.02, 49.57, 50.91, 46.01),
        (44.14, 46.91, 49.53, 51.53, 49.42), (44.08, 46.97, 49.65, 51.82, 52.61), (44.11, 46.99, 49.56, 51.26, 51.82),
    ),
}  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Data, network, grid and budget. What the paper gives is said."""

    dataset: Literal["digits", "mnist", "fashion_mnist", "kmnist", "cifar10", "cifar10_jpeg", "cifar100"] = "mnist"
    """Images (paper: MNIST and CIFAR-10)."""
    hidden: tuple[int, ...] = ()
    """Widths of the hidden layers; none given: the paper's, five of 256, or three of 1,024 for CIFAR."""
    rates: tuple[float, ...] = RATES
    """Learning rates of the network (paper)."""
    feedback_rates: tuple[float, ...] = (0.0, *RATES)
    """Learning rates of the feedback stream (paper); 0: frozen."""
    epochs: int = 100
    """Passes over the training images (paper)."""
    batch: int = 256
    """Images to a step (paper)."""
    train_size: int = 0
    """Images for training and validation, a tenth of them for the latter; 0: all."""
    seeds: int = 1
    """Trainings in each cell."""
    seed: int = 0
    """Of the first; training k has seed + k."""

    def __post_init__(self) -> None:
        if self.dataset not in DATASETS:
            raise unknown("dataset", self.dataset, DATASETS)
        for name, low in {"epochs": 1, "batch": 1, "train_size": 0, "seeds": 1}.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < low:
                raise InvalidValue(name, value, f"a whole number >= {low}")
        if 0 < self.train_size < 100:
            raise InvalidValue("train_size", self.train_size, "0 or >= 100")
        if any(isinstance(width, bool) or not isinstance(width, int) or width < 1 for width in self.hidden):
            raise InvalidValue("hidden", self.hidden, "whole numbers >= 1")
        if not self.rates or not all(0.0 < rate < math.inf for rate in self.rates):
            raise InvalidValue("rates", self.rates, "at least one, each > 0")
        if not self.feedback_rates or not all(0.0 <= rate < math.inf for rate in self.feedback_rates):
            raise InvalidValue("feedback_rates", self.feedback_rates, "at least one, each >= 0")
        for name in ("rates", "feedback_rates"):
            if len(set(getattr(self, name))) < len(getattr(self, name)):
                raise InvalidValue(name, getattr(self, name), "none twice")
        check_seed("seed", self.seed)
        check_seed("seed + seeds", self.seed + self.seeds)


PRESETS = {
    "smoke": Config(
        dataset="digits", hidden=(32, 32), rates=(0.2, 0.8), feedback_rates=(0.0, 0.8), epochs=3, batch=32
    ),
    "laptop": Config(train_size=6000, epochs=10, batch=64),
    "paper": Config(seeds=3),
}  # fmt: skip


def trial(rate: float, feedback_rate: float, config: Config, seed: int) -> dict[str, Any]:
    """One training: test accuracy, %, after every epoch, and the epoch that counts."""
    from ..neurons import Elu
    from ..plasticity import Clip, CounterCurrent, Mirror, chain
    from ..reservoirs import Diverged, perceptron, sgd
    from .contest import sizes_of
    from .counter_current import hidden_of
    from .data import load_images, three_parts
    from .digits_baselines import one_torch_thread
    from .whole_fit import whole_fit

    parts = three_parts(load_images(config.dataset), seed=seed, train_size=config.train_size)
    network = perceptron(
        sizes_of(config.dataset, hidden_of(config.dataset, config.hidden)), activation=Elu(), seed=seed
    )
    rule = chain(CounterCurrent(feedback=Mirror(seed=seed)), Clip(1.0))
    optimisers = sgd(rate, rule_learning_rate=feedback_rate)
    with one_torch_thread():
        try:
            history = whole_fit(
                network, rule, parts.train, parts.test, validation=parts.validation, epochs=config.epochs,
                batch=config.batch, optimisers=optimisers, seed=seed,
            ).history  # fmt: skip
        except Diverged as error:
            history = error.fitted.history
    curve = np.full(config.epochs, math.nan)
    curve[: len(history.seconds)] = 100.0 * history.test_accuracy
    epoch = int(history.validation_loss.argmin()) if len(history.seconds) else 0
    return {
        "curve": curve,
        "accuracy": curve[epoch],
        "cost/epoch_s": np.array(history.seconds.mean() if len(history.seconds) else math.nan),
    }


def run(config: Config, record: Any) -> None:
    """The grid into the record."""
    cells = [(rate, feedback) for feedback in config.feedback_rates for rate in config.rates]
    blocks = record.map(
        trial,
        {
            f"rate{rate:g}_feedback{feedback:g}_seed{k}": (rate, feedback, config, config.seed + k)
            for rate, feedback in cells
            for k in range(config.seeds)
        },
    )
    shape = len(config.feedback_rates), len(config.rates), config.seeds
    found = np.array([float(block["accuracy"]) for block in blocks.values()]).reshape(shape)
    grid = _of_the_paper(config)
    record.series("accuracy", found, units="%", axes="feedback rate, rate, seed")
    record.series("paper", grid, units="%", axes="feedback rate, rate; NaN: not in the paper")
    for row, feedback in enumerate(config.feedback_rates):
        for column, rate in enumerate(config.rates):
            paper = None if np.isnan(grid[row, column]) else float(grid[row, column])
            record.metric(f"accuracy.{rate:g}_{feedback:g}", found[row, column], paper, "rate_feedback rate", "%")
    record.cost("epoch_s", [float(block["cost/epoch_s"]) for block in blocks.values()], note="training alone")
    mean = found.mean(2)
    if 0.0 in config.feedback_rates and len(config.feedback_rates) > 1:
        frozen = mean[config.feedback_rates.index(0.0)]
        others = np.delete(mean, config.feedback_rates.index(0.0), 0).max(0)
        gains = ", ".join(f"{gain:+.1f} at {rate:g}" for rate, gain in zip(config.rates, others - frozen, strict=True))
        claim = "at the network's largest rate the best feedback stream that learns beats a frozen one"
        fastest = int(np.argmax(config.rates))
        record.check("learns_feedback", claim, bool(others[fastest] > frozen[fastest]), f"points gained: {gains}")


def _as_published(config: Config) -> bool:
    """Whether network and budget are the paper's."""
    paper = PRESETS["paper"]
    return all(getattr(config, name) == getattr(paper, name) for name in ("hidden", "train_size", "epochs", "batch"))


def _of_the_paper(config: Config) -> Any:
    """The paper's cells on this grid, NaN where it has none, or where data, network or budget are not the paper's."""
    grid = np.full((len(config.feedback_rates), len(config.rates)), math.nan)
    theirs = FIGURE_7.get(config.dataset)
    if theirs is not None and _as_published(config):
        for row, feedback in enumerate(config.feedback_rates):
            for column, rate in enumerate(config.rates):
                if rate in RATES and feedback in (0.0, *RATES):
                    grid[row, column] = theirs[(0.0, *RATES).index(feedback)][RATES.index(rate)]
    return grid


def figures(record: Any) -> dict[str, Figure]:
    """The grid here, and the paper's where it has one."""
    from matplotlib import pyplot

    found, paper = record.series("accuracy").mean(2), record.series("paper")
    shown = [("here", found)] + ([("paper, Figure 7", paper)] if not np.isnan(paper).all() else [])
    low, high = np.nanmin([grid for _, grid in shown]), np.nanmax([grid for _, grid in shown])
    rates, feedback = record.config["rates"], record.config["feedback_rates"]
    figure, several = pyplot.subplots(
        1, len(shown), figsize=(1.4 + 3.8 * len(shown), 3.9), layout="constrained", squeeze=False
    )
    for axes, (title, grid) in zip(several[0], shown, strict=True):
        image = axes.imshow(grid, vmin=low, vmax=high, cmap="viridis", origin="lower", aspect="auto")
        for row, column in np.ndindex(*grid.shape):
            dark = grid[row, column] < (low + high) / 2.0
            axes.text(
                column, row, f"{grid[row, column]:.1f}", ha="center", va="center", color="white" if dark else "black"
            )
        axes.set_xticks(range(len(rates)), [f"{rate:g}" for rate in rates])
        axes.set_yticks(range(len(feedback)), [f"{rate:g}" for rate in feedback])
        axes.set_xlabel("learning rate of the network")
        axes.set_ylabel("learning rate of the feedback stream")
        axes.set_title(title, loc="left", fontsize="medium")
    figure.colorbar(image, ax=several[0, -1], label=f"test accuracy on {record.config['dataset']} (%)")
    return {"grid": figure}
