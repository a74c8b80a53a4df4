"""A network as blocks, for rules that give each of them an error or a target of its own."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from ..neurons.dense import Conv, Dense
from ..neurons.errors import InvalidValue
from ..neurons.maps import Unflatten, Upsample
from ..neurons.spiking import Recurrent
from .credit import LayeredNetwork, trainable
from .delays import DelayedDense

__all__ = ["Block", "blocks_of", "check_unnested", "each_once", "own_parameters", "through"]

_CONNECTIONS = Dense | Conv | DelayedDense | Recurrent

Block = list[nn.Module]
"""Connections and what follows them up to the next: neurons, pooling, dropout... What precedes the first
connections belongs to the first block, and what spreads a map before connections (`Unflatten`, `Upsample`) to theirs."""


def blocks_of(rule: str, network: LayeredNetwork) -> list[Block]:
    """The network's layers as blocks, in order; the last one gives the output.

    Raises       InvalidValue for a network without connections, with connections inside other layers, which no block would
                 begin with, or with one layer in two places
    """
    layers = list(network.layers)
    each_once(rule, layers)
    check_unnested(rule, network)
    blocks: list[Block] = []
    before: Block = []
    for layer in layers:
        if isinstance(layer, Dense | Conv | DelayedDense):
            blocks.append([*before, layer])
            before = []
        elif before or not blocks or isinstance(layer, Unflatten | Upsample):
            before.append(layer)
        else:
            blocks[-1].append(layer)
    if blocks:
        blocks[-1].extend(before)
    else:
        raise InvalidValue(f"{rule}: network", "no connections", "at least one layer of connections", "e.g. Dense")
    return blocks


def each_once(rule: str, layers: Sequence[nn.Module]) -> None:
    """Raises InvalidValue for one layer with parameters in two places."""
    twice = next((layer for k, layer in enumerate(layers) if any(layer is other for other in layers[:k])), None)
    if twice is not None and any(True for _ in twice.parameters()):
        raise InvalidValue(
            f"{rule}: network", f"one {type(twice).__name__} in two places", "each layer once", "or train by BPTT"
        )


def check_unnested(rule: str, network: LayeredNetwork) -> None:
    """Raises InvalidValue for connections inside another layer (`Residual`), which a walk from layer to layer would not see."""
    for k, layer in enumerate(network.layers):
        inside = next((each for each in layer.modules() if each is not layer and isinstance(each, _CONNECTIONS)), None)
        if inside is not None:
            found = f"{type(layer).__name__} with {type(inside).__name__} inside"
            raise InvalidValue(f"{rule}: layer {k}", found, "connections one after the other", "or train by BPTT")


def through(block: Sequence[nn.Module], x: Tensor) -> Tensor:
    """What the layers make of a whole sequence."""
    for layer in block:
        x, _ = layer(x)
    return x


def own_parameters(network: LayeredNetwork, block: Sequence[nn.Module]) -> dict[str, Tensor]:
    """The trainable parameters of these layers, by their names in the network."""
    inside = {id(value) for layer in block for value in layer.parameters()}
    return {name: value for name, value in trainable(network).items() if id(value) in inside}
