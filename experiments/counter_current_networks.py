"""The networks of images on which counter-current learning is tried, and the streams that lead back through them.

Source       Kao & Hariharan 2024, arXiv 2409.19841, and its published program
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ..neurons import (
    BatchNorm,
    Conv,
    Dense,
    Elu,
    Flatten,
    InvalidValue,
    Layer,
    MaxPool,
    Rate,
    Relu,
    Unflatten,
    Upsample,
    check_seed,
)
from ..plasticity import MeanSquaredError
from ..reservoirs import Feedforward

__all__ = ["autoencoder", "autoencoder_stream", "pooled_cnn", "pooled_cnn_stream"]

_CNN, _CNN_BACK, _AUTOENCODER, _AUTOENCODER_BACK = 251, 252, 253, 254  # streams of random numbers
_KERNEL = 3
_SMALL = 1e-3  # initial weights of the half that makes images are multiplied by it


def pooled_cnn(
    classes: int,
    *,
    channels: Sequence[int] = (128, 128, 256, 256, 512),
    side: int = 32,
    colours: int = 3,
    normalise: bool = False,
    seed: int = 0,
) -> Feedforward:
    """For each number of channels a convolution, ELU and pooling that halves the side; then connections to the classes.

    No biases; weights start uniform within ± 1 / sqrt(inputs), as torch's do.

    Parameters   channels    of each convolution
                 side        of the images, pixels: a multiple of 2 to the number of convolutions
                 colours     channels of the images
                 normalise   whether each convolution's input is batch-normalised, without scale and shift
    Raises       InvalidValue
    """
    left = _left(channels, side)
    check_seed("pooled_cnn: seed", seed)
    levels, layers = [colours, *channels], list[Layer]()
    for k in range(len(channels)):
        layers += [BatchNorm(levels[k], affine=False)] if normalise else []
        layers += [_convolution(levels[k], levels[k + 1], _drawn(seed, _CNN, k)), Rate(Elu()), MaxPool(2)]
    features = levels[-1] * left * left
    last = Dense(features, classes, bound=features**-0.5, seed=_drawn(seed, _CNN, len(channels)))
    return Feedforward([*layers, Flatten(), last])


def pooled_cnn_stream(
    classes: int,
    *,
    channels: Sequence[int] = (128, 128, 256, 256, 512),
    side: int = 32,
    colours: int = 3,
    seed: int = 0,
) -> list[Layer]:
    """The layers from classes back to images: what `pooled_cnn` pools is spread, the last convolution is linear.

    Parameters and Raises as `pooled_cnn`.
    """
    left = _left(channels, side)
    check_seed("pooled_cnn_stream: seed", seed)
    levels, deepest = [colours, *channels], channels[-1]
    first = Dense(classes, deepest * left * left, bound=classes**-0.5, seed=_drawn(seed, _CNN_BACK, len(channels)))
    layers: list[Layer] = [first, Rate(Elu()), Unflatten(deepest, left, left)]
    for k in reversed(range(len(channels))):
        layers += [Upsample(2), _convolution(levels[k + 1], levels[k], _drawn(seed, _CNN_BACK, k))]
        layers += [Rate(Elu())] if k else []
    return layers


def autoencoder(*, channels: Sequence[int] = (128, 256, 1024, 2048), colours: int = 3, seed: int = 0) -> Feedforward:
    """Convolutions that halve the side of images, and as many that double it; each normalised, then rectified, but the last.

    Weights start orthogonal; those of the half that makes images are a thousandth of that, the last are 0.

    Parameters   channels   after each convolution of the first half
                 colours    channels of the images, whose side is a multiple of 2 to the number of halvings
    """
    check_seed("autoencoder: seed", seed)
    return Feedforward(_hourglass(channels, colours, seed, _AUTOENCODER), MeanSquaredError())


def autoencoder_stream(
    *, channels: Sequence[int] = (128, 256, 1024, 2048), colours: int = 3, seed: int = 0
) -> list[Layer]:
    """The layers from the target image back to the input: the same network again, with weights of its own."""
    check_seed("autoencoder_stream: seed", seed)
    return _hourglass(channels, colours, seed, _AUTOENCODER_BACK)


def _hourglass(channels: Sequence[int], colours: int, seed: int, stream: int) -> list[Layer]:
    levels, layers = [colours, *channels], list[Layer]()
    for k in range(len(channels)):
        convolution = Conv(levels[k], levels[k + 1], _KERNEL, stride=2, padding=1, bias=True, bound=0.0)
        _orthogonal(convolution, _drawn(seed, stream, k), 1.0)
        layers += [convolution, BatchNorm(levels[k + 1], affine=False), Rate(Relu())]
    for k in reversed(range(len(channels))):
        convolution = Conv(levels[k + 1], levels[k], _KERNEL, padding=1, bias=True, bound=0.0)
        layers += [Upsample(2), convolution]
        if k:
            _orthogonal(convolution, _drawn(seed, stream, len(channels) + k), _SMALL)
            layers += [BatchNorm(levels[k], affine=False), Rate(Relu())]
    return layers


def _orthogonal(convolution: Conv, seed: int, scale: float) -> None:
    """Rows of the larger side, all weights of one of its channels, become orthogonal as far as they can be."""
    weight = convolution.weight.detach()
    swapped = weight.shape[0] < weight.shape[1]
    made = torch.empty_like(weight.transpose(0, 1) if swapped else weight, memory_format=torch.contiguous_format)
    torch.nn.init.orthogonal_(made, gain=scale, generator=torch.Generator().manual_seed(seed))
    weight.copy_(made.transpose(0, 1) if swapped else made)


def _convolution(channels_in: int, channels_out: int, seed: int) -> Conv:
    bound = (channels_in * _KERNEL**2) ** -0.5
    return Conv(channels_in, channels_out, _KERNEL, padding=1, bound=bound, seed=seed)


def _left(channels: Sequence[int], side: int) -> int:
    """The side of the deepest maps, pixels."""
    if not channels:
        raise InvalidValue("channels", channels, "at least one number")
    halvings = 2 ** len(channels)
    if isinstance(side, bool) or not isinstance(side, int) or side < 1 or side % halvings:
        raise InvalidValue(
            "side", side, f"a multiple of {halvings}: {len(channels)} times halved", "leave channels out"
        )
    return side // halvings


def _drawn(seed: int, *place: int) -> int:
    return int(np.random.SeedSequence((seed, *place)).generate_state(1)[0])
