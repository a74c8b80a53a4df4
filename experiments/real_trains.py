"""Recordings and images as spike trains of one length, in zeros and ones: digits, events of a camera, spoken words.

    digit_rates      scikit-learn's digits, 64 channels, pixels as rates
    digit_latencies  the same, one spike per pixel, the earlier the brighter
    nmnist_trains    N-MNIST, pixels pooled, events binned
    spoken_trains    the Free Spoken Digit Dataset through `cochlea`, frames binned

Asked for fewer samples, each gives the first of those that it gives for more. A bin that holds several events holds a 1.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..neurons import InvalidValue, check_seed, setup_generator
from .cochlea import Cochlea, encode
from .data import load_digits
from .nmnist import SIDE, Events, load_nmnist
from .spoken_digits import DIGITS, Recordings, load_spoken_digits, official_split
from .trains import Trains, uniform_blocks

__all__ = ["RealTrains", "digit_latencies", "digit_rates", "nmnist_trains", "spoken_trains"]

_RATE = 293  # stream of random numbers
NUMERALS = tuple(str(digit) for digit in range(10))
TOGETHER = 128  # recordings whose events are binned at once


class RealTrains(NamedTuple):
    """Trains to learn from, trains to report on, and what their classes are called."""

    train: Trains
    test: Trains
    classes: tuple[str, ...]


def digit_rates(
    *, steps: int = 100, max_rate: float = 200.0, dt: float = 1.0, train: int = 0, test: int = 0, seed: int = 0
) -> RealTrains:
    """Pixels as rates: a bin holds a spike with probability brightness * max_rate * dt, independently.

    Parameters   steps         bins, >= 1
                 max_rate      of the brightest pixel, Hz, > 0, at most one spike per bin
                 dt            length of a bin, ms, > 0
                 train, test   samples of either part, of at most 1,347 and 450; 0: all
                 seed          of the spikes. The division, three quarters of each class to train, is that of
                               `load_digits` with its seed 0: the set has none of its own
    Raises       InvalidValue
    """
    _check("digit_rates", steps, dt)
    check_seed("digit_rates: seed", seed)
    if not 0.0 < max_rate * dt * 1e-3 <= 1.0:
        raise InvalidValue("digit_rates: max_rate", f"{max_rate} Hz", f"> 0 and <= {1e3 / dt:g} Hz at dt = {dt:g} ms")

    def coded(part: int, brightness: NDArray[np.float64]) -> NDArray[np.uint8]:
        samples, channels = brightness.shape
        probability = brightness * (max_rate * dt * 1e-3)
        spikes = np.empty((steps, samples, channels), dtype=np.uint8)
        for place, uniform in uniform_blocks(setup_generator(seed, _RATE, part), samples, steps, channels):
            spikes[:, place] = (uniform < probability[place, None]).transpose(1, 0, 2)
        return spikes

    return _digits("digit_rates", coded, train, test, dt)


def digit_latencies(*, steps: int = 100, dt: float = 1.0, train: int = 0, test: int = 0) -> RealTrains:
    """Pixels as latencies: one spike in bin round((1 - brightness)(steps - 1)); black ones are silent.

    Parameters   steps         bins, >= 1; from 31 on all sixteen brightnesses differ
                 dt            length of a bin, ms, > 0
                 train, test   as of `digit_rates`, and the same division
    Raises       InvalidValue
    Source       Thorpe, Delorme & Van Rullen 2001, doi:10.1016/S0893-6080(01)00083-1
    Deviations   linear latency, on the grid of dt
    """
    _check("digit_latencies", steps, dt)

    def coded(part: int, brightness: NDArray[np.float64]) -> NDArray[np.uint8]:
        spikes = np.zeros((steps, *brightness.shape), dtype=np.uint8)
        sample, channel = np.nonzero(brightness)
        step = np.rint((1.0 - brightness[sample, channel]) * (steps - 1)).astype(np.int64)
        spikes[step, sample, channel] = 1
        return spikes

    return _digits("digit_latencies", coded, train, test, dt)


def nmnist_trains(*, steps: int = 60, dt: float = 5.0, pool: int = 3, train: int = 0, test: int = 0) -> RealTrains:
    """N-MNIST: the channels are squares of pixels, for each polarity; a bin holds a 1 where any event falls into it.

    Channel 2 (row * side + column) + polarity, side = ceil(34 / pool); the last row and column may cover less of the picture.

    Parameters   steps         bins, >= 1; events after steps * dt are left out (60 of 5 ms: 300 of up to 336 ms)
                 dt            length of a bin, ms, > 0
                 pool          pixels of a square each way, 1 to 34; 3: 12 x 12 x 2 channels
                 train, test   the first samples of either part, of at most 1,000 and 100; 0: all
    Raises       InvalidValue; UnreadableFile if the data are not there
    """
    _check("nmnist_trains", steps, dt)
    if isinstance(pool, bool) or not isinstance(pool, int | np.integer) or not 1 <= pool <= SIDE:
        raise InvalidValue("nmnist_trains: pool", pool, f"a whole number from 1 to {SIDE}")
    parts = []
    for name, asked, events in zip(("train", "test"), (train, test), load_nmnist(), strict=True):
        samples = _number(f"nmnist_trains: {name}", asked, len(events.labels))
        parts.append(_binned(events, samples, steps, dt, int(pool)))
    return RealTrains(parts[0], parts[1], NUMERALS)


def spoken_trains(
    *, steps: int = 50, dt: float = 10.0, channels: int = 140, train: int = 0, test: int = 0
) -> RealTrains:
    """Spoken digits as a cochlea hears them: a frame holds a 1 where its neuron fires at least once.

    Both parts go round the digits, then the speakers, then the repetitions, so that the first 60 have all of the former.

    Parameters   steps         frames, >= 1: longer recordings are cut, shorter ones end in silence (half a second by
                               default; the mean is 0.44 s, the longest 2.28 s)
                 dt            length of a frame, whole ms, 1 to 255
                 channels      of the cochlea, >= 1
                 train, test   samples of either part of the published division, of at most 2,700 and 300; 0: all
    Raises       InvalidValue; UnreadableFile if the data are not there
    """
    _check("spoken_trains", steps, dt)
    cochlea = Cochlea(channels=channels)
    if dt != round(dt) or not 1 <= dt <= 255:
        raise InvalidValue("spoken_trains: dt", dt, "a whole number of ms, 1 to 255")
    recordings = load_spoken_digits()
    division = official_split(recordings)
    parts = []
    for name, asked, members in (
        ("train", train, np.concatenate([division.train, division.valid])),
        ("test", test, division.test),
    ):
        n = _number(f"spoken_trains: {name}", asked, len(members))
        keys = (recordings.labels[members], recordings.speakers[members], recordings.indices[members])
        parts.append(_heard(recordings, members[np.lexsort(keys)][:n], cochlea, steps, dt))
    return RealTrains(parts[0], parts[1], DIGITS)


def _check(name: str, steps: Any, dt: float) -> None:
    if isinstance(steps, bool) or not isinstance(steps, int | np.integer) or steps < 1:
        raise InvalidValue(f"{name}: steps", steps, "a whole number >= 1")
    if not 0.0 < dt < float("inf"):
        raise InvalidValue(f"{name}: dt", dt, "> 0 ms")


def _number(field: str, asked: Any, available: int) -> int:
    """How many samples are meant."""
    if isinstance(asked, bool) or not isinstance(asked, int | np.integer) or not 0 <= asked <= available:
        raise InvalidValue(field, asked, f"0, for all, or 1 to {available}")
    return int(asked) or available


def _digits(name: str, coded: Any, train: int, test: int, dt: float) -> RealTrains:
    """`coded(part, brightness)` makes spikes of brightnesses in [0, 1], shape (sample, 64)."""
    images = load_digits()
    parts = []
    for part, (field, asked, pixels, labels) in enumerate(
        (
            ("train", train, images.train_images, images.train_labels),
            ("test", test, images.test_images, images.test_labels),
        )
    ):
        n = _number(f"{name}: {field}", asked, len(labels))
        brightness = pixels[:n].reshape(n, -1) / float(images.brightest)
        parts.append(Trains(coded(part, brightness), labels[:n].astype(np.int64), dt))
    return RealTrains(parts[0], parts[1], NUMERALS)


def _binned(events: Events, samples: int, steps: int, dt: float, pool: int) -> Trains:
    side = -(-SIDE // pool)
    spikes = np.zeros((steps, samples, 2 * side * side), dtype=np.uint8)
    for start in range(0, samples, TOGETHER):
        ends = events.offsets[start : min(start + TOGETHER, samples) + 1]
        chosen = slice(ends[0], ends[-1])
        sample = start + np.repeat(np.arange(len(ends) - 1), np.diff(ends))
        step = np.floor(events.time[chosen] / (1e3 * dt)).astype(np.int64)
        row, column = events.y[chosen].astype(np.int64) // pool, events.x[chosen] // pool
        inside = step < steps
        channel = 2 * (row * side + column) + events.polarity[chosen]
        spikes[step[inside], sample[inside], channel[inside]] = 1
    return Trains(spikes, events.labels[:samples], dt)


def _heard(recordings: Recordings, chosen: NDArray[np.int64], cochlea: Cochlea, steps: int, dt: float) -> Trains:
    spikes = np.zeros((steps, len(chosen), cochlea.channels), dtype=np.uint8)
    for start in range(0, len(chosen), TOGETHER):
        numbers = chosen[start : start + TOGETHER]
        sounds = [recordings.waveform(int(number)) for number in numbers]  # whole: their loudness is brought to one
        heard = encode(cochlea, "spoken digits", sounds, recordings.labels[numbers], DIGITS, dt)
        counts = heard.batch(np.arange(len(numbers)))[0][:steps]
        spikes[: len(counts), start : start + len(numbers)] = counts > 0
    return Trains(spikes, recordings.labels[chosen], dt)
