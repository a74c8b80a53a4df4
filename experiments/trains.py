"""Labelled spike trains of one length, in zeros and ones: how they are held, taken apart, and drawn in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..neurons import InvalidValue, check_seed, setup_generator

__all__ = ["Trains", "check_trains", "split", "take", "uniform_blocks"]

_SPLIT = 292  # stream of random numbers
DRAWS = 1 << 22  # uniform numbers that are held at once: 32 MiB


class Trains(NamedTuple):
    """Samples to classify, one after the other on the second axis, as networks here want their input.

    spikes   0 or 1, uint8, shape (time, sample, channel)
    target   class of each sample, from 0, int64, shape (sample,)
    dt       length of a time bin, ms
    first    number of the first sample, by which neurons draw that fire by chance; sets that are compared have others
    """

    spikes: NDArray[np.uint8]
    target: NDArray[np.int64]
    dt: float
    first: int = 0


def check_trains(name: str, trains: Trains) -> Trains:
    """The same trains, if they are what `Trains` says.

    Parameters   name   for the error
    Raises       InvalidValue for another shape or type, for anything but 0 and 1, for targets below 0, for dt <= 0
    """
    spikes, target, dt, _ = trains
    if not isinstance(spikes, np.ndarray) or spikes.dtype != np.uint8 or spikes.ndim != 3 or 0 in spikes.shape[::2]:
        found = f"{getattr(spikes, 'dtype', type(spikes).__name__)} of shape {np.shape(spikes)}"
        raise InvalidValue(f"{name}: spikes", found, "uint8 of shape (time, sample, channel), not empty")
    if spikes.max(initial=0) > 1:
        raise InvalidValue(f"{name}: spikes", f"up to {spikes.max()}", "0 or 1", "clip counts at 1")
    wanted = (spikes.shape[1],)
    if not isinstance(target, np.ndarray) or target.dtype.kind not in "iu" or target.shape != wanted:
        found = f"{getattr(target, 'dtype', type(target).__name__)} of shape {np.shape(target)}"
        raise InvalidValue(f"{name}: target", found, f"whole numbers of shape {wanted}")
    if target.min(initial=0) < 0:
        raise InvalidValue(f"{name}: target", target.min(), ">= 0")
    if not 0.0 < dt < float("inf"):
        raise InvalidValue(f"{name}: dt", dt, "> 0 ms")
    return trains


def take(trains: Trains, index: Any) -> Trains:
    """The samples of these numbers, in this order.

    Parameters   index   (chosen,) whole numbers from 0 to the last sample, repeated or not
    Raises       InvalidValue for other numbers
    """
    chosen, samples = np.asarray(index), trains.spikes.shape[1]
    legal = f"(chosen,) whole numbers from 0 to {samples - 1}"
    if chosen.ndim != 1 or (chosen.size and chosen.dtype.kind not in "iu"):
        raise InvalidValue("take: index", f"{chosen.dtype} of shape {chosen.shape}", legal)
    if chosen.size and not 0 <= chosen.min() <= chosen.max() < samples:
        raise InvalidValue("take: index", f"{chosen.min()} to {chosen.max()}", legal)
    chosen = chosen.astype(np.int64)
    return Trains(trains.spikes[:, chosen], trains.target[chosen], trains.dt)


def split(trains: Trains, shares: Sequence[float], seed: int) -> tuple[Trains, ...]:
    """Divide the samples, every class in the same proportion: `train, validation, test = split(trains, (.8, .1, .1), 0)`.

    Parameters   shares   of each class, one for each part, each > 0, together 1; rounded to whole samples
                 seed     of which samples go where; within a part they keep their order
    Raises       InvalidValue, also if a part would have no sample of some class
    """
    check_trains("split", trains)
    check_seed("split: seed", seed)
    given = np.asarray(shares, dtype=np.float64)
    if given.ndim != 1 or len(given) < 2 or not (given > 0.0).all() or abs(given.sum() - 1.0) > 1e-9:
        raise InvalidValue("split: shares", shares, "two or more numbers > 0 that add up to 1")
    part = np.empty(len(trains.target), dtype=np.int64)
    for label in np.unique(trains.target):
        members = np.flatnonzero(trains.target == label)
        ends = np.rint(np.cumsum(given) * len(members)).astype(np.int64)
        sizes = np.diff(ends, prepend=0)
        if sizes.min() < 1:
            raise InvalidValue(
                "split: shares", shares, f"such that each part has some of the {len(members)} samples of class {label}"
            )
        order = setup_generator(seed, _SPLIT, int(label)).permutation(members)
        part[order] = np.repeat(np.arange(len(given)), sizes)
    return tuple(take(trains, np.flatnonzero(part == number)) for number in range(len(given)))


def uniform_blocks(
    rng: np.random.Generator, samples: int, steps: int, channels: int
) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Numbers in [0, 1) for every sample, in blocks of samples: (their place, (samples of the block, time, channel)).

    They come from the generator sample by sample, so a sample's numbers depend on its place alone: neither on how many
    samples follow nor on the size of the blocks.
    """
    together = max(1, DRAWS // (steps * channels))
    for start in range(0, samples, together):
        place = slice(start, min(start + together, samples))
        yield place, rng.random((place.stop - start, steps, channels))
