"""Layers that pool, spread or reshape maps of features (time, batch, channels, height, width), step by step."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from .errors import InvalidValue
from .layer import Layer, as_input, check_features, check_sequence, size

__all__ = ["AveragePool", "Maps", "MaxPool", "Unflatten", "Upsample"]


class AveragePool(Layer):
    """The mean of each square of pixels; rows and columns that fill no square are left out.

    Parameters   factor   side of a square, pixels, >= 1
    Input        (time, batch, channels, height, width), height and width >= factor; output in floating point
    Raises       InvalidValue
    """

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = size("AveragePool.factor", factor)

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        _check_maps("AveragePool: x", x, self.factor)
        made = functional.avg_pool2d(as_input(x, torch.empty(0)).flatten(0, 1), self.factor)
        return made.view(*x.shape[:2], *made.shape[1:]), None

    def extra_repr(self) -> str:
        return f"{self.factor}"


class Maps(Layer):
    """Neurons that stand on maps: each pixel of each channel is a unit of a layer that takes features in a row.

    Parameters   neurons   a layer from (time, batch, n) to (time, batch, n), as `Spiking`, n = channels height width
    Input        (time, batch, channels, height, width); output of the same shape
    State        that of the neurons
    Raises       InvalidValue
    """

    def __init__(self, neurons: Layer) -> None:
        super().__init__()
        if not isinstance(neurons, Layer):
            raise InvalidValue("Maps.neurons", type(neurons).__name__, "a layer of neurons", "e.g. Spiking(64, LIF())")
        self.neurons = neurons

    def begin(self, samples: Tensor) -> Any:
        return self.neurons.begin(samples)

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        _check_maps("Maps: x", x, 1)
        made, state = self.neurons(x.flatten(2), state)
        if made.shape[:2] != x.shape[:2] or made[0, 0].numel() != x[0, 0].numel():
            found = f"{type(self.neurons).__name__}, which gives shape {tuple(made.shape)}"
            raise InvalidValue("Maps.neurons", found, "a layer that gives as many features as it takes")
        return made.reshape(x.shape), state

    def select(self, state: Any, samples: Tensor) -> Any:
        return self.neurons.select(state, samples)


class MaxPool(Layer):
    """The largest value of each square of pixels; rows and columns that fill no square are left out.

    Parameters   factor   side of a square, pixels, >= 1
    Input        (time, batch, channels, height, width), height and width >= factor
    Raises       InvalidValue
    """

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = size("MaxPool.factor", factor)

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        _check_maps("MaxPool: x", x, self.factor)
        made = functional.max_pool2d(x.flatten(0, 1), self.factor)
        return made.view(*x.shape[:2], *made.shape[1:]), None

    def extra_repr(self) -> str:
        return f"{self.factor}"


class Upsample(Layer):
    """Each pixel becomes a square of pixels of its value.

    Parameters   factor   side of a square, pixels, >= 1
    Input        (time, batch, channels, height, width)
    Raises       InvalidValue
    """

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = size("Upsample.factor", factor)

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        _check_maps("Upsample: x", x, 1)
        return x.repeat_interleave(self.factor, 3).repeat_interleave(self.factor, 4), None

    def extra_repr(self) -> str:
        return f"{self.factor}"


class Unflatten(Layer):
    """(time, batch, features) to (time, batch, channels, height, width): what `Flatten` undoes.

    Parameters   channels, height, width   >= 1; their product is the number of features
    Raises       InvalidValue
    """

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        named = {"channels": channels, "height": height, "width": width}
        self.channels, self.height, self.width = (size(f"Unflatten.{name}", n) for name, n in named.items())
        self.n_in = math.prod((channels, height, width))

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        check_features("Unflatten: x", x, self.n_in)
        return x.reshape(*x.shape[:2], self.channels, self.height, self.width), None

    def extra_repr(self) -> str:
        return f"{self.channels}, {self.height}, {self.width}"


def _check_maps(name: str, x: Any, least: int) -> None:
    check_sequence(name, x)
    if x.ndim != 5 or min(x.shape[3:]) < least:
        legal = f"(time, batch, channels, height, width), height and width >= {least}"
        raise InvalidValue(name, f"shape {tuple(x.shape)}", legal)
