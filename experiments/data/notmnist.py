"""notMNIST, the small and hand-cleaned set: about 18,700 grey images of 28 x 28 pixels, letters A to J in many fonts.

The archive has a PNG file for each letter and does not say which are for testing. Here every tenth of a class is, in the
order of file names, from the tenth on: the 5-Datasets sequence's own division was published only as pickled objects, which are
never read. Two of the files are known to be damaged; those are left out.

Source   Y. Bulatov 2011, http://yaroslavvb.blogspot.com/2011/09/notmnist-dataset.html; in 5-Datasets: Ebrahimi et al. 2020,
         arXiv:2003.09553
"""

from __future__ import annotations

import io
import re
import tarfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...neurons import UnreadableFile
from .fetch import FIX, locate, open_published
from .image_set import ImageSet

__all__ = ["load_notmnist"]

SOURCE, FILE = "http://yaroslavvb.com/upload/notMNIST/", "notMNIST_small.tar.gz"
CHECKSUM = "md5:c9890a473a9769fda4bdf314aaf500dd"  # that several published programs compare
SIDE, LETTERS, EVERY = 28, "ABCDEFGHIJ", 10
DAMAGED = 10  # files that may be left out; more of them is another archive
LARGEST = 65_536  # bytes of a file: an image of this size has about 500
_MEMBER = re.compile(r"(?:\./)?notMNIST_small/([A-J])/([^/.][^/]*\.png)")


def load_notmnist() -> ImageSet:
    """The letters, A as 0 to J as 9; of each class every tenth file for testing.

    Raises       UnreadableFile if the archive is missing, cannot be downloaded (8 MB), is not the published one, or has
                 images of another kind
    """
    path = locate("notmnist", FILE, SOURCE, CHECKSUM)
    classes = _read(path)
    images: dict[str, list[NDArray[np.uint8]]] = {"train": [], "test": []}
    labels: dict[str, list[int]] = {"train": [], "test": []}
    for label, letter in enumerate(LETTERS):
        if len(classes[letter]) < EVERY:
            raise UnreadableFile(
                f"{path}: has {len(classes[letter])} images of {letter}, wanted {EVERY} or more; {FIX}"
            )
        for k, name in enumerate(sorted(classes[letter])):
            part = "test" if k % EVERY == EVERY - 1 else "train"
            images[part].append(classes[letter][name])
            labels[part].append(label)
    return ImageSet(
        name="notmnist",
        train_images=np.stack(images["train"]),
        train_labels=np.array(labels["train"], dtype=np.int64),
        test_images=np.stack(images["test"]),
        test_labels=np.array(labels["test"], dtype=np.int64),
    )


def _read(path: Path) -> dict[str, dict[str, NDArray[np.uint8]]]:
    """Images by letter and file name, into memory; nothing is extracted to disk. Raises UnreadableFile."""
    found: dict[str, dict[str, NDArray[np.uint8]]] = {letter: {} for letter in LETTERS}
    damaged = []
    try:
        with open_published(path, CHECKSUM) as opened, tarfile.open(fileobj=opened, mode="r|gz") as archive:
            for member in archive:
                match = _MEMBER.fullmatch(member.name)
                if match is None:
                    continue
                if not member.isreg() or member.size > LARGEST:  # a link could lead anywhere
                    raise UnreadableFile(f"{path}: {member.name} is no plain file of at most {LARGEST} bytes; {FIX}")
                packed = archive.extractfile(member)
                image = _decoded(path, member.name, packed.read() if packed is not None else b"")
                if image is None:
                    damaged.append(member.name)
                else:
                    found[match[1]][match[2]] = image
                if len(damaged) > DAMAGED:
                    raise UnreadableFile(
                        f"{path}: more than {DAMAGED} images cannot be decoded, {damaged[0]} first; {FIX}"
                    )
    except UnreadableFile:
        raise
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise UnreadableFile(f"{path}: truncated, or not a tar.gz ({error}); {FIX}") from error
    return found


def _decoded(path: Path, name: str, raw: bytes) -> NDArray[np.uint8] | None:
    """(28, 28) uint8, or None for what is no whole PNG. Raises UnreadableFile for an image of another size or mode."""
    from PIL import Image  # comes with matplotlib

    try:
        image = Image.open(io.BytesIO(raw), formats=("PNG",))
        if image.size != (SIDE, SIDE) or image.mode != "L":  # known before anything is decoded
            raise UnreadableFile(
                f"{path}: {name} is {image.mode} of {image.size} pixels, wanted grey of {SIDE} x {SIDE}; {FIX}"
            )
        return np.asarray(image)
    except UnreadableFile:
        raise
    except (OSError, ValueError, SyntaxError, EOFError, zlib.error, Image.DecompressionBombError):
        return None
