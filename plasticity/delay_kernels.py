"""Synapses with a delay each, forward and backward: Gaussian, interpolated and integer delays.

    y[t, b, i] = Σ_j weight[j, i] Σ_n tap_n(delay[j, i]) x[t - n, b, j],   n = 0 .. max_delay

On a CPU in float32 and float64, what is cheapest by a count of operations: events where presynaptic trains are sparse,
direct reads of a few taps, or the frequency domain. Elsewhere `delay_definition` runs as it stands.

Parameters   x          activity, shape (time, batch, n_in), of any type; best kept as uint8 where it is spikes
             weight     shape (n_in, n_out), float32 or float64
             delay      steps, shape (n_in, n_out), in [0, max_delay]
             max_delay  steps, whole
             history    the max_delay steps before x, shape (max_delay, batch, n_in), zero if not given: with the last
                        max_delay inputs kept, a long sequence processed in pieces gives what it gives whole
Returns      shape (time, batch, n_out)
Raises       ValueError if the history's length is not max_delay, or an integer delay outside of the range
Source       Hammouamri, Khalfaoui-Hassani & Masquelier 2024, arXiv:2306.17670
Deviations   a delay is counted from the present step, and a layer does not lengthen its input
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from .delay_definition import EMPTY, delayed_sum, gaussian_taps, integer_taps, interpolated_taps, interpolation
from .delay_events import Trains, add_blocks, sum_blocks
from .delay_gaussian import fill_kernel, gradients
from .delay_reads import dot_taps, read_taps
from .delay_spectrum import Blocks, convolve, convolve_transposed, correlate

__all__ = ["gaussian_delays", "integer_delays", "interpolated_delays"]

# nanoseconds per thousand multiply-adds, as measured on one core of an AMD EPYC with AVX-512 (November 2026)
_BY_EVENTS, _BY_READS, _BY_SPECTRUM = 34.0, 12.0, 28.0


def gaussian_delays(
    x: Tensor, weight: Tensor, delay: Tensor, width: float, max_delay: int, history: Tensor | None = None
) -> Tensor:
    """Every synapse reads with a Gaussian of standard deviation `width` steps, > 0, normalised inside [0, max_delay]."""
    if not _compiled(weight):
        return delayed_sum(x, weight * gaussian_taps(delay, width, max_delay), history)
    x, lead = _joined(x, weight, max_delay, history)
    kernel = _GaussianKernel.apply(weight, delay.to(weight.dtype), width, max_delay)
    shape = len(x) - lead, x.shape[1], *weight.shape
    sides = math.ceil(width * math.sqrt(-2 * math.log(torch.finfo(weight.dtype).eps)))  # taps that count, to each side
    if 2 * sides > max_delay + 1 or _reads_cost(2 * sides, *shape) > _spectrum_cost(max_delay + 1, *shape):
        return _Convolution.apply(x, kernel, lead)
    first = (delay.detach().floor().long() - (sides - 1)).clamp(0, max_delay + 1 - 2 * sides)
    return _Reads.apply(x, kernel.gather(0, _steps(first, 2 * sides)), first, lead)


def interpolated_delays(
    x: Tensor, weight: Tensor, delay: Tensor, max_delay: int, history: Tensor | None = None
) -> Tensor:
    """Every synapse reads the two steps around its delay, weighted by how near they are."""
    if not _compiled(weight):
        return delayed_sum(x, weight * interpolated_taps(delay, max_delay), history)
    x, lead = _joined(x, weight, max_delay, history)
    lower, late = interpolation(delay, max_delay)
    return _Reads.apply(x, torch.stack([weight * (1 - late), weight * late]), lower, lead)


def integer_delays(x: Tensor, weight: Tensor, delay: Tensor, max_delay: int, history: Tensor | None = None) -> Tensor:
    """Every synapse reads one step; `delay` is an integer tensor and has no gradient."""
    if delay.numel() and not 0 <= int(delay.min()) <= int(delay.max()) <= max_delay:
        raise ValueError(
            f"integer_delays: delay must lie in [0, {max_delay}] steps, got {int(delay.min())} to {int(delay.max())}"
        )
    if not _compiled(weight):
        return delayed_sum(x, weight * integer_taps(delay, max_delay, weight.dtype), history)
    x, lead = _joined(x, weight, max_delay, history)
    return _Reads.apply(x, torch.stack([weight, torch.zeros_like(weight)]), delay.long(), lead)


def _compiled(weight: Tensor) -> bool:
    return weight.device.type == "cpu" and weight.dtype in (torch.float32, torch.float64)


def _joined(x: Tensor, weight: Tensor, max_delay: int, history: Tensor | None) -> tuple[Tensor, int]:
    """The input after its history, of a type that kernels take, and how many steps of history it has."""
    lead = 0
    if history is not None:
        if len(history) != max_delay:
            raise ValueError(f"history: must hold max_delay = {max_delay} steps, got {len(history)}")
        x, lead = torch.cat([history, x]), max_delay
    if x.dtype == torch.bool:
        x = x.to(torch.uint8)
    return (x if x.dtype == torch.uint8 else x.to(weight.dtype)).contiguous(), lead


class _GaussianKernel(Function):
    """weight[j, i] tap_n(delay[j, i]), shape (max_delay + 1, n_in, n_out)."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, delay: Tensor, width: float, max_delay: int) -> Tensor:
        taps = weight.new_empty((max_delay + 1, *weight.shape))
        kernel = torch.empty_like(taps)
        fill_kernel(_flat(weight), _flat(delay), float(width), EMPTY, _flat(taps, 1), _flat(kernel, 1))
        ctx.save_for_backward(weight, delay, taps)
        ctx.width = float(width)
        return kernel

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        weight, delay, taps = ctx.saved_tensors
        along = (
            torch.empty_like(weight, memory_format=torch.contiguous_format),
            torch.empty(weight.shape, dtype=delay.dtype),
        )
        given = _flat(weight), _flat(delay), ctx.width, _flat(taps, 1), _flat(gradient, 1)
        gradients(*given, *(_flat(each) for each in along))
        return *along, None, None


