"""Images and recordings become the spikes that their code says, in the order of the set, as many as asked for."""

import os
from pathlib import Path

import numpy as np
import pytest

from synfire.experiments import real_trains
from synfire.experiments.cochlea import Cochlea, encode
from synfire.experiments.data import load_digits
from synfire.experiments.nmnist import Events
from synfire.experiments.real_trains import digit_latencies, digit_rates, nmnist_trains, spoken_trains
from synfire.experiments.spoken_digits import DIGITS, Recordings
from synfire.experiments.trains import check_trains
from synfire.neurons import InvalidValue

NMNIST = Path(os.environ.get("SYNFIRE_DATA", "")) / "nmnist_small" / "nmnist_small.npz"


@pytest.fixture
def camera(monkeypatch):
    """Recordings of random events, more than are binned at once."""

    def recorded(samples: int, seed: int) -> Events:
        rng = np.random.default_rng(seed)
        offsets = np.concatenate([[0], np.cumsum(rng.integers(0, 60, samples))])
        x, y = rng.integers(0, 34, (2, offsets[-1])).astype(np.uint8)
        polarity = rng.integers(0, 2, offsets[-1]).astype(np.uint8)
        time = rng.integers(0, 336_000, offsets[-1]).astype(np.uint32)
        return Events(x, y, polarity, time, offsets, rng.integers(0, 10, samples))

    parts = recorded(140, 0), recorded(5, 1)
    monkeypatch.setattr(real_trains, "load_nmnist", lambda: parts)
    return parts


@pytest.fixture
def speech(monkeypatch):
    """Noises of different lengths under the names of two speakers, two digits and indices 0, 5 and 10."""
    rng = np.random.default_rng(0)
    speaker, index, digit = np.array([(s, i, d) for s in (0, 3) for i in (0, 5, 10) for d in (2, 7)]).T
    lengths = rng.integers(400, 2400, len(digit))  # 50 to 300 ms
    recordings = Recordings(
        samples=rng.integers(-20_000, 20_000, lengths.sum()).astype(np.int16),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        labels=digit,
        speakers=speaker,
        indices=index,
    )
    monkeypatch.setattr(real_trains, "load_spoken_digits", lambda: recordings)
    return recordings


@pytest.mark.parametrize("code", [digit_rates, digit_latencies])
def test_digits_keep_their_labels_and_their_order(code):
    images, trains = load_digits(), code(steps=20)
    assert trains.classes == tuple("0123456789")
    for part, labels in ((trains.train, images.train_labels), (trains.test, images.test_labels)):
        check_trains("digits", part)
        assert part.spikes.shape == (20, len(labels), 64)
        np.testing.assert_array_equal(part.target, labels)
    few = code(steps=20, train=30, test=7)
    np.testing.assert_array_equal(few.train.spikes, trains.train.spikes[:, :30])
    np.testing.assert_array_equal(few.test.spikes, trains.test.spikes[:, :7])


def test_rates_are_in_proportion_to_the_pixels():
    """Counts over pixels of one brightness, within five standard errors of a binomial count."""
    trains = digit_rates(steps=40, max_rate=100.0, dt=2.0, train=200, test=1, seed=3).train
    brightness = load_digits().train_images[:200].reshape(200, 64)
    count = trains.spikes.sum(0, dtype=np.int64)
    assert not count[brightness == 0].any()
    for level in (1, 4, 16):
        bins, p = 40 * (brightness == level).sum(), 0.2 * level / 16
        assert abs(count[brightness == level].sum() - bins * p) < 5.0 * np.sqrt(bins * p * (1.0 - p))


