"""N-MNIST is read as it was recorded, and refused when it is another file."""

import hashlib
import io

import numpy as np
import pytest

from synfire.experiments import nmnist
from synfire.experiments.nmnist import load_nmnist
from synfire.neurons import UnreadableFile


def arrays(part: str, **changes: np.ndarray) -> dict[str, np.ndarray]:
    """Three recordings, the second without events."""
    made = {
        "x": np.array([0, 33, 5, 6, 7], np.uint8),
        "y": np.array([0, 33, 1, 2, 3], np.uint8),
        "p": np.array([0, 1, 1, 0, 1], np.uint8),
        "t": np.array([0, 299_999, 4_999, 5_000, 300_000], np.uint32),
        "offsets": np.array([0, 2, 2, 5], np.uint32),
        "labels": np.array([9, 0, 4], np.uint8),
    }
    return {f"{part}_{key}": value for key, value in (made | changes).items()}


@pytest.fixture
def put(tmp_path, monkeypatch):
    """Put arrays where the data set is expected, and make theirs the checksum of the published file."""

    def write(**contents: np.ndarray) -> None:
        packed = io.BytesIO()
        np.savez(packed, **contents)
        (tmp_path / "nmnist_small").mkdir(exist_ok=True)
        (tmp_path / "nmnist_small" / "nmnist_small.npz").write_bytes(packed.getvalue())
        monkeypatch.setattr(nmnist, "CHECKSUM", f"sha256:{hashlib.sha256(packed.getvalue()).hexdigest()}")
        monkeypatch.setenv("SYNFIRE_DATA", str(tmp_path))

    return write


def test_events_are_read_as_they_are(put):
    put(**arrays("train"), **arrays("test", labels=np.array([1, 2, 3], np.uint8)))
    train, test = load_nmnist()
    for field, key in (("x", "x"), ("y", "y"), ("polarity", "p"), ("time", "t"), ("offsets", "offsets")):
        np.testing.assert_array_equal(getattr(train, field), arrays("train")[f"train_{key}"])
    np.testing.assert_array_equal(train.labels, [9, 0, 4])
    np.testing.assert_array_equal(test.labels, [1, 2, 3])
    assert train.labels.dtype == train.offsets.dtype == np.int64


@pytest.mark.parametrize(
    "changes",
    [
        {"x": np.array([0, 34, 5, 6, 7], np.uint8)},
        {"p": np.array([0, 2, 1, 0, 1], np.uint8)},
        {"labels": np.array([9, 0, 10], np.uint8)},
        {"labels": np.array([9, 0], np.uint8)},
        {"y": np.zeros(4, np.uint8)},
        {"t": np.zeros(5)},
        {"offsets": np.array([0, 3, 2, 5], np.uint32)},
        {"offsets": np.array([0, 2, 2, 6], np.uint32)},
    ],
)
def test_arrays_that_are_no_recordings_are_refused(put, changes):
    put(**arrays("train"), **arrays("test", **changes))
    with pytest.raises(UnreadableFile, match="test"):
        load_nmnist()


def test_a_file_without_a_part_is_refused(put):
    put(**arrays("train"))
    with pytest.raises(UnreadableFile, match="not the npz"):
        load_nmnist()


def test_another_file_is_refused_before_it_is_read(put, monkeypatch):
    put(**arrays("train"), **arrays("test"))
    monkeypatch.setattr(nmnist, "CHECKSUM", f"sha256:{'0' * 64}")
    with pytest.raises(UnreadableFile, match="not the published file"):
        load_nmnist()


def test_where_to_put_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("SYNFIRE_DATA", str(tmp_path))
    with pytest.raises(UnreadableFile, match="folder nmnist_small"):
        load_nmnist()
    monkeypatch.delenv("SYNFIRE_DATA")
    with pytest.raises(UnreadableFile, match="set SYNFIRE_DATA"):
        load_nmnist()
