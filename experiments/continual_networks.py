"""The convolutional networks of images on which continual learning is tried, and how many dimensions each task may take.

Any neurons will do, spiking or not:

    split_cifar_network(outputs=100, neurons=lambda n: Rate(Relu()), seed=0)

Source       Xiao et al. 2024, arXiv 2402.11984, and its published program
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from ..neurons import (
    AveragePool,
    BatchNorm,
    Conv,
    Dense,
    Flatten,
    InvalidValue,
    Layer,
    Maps,
    Residual,
    check_seed,
    setup_generator,
)
from ..reservoirs import Feedforward

__all__ = ["RANKS", "Neurons", "residual_network", "split_cifar_network"]

_WEIGHTS = 267  # stream of random numbers
_READOUT = 0.01  # standard deviation of the last weights

Neurons = Callable[[int], Layer]
"""Makes a layer of so many neurons."""


def split_cifar_network(
    outputs: int = 100,
    *,
    neurons: Neurons,
    channels: Sequence[int] = (64, 128, 256),
    side: int = 32,
    colours: int = 3,
    height: float = 1.0,
    objective: Any = None,
    seed: int = 0,
) -> Feedforward:
    """For each number of channels a convolution, normalisation, neurons and pooling that halves the side; then the outputs.

    No biases but those of normalisation. Kernels start normal with variance 2 / (channels kernel²), channels those that
    they lead to; the last weights with standard deviation 0.01. All heads are one matrix, so `outputs` is tasks × classes.

    Parameters   outputs    of all heads together
                 neurons    makes a layer of n neurons, from (time, batch, n) to the same shape
                 channels   of each convolution
                 side       of the images, pixels: a multiple of 2 to the number of convolutions
                 colours    channels of the images
                 height     of what neurons give, the gain of the connections after them: 1 for rates and plain spikes
                 objective  default: cross-entropy at each step
                 seed       of all initial weights; each layer's are a pure function of the seed and its place
    Raises       InvalidValue
    Source       Xiao et al. 2024, arXiv 2402.11984 (10-split CIFAR-100)
    Deviations   heads have no biases; there only the first task's would be trained
    """
    check_seed("split_cifar_network: seed", seed)
    left = side >> len(channels)
    if not len(channels) or left << len(channels) != side or left < 1:
        legal = f"a multiple of {1 << len(channels)}, 2 to the number of convolutions, of which there is at least one"
        raise InvalidValue("split_cifar_network: side", side, legal)
    levels, layers = [colours, *channels], list[Layer]()
    for k in range(len(channels)):
        gain = height if k else 1.0
        layers += [_convolution(levels[k], levels[k + 1], 3, 1, gain, (seed, k)), BatchNorm(levels[k + 1])]
        layers += [Maps(neurons(levels[k + 1] * (side >> k) ** 2)), AveragePool(2)]
    readout = _readout(levels[-1] * left**2, outputs, height, (seed, len(channels)))
    return Feedforward([*layers, Flatten(), readout], objective)


def residual_network(
    outputs: int,
    *,
    neurons: Neurons,
    width: int = 20,
    blocks: Sequence[int] = (2, 2, 2, 2),
    side: int = 32,
    colours: int = 3,
    first: tuple[int, int] = (3, 1),
    height: float = 1.0,
    objective: Any = None,
    seed: int = 0,
) -> Feedforward:
    """ResNet-18 with activation first: a convolution, stages of residual blocks, the mean over all pixels, the outputs.

    A block is normalisation, neurons, convolution, normalisation, neurons, convolution, and its input is added. The first
    block of each stage but the first doubles the channels and halves the side, which the shortcut's convolution of one pixel
    does too, from the block's first neurons. Initial weights as of `split_cifar_network`.

    Parameters   outputs    of all heads together
                 neurons    as of `split_cifar_network`
                 width      channels of the first stage
                 blocks     of each stage
                 side, colours   of the images
                 first      kernel, an odd number of pixels, and stride of the first convolution: (5, 2) for miniImageNet
                 height, objective, seed   as of `split_cifar_network`
    Raises       InvalidValue
    Source       He et al. 2016, arXiv 1603.05027; Xiao et al. 2024, arXiv 2402.11984 (5-Datasets, miniImageNet)
    Deviations   heads and shortcuts have no biases; there only the first task's would be trained
    """
    check_seed("residual_network: seed", seed)
    kernel, stride = first
    if kernel % 2 == 0:
        raise InvalidValue(
            "residual_network: first", first, "an odd kernel, so that padding keeps the side, and a stride"
        )
    if not len(blocks):
        raise InvalidValue("residual_network: blocks", blocks, "at least one stage")
    layers: list[Layer] = [_convolution(colours, width, kernel, stride, 1.0, (seed, 0))]
    side, now = _halved(side, stride), width
    for stage, count in enumerate(blocks):
        for k in range(count):
            after, step = width << stage, 2 if stage and not k else 1
            layers += _block(neurons, now, after, side, step, height, (seed, stage + 1, k))
            side, now = _halved(side, step), after
    layers += [BatchNorm(now), Maps(neurons(now * side**2)), AveragePool(side), Flatten()]
    return Feedforward([*layers, _readout(now, outputs, height, (seed, len(blocks) + 1))], objective)


def _block(
    neurons: Neurons, before: int, after: int, side: int, stride: int, height: float, place: tuple[int, ...]
) -> list[Layer]:
    """The layers of a residual block. Where sizes change, both ways begin after the first neurons; else before them."""
    smaller = _halved(side, stride)
    start: list[Layer] = [BatchNorm(before), Maps(neurons(before * side**2))]
    branch: list[Layer] = [
        _convolution(before, after, 3, stride, height, (*place, 0)), BatchNorm(after), Maps(neurons(after * smaller**2)),
        _convolution(after, after, 3, 1, height, (*place, 1)),
    ]  # fmt: skip
    if stride == 1 and before == after:
        return [Residual([*start, *branch])]
    return [*start, Residual(branch, [_convolution(before, after, 1, stride, height, (*place, 2))])]


def _convolution(before: int, after: int, kernel: int, stride: int, gain: float, place: tuple[int, ...]) -> Conv:
    layer = Conv(before, after, kernel, stride=stride, padding=kernel // 2, gain=gain, bound=0.0)
    _drawn(layer, (2.0 / (after * kernel**2)) ** 0.5, place)
    return layer


def _readout(before: int, outputs: int, gain: float, place: tuple[int, ...]) -> Dense:
    layer = Dense(before, outputs, gain=gain, bound=0.0)
    _drawn(layer, _READOUT, place)
    return layer


def _drawn(layer: Conv | Dense, std: float, place: tuple[int, ...]) -> None:
    seed, *rest = place
    draw = setup_generator(seed, _WEIGHTS, *rest).standard_normal(tuple(layer.weight.shape))
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(std * draw))


def _halved(side: int, stride: int) -> int:
    """The side after a convolution whose padding keeps it at stride 1."""
    return (side - 1) // stride + 1


def _resnet18(stem: int, stages: Sequence[tuple[int, int, int, int, int]], head: int) -> tuple[int, ...]:
    """Ranks in the order of `connections_of`. Each stage: of its first block's two convolutions, of its shortcut, of its
    second block's two; the first stage has no shortcut."""
    found = [stem]
    for k, (one, two, shortcut, three, four) in enumerate(stages):
        found += [one, two, *([shortcut] if k else []), three, four]
    return (*found, head)


