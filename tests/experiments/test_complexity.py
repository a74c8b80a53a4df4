"""Readouts of complexities: on clouds of known shape, at their limits, and on trains that no count of spikes tells apart."""

import numpy as np
import pytest

import synfire as sf
from synfire.experiments.complexity import ComplexityReadout, Cuts, LinearDiscriminant, LinearScores, NearestMean

STREAM = 284
READOUTS = [NearestMean(), LinearDiscriminant()]
every_readout = pytest.mark.parametrize("readout", READOUTS, ids=lambda readout: type(readout).__name__)


def clouds(samples, centres, sd=0.03, part=7):
    """Complexities around a centre for each class, (classes, neurons)."""
    rng, centres = sf.setup_generator(0, STREAM, part), np.asarray(centres, dtype=float)
    target = rng.integers(len(centres), size=samples)
    return centres[target] + rng.normal(0.0, sd, (samples, centres.shape[1])), target


def accuracy(readout, features, target):
    return float((readout.predict(features) == target).mean())


def best_of_every_cut(x, target):
    """Accuracy of the best of all cuts, tried one by one, the class with the larger mean above."""
    above = (
        target == target.max()
        if x[target == target.max()].mean() > x[target == target.min()].mean()
        else target == target.min()
    )
    return max(float(((x >= cut) == above).mean()) for cut in [-np.inf, *np.unique(x), np.inf])


def test_two_classes_are_parted_where_most_training_samples_are_right():
    for part in range(30):
        features, target = clouds(41, [[0.3, 0.4], [0.33, 0.4]], part=part)
        fitted = NearestMean().fit(features, 5 * target - 2)
        assert accuracy(fitted, features, 5 * target - 2) == best_of_every_cut(features.mean(axis=1), target)


def test_equally_good_cuts_are_settled_by_the_middle_of_the_means():
    features, target = np.array([[0.1], [0.2], [0.8], [0.9]]), np.array([1, 1, 0, 0])
    fitted = NearestMean().fit(features, target)
    np.testing.assert_allclose(fitted.cuts, [0.5], rtol=1e-15)
    np.testing.assert_array_equal(fitted.labels, [1, 0])
    np.testing.assert_array_equal(fitted.predict([[0.49], [0.51]]), [1, 0])


def test_many_classes_go_to_the_nearest_mean():
    features, target = clouds(300, [[0.5], [0.1], [0.9], [0.32]], part=31)
    x, label = features[:, 0], np.array([7, 1, 4, 2])[target]
    means = {int(each): x[label == each].mean() for each in np.unique(label)}
    expected = [min(means, key=lambda each: abs(means[each] - value)) for value in x]
    np.testing.assert_array_equal(NearestMean().fit(features, label).predict(features), expected)


@pytest.mark.parametrize("classes", [2, 3])
def test_discriminant_is_the_linear_score_of_its_equation(classes):
    """With many samples and few neurons nothing is shrunk to speak of, and the equation can be written down."""
    centres = [[0.30, 0.50, 0.20], [0.34, 0.48, 0.20], [0.32, 0.55, 0.22]][:classes]
    features, target = clouds(20_000, centres, part=32)
    fitted = LinearDiscriminant().fit(features, target)
    means = np.array([features[target == k].mean(axis=0) for k in range(classes)])
    share = np.bincount(target) / len(target)
    within = sum(share[k] * np.cov(features[target == k].T, bias=True) for k in range(classes))
    inverse = np.linalg.inv(within)
    scores = features @ inverse @ means.T - np.einsum("ki,ij,kj->k", means, inverse, means) / 2 + np.log(share)
    assert (fitted.predict(features) == scores.argmax(axis=1)).mean() > 0.998


def test_discriminant_sees_what_the_mean_over_neurons_does_not():
    centres = [[0.3, 0.5, 0.4, 0.4], [0.5, 0.3, 0.4, 0.4]]
    (features, target), (others, truth) = clouds(300, centres, part=33), clouds(300, centres, part=34)
    assert accuracy(LinearDiscriminant().fit(features, target), others, truth) > 0.98
    assert accuracy(NearestMean().fit(features, target), others, truth) < 0.7


def test_discriminant_holds_with_more_neurons_than_samples():
    centres = np.zeros((2, 64))
    centres[1, :16] = 0.05
    (features, target), (others, truth) = clouds(40, centres, part=35), clouds(400, centres, part=36)
    assert accuracy(LinearDiscriminant().fit(features, target), others, truth) > 0.9


