"""notMNIST is read from its archive in memory, without its damaged images, and every tenth of a class is for testing."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synfire.experiments.data import load_notmnist, notmnist
from synfire.neurons import UnreadableFile

Files = dict[str, bytes | tarfile.TarInfo]


def png(value: int, size: tuple[int, int] = (28, 28), mode: str = "L") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, value).save(file, "PNG")
    return file.getvalue()


def put(folder: Path, files: Files, monkeypatch: pytest.MonkeyPatch, cut: int | None = None) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as archive:
        for name, content in files.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
                continue
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    raw = packed.getvalue()[:cut]
    (folder / "notmnist").mkdir()
    (folder / "notmnist" / notmnist.FILE).write_bytes(raw)
    monkeypatch.setattr(notmnist, "CHECKSUM", f"md5:{hashlib.md5(raw).hexdigest()}")
    monkeypatch.setenv("SYNFIRE_DATA", str(folder))


@pytest.fixture
def files() -> Files:
    """Eleven images of each letter, last name first; image k of letter l is all 20 l + k."""
    made: Files = {}
    for label, letter in enumerate("ABCDEFGHIJ"):
        for k in reversed(range(11)):
            made[f"notMNIST_small/{letter}/font{k:02d}.png"] = png(20 * label + k)
    return made


def test_every_tenth_of_a_class_by_file_name_is_for_testing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: Files
) -> None:
    put(tmp_path, files, monkeypatch)
    images = load_notmnist()
    assert images.train_images.shape == (100, 28, 28)
    np.testing.assert_array_equal(images.test_labels, np.arange(10))
    np.testing.assert_array_equal(images.test_images[:, 3, 20], 20 * np.arange(10) + 9)
    np.testing.assert_array_equal(images.train_labels, np.repeat(np.arange(10), 10))
    np.testing.assert_array_equal(images.train_images[:10, 0, 0], [0, 1, 2, 3, 4, 5, 6, 7, 8, 10])


def test_damaged_images_and_other_members_are_left_out_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: Files
) -> None:
    whole = files["notMNIST_small/C/font04.png"]
    assert isinstance(whole, bytes)
    files["notMNIST_small/C/font04.png"] = whole[: len(whole) // 2]
    files["notMNIST_small/D/font05.png"] = b""
    files["notMNIST_small/D/._font05.png"] = b"of an operating system"
    files["../../escaped.png"] = png(1)
    files["notMNIST_small/K/font01.png"] = png(1)
    put(tmp_path, files, monkeypatch)
    images = load_notmnist()
    assert len(images.train_labels) + len(images.test_labels) == 108
    assert 44 not in images.train_images[images.train_labels == 2]
    assert sorted(each.name for each in tmp_path.rglob("*")) == ["notMNIST_small.tar.gz", "notmnist"]


def link(name: str) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return made


WRONG: dict[str, tuple[Files, str]] = {
    "link": ({"x": link("notMNIST_small/A/link.png")}, "no plain file"),
    "large": ({"notMNIST_small/A/large.png": bytes(70_000)}, "no plain file of at most"),
    "size": ({"notMNIST_small/A/wide.png": png(0, (2_800, 28))}, r"L of \(2800, 28\)"),
    "colour": ({"notMNIST_small/A/colour.png": png(0, mode="RGB")}, "RGB of"),
    "damaged": ({f"notMNIST_small/A/bad{k}.png": b"no PNG" for k in range(11)}, "more than 10 images"),
}


@pytest.mark.parametrize("name", WRONG)
def test_archives_with_what_cannot_be_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: Files, name: str
) -> None:
    added, said = WRONG[name]
    put(tmp_path, files | added, monkeypatch)
    with pytest.raises(UnreadableFile, match=said):
        load_notmnist()


def test_a_class_with_too_few_images_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: Files) -> None:
    put(tmp_path, {name: each for name, each in files.items() if "/J/" not in name}, monkeypatch)
    with pytest.raises(UnreadableFile, match="has 0 images of J"):
        load_notmnist()


@pytest.mark.parametrize("cut", [0, 5, 1_000])
def test_an_archive_that_ends_too_early_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: Files, cut: int
) -> None:
    put(tmp_path, files, monkeypatch, cut)
    with pytest.raises(UnreadableFile, match=r"notMNIST_small\.tar\.gz: "):
        load_notmnist()
