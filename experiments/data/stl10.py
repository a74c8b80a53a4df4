"""STL-10: 5,000 + 8,000 labelled photographs of 96 x 96 pixels. Its 100,000 images without labels are not read.

Images lie in the files as 3 x 96 x 96 bytes, channel by channel and each column by column; labels count from 1.

Source   A. Coates, H. Lee, A. Y. Ng, An Analysis of Single-Layer Networks in Unsupervised Feature Learning, AISTATS
         2011, https://cs.stanford.edu/~acoates/stl10/
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...neurons import UnreadableFile
from .archive import read_members
from .fetch import FIX, locate
from .image_set import ImageSet

__all__ = ["load_stl10"]

SOURCE, FILE = "http://ai.stanford.edu/~acoates/stl10/", "stl10_binary.tar.gz"
CHECKSUM = "md5:91f7769df0f17e558f3565bffb0c7dfb"  # that torchvision compares
SIDE, CHANNELS, CLASSES = 96, 3, 10
COUNTS = {"train": 5_000, "test": 8_000}


def load_stl10() -> ImageSet:
    """The labelled part, divided as published; labels from 0.

    Raises       UnreadableFile if the archive is missing, cannot be downloaded (2.6 GB), or is not the published one
    """
    path = locate("stl10", FILE, SOURCE, CHECKSUM)
    sizes = {f"stl10_binary/{part}_X.bin": CHANNELS * SIDE * SIDE * count for part, count in COUNTS.items()}
    sizes |= {f"stl10_binary/{part}_y.bin": count for part, count in COUNTS.items()}
    members = read_members(path, CHECKSUM, sizes)

    def read(member: str) -> NDArray[np.uint8]:
        return np.frombuffer(members.pop(f"stl10_binary/{member}.bin"), dtype=np.uint8)

    images, labels = {}, {}
    for part in COUNTS:
        upright = read(f"{part}_X").reshape(-1, CHANNELS, SIDE, SIDE).swapaxes(2, 3)
        # channels first in memory, as `Images` wants them, and last to the reader
        images[part] = np.ascontiguousarray(upright).transpose(0, 2, 3, 1)
        labels[part] = read(f"{part}_y").astype(np.int64) - 1
        low, high = labels[part].min(), labels[part].max()
        if not 0 <= low <= high < CLASSES:
            raise UnreadableFile(f"{path}: {part} has labels {low + 1} to {high + 1}, wanted 1 to {CLASSES}; {FIX}")
    return ImageSet(
        name="stl10",
        train_images=images["train"],
        train_labels=labels["train"],
        test_images=images["test"],
        test_labels=labels["test"],
    )
