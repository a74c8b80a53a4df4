"""Baselines reach what theory allows them, see nothing of the test set, and refuse what does not fit."""

import numpy as np
import pytest

from synfire.experiments.spike_classes import MarkovClasses, MatchedRates, PoissonClasses, split, take
from synfire.experiments.train_baselines import (
    accuracy,
    baselines,
    linear_readout,
    spike_counts,
    two_sided_readout,
)
from synfire.neurons import InvalidValue

TEST = 1000  # of each class; standard error of an accuracy at most 0.011


def measured(source, train=400):
    trains = source.draw(train + TEST, seed=2)
    first = train * source.classes
    return baselines(take(trains, np.arange(first)), take(trains, np.arange(first, len(trains.target))), source)


def test_two_poisson_rates_are_a_counting_problem():
    found, bayes = measured(PoissonClasses()), PoissonClasses().bayes_accuracy()
    for name in ("counting", "two-sided counting", "bayes"):
        assert found[name] == pytest.approx(bayes, abs=0.02)
    # A cut that is off by one spike treats some 2 % of the trains otherwise, and may be lucky with 20 more of these 40.
    assert found["bayes"] >= max(found.values()) - 0.01


def test_markov_classes_of_one_rate_defeat_a_line_but_not_two_sides():
    """Counts have variances in the ratio (1 + rho) / (1 - rho) = 4, rho = 0.6: normal laws of these give 0.661."""
    found = measured(MarkovClasses())
    assert 0.4 < found["counting"] < 0.6
    assert found["two-sided counting"] == pytest.approx(0.661, abs=0.05)
    assert found["bayes"] > 0.999


def test_matched_rates_defeat_all_counting():
    found = measured(MatchedRates())
    assert 0.4 < found["counting"] < 0.6
    assert 0.4 < found["two-sided counting"] < 0.6
    assert found["bayes"] > 0.999


def test_bayes_is_left_out_where_no_law_is_known():
    train, test = split(PoissonClasses().draw(4, seed=0), (0.5, 0.5), seed=0)
    assert set(baselines(train, test)) == {"counting", "two-sided counting"}


def test_two_sided_readout_is_the_rule_of_normal_laws():
    """Means 0, variances 1 and 4: the classes are equally likely where x^2 = 8 log(2) / 3."""
    count, target = np.array([-1.0, 1.0, -2.0, 2.0]), np.array([0, 0, 1, 1])
    edge = np.sqrt(8.0 * np.log(2.0) / 3.0)
    asked = np.array([0.0, edge - 1e-6, edge + 1e-6, -edge - 1e-6, 50.0])
    np.testing.assert_array_equal(two_sided_readout(count, target, asked), [0, 0, 1, 1, 1])


def test_two_sided_readout_stands_a_class_without_variance():
    predicted = two_sided_readout([3, 3, 10, 20], np.array([0, 0, 1, 1]), [3, 9])
    np.testing.assert_array_equal(predicted, [0, 1])


def test_linear_readout_keeps_class_numbers_and_tells_three_clusters():
    rng = np.random.default_rng(0)
    target = np.repeat([2, 5, 7], 4)
    x = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]])[np.repeat([0, 1, 2], 4)] + rng.normal(size=(12, 2))
    np.testing.assert_array_equal(linear_readout(x, target, [[0, 0], [9, 0], [0, 9]]), [2, 5, 7])


def test_counts_are_sums_over_time():
    trains = MarkovClasses(steps=30, channels=3).draw(2, seed=0)
    np.testing.assert_array_equal(spike_counts(trains), trains.spikes.astype(int).sum(0))


def test_accuracy_is_the_share_of_hits():
    assert accuracy([0, 1, 1, 0], [0, 1, 0, 0]) == 0.75


@pytest.mark.parametrize(
    ("features", "target", "test"),
    [
        ([[0.0], [1.0]], [0, 1], [[0.0]]),  # one sample of a class cannot be cross-validated
        ([[0.0], [1.0]], [0, 0], [[0.0]]),
        ([0.0, 1.0], [0, 1], [[0.0]]),
        ([[0.0], [1.0]], [0], [[0.0]]),
        ([[0.0], [np.nan]], [0, 1], [[0.0]]),
        ([[0.0], [1.0]], [0, 1], [[0.0, 1.0]]),
        ([[0.0], [1.0]], [0, 1], np.zeros((0, 1))),
    ],
)
def test_features_that_do_not_fit_are_refused(features, target, test):
    with pytest.raises(InvalidValue, match="linear_readout"):
        linear_readout(features, np.array(target), test)


def test_accuracy_of_nothing_is_refused():
    for prediction, target in (([], []), ([0], [0, 1])):
        with pytest.raises(InvalidValue, match="accuracy"):
            accuracy(prediction, target)
