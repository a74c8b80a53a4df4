"""The sets of `meta-neurons`: apart from each other, of the sizes asked for, and the same for one seed."""

from types import SimpleNamespace

import numpy as np
import pytest

from synfire.experiments import meta_neuron_tasks as tasks
from synfire.experiments.meta_neuron_tasks import RECORDED, SOURCES, TASKS, sets
from synfire.experiments.real_trains import RealTrains
from synfire.experiments.trains import Trains

SIZES = SimpleNamespace(train_size=21, validation_size=10, test_size=13)


def parts(given):
    return given.train, given.validation, given.test


def samples(trains):
    return [each.tobytes() for each in trains.spikes.transpose(1, 0, 2)]


@pytest.mark.parametrize("task", SOURCES)
def test_sets_that_are_drawn_have_their_sizes_share_nothing_and_are_pure_in_the_seed(task):
    one, again, other = (sets(task, SIZES, seed) for seed in (3, 3, 4))
    assert [len(part.target) for part in parts(one)] == [21, 10, 13]
    every = [sample for part in parts(one) for sample in samples(part)]
    assert len(set(every)) == 44  # none twice, in one set or in two
    for part, same, differs in zip(parts(one), parts(again), parts(other), strict=True):
        np.testing.assert_array_equal(part.spikes, same.spikes)
        np.testing.assert_array_equal(part.target, same.target)
        assert not set(samples(part)) & set(samples(differs))
        assert abs(np.bincount(part.target).tolist()[0] - len(part.target) / 2) <= 0.5
    assert one.classes == 2 and one.source is SOURCES[task]


@pytest.fixture
def recorded(monkeypatch):
    rng = np.random.default_rng(0)
    train = Trains((rng.random((20, 60, 3)) < 0.5).astype(np.uint8), np.arange(60) % 3, 2.0)
    test = Trains((rng.random((20, 9, 3)) < 0.5).astype(np.uint8), np.arange(9) % 3, 2.0)
    monkeypatch.setitem(RECORDED, "digits", lambda seed: RealTrains(train, test, ("a", "b", "c")))
    return train, test


def test_a_fifth_of_the_recordings_to_learn_from_is_for_validation_and_the_test_set_is_as_published(recorded):
    train, test = recorded
    one, again, other = (sets("digits", SIZES, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.test.spikes, test.spikes)
    assert np.bincount(one.train.target).tolist() == [16, 16, 16]
    assert np.bincount(one.validation.target).tolist() == [4, 4, 4]
    assert sorted(samples(one.train) + samples(one.validation)) == sorted(samples(train))  # each once
    np.testing.assert_array_equal(one.validation.spikes, again.validation.spikes)
    assert samples(one.validation) != samples(other.validation)
    assert one.source is None and one.classes == 3 and one.train.dt == 2.0


def test_recordings_that_are_there_are_divided_like_the_rest():
    given = sets("digits_latency", SIZES, 0)
    assert [len(part.target) for part in parts(given)] == [1078, 269, 450] and given.classes == 10
    assert not set(samples(given.train)) & set(samples(given.test)) - set(
        samples(tasks.RECORDED["digits_latency"](0).train)
    )


def test_no_name_stands_for_two_tasks():
    assert len(set(TASKS)) == len(TASKS) == len(SOURCES) + len(RECORDED)
