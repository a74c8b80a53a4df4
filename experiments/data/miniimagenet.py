"""miniImageNet: 100 classes of 600 photographs from ImageNet, at 84 x 84 pixels.

There is no canonical file, and the images may not be passed on: put them into a folder for each class,

    $SYNFIRE_DATA/miniimagenet/<class>/<image>.jpg        (.jpeg and .png too)

with at least 600 images in each of 100 folders. Classes are numbered, and images taken, in the order of their names: of each
class the first 500 for training and the next 100 for testing. All are decoded and resized at every start, which takes
minutes and 1.3 GB of memory.

Source   O. Vinyals et al. 2016, arXiv:1606.04080; its classes: S. Ravi, H. Larochelle, ICLR 2017
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...neurons import UnreadableFile
from .image_set import ImageSet

__all__ = ["load_miniimagenet"]

FOLDER = "miniimagenet"
SIDE, CLASSES = 84, 100
COUNTS = {"train": 500, "test": 100}
SUFFIXES = (".jpg", ".jpeg", ".png")
WIDEST = 8_192  # pixels of a side; ImageNet's photographs have some hundreds
WANTED = (
    f"put at least {sum(COUNTS.values())} images of each of {CLASSES} classes into {FOLDER}/<class>/ and set SYNFIRE_DATA to "
    "the folder that holds it"
)


def load_miniimagenet() -> ImageSet:
    """The images, resized to 84 x 84 by bilinear interpolation; classes in the order of their folders' names.

    Raises       UnreadableFile if SYNFIRE_DATA is not set, folders or images are missing, or one cannot be decoded
    """
    given = os.environ.get("SYNFIRE_DATA")
    if not given:
        raise UnreadableFile(f"miniimagenet: not downloaded by Synfire; {WANTED}")
    folder = Path(given) / FOLDER
    try:
        classes = sorted(each for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))
        files = [sorted(each for each in kind.iterdir() if each.suffix.lower() in SUFFIXES) for kind in classes]
    except OSError as error:
        raise UnreadableFile(f"{folder}: {error.strerror or error}; {WANTED}") from error
    if len(classes) != CLASSES:
        raise UnreadableFile(f"{folder}: has {len(classes)} folders of classes; {WANTED}")
    for kind, names in zip(classes, files, strict=True):
        if len(names) < sum(COUNTS.values()):
            raise UnreadableFile(f"{kind}: has {len(names)} images; {WANTED}")
    # channels first in memory, as `Images` wants them
    images = {part: np.empty((CLASSES * count, 3, SIDE, SIDE), dtype=np.uint8) for part, count in COUNTS.items()}
    for label, names in enumerate(files):
        for k, path in enumerate(names[: sum(COUNTS.values())]):
            part = "train" if k < COUNTS["train"] else "test"
            place = label * COUNTS[part] + (k if part == "train" else k - COUNTS["train"])
            images[part][place] = _resized(path).transpose(2, 0, 1)
    labels = {part: np.repeat(np.arange(CLASSES, dtype=np.int64), count) for part, count in COUNTS.items()}
    return ImageSet(
        name="miniimagenet",
        train_images=images["train"].transpose(0, 2, 3, 1),
        train_labels=labels["train"],
        test_images=images["test"].transpose(0, 2, 3, 1),
        test_labels=labels["test"],
    )


def _resized(path: Path) -> NDArray[np.uint8]:
    """(84, 84, 3) uint8 of one file. Raises UnreadableFile."""
    from PIL import Image  # comes with matplotlib

    try:
        with Image.open(path, formats=("JPEG", "PNG")) as image:
            if max(image.size) > WIDEST:  # known before anything is decoded
                raise UnreadableFile(f"{path}: {image.size} pixels, wanted at most {WIDEST} on a side")
            return np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    except UnreadableFile:
        raise
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise UnreadableFile(f"{path}: no JPEG or PNG that can be decoded ({error})") from error