_SETS = [(40, 40, 0, 40, 40), (40, 100, 6, 100, 100), (100, 200, 8, 200, 200), (200, 200, 16, 200, 200)]
_MINI = (
    [(90, 90, 0, 90, 90), (90, 180, 10, 180, 180), (180, 360, 20, 360, 360), (360, 720, 40, 720, 720)],
    [(6, 6, 0, 6, 6), (6, 12, 1, 12, 12), (12, 24, 2, 24, 24), (24, 48, 4, 48, 48)],
    [(2, 2, 0, 2, 2), (2, 4, 0, 4, 4), (4, 8, 0, 8, 8), (8, 16, 0, 16, 16)],
)

RANKS: dict[str, tuple[tuple[int, ...], ...]] = {
    "permuted_mnist": ((80, 200, 100), *((k, k, k) for k in (70, 70, 50, 50, 50, 30, 30, 30, 10))),
    "split_cifar100": ((6, 100, 200, 0), *((2, 20, 40, 0),) * 9),
    "five_datasets": (_resnet18(6, _SETS, 0),) * 5,
    "five_datasets_shared_head": (_resnet18(6, _SETS, 10),) * 5,
    "split_miniimagenet": (
        _resnet18(24, _MINI[0], 0), *(_resnet18(2, _MINI[1], 0),) * 5, *(_resnet18(0, _MINI[2], 0),) * 14
    ),
}  # fmt: skip
"""How many dimensions of its input each task may keep for itself, for each connection in order, by sequence; a head of its own
needs none. Of the perceptron 784-800-800-10, `split_cifar_network` and `residual_network` as their defaults are (miniImageNet:
side 84, first (5, 2)); Xiao et al. 2024, its published program. On 5-Datasets that gives some connections more rows than they
have inputs by the fourth or fifth task: the 360 inputs of the second stage are used up by four times 100."""
