"""Trains follow the laws of their classes, a set grows without changing, and nothing beats Bayes."""

import itertools

import numpy as np
import pytest

from synfire.experiments.spike_classes import (
    BernoulliClasses,
    MarkovClasses,
    MatchedRates,
    PoissonClasses,
    Trains,
)
from synfire.neurons import InvalidValue

SOURCES = [
    PoissonClasses(rates=(100.0, 200.0, 400.0), steps=60, channels=2),
    BernoulliClasses(steps=50, channels=3),
    MarkovClasses(steps=50, channels=2),
    MarkovClasses(transitions=((0.7, 0.8), (0.1, 0.4)), steps=50),  # the first turns over more often than it stays
    MatchedRates(steps=64, channels=2, block=16.0),
]
every_source = pytest.mark.parametrize("source", SOURCES, ids=lambda source: type(source).__name__)


def of_class(trains: Trains, label: int) -> np.ndarray:
    return trains.spikes[:, trains.target == label].astype(np.float64)


def assert_mean(values: np.ndarray, expected: float) -> None:
    """The mean of independent values, within five of its standard errors: one in two million chances to fail."""
    assert abs(values.mean() - expected) < 5.0 * values.std() / np.sqrt(len(values))


def all_trains(source) -> Trains:
    """Every train there can be, once."""
    bits = source.steps * source.channels
    spikes = np.array(list(itertools.product((0, 1), repeat=bits)), dtype=np.uint8)
    spikes = spikes.reshape(-1, source.steps, source.channels).transpose(1, 0, 2)
    return Trains(np.ascontiguousarray(spikes), np.zeros(spikes.shape[1], np.int64), source.dt)


@every_source
def test_trains_are_zeros_and_ones_with_the_classes_in_turn(source):
    trains = source.draw(5, seed=1)
    assert trains.spikes.shape == (source.steps, 5 * source.classes, source.channels)
    assert trains.spikes.dtype == np.uint8
    assert set(np.unique(trains.spikes)) == {0, 1}
    np.testing.assert_array_equal(trains.target, np.arange(5 * source.classes) % source.classes)
    assert trains.target.dtype == np.int64
    assert trains.dt == source.dt


@every_source
def test_a_larger_set_begins_with_the_smaller_whatever_was_asked_before(source):
    large = source.draw(30, seed=3)
    small = source.draw(7, seed=3)
    np.testing.assert_array_equal(large.spikes[:, : len(small.target)], small.spikes)
    np.testing.assert_array_equal(source.draw(30, seed=3).spikes, large.spikes)
    assert not np.array_equal(source.draw(7, seed=4).spikes, small.spikes)


@every_source
def test_samples_and_classes_and_channels_are_drawn_apart(source):
    spikes = source.draw(2, seed=0).spikes
    lines = spikes.transpose(1, 2, 0).reshape(-1, source.steps)  # every sample and channel
    assert len(np.unique(lines, axis=0)) == len(lines)


def test_poisson_bins_are_occupied_as_often_as_a_poisson_process_hits_them():
    source = PoissonClasses(rates=(50.0, 300.0), steps=200, dt=2.0)
    trains = source.draw(400, seed=0)
    for label, rate in enumerate(source.rates):
        assert_mean(of_class(trains, label).mean((0, 2)), 1.0 - np.exp(-rate * 2e-3))


def test_bernoulli_bins_are_independent():
    trains = BernoulliClasses(steps=200).draw(400, seed=0)
    for label, p in enumerate((0.30, 0.35)):
        spikes = of_class(trains, label)[:, :, 0]
        assert_mean(spikes.mean(0), p)
        assert_mean((spikes[1:] * spikes[:-1]).mean(0), p * p)


@pytest.mark.parametrize(
    "source", [MarkovClasses(steps=300), MarkovClasses(steps=300, transitions=((0.7, 0.8), (0.9, 0.3)))]
)
def test_markov_chains_have_their_transitions_their_correlations_and_no_beginning(source):
    trains = source.draw(2000, seed=0)
    for label, (rise, fall) in enumerate(source.transitions):
        spikes, p = of_class(trains, label)[:, :, 0], rise / (rise + fall)
        for each in (spikes[0], spikes[-1], spikes.mean(0)):
            assert_mean(each, p)
        silent = spikes[:-1] == 0
        assert_mean(((spikes[1:] == 1) & silent).mean(0) - rise * silent.mean(0), 0.0)
        assert_mean(((spikes[1:] == 0) & ~silent).mean(0) - fall * (1.0 - silent.mean(0)), 0.0)
        for lag in (1, 2, 5):
            covariance = ((spikes[lag:] - p) * (spikes[:-lag] - p)).mean(0)
            assert_mean(covariance, p * (1.0 - p) * (1.0 - rise - fall) ** lag)


def test_markov_trains_are_what_a_loop_over_time_makes_of_the_same_numbers():
    for transitions in (((0.1, 0.3), (0.25, 0.75)), ((0.7, 0.8), (0.5, 0.5))):
        source = MarkovClasses(transitions=transitions, steps=40, channels=2)
        uniform = np.random.default_rng(0).random((6, 40, 2))
        for label, (rise, fall) in enumerate(transitions):
            found = source._spikes(label, uniform)
            for sample, channel in np.ndindex(6, 2):
                u = uniform[sample, :, channel]
                state, expected = u[0] < rise / (rise + fall), []
                for t in range(40):
                    if t:
                        state = u[t] < (1.0 - fall if state else rise)
                    expected.append(state)
                np.testing.assert_array_equal(found[sample, :, channel], expected)


