"""The product of sparse spikes with a matrix of weights.

Where all steps are the same, of an input that does not change or of an error that is that of a rate, the tensor has stride 0
along time (`Tensor.expand`), and one step is computed in place of all.
"""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from .dense_product import dense_product
from .events import Events, events_of, sum_rows, summed_over_time, weight_gradient
from .layer import as_input

__all__ = ["DENSE", "full_product", "same_at_every_step", "spike_product"]

DENSE = 0.2
"""Share of entries that are not 0 above which products are dense. Forward product and weight gradient of 12,800 rows take as
long by events at 21 % for 700 to 256 units, 22 % for 256 to 256 and 9 % for 256 to 20, where both take a tenth of that time
(float32, one core with AVX-512, processor time)."""

_TYPES = (torch.float32, torch.float64)


def same_at_every_step(x: Tensor) -> bool:
    """Whether x (time, ...) is one step that was expanded to many: its stride along time is 0."""
    return len(x) > 1 and x.stride(0) == 0


def spike_product(x: Tensor, weight: Tensor) -> Tensor:
    """x @ weight, for x (time, batch, n_in) of any type, weight (n_in, n_out).

    Sparse x on a CPU is taken by its events: the rows of weight at a row's events are summed in order, and for the
    gradient the events are kept, not x. The result does not depend on the number of threads. Of x with stride 0 along time
    the product has stride 0 too, and of a gradient with stride 0 what goes back to x.
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
    return _dense(_distinct(x), weight).expand(len(x), -1, -1)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        weights, steps = weight.detach().contiguous().numpy(), _distinct(x)
        most = DENSE * steps.numel()
        events = events_of(_rows(steps), weights.dtype, at_most=most)
        ctx.shape, ctx.same = x.shape, same_at_every_step(x)
        ctx.events = None if events.total > most else events
        ctx.save_for_backward(weight, *((steps,) if ctx.events is None else ()))
        if ctx.events is None:
            made = _dense(as_input(steps, weight), weight)
        else:
            made = torch.from_numpy(sum_rows(events, weights)).view(*steps.shape[:2], -1)
        return made.expand(len(x), -1, -1) if ctx.same else made

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        weight, *dense = ctx.saved_tensors
        for_x = full_product(grad, weight.t()) if ctx.needs_input_grad[0] else None
        if not ctx.needs_input_grad[1]:
            return for_x, None
        return for_x, _weight_gradient(ctx, dense, grad, weight)


def _weight_gradient(ctx: Any, dense: list[Tensor], grad: Tensor, weight: Tensor) -> Tensor:
    """Σ_t x[t].T @ grad[t]; where one of the two is the same at every step, that step times the sum of the other."""
    events: Events | None = ctx.events
    rows, times = grad, 1
    if ctx.same and same_at_every_step(grad):
        rows, times = grad[:1], len(grad)
    elif ctx.same:
        rows = _summed(grad)
    elif same_at_every_step(grad):
        total = _summed(as_input(dense[0], weight)) if events is None else _summed_events(events, ctx.shape, weight)
        return torch.from_numpy(dense_product(_rows(total).T, _rows(grad[:1])))
    if events is not None:
        found = torch.from_numpy(weight_gradient(events, _rows(rows), len(weight)))
    else:
        found = torch.from_numpy(dense_product(_rows(as_input(dense[0], weight)).T, _rows(rows)))
    return found if times == 1 else found.mul_(times)


def _summed_events(events: Events, shape: torch.Size, weight: Tensor) -> Tensor:
    return torch.from_numpy(summed_over_time(events, shape[1], shape[2], weight.detach().numpy().dtype))[None]


def _summed(x: Tensor) -> Tensor:
    """The sum over time (1, batch, n), step after step, so that no number of threads changes its rounding."""
    total = x[0].clone()
    for now in x[1:]:
        total += now
    return total[None]


def _distinct(x: Tensor) -> Tensor:
    """One step where all are the same."""
    return x[:1] if same_at_every_step(x) else x


def _dense(x: Tensor, weight: Tensor) -> Tensor:
    return torch.from_numpy(dense_product(_rows(x), weight.detach().numpy())).view(*x.shape[:2], -1)


def _rows(x: Tensor) -> NDArray[Any]:
    return x.detach().flatten(0, 1).contiguous().numpy()
