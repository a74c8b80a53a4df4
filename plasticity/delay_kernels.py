"""Synapses with a delay each, forward and backward: Gaussian, interpolated and integer delays.

    y[t, b, i] = Σ_j weight[j, i] Σ_n tap_n(delay[j, i]) x[t - n, b, j],   n = 0 .. max_delay

On a CPU in float32 and float64 a Gaussian goes by events where presynaptic trains are sparse and through the frequency
domain where they are dense; two taps or one are read directly. Elsewhere `delay_definition` runs as it stands.

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

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from .delay_definition import EMPTY, delayed_sum, gaussian_taps, integer_taps, interpolated_taps, interpolation
from .delay_events import Trains, add_blocks, sum_blocks
from .delay_gaussian import fill_kernel, gradients
from .delay_reads import dot_pairs, read_pairs
from .delay_spectrum import Blocks, convolve, convolve_transposed, correlate

__all__ = ["gaussian_delays", "integer_delays", "interpolated_delays"]

_EVENT = 0.7  # multiply-adds of the frequency domain that take as long as one of the events' does, inverse


def gaussian_delays(
    x: Tensor, weight: Tensor, delay: Tensor, width: float, max_delay: int, history: Tensor | None = None
) -> Tensor:
    """Every synapse reads with a Gaussian of standard deviation `width` steps, > 0, normalised inside [0, max_delay]."""
    if not _compiled(weight):
        return delayed_sum(x, weight * gaussian_taps(delay, width, max_delay), history)
    x, lead = _joined(x, weight, max_delay, history)
    return _Convolution.apply(x, _GaussianKernel.apply(weight, delay.to(weight.dtype), width, max_delay), lead)


def interpolated_delays(x: Tensor, weight: Tensor, delay: Tensor, max_delay: int, history: Tensor | None = None) -> Tensor:
    """Every synapse reads the two steps around its delay, weighted by how near they are."""
    if not _compiled(weight):
        return delayed_sum(x, weight * interpolated_taps(delay, max_delay), history)
    x, lead = _joined(x, weight, max_delay, history)
    lower, late = interpolation(delay, max_delay)
    return _Reads.apply(x, weight * (1 - late), weight * late, lower, max_delay, lead)


def integer_delays(x: Tensor, weight: Tensor, delay: Tensor, max_delay: int, history: Tensor | None = None) -> Tensor:
    """Every synapse reads one step; `delay` is an integer tensor and has no gradient."""
    if delay.numel() and not 0 <= int(delay.min()) <= int(delay.max()) <= max_delay:
        raise ValueError(
            f"integer_delays: delay must lie in [0, {max_delay}] steps, got {int(delay.min())} to {int(delay.max())}"
        )
    if not _compiled(weight):
        return delayed_sum(x, weight * integer_taps(delay, max_delay, weight.dtype), history)
    x, lead = _joined(x, weight, max_delay, history)
    return _Reads.apply(x, weight, torch.zeros_like(weight), delay.long(), max_delay, lead)


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
        along = torch.empty_like(weight, memory_format=torch.contiguous_format), torch.empty(weight.shape, dtype=delay.dtype)
        given = _flat(weight), _flat(delay), ctx.width, _flat(taps, 1), _flat(gradient, 1)
        gradients(*given, *(_flat(each) for each in along))
        return *along, None, None


class _Convolution(Function):
    """`delayed_sum` of an input that `lead` steps of history are part of."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor, lead: int) -> Tensor:
        (rows, batch, n_in), (taps, _, n_out) = x.shape, kernel.shape
        kernel = kernel.contiguous()
        dense = Blocks(rows - lead, taps).operations(batch, n_in, n_out)
        trains = Trains.of(x, kernel.dtype, most=int(_EVENT * dense / (taps * n_out)))
        ctx.save_for_backward(x, kernel)
        ctx.lead, ctx.trains = lead, trains
        if trains is None:
            return convolve(x.to(kernel.dtype), kernel, lead, rows - lead)
        y = kernel.new_empty((rows - lead, batch, n_out))
        add_blocks(kernel.numpy(), *trains, lead, y.numpy())
        return y

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
            along_kernel = torch.empty_like(kernel)
            sum_blocks(gradient.numpy(), *ctx.trains, ctx.lead, along_kernel.numpy())
        return along_x, along_kernel, None


class _Reads(Function):
    """y[t] = Σ_j early[j, i] x[t - lower[j, i], j] + late[j, i] x[t - lower[j, i] - 1, j], x with `lead` steps of history."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, early: Tensor, late: Tensor, lower: Tensor, max_delay: int, lead: int) -> Tensor:
        base = (lead + max_delay - lower).to(torch.int32)  # of the later tap after max_delay + 1 steps of zeros
        y = early.new_empty((len(x) - lead, x.shape[1], early.shape[1]))
        signal = x.to(early.dtype).numpy()
        read_pairs(signal, max_delay + 1, *(_transposed(each) for each in (base, late, early)), y.numpy())
        ctx.save_for_backward(x, early, late, base, lower)
        ctx.lead, ctx.max_delay = lead, max_delay
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        x, early, late, base, lower = ctx.saved_tensors
        gradient = gradient.contiguous()
        along_x = along_early = along_late = None
        if ctx.needs_input_grad[0]:
            along_x = torch.empty_like(x)
            lower = lower.to(torch.int32).contiguous().numpy()
            pair = (each.detach().contiguous().numpy() for each in (early, late))
            read_pairs(gradient.numpy(), ctx.lead, lower, *pair, along_x.numpy())
        if ctx.needs_input_grad[1] or ctx.needs_input_grad[2]:
            signal = x.to(early.dtype).numpy()
            parts = dot_pairs(signal, ctx.max_delay + 1, base.contiguous().numpy(), gradient.numpy())
            along_late, along_early = torch.from_numpy(parts).sum(0).unbind(-1)
        return along_x, along_early, along_late, None, None, None


def _transposed(matrix: Tensor) -> Any:
    return matrix.detach().T.contiguous().numpy()


def _flat(tensor: Tensor, kept: int = 0) -> Any:
    """The array, with what comes after the first `kept` axes as one; the same memory if that is contiguous."""
    return tensor.detach().reshape(*tensor.shape[:kept], -1).numpy()
