"""The JPEG copy of CIFAR-10 is decoded as Pillow does, is never taken for CIFAR-10, and can run no code."""

from __future__ import annotations

import hashlib
import io
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synfire.experiments.data import cifar_jpeg, load_cifar_jpeg, load_images
from synfire.neurons import UnreadableFile


def stream(size: tuple[int, int] = (32, 32), mode: str = "RGB", form: str = "JPEG", grey: int = 200) -> bytes:
    packed = io.BytesIO()
    Image.new(mode, size, grey if mode == "L" else (grey, 40, 90)).save(packed, form)
    return packed.getvalue()


def arrays(streams: list[bytes]) -> dict[str, np.ndarray]:
    made: dict[str, np.ndarray] = {}
    for part in ("train", "test"):
        made[f"{part}_jpeg"] = np.frombuffer(b"".join(streams), dtype=np.uint8)
        made[f"{part}_offsets"] = np.cumsum([0, *map(len, streams)]).astype(np.uint32)
        made[f"{part}_labels"] = np.arange(len(streams), dtype=np.uint8)
    return made


def put(folder: Path, packed: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "cifar10").mkdir(exist_ok=True)
    (folder / "cifar10" / cifar_jpeg.FILE).write_bytes(packed)
    monkeypatch.setattr(cifar_jpeg, "CHECKSUM", f"sha256:{hashlib.sha256(packed).hexdigest()}")
    monkeypatch.setenv("SYNFIRE_DATA", str(folder))


def npz(**contents: np.ndarray) -> bytes:
    packed = io.BytesIO()
    np.savez(packed, **contents)
    return packed.getvalue()


def test_streams_are_decoded_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    streams = []
    for _ in range(3):
        packed = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(packed, "JPEG")
        streams.append(packed.getvalue())
    put(tmp_path, npz(**arrays(streams)), monkeypatch)
    images = load_cifar_jpeg()
    assert images.name == "cifar10_jpeg"
    for number, packed in enumerate(streams):
        np.testing.assert_array_equal(images.train_images[number], np.asarray(Image.open(io.BytesIO(packed))))
    np.testing.assert_array_equal(images.test_labels, [0, 1, 2])


class Trap:
    """Unpickling this makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("kind", ["pickle", "objects", "npy", "text", "empty"])
def test_nothing_but_plain_arrays_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    trap, sprung = Trap(tmp_path / "sprung"), tmp_path / "sprung"
    npy = io.BytesIO()
    np.save(npy, np.arange(3))
    packed = {
        "pickle": pickle.dumps(trap),
        "objects": npz(**arrays([stream()]) | {"train_jpeg": np.array([trap], dtype=object)}),
        "npy": npy.getvalue(),
        "text": b"no npz",
        "empty": b"",
    }[kind]
    put(tmp_path, packed, monkeypatch)
    with pytest.raises(UnreadableFile, match=r"cifar10-jpeg.npz: truncated, or not the npz"):
        load_cifar_jpeg()
    assert not sprung.exists()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"train_offsets": np.array([0, 5], np.uint32)}, "offsets do not rise"),
        ({"train_offsets": np.array([0.0, 5.0])}, "not a list of bytes"),
        ({"test_labels": np.array([10], np.uint8)}, "test: labels are not 1 numbers from 0 to 9"),
        ({"test_labels": np.array([1, 2], np.uint8)}, "test: labels are not 1 numbers"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, np.ndarray], said: str
) -> None:
    put(tmp_path, npz(**arrays([stream()]) | changed), monkeypatch)
    with pytest.raises(UnreadableFile, match=said):
        load_cifar_jpeg()


@pytest.mark.parametrize(
    ("packed", "said"),
    [
        (stream(size=(33, 32)), "image 1 is RGB of"),
        (stream(mode="L"), "image 1 is L of"),
        (stream(form="PNG"), "image 1 cannot be decoded"),
        (stream()[:300], "image 1 cannot be decoded"),
        (b"abc", "image 1 cannot be decoded"),
    ],
)
def test_streams_that_are_no_small_colour_jpeg_are_refused(packed: bytes, said: str) -> None:
    made = arrays([stream(), packed])
    with pytest.raises(UnreadableFile, match=said):
        cifar_jpeg.decode_jpegs("here", made["train_jpeg"], made["train_offsets"])


def test_it_is_not_taken_for_cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, npz(**arrays([stream()])), monkeypatch)
    with pytest.raises(UnreadableFile, match=r"cifar-10-binary\.tar\.gz"):
        load_images("cifar10")


def test_another_file_is_refused_before_it_is_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = npz(**arrays([stream()]))
    put(tmp_path, packed, monkeypatch)
    (tmp_path / "cifar10" / cifar_jpeg.FILE).write_bytes(packed[:-1])
    monkeypatch.setattr(np, "load", lambda *_, **__: pytest.fail("a foreign file was parsed"))
    with pytest.raises(UnreadableFile, match=r"not the published file.*put cifar10-jpeg.npz into a folder"):
        load_cifar_jpeg()
    (tmp_path / "cifar10" / cifar_jpeg.FILE).unlink()
    with pytest.raises(UnreadableFile, match=r"No such file.*put cifar10-jpeg.npz into a folder"):
        load_cifar_jpeg()


def test_without_a_folder_it_says_that_it_is_not_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SYNFIRE_DATA", raising=False)
    with pytest.raises(UnreadableFile, match=r"not downloaded.*set SYNFIRE_DATA"):
        load_cifar_jpeg()
