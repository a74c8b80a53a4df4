"""The Spiking Heidelberg Digits ("shd") and the Spiking Speech Commands ("ssc"): words as spikes of 700 channels.

Read from `$SYNFIRE_DATA/shd/shd_train.h5` and so on; without the variable they are downloaded once and kept, their
archives' checksums compared. In the file, sample s has the spikes `spikes/times`[s] (s) in the channels
`spikes/units`[s] and the class `labels`[s].

Here they are counted in frames of 10 ms from the first spike on, five neighbouring channels together, as in the code of
Hammouamri et al.: n = ceil(last spike / dt) frames, the last of which also takes a spike on its very end.

Source       B. Cramer, Y. Stradmann, J. Schemmel, F. Zenke 2022, IEEE TNNLS 33(7), doi:10.1109/TNNLS.2020.3044364;
             I. Hammouamri, I. Khalfaoui-Hassani, T. Masquelier 2024, arXiv:2306.17670 (frames)
Deviations   times, which the files keep in 16 bits, are widened before they are divided into frames
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..neurons import InvalidValue, UnreadableFile
from .registry import unknown
from .spike_data import SpikeSet, count_events

__all__ = ["load_heidelberg"]

UNITS = 700
LONGEST = 60.0  # s; no recording is longer, and a foreign file must not fill the memory
CHUNK = 512  # samples whose events are in memory at a time
CLASSES = {"shd": 20, "ssc": 35}
SOURCE = "https://zenkelab.org/datasets/"
# MD5 of the archive {file}.zip at SOURCE, as several public loaders of these sets give it.
CHECKSUMS = {
    "shd": {"train": "f3252aeb598ac776c1b526422d90eecb", "test": "1503a5064faa34311c398fb0a1ed0a6f"},
    "ssc": {
        "train": "d102be95e7144fcc0553d1f45ba94170",
        "valid": "b4eee3516a4a90dd0c71a6ac23a8ae43",
        "test": "a35ff1e9cffdd02a20eb850c17c37748",
    },
}


def load_heidelberg(name: str, part: str, *, dt: float = 10.0, together: int = 5) -> SpikeSet:
    """One part of one set, binned: counts per frame and group of channels, not cut off at one.

    Parameters   name       "shd" or "ssc"
                 part       "train", "test", and of "ssc" also "valid"
                 dt         frame, ms, > 0
                 together   neighbouring channels that are summed, a divisor of 700; 5 leave 140
    Raises       UnknownName; InvalidValue; UnreadableFile if the file is missing, cannot be downloaded, is truncated or
                 another one
    """
    if name not in CHECKSUMS:
        raise unknown("data set", name, CHECKSUMS)
    if part not in CHECKSUMS[name]:
        raise unknown(f"part of {name}", part, CHECKSUMS[name])
    if not 0.0 < dt < float("inf"):
        raise InvalidValue("load_heidelberg: dt", dt, "> 0 ms")
    if together < 1 or UNITS % together:
        raise InvalidValue("load_heidelberg: together", together, f"a divisor of {UNITS}")
    path = _locate(name, part)
    fix = "delete it and get it anew (unset SYNFIRE_DATA to download it)"
    import h5py

    try:
        with h5py.File(path, "r") as file:
            labels = np.asarray(file["labels"][:]).astype(np.int64)
            times, units = file["spikes/times"], file["spikes/units"]
            if labels.ndim != 1 or not len(labels) == len(times) == len(units) > 0:
                found = f"{len(times)} times, {len(units)} units, {len(labels)} labels"
                raise UnreadableFile(f"{path}: {found}; {fix}")
            frames, durations = [], []
            for start in range(0, len(labels), CHUNK):
                chunk = slice(start, start + CHUNK)
                counts, lengths = _bin(f"{path}: from sample {start}", times[chunk], units[chunk], dt, together)
                frames.append(counts)
                durations.append(lengths)
            names = _class_names(file, CLASSES[name])
    except UnreadableFile:
        raise
    except (OSError, KeyError, AttributeError, TypeError, ValueError) as error:
        if isinstance(error, InvalidValue):
            raise
        raise UnreadableFile(f"{path}: truncated, missing, or not a file of this set ({error}); {fix}") from error
    if not 0 <= labels.min() <= labels.max() < CLASSES[name]:
        found = f"labels from {labels.min()} to {labels.max()}, not 0 to {CLASSES[name] - 1}"
        raise UnreadableFile(f"{path}: {found}; {fix}")
    return SpikeSet(
        name=f"{name}, {part}",
        frames=np.concatenate(frames),
        offsets=np.concatenate([[0], np.cumsum(np.concatenate(durations))]).astype(np.int64),
        labels=labels,
        classes=names,
        dt=dt,
    )


def _bin(
    where: str, times: NDArray[Any], units: NDArray[Any], dt: float, together: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Frames of some samples, one after the other, and how many each has. Raises UnreadableFile."""
    spikes = np.array([len(each) for each in times])
    if not np.array_equal(spikes, [len(each) for each in units]):
        raise UnreadableFile(f"{where}: not as many units as times; get the file anew")
    sample = np.repeat(np.arange(len(times)), spikes)
    seconds = np.concatenate(times).astype(np.float64)
    unit = np.concatenate(units).astype(np.int64)
    if not (np.isfinite(seconds).all() and (seconds >= 0.0).all() and (seconds < LONGEST).all()):
        raise UnreadableFile(f"{where}: spike times are not all within 0 to {LONGEST:g} s; get the file anew")
    if ((unit < 0) | (unit >= UNITS)).any():
        raise UnreadableFile(f"{where}: units are not all within 0 to {UNITS - 1}; get the file anew")
    first, last = np.full(len(times), np.inf), np.zeros(len(times))
    np.minimum.at(first, sample, seconds)
    np.maximum.at(last, sample, seconds)
    first[spikes == 0] = 0.0
    durations = np.maximum(1, np.ceil(1000.0 * (last - first) / dt)).astype(np.int64)
    step = np.floor(1000.0 * (seconds - first[sample]) / dt).astype(np.int64)
    counts, _ = count_events(
        sample, np.minimum(step, durations[sample] - 1), unit // together, durations, UNITS // together
    )
    return counts, durations


def _class_names(file: Any, classes: int) -> tuple[str, ...]:
    """As the file has them; numbers where it has not."""
    keys = file.get("extra/keys")
    if keys is None or keys.shape != (classes,):
        return tuple(f"class {number}" for number in range(classes))
    return tuple(key.decode(errors="replace") if isinstance(key, bytes) else str(key) for key in keys[:])


def _locate(name: str, part: str) -> Path:
    """The path of one part, downloaded and unpacked if SYNFIRE_DATA is not set."""
    file = f"{name}_{part}.h5"
    folder = os.environ.get("SYNFIRE_DATA")
    if folder:
        return Path(folder) / name / file
    import pooch

    try:
        unpacked = pooch.retrieve(
            f"{SOURCE}{file}.zip",
            known_hash=f"md5:{CHECKSUMS[name][part]}",
            fname=f"{file}.zip",
            path=pooch.os_cache("synfire") / name,
            processor=pooch.Unzip(members=[file]),
        )
    except Exception as error:  # no network, a proxy, a wrong checksum, a full disk: many kinds, one meaning
        raise UnreadableFile(
            f"{SOURCE}{file}.zip: cannot be downloaded ({error}); put {file} into a folder {name} "
            "and set SYNFIRE_DATA to the folder that holds it"
        ) from error
    return Path(unpacked[0])
