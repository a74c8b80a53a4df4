"""Augmented images are what slow loops make of them, and depend on seed, epoch and their own number alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import synfire as sf
from synfire.experiments.data import Augmented, Images, Reconstructions

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (60, 6, 5, 3), dtype=np.uint8)
LABELS = RNG.integers(0, 4, 60)


def images_of(pixels: np.ndarray = COLOUR, flat: bool = False) -> Images:
    return Images(images=pixels, labels=LABELS[: len(pixels)], mean=0.0, std=1.0 / 255.0, flat=flat)  # x = pixel value


def padded(image: np.ndarray, p: int) -> np.ndarray:
    """With the pixels of its edge around it, one after the other."""
    height, width = image.shape[:2]
    large = np.zeros((height + 2 * p, width + 2 * p, *image.shape[2:]), dtype=image.dtype)
    for i in range(height + 2 * p):
        for j in range(width + 2 * p):
            large[i, j] = image[min(max(i - p, 0), height - 1), min(max(j - p, 0), width - 1)]
    return large


@pytest.mark.parametrize("padding", [0, 2, 7])
@pytest.mark.parametrize("grey", [False, True])
def test_every_image_is_mirrored_or_not_and_cut_out_of_itself_padded(padding: int, grey: bool) -> None:
    pixels = COLOUR[..., 0] if grey else COLOUR
    seen = Augmented(images=images_of(pixels), crop_padding=padding, seed=3).epoch(1)
    chosen = np.array([4, 59, 0, 4, 17])
    x, target = seen.batch(chosen)
    for place, k in enumerate(chosen):
        source = pixels[k][:, ::-1] if seen.flipped[k] else pixels[k]
        top, left = padding + seen.down[k], padding + seen.right[k]
        window = padded(source, padding)[top : top + 6, left : left + 5]
        wanted = window[None] if grey else window.transpose(2, 0, 1)
        np.testing.assert_array_equal(x[0, place].round().numpy(), wanted)
    np.testing.assert_array_equal(target.numpy(), LABELS[chosen])


def test_all_places_and_both_sides_are_equally_likely() -> None:
    many = Images(images=np.zeros((36_000, 1, 1), np.uint8), labels=np.zeros(36_000, np.int64), mean=0.0, std=1.0)
    seen = Augmented(images=many, crop_padding=1, seed=0).epoch(0)
    cases = np.bincount(9 * seen.flipped + 3 * (seen.down + 1) + seen.right + 1, minlength=18)
    assert len(cases) == 18
    assert ((cases - 2000) ** 2 / 2000).sum() < 48  # chi-square of 17 degrees: once in 10,000 seeds


def test_neither_the_batch_nor_its_order_changes_an_image() -> None:
    seen = Augmented(images=images_of(), seed=3).epoch(5)
    whole, _ = seen.batch(np.arange(60))
    order = np.random.default_rng(1).permutation(60)
    for part in np.split(order, [1, 8, 30]):
        assert torch.equal(seen.batch(part)[0], whole[:, part])
    again, _ = Augmented(images=images_of(), seed=3).epoch(5).batch(np.arange(60))
    assert torch.equal(again, whole)
    fewer = Augmented(images=images_of().subset(np.arange(20)), seed=3).epoch(5)
    assert torch.equal(fewer.batch(np.arange(20))[0], whole[:, :20])


def test_epochs_and_seeds_differ() -> None:
    first = Augmented(images=images_of(), seed=3)
    every = [first.epoch(0), first.epoch(1), Augmented(images=images_of(), seed=4).epoch(0)]
    seen = [each.batch(np.arange(60))[0] for each in every]
    assert not any(torch.equal(a, b) for a, b in [(seen[0], seen[1]), (seen[0], seen[2]), (seen[1], seen[2])])


def test_outside_an_epoch_images_are_as_they_are() -> None:
    augmented = Augmented(images=images_of(flat=True), seed=0)
    assert torch.equal(augmented.batch([3, 2])[0], images_of(flat=True).batch([3, 2])[0])
    assert augmented.epoch(0).batch([3, 2])[0].shape == (1, 2, 90)
    off = Augmented(images=images_of(), flip=False, crop_padding=0, seed=0).epoch(0)
    assert torch.equal(off.batch([3, 2])[0], images_of().batch([3, 2])[0])


def test_images_of_a_subset_are_those_of_the_subset() -> None:
    part = images_of().subset([50, 10])
    plain = Augmented(images=part, flip=False, crop_padding=0, seed=0).epoch(0)
    assert torch.equal(plain.batch([1, 0])[0], images_of().batch([10, 50])[0])


def test_reconstructions_of_augmented_images_change_with_the_epoch() -> None:
    augmented = Augmented(images=images_of(), seed=0)
    x, target = Reconstructions(augmented).epoch(2).batch(np.arange(5))
    assert torch.equal(x, target)
    assert torch.equal(x, augmented.epoch(2).batch(np.arange(5))[0])


def test_fit_sees_each_epochs_own_images() -> None:
    seen = []

    class Spy(Augmented):
        def epoch(self, k: int) -> object:
            seen.append(k)
            return super().epoch(k)

    spy = Spy(images=images_of(flat=True), seed=0)
    sf.fit(sf.perceptron([90, 4, 4]), sf.BPTT(), spy, epochs=3, batch=30, progress=False)
    assert seen == [0, 1, 2]


@pytest.mark.parametrize("padding", [-1, 1.5, True])
def test_padding_that_is_no_number_of_pixels_is_refused(padding: object) -> None:
    with pytest.raises(sf.InvalidValue, match="crop_padding"):
        Augmented(images=images_of(), crop_padding=padding, seed=0)  # type: ignore[arg-type]
    with pytest.raises(sf.InvalidValue, match="seed"):
        Augmented(images=images_of(), seed=-1)
