"""Words as spikes are counted in the right frame and channel, and files that are no such sets are told by name."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synfire.experiments import heidelberg
from synfire.experiments.heidelberg import load_heidelberg
from synfire.neurons import InvalidValue, UnknownName, UnreadableFile

Words = list[tuple[list[float], list[int]]]  # (times in s, units) of each sample


def write(path: Path, words: Words, labels: list[Any], keys: list[str] | None = None) -> Path:
    """A file in the format of the sets, times in 16 bits as theirs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for number, (name, dtype) in enumerate((("times", np.float16), ("units", np.uint16))):
            data = file.create_dataset(f"spikes/{name}", (len(words),), h5py.vlen_dtype(dtype))
            for sample, word in enumerate(words):
                data[sample] = np.array(word[number], dtype=dtype)
        file["labels"] = labels
        if keys:
            file["extra/keys"] = np.array(keys, dtype="S")
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SYNFIRE_DATA", str(tmp_path))
    return tmp_path


def test_spikes_are_counted_where_and_when_they_are(folder: Path) -> None:
    # In quarters and eighths of a second, which 16 bits hold exactly.
    first = ([0.125, 0.125, 0.25, 0.3125], [0, 4, 699, 5])
    second = ([0.5], [350])
    write(folder / "shd" / "shd_train.h5", [first, second], [3, 19])
    data = load_heidelberg("shd", "train", dt=62.5)
    np.testing.assert_array_equal(data.durations, [3, 1])
    counts, labels = data.batch([0, 1])
    np.testing.assert_array_equal(labels, data.labels[:2])
    assert counts.shape == (3, 2, 140)
    expected = np.zeros((3, 2, 140), dtype=np.uint8)
    expected[0, 0, 0] = 2  # two neighbours at once: not cut off at one
    expected[2, 0, 139] = 1  # 125 ms after the first spike
    expected[2, 0, 1] = 1  # on the very end of the last frame
    expected[0, 1, 70] = 1  # a word begins with its first spike
    np.testing.assert_array_equal(counts, expected)
    np.testing.assert_array_equal(data.labels, [3, 19])
    assert len(data.classes) == 20


words = st.lists(
    st.lists(st.tuples(st.floats(0.0, 1.5, width=16), st.integers(0, 699)), max_size=20), min_size=1, max_size=5
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words, st.sampled_from([1, 5, 700]), st.sampled_from([4.0, 10.0]))
def test_no_spike_is_lost_and_channels_are_sums(
    folder: Path, words: list[list[tuple[float, int]]], together: int, dt: float
) -> None:
    split = [([t for t, _ in word], [u for _, u in word]) for word in words]
    write(folder / "ssc" / "ssc_valid.h5", split, [34] * len(words))
    data = load_heidelberg("ssc", "valid", dt=dt, together=together)
    for word, counts, duration in zip(split, data.counts()[:, 0], data.durations, strict=True):
        np.testing.assert_array_equal(
            counts, np.bincount(np.array(word[1], int) // together, minlength=700 // together)
        )
        length = 1000.0 * (max(word[0], default=0.0) - min(word[0], default=0.0))
        assert duration == max(1, np.ceil(length / dt))


def test_chunks_make_no_difference(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    many = [(sorted(rng.random(30)), list(rng.integers(0, 700, 30))) for _ in range(7)]
    write(folder / "shd" / "shd_test.h5", many, [0] * 7)
    whole = load_heidelberg("shd", "test")
    monkeypatch.setattr(heidelberg, "CHUNK", 3)
    parts = load_heidelberg("shd", "test")
    np.testing.assert_array_equal(whole.frames, parts.frames)
    np.testing.assert_array_equal(whole.offsets, parts.offsets)


def test_classes_have_the_names_of_the_file(folder: Path) -> None:
    names = [f"word {number}" for number in range(20)]
    write(folder / "shd" / "shd_test.h5", [([0.0], [0])], [0], names)
    assert load_heidelberg("shd", "test").classes == tuple(names)


@pytest.mark.parametrize(
    ("words", "labels", "message"),
    [
        ([([0.1], [700])], [0], "units"),
        ([([-0.1], [0])], [0], "spike times"),
        ([([float("nan")], [0])], [0], "spike times"),
        ([([100.0], [0])], [0], "spike times"),
        ([([0.1, 0.2], [0])], [0], "not as many units as times"),
        ([([0.1], [0])], [20], "labels from 20"),
        ([([0.1], [0])], [-1], "labels from -1"),
        ([([0.1], [0])], [0, 1], "1 times, 1 units, 2 labels"),
        ([([0.1], [0])], ["zero"], "not a file of this set"),
        ([], [], "0 times"),
    ],
)
def test_wrong_contents_are_told(folder: Path, words: Words, labels: list[Any], message: str) -> None:
    write(folder / "shd" / "shd_train.h5", words, labels)
    with pytest.raises(UnreadableFile, match=rf"shd_train\.h5.*{message}"):
        load_heidelberg("shd", "train")


@pytest.mark.parametrize("keep", [0, 100, -50])
def test_truncated_files_are_told(folder: Path, keep: int) -> None:
    path = write(folder / "shd" / "shd_train.h5", [([0.1], [0])], [0])
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UnreadableFile, match=r"shd_train\.h5.*delete it"):
        load_heidelberg("shd", "train")


def test_missing_and_foreign_files_are_told(folder: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"ssc_test\.h5.*missing"):
        load_heidelberg("ssc", "test")
    (folder / "ssc").mkdir()
    with h5py.File(folder / "ssc" / "ssc_test.h5", "w") as file:
        file["labels"] = [0]
    with pytest.raises(UnreadableFile, match=r"ssc_test\.h5.*not a file of this set"):
        load_heidelberg("ssc", "test")


def test_a_download_is_unpacked_only_if_it_is_the_published_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "shd_test.h5", [([0.1, 0.2], [0, 1])], [7])
    archive = tmp_path / "served.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.write(path, "shd_test.h5")

    def serve(url: str, output_file: str, pooch: object) -> None:
        assert url == "https://zenkelab.org/datasets/shd_test.h5.zip"
        Path(output_file).write_bytes(archive.read_bytes())

    monkeypatch.delenv("SYNFIRE_DATA", raising=False)
    monkeypatch.setattr("pooch.os_cache", lambda name: tmp_path / "cache")
    monkeypatch.setattr("pooch.core.choose_downloader", lambda *_, **__: serve)
    with pytest.raises(UnreadableFile, match=r"cannot be downloaded.*set SYNFIRE_DATA"):
        load_heidelberg("shd", "test")
    served = hashlib.md5(archive.read_bytes()).hexdigest()
    monkeypatch.setitem(heidelberg.CHECKSUMS["shd"], "test", served)
    np.testing.assert_array_equal(load_heidelberg("shd", "test").labels, [7])


def test_wrong_names_and_sizes_are_refused(folder: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean shd"):
        load_heidelberg("shh", "train")
    with pytest.raises(UnknownName, match="part of shd"):
        load_heidelberg("shd", "valid")
    with pytest.raises(InvalidValue, match="divisor of 700"):
        load_heidelberg("shd", "train", together=3)
    with pytest.raises(InvalidValue, match="> 0 ms"):
        load_heidelberg("shd", "train", dt=0.0)