def test_neurons_that_never_change_change_nothing():
    features, target = clouds(200, [[0.3, 0.5], [0.36, 0.5]], part=37)
    silent = np.full((200, 3), 0.0195)
    alone, beside = (LinearDiscriminant().fit(each, target) for each in (features, np.hstack([silent, features])))
    np.testing.assert_array_equal(beside.weight[:3], 0.0)
    np.testing.assert_array_equal(alone.predict(features), beside.predict(np.hstack([silent, features])))


@every_readout
def test_a_silent_network_is_read_as_the_commoner_class(readout):
    fitted = readout.fit(np.full((9, 4), 0.02), [1, 1, 1, 1, 1, 1, 3, 3, 3])
    np.testing.assert_array_equal(fitted.predict(np.full((5, 4), 0.02)), np.ones(5))


@every_readout
def test_classes_that_differ_without_any_noise_are_told_apart(readout):
    features = np.repeat([[0.2, 0.5], [0.3, 0.5]], 10, axis=0)
    target = np.repeat([3, 8], 10)
    np.testing.assert_array_equal(readout.fit(features, target).predict(features), target)


@every_readout
def test_labels_and_order_of_samples_do_not_matter(readout):
    features, target = clouds(120, [[0.3, 0.4], [0.35, 0.4], [0.3, 0.5]], part=38)
    order = sf.setup_generator(0, STREAM, 39).permutation(120)
    plain = readout.fit(features, target).predict(features)
    other = readout.fit(features[order], -10 * target[order]).predict(features)
    np.testing.assert_array_equal(other, -10 * plain)
    assert isinstance(readout.fit(features, target), ComplexityReadout)


def test_memory_of_a_source_is_read_where_counts_say_nothing():
    """Two Markov chains with 0.25 spikes a bin: a linear rule on counts guesses, their complexity tells (acceptance 4)."""

    def draw(samples, part):
        rng = sf.setup_generator(0, STREAM, part)
        target, draws = rng.integers(2, size=samples), rng.random((1000, samples))
        up, down = np.array([0.1, 0.25])[target], np.array([0.3, 0.75])[target]
        trains = np.empty((1000, samples, 1), bool)
        trains[0, :, 0] = draws[0] < 0.25
        for t in range(1, 1000):
            trains[t, :, 0] = draws[t] < np.where(trains[t - 1, :, 0], 1.0 - down, up)
        return trains, target

    (trains, target), (others, truth) = draw(1000, 40), draw(1000, 41)
    for readout in READOUTS:
        assert accuracy(readout.fit(sf.complexity(trains), target), sf.complexity(others), truth) > 0.98
    counted = LinearDiscriminant().fit(trains.mean(axis=0), target)
    assert 0.4 < accuracy(counted, others.mean(axis=0), truth) < 0.6


@every_readout
@pytest.mark.parametrize(
    ("features", "target", "told"),
    [
        (np.zeros(4), [0, 1, 0, 1], "features.*of shape"),
        (np.zeros((4, 0)), [0, 1, 0, 1], "features.*of shape"),
        (np.full((4, 2), np.nan), [0, 1, 0, 1], "features.*finite"),
        (np.zeros((4, 2)), [0, 1, 0], "target.*each of 4 samples"),
        (np.zeros((4, 2)), [0.0, 1.0, 0.0, 1.0], "target.*whole numbers"),
        (np.zeros((4, 2)), [1, 1, 1, 1], "at least two classes"),
    ],
)
def test_what_cannot_be_fitted_is_refused(readout, features, target, told):
    with pytest.raises(sf.InvalidValue, match=told):
        readout.fit(features, target)


FITTED = [Cuts(2, np.arange(2), np.array([0.5])), LinearScores(2, np.arange(2), np.eye(2), np.zeros(2))]


@pytest.mark.parametrize("fitted", FITTED, ids=["cuts", "scores"])
def test_other_neurons_than_those_fitted_to_are_refused(fitted):
    assert fitted.predict([[0.9, 0.3]]) == [1 if isinstance(fitted, Cuts) else 0]
    with pytest.raises(sf.InvalidValue, match=r"of shape \(samples, 2\)"):
        fitted.predict(np.zeros((1, 3)))
    with pytest.raises(sf.InvalidValue, match="finite"):
        fitted.predict([[0.1, np.inf]])
