"""The small handwritten digits that come with scikit-learn.

Source   E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI 1998, doi:10.24432/C50P49
"""

from __future__ import annotations

import numpy as np

from .division import split
from .image_set import ImageSet

__all__ = ["load_digits"]


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
