"""SVHN's axes become those of images, its 10 becomes 0, and a file that is anything else is refused."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from synfire.experiments.data import load_svhn, svhn
from synfire.neurons import UnreadableFile

COUNTS = {"train": 12, "test": 11}
Arrays = dict[str, dict[str, np.ndarray]]


def put(folder: Path, monkeypatch: pytest.MonkeyPatch, contents: dict[str, bytes]) -> None:
    (folder / "svhn").mkdir()
    for part, content in contents.items():
        (folder / "svhn" / svhn.FILES[part]).write_bytes(content)
    sums = {part: f"md5:{hashlib.md5(content).hexdigest()}" for part, content in contents.items()}
    monkeypatch.setattr(svhn, "CHECKSUMS", sums)
    monkeypatch.setattr(svhn, "COUNTS", COUNTS)
    monkeypatch.setenv("SYNFIRE_DATA", str(folder))


def packed(arrays: Arrays) -> dict[str, bytes]:
    found = {}
    for part, each in arrays.items():
        file = io.BytesIO()
        savemat(file, each, do_compression=True)
        found[part] = file.getvalue()
    return found


@pytest.fixture
def arrays() -> Arrays:
    rng = np.random.default_rng(0)
    return {
        part: {
            "X": rng.integers(0, 256, (32, 32, 3, count), dtype=np.uint8),  # (row, column, channel, image)
            "y": (np.arange(count, dtype=np.uint8) % 10 + 1)[:, None],
        }
        for part, count in COUNTS.items()
    }


def test_images_come_first_and_ten_is_the_digit_zero(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arrays: Arrays
) -> None:
    put(tmp_path, monkeypatch, packed(arrays))
    images = load_svhn()
    for part, count in COUNTS.items():
        found = getattr(images, f"{part}_images")
        assert found.shape == (count, 32, 32, 3)
        for row, column, channel in [(0, 31, 0), (31, 0, 1), (7, 20, 2)]:
            np.testing.assert_array_equal(found[:, row, column, channel], arrays[part]["X"][row, column, channel])
        np.testing.assert_array_equal(getattr(images, f"{part}_labels"), (np.arange(count) + 1) % 10)
    assert images.test_labels[9] == 0


def test_what_is_not_the_arrays_that_were_wanted_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arrays: Arrays
) -> None:
    wrong = {
        "of another type": {"X": arrays["test"]["X"].astype(np.float64), "y": arrays["test"]["y"]},
        "of another number": {"X": arrays["test"]["X"][..., :5], "y": arrays["test"]["y"]},
        "cells, which hold anything": {"X": arrays["test"]["X"], "y": np.full((11, 1), "cell", dtype=object)},
        "one missing": {"X": arrays["test"]["X"]},
        "label 0": {"X": arrays["test"]["X"], "y": arrays["test"]["y"] - 1},
        "label 11": {"X": arrays["test"]["X"], "y": arrays["test"]["y"] + 1},
    }
    for k, (name, each) in enumerate(wrong.items()):
        folder = tmp_path / str(k)
        folder.mkdir()
        put(folder, monkeypatch, packed(arrays | {"test": each}))
        with pytest.raises(UnreadableFile, match=r"test_32x32\.mat: .*wanted"):
            raise AssertionError(f"{name}: {load_svhn()}")


@pytest.mark.parametrize("cut", [0, 60, 300, 20_000])
def test_a_file_that_ends_too_early_or_is_noise_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arrays: Arrays, cut: int
) -> None:
    contents = packed(arrays)
    (tmp_path / "noise").mkdir()
    put(tmp_path, monkeypatch, contents | {"train": contents["train"][:cut]})
    with pytest.raises(UnreadableFile, match=r"train_32x32\.mat: "):
        load_svhn()
    noise = contents["train"][:150] + np.random.default_rng(cut).bytes(2_000)
    put(tmp_path / "noise", monkeypatch, contents | {"train": noise})
    with pytest.raises(UnreadableFile, match=r"train_32x32\.mat: "):
        load_svhn()


def test_another_file_is_not_even_opened_by_scipy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arrays: Arrays
) -> None:
    put(tmp_path, monkeypatch, packed(arrays))
    monkeypatch.setattr(svhn, "CHECKSUMS", dict.fromkeys(COUNTS, "md5:" + "0" * 32))
    monkeypatch.setattr("scipy.io.whosmat", lambda file: pytest.fail("it was read"))
    with pytest.raises(UnreadableFile, match="not the published file"):
        load_svhn()
