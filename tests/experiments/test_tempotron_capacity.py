"""The capacity experiment's patterns and estimates against what they claim, and a run at its smallest."""

import dataclasses
import math

import numpy as np
import pytest

import synfire as sf
from synfire.experiments import tempotron_capacity as experiment
from synfire.experiments.cli import main
from synfire.experiments.results import load

LOADS = np.array([0.5, 1.0, 1.5, 2.0, 2.5, 3.0])
NONE = math.inf


def test_each_afferent_fires_once_and_half_of_the_patterns_are_to_be_fired_at():
    trains, target = experiment.patterns(30, 200, 500.0, seed=1)
    assert (np.sort(trains.neurons.reshape(200, 30), 1) == np.arange(30)).all()
    assert 0.0 <= trains.times.min() <= trains.times.max() < 500.0
    assert trains.times.mean() == pytest.approx(250.0, abs=10.0)  # of 6000, uniform: a standard error of 1.9
    assert target.sum() == 100
    fewer, some = experiment.patterns(30, 61, 500.0, seed=1)
    np.testing.assert_array_equal(fewer.times, trains.times[: 61 * 30])  # the first of the same patterns
    np.testing.assert_array_equal(some, target[:61])


def test_a_line_is_followed_to_where_learning_would_take_forever():
    epochs = (2.8 - LOADS[:5]) ** -2.0 * 40.0
    assert experiment.extrapolated(LOADS, np.append(epochs, NONE)) == pytest.approx(2.8)
    assert math.isnan(experiment.extrapolated(LOADS, np.array([2.0, 3.0, 5.0, NONE, NONE, NONE])))  # too few to tell
    assert math.isnan(experiment.extrapolated(LOADS, np.full(6, 7.0)))


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [
        ([3, 4, 9, NONE, math.nan, math.nan], 1.75),
        ([NONE, *[math.nan] * 5], 0.25),
        ([1, 2, 3, 4, 5, 6], 3.0),
    ],
)
def test_the_capacity_of_a_budget_lies_between_what_was_learned_and_what_was_not(epochs, expected):
    assert experiment.highest(LOADS, np.array(epochs, dtype=float)) == expected


def test_the_ladder_ends_at_the_first_load_that_was_not_learned():
    config = experiment.Config(sizes=(10,), loads=(0.2, 20.0, 21.0), epochs=40, seeds=1)
    found = experiment.trial(10, config, 0)
    assert np.isfinite(found["epochs"][0])
    assert np.isinf(found["epochs"][1])
    assert np.isnan(found["epochs"][2])
    assert found["fewest"][0] == 0.0
    assert found["fewest"][1] > 0.0


def test_the_smallest_run_learns_low_loads_and_not_high_ones(tmp_path):
    assert main(["run", "tempotron-capacity", "--preset", "smoke", "--out", str(tmp_path), "--jobs", "1"]) == 0
    (result,) = tmp_path.rglob("*.h5")
    record = load(result)
    for n in (20, 40):
        epochs = record[f"epochs/n{n}"]
        assert np.isfinite(epochs[:, 0]).all()
        assert not np.isfinite(epochs[:, -1]).any()
        assert 0.5 < record.metrics[f"capacity.n{n}"]["value"] < 4.0
    assert len(list(tmp_path.rglob("*.png"))) == 2


@pytest.mark.parametrize(
    "change",
    [{"sizes": ()}, {"sizes": (100, 100)}, {"sizes": (1.5,)}, {"loads": (1.0,)}, {"loads": (2.0, 1.0)}, {"loads": (0.01, 1.0)},
     {"epochs": 0}, {"seeds": True}, {"window_ms": math.nan}, {"cooling_epochs": 0.0}, {"momentum": 1.0}, {"rate": 0.0},
     {"tau": 3.0}, {"seed": -1}],
)  # fmt: skip
def test_a_bad_field_is_refused(change):
    with pytest.raises(sf.InvalidValue, match=next(iter(change))):
        dataclasses.replace(experiment.PRESETS["laptop"], **change)
