"""What one trial trains on, chooses by and reports on, from one set of images and a seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...neurons import InvalidValue, check_seed, setup_generator
from .division import divide
from .image_set import ImageSet
from .normalisation import NORMALISATION
from .samples import Images

__all__ = ["ImageParts", "three_parts"]

_SUBSET = 242  # stream of random numbers


class ImageParts(NamedTuple):
    """Samples to train on, to choose by, to report."""

    train: Images
    validation: Images
    test: Images


def three_parts(
    image_set: ImageSet,
    *,
    seed: int,
    validation: float = 0.1,
    train_size: int = 0,
    flat: bool = True,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
) -> ImageParts:
    """Training images at random in two parts, and all test images; which ones is a function of the seed and the sizes.

    Parameters   seed         of the choice and of the division
                 validation   share of the training images that validates, in (0, 1)
                 train_size   how many of the published training images to use, for training and validation together: the
                              first of a random order, so a larger number has those of a smaller one too, and classes
                              are not balanced; 0: all
                 flat         as of `Images`
                 mean, std    as of `Images`; None: those of `NORMALISATION` under the name of the set
    Raises       InvalidValue, also if mean or std is None and the set is not in `NORMALISATION`
    """
    check_seed("three_parts: seed", seed)
    n = len(image_set.train_labels)
    if train_size != 0 and not 2 <= train_size <= n:
        raise InvalidValue("three_parts: train_size", train_size, f"0, for all, or 2 to {n}")
    if mean is None or std is None:
        if image_set.name not in NORMALISATION:
            legal = "given, since the set is none of " + ", ".join(NORMALISATION)
            raise InvalidValue("three_parts: mean, std", image_set.name, legal)
        usual = NORMALISATION[image_set.name]
        mean, std = usual.mean if mean is None else mean, usual.std if std is None else std
    chosen = np.sort(setup_generator(seed, _SUBSET).permutation(n)[: train_size or n])
    first, second = divide(len(chosen), validation, seed=seed)

    def samples(part: str) -> Images:
        images, labels = getattr(image_set, f"{part}_images"), getattr(image_set, f"{part}_labels")
        return Images(images=images, labels=labels, mean=mean, std=std, flat=flat, brightest=image_set.brightest)

    train = samples("train")
    return ImageParts(train.subset(chosen[first]), train.subset(chosen[second]), samples("test"))
