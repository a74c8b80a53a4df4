"""Sequences of tasks by name: the classes of one set in groups, five sets in a row, one set with its pixels moved.

    tasks = sequence("split_digits", seed=0)

Source       the sequences of continual learning by Hebbian orthogonal projection: Xiao et al. 2024, arXiv 2402.11984
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..neurons import InvalidValue, check_seed, setup_generator
from .continual_tasks import ContinualTask, chosen_parts, image_parts, permuted
from .data import NORMALISATION, Images, Normalisation
from .registry import unknown

__all__ = ["SEQUENCES", "Padded", "TaskSequence", "five_datasets", "sequence", "shuffled_classes", "split"]

_CLASSES, _CHOICE = 268, 269  # streams of random numbers
_SIDE = 32

# In this order. Of MNIST and Fashion-MNIST the moments are those with their padding, as in the source.
FIVE = {
    "cifar10": NORMALISATION["cifar10"],
    "mnist": Normalisation((0.1,), (0.2752,)),
    "svhn": NORMALISATION["svhn"],
    "fashion_mnist": Normalisation((0.2190,), (0.3318,)),
    "notmnist": NORMALISATION["notmnist"],
}


@dataclasses.dataclass(frozen=True, eq=False)
class Padded:
    """`Samples` of maps: grey images as coloured ones of a larger side, with black around them. None of it is stored.

    Parameters   images     grey, of a side that `side` exceeds by an even number of pixels; not flat
                 side       of what is seen, pixels
                 channels   how often the grey one is repeated
    Raises       InvalidValue
    """

    images: Images
    side: int = _SIDE
    channels: int = 3

    def __post_init__(self) -> None:
        colours, *sides = self.images.shape
        if colours != 1 or self.images.flat or any(n > self.side or (self.side - n) % 2 for n in sides):
            legal = f"maps of grey images that {self.side} exceeds by an even number of pixels"
            raise InvalidValue("Padded.images", f"shape {self.images.shape}, flat={self.images.flat}", legal)

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, indices: Any) -> tuple[Any, Any]:
        """(x, labels); x has stride 0 along channels."""
        from torch.nn import functional

        x, labels = self.images.batch(indices)
        (mean,), (std,) = (np.atleast_1d(each) for each in (self.images.mean, self.images.std))
        right, down = ((self.side - n) // 2 for n in reversed(self.images.shape[1:]))
        padded = functional.pad(x, (right, right, down, down), value=float(-mean / std))
        return padded.expand(-1, -1, self.channels, -1, -1), labels


def split(
    dataset: str,
    *,
    tasks: int,
    classes_per_task: int,
    seed: int,
    order: Sequence[int] | NDArray[np.int64] | None = None,
    flat: bool = True,
    shared_head: bool = False,
    train_size: int = 0,
    test_size: int = 0,
    validation: bool = False,
) -> list[ContinualTask]:
    """Tasks that are the classes of one set in groups. Labels count from 0 within each task.

    Parameters   dataset            one of `LOADERS`
                 tasks              how many
                 classes_per_task   of each; together at most the classes of the set
                 seed               of which images are taken
                 order              of the classes, the first group first; None: as they are numbered
                 flat               as of `Images`
                 shared_head        whether all tasks share the first `classes_per_task` outputs; else task k has outputs
                                    k classes_per_task up to (k + 1) classes_per_task to itself
                 train_size         training images of each task; 0: all of its classes
                 test_size          likewise
                 validation         whether `test` is made of training images, other ones than those trained on: what
                                    settings are chosen by
    Raises       InvalidValue
    """
    check_seed("split: seed", seed)
    train, test = image_parts(dataset, flat=flat)
    classes = int(train.labels.max()) + 1
    for field, value in (("tasks", tasks), ("classes_per_task", classes_per_task)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InvalidValue(f"split: {field}", value, "a whole number >= 1")
    if tasks * classes_per_task > classes:
        given = f"{tasks} tasks of {classes_per_task} classes"
        raise InvalidValue(
            "split: tasks, classes_per_task", given, f"together at most the {classes} classes of {dataset}"
        )
    numbers = np.arange(classes) if order is None else np.asarray(order)
    if not np.array_equal(np.sort(numbers), np.arange(classes)):
        raise InvalidValue("split: order", numbers, f"each of 0 to {classes - 1} once")
    found = []
    for k in range(tasks):
        own = numbers[k * classes_per_task : (k + 1) * classes_per_task]
        first, second = chosen_parts(
            _of_classes(train, own), _of_classes(test, own), train_size=train_size, test_size=test_size,
            validation=validation, seed=seed, stream=(_CHOICE, k),
        )  # fmt: skip
        outputs = None if shared_head else (k * classes_per_task, (k + 1) * classes_per_task)
        found.append(ContinualTask(name=_named(own), train=first, test=second, outputs=outputs))
    return found


def shuffled_classes(classes: int, seed: int) -> NDArray[np.int64]:
    """So many class numbers in an order that is a function of the seed."""
    return setup_generator(check_seed("shuffled_classes: seed", seed), _CLASSES).permutation(classes)


def five_datasets(
    *,
    tasks: int = 5,
    seed: int,
    shared_head: bool = False,
    train_size: int = 0,
    test_size: int = 0,
    validation: bool = False,
) -> list[ContinualTask]:
    """Ten classes each of CIFAR-10, MNIST, SVHN, Fashion-MNIST and notMNIST, as maps of 3 channels and 32 x 32 pixels.

    Parameters   tasks   the first so many of them, 1 to 5
                 the others as of `split`
    Raises       InvalidValue; UnreadableFile as their loaders
    Source       Ebrahimi et al. 2020, arXiv 2003.09553; moments of the padded sets as in the program of arXiv 2402.11984
    Deviations   notMNIST's images and their division are the loader's; CIFAR-10's moments are ours, equal to three digits
    """
    check_seed("five_datasets: seed", seed)
    if isinstance(tasks, bool) or not isinstance(tasks, int) or not 1 <= tasks <= len(FIVE):
        raise InvalidValue("five_datasets: tasks", tasks, f"1 to {len(FIVE)}")
    found = []
    for k, (dataset, moments) in enumerate(list(FIVE.items())[:tasks]):
        parts = chosen_parts(
            *image_parts(dataset, flat=False, normalisation=moments), train_size=train_size, test_size=test_size,
            validation=validation, seed=seed, stream=(_CHOICE, k),
        )  # fmt: skip
        first, second = (each if each.shape[0] == 3 else Padded(each) for each in parts)
        outputs = None if shared_head else (10 * k, 10 * k + 10)
        found.append(ContinualTask(name=dataset, train=first, test=second, outputs=outputs))
    return found


class Builder(Protocol):
    """What makes the first tasks of a sequence."""

    def __call__(
        self, *, tasks: int, seed: int, train_size: int, test_size: int, validation: bool
    ) -> list[ContinualTask]: ...


@dataclasses.dataclass(frozen=True)
class TaskSequence:
    """A sequence of tasks.

    Parameters   tasks     how many the source has
                 builder   of the first so many
    """

    tasks: int
    builder: Builder


def _split_miniimagenet(*, seed: int, **options: Any) -> list[ContinualTask]:
    order = shuffled_classes(100, seed)
    return split("miniimagenet", classes_per_task=5, seed=seed, order=order, flat=False, **options)


SEQUENCES: dict[str, TaskSequence] = {
    "permuted_mnist": TaskSequence(10, partial(permuted, "mnist")),
    "permuted_fashion_mnist": TaskSequence(10, partial(permuted, "fashion_mnist")),
    "permuted_digits": TaskSequence(10, partial(permuted, "digits")),
    "split_digits": TaskSequence(5, partial(split, "digits", classes_per_task=2)),
    "split_digits_maps": TaskSequence(5, partial(split, "digits", classes_per_task=2, flat=False)),
    "split_mnist": TaskSequence(5, partial(split, "mnist", classes_per_task=2)),
    "split_fashion_mnist": TaskSequence(5, partial(split, "fashion_mnist", classes_per_task=2)),
    "split_cifar10_jpeg": TaskSequence(5, partial(split, "cifar10_jpeg", classes_per_task=2, flat=False)),
    "split_cifar100": TaskSequence(10, partial(split, "cifar100", classes_per_task=10, flat=False)),
    "split_miniimagenet": TaskSequence(20, _split_miniimagenet),
    "five_datasets": TaskSequence(5, five_datasets),
    "five_datasets_shared_head": TaskSequence(5, partial(five_datasets, shared_head=True)),
}


def sequence(
    name: str, *, tasks: int = 0, seed: int, train_size: int = 0, test_size: int = 0, validation: bool = False
) -> list[ContinualTask]:
    """The tasks of this name, one of `SEQUENCES`.

    Permuted and split sets of grey images are flat, all others maps, and split_digits_maps too; of miniImageNet the seed
    orders the classes.

    Parameters   tasks   the first so many; 0: as many as the source has
                 the others as of `permuted` and `split`
    Raises       UnknownName with the nearest name; InvalidValue; UnreadableFile as the loader of the set
    """
    if name not in SEQUENCES:
        raise unknown("sequence of tasks", name, SEQUENCES)
    kind = SEQUENCES[name]
    return kind.builder(
        tasks=tasks or kind.tasks, seed=seed, train_size=train_size, test_size=test_size, validation=validation
    )


def _of_classes(images: Images, classes: NDArray[np.int64]) -> Images:
    """The images of these classes, whose labels become 0, 1, ... in their order."""
    renumbered = np.full(int(images.labels.max()) + 1, -1, dtype=np.int64)
    present = classes[classes < len(renumbered)]
    renumbered[present] = np.arange(len(classes))[classes < len(renumbered)]
    labels = renumbered[images.labels]
    return dataclasses.replace(images, labels=labels, order=np.flatnonzero(labels >= 0))


def _named(classes: NDArray[np.int64]) -> str:
    if len(classes) > 2 and np.array_equal(classes, np.arange(classes[0], classes[0] + len(classes))):
        return f"classes {classes[0]} to {classes[-1]}"
    return "classes " + ", ".join(str(each) for each in classes)
