"""The methods that the experiment `digits` compares, each with the same choice of settings.

A method is fitted with every setting on the training images; the setting that is best on the validation images is
tested, once. Results are arrays by "method/what", and wall times by "cost/method".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import digits_baselines as baselines
from .digits_liquid import Division, Labels, compile_three_factor, fit_ridge, fit_three_factor, standardised

__all__ = ["MOST_SETTINGS", "accuracy", "confusion", "online_and_ridge", "perceptron", "ridge_alone", "spiking_network"]

Predictor = Callable[[Any], Labels]

# What tuning may try, the first ones first: as many for every method.
RATES = (  # three-factor: learning rate times the number of features, epochs until attention has halved
    (0.1, 10.0), (0.03, 10.0), (0.3, 3.0), (0.03, 3.0), (0.1, 3.0), (0.3, 10.0), (0.01, 30.0), (0.1, 30.0),
)  # fmt: skip
PENALTIES = (1.0, 0.1, 3.0, 0.3, 10.0, 0.03, 30.0, 0.01)  # ridge: penalty per training image
PERCEPTRONS = (  # learning rate of Adam, weight decay
    (3e-3, 0.0), (1e-3, 0.0), (1e-2, 0.0), (3e-3, 1e-4), (1e-3, 1e-4), (1e-2, 1e-4), (3e-2, 0.0), (3e-4, 0.0),
)  # fmt: skip
SPIKING = (  # learning rate of Adam, decay of the membranes per step
    (3e-3, 0.8), (1e-3, 0.8), (3e-3, 0.9), (1e-2, 0.8), (1e-3, 0.9), (1e-2, 0.9), (3e-3, 0.95), (3e-3, 0.6),
)  # fmt: skip
MOST_SETTINGS = 8


def online_and_ridge(
    prefix: str, features: Sequence[Any], images: Division, *, settings: int, epochs: int, seed: int
) -> dict[str, Any]:
    """The three-factor readout, with its accuracy after every epoch, and ridge on the same features (of three sets)."""
    readings = standardised(*features)
    compile_three_factor()  # not the cost of learning
    histories = {}

    def fit(setting: tuple[float, float]) -> Predictor:
        histories[setting] = fit_three_factor(readings, images.train_labels, setting, epochs, seed)
        return _linear(histories[setting][-1])

    found = _tuned(f"{prefix}three_factor", RATES[:settings], fit, readings.validation, readings.test, images)
    history = histories[RATES[int(found[f"{prefix}three_factor/setting"])]]
    labels = (images.train_labels, images.validation_labels, images.test_labels)
    for name, part, known in zip(readings._fields, readings, labels, strict=True):
        curve = [accuracy(_linear(weight)(part), known) for weight in history]
        found[f"{prefix}three_factor/curve_{name}"] = np.array(curve)
    found[f"{prefix}three_factor/parameters"] = history[-1].size
    return found | ridge_alone(f"{prefix}ridge", features, images, settings=settings)


def ridge_alone(name: str, features: Sequence[Any], images: Division, *, settings: int) -> dict[str, Any]:
    """Ridge regression on features of the three sets."""
    readings = standardised(*features)

    def fit(penalty: float) -> Predictor:
        return _linear(fit_ridge(readings, images.train_labels, penalty))

    found = _tuned(name, PENALTIES[:settings], fit, readings.validation, readings.test, images)
    return found | {f"{name}/parameters": readings.train.shape[1] * images.classes}


def perceptron(images: Division, *, parameters: int, settings: int, epochs: int, seed: int) -> dict[str, Any]:
    """The perceptron with about as many parameters, by backprop on the pixels. Raises InvalidValue if none has."""

    def pick(setting: tuple[float, float]) -> tuple[baselines.Forward, float, float]:
        return baselines.perceptron, setting[0], setting[1]

    return _backprop("mlp", PERCEPTRONS[:settings], pick, images, parameters, epochs, seed)


def spiking_network(
    images: Division, *, parameters: int, settings: int, epochs: int, steps: int, seed: int
) -> dict[str, Any]:
    """The spiking network with about as many parameters, by surrogate gradients on the pixels as constant currents."""

    def pick(setting: tuple[float, float]) -> tuple[baselines.Forward, float, float]:
        return baselines.spiking_network(steps, beta=setting[1]), setting[0], 0.0

    return _backprop("snn", SPIKING[:settings], pick, images, parameters, epochs, seed)


def _backprop(
    name: str,
    settings: Sequence[Any],
    pick: Callable[[Any], Any],
    images: Division,
    parameters: int,
    epochs: int,
    seed: int,
) -> dict[str, Any]:
    train, validation, test = images.parts
    units = baselines.hidden_size(parameters, train.shape[1], images.classes)

    def fit(setting: tuple[float, float]) -> Predictor:
        forward, learning_rate, weight_decay = pick(setting)
        return baselines.train(
            forward, units, train, images.train_labels, classes=images.classes, learning_rate=learning_rate,
            weight_decay=weight_decay, epochs=epochs, seed=seed,
        )  # fmt: skip

    with baselines.one_torch_thread():
        found = _tuned(name, settings, fit, validation, test, images)
    return found | {f"{name}/parameters": units * (train.shape[1] + 1 + images.classes) + images.classes}


def _tuned(
    name: str, settings: Sequence[Any], fit: Callable[[Any], Predictor], validation: Any, test: Any, images: Division
) -> dict[str, Any]:
    """Fit with every setting, choose on the validation images (the first of equals), test."""
    start = time.perf_counter()
    predictors = [fit(setting) for setting in settings]
    accuracies = np.array([accuracy(predictor(validation), images.validation_labels) for predictor in predictors])
    seconds = time.perf_counter() - start
    best = int(accuracies.argmax())
    predicted = predictors[best](test)
    return {
        f"{name}/accuracy": accuracy(predicted, images.test_labels),
        f"{name}/validation": accuracies,
        f"{name}/setting": best,
        f"{name}/confusion": confusion(predicted, images.test_labels, images.classes),
        f"cost/{name}": seconds,
    }


def _linear(weight: Any) -> Predictor:
    return lambda features: np.asarray((features @ weight.T).argmax(1))


def accuracy(predicted: Labels, labels: Labels) -> float:
    """In percent."""
    return 100.0 * float(np.mean(predicted == labels))


def confusion(predicted: Labels, labels: Labels, classes: int) -> Labels:
    """How many images of each class (rows) were taken for which (columns)."""
    return np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)
