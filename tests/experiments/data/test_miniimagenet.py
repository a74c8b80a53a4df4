"""miniImageNet from folders of the user's own: which images are taken, at which size, and what is said of other folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synfire.experiments.data import load_miniimagenet, miniimagenet
from synfire.neurons import UnreadableFile


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three classes of three or four images each; image k of class c is all (10 c + k, 100, 200)."""
    monkeypatch.setattr(miniimagenet, "CLASSES", 3)
    monkeypatch.setattr(miniimagenet, "COUNTS", {"train": 2, "test": 1})
    monkeypatch.setenv("SYNFIRE_DATA", str(tmp_path))
    root = tmp_path / "miniimagenet"
    for label, name in enumerate(("n01", "n02", "n10")):
        (root / name).mkdir(parents=True)
        for k in range(3 + (label == 1)):
            image = Image.new("RGB", (100 + k, 60), (10 * label + k, 100, 200))
            image.save(root / name / f"{k}.{'png' if label else 'JPEG'}", quality=100, subsampling=0)
        (root / name / "notes.txt").write_text("not an image")
    return root


def test_classes_and_images_are_taken_in_the_order_of_their_names(folder: Path) -> None:
    images = load_miniimagenet()
    assert images.train_images.shape == (6, 84, 84, 3)
    np.testing.assert_array_equal(images.train_labels, [0, 0, 1, 1, 2, 2])
    np.testing.assert_array_equal(images.test_labels, [0, 1, 2])
    np.testing.assert_array_equal(images.train_images[2:, 40, 7, 0], [10, 11, 20, 21])
    np.testing.assert_array_equal(images.test_images[1:, 0, 83], [[12, 100, 200], [22, 100, 200]])
    assert np.abs(images.test_images[0].astype(int) - [2, 100, 200]).max() <= 2  # JPEG keeps colours to a step or two


def test_images_are_resized_and_not_cropped(folder: Path) -> None:
    left = np.zeros((84, 168, 3), dtype=np.uint8)
    left[:, :84] = 255
    Image.fromarray(left).save(folder / "n01" / "0.JPEG")
    found = load_miniimagenet().train_images[0]
    assert found[:, :40].min() > 240
    assert found[:, 44:].max() < 15


def test_grey_images_become_coloured(folder: Path) -> None:
    Image.new("L", (90, 90), 77).save(folder / "n02" / "0.png")
    assert (load_miniimagenet().train_images[2] == 77).all()


def damage(folder: Path) -> None:
    whole = (folder / "n02" / "1.png").read_bytes()
    (folder / "n02" / "1.png").write_bytes(whole[:60])


WRONG = {
    "missing folder": (lambda folder: folder.rename(folder.parent / "other"), r"miniimagenet: No such file.*<class>"),
    "missing class": (lambda folder: (folder / "n10").rename(folder.parent / "n10"), "has 2 folders of classes"),
    "missing image": (lambda folder: (folder / "n10" / "0.png").unlink(), "n10: has 2 images"),
    "cut image": (damage, r"n02/1\.png: no JPEG or PNG"),
    "text": (lambda folder: (folder / "n02" / "1.png").write_text("text"), r"n02/1\.png: no JPEG or PNG"),
    "wide": (lambda folder: Image.new("1", (9_000, 2)).save(folder / "n02" / "1.png"), "at most 8192"),
    "gif": (lambda folder: Image.new("L", (9, 9)).save(folder / "n02" / "1.png", "GIF"), "no JPEG or PNG"),
}


@pytest.mark.parametrize("name", WRONG)
def test_other_folders_are_refused_with_what_is_wanted(folder: Path, name: str) -> None:
    change, said = WRONG[name]
    change(folder)
    with pytest.raises(UnreadableFile, match=said):
        load_miniimagenet()


def test_without_a_folder_it_says_how_to_lay_the_files_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SYNFIRE_DATA", raising=False)
    with pytest.raises(
        UnreadableFile, match=r"not downloaded.*600 images of each of 100 classes into miniimagenet/<class>/"
    ):
        load_miniimagenet()