def test_matched_rates_alternate_and_have_the_same_mean():
    source = MatchedRates()
    trains = source.draw(300, seed=0)
    blocks = [of_class(trains, label).reshape(4, 64, 300, 16).mean((1, 3)) for label in (0, 1)]
    for block, rate in enumerate((20.0, 140.0, 20.0, 140.0)):
        assert_mean(blocks[0][block], 0.080)
        assert_mean(blocks[1][block], 1e-3 * rate)
    assert_mean(blocks[1].mean(0), 0.080)
    np.testing.assert_allclose(*source.occupancy().mean(1), rtol=1e-12)  # exactly, not only within the noise


SMALL = [
    PoissonClasses(rates=(20.0, 300.0), steps=10),
    BernoulliClasses(probabilities=(0.1, 0.3, 0.5), steps=5, channels=2),
    MatchedRates(mean=400.0, low=100.0, high=700.0, block=2.0, steps=8, channels=1),
    MarkovClasses(steps=1),
    MarkovClasses(transitions=((0.1, 0.3), (0.6, 0.8), (0.9, 0.9)), steps=2),
    MarkovClasses(transitions=((0.1, 0.3), (0.6, 0.8), (0.9, 0.9)), steps=11),
]


@pytest.mark.parametrize("source", SMALL, ids=lambda source: f"{type(source).__name__}-{source.steps}")
def test_bayes_accuracy_is_the_sum_over_all_trains(source):
    likelihood = np.exp(source.log_likelihood(all_trains(source)))
    np.testing.assert_allclose(likelihood.sum(0), 1.0, rtol=1e-12)
    assert source.bayes_accuracy() == pytest.approx(likelihood.max(1).sum() / source.classes, rel=1e-12)


def test_bayes_accuracy_by_monte_carlo_is_within_its_error():
    source = MarkovClasses(steps=5, channels=2)
    exact = np.exp(source.log_likelihood(all_trains(source))).max(1).sum() / 2
    assert 0.6 < exact < 0.9
    assert abs(source.bayes_accuracy() - exact) < 5 * 0.0025


def test_likelihood_of_a_chain_is_the_product_of_its_steps():
    source = MarkovClasses(steps=20, channels=2)
    trains = source.draw(3, seed=0)
    for sample, (label, (rise, fall)) in itertools.product(range(6), enumerate(source.transitions)):
        expected = 0.0
        for channel in range(2):
            x = trains.spikes[:, sample, channel]
            expected += np.log((rise if x[0] else fall) / (rise + fall))
            for before, after in itertools.pairwise(x):
                jump = fall if before else rise
                expected += np.log(jump if before != after else 1.0 - jump)
        assert source.log_likelihood(trains)[sample, label] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "source",
    [PoissonClasses(), BernoulliClasses(), MarkovClasses(steps=40), MatchedRates(channels=1, steps=128)],
    ids=lambda source: type(source).__name__,
)
def test_bayes_is_as_often_right_as_it_should_be(source):
    trains = source.draw(2000, seed=5)
    expected = source.bayes_accuracy()
    assert 0.8 < expected < 0.999
    right = (source.bayes(trains) == trains.target).mean()
    assert abs(right - expected) < 5.0 * np.sqrt(expected * (1.0 - expected) / len(trains.target))


def test_bayes_lines_of_the_specification():
    assert PoissonClasses().bayes_accuracy() == pytest.approx(0.97, abs=0.005)  # 20 against 40 Hz, 1 s
    assert PoissonClasses(rates=(20.0, 50.0)).bayes_accuracy() == pytest.approx(0.99, abs=0.01)
    assert MarkovClasses().bayes_accuracy() > 0.999
    assert MatchedRates().bayes_accuracy() > 0.999


@pytest.mark.parametrize(
    ("source", "fields"),
    [
        (PoissonClasses, {"rates": (20.0,)}),
        (PoissonClasses, {"rates": (0.0, 20.0)}),
        (PoissonClasses, {"rates": (20.0, float("nan"))}),
        (PoissonClasses, {"rates": (20.0, float("inf"))}),
        (PoissonClasses, {"rates": (20.0, 1e6)}),
        (PoissonClasses, {"rates": "high"}),
        (PoissonClasses, {"steps": 0}),
        (PoissonClasses, {"channels": 1.5}),
        (PoissonClasses, {"dt": 0.0}),
        (BernoulliClasses, {"probabilities": (0.5, 1.0)}),
        (BernoulliClasses, {"probabilities": (0.0, 0.5)}),
        (MarkovClasses, {"transitions": ((0.1, 0.3),)}),
        (MarkovClasses, {"transitions": ((0.1, 0.3), (0.0, 0.5))}),
        (MarkovClasses, {"transitions": ((0.1, 0.3), (0.2,))}),
        (MarkovClasses, {"transitions": (0.1, 0.3)}),
        (MatchedRates, {"mean": 79.0}),
        (MatchedRates, {"low": 0.0, "high": 160.0}),
        (MatchedRates, {"low": 140.0, "high": 20.0}),
        (MatchedRates, {"block": 60.0}),
        (MatchedRates, {"block": 256.0}),
        (MatchedRates, {"block": 0.0}),
        (MatchedRates, {"dt": 10.0}),
    ],
)
def test_fields_out_of_range_are_refused(source, fields):
    with pytest.raises(InvalidValue, match=f"^{source.__name__}.{next(iter(fields)) if 'dt' not in fields else ''}"):
        source(**fields)


@every_source
def test_bad_requests_are_refused(source):
    with pytest.raises(InvalidValue, match="per_class"):
        source.draw(0, seed=0)
    with pytest.raises(InvalidValue, match="seed"):
        source.draw(1, seed=-1)
    good = source.draw(1, seed=0)
    for other in (good._replace(spikes=good.spikes[1:]), good._replace(dt=7.0)):
        with pytest.raises(InvalidValue, match="trains"):
            source.bayes(other)
