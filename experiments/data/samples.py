"""What `fit` trains on, from images: batches are normalised as they are asked for, the set itself stays bytes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...neurons import InvalidValue

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Images", "Reconstructions"]

IndexArray = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Images:
    """`Samples` of labelled images, each a sequence of one step.

        x = (pixel / brightest - mean) / std,   for each channel

    Parameters   images      (n, height, width) or (n, height, width, 3) uint8, as an `ImageSet` has them
                 labels      (n,) int64
                 mean, std   of intensities in 0..1, one number for all channels or one for each; std > 0
                 flat        whether x is (1, batch, channel × height × width), channel by channel and row by row, or
                             (1, batch, channel, height, width)
                 brightest   the pixel value of intensity 1, > 0
                 order       numbers of the images that it holds, in this order; None: all. Subsets share the images
    Raises       InvalidValue for another shape, type or range
    """

    images: NDArray[np.uint8]
    labels: IndexArray
    mean: float | Sequence[float]
    std: float | Sequence[float]
    flat: bool = True
    brightest: int = 255
    order: IndexArray | None = None
    shape: tuple[int, int, int] = field(init=False)  # (channel, height, width)
    pixels: NDArray[np.uint8] = field(init=False, repr=False)  # (n, channel × height × width), a view of `images`
    _scale: tuple[Any, Any] = field(init=False, repr=False)  # pixel × first + second

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if images.dtype != np.uint8 or not (images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3)):
            found = f"{images.dtype} of shape {images.shape}"
            raise InvalidValue("Images.images", found, "uint8 of shape (n, height, width) or (n, height, width, 3)")
        if labels.dtype != np.int64 or labels.shape != images.shape[:1]:
            found = f"{labels.dtype} of shape {labels.shape}"
            raise InvalidValue("Images.labels", found, f"int64 of shape ({len(images)},)")
        if not self.brightest > 0:
            raise InvalidValue("Images.brightest", self.brightest, "> 0")
        if self.order is not None:
            object.__setattr__(self, "order", _checked("Images.order", self.order, len(images)))
        channels = images.shape[3] if images.ndim == 4 else 1
        mean, std = (np.atleast_1d(np.asarray(each, dtype=np.float64)) for each in (self.mean, self.std))
        for name, value in (("mean", mean), ("std", std)):
            if value.shape not in {(1,), (channels,)} or not np.isfinite(value).all():
                raise InvalidValue(f"Images.{name}", value, f"one number, or {channels}: one for each channel")
        if not (std > 0.0).all():
            raise InvalidValue("Images.std", std, "> 0")
        first = images if images.ndim == 3 else images.transpose(0, 3, 1, 2)  # channels first
        contiguous = np.ascontiguousarray(first)
        seen = contiguous if images.ndim == 3 else contiguous.transpose(0, 2, 3, 1)
        mean, std = np.broadcast_arrays(mean, std)
        object.__setattr__(self, "images", seen)  # so that subsets find it laid out as they need it, and do not copy
        object.__setattr__(self, "shape", (channels, *images.shape[1:3]))
        object.__setattr__(self, "pixels", contiguous.reshape(len(images), -1))
        object.__setattr__(self, "_scale", (_by_channel(1.0 / (self.brightest * std)), _by_channel(-mean / std)))

    def __len__(self) -> int:
        """How many images there are."""
        return len(self.labels) if self.order is None else len(self.order)

    def batch(self, indices: Any) -> tuple[Tensor, Tensor]:
        """(x, labels) of the images of these numbers, float32 and int64.

        Raises       InvalidValue for numbers that are none of an image
        """
        chosen = self.numbers(indices)
        return self.normalised(self.pixels.take(chosen, axis=0)), self.labels_of(chosen)

    def subset(self, indices: Any) -> Images:
        """The images of these numbers, in this order; they share their memory with these."""
        return dataclasses.replace(self, order=self.numbers(indices))

    def numbers(self, indices: Any) -> IndexArray:
        """Where in `images` these samples lie. Raises InvalidValue for numbers that are none of a sample."""
        chosen = _checked("Images: indices", indices, len(self))
        return chosen if self.order is None else self.order[chosen]

    def labels_of(self, numbers: IndexArray) -> Tensor:
        """Labels of images in `images`, (batch,) int64."""
        import torch

        return torch.from_numpy(self.labels[numbers])

    def normalised(self, pixels: NDArray[np.uint8]) -> Tensor:
        """x of a batch of pixels of one's own, (batch, channel × height × width)."""
        import torch

        channels, height, width = self.shape
        scale, offset = self._scale
        if isinstance(scale, float):
            x = torch.from_numpy(pixels).to(torch.float32).mul_(scale).add_(offset)
        else:
            x = torch.from_numpy(pixels.reshape(-1, channels, height * width)).to(torch.float32)
            x.mul_(torch.from_numpy(scale)).add_(torch.from_numpy(offset))
        return x.view(1, len(pixels), *([channels * height * width] if self.flat else self.shape))


@dataclass(frozen=True)
class Reconstructions:
    """`Samples` for an autoencoder: the target of each is its own x.

    Parameters   samples   any `Samples`; if they change from epoch to epoch, so do these
    """

    samples: Any

    def __len__(self) -> int:
        """How many samples there are."""
        return len(self.samples)

    def batch(self, indices: Any) -> tuple[Tensor, Tensor]:
        """(x, x) of these samples."""
        x, _ = self.samples.batch(indices)
        return x, x

    def epoch(self, k: int) -> Reconstructions:
        """As epoch k sees them."""
        return Reconstructions(self.samples.epoch(k)) if hasattr(self.samples, "epoch") else self


def _by_channel(value: NDArray[np.float64]) -> Any:
    """One number where it is the same for all channels, which is faster; else (channel, 1) float32."""
    return float(value[0]) if len(value) == 1 else value.astype(np.float32)[:, None]


def _checked(name: str, indices: Any, end: int) -> IndexArray:
    chosen = np.asarray(indices)
    if chosen.ndim != 1 or (chosen.size and chosen.dtype.kind not in "iu"):
        raise InvalidValue(name, f"{chosen.dtype} of shape {chosen.shape}", "a list of whole numbers")
    if chosen.size and not 0 <= chosen.min() <= chosen.max() < end:
        raise InvalidValue(name, f"{chosen.min()} to {chosen.max()}", f"0 to {end - 1}")
    return chosen.astype(np.int64, copy=False)
