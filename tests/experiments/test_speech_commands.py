"""Spoken commands: the spectrogram against SciPy's, the division by the published lists, and damaged sets."""

from __future__ import annotations

import hashlib
import io
import tarfile
import wave
from pathlib import Path

import numpy as np
import pytest
from scipy import signal

from synfire.experiments import speech_commands
from synfire.experiments.speech_commands import (
    WORDS,
    SpeechSet,
    load_speech_commands,
    mel_filters,
    mel_spectrogram,
    shorten,
)
from synfire.neurons import InvalidValue, UnreadableFile


def wav(samples: np.ndarray) -> bytes:
    packed = io.BytesIO()
    with wave.open(packed, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes(samples.astype("<i2").tobytes())
    return packed.getvalue()


def tone(frequency: float, rate: int = 16_000, amplitude: float = 10_000.0) -> np.ndarray:
    """One second."""
    return np.rint(amplitude * np.sin(2.0 * np.pi * frequency * np.arange(rate) / rate)).astype(np.int16)


@pytest.fixture(scope="module")
def members() -> dict[str, bytes]:
    """Three sounds of each word: one to train on, one in each list; what else is in the archive, too."""
    files = {
        f"{word}/{kind}_nohash_0.wav": wav(np.full(400 + number, 100 * number))
        for number, word in enumerate(WORDS)
        for kind in ("a", "b", "c")
    }
    files["_background_noise_/hum.wav"] = wav(np.zeros(90_000))
    files["README.md"] = b"words"
    files["validation_list.txt"] = "".join(f"{word}/b_nohash_0.wav\n" for word in WORDS).encode()
    files["testing_list.txt"] = "".join(f"{word}/c_nohash_0.wav\n" for word in WORDS).encode()
    return files


def extract(folder: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Path:
    here = folder / "speech_commands"
    for name, packed in files.items():
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_bytes(packed)
    monkeypatch.setenv("SYNFIRE_DATA", str(folder))
    return here


def pack(folder: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Path:
    path = folder / "speech_commands" / "speech_commands_v0.02.tar.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, packed in files.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(packed)
            archive.addfile(member, io.BytesIO(packed))
    monkeypatch.setattr(speech_commands, "CHECKSUM", hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setenv("SYNFIRE_DATA", str(folder))
    return path


@pytest.mark.parametrize("put", [extract, pack])
def test_words_are_divided_by_the_lists(
    put: object, tmp_path: Path, members: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, members, monkeypatch)  # type: ignore[operator]
    for part in load_speech_commands():
        assert len(part) == 35
        np.testing.assert_array_equal(np.sort(part.labels), np.arange(35))
        for sound, label in zip(part.waveforms, part.labels, strict=True):
            # A constant of 400 samples and silence after it; the filter rings at the edge only.
            np.testing.assert_allclose(sound[50:150], 100 * label, atol=1.0 + label)
            assert not sound[500:].any()


def test_a_listed_word_that_is_not_there_is_told(
    tmp_path: Path, members: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = extract(tmp_path, members, monkeypatch)
    (here / "bed" / "b_nohash_0.wav").unlink()
    with pytest.raises(UnreadableFile, match=r"lacks bed/b_nohash_0\.wav and 0 more"):
        load_speech_commands()


def test_another_archive_is_refused(tmp_path: Path, members: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    path = pack(tmp_path, members, monkeypatch)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UnreadableFile, match=r"v0\.02\.tar\.gz: truncated, or another version"):
        load_speech_commands()
    monkeypatch.setattr(speech_commands, "CHECKSUM", hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.raises(UnreadableFile, match=r"v0\.02\.tar\.gz: cannot be read"):
        load_speech_commands()


def test_a_damaged_sound_is_told_by_name(
    tmp_path: Path, members: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = extract(tmp_path, members, monkeypatch)
    (here / "yes" / "a_nohash_0.wav").write_bytes(b"RIFF")
    with pytest.raises(UnreadableFile, match=r"yes/a_nohash_0\.wav: truncated"):
        load_speech_commands()


def test_without_the_set_it_is_said_where_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNFIRE_DATA", str(tmp_path))
    with pytest.raises(UnreadableFile, match=r"No such file.*download\.tensorflow\.org"):
        load_speech_commands()

    def refuse(*_: object, **__: object) -> str:
        raise ConnectionError("no route")

    monkeypatch.delenv("SYNFIRE_DATA")
    monkeypatch.setattr("pooch.retrieve", refuse)
    with pytest.raises(UnreadableFile, match=r"no route.*set SYNFIRE_DATA"):
        load_speech_commands()


def test_sounds_are_padded_or_cut_to_one_second_and_keep_their_tone() -> None:
    for length in (1, 9_000, 16_000, 40_000):
        assert shorten(tone(440.0, 40_000)[:length]).shape == (8_000,)
    kept, expected = shorten(tone(440.0)), tone(440.0, 8_000)
    # Ripple of the filter in its passband, below a thousandth of the amplitude, away from the ends.
    np.testing.assert_allclose(kept[200:-200], expected[200:-200], atol=20)
    assert np.abs(shorten(tone(6_000.0))[200:-200]).max() < 20  # above half the new rate
    assert shorten(np.full(16_000, 32767, np.int16)).min() > 0  # overshoot is cut, and does not turn over


def test_bands_are_those_of_scipys_spectrogram() -> None:
    sound = np.random.default_rng(0).normal(scale=3_000.0, size=(2, 8_000)).astype(np.int16)
    _, _, spectrum = signal.stft(sound / 32768.0, nperseg=256, noverlap=176, boundary="even", padded=False)
    power = np.abs(128.0 * spectrum) ** 2  # SciPy divides by the window's sum
    bands = 10.0 * np.log10(np.maximum(np.einsum("sft,fb->stb", power, mel_filters()), 1e-10))
    shown = mel_spectrogram(sound)
    assert shown.shape == (2, 101, 140)
    assert shown.dtype == np.float32
    np.testing.assert_allclose(shown, bands, atol=1e-3)  # dB; float32 against float64


def test_bands_are_evenly_spaced_triangles_up_to_half_the_rate() -> None:
    filters = mel_filters()
    heard = np.flatnonzero(filters.any(axis=0))
    centres = np.argmax(filters[:, heard], axis=0)
    assert (np.diff(centres) >= 0).all()
    assert filters.max() <= 1.0
    # Neighbours share each frequency between them, from the first centre to half the rate.
    np.testing.assert_allclose(filters[3:].sum(axis=1), 1.0, atol=1e-6)
    mel = 2595.0 * np.log10(1.0 + np.array([50.0, 4_000.0, 14_000.0]) / 700.0)
    last = int((mel[1] - mel[0]) / ((mel[2] - mel[0]) / 141))
    assert heard.max() == last
    assert not filters[:, last + 1 :].any()


def test_a_tone_is_loudest_in_its_band_and_silence_is_the_floor() -> None:
    filters = mel_filters()
    for place in (20, 50, 100):
        bands = mel_spectrogram(tone(place * 31.25, 8_000)[None])[0, 50]
        assert np.argmax(bands) == np.argmax(filters[place])
    # One unit in the last place of float32 around 100.
    np.testing.assert_allclose(mel_spectrogram(np.zeros((1, 8_000), np.int16)), -100.0, atol=8e-6)


def test_batches_are_time_first_and_of_the_samples_asked_for() -> None:
    waveforms = np.stack([tone(f, 8_000) for f in (300.0, 900.0, 2_000.0)])
    words = SpeechSet(name="tones", waveforms=waveforms, labels=np.arange(3))
    batch, labels = words.batch([2, 0])
    np.testing.assert_array_equal(labels, words.labels[[2, 0]])
    assert batch.shape == (101, 2, words.channels)
    np.testing.assert_array_equal(batch[:, 0], words.batch(np.array([0, 2]))[0][:, 1])
    assert (len(words), words.dt) == (3, 10.0)
    with pytest.raises(InvalidValue, match="indices"):
        words.batch([3])
