"""Backpropagation in which other weights than the forward ones carry the error down from layer to layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.grad import conv2d_input

from ..neurons.dense import Conv, Dense
from ..neurons.errors import InvalidValue
from ..neurons.spike_product import full_product, same_at_every_step
from .blocks import blocks_of
from .credit import Batch, Credit, LayeredNetwork, trainable
from .delays import DelayedDense

__all__ = ["carriers", "fan_in", "transported"]


def carriers(rule: str, network: LayeredNetwork) -> dict[int, Dense | Conv]:
    """The connections below which there are parameters, to which they carry the error, by their place in the network.

    Raises       InvalidValue for a network without connections or with delayed ones
    """
    blocks_of(rule, network)
    found: dict[int, Dense | Conv] = {}
    below = False
    for k, layer in enumerate(network.layers):
        if isinstance(layer, DelayedDense):
            legal = "connections without delays (Dense, Conv)"
            raise InvalidValue(f"{rule}: layer {k}", "DelayedDense", legal, "or train by BPTT")
        if isinstance(layer, Dense | Conv) and below:
            found[k] = layer
        below = below or any(True for _ in layer.parameters())
    return found


def fan_in(connections: Dense | Conv) -> int:
    """How many inputs each unit of these connections sums."""
    return connections.n_in if isinstance(connections, Dense) else connections.weight[0].numel()


def transported(network: LayeredNetwork, batch: Batch, matrices: Mapping[int, Tensor], state: Any) -> Credit:
    """The gradients of backpropagation with `matrices`, of the weights' shapes, for the weights on the way back.

        dL/dx = gain (dL/dcurrent) B.T  instead of  gain (dL/dcurrent) weight.T       (Conv: the same for its kernel)

    Everything else, through neurons, their time, pooling and normalisation, is autograd's; given the weights it is `BPTT`.
    """
    x = batch.x
    for k, layer in enumerate(network.layers):
        if isinstance(layer, Dense | Conv) and k in matrices:
            current, _ = layer(x.detach())
            x = _Carried.apply(current, x, layer, matrices[k].to(layer.weight))  # type: ignore[no-untyped-call]
        else:
            x, _ = layer(x)
    loss = network.objective.loss(x, batch.target)
    parameters = trainable(network)
    found = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    gradients = {name: g for name, g in zip(parameters, found, strict=True) if g is not None}
    return Credit(loss.detach(), network.objective.scores(x.detach()), gradients, state)


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
