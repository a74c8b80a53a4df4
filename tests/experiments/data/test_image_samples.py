"""Batches of images are what arithmetic in float64 says; parts of a trial are disjoint, complete and pure in the seed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import synfire as sf
from synfire.experiments.data import NORMALISATION, Images, ImageSet, Reconstructions, load_images, three_parts

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (40, 5, 7), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (40, 5, 7, 3), dtype=np.uint8)
LABELS = RNG.integers(0, 4, 40)
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)


def oracle(image: np.ndarray, mean: tuple[float, ...], std: tuple[float, ...], brightest: int = 255) -> np.ndarray:
    """(channel, height, width) of one image, one pixel after the other."""
    pixels = image[..., None] if image.ndim == 2 else image
    height, width, channels = pixels.shape
    x = np.zeros((channels, height, width))
    for c in range(channels):
        for i in range(height):
            for j in range(width):
                x[c, i, j] = (float(pixels[i, j, c]) / brightest - mean[c]) / std[c]
    return x


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize(("images", "mean", "std"), [(GREY, (0.3,), (0.35,)), (COLOUR, MEAN, STD)])
def test_a_batch_is_the_normalised_images_asked_for(
    images: np.ndarray, mean: tuple[float, ...], std: tuple[float, ...], flat: bool
) -> None:
    samples = Images(images=images, labels=LABELS, mean=mean, std=std, flat=flat)
    chosen = np.array([7, 0, 39, 7])
    x, target = samples.batch(chosen)
    wanted = np.stack([oracle(images[k], mean, std) for k in chosen])
    assert x.dtype == torch.float32
    assert target.dtype == torch.int64
    assert x.shape == ((1, 4, wanted[0].size) if flat else (1, *wanted.shape))
    np.testing.assert_allclose(x.numpy().reshape(wanted.shape), wanted, rtol=0.0, atol=1e-6)  # float32 of up to 3.5
    np.testing.assert_array_equal(target.numpy(), LABELS[chosen])


def test_one_number_stands_for_all_channels_and_brightness_is_divided_by() -> None:
    samples = Images(images=COLOUR // 16, labels=LABELS, mean=0.5, std=STD, brightest=16, flat=False)
    x, _ = samples.batch([3])
    np.testing.assert_allclose(x[0, 0].numpy(), oracle(COLOUR[3] // 16, (0.5,) * 3, STD, 16), rtol=0.0, atol=1e-6)


def test_subsets_of_subsets_hold_what_was_asked_for_and_share_the_pixels() -> None:
    samples = Images(images=COLOUR, labels=LABELS, mean=MEAN, std=STD)
    part = samples.subset(np.arange(10, 30)).subset([5, 2])
    assert len(part) == 2
    assert torch.equal(part.batch([1, 0])[0], samples.batch([12, 15])[0])
    assert torch.equal(part.batch([1, 0])[1], samples.batch([12, 15])[1])
    assert np.shares_memory(part.pixels, samples.pixels)


def test_a_batch_is_memory_of_its_own() -> None:
    images, labels = GREY.copy(), LABELS.copy()
    for array in (images, labels):
        array.setflags(write=False)  # as those of `load_images` are
    samples = Images(images=images, labels=labels, mean=0.3, std=0.35)
    x, target = samples.batch([0, 1])
    x.zero_(), target.zero_()
    assert samples.batch([0, 1])[0].abs().sum() > 0.0
    np.testing.assert_array_equal(samples.batch([0, 1])[1].numpy(), LABELS[:2])


@pytest.mark.parametrize("indices", [[40], [-1], [[0, 1]], [0.5]])
def test_numbers_of_no_image_are_refused(indices: list[object]) -> None:
    samples = Images(images=GREY, labels=LABELS, mean=0.3, std=0.35)
    for each in (samples.batch, samples.subset):
        with pytest.raises(sf.InvalidValue, match="indices"):
            each(indices)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"images": GREY.astype(np.float32)}, r"Images\.images"),
        ({"images": GREY[:, None, None]}, r"Images\.images"),
        ({"labels": LABELS[:3]}, r"Images\.labels"),
        ({"labels": LABELS.astype(np.uint8)}, r"Images\.labels"),
        ({"mean": MEAN}, r"Images\.mean"),
        ({"mean": float("nan")}, r"Images\.mean"),
        ({"std": 0.0}, r"Images\.std"),
        ({"brightest": 0}, r"Images\.brightest"),
        ({"order": np.array([40])}, r"Images\.order"),
    ],
)
def test_what_does_not_fit_is_told_by_its_field(changed: dict[str, object], field: str) -> None:
    with pytest.raises(sf.InvalidValue, match=field):
        Images(**{"images": GREY, "labels": LABELS, "mean": 0.3, "std": 0.35} | changed)  # type: ignore[arg-type]


def small_set(n: int = 40) -> ImageSet:
    return ImageSet(
        name="toy", train_images=GREY[:n], train_labels=LABELS[:n], test_images=GREY[:9], test_labels=LABELS[:9]
    )


def numbers(samples: Images) -> set[int]:
    return set(samples.numbers(np.arange(len(samples))).tolist())


@pytest.mark.parametrize("size", [0, 20, 2, 40])
def test_parts_are_disjoint_complete_and_as_large_as_asked_for(size: int) -> None:
    train, validation, test = three_parts(small_set(), seed=1, train_size=size, validation=0.2, mean=0.3, std=0.35)
    used = size or 40
    assert len(validation) == max(1, used // 5)
    assert len(numbers(train) | numbers(validation)) == len(train) + len(validation) == used
    np.testing.assert_array_equal(test.batch(np.arange(9))[1].numpy(), LABELS[:9])


def test_parts_are_a_function_of_the_seed_and_larger_sets_hold_smaller_ones() -> None:
    def used(seed: int, size: int) -> list[set[int]]:
        return [numbers(part) for part in three_parts(small_set(), seed=seed, train_size=size, mean=0.3, std=0.35)[:2]]

    assert used(1, 20) == used(1, 20) != used(2, 20)
    assert set.union(*used(1, 10)) < set.union(*used(1, 20))
    assert used(1, 40) == used(1, 0)


def test_parts_take_the_usual_normalisation_of_the_set() -> None:
    digits = load_images("digits")
    mean, std = NORMALISATION["digits"]
    x, _ = three_parts(digits, seed=0).test.batch([4])
    np.testing.assert_allclose(x[0, 0].numpy(), oracle(digits.test_images[4], mean, std, 16).ravel(), atol=1e-6)
    with pytest.raises(sf.InvalidValue, match="must be given"):
        three_parts(small_set(), seed=0)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"seed": -1}, "seed"),
        ({"train_size": 41}, "train_size"),
        ({"train_size": 1}, "train_size"),
        ({"validation": 0.0}, "fraction"),
    ],
)
def test_parts_that_cannot_be_are_refused(changed: dict[str, float], field: str) -> None:
    with pytest.raises(sf.InvalidValue, match=field):
        three_parts(small_set(), **{"seed": 0, "mean": 0.3, "std": 0.35} | changed)  # type: ignore[arg-type]


def test_the_target_of_a_reconstruction_is_its_input() -> None:
    samples = Images(images=COLOUR, labels=LABELS, mean=MEAN, std=STD, flat=False)
    copies = Reconstructions(samples)
    x, target = copies.batch(np.array([3, 1]))
    assert len(copies) == 40
    assert torch.equal(x, target)
    assert torch.equal(x, samples.batch([3, 1])[0])
    assert torch.equal(copies.epoch(2).batch(np.array([3, 1]))[0], x)


def test_fit_trains_on_them() -> None:
    digits = load_images("digits")
    train, validation, test = three_parts(digits, seed=0, train_size=400)
    network = sf.perceptron([64, 16, 10], seed=0)
    fitted = sf.fit(network, sf.BPTT(), train, test, validation=validation, epochs=5, batch=40,
                    optimisers=sf.adam(1e-2), progress=False)  # fmt: skip
    assert fitted.history.test_accuracy[-1] > 0.8
    coder = sf.perceptron([64, 16, 64], objective=sf.SquaredError(), seed=0)
    history = sf.fit(coder, sf.BPTT(), Reconstructions(train), epochs=3, batch=40, progress=False).history
    assert history.train_loss[-1] < history.train_loss[0]
