"""The product of sparse spikes with a matrix of weights."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from .dense_product import dense_product
from .events import Events, events_of, sum_rows, weight_gradient
from .layer import as_input

__all__ = ["DENSE", "full_product", "spike_product"]

DENSE = 0.2
"""Share of entries that are not 0 above which products are dense. Forward product and weight gradient of 12,800 rows take as
long by events at 21 % for 700 to 256 units, 22 % for 256 to 256 and 9 % for 256 to 20, where both take a tenth of that time
(float32, one core with AVX-512, processor time)."""

_TYPES = (torch.float32, torch.float64)


def spike_product(x: Tensor, weight: Tensor) -> Tensor:
    """x @ weight, for x (time, batch, n_in) of any type, weight (n_in, n_out).

    Sparse x on a CPU is taken by its events: the rows of weight at a row's events are summed in order, and for the
    gradient the events are kept, not x. The result does not depend on the number of threads.
    """
    if x.device.type != "cpu" or weight.device.type != "cpu" or weight.dtype not in _TYPES or not x.numel():
        return as_input(x, weight) @ weight
    if x.is_floating_point() and x.dtype != weight.dtype:
        return x @ weight  # torch says what is wrong
    made: Tensor = _Product.apply(x, weight)  # type: ignore[no-untyped-call]
    return made


def full_product(x: Tensor, weight: Tensor) -> Tensor:
    """x @ weight as `spike_product`, for x without many zeros, which are not looked for; no gradient flows through it."""
    if x.device.type != "cpu" or weight.device.type != "cpu" or weight.dtype not in _TYPES or x.dtype != weight.dtype:
        return x.detach() @ weight.detach()
    return _dense(x, weight)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        weights = weight.detach().contiguous().numpy()
        most = DENSE * x.numel()
        events = events_of(_rows(x), weights.dtype, at_most=most)
        ctx.events = None if events.total > most else events
        ctx.save_for_backward(weight, *((x,) if ctx.events is None else ()))
        if ctx.events is None:
            return _dense(as_input(x, weight), weight)
        return torch.from_numpy(sum_rows(events, weights)).view(*x.shape[:2], -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        weight, *dense = ctx.saved_tensors
        for_x = _dense(grad, weight.t()) if ctx.needs_input_grad[0] else None
        if not ctx.needs_input_grad[1]:
            return for_x, None
        return for_x, _weight_gradient(ctx.events, dense, grad, weight)


def _weight_gradient(events: Events | None, dense: list[Tensor], grad: Tensor, weight: Tensor) -> Tensor:
    if events is not None:
        return torch.from_numpy(weight_gradient(events, _rows(grad), len(weight)))
    (x,) = dense
    return torch.from_numpy(dense_product(_rows(as_input(x, weight)).T, _rows(grad)))


def _dense(x: Tensor, weight: Tensor) -> Tensor:
    return torch.from_numpy(dense_product(_rows(x), weight.detach().numpy())).view(*x.shape[:2], -1)


def _rows(x: Tensor) -> NDArray[Any]:
    return x.detach().flatten(0, 1).contiguous().numpy()
