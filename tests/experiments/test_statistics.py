"""Bootstrap intervals: repeatable, sensible for few and degenerate values, and covering what they claim."""

from __future__ import annotations

import math

import numpy as np
import pytest

from synfire.experiments.statistics import mean_interval
from synfire.neurons import InvalidValue


def test_the_same_values_give_the_same_interval() -> None:
    values = np.random.default_rng(0).normal(size=7)
    assert mean_interval(values) == mean_interval(values)


@pytest.mark.parametrize("values", [[0.3], [0.1, 0.1, 0.1]])
def test_without_spread_the_interval_is_the_value(values: list[float]) -> None:
    assert mean_interval(values) == (values[0],) * 3


@pytest.mark.parametrize("values", [[1.0, 2.0], [0.0, 0.0, 1.0], [1.0, 2.0, 4.0, 8.0, 100.0]])
def test_interval_of_few_values_is_finite_and_around_the_mean(values: list[float]) -> None:
    mean, low, high = mean_interval(values)
    assert mean == pytest.approx(np.mean(values))
    assert min(values) <= low <= mean <= high <= max(values)


def test_a_value_that_is_not_finite_is_not_hidden() -> None:
    mean, low, high = mean_interval([1.0, math.nan])
    assert math.isnan(mean) and math.isnan(low) and math.isnan(high)
    assert mean_interval([1.0, math.inf])[0] == math.inf


def test_interval_covers_the_true_mean_about_as_often_as_it_says() -> None:
    samples = np.random.default_rng(1).normal(size=(60, 25))
    covered = [low <= 0.0 <= high for _, low, high in map(mean_interval, samples)]
    # Binomial(60, 0.95): fewer than 50 has a probability of 4e-4; the bootstrap is a little narrow at n = 25.
    assert sum(covered) >= 50


def test_many_values_need_no_square_of_memory() -> None:
    mean, low, high = mean_interval(np.random.default_rng(2).normal(size=2000))
    assert low < mean < high < low + 0.15


@pytest.mark.parametrize(("values", "confidence"), [([], 0.95), ([1.0], 0.0), ([1.0], 1.0)])
def test_what_cannot_be_answered_is_refused(values: list[float], confidence: float) -> None:
    with pytest.raises(InvalidValue):
        mean_interval(values, confidence)
