"""Google Speech Commands, version 0.02: one second of speech, 35 words, as spectrograms on a mel scale.

Read from the folder `$SYNFIRE_DATA/speech_commands`, which holds either the archive speech_commands_v0.02.tar.gz or
what is in it; without the variable the archive is downloaded (2.4 GB) and kept. The archive's checksum is compared.

    sound        padded with silence or cut to 1 s at 16 kHz; resampled to 8 kHz and kept in 16 bits
    spectrum     power of 256 samples under a Hann window every 80 samples, the ends mirrored: 101 frames of 10 ms
    bands        140 triangles evenly spaced in mel from 50 to 14,000 Hz; those above 4,000 Hz are empty
    decibels     10 log10 of the power, at least -100

The sound is kept and the rest computed by `SpeechSet.batch`: 1.7 GB for all, where the bands would take 6 GB.

Source       P. Warden 2018, arXiv:1804.03209; I. Hammouamri, I. Khalfaoui-Hassani, T. Masquelier 2024, arXiv:2306.17670
             (bands, kept as they are although 14,000 Hz lies above half the rate)
Deviations   SciPy's polyphase filter resamples, and the result is rounded to 16 bits
"""

from __future__ import annotations

import hashlib
import os
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..neurons import InvalidValue, UnreadableFile
from .spoken_digits import read_wav

__all__ = ["WORDS", "SpeechSet", "load_speech_commands", "mel_filters", "mel_spectrogram", "shorten"]

WORDS = (
    "backward", "bed", "bird", "cat", "dog", "down", "eight", "five", "follow", "forward", "four", "go", "happy",
    "house", "learn", "left", "marvin", "nine", "no", "off", "on", "one", "right", "seven", "sheila", "six", "stop",
    "three", "tree", "two", "up", "visual", "wow", "yes", "zero",
)  # fmt: skip
ARCHIVE = "speech_commands_v0.02.tar.gz"
SOURCE = f"http://download.tensorflow.org/data/{ARCHIVE}"
# SHA-256 of ARCHIVE, as the public loaders of this set give it.
CHECKSUM = "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58"
VALIDATION, TESTING = "validation_list.txt", "testing_list.txt"

RECORDED, RATE = 16_000, 8_000  # Hz
WINDOW, HOP = 256, 80  # samples at RATE
BANDS = 140
LOWEST, HIGHEST = 50.0, 14_000.0  # Hz
FAINTEST = 1e-10  # power of -100 dB

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class SpeechSet:
    """Spoken words, from which batches of spectrograms are computed.

    Parameters   name        of the set
                 waveforms   (sample, 8000) int16, one second each
                 labels      (sample,) int64, numbers in `classes`
                 classes     the words
                 dt          the length of a frame, ms
    """

    name: str
    waveforms: NDArray[np.int16]
    labels: NDArray[np.int64]
    classes: tuple[str, ...] = WORDS
    dt: float = 1000.0 * HOP / RATE

    def __len__(self) -> int:
        """How many samples there are."""
        return len(self.labels)

    @property
    def channels(self) -> int:
        """How many bands a frame has."""
        return BANDS

    def batch(self, indices: Any) -> tuple[Floats, NDArray[np.int64]]:
        """The samples of these numbers as (time, batch, channel), in dB; their labels.

        Raises       InvalidValue for numbers that are none of a sample
        """
        chosen = np.asarray(indices, dtype=np.int64)
        if chosen.ndim != 1 or (chosen.size and not 0 <= chosen.min() <= chosen.max() < len(self)):
            raise InvalidValue("SpeechSet: indices", indices, f"a list of whole numbers from 0 to {len(self) - 1}")
        return np.ascontiguousarray(mel_spectrogram(self.waveforms[chosen]).swapaxes(0, 1)), self.labels[chosen]


