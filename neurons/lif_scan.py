"""Whole sequences of leaky integrate-and-fire neurons at once: the loops of `Spiking`, `Recurrent` and `Membrane`, fused.

For `LIF` and `SoftResetLIF` without a refractory time, on a CPU. For the gradient one array (time, batch, n) is kept, the
potential before reset, and the currents besides where the model's parameters are learned. Spikes and gradients do not
depend on the number of threads.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from . import scan_kernels, surrogate
from .buffer import empty
from .dense_product import dense_product, packed
from .events import Events, events_of, sum_rows, weight_gradient, words_of
from .kernel import kernel
from .lif import LIFState, LIFStep
from .soft_reset_lif import SoftResetLIFStep
from .threads import shared

__all__ = [
    "can_fire", "can_integrate", "can_recur", "fire", "fire_recurrent", "fits", "gradients_of", "integrate", "numbers",
    "rows_of", "share", "slopes_of",
]  # fmt: skip

Array = NDArray[Any]

_WORK = 1 << 16  # updates of a neuron that are worth a piece of work of their own


def can_integrate(step: Any, state: Any, x: Tensor) -> bool:
    """Whether `integrate` does what the model's own method does to these currents from this state on."""
    return (
        type(step) in (LIFStep, SoftResetLIFStep)
        and type(state) is LIFState
        and fits(step, state, x)
        and not bool((state.refractory > 1.0).any())
    )


def fits(coefficients: Any, state: Any, x: Tensor) -> bool:
    """Whether a scan can take these: real numbers of one precision on a CPU, a coefficient for all neurons or for each."""
    return (
        x.device.type == "cpu"
        and x.dtype in (torch.float32, torch.float64)
        and x.numel() > 0
        and all(value.dtype == x.dtype and value.device == x.device for value in (*coefficients, *state))
        and all(value.ndim <= 1 for value in coefficients)
        and all(value.shape == x.shape[1:] for value in state)
    )


def can_fire(step: Any, state: Any, x: Tensor) -> bool:
    """Whether `fire` does what the model's own methods do."""
    return can_integrate(step, state, x) and not bool(step.refractory_steps.any())


def can_recur(step: Any, state: Any, x: Tensor, before: Tensor, weight: Tensor) -> bool:
    """Whether `fire_recurrent` does what the model's own methods do, for these spikes ahead of the first step."""
    return (
        can_fire(step, state, x)
        and before.dtype == weight.dtype == x.dtype
        and before.shape == x.shape[1:]
        and bool(((before == 0.0) | (before == 1.0)).all())
    )


def integrate(step: Any, state: LIFState, x: Tensor) -> tuple[Tensor, LIFState]:
    """Potentials (time, batch, n) of neurons that never fire, and the state at the end."""
    potentials: Tensor = _Integrate.apply(x, state.v, *step[:5])  # type: ignore[no-untyped-call]
    return potentials, LIFState(potentials[-1], torch.zeros_like(potentials[-1]))


def fire(step: Any, state: LIFState, x: Tensor, shape: surrogate.Surrogate, scale: float) -> tuple[Tensor, LIFState]:
    """Spikes (time, batch, n) of neurons driven by the currents x, and the state at the end."""
    spikes, v = _Fire.apply(_rule(step, shape, scale), x, None, None, state.v, *step[:5])  # type: ignore[no-untyped-call]
    return spikes, LIFState(v, torch.zeros_like(v))


def fire_recurrent(
    step: Any, state: LIFState, x: Tensor, before: Tensor, weight: Tensor, shape: surrogate.Surrogate, scale: float
) -> tuple[Tensor, LIFState]:
    """`fire` with currents x[t] + spikes[t-1] @ weight, where `before` are the spikes (batch, n) ahead of the first step."""
    spikes, v = _Fire.apply(_rule(step, shape, scale), x, before, weight, state.v, *step[:5])  # type: ignore[no-untyped-call]
    return spikes, LIFState(v, torch.zeros_like(v))


class _Rule(NamedTuple):
    """What a spike does, and what its derivative is taken to be. keep: whether there will be a gradient."""

    soft: bool
    shape: surrogate.Surrogate
    scale: float
    keep: bool


def _rule(step: Any, shape: surrogate.Surrogate, scale: float) -> _Rule:
    return _Rule(type(step) is SoftResetLIFStep, shape, scale, torch.is_grad_enabled())


