"""Counter-current learning of spiking networks (ours), against its frozen controls and backpropagation through time.

The grey values of a digit drive LIF neurons by constant currents; a second network of such neurons runs back from the classes,
driven by the code of each class, and at every level the firing rates of the two are compared as the paper compares activities.
No error passes from one layer to another; each layer learns through its own neurons' time, by surrogate gradients.

    ccl          both streams learn
    ccl_frozen   the feedback stream stays as it was drawn
    frozen       hidden layers stay as they were drawn, the readout alone learns
    bptt         backpropagation through time

Network, initial weights, images, order and optimiser (Adam) are the same for all; each chooses one of the same learning rates
on validation images, in every trial anew.

Source       ours, after Kao & Hariharan 2024, arXiv 2409.19841, who have no spiking networks; so there is no number to reproduce
Deviations   as above
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..neurons import InvalidValue, check_seed
from .counter_current_figures import method_figures
from .registry import unknown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["PRESETS", "SUMMARY", "Config", "figures", "run", "trial"]

SUMMARY = "counter-current learning of spiking networks on digits, against its frozen controls and BPTT (ours)"

METHODS = {
    "ccl": "counter-current, spiking",
    "ccl_frozen": "counter-current, frozen feedback",
    "frozen": "readout of frozen random layers",
    "bptt": "backpropagation through time",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Sizes, times and repetitions. All defaults are ours."""

    methods: tuple[str, ...] = tuple(METHODS)
    """Which are compared."""
    hidden: tuple[int, ...] = (100, 100, 100)
    """Neurons of the hidden layers."""
    steps: int = 20
    """For which a digit is shown, steps of 1 ms."""
    tau_m: float = 20.0
    """Membrane time constant of hidden neurons, ms."""
    scale: float = 0.5
    """Of the losses between streams, as the paper has it for rates."""
    feedback_scale: float = math.sqrt(6.0)
    """Initial feedback weights are uniform within this / sqrt(inputs): the forward ones are too."""
    epochs: int = 20
    """Passes over the training images for each learning rate."""
    batch: int = 32
    """Images to a step of the optimiser."""
    train_size: int = 0
    """Images for training and validation, a fifth of them for the latter; 0: all."""
    learning_rates: tuple[float, ...] = (1e-3, 3e-3, 1e-2, 3e-2)
    """Of Adam, from which each method chooses."""
    seeds: int = 5
    """Trials, each with its own division of the images, initial weights and order."""
    seed: int = 0
    """Of the first trial; trial k has seed + k."""

    def __post_init__(self) -> None:
        for name in self.methods:
            if name not in METHODS:
                raise unknown("methods", name, METHODS)
        if not self.methods or len(set(self.methods)) < len(self.methods):
            raise InvalidValue("methods", self.methods, "at least one, none twice")
        least = {"steps": 1, "epochs": 1, "batch": 1, "train_size": 0, "seeds": 1}
        for name, low in least.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < low:
                raise InvalidValue(name, value, f"a whole number >= {low}")
        if 0 < self.train_size < 100:
            raise InvalidValue("train_size", self.train_size, "0 or >= 100")
        if not self.hidden or any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in self.hidden):
            raise InvalidValue("hidden", self.hidden, "at least one width, each a whole number >= 1")
        for name in ("tau_m", "scale", "feedback_scale"):
            if not 0.0 < getattr(self, name) < math.inf:
                raise InvalidValue(name, getattr(self, name), "> 0 and finite")
        if not self.learning_rates or not all(0.0 < rate < math.inf for rate in self.learning_rates):
            raise InvalidValue("learning_rates", self.learning_rates, "at least one, each > 0")
        check_seed("seed", self.seed)
        check_seed("seed + seeds", self.seed + self.seeds)


PRESETS = {
    "smoke": Config(hidden=(24, 24), steps=8, epochs=2, train_size=200, learning_rates=(3e-3,), seeds=1),
    "laptop": Config(),
    "paper": Config(seeds=10, epochs=40),
}


