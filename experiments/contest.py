"""One contender trained on one set of images with one of its settings: what the comparisons of rules are made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .contenders import CONTENDERS
from .data import load_images, three_parts

__all__ = ["best", "chosen", "contest", "settings_of", "sizes_of"]

_CURVES = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "test_loss", "test_accuracy")
Measure = Callable[[Any, Any, Any, Any], dict[str, Any]]


def sizes_of(dataset: str, hidden: Sequence[int]) -> list[int]:
    """[pixels, hidden..., classes]."""
    images = load_images(dataset)
    return [int(np.prod(images.train_images.shape[1:])), *hidden, int(images.train_labels.max()) + 1]


def contest(
    name: str,
    setting: int,
    dataset: str,
    hidden: Sequence[int],
    epochs: int,
    batch: int,
    train_size: int,
    seed: int,
    measures: Sequence[Measure] = (),
) -> dict[str, Any]:
    """Train contender `name` with its setting of this number, and evaluate after every epoch.

    Parameters   hidden      widths of the hidden layers
                 train_size  images for training and validation, a tenth of them for the latter; 0: all
                 seed        of the division of the images, the weights, the order
                 measures    functions of (network, rule, state, a validation batch) to numbers by name, called before the
                             first epoch and after each
    Returns      curves (epochs,), accuracies in %, NaN after training met numbers that are not finite; what the measures
                 gave, (epochs + 1, ...); "cost/epoch_s", mean wall time of an epoch's training
    """
    from ..plasticity import Batch
    from ..reservoirs import Diverged
    from .digits_baselines import one_torch_thread
    from .whole_fit import whole_fit

    parts = three_parts(load_images(dataset), seed=seed, train_size=train_size)
    contender = CONTENDERS[name]
    trainee = contender.build(sizes_of(dataset, hidden), seed, contender.settings[setting])
    sample = Batch(*parts.validation.batch(np.arange(min(1000, len(parts.validation)))))
    measured: list[dict[str, Any]] = []

    def observe(epoch: int, network: Any, state: Any) -> None:
        measured.append({})
        for measure in measures:
            measured[-1] |= measure(network, trainee.rule, state, sample)

    with one_torch_thread():
        try:
            fitted = whole_fit(
                trainee.network, trainee.rule, parts.train, parts.test, validation=parts.validation, epochs=epochs,
                batch=batch, optimisers=trainee.optimisers, seed=seed, observe=observe,
            )  # fmt: skip
        except Diverged as error:
            fitted = error.fitted
    found: dict[str, Any] = {}
    for curve in _CURVES:
        scale = 100.0 if curve.endswith("accuracy") else 1.0
        found[curve] = np.full(epochs, math.nan)
        found[curve][: len(fitted.history.seconds)] = scale * getattr(fitted.history, curve)
    for key in measured[0] if measured else ():
        rows = [row[key] for row in measured]
        found[key] = np.array(rows + [np.full_like(rows[0], math.nan)] * (epochs + 1 - len(rows)))
    found["cost/epoch_s"] = np.array(fitted.history.seconds.mean() if len(fitted.history.seconds) else math.nan)
    return found


def best(curves: dict[str, Any], *, by: str) -> int:
    """The epoch with the lowest validation loss (by="loss") or the highest validation accuracy (by="accuracy"); -1: none."""
    values = -curves["validation_loss"] if by == "loss" else curves["validation_accuracy"]
    return -1 if np.isnan(values).all() else int(np.nanargmax(values))


def chosen(trials: Sequence[dict[str, Any]]) -> int:
    """Which of the trials, one for each setting, reached the highest validation accuracy."""
    reached = [np.nan_to_num(trial["validation_accuracy"], nan=-1.0).max() for trial in trials]
    return int(np.argmax(reached))


def settings_of(name: str) -> int:
    """How many settings the contender may choose from."""
    return len(CONTENDERS[name].settings)
