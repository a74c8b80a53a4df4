"""Images with labels, in memory, divided into training and test as published."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...neurons import InvalidValue

__all__ = ["ImageSet"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageSet:
    """Grey or coloured images with labels, divided into training and test.

    Parameters   name           of the set
                 train_images   (n, height, width) or (n, height, width, 3) uint8, 0 (background) to `brightest`
                 train_labels   (n,) int64, class numbers from 0
                 test_images, test_labels   likewise
                 brightest      the value of full intensity: 255, or 16 for scikit-learn's digits
    Raises       InvalidValue for images or labels of another shape or type
    """

    name: str
    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.int64]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.int64]
    brightest: int = 255

    def __post_init__(self) -> None:
        for part in ("train", "test"):
            images, labels = getattr(self, f"{part}_images"), getattr(self, f"{part}_labels")
            if images.dtype != np.uint8 or not (images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3)):
                found = f"{images.dtype} of shape {images.shape}"
                raise InvalidValue(f"ImageSet.{part}_images", found, "uint8 of shape (n, height, width) or (…, 3)")
            if labels.dtype != np.int64 or labels.shape != images.shape[:1]:
                found = f"{labels.dtype} of shape {labels.shape}"
                raise InvalidValue(f"ImageSet.{part}_labels", found, f"int64 of shape ({len(images)},)")

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return int(max(self.train_labels.max(), self.test_labels.max())) + 1

    @property
    def train_intensity(self) -> NDArray[np.float32]:
        """Training images in 0..1, of the same shape."""
        return _intensity(self.train_images, self.brightest)

    @property
    def test_intensity(self) -> NDArray[np.float32]:
        """Test images in 0..1, of the same shape."""
        return _intensity(self.test_images, self.brightest)


def _intensity(images: NDArray[np.uint8], brightest: int) -> NDArray[np.float32]:
    return images.astype(np.float32) / np.float32(brightest)