def test_rates_depend_on_the_seed_and_differ_between_the_parts():
    first, again, other = (digit_rates(steps=10, train=5, test=5, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.train.spikes, again.train.spikes)
    assert not np.array_equal(first.train.spikes, other.train.spikes)


def test_latencies_give_the_pixels_back():
    trains = digit_latencies(steps=31, train=50, test=1).train
    pixels = load_digits().train_images[:50].reshape(50, 64)
    np.testing.assert_array_equal(trains.spikes.sum(0), pixels > 0)
    earliest = trains.spikes.argmax(0)
    shown = pixels > 0
    np.testing.assert_array_equal(earliest[shown], np.rint(30 * (1.0 - pixels[shown] / 16)))


@pytest.mark.parametrize("pool", [1, 3, 34])
def test_events_fall_into_their_bins_and_squares(camera, pool):
    trains = nmnist_trains(steps=30, dt=10.0, pool=pool)
    side = -(-34 // pool)
    for part, events in zip((trains.train, trains.test), camera, strict=True):
        check_trains("nmnist", part)
        expected = np.zeros((30, len(events.labels), 2 * side * side), np.uint8)
        for sample in range(len(events.labels)):
            for e in range(events.offsets[sample], events.offsets[sample + 1]):
                if events.time[e] < 300_000:
                    channel = (int(events.y[e]) // pool * side + int(events.x[e]) // pool) * 2 + int(events.polarity[e])
                    expected[events.time[e] // 10_000, sample, channel] = 1
        np.testing.assert_array_equal(part.spikes, expected)
        np.testing.assert_array_equal(part.target, events.labels)


def test_fewer_recordings_are_the_first_ones(camera):
    few, all_of_them = nmnist_trains(train=130, test=2), nmnist_trains()
    np.testing.assert_array_equal(few.train.spikes, all_of_them.train.spikes[:, :130])
    np.testing.assert_array_equal(few.test.target, all_of_them.test.target[:2])


@pytest.mark.skipif(not NMNIST.is_file(), reason="needs N-MNIST in SYNFIRE_DATA")
def test_published_recordings_are_the_first_of_each_part():
    trains = nmnist_trains()
    for part, counts in (
        (trains.train, [97, 116, 99, 93, 105, 92, 94, 117, 87, 100]),
        (trains.test, [8, 14, 8, 11, 14, 7, 10, 15, 2, 11]),
    ):
        np.testing.assert_array_equal(np.bincount(part.target), counts)
        assert part.spikes.shape == (60, sum(counts), 288)
        assert part.spikes.any((0, 2)).all()  # every recording has events


def test_words_are_what_the_cochlea_fires_cut_and_padded(speech):
    trains = spoken_trains(steps=15, channels=20)
    whole = encode(Cochlea(channels=20), "", speech.waveforms(), speech.labels, DIGITS)
    for part, test in ((trains.train, False), (trains.test, True)):
        check_trains("words", part)
        members = [n for n in range(12) if (speech.indices[n] < 5) == test]
        members.sort(key=lambda n: (speech.indices[n], speech.speakers[n], speech.labels[n]))
        np.testing.assert_array_equal(part.target, speech.labels[members])
        for place, number in enumerate(members):
            expected = np.zeros((15, 20))
            frames = whole.batch([number])[0][:15, 0] > 0
            expected[: len(frames)] = frames
            np.testing.assert_array_equal(part.spikes[:, place], expected)
    assert trains.train.spikes.any()
    assert trains.classes == DIGITS


def test_fewer_words_are_the_first_ones(speech):
    few, all_of_them = spoken_trains(channels=20, train=3, test=1), spoken_trains(channels=20)
    np.testing.assert_array_equal(few.train.spikes, all_of_them.train.spikes[:, :3])
    np.testing.assert_array_equal(few.test.spikes, all_of_them.test.spikes[:, :1])


@pytest.mark.parametrize(
    ("call", "fields"),
    [
        (digit_rates, {"steps": 0}),
        (digit_rates, {"dt": 0.0}),
        (digit_rates, {"max_rate": 1001.0}),
        (digit_rates, {"max_rate": 0.0}),
        (digit_rates, {"seed": -1}),
        (digit_rates, {"train": 1348}),
        (digit_latencies, {"steps": 1.5}),
        (digit_latencies, {"test": -1}),
        (nmnist_trains, {"pool": 0}),
        (nmnist_trains, {"pool": 35}),
        (nmnist_trains, {"train": 141}),
        (nmnist_trains, {"dt": float("inf")}),
        (spoken_trains, {"dt": 2.5}),
        (spoken_trains, {"channels": 0}),
        (spoken_trains, {"test": 5}),
    ],
)
def test_what_cannot_be_given_is_refused(call, fields, camera, speech):
    with pytest.raises(InvalidValue, match=next(iter(fields))):
        call(**fields)
