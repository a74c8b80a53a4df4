"""Sequences of tasks: which images they hold, under which labels, and that no image is both trained on and chosen by."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from synfire.experiments import continual_tasks
from synfire.experiments.continual_sequences import (
    FIVE,
    SEQUENCES,
    Padded,
    five_datasets,
    sequence,
    shuffled_classes,
    split,
)
from synfire.experiments.continual_tasks import Permuted, Repeated, permuted
from synfire.experiments.data import NORMALISATION, Images, ImageSet, load_images
from synfire.neurons import InvalidValue, UnknownName


def everything(samples):
    return samples.batch(np.arange(len(samples)))


def rows(samples):
    """Each image as bytes."""
    return [row.tobytes() for row in everything(samples)[0][0].numpy()]


def published(part):
    """(pixels in rows, labels) of the digits."""
    digits = load_images("digits")
    return getattr(digits, f"{part}_images").reshape(-1, 64), getattr(digits, f"{part}_labels")


def normalised(pixels):
    (mean,), (std,) = NORMALISATION["digits"]
    return (pixels / 16.0 - mean) / std


def test_split_digits_are_the_published_images_of_each_pair_of_classes():
    tasks = sequence("split_digits", seed=0)
    assert [task.name for task in tasks] == [f"classes {k}, {k + 1}" for k in range(0, 10, 2)]
    assert [task.outputs for task in tasks] == [(k, k + 2) for k in range(0, 10, 2)]
    for k, task in enumerate(tasks):
        for part in ("train", "test"):
            pixels, labels = published(part)
            own = labels // 2 == k
            x, target = everything(getattr(task, part))
            np.testing.assert_allclose(x[0].numpy(), normalised(pixels[own]), atol=1e-5)
            np.testing.assert_array_equal(target.numpy(), labels[own] - 2 * k)


def test_classes_in_another_order_count_from_zero_in_that_order():
    order = [7, 2, 9, 0, 1, 3, 4, 5, 6, 8]
    tasks = split("digits", tasks=2, classes_per_task=3, order=order, shared_head=True, seed=0)
    pixels, labels = published("test")
    for k, task in enumerate(tasks):
        own = order[3 * k : 3 * k + 3]
        chosen = np.isin(labels, own)
        x, target = everything(task.test)
        np.testing.assert_allclose(x[0].numpy(), normalised(pixels[chosen]), atol=1e-5)
        np.testing.assert_array_equal(target.numpy(), [own.index(each) for each in labels[chosen]])
        assert task.outputs is None


def test_maps_are_the_flat_images_in_another_shape():
    flat, maps = (split("digits", tasks=5, classes_per_task=2, seed=0, flat=flat)[1] for flat in (True, False))
    x, y = everything(flat.train)[0], everything(maps.train)[0]
    assert y.shape[2:] == (1, 8, 8)
    assert torch.equal(x.view(y.shape), y)


@pytest.mark.parametrize("name", ["split_digits", "permuted_digits"])
def test_what_validates_is_trained_on_by_no_one_and_is_no_test_image(name):
    chosen, all_of_them = (
        sequence(name, tasks=3, seed=1, validation=validation, test_size=40 if validation else 0)
        for validation in (True, False)
    )
    for some, whole in zip(chosen, all_of_them, strict=True):
        assert len(some.test) == 40
        assert len(some.train) == len(whole.train) - 40
        assert sorted(rows(some.train) + rows(some.test)) == sorted(rows(whole.train))
    sixth = sequence(name, tasks=1, seed=1, validation=True)[0]
    assert len(sixth.test) == len(all_of_them[0].train) // 6


@pytest.mark.parametrize("name", ["split_digits", "permuted_digits"])
def test_images_are_a_function_of_the_seed_and_the_sizes(name):
    first, again, other = (sequence(name, seed=seed, train_size=30, test_size=20) for seed in (0, 0, 1))
    assert len(first) == SEQUENCES[name].tasks
    for one, same, another in zip(first, again, other, strict=True):
        assert (len(one.train), len(one.test)) == (30, 20)
        assert rows(one.train) == rows(same.train)
        assert rows(one.test) == rows(same.test)
        assert rows(one.train) != rows(another.train)
        assert rows(one.test) != rows(another.test)
    fewer = sequence(name, tasks=2, seed=0, train_size=30, test_size=20)
    assert [rows(task.train) for task in fewer] == [rows(task.train) for task in first[:2]]


def test_permuted_tasks_move_the_pixels_of_the_same_images():
    tasks = permuted("digits", tasks=3, seed=4, train_size=50)
    plain = everything(tasks[0].train.samples)[0]
    assert len({task.train.order.tobytes() for task in tasks}) == 3
    for task in tasks:
        assert isinstance(task.train, Permuted)
        assert not np.array_equal(task.train.order, np.arange(64))
        np.testing.assert_array_equal(task.train.order, task.test.order)
        x, labels = everything(task.train)
        assert torch.equal(x, plain[..., task.train.order])
        assert torch.equal(labels, everything(tasks[0].train)[1])


def test_repeated_samples_are_the_same_at_each_step_and_take_the_room_of_one():
    samples = permuted("digits", tasks=1, seed=0, train_size=10)[0].train
    x, labels = Repeated(samples, 7).batch(np.arange(4))
    once, same = samples.batch(np.arange(4))
    assert x.shape == (7, 4, 64)
    assert x.stride(0) == 0
    assert torch.equal(x[6:], once)
    assert torch.equal(labels, same)


def grey(n=12, side=28):
    images = np.random.default_rng(0).integers(0, 256, (n, side, side), dtype=np.uint8)
    return Images(images=images, labels=np.arange(n) % 10, mean=(0.2,), std=(0.3,), flat=False)


def test_padded_images_are_those_normalised_after_padding():
    images = grey()
    x, labels = Padded(images).batch([3, 5])
    stored = np.pad(images.images, ((0, 0), (2, 2), (2, 2)))
    whole = Images(images=stored, labels=images.labels, mean=(0.2,), std=(0.3,), flat=False)
    expected, same = whole.batch([3, 5])
    assert x.shape == (1, 2, 3, 32, 32)
    assert x.stride(2) == 0
    for channel in range(3):
        assert torch.equal(x[:, :, channel], expected[:, :, 0])
    assert torch.equal(labels, same)


@pytest.fixture
def five(monkeypatch):
    """Small sets under the names of the five."""
    made = {}
    for k, name in enumerate(FIVE):
        rng = np.random.default_rng(k)
        shape = (32, 32, 3) if name in ("cifar10", "svhn") else (28, 28)
        images = {part: rng.integers(0, 256, (n, *shape), dtype=np.uint8) for part, n in (("train", 40), ("test", 20))}
        made[name] = ImageSet(
            name=name, train_images=images["train"], train_labels=np.arange(40) % 10, test_images=images["test"],
            test_labels=np.arange(20) % 10,
        )  # fmt: skip
    monkeypatch.setattr(continual_tasks, "load_images", made.__getitem__)
    return made


def test_five_datasets_have_one_shape_their_own_moments_and_a_head_each(five):
    tasks = sequence("five_datasets", seed=0)
    assert [task.name for task in tasks] == ["cifar10", "mnist", "svhn", "fashion_mnist", "notmnist"]
    assert [task.outputs for task in tasks] == [(10 * k, 10 * k + 10) for k in range(5)]
    for task in tasks:
        x, labels = everything(task.test)
        assert x.shape == (1, 20, 3, 32, 32)
        np.testing.assert_array_equal(labels.numpy(), np.arange(20) % 10)
        images = five[task.name].test_images
        if images.ndim == 3:
            images = np.repeat(np.pad(images, ((0, 0), (2, 2), (2, 2)))[..., None], 3, axis=3)
        mean, std = (np.asarray(each) for each in FIVE[task.name])
        expected = ((images / 255.0 - mean) / std).transpose(0, 3, 1, 2)
        np.testing.assert_allclose(x[0].numpy(), expected, atol=1e-5)
    assert [task.outputs for task in sequence("five_datasets_shared_head", tasks=2, seed=0)] == [None, None]


def test_five_datasets_are_chosen_from_by_the_seed_and_validate_on_training_images(five):
    first, second = (five_datasets(seed=0, train_size=9, test_size=8, validation=True) for _ in range(2))
    for one, same in zip(first, second, strict=True):
        assert rows(one.train) == rows(same.train)
        assert (len(one.train), len(one.test)) == (9, 8)
        assert not set(rows(one.train)) & set(rows(one.test))
    whole = five_datasets(seed=0)
    assert all(set(rows(one.test)) <= set(rows(task.train)) for one, task in zip(first, whole, strict=True))


def test_moments_of_padded_images_follow_from_those_of_the_images():
    for name in ("mnist", "fashion_mnist"):
        (mean,), (std,) = NORMALISATION[name]
        share = (28 / 32) ** 2
        wanted = share * mean, (share * (std**2 + mean**2) - (share * mean) ** 2) ** 0.5
        np.testing.assert_allclose(np.ravel(FIVE[name]), wanted, atol=2e-4)


def test_miniimagenet_is_twenty_groups_of_classes_in_an_order_of_the_seed(monkeypatch):
    labels = np.repeat(np.arange(100), 2)
    images = np.arange(200, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), dtype=np.uint8)
    made = ImageSet(name="m", train_images=images, train_labels=labels, test_images=images, test_labels=labels)
    monkeypatch.setattr(continual_tasks, "load_images", lambda name: made)
    tasks = sequence("split_miniimagenet", seed=3)
    order = shuffled_classes(100, 3)
    assert len(tasks) == 20
    assert sorted(order) == list(range(100))
    assert not np.array_equal(order, shuffled_classes(100, 4))
    for k, task in enumerate(tasks):
        x, target = everything(task.train)
        red = x[0, :, 0, 0, 0].double() * NORMALISATION["miniimagenet"].std[0] + NORMALISATION["miniimagenet"].mean[0]
        seen = np.rint(255 * red.numpy()).astype(int) // 2  # the class, from the image itself
        np.testing.assert_array_equal(order[5 * k + target.numpy()], seen)
        assert len(target) == 10


def test_the_sources_sequences_are_as_long_as_there():
    lengths = {"permuted_mnist": 10, "split_cifar100": 10, "split_miniimagenet": 20, "five_datasets": 5}
    assert {name: SEQUENCES[name].tasks for name in lengths} == lengths


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: split("digits", tasks=4, classes_per_task=3, seed=0), "at most the 10 classes of digits"),
        (lambda: split("digits", tasks=0, classes_per_task=3, seed=0), "split: tasks"),
        (lambda: split("digits", tasks=1, classes_per_task=True, seed=0), "classes_per_task"),
        (lambda: split("digits", tasks=1, classes_per_task=2, order=[0, 1], seed=0), "split: order"),
        (lambda: split("digits", tasks=1, classes_per_task=2, seed=-1), "split: seed"),
        (lambda: split("digits", tasks=1, classes_per_task=2, seed=0, train_size=9_999), "train_size"),
        (lambda: split("digits", tasks=1, classes_per_task=2, seed=0, test_size=-1), "test_size"),
        (lambda: sequence("permuted_digits", tasks=-1, seed=0), "permuted: tasks"),
        (lambda: permuted("digits", tasks=1, seed=0, test_size=2_000, validation=True), "test_size"),
        (lambda: five_datasets(tasks=6, seed=0), "five_datasets: tasks"),
        (lambda: Padded(grey(side=29)), "even number of pixels"),
        (lambda: shuffled_classes(5, -1), "shuffled_classes: seed"),
    ],
)
def test_what_cannot_be_is_refused(make, said):
    with pytest.raises(InvalidValue, match=said):
        make()


def test_an_unknown_sequence_is_told_with_the_nearest_name():
    with pytest.raises(UnknownName, match="did you mean split_cifar100"):
        sequence("split_cifar_100", seed=0)
