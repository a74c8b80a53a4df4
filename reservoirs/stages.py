"""A stack of layers as other simulators want it: connections with constant weights, then neurons, and so on.

What only training needs is gone: gains are multiplied into weights, batch normalisation is folded into the connections before
it with its running statistics, dropout is left out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ..neurons.dense import Conv, Dense
from ..neurons.errors import InvalidValue
from ..neurons.layer import Layer
from ..neurons.normalise import BatchNorm, Dropout, Flatten
from ..neurons.spiking import NeuronLayer
from ..plasticity.delays import DelayedDense

__all__ = ["Affine", "Flat", "Image", "Stage", "composed", "model_of", "one_dt", "size_of_input", "stages_of"]


class Affine(NamedTuple):
    """current = x @ weight + bias; with delays, each in steps, x is that of so many steps before.

    weight, delay   (synapses n_in, n_out): row r is of input r modulo n_in
    """

    weight: Tensor
    bias: Tensor | None
    delay: Tensor | None
    n_in: int


class Image(NamedTuple):
    """A convolution of images of this size (channels, height, width)."""

    weight: Tensor
    bias: Tensor | None
    stride: int
    padding: int
    size: tuple[int, ...]

    def of(self, x: Tensor) -> Tensor:
        """The convolution, without bias, of images (n, channels, height, width)."""
        return functional.conv2d(x, self.weight, stride=self.stride, padding=self.padding)

    def unrolled(self) -> Affine:
        """The same, as connections from every pixel to every pixel."""
        n = int(torch.tensor(self.size).prod())
        each = self.of(torch.eye(n, dtype=self.weight.dtype, device=self.weight.device).view(n, *self.size))
        pixels = each[0, 0].numel()
        bias = None if self.bias is None else self.bias.repeat_interleave(pixels)
        return Affine(each.flatten(1), bias, None, n)


class Flat(NamedTuple):
    """Images of this size become features."""

    size: tuple[int, ...]


Connection = Affine | Image | Flat


class Stage(NamedTuple):
    """Connections, and the layer of neurons that they drive; `place` is its number in the network."""

    connections: tuple[Connection, ...]
    neurons: NeuronLayer
    place: int


def stages_of(
    layers: Mapping[int, Layer], size: tuple[int, ...], target: str
) -> tuple[list[Stage], tuple[Connection, ...]]:
    """The stages of a stack in evaluation, detached, and the connections that are left after the last neurons.

    Parameters   layers   by place, in order
                 size     shape of one step of the input: (n,) or (channels, height, width)
                 target   who asks, for the error
    Raises       InvalidValue for a layer that is no connection and no neurons
    """
    stages: list[Stage] = []
    pending: list[Connection] = []
    with torch.no_grad():
        for place, layer in layers.items():
            name = f"{target}: layer {place} ({type(layer).__name__})"
            if isinstance(layer, NeuronLayer):
                stages.append(Stage(tuple(pending), layer, place))
                pending = []
            elif isinstance(layer, BatchNorm):
                _fold(pending, layer, name)
            elif not isinstance(layer, Dropout):
                pending.append(_connection(layer, size, name))
            size = _size_after(layer, size, pending, name)
    return stages, tuple(pending)


def _connection(layer: Layer, size: tuple[int, ...], name: str) -> Connection:
    if isinstance(layer, Flatten):
        return Flat(size)
    if not isinstance(layer, Dense | DelayedDense | Conv):
        legal = "connections, neurons, BatchNorm, Dropout or Flatten"
        raise InvalidValue(name, type(layer).__name__, legal, "leave it out and do its work on the outputs")
    weight = (layer.gain * layer.weight).detach()
    if isinstance(layer, DelayedDense):
        return Affine(weight, None, layer.delay_steps(), layer.n_in)
    bias = None if layer.bias is None else (layer.gain * layer.bias).detach()
    if isinstance(layer, Dense):
        return Affine(weight, bias, None, layer.n_in)
    if len(size) != 3 or size[0] != layer.channels_in:
        raise InvalidValue(name, f"an input of shape {size}", f"images ({layer.channels_in}, height, width)")
    return Image(weight, bias, layer.stride, layer.padding, size)


def _size_after(layer: Layer, size: tuple[int, ...], pending: list[Connection], name: str) -> tuple[int, ...]:
    if isinstance(layer, Conv):
        image = pending[-1]
        assert isinstance(image, Image)
        made = image.of(torch.empty((1, *size), dtype=image.weight.dtype, device=image.weight.device))
        return tuple(made.shape[1:])
    if isinstance(layer, Flatten):
        return (int(torch.tensor(size).prod()),)
    if isinstance(layer, BatchNorm) and len(size) == 3:
        return size
    wanted = getattr(layer, "n_in", None)
    if wanted is not None and size != (wanted,):
        raise InvalidValue(name, f"an input of shape {size}", f"({wanted},)", "say the input's shape, or add Flatten")
    return (int(layer.n_out),) if wanted is not None else size  # type: ignore[arg-type]


def _fold(pending: list[Connection], layer: BatchNorm, name: str) -> None:
    """Put a normalisation into the connections before it."""
    norm: Any = layer.norm
    scale = layer.gain / (norm.running_var + norm.eps).sqrt()
    scale = scale * norm.weight if layer.affine else scale
    shift = (layer.gain * norm.bias if layer.affine else 0.0) - scale * norm.running_mean
    if pending and isinstance(pending[-1], Image):  # of maps: a convolution's channels
        image = pending[-1]
        if len(image.weight) != layer.n:
            raise InvalidValue(name, f"{len(image.weight)} channels", f"{layer.n}, as it has units")
        bias = shift if image.bias is None else image.bias * scale + shift
        pending[-1] = image._replace(weight=image.weight * scale[:, None, None, None], bias=bias)
        return
    last = 2 if pending and isinstance(pending[-1], Flat) else 1  # a convolution and its Flatten
    made = composed(pending[-last:])
    if made is None:
        raise InvalidValue(name, "first, or after neurons", "after connections, into which it is folded")
    bias = shift if made.bias is None else made.bias * scale + shift
    pending[-last:] = [made._replace(weight=made.weight * scale, bias=bias)]


def composed(connections: Sequence[Connection]) -> Affine | None:
    """Connections one after the other as one; None where they change nothing.

    Raises       InvalidValue where delays are not the first of them
    """
    made: Affine | None = None
    for connection in connections:
        if isinstance(connection, Flat):
            continue
        following = connection.unrolled() if isinstance(connection, Image) else connection
        if made is None:
            made = following
            continue
        if following.delay is not None or made.delay is not None:
            raise InvalidValue("DelayedDense", "next to other connections", "with neurons between them and it")
        bias = following.bias
        if made.bias is not None:
            through = made.bias @ following.weight
            bias = through if bias is None else bias + through
        made = Affine(made.weight @ following.weight, bias, None, made.n_in)
    return made


def model_of(layer: NeuronLayer) -> Any:
    """The neurons' model with what it has learned as float64 arrays."""
    learned = {name: value.detach().double().cpu().numpy() for name, value in layer.learned.items()}
    return dataclasses.replace(layer._neuron, **learned)


def one_dt(layers: Iterable[Any], target: str) -> float:
    """The step of all layers, ms.

    Raises       InvalidValue if they differ, or no layer says it
    """
    found = {layer.dt for layer in layers if isinstance(layer, NeuronLayer | DelayedDense)}
    if len(found) != 1:
        raise InvalidValue(
            f"{target}: dt of the layers", sorted(found), "one dt for all, at least one layer of neurons"
        )
    return found.pop()


def size_of_input(layers: Iterable[Any], size: Sequence[int] | None, target: str) -> tuple[int, ...]:
    """The shape of one step of the input: as given, or the first layer's features.

    Raises       InvalidValue where the first layer does not say them
    """
    if size is not None:
        return tuple(size)
    first = next(iter(layers))
    if getattr(first, "n_in", None) is None:
        legal = "given for a network whose first layer does not say how many features it takes"
        raise InvalidValue(f"{target}: size", None, legal, "e.g. size=(2, 34, 34): channels, height, width")
    return (int(first.n_in),)
