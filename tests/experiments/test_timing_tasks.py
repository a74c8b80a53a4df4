"""Tasks of timing are what they say: no count tells the class where none should, and a seed decides everything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier

from synfire.experiments.spike_data import SpikeSet
from synfire.experiments.timing_tasks import LAGS, formants, lag_8, permutation, randman
from synfire.neurons import InvalidValue

TASKS = [lag_8, permutation, randman, formants]
Task = Callable[..., tuple[SpikeSet, SpikeSet]]

every_task = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.__name__)


def spike_steps(data: SpikeSet) -> np.ndarray:
    """When each channel spikes, (sample, channel), for tasks with one spike each."""
    return data.batch(range(len(data)))[0].argmax(axis=0)


@every_task
def test_a_seed_decides_everything(task: Task) -> None:
    (train, test), (again, test_again), (other, _) = (task(seed, train=50, test=40) for seed in (3, 3, 4))
    np.testing.assert_array_equal(train.frames, again.frames)
    np.testing.assert_array_equal(test.frames, test_again.frames)
    np.testing.assert_array_equal(test.labels, test_again.labels)
    assert not np.array_equal(train.frames, other.frames)


@every_task
def test_training_and_test_are_of_their_sizes_and_apart(task: Task) -> None:
    train, test = task(0, train=50, test=40)
    assert (len(train), len(test)) == (50, 40)
    assert train.classes == test.classes
    assert not np.array_equal(train.labels[:40], test.labels)
    shared = {sample.tobytes() for sample in train.batch(range(40))[0].swapaxes(0, 1)}
    alike = sum(sample.tobytes() in shared for sample in test.batch(range(40))[0].swapaxes(0, 1))
    assert alike < 20  # lag-8 has only 184 different samples; the others never repeat one


@every_task
def test_the_size_of_one_set_does_not_change_the_other(task: Task) -> None:
    np.testing.assert_array_equal(task(0, train=20, test=30)[1].frames, task(0, train=50, test=30)[1].frames)


@pytest.mark.parametrize("task", [lag_8, permutation, randman])
def test_every_channel_spikes_once_so_counts_do_not_tell(task: Task) -> None:
    for data in task(1):
        assert (data.counts() == 1).all()


@pytest.mark.parametrize("task", [lag_8, permutation])
def test_a_neuron_without_memory_counts_the_same_for_every_sample(task: Task) -> None:
    """The proof's invariant: no two spikes at once, so summed over time any function of one frame is a constant."""
    _, test = task(2)
    batch = test.batch(range(len(test)))[0].astype(float)  # (time, batch, channel)
    assert batch.sum(axis=2).max() == 1
    weights = np.random.default_rng(0).normal(size=(test.channels, 7))
    hidden = (batch @ weights > 0.3).sum(axis=0)  # (batch, 7)
    np.testing.assert_array_equal(hidden, np.broadcast_to(hidden[0], hidden.shape))


def test_lag_8_is_told_by_its_lag_and_by_no_absolute_time() -> None:
    train, _ = lag_8(0)
    assert (len(train), train.durations.max(), train.channels, len(train.classes)) == (2000, 62, 2, 8)
    steps = spike_steps(train)
    np.testing.assert_array_equal(steps[:, 1] - steps[:, 0], np.array(LAGS)[train.labels])
    assert (steps[:, 0].min(), steps[:, 0].max()) == (19, 41)
    by_class = [steps[train.labels == k, 0].mean() for k in range(8)]
    # The onset has a standard deviation of 6.1 over about 250 samples per class: 0.39 of the mean, five times that.
    np.testing.assert_allclose(by_class, 30.0, atol=2.0)


def test_permutations_differ_by_order_and_keep_it() -> None:
    train, test = permutation(0)
    orders = {k: np.argsort(spike_steps(train)[train.labels == k], axis=1) for k in range(10)}
    for k, order in orders.items():
        assert (order == order[0]).all()
        np.testing.assert_array_equal(np.argsort(spike_steps(test)[test.labels == k], axis=1)[0], order[0])
    assert len({tuple(order[0]) for order in orders.values()}) == 10
    steps = spike_steps(train)
    assert (steps.min(), steps.max(), train.durations[0]) == (0, 39, 40)


def test_manifolds_fill_the_time() -> None:
    train, test = randman(0)
    assert (train.channels, train.durations.max(), len(train.classes)) == (20, 50, 10)
    for data in (train, test):
        assert (spike_steps(data).min(), spike_steps(data).max()) == (0, 49)


def test_a_curve_is_a_curve_and_a_sheet_is_not() -> None:
    """A smooth curve crosses the borders between steps some hundred times per unit at most; a sheet has no such bound."""

    def patterns(dimension: int, alpha: float) -> int:
        train, _ = randman(0, train=4000, test=1, classes=1, dimension=dimension, alpha=alpha)
        return len(np.unique(spike_steps(train), axis=0))

    curve = patterns(1, 3.0)
    assert curve < 20 * 49 * 2  # 20 units, 49 borders, less than one period of the first harmonic
    assert curve < patterns(1, 0.5) < patterns(2, 0.5)
    assert patterns(2, 3.0) > 3 * curve


def test_formants_without_time_are_told_in_pairs_only() -> None:
    train, test = formants(0, train=800, test=400)
    assert (train.channels, train.durations.max(), len(train.classes)) == (140, 98, 20)
    model = RidgeClassifier(alpha=10.0).fit(train.counts()[:, 0], train.labels)
    predicted = model.predict(test.counts()[:, 0])
    pairs = np.mean(predicted // 2 == test.labels // 2)
    classes = np.mean(predicted == test.labels)
    assert pairs > 0.95
    assert classes < 0.6  # half, and four standard deviations of 400 throws
    model.fit(train.counts(4).reshape(800, -1), train.labels)
    assert model.score(test.counts(4).reshape(400, -1), test.labels) > 0.95


def test_formants_have_the_rate_they_claim() -> None:
    train, _ = formants(0, train=300, test=1)
    spikes = train.counts().sum() / (300 * 70.0 * 8)  # 70 steps on average, 8 tracks, one spike each
    assert 0.85 < spikes < 1.05  # 20 classes' mean duration is 70 +- 2; a few per cent leave the channels


@every_task
@pytest.mark.parametrize("wrong", [{"seed": -1}, {"seed": 0.5}, {"train": 0}, {"test": 0}])
def test_wrong_sizes_and_seeds_are_refused(task: Task, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        task(**wrong)


@pytest.mark.parametrize("wrong", [{"classes": 0}, {"units": 0}, {"dimension": 0}, {"steps": 0}, {"alpha": -1.0}])
def test_wrong_manifolds_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue, match="randman"):
        randman(**wrong)
