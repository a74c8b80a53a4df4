"""Spoken digits are read as they were recorded, divided as published, and refused when they are others."""

from __future__ import annotations

import hashlib
import io
import os
import wave
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synfire.experiments import spoken_digits
from synfire.experiments.spoken_digits import (
    SPEAKERS,
    Recordings,
    load_spoken_digits,
    official_split,
    read_wav,
    speaker_split,
)
from synfire.neurons import UnknownName, UnreadableFile


def wav(samples: np.ndarray, *, channels: int = 1, width: int = 2, rate: int = 8000) -> bytes:
    packed = io.BytesIO()
    with wave.open(packed, "wb") as sound:
        sound.setnchannels(channels)
        sound.setsampwidth(width)
        sound.setframerate(rate)
        sound.writeframes(samples.astype("<i2").tobytes())
    return packed.getvalue()


def put(folder: Path, members: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, prefix: str = "recordings/") -> Path:
    """Zip the members where the data set is expected, and make their contents the published ones."""
    path = folder / "fsdd" / "recordings.zip"
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, packed in members.items():
            archive.writestr(prefix + name, packed)
    lines = [f"{name}\n{hashlib.sha256(members[name]).hexdigest()}\n" for name in sorted(members)]
    monkeypatch.setattr(spoken_digits, "CONTENTS", hashlib.sha256("".join(lines).encode()).hexdigest())
    monkeypatch.setenv("SYNFIRE_DATA", str(folder))
    return path


@pytest.fixture
def members() -> dict[str, bytes]:
    """Two speakers, two digits, indices 0, 5 and 10; a sound's length and values tell which it is."""
    return {
        f"{digit}_{speaker}_{index}.wav": wav(np.full(100 + index, 1000 * digit + number))
        for digit in (3, 7)
        for number, speaker in ((0, "george"), (4, "theo"))
        for index in (0, 5, 10)
    }


@pytest.mark.parametrize("prefix", ["recordings/", "free-spoken-digit-dataset-master/recordings/"])
def test_sounds_are_read_as_they_are(
    tmp_path: Path, members: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    put(tmp_path, members, monkeypatch, prefix)
    recordings = load_spoken_digits()
    assert len(recordings) == 12
    for number, sound in enumerate(recordings.waveforms()):
        assert len(sound) == 100 + recordings.indices[number]
        value = 1000 * recordings.labels[number] + recordings.speakers[number]
        np.testing.assert_array_equal(sound, value / 32768.0)
    assert set(recordings.labels) == {3, 7}
    assert set(recordings.speakers) == {0, 4}


def test_other_recordings_are_refused(
    tmp_path: Path, members: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, members, monkeypatch)
    monkeypatch.setattr(spoken_digits, "CONTENTS", "0" * 64)
    with pytest.raises(UnreadableFile, match=r"recordings\.zip: 12 recordings, but not the 3,000.*github"):
        load_spoken_digits()


@pytest.mark.parametrize("keep", [0, 10, 400, -30])
def test_a_truncated_archive_is_told_by_name(
    tmp_path: Path, members: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, keep: int
) -> None:
    path = put(tmp_path, members, monkeypatch)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UnreadableFile, match=r"recordings\.zip: truncated"):
        load_spoken_digits()


def test_a_damaged_member_is_told(tmp_path: Path, members: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path, members, monkeypatch)
    packed = bytearray(path.read_bytes())
    packed[60:90] = bytes(30)
    path.write_bytes(packed)
    with pytest.raises(UnreadableFile, match=r"recordings\.zip"):
        load_spoken_digits()


def test_a_missing_archive_says_where_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNFIRE_DATA", str(tmp_path))
    with pytest.raises(UnreadableFile, match=r"No such file.*github.*26eb9aaf"):
        load_spoken_digits()
    monkeypatch.delenv("SYNFIRE_DATA")
    with pytest.raises(UnreadableFile, match=r"not downloaded.*set SYNFIRE_DATA"):
        load_spoken_digits()


SOUND = np.arange(50)


@pytest.mark.parametrize(
    ("packed", "message"),
    [
        (b"", "truncated"),
        (b"RIFFxxxxWAVE", "truncated"),
        (b"not a sound at all, but long enough for a header", "not a wav"),
        (wav(SOUND)[:-7], "holds 46 samples, its header says 50"),
        (wav(SOUND[:0]), "holds 0 samples"),
        (wav(SOUND, channels=2), "2 channels"),
        (wav(SOUND, width=1), "8 bit"),
        (wav(SOUND, rate=16000), "16000 Hz"),
    ],
)
def test_foreign_sounds_are_told_by_name(packed: bytes, message: str) -> None:
    with pytest.raises(UnreadableFile, match=f"three: .*{message}"):
        read_wav("three", packed, 8000)


@given(st.lists(st.integers(-(2**15), 2**15 - 1), min_size=1, max_size=50), st.sampled_from([8000, 16000]))
def test_every_sample_survives_a_wav_file(samples: list[int], rate: int) -> None:
    np.testing.assert_array_equal(read_wav("", wav(np.array(samples), rate=rate), rate), samples)


def numbered(speakers: int = 6) -> Recordings:
    """As many empty recordings as there are real ones."""
    speaker, index, digit = np.indices((speakers, 50, 10)).reshape(3, -1).astype(np.int64)
    nothing = np.arange(len(digit) + 1, dtype=np.int64)
    samples = np.zeros(len(digit), np.int16)
    return Recordings(samples=samples, offsets=nothing, labels=digit, speakers=speaker, indices=index)


def test_official_parts_have_their_sizes_and_share_nothing() -> None:
    recordings = numbered()
    parts = official_split(recordings)
    assert [len(part) for part in parts] == [2400, 300, 300]
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(3000))
    assert recordings.indices[parts.test].max() == 4
    for part in parts:
        assert set(np.bincount(recordings.labels[part])) == {len(part) // 10}
        assert set(np.bincount(recordings.speakers[part])) == {len(part) // 6}


@pytest.mark.parametrize("speaker", SPEAKERS)
def test_a_speaker_held_out_is_heard_nowhere_else(speaker: str) -> None:
    recordings = numbered()
    parts = speaker_split(recordings, speaker)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(3000))
    assert set(recordings.speakers[parts.test]) == {SPEAKERS.index(speaker)}
    assert [len(part) for part in parts] == [2250, 250, 500]
    with pytest.raises(UnknownName, match="did you mean theo"):
        speaker_split(recordings, "teo")


@pytest.mark.skipif(
    not (Path(os.environ.get("SYNFIRE_DATA", "")) / "fsdd" / "recordings.zip").is_file(),
    reason="SYNFIRE_DATA/fsdd/recordings.zip is not there",
)
def test_the_published_set_is_whole() -> None:
    recordings = load_spoken_digits()
    assert [len(part) for part in official_split(recordings)] == [2400, 300, 300]
    np.testing.assert_array_equal(np.bincount(recordings.labels), np.full(10, 300))
    np.testing.assert_array_equal(np.bincount(recordings.speakers), np.full(6, 500))
    seconds = np.diff(recordings.offsets) / recordings.rate
    # As the description of the data set says.
    assert (round(seconds.min(), 2), round(seconds.max(), 2), round(seconds.mean(), 2)) == (0.14, 2.28, 0.44)
