"""Images that are mirrored and shifted at random, anew in every epoch of training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...neurons import InvalidValue, check_seed, setup_generator
from .samples import Images

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Augmented"]

_AUGMENTATION = 243  # stream of random numbers


@dataclass(frozen=True, kw_only=True, eq=False)
class Augmented:
    """`Samples` of which every epoch sees others: each image mirrored or not, then cut out of itself padded at its edges.

    What happens to an image is a pure function of the seed, the epoch and its number among `images`, and so neither of
    the batch it comes in nor of the order of batches. Outside an epoch, `batch` gives the images as they are.

    Parameters   images         to start from
                 flip           whether they are mirrored left to right, with probability one half
                 crop_padding   pixels by which they are padded on all sides with the pixels of their edge before a
                                window of their own size is cut out, at any of (2 crop_padding + 1)² places; 0: none
                 seed           of all draws
    Raises       InvalidValue
    Source       the common augmentation of CIFAR-10; padding with the edge: counter-current learning, Kao & Hariharan
                 2024, arXiv:2409.19841
    """

    images: Images
    flip: bool = True
    crop_padding: int = 4
    seed: int

    def __post_init__(self) -> None:
        check_seed("Augmented.seed", self.seed)
        padding = self.crop_padding
        if isinstance(padding, bool) or not isinstance(padding, int) or padding < 0:
            raise InvalidValue("Augmented.crop_padding", padding, "a whole number of pixels, >= 0")

    def __len__(self) -> int:
        """How many images there are."""
        return len(self.images)

    def batch(self, indices: Any) -> tuple[Tensor, Tensor]:
        """(x, labels) of these images, as they are."""
        return self.images.batch(indices)

    def epoch(self, k: int) -> AugmentedEpoch:
        """`Samples` as epoch k sees them."""
        places, mirrored = 2 * self.crop_padding + 1, 2 if self.flip else 1
        # one number for each image, in turn: an image's draw does not even depend on how many follow
        drawn = setup_generator(self.seed, _AUGMENTATION, k).integers(places * places * mirrored, size=len(self))
        drawn, down = np.divmod(drawn, places)
        flipped, right = np.divmod(drawn, places)
        return AugmentedEpoch(
            images=self.images, down=down - self.crop_padding, right=right - self.crop_padding, flipped=flipped == 1
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class AugmentedEpoch:
    """What one epoch sees.

    Parameters   images        to start from
                 down, right   (n,) int64: pixel (i, j) of what is seen is pixel (i + down, j + right) of the image, or
                               the nearest one on its edge
                 flipped       (n,) bool: of the mirrored image
    """

    images: Images
    down: NDArray[np.int64]
    right: NDArray[np.int64]
    flipped: NDArray[np.bool_]

    def __len__(self) -> int:
        """How many images there are."""
        return len(self.images)

    def batch(self, indices: Any) -> tuple[Tensor, Tensor]:
        """(x, labels) of these images, as this epoch sees them."""
        numbers, chosen = self.images.numbers(indices), np.asarray(indices, dtype=np.int64)
        channels, height, width = self.images.shape
        row = np.clip(np.arange(height) + self.down[chosen, None], 0, height - 1)  # (batch, height)
        column = np.clip(np.arange(width) + self.right[chosen, None], 0, width - 1)  # (batch, width)
        column = np.where(self.flipped[chosen, None], width - 1 - column, column)
        plane = (numbers[:, None] * channels + np.arange(channels)) * (height * width)  # (batch, channel)
        place = plane[:, :, None, None] + (row * width)[:, None, :, None] + column[:, None, None, :]
        pixels = self.images.pixels.take(place.reshape(len(chosen), -1))
        return self.images.normalised(pixels), self.images.labels_of(numbers)
