"""Small tasks of classification in which spike times matter, and controls that tell what a network makes of them.

    lag_8         two spikes, eight lags: neither counts nor absolute times tell the class, so delays are needed
    permutation   ten spikes in ten fixed orders: needs delays too, but random ones will do
    randman       spike times on smooth random manifolds: coincidences tell much, so delays may even do harm
    formants      moving bands of Poisson spikes over 140 channels, every second class the one before it backwards:
                  the scale of spoken digits, without the data

Each is a pure function of a seed and returns a training and a test set. The two come from different random streams;
classes that are themselves drawn (`permutation`, `randman`, `formants`) are drawn once, for both.

Why `lag_8` and `permutation` cannot be told without delays or memory: let a hidden neuron's spike at t depend on the
input at t alone. Every channel spikes once and no two at the same time, so the neuron's count over the trial is
sum_j f(e_j) + (T - channels) f(0), the same for every sample of every class; accuracy is chance, whatever the width.

Source       F. Zenke, T. P. Vogels 2021, Neural Computation 33(4), doi:10.1162/neco_a_01367 (Randman);
             the others are ours
Deviations   Randman: a manifold is scaled by its exact range and not by that of the points drawn, so that training and
             test share the scale; 50 frames by default where the authors' code has 100
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..neurons import InvalidValue, check_seed, setup_generator
from .spike_data import SpikeSet, count_events

__all__ = ["LAGS", "formants", "lag_8", "permutation", "randman"]

LAGS = (-18, -13, -8, -3, 3, 8, 13, 18)
"""Steps from channel 0's spike to channel 1's, by class of `lag_8`."""

DT = 10.0  # ms, nominal: the tasks are made of steps
_CLASSES, _TRAIN, _TEST = 0, 1, 2  # last part of a random stream
_LAG_8, _PERMUTATION, _RANDMAN, _FORMANTS = 20, 21, 22, 23  # first part

PERMUTED_CHANNELS = 10  # of `permutation`, and as many classes
LATENCY_STEP = 3  # between neighbours in a permutation; a jitter of 1 on both cannot swap them or make them meet
HARMONICS = 10  # of a random manifold
GRID = 4096  # points on which a manifold's range is found; the tenth harmonic has 400 of them per period

FORMANT_CHANNELS = 140
SHORTEST, LONGEST = 60, 80  # steps of a class's trajectory before warping
KNOTS = 4  # through which a formant moves, in straight lines
WIDTH = 2.0  # channels, standard deviation of a formant's spikes around its centre
SPIKES_PER_STEP = 1.0  # of one formant, mean
WARP, SHIFT = 0.1, 5  # relative change of duration; steps of onset


def lag_8(seed: int = 0, *, train: int = 2000, test: int = 1000) -> tuple[SpikeSet, SpikeSet]:
    """Two channels with one spike each; the class is the lag between them. Chance is 1/8.

    62 steps; channel 0 spikes at 20 + U{0..20} + U{-1, 0, 1}, channel 1 `LAGS[class]` later.

    Parameters   seed          >= 0
                 train, test   samples of either set, >= 1
    """

    def draw(rng: np.random.Generator, samples: int) -> tuple[NDArray[Any], NDArray[Any]]:
        labels = rng.integers(len(LAGS), size=samples)
        onset = 20 + rng.integers(21, size=samples) + rng.integers(-1, 2, size=samples)
        return labels, np.stack([onset, onset + np.array(LAGS)[labels]], axis=1)

    names = tuple(f"lag {lag:+d}" for lag in LAGS)
    first, second = _generators(seed, _LAG_8, train, test)
    return (
        _one_spike_each("lag-8, training", *draw(first, train), names, 62),
        _one_spike_each("lag-8, test", *draw(second, test), names, 62),
    )


def permutation(seed: int = 0, *, train: int = 2000, test: int = 1000) -> tuple[SpikeSet, SpikeSet]:
    """Ten channels with one spike each; the class is the order in which they come. Chance is 1/10.

    40 steps; latencies are a class's permutation of 0, 3, …, 27 after 1 + U{0..10}, each with its own U{-1, 0, 1}.

    Parameters   seed          >= 0
                 train, test   samples of either set, >= 1
    """
    n = PERMUTED_CHANNELS
    first, second = _generators(seed, _PERMUTATION, train, test)
    ranks = setup_generator(seed, _PERMUTATION, _CLASSES).permuted(np.tile(np.arange(n), (n, 1)), axis=1)

    def draw(rng: np.random.Generator, samples: int) -> tuple[NDArray[Any], NDArray[Any]]:
        labels = rng.integers(n, size=samples)
        onset = 1 + rng.integers(11, size=(samples, 1))
        return labels, onset + LATENCY_STEP * ranks[labels] + rng.integers(-1, 2, size=(samples, n))

    names = tuple(f"order {number}" for number in range(n))
    steps = 1 + 10 + LATENCY_STEP * (n - 1) + 1 + 1
    return (
        _one_spike_each("permutation, training", *draw(first, train), names, steps),
        _one_spike_each("permutation, test", *draw(second, test), names, steps),
    )


def randman(
    seed: int = 0,
    *,
    train: int = 2000,
    test: int = 1000,
    classes: int = 10,
    units: int = 20,
    dimension: int = 1,
    alpha: float = 3.0,
    steps: int = 50,
) -> tuple[SpikeSet, SpikeSet]:
    """One spike per unit, at times that a point on the class's smooth random manifold gives.

        f(x) = prod_d sum_{k=1..10} k^-alpha A sin(2 pi (k x_d B + C));  x ~ U(0, 1)^dimension

    with A, B, C ~ U(0, 1) for every class, unit, d and k. f is scaled to 0..1 by its range over all x, and that to the
    steps.

    Parameters   seed          >= 0
                 train, test   samples of either set, >= 1
                 classes, units, dimension, steps   >= 1
                 alpha         smoothness, >= 0: the larger, the simpler the manifold
    """
    for field, value in (("classes", classes), ("units", units), ("dimension", dimension), ("steps", steps)):
        if value < 1:
            raise InvalidValue(f"randman: {field}", value, ">= 1")
    if not 0.0 <= alpha < np.inf:
        raise InvalidValue("randman: alpha", alpha, ">= 0")
    first, second = _generators(seed, _RANDMAN, train, test)
    shape = (3, classes, units, dimension, HARMONICS)
    amplitude, stretch, phase = setup_generator(seed, _RANDMAN, _CLASSES).random(shape)
    harmonic = np.arange(1, HARMONICS + 1)
    amplitude = amplitude * harmonic**-alpha

    # Coordinates vary independently, so the product's range follows from the range of each factor.
    low, high = np.ones((2, classes, units))
    for d in range(dimension):
        factor = np.zeros((GRID, classes, units))
        for k in range(HARMONICS):
            angle = np.multiply.outer(np.linspace(0.0, 1.0, GRID), harmonic[k] * stretch[:, :, d, k])
            factor += amplitude[:, :, d, k] * np.sin(2.0 * np.pi * (angle + phase[:, :, d, k]))
        corners = np.stack([bound * edge for bound in (low, high) for edge in (factor.min(0), factor.max(0))])
        low, high = corners.min(0), corners.max(0)

    def draw(rng: np.random.Generator, samples: int) -> tuple[NDArray[Any], NDArray[Any]]:
        labels = rng.integers(classes, size=samples)
        x = rng.random((samples, 1, dimension, 1))
        waves = amplitude[labels] * np.sin(2.0 * np.pi * (harmonic * x * stretch[labels] + phase[labels]))
        values = waves.sum(-1).prod(-1)  # (samples, units)
        scaled = (values - low[labels]) / (high - low)[labels]
        return labels, np.clip(np.floor(scaled * steps), 0, steps - 1).astype(np.int64)

    names = tuple(f"manifold {number}" for number in range(classes))
    return (
        _one_spike_each("randman, training", *draw(first, train), names, steps),
        _one_spike_each("randman, test", *draw(second, test), names, steps),
    )


def formants(
    seed: int = 0, *, train: int = 2000, test: int = 1000, classes: int = 20, tracks: int = 8
) -> tuple[SpikeSet, SpikeSet]:
    """140 channels, 98 steps; a class is a set of bands of Poisson spikes that move across the channels.

    A class lasts 60 to 80 steps; each of its tracks is a polygon through four channels. A sample stretches the time by
    U(-10 %, 10 %), to whole steps, and moves it by U{-5..5} steps. One spike per track and step is the mean, normally
    distributed around the track by two channels; those that leave the 140 are lost.

    Every second class is the one before it, backwards: counts tell which pair it is, and only time which of the two.

    Parameters   seed              >= 0
                 train, test       samples of either set, >= 1
                 classes, tracks   >= 1
    """
    for field, value in (("classes", classes), ("tracks", tracks)):
        if value < 1:
            raise InvalidValue(f"formants: {field}", value, ">= 1")
    first, second = _generators(seed, _FORMANTS, train, test)
    rng = setup_generator(seed, _FORMANTS, _CLASSES)
    lengths = rng.integers(SHORTEST, LONGEST + 1, size=classes)
    knots = rng.uniform(0.0, FORMANT_CHANNELS - 1, size=(classes, tracks, KNOTS))
    second_of_pair = np.arange(1, classes, 2)
    lengths[second_of_pair] = lengths[second_of_pair - 1]
    knots[second_of_pair] = knots[second_of_pair - 1, :, ::-1]
    steps = round(LONGEST * (1.0 + WARP)) + 2 * SHIFT

    def draw(name: str, rng: np.random.Generator, samples: int) -> SpikeSet:
        labels = rng.integers(classes, size=samples)
        length = np.rint(lengths[labels] * rng.uniform(1.0 - WARP, 1.0 + WARP, size=samples))
        onset = SHIFT + rng.integers(-SHIFT, SHIFT + 1, size=samples)
        place = (np.arange(steps) + 0.5 - onset[:, None]) / length[:, None]  # (samples, steps), 0 to 1 within the word
        count = rng.poisson(SPIKES_PER_STEP, size=(samples, steps, tracks))
        count *= ((place >= 0.0) & (place < 1.0))[:, :, None]
        sample, step, track = (np.repeat(axis, count.ravel()) for axis in np.indices(count.shape).reshape(3, -1))
        position = place[sample, step] * (KNOTS - 1)
        knot = position.astype(np.int64)
        path = knots[labels[sample], track]  # (spike, knot)
        rows = np.arange(len(knot))
        centre = path[rows, knot] + (position - knot) * (path[rows, knot + 1] - path[rows, knot])
        channel = np.rint(centre + WIDTH * rng.standard_normal(len(centre))).astype(np.int64)
        heard = (channel >= 0) & (channel < FORMANT_CHANNELS)
        frames, offsets = count_events(
            sample[heard], step[heard], channel[heard], np.full(samples, steps), FORMANT_CHANNELS
        )
        words = tuple(f"word {number}" for number in range(classes))
        return SpikeSet(name=name, frames=frames, offsets=offsets, labels=labels, classes=words, dt=DT)

    return draw("formants, training", first, train), draw("formants, test", second, test)


def _generators(seed: int, task: int, train: int, test: int) -> tuple[np.random.Generator, np.random.Generator]:
    """For the samples of the training set and of the test set."""
    check_seed("seed", seed)
    for field, value in (("train", train), ("test", test)):
        if value < 1:
            raise InvalidValue(field, value, ">= 1 samples")
    return setup_generator(seed, task, _TRAIN), setup_generator(seed, task, _TEST)


def _one_spike_each(
    name: str, labels: NDArray[Any], step: NDArray[Any], classes: tuple[str, ...], steps: int
) -> SpikeSet:
    """One spike per channel, at `step` of shape (sample, channel)."""
    samples, channels = step.shape
    sample, channel = np.indices(step.shape).reshape(2, -1)
    frames, offsets = count_events(sample, step.ravel(), channel, np.full(samples, steps), channels)
    return SpikeSet(name=name, frames=frames, offsets=offsets, labels=labels, classes=classes, dt=DT)
