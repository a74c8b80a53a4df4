"""N-MNIST: handwritten digits seen by an event camera that moves in three saccades, as events.

Read from `$SYNFIRE_DATA/nmnist_small/nmnist_small.npz`: the first 1,000 training and the first 100 test recordings, all events,
repacked as plain arrays. `train_x`, `train_y` (pixel, 0 to 33), `train_p` (polarity, 0 or 1) and `train_t` (microseconds) have
one entry per event, recordings one after the other; recording i is `train_offsets[i]` to `train_offsets[i + 1]`;
`train_labels`; and the same of `test`.

Source       G. Orchard, A. Jayawant, G. Cohen, N. Thakor 2015, Front. Neurosci. 9:437, doi:10.3389/fnins.2015.00437;
             the subset: S. B. Shrestha, G. Orchard 2018, arXiv:1810.08646
Deviations   a subset: accuracies are not comparable with published ones, and 100 test samples resolve one point
"""

from __future__ import annotations

import os
import zipfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..neurons import UnreadableFile
from .data.fetch import open_published

__all__ = ["SIDE", "Events", "load_nmnist"]

FOLDER, FILE = "nmnist_small", "nmnist_small.npz"
CHECKSUM = "sha256:61148c3fb151e3e86ebe00ba2993ea3e34802f5be76d47d64b61b86255513e38"
SIDE = 34
"""Pixels of the camera's picture, each way."""
CLASSES = 10
WANTED = f"put {FILE} into a folder {FOLDER} and set SYNFIRE_DATA to the folder that holds it"


class Events(NamedTuple):
    """Recordings of one part, their events one after the other.

    x, y, polarity   (event,) uint8: column and row of the pixel, 0 to 33; brighter or darker, as stored, 0 or 1
    time             (event,) uint32, microseconds from the recording's start
    offsets          (recording + 1,) int64: recording i has the events offsets[i] to offsets[i + 1]
    labels           (recording,) int64, the digit
    """

    x: NDArray[np.uint8]
    y: NDArray[np.uint8]
    polarity: NDArray[np.uint8]
    time: NDArray[np.uint32]
    offsets: NDArray[np.int64]
    labels: NDArray[np.int64]


def load_nmnist() -> tuple[Events, Events]:
    """Training and test recordings.

    Raises       UnreadableFile if SYNFIRE_DATA is not set, or the file is missing, damaged or another one
    """
    given = os.environ.get("SYNFIRE_DATA")
    if not given:
        raise UnreadableFile(f"nmnist: not downloaded by Synfire; {WANTED}")
    path = Path(given) / FOLDER / FILE
    try:
        with (
            open_published(path, CHECKSUM, missing=WANTED, foreign=WANTED) as opened,
            np.load(opened, allow_pickle=False) as file,
        ):
            train, test = (
                {key: file[f"{part}_{key}"] for key in ("x", "y", "p", "t", "offsets", "labels")}
                for part in ("train", "test")
            )
    except UnreadableFile:
        raise
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise UnreadableFile(f"{path}: truncated, or not the npz that was wanted ({error}); {WANTED}") from error
    return _checked(f"{path}: train", train), _checked(f"{path}: test", test)


def _checked(where: str, arrays: dict[str, NDArray[Any]]) -> Events:
    """Raises UnreadableFile."""
    for key, kind in (("x", "u1"), ("y", "u1"), ("p", "u1"), ("t", "u4"), ("offsets", "u4"), ("labels", "u1")):
        if arrays[key].dtype != np.dtype(kind) or arrays[key].ndim != 1:
            found = f"{key} is {arrays[key].dtype} of shape {arrays[key].shape}"
            raise UnreadableFile(f"{where}: {found}, not a list of {np.dtype(kind)}; {WANTED}")
    events, offsets = len(arrays["t"]), arrays["offsets"].astype(np.int64)
    if {len(arrays[key]) for key in ("x", "y", "p")} != {events} or len(offsets) != len(arrays["labels"]) + 1:
        raise UnreadableFile(f"{where}: lists are not equally long; {WANTED}")
    if offsets[0] != 0 or offsets[-1] != events or (np.diff(offsets) < 0).any():
        raise UnreadableFile(f"{where}: offsets do not rise from 0 to the {events} events; {WANTED}")
    for key, end in (("x", SIDE), ("y", SIDE), ("p", 2), ("labels", CLASSES)):
        if arrays[key].max(initial=0) >= end:
            raise UnreadableFile(f"{where}: {key} reaches {arrays[key].max()}, not at most {end - 1}; {WANTED}")
    x, y, polarity, time = (arrays[key] for key in ("x", "y", "p", "t"))
    return Events(x, y, polarity, time, offsets, arrays["labels"].astype(np.int64))
