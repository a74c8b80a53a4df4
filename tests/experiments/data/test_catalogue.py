"""Sets by name; and, where they lie in SYNFIRE_DATA, that the real files are what the constants say."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from synfire.experiments.data import LOADERS, NORMALISATION, cifar_jpeg, load_images, three_parts
from synfire.experiments.data.fetch import open_published
from synfire.neurons import UnknownName


def needs(file: str) -> pytest.MarkDecorator:
    there = (Path(os.environ.get("SYNFIRE_DATA", "/none")) / file).is_file()
    return pytest.mark.skipif(not there, reason=f"SYNFIRE_DATA/{file} is not there")


IDX = {name: needs(f"{name}/train-images-idx3-ubyte.gz") for name in ("mnist", "fashion_mnist", "kmnist")}


def test_unknown_set_is_told_with_the_nearest_name() -> None:
    with pytest.raises(UnknownName, match="did you mean fashion_mnist"):
        load_images("fashion_mnst")


def test_every_set_has_a_normalisation() -> None:
    assert set(NORMALISATION) == set(LOADERS)


def test_a_set_is_read_once_and_cannot_be_written_to() -> None:
    digits = load_images("digits")
    assert load_images("digits") is digits
    for array in (digits.train_images, digits.train_labels, digits.test_images, digits.test_labels):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_a_set_is_read_anew_from_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digits = load_images("digits")
    monkeypatch.setenv("SYNFIRE_DATA", str(tmp_path))
    assert load_images("digits") is not digits


def test_digits_are_normalised_by_what_they_are() -> None:
    digits = load_images("digits")
    all_of_them = np.concatenate([digits.train_intensity, digits.test_intensity])
    mean, std = NORMALISATION["digits"]
    assert abs(all_of_them.mean() - mean[0]) < 5e-5  # four digits are given
    assert abs(all_of_them.std() - std[0]) < 5e-5


@pytest.mark.parametrize(
    ("name", "first"),
    [pytest.param(name, first, marks=IDX[name]) for name, first in [("mnist", 5), ("fashion_mnist", 9), ("kmnist", 8)]],
)
def test_published_idx_sets_have_their_sizes_classes_and_moments(name: str, first: int) -> None:
    images = load_images(name)
    assert images.train_images.shape == (60_000, 28, 28)
    assert images.test_images.shape == (10_000, 28, 28)
    assert images.classes == 10
    assert images.train_labels[0] == first
    if name != "mnist":  # whose classes are not of one size
        assert (np.bincount(images.train_labels) == 6_000).all()
        assert (np.bincount(images.test_labels) == 1_000).all()
    some = images.train_images[
        ::11
    ]  # not an even step: MNIST alternates between writers, whose strokes differ by a tenth
    counts = np.bincount(some.ravel(), minlength=256)
    z = (np.arange(256) / 255 - NORMALISATION[name].mean[0]) / NORMALISATION[name].std[0]
    mean = counts @ z / counts.sum()
    assert abs(mean) < 0.02  # of a part of the images; over all, constants are right to the four digits given
    assert abs(np.sqrt(counts @ z**2 / counts.sum() - mean**2) - 1.0) < 0.02


@IDX["fashion_mnist"]
def test_a_trial_of_fashion_mnist_is_near_zero_and_one() -> None:
    train, validation, test = three_parts(load_images("fashion_mnist"), seed=0)
    assert (len(train), len(validation), len(test)) == (54_000, 6_000, 10_000)
    x, _ = train.batch(np.arange(5_000))
    assert abs(float(x.mean())) < 0.02
    assert abs(float(x.std()) - 1.0) < 0.02


@needs("cifar10/cifar10-jpeg.npz")
def test_the_jpeg_copy_has_cifars_classes_and_moments() -> None:
    path = Path(os.environ["SYNFIRE_DATA"]) / cifar_jpeg.FOLDER / cifar_jpeg.FILE
    with open_published(path, cifar_jpeg.CHECKSUM) as opened, np.load(opened, allow_pickle=False) as file:
        jpeg, offsets, labels = (file[f"test_{key}"] for key in ("jpeg", "offsets", "labels"))
        assert (np.bincount(file["train_labels"]) == 5_000).all()
    assert (np.bincount(labels) == 1_000).all()
    np.testing.assert_array_equal(labels[:10], np.arange(10))
    images = cifar_jpeg.decode_jpegs("test", jpeg[: offsets[2_000]], offsets[:2_001])  # to decode all takes 4 s
    mean, std = (np.array(each) for each in NORMALISATION["cifar10_jpeg"])
    z = (images / 255.0 - mean) / std
    np.testing.assert_allclose(z.mean(axis=(0, 1, 2)), 0.0, atol=0.06)  # 2,000 images whose brightness varies by 0.5
    np.testing.assert_allclose(z.std(axis=(0, 1, 2)), 1.0, atol=0.04)
