"""Trains are taken and divided as asked, and what is none is refused."""

import numpy as np
import pytest

from synfire.experiments import trains as module
from synfire.experiments.trains import Trains, check_trains, split, take, uniform_blocks
from synfire.neurons import InvalidValue


def numbered(samples: int = 40, classes: int = 2) -> Trains:
    """Sample i spells i in binary, so that it can be told wherever it goes."""
    bits = (np.arange(samples) >> np.arange(12)[:, None]) & 1
    return Trains(bits[:, :, None].astype(np.uint8), np.arange(samples) % classes, 1.0)


def numbers(trains: Trains) -> np.ndarray:
    return (trains.spikes[:, :, 0].T.astype(np.int64) << np.arange(12)).sum(1)


def test_take_gives_the_samples_in_the_order_asked_for():
    chosen = take(numbered(), [7, 3, 3, 39])
    np.testing.assert_array_equal(numbers(chosen), [7, 3, 3, 39])
    np.testing.assert_array_equal(chosen.target, [1, 1, 1, 1])


def test_split_puts_every_sample_into_one_part_and_each_class_in_proportion():
    parts = split(numbered(300, classes=3), (0.8, 0.1, 0.1), seed=4)
    np.testing.assert_array_equal(np.sort(np.concatenate([numbers(part) for part in parts])), np.arange(300))
    for part, each in zip(parts, (80, 10, 10), strict=True):
        np.testing.assert_array_equal(np.bincount(part.target), [each] * 3)
        np.testing.assert_array_equal(part.target, numbers(part) % 3)  # targets went with their trains


def test_split_is_a_function_of_the_seed():
    first, again, other = (numbers(split(numbered(100), (0.9, 0.1), seed)[1]) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_split_rounds_so_that_no_sample_is_lost():
    parts = split(numbered(14), (1 / 3, 1 / 3, 1 / 3), seed=0)  # 7 of each class
    assert sum(len(part.target) for part in parts) == 14


def test_numbers_of_a_sample_do_not_depend_on_the_size_of_blocks(monkeypatch):
    def drawn(draws: int, samples: int) -> np.ndarray:
        monkeypatch.setattr(module, "DRAWS", draws)
        found = np.zeros((samples, 5, 2))
        for place, uniform in uniform_blocks(np.random.default_rng(0), samples, 5, 2):
            found[place] = uniform
        return found

    whole = np.random.default_rng(0).random((9, 5, 2))
    for draws in (1, 20, 45, 1000):
        np.testing.assert_array_equal(drawn(draws, 9), whole)
        np.testing.assert_array_equal(drawn(draws, 4), whole[:4])


@pytest.mark.parametrize(
    "changes",
    [
        {"spikes": np.zeros((3, 4), np.uint8)},
        {"spikes": np.zeros((3, 4, 1))},
        {"spikes": np.full((3, 4, 1), 2, np.uint8)},
        {"spikes": np.zeros((0, 4, 1), np.uint8)},
        {"target": np.zeros(3, np.int64)},
        {"target": np.zeros(4)},
        {"target": np.full(4, -1)},
        {"dt": 0.0},
        {"dt": float("nan")},
    ],
)
def test_what_is_no_trains_is_refused(changes):
    good = Trains(np.zeros((3, 4, 1), np.uint8), np.zeros(4, np.int64), 1.0)
    assert check_trains("here", good) is good
    with pytest.raises(InvalidValue, match="here: "):
        check_trains("here", good._replace(**changes))


@pytest.mark.parametrize("index", [[40], [-1], [0.5], [[0]]])
def test_numbers_of_no_sample_are_refused(index):
    with pytest.raises(InvalidValue, match="take: index"):
        take(numbered(), index)


@pytest.mark.parametrize("shares", [(1.0,), (0.5, 0.6), (1.1, -0.1), (0.5, 0.5, 0.0), (0.99, 0.01)])
def test_shares_that_do_not_divide_are_refused(shares):
    with pytest.raises(InvalidValue, match="split: shares"):
        split(numbered(), shares, seed=0)
