"""Dividing labelled images: each class in proportion (`split`), or at random (`divide`); both by a seed alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...neurons import InvalidValue, check_seed, setup_generator

__all__ = ["divide", "split"]

_DIVISION = 241  # stream of random numbers


def divide(n: int, fraction: float = 0.1, *, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers 0 to n - 1 in two parts, (train, validation), each rising: a pure function of n, the fraction and the seed.

    Parameters   n          images, >= 2
                 fraction   of them that goes to validation, in (0, 1), rounded; at least one stays on each side
                 seed       whose first images of a random order validate; classes are not balanced
    Raises       InvalidValue
    """
    if n < 2:
        raise InvalidValue("divide: n", n, ">= 2, one image for each part")
    if not 0.0 < fraction < 1.0:
        raise InvalidValue("divide: fraction", fraction, "in (0, 1)")
    order = setup_generator(check_seed("divide: seed", seed), _DIVISION).permutation(n)
    count = min(max(1, round(fraction * n)), n - 1)
    return np.sort(order[count:]), np.sort(order[:count])


def split(
    images: np.ndarray, labels: np.ndarray, fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Divide into (train_images, train_labels, test_images, test_labels), each class in the same proportion.

    Parameters   images     (n, …)
                 labels     (n,)
                 fraction   of each class that goes to test, in (0, 1), rounded; at least one image stays on each side
                 seed       >= 0; both parts are shuffled by it
    Raises InvalidValue for another fraction, a negative seed, unequal lengths, or a class with a single image
    """
    if not 0.0 < fraction < 1.0:
        raise InvalidValue("split: fraction", fraction, "in (0, 1)")
    if seed < 0:
        raise InvalidValue("split: seed", seed, ">= 0")
    if len(images) != len(labels):
        raise InvalidValue("split: labels", f"{len(labels)} for {len(images)} images", "one per image")
    rng = np.random.default_rng(seed)
    train, test = [], []
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        if len(members) < 2:
            raise InvalidValue("split: labels", f"one image of class {label}", "at least two images of each class")
        count = min(max(1, round(fraction * len(members))), len(members) - 1)
        test.append(members[:count])
        train.append(members[count:])
    chosen = rng.permutation(np.concatenate(train))
    held_out = rng.permutation(np.concatenate(test))
    return images[chosen], labels[chosen], images[held_out], labels[held_out]
