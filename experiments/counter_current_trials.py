"""What `counter-current-cnn` and `counter-current-autoencoder` train: one method on the images of one seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ..plasticity import BPTT, CounterCurrent, CreditRule, NormalisedMembership, Reconstruction
from ..reservoirs import Feedforward, History
from .counter_current_networks import autoencoder, autoencoder_stream, pooled_cnn, pooled_cnn_stream
from .counter_current_recipes import AUTOENCODER, CNN, LastLayer, Recipe, device_of
from .data import IMAGENET, Augmented, ImageParts, Images, Reconstructions, load_images, three_parts
from .digits_baselines import one_torch_thread
from .epoch_parts import EpochParts
from .whole_fit import whole_fit

__all__ = ["classify", "reconstruct"]


def classify(method: str, config: Any, seed: int) -> dict[str, Any]:
    """Accuracies (%) by epoch, and the test's at the epoch with the least validation loss; `config` as `counter_current_cnn`."""
    image_set = load_images(config.dataset)
    parts = _parts(image_set, config, seed, IMAGENET.mean, IMAGENET.std)
    sizes: dict[str, Any] = {"channels": config.channels, "side": parts.train.shape[1], "seed": seed}
    network = pooled_cnn(image_set.classes, normalise=method == "backprop", **sizes)
    recipe = CNN[config.dataset]["backprop" if method == "backprop" else "ccl"]
    rules: dict[str, CreditRule] = {
        "ccl": CounterCurrent(
            loss=NormalisedMembership(flood=recipe.flood),
            feedback=lambda _: pooled_cnn_stream(image_set.classes, **sizes),
        ),
        "backprop": BPTT(),
        "frozen": LastLayer(),
    }
    train = Augmented(images=parts.train, flip=True, crop_padding=4, seed=seed)
    sets = (train, parts.validation, parts.test)
    _, history, rate = _fitted(network, rules[method], recipe, _rates(method, recipe, config), sets, config, seed)
    best = int(np.argmin(history.validation_loss))
    return {
        "accuracy": 100.0 * history.test_accuracy[best],
        "loss": history.test_loss[best],
        "test": 100.0 * history.test_accuracy,
        "validation": 100.0 * history.validation_accuracy,
        "validation_loss": history.validation_loss,
        "learning_rate": rate,
        "chance": 100.0 / image_set.classes,
    }


def reconstruct(method: str, config: Any, seed: int) -> dict[str, Any]:
    """Mean squared errors by epoch, the test's at the epoch with the least validation error, and some reconstructions.

    `config` as `counter_current_autoencoder`.
    """
    parts = _parts(load_images(config.dataset), config, seed, 0.0, 1.0)
    originals, _ = parts.test.batch(np.arange(config.shown))
    if method == "mean_image":
        return _mean_image(parts) | {"originals": originals[0].numpy()}
    network = autoencoder(channels=config.channels, seed=seed)
    recipe = AUTOENCODER["ccl" if method == "ccl" else "backprop"]
    rules: dict[str, CreditRule] = {
        "ccl": CounterCurrent(
            loss=Reconstruction(), feedback=lambda _: autoencoder_stream(channels=config.channels, seed=seed)
        ),
        "backprop": BPTT(),
        "frozen": LastLayer(),
    }
    train: Any = Reconstructions(Augmented(images=parts.train, flip=True, crop_padding=4, seed=seed))
    if config.batches:
        train = EpochParts(samples=train, size=min(config.batches * recipe.batch, len(train)), seed=seed)
    sets = (train, Reconstructions(parts.validation), Reconstructions(parts.test))
    rates = _rates(method, recipe, config)
    trained, history, rate = _fitted(network, rules[method], recipe, rates, sets, config, seed)
    with torch.no_grad(), one_torch_thread():
        shown, _ = trained(originals.to(next(trained.parameters()).device))
    return {
        "error": history.test_loss[int(np.argmin(history.validation_loss))],
        "test": history.test_loss,
        "validation": history.validation_loss,
        "learning_rate": rate,
        "shown": shown[0].cpu().numpy(),
        "originals": originals[0].numpy(),
    }


def _rates(method: str, recipe: Recipe, config: Any) -> tuple[float, ...]:
    return tuple(config.frozen_learning_rates) if method == "frozen" else (recipe.learning_rate,)


def _fitted(
    network: Feedforward, rule: CreditRule, recipe: Recipe, rates: Sequence[float], sets: Any, config: Any, seed: int
) -> tuple[Feedforward, History, float]:
    """The network, history and learning rate of the training, of those at each rate, that has the least validation loss."""
    train, validation, test = sets
    batches = config.epochs * -(-len(train) // recipe.batch)
    found: list[tuple[float, tuple[Feedforward, History, float]]] = []
    for rate in rates:
        with one_torch_thread():
            trained, history = whole_fit(
                network.to(device_of(config.device)), recipe.chained(rule, batches), train, test, validation=validation,
                epochs=config.epochs, batch=recipe.batch, optimisers=recipe.optimisers(rate), seed=seed,
            )  # fmt: skip
        found.append((float(history.validation_loss.min()), (trained, history, rate)))
    return min(found, key=lambda each: each[0])[1]


def _parts(image_set: Any, config: Any, seed: int, mean: Any, std: Any) -> ImageParts:
    parts = three_parts(image_set, seed=seed, train_size=config.train_size, flat=False, mean=mean, std=std)
    return parts._replace(test=parts.test.subset(np.arange(config.test_size))) if config.test_size else parts


def _mean_image(parts: ImageParts) -> dict[str, Any]:
    """What an answer is worth that knows no image, but what images are like."""
    mean = _mean_over(parts.train, lambda x: x)
    return {
        "error": float(_mean_over(parts.test, lambda x: (x - mean) ** 2).mean()),
        "shown": np.broadcast_to(mean, (1, *mean.shape)).astype(np.float32),
    }


def _mean_over(images: Images, function: Any) -> Any:
    """The mean over images of a function of each, (channel, height, width)."""
    pieces = np.array_split(np.arange(len(images)), -(-len(images) // 1000))
    return sum(function(images.batch(piece)[0][0].double().numpy()).sum(0) for piece in pieces) / len(images)
