"""Backpropagation in which other weights than the forward ones carry the error down from layer to layer."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.grad import conv2d_input

from ..neurons.dense import Conv, Dense
from ..neurons.errors import InvalidValue
from ..neurons.residual import Residual
from ..neurons.spike_product import full_product, same_at_every_step
from .blocks import each_once
from .credit import Batch, Credit, LayeredNetwork, trainable
from .delays import DelayedDense

__all__ = ["Place", "carriers", "fan_in", "transported"]


Place = int | tuple[int, ...]
"""Where connections are: k is layer k itself; (k, j) is number j of the connections inside layer k, as `Residual` has them."""


def carriers(rule: str, network: LayeredNetwork) -> dict[Place, Dense | Conv]:
    """The connections below which there are parameters, to which they carry the error, by their place in the network.

    Raises       InvalidValue for a network without connections, with delayed ones, or with some inside a layer other than
                 `Residual`
    """
    layers = list(network.layers)
    each_once(rule, layers)
    found: dict[Place, Dense | Conv] = {}
    any_connections = below = False
    for k, layer in enumerate(layers):
        places = _connections(rule, k, layer)
        any_connections = any_connections or bool(places)
        # of those inside a layer it is not asked what lies below them: a matrix that no error passes does no harm
        found |= {place: each for place, each in places.items() if below or each is not layer}
        below = below or any(True for _ in layer.parameters())
    if not any_connections:
        raise InvalidValue(f"{rule}: network", "no connections", "at least one layer of connections", "e.g. Dense")
    return found


def _connections(rule: str, k: int, layer: nn.Module) -> dict[Place, Dense | Conv]:
    if isinstance(layer, Dense | Conv):
        return {k: layer}
    inside: list[Dense | Conv] = []
    _gather(rule, k, layer, inside)
    return {(k, j): each for j, each in enumerate(inside)}


def _gather(rule: str, k: int, layer: nn.Module, inside: list[Dense | Conv]) -> None:
    """Appends the connections of a layer, in order. Raises InvalidValue for those that may not be called as layers are."""
    if isinstance(layer, Dense | Conv):
        inside.append(layer)
    elif isinstance(layer, Residual):
        for each in (*layer.branch, *layer.shortcut):
            _gather(rule, k, each, inside)
    else:
        wrong = next((each for each in layer.modules() if isinstance(each, Dense | Conv | DelayedDense)), None)
        if wrong is not None:
            among = "" if wrong is layer else f" inside {type(layer).__name__}"
            legal = "connections without delays (Dense, Conv), as layers or inside Residual"
            raise InvalidValue(f"{rule}: layer {k}", f"{type(wrong).__name__}{among}", legal, "or train by BPTT")


def fan_in(connections: Dense | Conv) -> int:
    """How many inputs each unit of these connections sums."""
    return connections.n_in if isinstance(connections, Dense) else connections.weight[0].numel()


def transported(network: LayeredNetwork, batch: Batch, matrices: Mapping[Place, Tensor], state: Any) -> Credit:
    """The gradients of backpropagation with `matrices`, of the weights' shapes, for the weights on the way back.

        dL/dx = gain (dL/dcurrent) B.T  instead of  gain (dL/dcurrent) weight.T       (Conv: the same for its kernel)

    Everything else, through neurons, their time, pooling and normalisation, is autograd's; given the weights it is `BPTT`.

    Parameters   matrices   by place, as `carriers` gives them
    """
    x, layers = batch.x, list(network.layers)
    connections = {place: each for k, layer in enumerate(layers) for place, each in _connections("", k, layer).items()}
    with _carried({connections[place]: matrix for place, matrix in matrices.items()}):
        for layer in layers:
            x, _ = layer(x)
    loss = network.objective.loss(x, batch.target)
    parameters = trainable(network)
    found = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    gradients = {name: g for name, g in zip(parameters, found, strict=True) if g is not None}
    return Credit(loss.detach(), network.objective.scores(x.detach()), gradients, state)


@contextlib.contextmanager
def _carried(matrices: Mapping[Dense | Conv, Tensor]) -> Iterator[None]:
    """While it is open, these connections send the error of their current to what they heard through these matrices alone."""
    heard: dict[nn.Module, Tensor] = {}

    def cut(layer: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
        heard[layer] = given[0]
        return given[0].detach(), *given[1:]

    def join(layer: Any, given: tuple[Any, ...], made: tuple[Tensor, Any]) -> tuple[Tensor, Any]:
        matrix = matrices[layer].to(layer.weight)
        return carried(made[0], heard.pop(layer), layer, matrix), made[1]

    hooks = [layer.register_forward_pre_hook(cut) for layer in matrices]
    hooks += [layer.register_forward_hook(join) for layer in matrices]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def carried(current: Tensor, x: Tensor, connections: Dense | Conv, matrix: Tensor) -> Tensor:
    """The current that connections made of x, whose error goes to x through this matrix, of their weights' shape.

    If the current has a gradient of its own, so that it reaches the weights, it is kept.
    """
    made: Tensor = _Carried.apply(current, x, connections, matrix)  # type: ignore[no-untyped-call]
    return made


class _Carried(torch.autograd.Function):
    """The current that connections made of x; backward to its weights as it is, and to x by another matrix."""

    @staticmethod
    def forward(ctx: Any, current: Tensor, x: Tensor, connections: Dense | Conv, matrix: Tensor) -> Tensor:
        ctx.shape, ctx.connections, ctx.matrix = x.shape, connections, matrix
        return current.view_as(current)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
        if not ctx.needs_input_grad[1]:
            return grad, None, None, None
        connections, matrix = ctx.connections, ctx.connections.gain * ctx.matrix
        if isinstance(connections, Dense):
            return grad, full_product(grad, matrix.t()), None, None
        flat = (grad[:1] if same_at_every_step(grad) else grad).flatten(0, 1)
        images = (len(flat), *ctx.shape[2:])
        stride, padding = connections.stride, connections.padding
        back = conv2d_input(images, matrix, flat, stride=stride, padding=padding)  # type: ignore[no-untyped-call]
        back = back.view(-1, *ctx.shape[1:])
        return grad, back.expand(ctx.shape), None, None