def trial(name: str, config: Config, seed: int) -> dict[str, Any]:
    """One method on the images of one seed, with the learning rate that validates best."""
    import torch

    from ..neurons import LIF
    from ..plasticity import BPTT, ClassMembership, CounterCurrent, Mirror
    from ..reservoirs import Diverged, adam, feedforward
    from .digits_baselines import one_torch_thread
    from .digits_liquid import divide
    from .whole_fit import whole_fit

    parts = divide("digits", config.train_size, 0, seed)

    def shown(images: Any, labels: Any) -> tuple[Any, Any]:
        currents = torch.as_tensor(images, dtype=torch.float32).reshape(len(images), -1)
        return currents.expand(config.steps, -1, -1), torch.as_tensor(labels)

    train, validation, test = (
        shown(getattr(parts, part), getattr(parts, f"{part}_labels")) for part in ("train", "validation", "test")
    )
    network = feedforward([train[0].shape[2], *config.hidden, 10], neuron=LIF(tau_m=config.tau_m), seed=seed)
    mirror = Mirror(scale=config.feedback_scale, seed=seed)
    rule: Any = CounterCurrent(loss=ClassMembership(scale=config.scale), feedback=mirror)
    if name in ("bptt", "frozen"):
        rule = BPTT()
    if name == "frozen":
        for layer in list(network.layers)[:-2]:
            layer.requires_grad_(False)
    found: dict[str, Any] = {}
    with one_torch_thread():
        for rate in config.learning_rates:
            optimisers = adam(rate, rule_learning_rate=0.0 if name == "ccl_frozen" else None)
            try:
                history = whole_fit(
                    network, rule, train, test, validation=validation, epochs=config.epochs, batch=config.batch,
                    optimisers=optimisers, seed=seed,
                ).history  # fmt: skip
            except Diverged:
                continue
            reached = float(history.validation_accuracy.max())
            if not found or reached > found["validation"]:
                epoch = int(history.validation_accuracy.argmax())
                found = {
                    "validation": np.array(reached),
                    "learning_rate": np.array(rate),
                    "accuracy": np.array(100.0 * history.test_accuracy[epoch]),
                    "curve": 100.0 * history.test_accuracy,
                    "cost/epoch_s": np.array(history.seconds.mean()),
                }
    if not found:
        raise InvalidValue("learning_rates", config.learning_rates, "small enough that one trains", "add smaller ones")
    return found


def run(config: Config, record: Any) -> None:
    """All methods and seeds into the record."""
    tasks = {f"{name}/seed{k}": (name, config, config.seed + k) for name in config.methods for k in range(config.seeds)}
    blocks = record.map(trial, tasks)

    def each(name: str, key: str) -> Any:
        return np.array([blocks[f"{name}/seed{k}"][key] for k in range(config.seeds)])

    accuracy = {name: each(name, "accuracy") for name in config.methods}
    for name in config.methods:
        record.metric(f"accuracy.{name}", accuracy[name], note=METHODS[name], unit="%")
        record.metric(f"learning_rate.{name}", each(name, "learning_rate"), note="chosen on the validation images")
        record.series(f"test_accuracy/{name}", each(name, "curve"), units="%", axes="seed, epoch")
        record.cost(f"epoch_s.{name}", each(name, "cost/epoch_s"), note="training alone")
    for other, said in (("frozen", "a readout of frozen layers"), ("ccl_frozen", "a frozen feedback stream")):
        if "ccl" in accuracy and other in accuracy:
            gain = accuracy["ccl"] - accuracy[other]
            detail = f"{gain.mean():+.1f} points, ahead in {int((gain > 0).sum())} of {len(gain)} seeds"
            record.check(
                f"beats_{other}", f"spiking counter-current learning: better than {said}", gain.mean() > 0, detail
            )


def figures(record: Any) -> dict[str, Figure]:
    """Accuracy by method and learning curves."""
    return method_figures(record)