class _Integrate(torch.autograd.Function):
    """(x, v, coefficients) to potentials."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, v: Tensor, *coefficients: Tensor) -> Tensor:
        currents, start, rows = numbers(x), numbers(v), rows_of(coefficients, x.shape[2])
        u, run = empty(currents.shape, currents.dtype), kernel(scan_kernels.integrate)
        share(lambda first, last: run(currents, rows, start, u, first, last), currents)
        made = torch.from_numpy(u)
        ctx.save_for_backward(*coefficients, *((v, x, made) if any(ctx.needs_input_grad[2:]) else ()))
        return made

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        coefficients, kept = ctx.saved_tensors[:5], [numbers(kept) for kept in ctx.saved_tensors[5:]]
        grads, rows = numbers(grad), rows_of(coefficients, grad.shape[2])
        v, x, u = kept or (grads[0, :0], grads[:0], grads[:0])
        learned = np.zeros((len(v), 5, grads.shape[2]))
        carry, to_x = np.zeros_like(grads[0]), empty(grads.shape, grads.dtype)
        run = kernel(scan_kernels.integrate_back)
        share(lambda first, last: run(grads, carry, x, v, u, rows, learned, to_x, first, last), grads)
        return torch.from_numpy(to_x), torch.from_numpy(carry), *gradients_of(coefficients, learned)


class _Fire(torch.autograd.Function):
    """(rule, x, spikes before and recurrent weight or None, v, coefficients) to (spikes, v at the end)."""

    @staticmethod
    def forward(
        ctx: Any, rule: _Rule, x: Tensor, before: Tensor | None, weight: Tensor | None, v: Tensor, *coefficients: Tensor
    ) -> tuple[Tensor, Tensor]:
        currents, rows, end = numbers(x), rows_of(coefficients, x.shape[2]), numbers(v).copy()
        time, batch, n = currents.shape
        u = empty((time if rule.keep else 1, batch, n), currents.dtype)
        spikes = empty(currents.shape, currents.dtype)
        if before is None or weight is None:
            run = kernel(scan_kernels.fire)
            share(lambda first, last: run(currents, rows, rule.soft, end, u, spikes, first, last), currents)
        else:
            words = np.empty((time + 1, batch, words_of(n)), np.uint64)
            words[0] = events_of(numbers(before), currents.dtype).words
            recur, weights = kernel(scan_kernels.fire_recurrent), numbers(weight)
            share(lambda a, b: recur(currents, weights, rows, rule.soft, end, words, u, spikes, a, b), currents)
            ctx.words = words[:-1].reshape(time * batch, -1)
        ctx.rule = rule
        ctx.set_materialize_grads(False)
        if rule.keep:
            learned = (v, x) if any(ctx.needs_input_grad[5:]) else ()
            ctx.save_for_backward(*coefficients, weight, torch.from_numpy(u), *learned)
        return torch.from_numpy(spikes), torch.from_numpy(end)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor | None, grad_end: Tensor | None) -> tuple[Tensor | None, ...]:
        *coefficients, weight, before_reset = ctx.saved_tensors[:7]
        u, kept = numbers(before_reset), [numbers(kept) for kept in ctx.saved_tensors[7:]]
        grads = np.zeros_like(u) if grad is None else numbers(grad)
        v, x = kept or (u[0, :0], u[:0])
        carry, to_x = np.zeros_like(u[0]) if grad_end is None else numbers(grad_end).copy(), empty(u.shape, u.dtype)
        learned = np.zeros((len(v), 5, u.shape[2]))
        heard = Events(ctx.words, u[0, 0, :0], np.empty(0, np.int64), 0) if weight is not None else None
        if heard is not None and len(x):
            x = x + sum_rows(heard, numbers(weight)).reshape(x.shape)
        slopes = slopes_of(ctx.rule.shape, ctx.rule.scale, before_reset, coefficients[4])
        scale = u.dtype.type(ctx.rule.scale)
        rows, soft = rows_of(coefficients, u.shape[2]), ctx.rule.soft
        given = grads, carry, x, v, u, rows, soft, slopes, scale, learned, to_x
        recurrent: tuple[Tensor | None, Tensor | None] = None, None
        if heard is None:
            back = kernel(scan_kernels.fire_back)
            share(lambda first, last: back(*given, first, last), u)
        else:
            backwards, recur = numbers(weight.t()), kernel(scan_kernels.fire_recurrent_back)
            panels, room = packed(backwards), np.empty_like(u[0])
            share(lambda first, last: recur(*given, panels, room, first, last), u)
            for_weight = weight_gradient(heard, to_x.reshape(-1, u.shape[2]), len(weight))
            recurrent = torch.from_numpy(dense_product(to_x[0], backwards)), torch.from_numpy(for_weight)
        made = torch.from_numpy(to_x), *recurrent, torch.from_numpy(carry)
        return None, *made, *gradients_of(coefficients, learned)


def slopes_of(shape: surrogate.Surrogate, scale: float, u: Tensor, v_threshold: Tensor) -> Any:
    """Synfire's own surrogates by their coefficients, which the kernel computes with; of others the derivatives as they are."""
    coefficients = shape.coefficients() if type(shape).__module__ == surrogate.__name__ else None
    if coefficients is not None:
        dtype = numbers(u).dtype.type
        return type(coefficients)(*(dtype(float(value)) for value in coefficients))
    return numbers(shape.derivative((u - v_threshold) / scale).to(u.dtype))


def rows_of(coefficients: Any, n: int) -> Array:
    """The coefficients as an array (coefficients, n), one value for each neuron."""
    rows = np.empty((len(coefficients), n), numbers(coefficients[0]).dtype)
    for row, value in zip(rows, coefficients, strict=True):
        row[:] = value.detach().numpy()
    return rows


def gradients_of(coefficients: Any, learned: Array) -> list[Tensor | None]:
    """Of each coefficient, summed over the samples in their order, and over the neurons if they share one."""
    if not len(learned):
        return [None] * len(coefficients)
    total = torch.from_numpy(np.add.reduce(learned, axis=0))
    return [row.sum_to_size(value.shape).to(value.dtype) for row, value in zip(total, coefficients, strict=True)]


def numbers(x: Tensor) -> Array:
    return x.detach().contiguous().numpy()


def share(work: Any, like: Array) -> None:
    shared(work, like.shape[1], least=max(1, _WORK // (like.shape[0] * like.shape[2])))
