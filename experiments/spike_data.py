"""Samples of spikes for classification: counts per time frame and channel, of samples of different lengths.

The frames of all samples lie one after the other in one array of bytes, without padding; `batch` cuts out the samples
that are asked for and pads those alone. One byte per frame and channel is less than a list of events takes (4 to 6
bytes each) wherever more than a quarter or so of the entries are occupied, and spoken words at 10 ms and 140 channels
come close to that or exceed it: the Spiking Heidelberg Digits take less than 115 MB, the Spiking Speech Commands 1 GB.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..neurons import InvalidValue

__all__ = ["SpikeSet", "count_events"]

LARGEST = 255  # that a byte can count
IndexArray = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class SpikeSet:
    """Labelled samples of spike counts.

    Parameters   name      of the set, for messages and figures
                 frames    (all samples' frames, channel) uint8, the samples one after the other
                 offsets   (sample + 1,) int64: sample s has the frames offsets[s] to offsets[s + 1], at least one
                 labels    (sample,) int64, class numbers from 0
                 classes   the names of the classes
                 dt        the length of a frame, ms, > 0
    Raises       InvalidValue for shapes or labels that do not fit together
    """

    name: str
    frames: NDArray[np.uint8]
    offsets: IndexArray
    labels: IndexArray
    classes: tuple[str, ...]
    dt: float

    def __post_init__(self) -> None:
        if self.frames.ndim != 2 or self.frames.dtype != np.uint8 or self.frames.shape[1] == 0:
            found = f"{self.frames.dtype} of shape {self.frames.shape}"
            raise InvalidValue("SpikeSet.frames", found, "uint8 of shape (frame, channel), with at least one channel")
        if self.offsets.shape != (len(self.labels) + 1,):
            raise InvalidValue("SpikeSet.offsets", self.offsets.shape, f"of shape ({len(self.labels) + 1},)")
        if self.offsets[0] != 0 or self.offsets[-1] != len(self.frames) or np.any(np.diff(self.offsets) < 1):
            raise InvalidValue("SpikeSet.offsets", self.offsets, f"rising from 0 to the {len(self.frames)} frames")
        if len(self.labels) and not 0 <= self.labels.min() <= self.labels.max() < len(self.classes):
            found = f"{self.labels.min()} to {self.labels.max()}"
            raise InvalidValue("SpikeSet.labels", found, f"0 to {len(self.classes) - 1}, the number of a class")
        if not self.dt > 0.0:
            raise InvalidValue("SpikeSet.dt", self.dt, "> 0 ms")

    def __len__(self) -> int:
        """How many samples there are."""
        return len(self.labels)

    @property
    def channels(self) -> int:
        """How many channels a frame has."""
        return self.frames.shape[1]

    @property
    def durations(self) -> IndexArray:
        """The number of frames of each sample, shape (sample,)."""
        return np.diff(self.offsets)

    @property
    def density(self) -> float:
        """The share of (frame, channel) entries that hold at least one spike, padding not counted."""
        return np.count_nonzero(self.frames) / self.frames.size if self.frames.size else 0.0

    def batch(self, indices: Any) -> tuple[NDArray[np.uint8], IndexArray]:
        """The samples of these numbers as (time, batch, channel), zeros after the end of the shorter ones; their labels.

        Parameters   indices   (batch,) whole numbers from 0 to len(self) - 1, in any order, repeated or not
        Raises       InvalidValue for numbers that are none of a sample
        """
        chosen = self._checked(indices)
        durations = self.durations[chosen]
        time = np.arange(durations.max(initial=0))[:, None]  # (time, 1)
        if (durations == len(time)).all():  # nothing to pad
            return self.frames[self.offsets[chosen] + time], self.labels[chosen]
        inside = time < durations  # (time, batch)
        counts = np.zeros((*inside.shape, self.channels), dtype=np.uint8)
        counts[inside] = self.frames[(self.offsets[chosen] + time)[inside]]
        return counts, self.labels[chosen]

    def select(self, indices: Any) -> SpikeSet:
        """The samples of these numbers, in this order, as a set of their own."""
        chosen = self._checked(indices)
        durations = self.durations[chosen]
        offsets = _offsets(durations)
        rows = np.arange(offsets[-1]) + np.repeat(self.offsets[chosen] - offsets[:-1], durations)
        return SpikeSet(
            name=self.name,
            frames=self.frames[rows],
            offsets=offsets,
            labels=self.labels[chosen],
            classes=self.classes,
            dt=self.dt,
        )

    def counts(self, windows: int = 1) -> NDArray[np.int64]:
        """Spikes per channel in equal parts of each sample, shape (sample, windows, channel).

        With one window this is all that a network without a sense of time can know. Windows of a sample with fewer
        frames than windows may be empty.
        """
        if windows < 1:
            raise InvalidValue("SpikeSet.counts: windows", windows, ">= 1")
        parts = np.arange(windows + 1) * self.durations[:, None] // windows  # (sample, windows + 1)
        edges = self.offsets[:-1, None] + parts
        total = np.zeros((len(self.frames) + 1, self.channels), dtype=np.int64)
        np.cumsum(self.frames, axis=0, out=total[1:])
        return total[edges[:, 1:]] - total[edges[:, :-1]]

    def _checked(self, indices: Any) -> IndexArray:
        chosen = np.asarray(indices)
        if chosen.ndim != 1 or (chosen.size and chosen.dtype.kind not in "iu"):
            raise InvalidValue(
                "SpikeSet: indices", f"{chosen.dtype} of shape {chosen.shape}", "a list of whole numbers"
            )
        if chosen.size and not 0 <= chosen.min() <= chosen.max() < len(self):
            raise InvalidValue("SpikeSet: indices", f"{chosen.min()} to {chosen.max()}", f"0 to {len(self) - 1}")
        return chosen.astype(np.int64)


def count_events(
    sample: NDArray[Any], step: NDArray[Any], channel: NDArray[Any], durations: NDArray[Any], channels: int
) -> tuple[NDArray[np.uint8], IndexArray]:
    """The `frames` and `offsets` of a `SpikeSet` from single spikes in any order.

    Parameters   sample, step, channel   (event,) whole numbers: where each spike belongs
                 durations               (sample,) frames of each sample, >= 1
                 channels                how many there are
    Raises       InvalidValue for a spike outside its sample or the channels, and for more than 255 in one entry
    """
    sample, step, channel = (np.asarray(each, dtype=np.int64) for each in (sample, step, channel))
    offsets = _offsets(durations)
    for name, values, end in (("sample", sample, len(durations)), ("channel", channel, channels)):
        if len(values) and not 0 <= values.min() <= values.max() < end:
            raise InvalidValue(f"count_events: {name}", f"{values.min()} to {values.max()}", f"0 to {end - 1}")
    outside = (step < 0) | (step >= np.diff(offsets)[sample])
    if outside.any():
        raise InvalidValue("count_events: step", step[outside][0], "from 0 to the end of its sample")
    frames = np.zeros((offsets[-1], channels), dtype=np.uint8)
    np.add.at(frames.reshape(-1), (offsets[sample] + step) * channels + channel, np.uint8(1))
    if frames.sum(dtype=np.int64) != len(sample):  # a byte that overflows starts again from 0
        raise InvalidValue(
            "count_events", "more", f"at most {LARGEST} spikes per frame and channel", "use a smaller dt"
        )
    return frames, offsets


def _offsets(durations: NDArray[Any]) -> IndexArray:
    return np.concatenate([[0], np.cumsum(durations)]).astype(np.int64)
