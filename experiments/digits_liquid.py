"""The parts of the experiment `digits` that spike or read spikes: images, their code, a liquid, its two readouts."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..neurons import SpikeList, encode_latency, setup_generator
from ..plasticity import ThreeFactor, ridge
from ..reservoirs import Reservoir, learn_online
from .data import ImageSet, load_digits, load_idx, split

__all__ = [
    "Division",
    "Readings",
    "compile_three_factor",
    "divide",
    "encode",
    "fit_ridge",
    "fit_three_factor",
    "standardised",
    "wired",
]

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

VALIDATION = 0.2  # of the training images, for choosing settings
TEST = 0.25  # of scikit-learn's digits, which have no published division

class Division(NamedTuple):
    """Images (n, height, width) in 0..1 and labels (n,) for training, choosing settings, and one test at the end."""

    train: NDArray[np.float32]
    train_labels: Labels
    validation: NDArray[np.float32]
    validation_labels: Labels
    test: NDArray[np.float32]
    test_labels: Labels

    @property
    def classes(self) -> int:
        """How many there are, from 0 up."""
        return int(self.train_labels.max()) + 1

    @property
    def pixels(self) -> int:
        """Of one image."""
        return int(np.prod(self.train.shape[1:]))

    @property
    def parts(self) -> tuple[NDArray[np.float32], ...]:
        """The three sets of images as (n, pixels)."""
        return tuple(images.reshape(len(images), -1) for images in (self.train, self.validation, self.test))


class Readings(NamedTuple):
    """Features of the three sets, each (n, features): standardised by the training set's statistics, and a 1."""

    train: Floats
    validation: Floats
    test: Floats


def divide(dataset: str, train_size: int, test_size: int, seed: int) -> Division:
    """The images of one trial: a subset by seed where sizes are given (0: all), a fifth of training for validation."""
    images = load_digits(TEST, seed) if dataset == "digits" else load_idx(dataset)
    order = setup_generator(seed, 1).permutation(len(images.train_labels))[: train_size or None]
    held_out = setup_generator(seed, 2).permutation(len(images.test_labels))[: test_size or None]
    train, labels, validation, validation_labels = split(
        images.train_images[order], images.train_labels[order], VALIDATION, seed
    )
    return Division(
        _intensity(train, images), labels, _intensity(validation, images), validation_labels,
        _intensity(images.test_images[held_out], images), images.test_labels[held_out],
    )  # fmt: skip


def _intensity(images: NDArray[np.uint8], of: ImageSet) -> NDArray[np.float32]:
    return (images / np.float32(of.brightest)).astype(np.float32)


def encode(images: Any, latency_ms: float, dt: float) -> list[SpikeList]:
    """One spike per pixel that is not black, the earlier the brighter, within `latency_ms`; images (n, pixels)."""
    return [encode_latency(image, duration=latency_ms, dt=dt) for image in images]


def wired(reservoir: Reservoir, images: NDArray[np.float32], active_inputs: float) -> Reservoir:
    """The reservoir with as many inputs as there are pixels, and an in-degree by which a core neuron hears
    `active_inputs` pixels that are not black, on average over these images (n, pixels)."""
    pixels = images.shape[1]
    degree = round(active_inputs / max(float((images > 0.0).mean()), 1.0 / pixels))
    return dataclasses.replace(reservoir, inputs=pixels, input_degree=min(max(degree, 1), pixels))


def standardised(train: Any, validation: Any, test: Any) -> Readings:
    """Features of the three sets (n, features) as readings; a feature that never varies in training is left out."""
    mean, std = train.mean(0), train.std(0)
    scale = np.divide(1.0, std, out=np.zeros(len(std)), where=std > 0.0)
    parts = [(part - mean) * scale for part in (train, validation, test)]
    return Readings(*(np.column_stack([part, np.ones(len(part))]) for part in parts))


def fit_ridge(readings: Readings, labels: Labels, penalty: float) -> Floats:
    """Weights (classes, features) by ridge regression on targets +1 and -1; `penalty` is per training image."""
    return ridge(readings.train, _targets(labels), penalty=penalty * len(labels))


def fit_three_factor(readings: Readings, labels: Labels, rate: tuple[float, float], epochs: int, seed: int) -> Floats:
    """Weights (epochs, classes, features), learned online by the three-factor rule on targets +1 and -1.

    Attention, the rule's third factor beside the error, falls as 1 / (1 + epoch / half): a step that did not fall would
    leave the weights fluctuating around the optimum.
    """
    learning_rate, half = rate
    rule = ThreeFactor(learning_rate=learning_rate / readings.train.shape[1])
    attention = 1.0 / (1.0 + np.arange(epochs) / half)
    return learn_online(rule, readings.train, _targets(labels), attention=attention, seed=seed)


def compile_three_factor() -> None:
    """Compile the rule, so that what is timed next is learning alone."""
    learn_online(ThreeFactor(), np.zeros((1, 1)), np.zeros((1, 1)), attention=[0.0], seed=0)


def _targets(labels: Labels) -> Floats:
    return np.asarray(2.0 * np.eye(int(labels.max()) + 1)[labels] - 1.0)
