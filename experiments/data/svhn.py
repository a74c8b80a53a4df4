"""SVHN, cropped: 73,257 + 26,032 house numbers' digits, photographs of 32 x 32 pixels, from the publisher's MATLAB files.

A file holds X (row, column, channel, image) and y (image, 1), in which 10 stands for the digit 0. Sizes and types are
compared before anything of an array is read; a file of this format (version 5) holds arrays and nothing that is executed.

Source   Y. Netzer et al., Reading Digits in Natural Images with Unsupervised Feature Learning, NIPS workshop 2011,
         http://ufldl.stanford.edu/housenumbers/
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...neurons import UnreadableFile
from .fetch import FIX, locate, open_published
from .image_set import ImageSet

__all__ = ["load_svhn"]

SOURCE = "http://ufldl.stanford.edu/housenumbers/"
FILES = {"train": "train_32x32.mat", "test": "test_32x32.mat"}
CHECKSUMS = {  # that torchvision compares
    "train": "md5:e26dedcc434d2e4c54c9b2d4a06d8373",
    "test": "md5:eb5a983be6a315427106f1b164d9cef3",
}
COUNTS = {"train": 73_257, "test": 26_032}
SIDE, CHANNELS, CLASSES = 32, 3, 10


def load_svhn() -> ImageSet:
    """The cropped digits, divided as published, without the 531,131 extra ones.

    Raises       UnreadableFile if a file is missing, cannot be downloaded (246 MB), or is not the published one
    """
    images, labels = {}, {}
    for part in FILES:
        images[part], labels[part] = _read(part)
    return ImageSet(
        name="svhn",
        train_images=images["train"],
        train_labels=labels["train"],
        test_images=images["test"],
        test_labels=labels["test"],
    )


def _read(part: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images and labels of one file. Raises UnreadableFile."""
    from scipy.io import loadmat, whosmat

    path = locate("svhn", FILES[part], SOURCE, CHECKSUMS[part])
    wanted: dict[str, Any] = {"X": (SIDE, SIDE, CHANNELS, COUNTS[part]), "y": (COUNTS[part], 1)}
    with open_published(path, CHECKSUMS[part]) as opened:
        try:
            said = {name: (shape, kind) for name, shape, kind in whosmat(opened)}
            for name, shape in wanted.items():
                if said.get(name) != (shape, "uint8"):
                    found = said.get(name, "nothing")
                    raise UnreadableFile(f"{path}: {name} is {found}, wanted uint8 of shape {shape}; {FIX}")
            opened.seek(0)
            found = loadmat(opened, variable_names=list(wanted))
        except UnreadableFile:
            raise
        except Exception as error:  # scipy reads what the file says, and fails in as many ways as a file can be wrong
            raise UnreadableFile(f"{path}: truncated, or not a MATLAB file of version 5 ({error}); {FIX}") from error
    for name, shape in wanted.items():  # what was said of an array and the array itself are two places in a file
        if not isinstance(found[name], np.ndarray) or found[name].dtype != np.uint8 or found[name].shape != shape:
            raise UnreadableFile(f"{path}: {name} is not what the file says it is; {FIX}")
    labels = found["y"][:, 0].astype(np.int64)
    if not 1 <= labels.min() <= labels.max() <= CLASSES:
        raise UnreadableFile(f"{path}: has labels {labels.min()} to {labels.max()}, wanted 1 to {CLASSES}; {FIX}")
    upright = np.ascontiguousarray(found["X"].transpose(3, 2, 0, 1))  # channels first in memory, as `Images` wants them
    return upright.transpose(0, 2, 3, 1), labels % CLASSES
