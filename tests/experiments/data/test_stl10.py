"""STL-10's columns become rows, and its labels count from 0."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from synfire.experiments.data import load_stl10, stl10
from synfire.neurons import UnreadableFile

COUNTS = {"train": 3, "test": 2}


def put(folder: Path, arrays: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as file:
        for name, array in arrays.items():
            member = tarfile.TarInfo(f"stl10_binary/{name}.bin")
            member.size = array.size
            file.addfile(member, io.BytesIO(array.tobytes()))
    (folder / "stl10").mkdir()
    (folder / "stl10" / stl10.FILE).write_bytes(packed.getvalue())
    monkeypatch.setattr(stl10, "CHECKSUM", f"md5:{hashlib.md5(packed.getvalue()).hexdigest()}")
    monkeypatch.setattr(stl10, "COUNTS", COUNTS)
    monkeypatch.setenv("SYNFIRE_DATA", str(folder))


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    made = {"unlabeled_X": np.zeros(7, np.uint8)}
    for part, count in COUNTS.items():
        made[f"{part}_X"] = rng.integers(0, 256, (count, 3, 96, 96), dtype=np.uint8)  # (n, channel, column, row)
        made[f"{part}_y"] = np.arange(1, count + 1, dtype=np.uint8)
    return made


def test_columns_become_rows_and_labels_count_from_zero(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arrays: dict[str, np.ndarray]
) -> None:
    put(tmp_path, arrays, monkeypatch)
    images = load_stl10()
    for part, count in COUNTS.items():
        found = getattr(images, f"{part}_images")
        assert found.shape == (count, 96, 96, 3)
        for row, column, channel in [(0, 95, 0), (95, 0, 1), (17, 60, 2)]:
            np.testing.assert_array_equal(found[:, row, column, channel], arrays[f"{part}_X"][:, channel, column, row])
        np.testing.assert_array_equal(getattr(images, f"{part}_labels"), np.arange(count))


@pytest.mark.parametrize("label", [0, 11])
def test_labels_that_are_none_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arrays: dict[str, np.ndarray], label: int
) -> None:
    arrays["test_y"][1] = label
    put(tmp_path, arrays, monkeypatch)
    with pytest.raises(UnreadableFile, match=rf"test has labels .*{label}.*wanted 1 to 10"):
        load_stl10()


def test_images_of_another_size_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arrays: dict[str, np.ndarray]
) -> None:
    arrays["train_X"] = arrays["train_X"][:2]
    put(tmp_path, arrays, monkeypatch)
    with pytest.raises(UnreadableFile, match=r"train_X.bin has 55296 bytes, wanted 82944"):
        load_stl10()
