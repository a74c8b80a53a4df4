"""What is learned one after the other: tasks, each with images to train on and images to test on.

`permuted` makes tasks of one set of images by moving its pixels; all tasks share the outputs of a network. Other sequences,
and all of them by name, are in `continual_sequences`.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..neurons import InvalidValue, check_seed, setup_generator
from .data import NORMALISATION, Images, Normalisation, load_images

__all__ = ["ContinualTask", "Permuted", "Repeated", "chosen_parts", "image_parts", "permuted"]

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
    _check("permuted", tasks, seed)
    train, test = image_parts(dataset)
    train, test = chosen_parts(
        train, test, train_size=train_size, test_size=test_size, validation=validation, seed=seed, stream=(_CHOICE,)
    )
    found = []
    for k in range(tasks):
        moved = setup_generator(seed, _PIXELS, k).permutation(int(np.prod(train.shape)))
        found.append(ContinualTask(name=f"order {k + 1}", train=Permuted(train, moved), test=Permuted(test, moved)))
    return found


def image_parts(
    dataset: str, *, flat: bool = True, normalisation: Normalisation | None = None
) -> tuple[Images, Images]:
    """(training, test) images of a set.

    Parameters   dataset         one of `LOADERS`
                 flat            as of `Images`
                 normalisation   default: that of `NORMALISATION`
    """
    images = load_images(dataset)
    usual = NORMALISATION[dataset] if normalisation is None else normalisation
    first, second = (
        Images(
            images=getattr(images, f"{part}_images"), labels=getattr(images, f"{part}_labels"), mean=usual.mean,
            std=usual.std, flat=flat, brightest=images.brightest,
        )
        for part in ("train", "test")
    )  # fmt: skip
    return first, second


def chosen_parts(
    train: Images,
    test: Images,
    *,
    train_size: int,
    test_size: int,
    validation: bool,
    seed: int,
    stream: tuple[int, ...],
) -> tuple[Images, Images]:
    """(images to train on, images to test on), at random by the seed, in the order they have in their set.

    Parameters   train_size   0: all, but for those that validate
                 test_size    0: all; with validation a sixth of the training images
                 validation   whether the second part is made of training images too, other ones than those trained on
                 stream       of random numbers, after the seed
    Raises       InvalidValue
    """
    order = setup_generator(seed, *stream).permutation(len(train))
    most = len(order) - 1 if validation else len(test)
    _check_size("test_size", test_size, most)
    held = (test_size or len(order) // 6) if validation else 0
    _check_size("train_size", train_size, len(order) - held)
    chosen = train.subset(np.sort(order[: train_size or len(order) - held]))
    if validation:
        return chosen, train.subset(np.sort(order[len(order) - held :]))
    shown = setup_generator(seed, *stream, 1).permutation(len(test))[: test_size or len(test)]
    return chosen, test.subset(np.sort(shown))


def _check(caller: str, tasks: Any, seed: Any) -> None:
    check_seed(f"{caller}: seed", seed)
    if isinstance(tasks, bool) or not isinstance(tasks, int) or tasks < 1:
        raise InvalidValue(f"{caller}: tasks", tasks, "a whole number >= 1")


def _check_size(field: str, value: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise InvalidValue(field, value, f"0, for all, or up to {most}")
