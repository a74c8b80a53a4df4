"""How networks of images are trained by counter-current learning, and by what it is compared with.

Source       Kao & Hariharan 2024, arXiv 2409.19841, and the configuration files of its published program, where the two differ
Deviations   see `counter_current_cnn` and `counter_current_autoencoder`; the controls' recipes are ours
"""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import nn

from ..neurons import InvalidValue
from ..plasticity import BPTT, Batch, Centralise, Clip, Credit, CreditRule, Modifier, WarmUp, chain
from ..reservoirs import sgd

__all__ = ["AUTOENCODER", "CNN", "LastLayer", "Recipe", "device_of"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """Constants of one training; the loss is ramped up first, then gradients are centralised, then clipped."""

    batch: int
    learning_rate: float
    """Of both streams; falls to `final_learning_rate` along half a cosine."""
    final_learning_rate: float = 1e-3
    momentum: float
    weight_decay: float
    warm_up: int
    """Batches."""
    centralise: bool = True
    clip: float | None = None
    """Largest norm of the gradient of each stream; None: any."""
    flood: float = 0.0
    """Samples whose class is given more than 1 - flood teach the hidden layers no more; 0: all do."""

    def chained(self, rule: CreditRule, batches: int) -> CreditRule:
        """The rule with this recipe's modifiers, for a training of so many batches.

        The ramp takes no more than a tenth of them, so that small trials are not all ramp; of the paper's it takes less.
        """
        ramp = min(self.warm_up, batches // 10)
        modifiers: list[Modifier] = [WarmUp(ramp)] if ramp else []
        modifiers += [Centralise()] if self.centralise else []
        modifiers += [Clip(self.clip)] if self.clip is not None else []
        return chain(rule, *modifiers)

    def optimisers(self, learning_rate: float) -> Any:
        """Stochastic gradient descent for `fit`, at this rate in place of the recipe's own."""
        return sgd(
            learning_rate,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            final_learning_rate=self.final_learning_rate,
        )


_CIFAR10 = Recipe(
    batch=128, learning_rate=1.0, momentum=0.8, weight_decay=1e-6, warm_up=100, clip=0.3, flood=0.1
)  # the text floods at 0.2; the program takes that as a switch, and 0.1
_CIFAR100 = dataclasses.replace(_CIFAR10, momentum=0.5, clip=None, flood=0.0)
_BACKPROP = Recipe(batch=256, learning_rate=0.03, momentum=0.5, weight_decay=1e-5, warm_up=200)

CNN = {
    "cifar10": {"ccl": _CIFAR10, "backprop": _BACKPROP},
    "cifar10_jpeg": {"ccl": _CIFAR10, "backprop": _BACKPROP},
    "cifar100": {"ccl": _CIFAR100, "backprop": _BACKPROP},
}
"""By data set and method; the control takes the recipe of "ccl"."""

AUTOENCODER = {
    "ccl": Recipe(batch=32, learning_rate=0.01, momentum=0.9, weight_decay=1e-4, warm_up=100, clip=0.2),
    "backprop": Recipe(batch=32, learning_rate=0.03, momentum=0.5, weight_decay=1e-5, warm_up=200, clip=0.2),
}
"""By method; the control takes the recipe of "backprop"."""


@dataclasses.dataclass(frozen=True)
class LastLayer:
    """The control: the last layer learns from its exact gradient, those before it stay as they were drawn."""

    def init(self, network: Any) -> None:
        return None

    def gradients(self, network: Any, batch: Batch, state: None) -> Credit:
        x = batch.x
        with torch.no_grad():
            for layer in network.layers[:-1]:
                x, _ = layer(x)
        last = _Last(network.layers[-1:], network.objective)
        credit = BPTT().gradients(last, batch._replace(x=x), None)
        place = len(network.layers) - 1
        gradients = {name.replace("layers.0.", f"layers.{place}."): g for name, g in credit.gradients.items()}
        return credit._replace(gradients=gradients)


class _Last(nn.Module):
    """A network's last layer as a network."""

    def __init__(self, layers: nn.ModuleList, objective: Any) -> None:
        super().__init__()
        self.layers, self.objective = layers, objective

    def forward(self, x: Any) -> Any:
        return self.layers[0](x)


def device_of(name: str) -> torch.device:
    """The device that the config names. Raises InvalidValue where it is not there."""
    if name == "cuda" and not torch.cuda.is_available():
        raise InvalidValue("device", name, "cpu: torch finds no GPU here")
    return torch.device(name)
