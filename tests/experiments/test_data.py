"""Data sets are divided repeatably and fairly, and damaged files are told by name."""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from synfire.experiments import data
from synfire.neurons import InvalidValue, UnknownName, UnreadableFile


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">I{array.ndim}I", 0x0800 + array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A set of 6 + 3 images of 2 x 3 pixels in the place of MNIST; returns its folder."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    contents = [
        np.arange(36, dtype=np.uint8).reshape(6, 2, 3),
        np.arange(6, dtype=np.uint8),
        np.arange(18, dtype=np.uint8).reshape(3, 2, 3),
        np.arange(3, dtype=np.uint8),
    ]
    checksums = []
    for file, array in zip(data.FILES, contents, strict=True):
        packed = gzip.compress(idx(array))
        (folder / file).write_bytes(packed)
        checksums.append(hashlib.sha256(packed).hexdigest())
    monkeypatch.setitem(data.CHECKSUMS, "mnist", tuple(checksums))
    monkeypatch.setenv("SYNFIRE_DATA", str(tmp_path))
    return folder


def replace(folder: Path, number: int, packed: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put other bytes in a file's place, and have its checksum agree, so that the next check is reached."""
    (folder / data.FILES[number]).write_bytes(packed)
    checksums = list(data.CHECKSUMS["mnist"])
    checksums[number] = hashlib.sha256(packed).hexdigest()
    monkeypatch.setitem(data.CHECKSUMS, "mnist", tuple(checksums))


def test_idx_files_are_read_as_they_are(tiny: Path) -> None:
    images = data.load_idx("mnist")
    np.testing.assert_array_equal(images.train_images, np.arange(36).reshape(6, 2, 3))
    np.testing.assert_array_equal(images.test_labels, [0, 1, 2])
    assert images.train_images.dtype == np.uint8
    assert images.train_intensity.max() == np.float32(35 / 255)


def test_wrong_checksum_names_the_file(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(data.CHECKSUMS, "mnist", ("0" * 64,) * 4)
    with pytest.raises(UnreadableFile, match=r"train-images.*not the published file"):
        data.load_idx("mnist")


@pytest.mark.parametrize("length", [0, 1, 15, 40])
def test_truncated_gzip_names_the_file(tiny: Path, length: int) -> None:
    file = tiny / data.FILES[2]
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(UnreadableFile, match=r"t10k-images.*delete it"):
        data.load_idx("mnist")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\x00",
        b"\x00\x00\x0d\x01" + bytes(8),
        b"\x00\x00\x08\x03" + bytes(4),
        idx(np.zeros((6, 2, 3), np.uint8))[:-1],
        idx(np.zeros((6, 2, 3), np.uint8)) + b"x",
        struct.pack(">4I", 0x0803, 2**32 - 1, 2**32 - 1, 2**32 - 1),
        idx(np.zeros((5, 2, 3), np.uint8)),
        idx(np.zeros(6, np.uint8)),
    ],
)
def test_wrong_magic_shape_or_count_is_refused(tiny: Path, monkeypatch: pytest.MonkeyPatch, raw: bytes) -> None:
    replace(tiny, 0, gzip.compress(raw), monkeypatch)
    with pytest.raises(UnreadableFile, match="mnist"):
        data.load_idx("mnist")


def test_missing_file_says_where_it_should_be(tiny: Path) -> None:
    (tiny / data.FILES[1]).unlink()
    with pytest.raises(UnreadableFile, match=r"train-labels.*unset SYNFIRE_DATA"):
        data.load_idx("mnist")


def test_failed_download_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise ConnectionError("no route")

    monkeypatch.delenv("SYNFIRE_DATA", raising=False)
    monkeypatch.setattr("pooch.retrieve", refuse)
    with pytest.raises(UnreadableFile, match=r"no route.*SYNFIRE_DATA"):
        data.load_idx("fashion_mnist")


def test_unknown_set_is_told_with_the_nearest_name() -> None:
    with pytest.raises(UnknownName, match="did you mean mnist"):
        data.load_idx("minst")


@pytest.mark.skipif("SYNFIRE_DATA" not in os.environ, reason="SYNFIRE_DATA is not set")
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_published_sets_have_their_published_sizes(name: str) -> None:
    images = data.load_idx(name)
    assert images.train_images.shape == (60_000, 28, 28)
    assert images.test_images.shape == (10_000, 28, 28)
    assert set(np.unique(images.test_labels)) == set(range(10))


def test_digits_are_all_there_and_scaled() -> None:
    digits = data.load_digits()
    assert len(digits.train_images) + len(digits.test_images) == 1797
    assert digits.train_images.shape[1:] == (8, 8)
    assert digits.train_intensity.dtype == np.float32
    assert (digits.train_intensity.min(), digits.train_intensity.max()) == (0.0, 1.0)


def test_split_is_the_same_for_the_same_seed_and_other_for_another() -> None:
    first, again, other = (data.load_digits(seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.test_images, again.test_images)
    assert not np.array_equal(first.test_images, other.test_images)


def test_split_keeps_every_image_once_and_every_class_in_proportion() -> None:
    labels = np.repeat([0, 1, 2], [40, 20, 4])
    train, train_labels, test, test_labels = data.split(np.arange(64), labels, 0.25, seed=0)
    np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(64))
    np.testing.assert_array_equal(np.bincount(test_labels), [10, 5, 1])
    np.testing.assert_array_equal(labels[train], train_labels)
    np.testing.assert_array_equal(labels[test], test_labels)


@pytest.mark.parametrize(("fraction", "seed", "count"), [(0.0, 0, 4), (1.0, 0, 4), (0.5, -1, 4), (0.5, 0, 3)])
def test_split_refuses_what_it_cannot_do(fraction: float, seed: int, count: int) -> None:
    with pytest.raises(InvalidValue):
        data.split(np.arange(4), np.zeros(count, int), fraction, seed)


def test_split_refuses_a_class_with_one_image() -> None:
    with pytest.raises(InvalidValue, match="one image of class 1"):
        data.split(np.arange(4), np.array([0, 0, 0, 1]), 0.5, 0)
