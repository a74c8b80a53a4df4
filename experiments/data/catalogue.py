"""All sets of images by their names."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache

from ..registry import unknown
from .cifar import load_cifar
from .cifar_jpeg import load_cifar_jpeg
from .digits import load_digits
from .idx import load_idx
from .image_set import ImageSet
from .miniimagenet import load_miniimagenet
from .notmnist import load_notmnist
from .stl10 import load_stl10
from .svhn import load_svhn

__all__ = ["LOADERS", "load_images"]

LOADERS: dict[str, Callable[[], ImageSet]] = {
    "digits": load_digits,
    "mnist": lambda: load_idx("mnist"),
    "fashion_mnist": lambda: load_idx("fashion_mnist"),
    "kmnist": lambda: load_idx("kmnist"),
    "cifar10": lambda: load_cifar("cifar10"),
    "cifar10_jpeg": load_cifar_jpeg,
    "cifar100": lambda: load_cifar("cifar100"),
    "miniimagenet": load_miniimagenet,
    "notmnist": load_notmnist,
    "stl10": load_stl10,
    "svhn": load_svhn,
}


def load_images(name: str) -> ImageSet:
    """The set of this name: one of `LOADERS`. The last four that were asked for stay in memory; none can be written to.

    Raises       UnknownName with the nearest name; UnreadableFile as its loader
    """
    if name not in LOADERS:
        raise unknown("data set", name, LOADERS)
    return _kept(name, os.environ.get("SYNFIRE_DATA", ""))


@lru_cache(maxsize=4)  # 9 MB to 1.3 GB each
def _kept(name: str, folder: str) -> ImageSet:
    """`folder` is where the set is read from, so that another one is read anew."""
    images = LOADERS[name]()
    for array in (images.train_images, images.train_labels, images.test_images, images.test_labels):
        array.setflags(write=False)
    return images