class _Convolution(Function):
    """`delayed_sum` of an input that `lead` steps of history are part of."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor, lead: int) -> Tensor:
        time, (taps, n_in, n_out) = len(x) - lead, kernel.shape
        ctx.trains = _trains(x, kernel.dtype, taps * n_out, _spectrum_cost(taps, time, x.shape[1], n_in, n_out))
        ctx.lead = lead
        ctx.save_for_backward(x, kernel)
        if ctx.trains is None:
            return convolve(x.to(kernel.dtype), kernel, lead, time)
        return _add_events(x, kernel, ctx.trains, lead)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        x, kernel = ctx.saved_tensors
        gradient = gradient.contiguous()
        along_x = along_kernel = None
        if ctx.needs_input_grad[0]:
            along_x = convolve_transposed(gradient, kernel, ctx.lead)
        if ctx.needs_input_grad[1] and ctx.trains is None:
            along_kernel = correlate(x.to(kernel.dtype), gradient, ctx.lead, len(kernel))
        elif ctx.needs_input_grad[1]:
            along_kernel = _sum_events(gradient, ctx.trains, ctx.lead, kernel.shape)
        return along_x, along_kernel, None


class _Reads(Function):
    """y[t, b, i] = Σ_j,r taps[r, j, i] x[t - lower[j, i] - r, b, j], x with `lead` steps of history."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, taps: Tensor, lower: Tensor, lead: int) -> Tensor:
        number, n_in, n_out = taps.shape
        ctx.length = int(lower.max()) + number
        cost = _reads_cost(number, len(x) - lead, x.shape[1], n_in, n_out)
        ctx.trains = _trains(x, taps.dtype, ctx.length * n_out, cost)
        ctx.lead = lead
        ctx.save_for_backward(x, taps, lower)
        if ctx.trains is None:
            return _read(x.to(taps.dtype), taps, lower, lead)
        kernel = taps.new_zeros((ctx.length, n_in, n_out)).scatter_(0, _steps(lower, number), taps)
        return _add_events(x, kernel, ctx.trains, lead)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        x, taps, lower = ctx.saved_tensors
        gradient = gradient.contiguous()
        along_x = along_taps = None
        if ctx.needs_input_grad[0]:
            along_x = _read_transposed(gradient, taps, lower, ctx.lead)
        if ctx.needs_input_grad[1] and ctx.trains is None:
            along_taps = _read_gradient(x.to(taps.dtype), gradient, lower, len(taps), ctx.lead)
        elif ctx.needs_input_grad[1]:
            along_kernel = _sum_events(gradient, ctx.trains, ctx.lead, (ctx.length, *lower.shape))
            along_taps = along_kernel.gather(0, _steps(lower, len(taps)))
        return along_x, along_taps, None, None


