"""CIFAR-10 and CIFAR-100: 50,000 + 10,000 photographs of 32 x 32 pixels, from the publisher's binary archives.

A record is the label (CIFAR-100: the coarse label, which is not kept, and the fine one), then 1024 bytes each of red,
green and blue, row by row. The archives of pickled Python objects are never read: a pickle can run code.

Source   A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, technical report, Toronto 2009,
         https://www.cs.toronto.edu/~kriz/cifar.html
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...neurons import UnreadableFile
from ..registry import unknown
from .archive import read_members
from .fetch import FIX, locate
from .image_set import ImageSet

__all__ = ["ARCHIVES", "CifarArchive", "load_cifar"]

SOURCE = "https://www.cs.toronto.edu/~kriz/"
SIDE, CHANNELS = 32, 3


@dataclass(frozen=True, kw_only=True)
class CifarArchive:
    """One of the two archives.

    Parameters   file       its name
                 checksum   MD5 that the publisher states
                 train      members with training images, and how many each has
                 test       likewise
                 labels     bytes before the pixels of an image, the last of which is the class
                 classes    how many there are
    """

    file: str
    checksum: str
    train: dict[str, int]
    test: dict[str, int]
    labels: int
    classes: int


ARCHIVES = {
    "cifar10": CifarArchive(
        file="cifar-10-binary.tar.gz",
        checksum="md5:c32a1d4ab5d03f1284b67883e8d87530",
        train={f"cifar-10-batches-bin/data_batch_{k}.bin": 10_000 for k in range(1, 6)},
        test={"cifar-10-batches-bin/test_batch.bin": 10_000},
        labels=1,
        classes=10,
    ),
    "cifar100": CifarArchive(
        file="cifar-100-binary.tar.gz",
        checksum="md5:03b5dce01913d631647c71ecec9e9cb8",
        train={"cifar-100-binary/train.bin": 50_000},
        test={"cifar-100-binary/test.bin": 10_000},
        labels=2,
        classes=100,
    ),
}


def load_cifar(name: str) -> ImageSet:
    """CIFAR-10 ("cifar10") or CIFAR-100 ("cifar100", its fine classes), divided as published.

    Raises       UnknownName; UnreadableFile if the archive is missing, cannot be downloaded, or is not the published one
    """
    if name not in ARCHIVES:
        raise unknown("data set", name, ARCHIVES)
    kind = ARCHIVES[name]
    path = locate(name, kind.file, SOURCE, kind.checksum)
    record = kind.labels + CHANNELS * SIDE * SIDE
    sizes = {member: record * images for member, images in (kind.train | kind.test).items()}
    members = read_members(path, kind.checksum, sizes)

    def part(names: dict[str, int]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        records = np.frombuffer(b"".join(members[name] for name in names), dtype=np.uint8).reshape(-1, record)
        labels = records[:, kind.labels - 1].astype(np.int64)
        if labels.max() >= kind.classes:
            raise UnreadableFile(f"{path}: has a label {labels.max()}, wanted 0 to {kind.classes - 1}; {FIX}")
        pixels = np.ascontiguousarray(records[:, kind.labels :]).reshape(-1, CHANNELS, SIDE, SIDE)
        return pixels.transpose(0, 2, 3, 1), labels  # in memory channels first, as `Images` wants them

    train_images, train_labels = part(kind.train)
    test_images, test_labels = part(kind.test)
    return ImageSet(
        name=name,
        train_images=train_images,
        train_labels=train_labels,
        test_images=test_images,
        test_labels=test_labels,
    )
