"""Ragged samples of spikes come out of their one array as they went in, padded with silence and with nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synfire.experiments.spike_data import SpikeSet, count_events
from synfire.neurons import InvalidValue


def spike_set(durations: list[int], channels: int = 3, seed: int = 0) -> SpikeSet:
    rng = np.random.default_rng(seed)
    return SpikeSet(
        name="toy",
        frames=rng.integers(0, 4, size=(sum(durations), channels)).astype(np.uint8),
        offsets=np.concatenate([[0], np.cumsum(durations)]).astype(np.int64),
        labels=np.arange(len(durations)) % 2,
        classes=("a", "b"),
        dt=10.0,
    )


ragged = st.lists(st.integers(1, 7), min_size=1, max_size=6)


@given(ragged, st.data())
def test_a_batch_holds_each_sample_and_zeros_after_its_end(durations: list[int], draw: st.DataObject) -> None:
    data = spike_set(durations)
    chosen = draw.draw(st.lists(st.integers(0, len(durations) - 1), max_size=8))
    batch, labels = data.batch(np.array(chosen, dtype=np.int64))
    np.testing.assert_array_equal(labels, data.labels[chosen])
    assert batch.dtype == np.uint8
    assert batch.shape == (max([durations[s] for s in chosen], default=0), len(chosen), 3)
    for place, s in enumerate(chosen):
        own = data.frames[data.offsets[s] : data.offsets[s + 1]]
        np.testing.assert_array_equal(batch[: durations[s], place], own)
        assert not batch[durations[s] :, place].any()


@given(ragged, st.data())
def test_a_selection_is_those_samples_in_that_order(durations: list[int], draw: st.DataObject) -> None:
    data = spike_set(durations)
    chosen = draw.draw(st.lists(st.integers(0, len(durations) - 1), max_size=8))
    part = data.select(np.array(chosen, dtype=np.int64))
    np.testing.assert_array_equal(part.labels, data.labels[chosen])
    np.testing.assert_array_equal(part.batch(range(len(part)))[0], data.batch(np.array(chosen, dtype=np.int64))[0])


@given(ragged, st.integers(1, 5))
def test_windows_divide_the_counts_and_lose_none(durations: list[int], windows: int) -> None:
    data = spike_set(durations)
    parts = data.counts(windows)
    assert parts.shape == (len(durations), windows, 3)
    whole = data.batch(range(len(durations)))[0].sum(axis=0, dtype=np.int64)
    np.testing.assert_array_equal(parts.sum(axis=1), whole)


def test_windows_are_in_order_of_time() -> None:
    frames, offsets = count_events(np.zeros(3), np.array([0, 3, 5]), np.zeros(3), np.array([6]), 1)
    data = SpikeSet(name="", frames=frames, offsets=offsets, labels=np.zeros(1, np.int64), classes=("a",), dt=1.0)
    np.testing.assert_array_equal(data.counts(3)[0, :, 0], [1, 1, 1])
    np.testing.assert_array_equal(data.counts(2)[0, :, 0], [1, 2])
    assert data.density == 0.5


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 4)), max_size=40))
def test_events_are_counted_where_they_are(events: list[tuple[int, int, int]]) -> None:
    sample, step, channel = np.array(events, dtype=np.int64).reshape(-1, 3).T
    frames, offsets = count_events(sample, step, channel, np.array([4, 5, 6]), 5)
    expected = np.zeros((15, 5), dtype=np.uint8)
    for s, t, c in events:
        expected[[0, 4, 9][s] + t, c] += 1
    np.testing.assert_array_equal(frames, expected)
    np.testing.assert_array_equal(offsets, [0, 4, 9, 15])


@pytest.mark.parametrize(
    ("sample", "step", "channel", "name"),
    [(2, 0, 0, "sample"), (-1, 0, 0, "sample"), (0, 4, 0, "step"), (1, -1, 0, "step"), (0, 0, 5, "channel")],
)
def test_events_outside_are_refused(sample: int, step: int, channel: int, name: str) -> None:
    with pytest.raises(InvalidValue, match=f"count_events: {name}"):
        count_events(np.array([sample]), np.array([step]), np.array([channel]), np.array([4, 5]), 5)


def test_a_byte_does_not_silently_start_again_from_zero() -> None:
    at = np.zeros(256, dtype=np.int64)
    assert count_events(at[:255], at[:255], at[:255], np.array([1]), 1)[0] == 255
    with pytest.raises(InvalidValue, match="at most 255"):
        count_events(at, at, at, np.array([1]), 1)


@pytest.mark.parametrize("indices", [[2], [-1], [0.5], [[0]]])
def test_samples_that_do_not_exist_are_refused(indices: list[object]) -> None:
    with pytest.raises(InvalidValue, match="indices"):
        spike_set([2, 3]).batch(indices)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"frames": np.zeros((5, 3))}, "frames"),
        ({"offsets": np.array([0, 2])}, "offsets"),
        ({"offsets": np.array([0, 0, 5])}, "offsets"),
        ({"offsets": np.array([0, 2, 4])}, "offsets"),
        ({"labels": np.array([0, 2])}, "labels"),
        ({"dt": 0.0}, "dt"),
    ],
)
def test_what_does_not_fit_together_is_refused(change: dict[str, object], field: str) -> None:
    data = spike_set([2, 3])
    whole = {name: getattr(data, name) for name in ("name", "frames", "offsets", "labels", "classes", "dt")}
    with pytest.raises(InvalidValue, match=rf"SpikeSet\.{field}"):
        SpikeSet(**{**whole, **change})