def load_speech_commands() -> tuple[SpeechSet, SpeechSet, SpeechSet]:
    """Training, validation and test set, divided by the lists that come with them: 84,843, 9,981 and 11,005 words.

    Raises       UnreadableFile if anything is missing, damaged or another version, or cannot be downloaded
    """
    path = _locate()
    sounds: dict[str, NDArray[np.int16]] = {}
    lists: dict[str, set[str]] = {}
    for name, packed in _members(path):
        word, _, file = name.rpartition("/")
        if file.endswith(".wav") and word in WORDS:
            sounds[name] = shorten(read_wav(f"{path}: {name}", packed, RECORDED))
        elif name in (VALIDATION, TESTING):
            lists[name] = set(packed.decode(errors="replace").split())
    missing = {VALIDATION, TESTING} - set(lists)
    missing |= (set().union(*lists.values()) - set(sounds)) or (set(WORDS) - {name.split("/")[0] for name in sounds})
    if missing:
        raise UnreadableFile(f"{path}: lacks {min(missing)} and {len(missing) - 1} more; get {SOURCE} anew")
    parts: dict[str, list[str]] = {"train": [], "valid": [], "test": []}
    for name in sorted(sounds):
        parts["test" if name in lists[TESTING] else "valid" if name in lists[VALIDATION] else "train"].append(name)
    train, valid, test = (
        SpeechSet(
            name=f"speech commands, {part}",
            waveforms=np.stack([sounds.pop(name) for name in names]) if names else np.zeros((0, RATE), np.int16),
            labels=np.array([WORDS.index(name.split("/")[0]) for name in names], dtype=np.int64),
        )
        for part, names in parts.items()
    )
    return train, valid, test


def shorten(sound: NDArray[np.int16]) -> NDArray[np.int16]:
    """(sample,) at 16 kHz, padded or cut to one second: (8000,) at 8 kHz."""
    from scipy.signal import resample_poly

    second = np.zeros(RECORDED)
    second[: len(sound)] = sound[:RECORDED]
    return np.clip(np.rint(resample_poly(second, 1, 2)), -32768, 32767).astype(np.int16)


def mel_filters() -> Floats:
    """The weight of each frequency in each band, (129, 140): triangles of height one that overlap by half."""
    low, high = (2595.0 * np.log10(1.0 + f / 700.0) for f in (LOWEST, HIGHEST))  # in mel
    corners = 700.0 * (10.0 ** (np.linspace(low, high, BANDS + 2) / 2595.0) - 1.0)
    frequency = np.linspace(0.0, RATE / 2, WINDOW // 2 + 1)[:, None]
    rising = (frequency - corners[:-2]) / np.diff(corners)[:-1]
    falling = (corners[2:] - frequency) / np.diff(corners)[1:]
    return np.clip(np.minimum(rising, falling), 0.0, None).astype(np.float32)


def mel_spectrogram(waveforms: NDArray[np.int16]) -> Floats:
    """(sample, 8000) as (sample, 101, 140), in dB relative to full scale."""
    from scipy.fft import rfft

    sound = np.pad(waveforms.astype(np.float32) / np.float32(32768), ((0, 0), (WINDOW // 2, WINDOW // 2)), "reflect")
    frames = np.lib.stride_tricks.sliding_window_view(sound, WINDOW, axis=1)[:, ::HOP]
    window = (0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)
    spectrum = rfft(frames * window, axis=2)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    decibels: Floats = np.float32(10.0) * np.log10(np.maximum(power @ mel_filters(), np.float32(FAINTEST)))
    return decibels


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    """(name, contents) of every file, from an archive or from a folder. Raises UnreadableFile."""
    try:
        if path.is_dir():
            for word in (*WORDS, ""):
                for file in sorted((path / word).glob("*.wav" if word else "*_list.txt")):
                    yield file.relative_to(path).as_posix(), file.read_bytes()
            return
        with path.open("rb") as opened:
            if hashlib.file_digest(opened, "sha256").hexdigest() != CHECKSUM:
                raise UnreadableFile(f"{path}: truncated, or another version; get {SOURCE} anew")
        with tarfile.open(path, "r|gz") as archive:
            for member in archive:
                packed = archive.extractfile(member)
                if packed is not None:
                    yield member.name.removeprefix("./"), packed.read()
    except UnreadableFile:
        raise
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise UnreadableFile(f"{path}: cannot be read ({error}); get {SOURCE} anew") from error


def _locate() -> Path:
    """The folder or the archive, downloaded if SYNFIRE_DATA is not set."""
    folder = os.environ.get("SYNFIRE_DATA")
    if folder:
        here = Path(folder) / "speech_commands"
        return here if (here / VALIDATION).is_file() else here / ARCHIVE
    import pooch

    try:
        cache = pooch.os_cache("synfire") / "speech_commands"
        return Path(pooch.retrieve(SOURCE, known_hash=f"sha256:{CHECKSUM}", fname=ARCHIVE, path=cache))
    except Exception as error:  # no network, a proxy, a wrong checksum, a full disk: many kinds, one meaning
        raise UnreadableFile(
            f"{SOURCE}: cannot be downloaded ({error}); put it into a folder speech_commands "
            "and set SYNFIRE_DATA to the folder that holds that"
        ) from error
