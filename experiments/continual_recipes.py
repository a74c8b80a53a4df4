"""How the paper trains convolutional networks on each sequence of tasks: its constants, as one table.

Source       Xiao et al. 2024, arXiv 2402.11984 (ICLR), and its published program
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from ..neurons import RepresentedSpiking, SoftResetLIF
from ..plasticity import MeanCrossEntropy
from ..reservoirs import Feedforward, sgd
from .continual_methods import DT, FIRE_AT, TAU_M, V_THRESHOLD
from .continual_networks import RANKS, residual_network, split_cifar_network

__all__ = ["RECIPES", "REPORTED", "Recipe"]

RanksByTask = tuple[tuple[int, ...], ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """A network and a budget.

    Parameters   classes           of each task
                 channels          of the convolutions; one number: of the first stage of a residual network
                 first             of a residual network: kernel and stride of its first convolution
                 side, colours     of images
                 ranks             dimensions that each task may keep, for each connection in order, of that network
                 learning_rates    of the first task, of all later ones
                 momentum          of gradient descent, anew with each task
                 warm_up           epochs in which the rate rises; then it falls to 0 along half a cosine
                 epochs, batch     of each task
                 lateral_rate      of Hebbian learning, in all layers
                 stored_per_class  images of each class and task that rehearsal keeps
                 rehearsal_batch, rehearsals, rehearsal_rate   images of each task to an update; epochs; learning rate
    """

    classes: int = 10
    channels: tuple[int, ...]
    first: tuple[int, int] = (3, 1)
    side: int = 32
    colours: int = 3
    ranks: RanksByTask
    learning_rates: tuple[float, float]
    momentum: float = 0.9
    warm_up: int = 0
    epochs: int
    batch: int = 64
    lateral_rate: float = 0.01
    stored_per_class: int = 50
    rehearsal_batch: int = 50
    rehearsals: int = 20
    rehearsal_rate: float = 0.001

    def network(self, outputs: int, seed: int) -> Feedforward:
        """With neurons of spike representation; outputs of all heads together."""
        neuron = SoftResetLIF(tau_m=TAU_M, r_m=1.0, v_rest=0.0, v_threshold=FIRE_AT * V_THRESHOLD, v_drop=V_THRESHOLD)
        given: dict[str, Any] = {
            "neurons": lambda n: RepresentedSpiking(n, neuron, dt=DT),
            "objective": MeanCrossEntropy(tau_steps=TAU_M / DT),
            "height": V_THRESHOLD / DT, "side": self.side, "colours": self.colours, "seed": seed,
        }  # fmt: skip
        if len(self.channels) > 1:
            return split_cifar_network(outputs, channels=self.channels, **given)
        return residual_network(outputs, width=self.channels[0], first=self.first, **given)

    def smaller(self, width: float, colours: int, side: int) -> Recipe:
        """With this share of the channels and for such images; of its inputs each connection may keep the same share."""
        channels = tuple(max(1, round(width * each)) for each in self.channels)
        changed = dataclasses.replace(self, channels=channels, colours=colours, side=side)
        if changed == self:
            return self
        inputs = list(zip(_inputs(changed.network(1, 0)), _inputs(self.network(1, 0)), strict=True))
        ranks = tuple(tuple(-(-k * n // of) for k, (n, of) in zip(row, inputs, strict=True)) for row in self.ranks)
        return dataclasses.replace(changed, ranks=ranks)

    def optimisers(self, task: int) -> Any:
        """Of the task of this number, from 0."""
        return sgd(
            self.learning_rates[min(task, 1)],
            momentum=self.momentum,
            final_learning_rate=0.0,
            warm_up_epochs=self.warm_up,
        )


def _inputs(network: Any) -> list[int]:
    """Of each connection, in the order of ranks."""
    shapes = [tuple(weight.shape) for weight in network.parameters() if weight.ndim > 1]
    return [math.prod(shape[1:]) if len(shape) == 4 else shape[0] for shape in shapes]


_SPLIT = Recipe(
    channels=(64, 128, 256), ranks=RANKS["split_cifar100"], learning_rates=(0.01, 0.01), warm_up=5, epochs=200
)
_FIVE = Recipe(channels=(20,), ranks=RANKS["five_datasets"], learning_rates=(0.1, 0.01), epochs=100)
RECIPES: dict[str, Recipe] = {
    "split_cifar100": _SPLIT,
    "split_cifar10_jpeg": dataclasses.replace(_SPLIT, classes=2),
    "split_digits_maps": dataclasses.replace(_SPLIT, classes=2),
    "five_datasets": _FIVE,
    "five_datasets_shared_head": dataclasses.replace(_FIVE, ranks=RANKS["five_datasets_shared_head"]),
    "split_miniimagenet": dataclasses.replace(
        _FIVE,
        classes=5,
        first=(5, 2),
        side=84,
        ranks=RANKS["split_miniimagenet"],
        stored_per_class=5,
        rehearsal_batch=5,
    ),
}
"""By sequence. CIFAR-10 as JPEG and digits are ours, with what the paper has for split CIFAR-100."""

REPORTED: dict[str, dict[str, float]] = {
    "split_cifar100": {"acc": 78.58, "bwt": -0.26},
    "five_datasets": {"acc": 88.65, "bwt": -3.71},
    "split_miniimagenet": {"bwt": -0.48},
}
"""Of HLOP with spike representation and backprop, from a third-party review: the paper's tables were not at hand."""
