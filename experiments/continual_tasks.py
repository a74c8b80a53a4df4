"""What is learned one after the other: tasks, each with images to train on and images to test on.

`permuted` makes tasks of one set of images by moving its pixels; all tasks share the outputs of a network.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..neurons import InvalidValue, check_seed, setup_generator
from .data import NORMALISATION, Images, load_images

__all__ = ["ContinualTask", "Permuted", "Repeated", "permuted"]

_PIXELS, _CHOICE = 260, 261  # streams of random numbers


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ContinualTask:
    """One task of a sequence.

    Parameters   name          in figures
                 train, test   `Samples` of sequences of one step: x (1, batch, features...), labels from 0
                 outputs       which outputs of the network answer, first and past the last; None: all of them, as in every
                               other task
    """

    name: str
    train: Any
    test: Any
    outputs: tuple[int, int] | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Permuted:
    """`Samples` whose features stand in another order.

    Parameters   samples   of flat images, x (1, batch, features)
                 order     (features,) where each feature comes from
    """

    samples: Any
    order: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.samples)

    def batch(self, indices: Any) -> tuple[Any, Any]:
        """(x, labels) of these samples."""
        x, labels = self.samples.batch(indices)
        return x[..., self.order], labels


@dataclasses.dataclass(frozen=True, eq=False)
class Repeated:
    """`Samples` of which a network of spiking neurons sees the same input at each of so many steps.

    Parameters   samples   of sequences of one step
                 steps     >= 1
    """

    samples: Any
    steps: int

    def __len__(self) -> int:
        return len(self.samples)

    def batch(self, indices: Any) -> tuple[Any, Any]:
        """(x, labels); x has stride 0 along time, so that it takes the room of one step."""
        x, labels = self.samples.batch(indices)
        return x.expand(self.steps, *x.shape[1:]), labels


def permuted(
    dataset: str, *, tasks: int, seed: int, train_size: int = 0, test_size: int = 0, validation: bool = False
) -> list[ContinualTask]:
    """Tasks that are one set of images with its pixels in another order each, the first one's too.

    Parameters   dataset      one of `LOADERS`
                 tasks        how many
                 seed         of the orders and of which images are taken
                 train_size   training images of each task, the same ones in all; 0: all
                 test_size    likewise
                 validation   whether `test` is made of training images, other ones than those trained on: what settings are
                              chosen by
    Raises       InvalidValue
    """
    check_seed("permuted: seed", seed)
    images = load_images(dataset)
    usual = NORMALISATION[dataset]
    made = {
        part: Images(
            images=getattr(images, f"{part}_images"), labels=getattr(images, f"{part}_labels"), mean=usual.mean,
            std=usual.std, brightest=images.brightest,
        )
        for part in ("train", "test")
    }  # fmt: skip
    order = setup_generator(seed, _CHOICE).permutation(len(made["train"]))
    held = (test_size or len(order) // 6) if validation else 0
    train_size = train_size or len(order) - held
    for field, value, most in (
        ("train_size", train_size, len(order) - held), ("test_size", test_size, len(made["test"]))
    ):  # fmt: skip
        if not 0 <= value <= most:
            raise InvalidValue(f"permuted: {field}", value, f"0, for all, or up to {most}")
    train = made["train"].subset(np.sort(order[:train_size]))
    if validation:
        test = made["train"].subset(np.sort(order[len(order) - held :]))
    else:
        test = made["test"]
        chosen = setup_generator(seed, _CHOICE, 1).permutation(len(test))[: test_size or len(test)]
        test = test.subset(np.sort(chosen))
    found = []
    for k in range(tasks):
        moved = setup_generator(seed, _PIXELS, k).permutation(int(np.prod(train.shape)))
        found.append(ContinualTask(name=f"order {k + 1}", train=Permuted(train, moved), test=Permuted(test, moved)))
    return found
