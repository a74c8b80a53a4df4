"""The Free Spoken Digit Dataset: 3,000 recordings of English digits by six speakers, as sound.

Read from `$SYNFIRE_DATA/fsdd/recordings.zip`. What is compared with the published state are the recordings in it and
not the bytes of the archive, so one's own zip of the folder, or GitHub's of the whole repository, will do as well.

Source       Z. Jackson et al., Free Spoken Digit Dataset, v1.0.8, doi:10.5281/zenodo.1342401; state of commit 26eb9aaf
Deviations   none; the validation part and the division by speaker are ours
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import wave
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..neurons import UnreadableFile
from .registry import unknown

__all__ = [
    "DIGITS",
    "SPEAKERS",
    "Recordings",
    "Split",
    "load_spoken_digits",
    "official_split",
    "read_wav",
    "speaker_split",
]

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
RATE = 8000  # Hz
# SHA-256 over "name, line feed, SHA-256 of the file in hexadecimal, line feed" of every recording, sorted by name.
CONTENTS = "b27ea4d00db6bb96fb89873256d1246768ad9a143a5fca202be9c670336ea264"
WANTED = (
    "get https://github.com/Jakobovski/free-spoken-digit-dataset at commit 26eb9aaf as a zip, put it at "
    "fsdd/recordings.zip in a folder, and set SYNFIRE_DATA to that folder"
)
NAME = re.compile(rf"(?:.*/)?recordings/((\d)_({'|'.join(SPEAKERS)})_(\d+)\.wav)")

IndexArray = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Recordings:
    """Sounds of different lengths, one after the other, ordered by speaker, index and digit.

    Parameters   samples    (all recordings' samples,) int16
                 offsets    (recording + 1,) int64: recording r is samples[offsets[r] : offsets[r + 1]]
                 labels     (recording,) int64, the digit
                 speakers   (recording,) int64, numbers in `SPEAKERS`
                 indices    (recording,) int64, 0 to 49 for each speaker and digit
                 rate       samples per second, Hz
    """

    samples: NDArray[np.int16]
    offsets: IndexArray
    labels: IndexArray
    speakers: IndexArray
    indices: IndexArray
    rate: int = RATE

    def __len__(self) -> int:
        """How many recordings there are."""
        return len(self.labels)

    def waveform(self, number: int) -> NDArray[np.float64]:
        """One recording, -1 to 1."""
        return self.samples[self.offsets[number] : self.offsets[number + 1]] / 32768.0

    def waveforms(self) -> list[NDArray[np.float64]]:
        """All of them."""
        return [self.waveform(number) for number in range(len(self))]


class Split(NamedTuple):
    """Numbers of recordings: to train on, to choose by, to report."""

    train: IndexArray
    valid: IndexArray
    test: IndexArray


def load_spoken_digits() -> Recordings:
    """All 3,000 recordings.

    Raises       UnreadableFile if SYNFIRE_DATA is not set, or the file is missing, damaged or another one
    """
    folder = os.environ.get("SYNFIRE_DATA")
    if not folder:
        raise UnreadableFile(f"spoken digits: not downloaded by Synfire; {WANTED}")
    path = Path(folder) / "fsdd" / "recordings.zip"
    waves = _read_members(path)
    digest = hashlib.sha256()
    for name in sorted(waves):
        digest.update(f"{name}\n{hashlib.sha256(waves[name]).hexdigest()}\n".encode())
    order = sorted(waves, key=lambda name: _identity(name)[1:] + _identity(name)[:1])
    sounds = [read_wav(f"{path}: {name}", waves[name], RATE) for name in order]
    if digest.hexdigest() != CONTENTS:
        raise UnreadableFile(f"{path}: {len(waves)} recordings, but not the 3,000 of commit 26eb9aaf; {WANTED}")
    labels, speakers, indices = np.array([_identity(name) for name in order], dtype=np.int64).T
    return Recordings(
        samples=np.concatenate(sounds),
        offsets=np.concatenate([[0], np.cumsum([len(sound) for sound in sounds])]).astype(np.int64),
        labels=labels,
        speakers=speakers,
        indices=indices,
    )


def official_split(recordings: Recordings) -> Split:
    """The published division, all speakers in each part: indices 0-4 test, 5-49 train, of which 5-9 validate."""
    index = recordings.indices
    return Split(np.flatnonzero(index >= 10), np.flatnonzero((index >= 5) & (index < 10)), np.flatnonzero(index < 5))


def speaker_split(recordings: Recordings, speaker: str) -> Split:
    """Everything that one speaker says is for testing; of the others, indices 5-9 validate and the rest train.

    Raises       UnknownName with the nearest speaker
    """
    if speaker not in SPEAKERS:
        raise unknown("speaker_split: speaker", speaker, SPEAKERS)
    own = recordings.speakers == SPEAKERS.index(speaker)
    held_out = (recordings.indices >= 5) & (recordings.indices < 10)
    return Split(np.flatnonzero(~own & ~held_out), np.flatnonzero(~own & held_out), np.flatnonzero(own))


def read_wav(name: str, packed: bytes, rate: int) -> NDArray[np.int16]:
    """The samples of a wav file in memory: mono, 16 bit, at least one sample.

    Parameters   name   for the error
                 rate   that it must have, Hz
    Raises       UnreadableFile if it is truncated, another format, or at another rate
    """
    try:
        with wave.open(io.BytesIO(packed)) as sound:
            found = sound.getnchannels(), 8 * sound.getsampwidth(), sound.getframerate()
            length = sound.getnframes()
            raw = sound.readframes(length)
    except (wave.Error, EOFError) as error:
        raise UnreadableFile(f"{name}: truncated, or not a wav file ({error}); get it anew") from error
    if found != (1, 16, rate):
        raise UnreadableFile(f"{name}: {found[0]} channels, {found[1]} bit, {found[2]} Hz; wanted 1, 16 and {rate}")
    if len(raw) != 2 * length or not raw:
        raise UnreadableFile(f"{name}: holds {len(raw) // 2} samples, its header says {length}; get it anew")
    return np.frombuffer(raw, dtype="<i2").astype(np.int16)


def _read_members(path: Path) -> dict[str, bytes]:
    """The recordings in a zip by their names without folders. Raises UnreadableFile."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = {match[1]: name for name in archive.namelist() if (match := NAME.fullmatch(name))}
            return {short: archive.read(name) for short, name in names.items()}
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        RuntimeError,
    ) as error:  # RuntimeError: encrypted, or packed oddly
        raise UnreadableFile(f"{path}: truncated, or not a zip ({error}); {WANTED}") from error
    except OSError as error:
        raise UnreadableFile(f"{path}: {error.strerror or error}; {WANTED}") from error


def _identity(name: str) -> tuple[int, int, int]:
    """(digit, speaker, index) from the name of a file."""
    digit, speaker, index = name.removesuffix(".wav").split("_")
    return int(digit), SPEAKERS.index(speaker), int(index)
