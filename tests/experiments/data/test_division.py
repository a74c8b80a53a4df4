"""Sets are divided repeatably and fairly."""

from __future__ import annotations

import numpy as np
import pytest

from synfire.experiments.data import divide, load_digits, split
from synfire.neurons import InvalidValue


def test_digits_are_all_there_and_scaled() -> None:
    digits = load_digits()
    assert len(digits.train_images) + len(digits.test_images) == 1797
    assert digits.train_images.shape[1:] == (8, 8)
    assert digits.train_intensity.dtype == np.float32
    assert (digits.train_intensity.min(), digits.train_intensity.max()) == (0.0, 1.0)


def test_split_is_the_same_for_the_same_seed_and_other_for_another() -> None:
    first, again, other = (load_digits(seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.test_images, again.test_images)
    assert not np.array_equal(first.test_images, other.test_images)


def test_split_keeps_every_image_once_and_every_class_in_proportion() -> None:
    labels = np.repeat([0, 1, 2], [40, 20, 4])
    train, train_labels, test, test_labels = split(np.arange(64), labels, 0.25, seed=0)
    np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(64))
    np.testing.assert_array_equal(np.bincount(test_labels), [10, 5, 1])
    np.testing.assert_array_equal(labels[train], train_labels)
    np.testing.assert_array_equal(labels[test], test_labels)


@pytest.mark.parametrize(("fraction", "seed", "count"), [(0.0, 0, 4), (1.0, 0, 4), (0.5, -1, 4), (0.5, 0, 3)])
def test_split_refuses_what_it_cannot_do(fraction: float, seed: int, count: int) -> None:
    with pytest.raises(InvalidValue):
        split(np.arange(4), np.zeros(count, int), fraction, seed)


def test_split_refuses_a_class_with_one_image() -> None:
    with pytest.raises(InvalidValue, match="one image of class 1"):
        split(np.arange(4), np.array([0, 0, 0, 1]), 0.5, 0)


@pytest.mark.parametrize(("n", "fraction", "held_out"), [(60_000, 0.1, 6_000), (7, 0.1, 1), (2, 0.9, 1), (25, 0.5, 12)])
def test_random_division_has_every_number_once_and_the_fraction_asked_for(
    n: int, fraction: float, held_out: int
) -> None:
    train, validation = divide(n, fraction, seed=3)
    np.testing.assert_array_equal(np.sort(np.concatenate([train, validation])), np.arange(n))
    assert len(validation) == held_out


def test_random_division_is_a_function_of_the_seed_alone_and_mixes() -> None:
    np.random.seed(1)  # noqa: NPY002 - that a global generator plays no part is the claim
    first = divide(1000, seed=5)
    np.random.seed(2)  # noqa: NPY002
    again, other = divide(1000, seed=5), divide(1000, seed=6)
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[1], other[1])
    assert 350 < first[1].mean() < 650  # 100 of 0..999: its standard deviation is 27


@pytest.mark.parametrize(
    ("n", "fraction", "seed"), [(1, 0.5, 0), (10, 0.0, 0), (10, 1.0, 0), (10, 0.5, -1), (10, 0.5, 0.5)]
)
def test_random_division_refuses_what_it_cannot_do(n: int, fraction: float, seed: int) -> None:
    with pytest.raises(InvalidValue, match="divide: "):
        divide(n, fraction, seed=seed)
