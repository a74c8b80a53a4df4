"""Real images of digits and clothes: scikit-learn's bundled digits, MNIST and Fashion-MNIST.

MNIST and Fashion-MNIST are read from the folder that the environment variable SYNFIRE_DATA names, as
`$SYNFIRE_DATA/mnist/train-images-idx3-ubyte.gz`; without the variable they are downloaded once and kept. Either way
their checksums are compared first.

Source   E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI 1998, doi:10.24432/C50P49
         Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Proc. IEEE 86(11), 1998, doi:10.1109/5.726791 (MNIST)
         H. Xiao, K. Rasul, R. Vollgraf, 2017, arXiv:1708.07747 (Fashion-MNIST)
"""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..neurons import InvalidValue, UnreadableFile
from .registry import unknown

__all__ = ["ImageSet", "load_digits", "load_idx", "split"]

FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
SOURCES = {
    "mnist": "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "fashion_mnist": "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
}
# SHA-256 of FILES, in that order.
CHECKSUMS = {
    "mnist": (
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
    "fashion_mnist": (
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
}
IDX_UINT8 = 0x0800  # idx magic: two zero bytes, the element type, the number of dimensions


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageSet:
    """Grey images with labels, divided into training and test.

    Parameters   name           of the set
                 train_images   (n, height, width) uint8, 0 (background) to `brightest`
                 train_labels   (n,) int64, class numbers from 0
                 test_images, test_labels   likewise
                 brightest      the value of full intensity: 255, or 16 for scikit-learn's digits
    """

    name: str
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    brightest: int = 255

    @property
    def train_intensity(self) -> np.ndarray:
        """Training images as (n, height, width) float32 in 0..1."""
        return _intensity(self.train_images, self.brightest)

    @property
    def test_intensity(self) -> np.ndarray:
        """Test images as (n, height, width) float32 in 0..1."""
        return _intensity(self.test_images, self.brightest)


def load_digits(fraction: float = 0.25, seed: int = 0) -> ImageSet:
    """The 1,797 handwritten digits of 8 x 8 pixels that come with scikit-learn.

    Parameters   fraction   of each class that is for testing, in (0, 1)
                 seed       of the division, >= 0
    """
    from sklearn import datasets  # 1 s

    bundled = datasets.load_digits()
    train_images, train_labels, test_images, test_labels = split(
        bundled.images.astype(np.uint8), bundled.target.astype(np.int64), fraction, seed
    )
    return ImageSet(
        name="digits",
        train_images=train_images,
        train_labels=train_labels,
        test_images=test_images,
        test_labels=test_labels,
        brightest=16,
    )


def load_idx(name: str) -> ImageSet:
    """MNIST ("mnist") or Fashion-MNIST ("fashion_mnist"): 60,000 + 10,000 images of 28 x 28 pixels.

    The division into training and test is the published one.

    Raises UnknownName; UnreadableFile if a file is missing, cannot be downloaded, or is not the published one.
    """
    if name not in CHECKSUMS:
        raise unknown("data set", name, CHECKSUMS)
    images, labels, test_images, test_labels = (
        _read_idx(_locate(name, file, checksum), checksum)
        for file, checksum in zip(FILES, CHECKSUMS[name], strict=True)
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


def split(
    images: np.ndarray, labels: np.ndarray, fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Divide into (train_images, train_labels, test_images, test_labels), each class in the same proportion.

    Parameters   images     (n, …)
                 labels     (n,)
                 fraction   of each class that goes to test, in (0, 1), rounded; at least one image stays on each side
                 seed       >= 0; both parts are shuffled by it
    Raises InvalidValue for another fraction, a negative seed, unequal lengths, or a class with a single image
    """
    if not 0.0 < fraction < 1.0:
        raise InvalidValue("split: fraction", fraction, "in (0, 1)")
    if seed < 0:
        raise InvalidValue("split: seed", seed, ">= 0")
    if len(images) != len(labels):
        raise InvalidValue("split: labels", f"{len(labels)} for {len(images)} images", "one per image")
    rng = np.random.default_rng(seed)
    train, test = [], []
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        if len(members) < 2:
            raise InvalidValue("split: labels", f"one image of class {label}", "at least two images of each class")
        count = min(max(1, round(fraction * len(members))), len(members) - 1)
        test.append(members[:count])
        train.append(members[count:])
    chosen = rng.permutation(np.concatenate(train))
    held_out = rng.permutation(np.concatenate(test))
    return images[chosen], labels[chosen], images[held_out], labels[held_out]


def _intensity(images: np.ndarray, brightest: int) -> np.ndarray:
    return images.astype(np.float32) / np.float32(brightest)


def _locate(name: str, file: str, checksum: str) -> Path:
    """The path of one file of a data set, downloaded if SYNFIRE_DATA is not set."""
    folder = os.environ.get("SYNFIRE_DATA")
    if folder:
        return Path(folder) / name / file
    import pooch

    try:
        cache = pooch.os_cache("synfire") / name
        fetched = pooch.retrieve(SOURCES[name] + file, known_hash=f"sha256:{checksum}", fname=file, path=cache)
    except Exception as error:  # no network, a proxy, a wrong checksum, a full disk: many kinds, one meaning
        raise UnreadableFile(
            f"{SOURCES[name]}{file}: cannot be downloaded ({error}); put the files of the set into a folder {name} "
            "and set SYNFIRE_DATA to the folder that holds it"
        ) from error
    return Path(fetched)


def _read_idx(path: Path, checksum: str) -> np.ndarray:
    """The array in a gzipped idx file of unsigned bytes. Raises UnreadableFile."""
    try:
        packed = path.read_bytes()
    except OSError as error:
        raise UnreadableFile(
            f"{path}: {error.strerror or error}; put the file there, or unset SYNFIRE_DATA to download it"
        ) from error
    fix = "delete it and get it anew (unset SYNFIRE_DATA to download it)"
    try:
        raw = gzip.decompress(packed)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableFile(f"{path}: truncated, or not gzip ({error}); {fix}") from error
    if len(raw) < 4 or struct.unpack(">I", raw[:4])[0] & 0xFFFFFF00 != IDX_UINT8:
        raise UnreadableFile(f"{path}: not an idx file of unsigned bytes; {fix}")
    start = 4 + 4 * raw[3]
    if len(raw) < start:
        raise UnreadableFile(f"{path}: ends within its header; {fix}")
    shape = struct.unpack(f">{raw[3]}I", raw[4:start])
    if len(raw) - start != math.prod(shape):
        raise UnreadableFile(f"{path}: holds {len(raw) - start} values, its header says {math.prod(shape)}; {fix}")
    if hashlib.sha256(packed).hexdigest() != checksum:
        raise UnreadableFile(f"{path}: not the published file (its SHA-256 differs from {checksum[:12]}...); {fix}")
    return np.frombuffer(raw, dtype=np.uint8, offset=start).reshape(shape)