def _reads_cost(taps: int, time: int, batch: int, n_in: int, n_out: int) -> float:
    return _BY_READS * taps * time * batch * n_in * n_out


def _spectrum_cost(taps: int, time: int, batch: int, n_in: int, n_out: int) -> float:
    return _BY_SPECTRUM * Blocks(time, taps).operations(batch, n_in, n_out)


def _trains(x: Tensor, dtype: torch.dtype, block: int, dense: float) -> Trains | None:
    """The events, if adding a block for each costs less than the dense way."""
    return Trains.of(x, dtype, most=int(dense / (_BY_EVENTS * block)))


def _add_events(x: Tensor, kernel: Tensor, trains: Trains, lead: int) -> Tensor:
    y = kernel.new_empty((len(x) - lead, x.shape[1], kernel.shape[2]))
    add_blocks(kernel.detach().contiguous().numpy(), *trains, lead, y.numpy())
    return y


def _sum_events(gradient: Tensor, trains: Trains, lead: int, shape: tuple[int, ...]) -> Tensor:
    kernel = gradient.new_empty(shape)
    sum_blocks(gradient.numpy(), *trains, lead, kernel.numpy())
    return kernel


def _steps(lower: Tensor, number: int) -> Tensor:
    return lower + torch.arange(number).view(-1, 1, 1)


def _read(x: Tensor, taps: Tensor, lower: Tensor, lead: int) -> Tensor:
    base, front = _last_tap(lower, len(taps), lead)
    backwards = taps.detach().flip(0).permute(2, 1, 0).contiguous()
    y = x.new_empty((len(x) - lead, x.shape[1], taps.shape[2]))
    read_taps(x.numpy(), front, base.T.contiguous().numpy(), backwards.numpy(), y.numpy())
    return y


def _read_transposed(gradient: Tensor, taps: Tensor, lower: Tensor, lead: int) -> Tensor:
    x = gradient.new_empty((lead + len(gradient), gradient.shape[1], taps.shape[1]))
    factors = taps.detach().permute(1, 2, 0).contiguous().numpy()
    read_taps(gradient.numpy(), lead, lower.to(torch.int32).contiguous().numpy(), factors, x.numpy())
    return x


def _read_gradient(x: Tensor, gradient: Tensor, lower: Tensor, number: int, lead: int) -> Tensor:
    base, front = _last_tap(lower, number, lead)
    parts = dot_taps(x.numpy(), front, base.contiguous().numpy(), gradient.numpy(), number // 2)
    return torch.from_numpy(parts).sum(0).permute(2, 0, 1).flip(0)


def _last_tap(lower: Tensor, number: int, lead: int) -> tuple[Tensor, int]:
    """The step that an output at time zero reads with its last tap, in a signal after so many steps of zeros."""
    front = int(lower.max()) + number - 1 if lower.numel() else 0
    return (front + lead - (number - 1) - lower).to(torch.int32), front


def _flat(tensor: Tensor, kept: int = 0) -> Any:
    """The array, with what comes after the first `kept` axes as one; the same memory if that is contiguous."""
    return tensor.detach().reshape(*tensor.shape[:kept], -1).numpy()
