"""Files of MNIST's form are read as they are, and damaged ones are told by name."""

from __future__ import annotations

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest

from synfire.experiments.data import idx
from synfire.neurons import UnknownName, UnreadableFile


def packed_idx(array: np.ndarray) -> bytes:
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
    for file, array in zip(idx.FILES, contents, strict=True):
        packed = gzip.compress(packed_idx(array))
        (folder / file).write_bytes(packed)
        checksums.append(f"sha256:{hashlib.sha256(packed).hexdigest()}")
    monkeypatch.setitem(idx.CHECKSUMS, "mnist", tuple(checksums))
    monkeypatch.setenv("SYNFIRE_DATA", str(tmp_path))
    return folder


def replace(folder: Path, number: int, packed: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put other bytes in a file's place, and have its checksum agree, so that the next check is reached."""
    (folder / idx.FILES[number]).write_bytes(packed)
    checksums = list(idx.CHECKSUMS["mnist"])
    checksums[number] = f"sha256:{hashlib.sha256(packed).hexdigest()}"
    monkeypatch.setitem(idx.CHECKSUMS, "mnist", tuple(checksums))


def test_idx_files_are_read_as_they_are(tiny: Path) -> None:
    images = idx.load_idx("mnist")
    np.testing.assert_array_equal(images.train_images, np.arange(36).reshape(6, 2, 3))
    np.testing.assert_array_equal(images.test_labels, [0, 1, 2])
    assert images.train_images.dtype == np.uint8
    assert images.train_intensity.max() == np.float32(35 / 255)


def test_wrong_checksum_names_the_file(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(idx.CHECKSUMS, "mnist", ("sha256:" + "0" * 64,) * 4)
    with pytest.raises(UnreadableFile, match=r"train-images.*not the published file"):
        idx.load_idx("mnist")


@pytest.mark.parametrize("length", [0, 1, 15, 40])
def test_truncated_gzip_names_the_file(tiny: Path, monkeypatch: pytest.MonkeyPatch, length: int) -> None:
    file = tiny / idx.FILES[2]
    part = file.read_bytes()[:length]
    file.write_bytes(part)
    with pytest.raises(UnreadableFile, match=rf"t10k-images.* {length} bytes, truncated.*delete it"):
        idx.load_idx("mnist")
    replace(tiny, 2, part, monkeypatch)
    with pytest.raises(UnreadableFile, match=r"t10k-images.*(truncated|not an idx file).*delete it"):
        idx.load_idx("mnist")


def test_checksum_may_be_an_md5(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = tuple(f"md5:{hashlib.md5((tiny / file).read_bytes()).hexdigest()}" for file in idx.FILES)
    monkeypatch.setitem(idx.CHECKSUMS, "kmnist", found)
    tiny.rename(tiny.parent / "kmnist")
    assert idx.load_idx("kmnist").name == "kmnist"
    monkeypatch.setitem(idx.CHECKSUMS, "kmnist", (*found[:3], found[0]))
    with pytest.raises(UnreadableFile, match=r"t10k-labels.*its md5 differs"):
        idx.load_idx("kmnist")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\x00",
        b"\x00\x00\x0d\x01" + bytes(8),
        b"\x00\x00\x08\x03" + bytes(4),
        packed_idx(np.zeros((6, 2, 3), np.uint8))[:-1],
        packed_idx(np.zeros((6, 2, 3), np.uint8)) + b"x",
        struct.pack(">4I", 0x0803, 2**32 - 1, 2**32 - 1, 2**32 - 1),
        packed_idx(np.zeros((5, 2, 3), np.uint8)),
        packed_idx(np.zeros(6, np.uint8)),
    ],
)
def test_wrong_magic_shape_or_count_is_refused(tiny: Path, monkeypatch: pytest.MonkeyPatch, raw: bytes) -> None:
    replace(tiny, 0, gzip.compress(raw), monkeypatch)
    with pytest.raises(UnreadableFile, match="mnist"):
        idx.load_idx("mnist")


def test_missing_file_says_where_it_should_be(tiny: Path) -> None:
    (tiny / idx.FILES[1]).unlink()
    with pytest.raises(UnreadableFile, match=r"train-labels.*unset SYNFIRE_DATA"):
        idx.load_idx("mnist")


def test_failed_download_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise ConnectionError("no route")

    monkeypatch.delenv("SYNFIRE_DATA", raising=False)
    monkeypatch.setattr("pooch.retrieve", refuse)
    with pytest.raises(UnreadableFile, match=r"no route.*SYNFIRE_DATA"):
        idx.load_idx("fashion_mnist")


def test_unknown_set_is_told_with_the_nearest_name() -> None:
    with pytest.raises(UnknownName, match="did you mean mnist"):
        idx.load_idx("minst")
