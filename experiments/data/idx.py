"""MNIST and its successors of the same form: gzipped idx files, 60,000 + 10,000 grey images of 28 x 28 pixels.

Source   Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Proc. IEEE 86(11), 1998, doi:10.1109/5.726791 (MNIST)
         H. Xiao, K. Rasul, R. Vollgraf, 2017, arXiv:1708.07747 (Fashion-MNIST)
         T. Clanuwat et al., 2018, arXiv:1812.01718 (KMNIST: handwritten Kuzushiji, ten classes)
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from ...neurons import UnreadableFile
from ..registry import unknown
from .fetch import FIX, locate, open_published
from .image_set import ImageSet

__all__ = ["CHECKSUMS", "FILES", "load_idx"]

FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
SOURCES = {
    "mnist": "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "fashion_mnist": "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "kmnist": "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
}
# Of FILES, in that order. Those of KMNIST are the MD5 that torchvision compares.
CHECKSUMS = {
    "mnist": (
        "sha256:440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "sha256:3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "sha256:8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "sha256:f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
    "fashion_mnist": (
        "sha256:3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "sha256:a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "sha256:346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "sha256:67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
    "kmnist": (
        "md5:bdb82020997e1d708af4cf47b453dcf7",
        "md5:e144d726b3acfaa3e44228e80efcd344",
        "md5:5c965bf0a639b31b8f53240b1b52f4d7",
        "md5:7320c461ea6c1c855c0b718fb2a4b134",
    ),
}
IDX_UINT8 = 0x0800  # idx magic: two zero bytes, the element type, the number of dimensions


def load_idx(name: str) -> ImageSet:
    """MNIST ("mnist"), Fashion-MNIST ("fashion_mnist") or KMNIST ("kmnist"), divided as published.

    Raises UnknownName; UnreadableFile if a file is missing, cannot be downloaded, or is not the published one.
    """
    if name not in CHECKSUMS:
        raise unknown("data set", name, CHECKSUMS)
    images, labels, test_images, test_labels = (
        _read(name, file, checksum) for file, checksum in zip(FILES, CHECKSUMS[name], strict=True)
    )
    for part, (pictures, classes) in {"train": (images, labels), "t10k": (test_images, test_labels)}.items():
        if pictures.ndim != 3 or classes.ndim != 1 or len(pictures) != len(classes):
            found = f"{pictures.shape} images and {classes.shape} labels"
            raise UnreadableFile(f"{name}: {part} holds {found}; delete the files and get them anew")
    return ImageSet(
        name=name,
        train_images=images,
        train_labels=labels.astype(np.int64),
        test_images=test_images,
        test_labels=test_labels.astype(np.int64),
    )


def _read(name: str, file: str, checksum: str) -> NDArray[np.uint8]:
    """The array in one gzipped idx file of unsigned bytes. Raises UnreadableFile."""
    path = locate(name, file, SOURCES[name], checksum)
    with open_published(path, checksum) as opened:
        packed = opened.read()
    try:
        raw = gzip.decompress(packed)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableFile(f"{path}: truncated, or not gzip ({error}); {FIX}") from error
    if len(raw) < 4 or struct.unpack(">I", raw[:4])[0] & 0xFFFFFF00 != IDX_UINT8:
        raise UnreadableFile(f"{path}: not an idx file of unsigned bytes; {FIX}")
    start = 4 + 4 * raw[3]
    if len(raw) < start:
        raise UnreadableFile(f"{path}: ends within its header; {FIX}")
    shape = struct.unpack(f">{raw[3]}I", raw[4:start])
    if len(raw) - start != math.prod(shape):
        raise UnreadableFile(f"{path}: holds {len(raw) - start} values, its header says {math.prod(shape)}; {FIX}")
    return np.frombuffer(raw, dtype=np.uint8, offset=start).reshape(shape)
