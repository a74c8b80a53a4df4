"""Whole sequences of neurons that fire by chance at once: the loops of `Spiking` and `Membrane`, fused.

For `MetaNeuron`, and for `ProbabilisticLIF` without a refractory time, on a CPU. For the gradient one array (time, batch, n)
is kept, the potential before reset, beside the spikes, which the caller has anyway: the recovery variable follows from two
potentials, and no draw is needed twice. Where the currents are needed (always for `MetaNeuron`, else for learned parameters)
they are kept too. Spikes and gradients do not depend on the number of threads. Without noise `ProbabilisticLIF` takes the
scan of `LIF`. Layers in which some neurons have noise and others none are left to the plain loop where there are gradients.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from . import lif_scan, meta_scan_kernels, surrogate
from .buffer import empty
from .kernel import kernel
from .lif import LIFState, LIFStep
from .lif_scan import fits, gradients_of, numbers, rows_of, share, slopes_of
from .meta import MetaNeuronState, MetaNeuronStep, ProbabilisticLIFState, ProbabilisticLIFStep

__all__ = ["can_fire", "can_integrate", "fire", "integrate"]


def can_integrate(step: Any, state: Any, x: Tensor) -> bool:
    """Whether `integrate` does what the model's own method does to these currents from this state on."""
    if (type(step), type(state)) == (ProbabilisticLIFStep, ProbabilisticLIFState):
        return lif_scan.can_integrate(*_as_lif(step, state), x) and _counted(step, state, x)
    if (type(step), type(state)) == (MetaNeuronStep, MetaNeuronState):
        return fits(step[:6], state[:2], x) and _counted(step, state, x)
    return False


def can_fire(step: Any, state: Any, x: Tensor) -> bool:
    """Whether `fire` does what the model's own methods do."""
    return (
        can_integrate(step, state, x)
        and not (type(step) is ProbabilisticLIFStep and bool(step.refractory_steps.any()))
        and (_knows_gradient(step) or not torch.is_grad_enabled())
    )


def integrate(step: Any, state: Any, x: Tensor) -> tuple[Tensor, Any]:
    """Potentials (time, batch, n) of neurons that never fire, and the state at the end."""
    if type(step) is ProbabilisticLIFStep:
        potentials, after = lif_scan.integrate(*_as_lif(step, state), x)
        return potentials, _moved_on(state, after.v, after.refractory, len(x))
    potentials, u = _Integrate.apply(x, state.v, state.u, *step[:6])  # type: ignore[no-untyped-call]
    return potentials, _moved_on(state, potentials[-1], u, len(x))


def fire(step: Any, state: Any, x: Tensor, shape: surrogate.Surrogate, scale: float) -> tuple[Tensor, Any]:
    """Spikes (time, batch, n) of neurons driven by the currents x, and the state at the end."""
    of_lif = type(step) is ProbabilisticLIFStep
    if of_lif and not _by_chance(step):
        spikes, after = lif_scan.fire(*_as_lif(step, state), x, shape, scale)
        return spikes, _moved_on(state, after.v, after.refractory, len(x))
    keys = np.ascontiguousarray(np.broadcast_to(step.key.numpy(), x.shape[2:]))
    draws = keys, *(each[:, 0].contiguous().numpy() for each in (state.sample, state.count))
    rule = _Rule(draws, None if _by_chance(step) else shape, scale, torch.is_grad_enabled())
    coefficients = (*step[:5], step.width) if of_lif else step[:6]
    start = (state.v, None) if of_lif else (state.v, state.u)
    spikes, v, u = _Fire.apply(rule, x, *start, *coefficients)  # type: ignore[no-untyped-call]
    return spikes, _moved_on(state, v, torch.zeros_like(v) if of_lif else u, len(x))


class _Rule(NamedTuple):
    """draws: keys (n,), samples (batch,), counts (batch,). shape: the surrogate, None for the probability's derivative.
    keep: whether there will be a gradient."""

    draws: Any
    shape: surrogate.Surrogate | None
    scale: float
    keep: bool


def _as_lif(step: ProbabilisticLIFStep, state: ProbabilisticLIFState) -> tuple[LIFStep, LIFState]:
    return LIFStep(*step[:6]), LIFState(*state[:2])


def _by_chance(step: Any) -> bool:
    return bool((step.width > 0.0).any())


def _knows_gradient(step: Any) -> bool:
    """That of chance for all neurons or the surrogate's for all; the surrogate's by a width of 0 asks for the draw."""
    certain = step.width <= 0.0
    return not bool(certain.any()) or (bool(certain.all()) and not step.width.requires_grad)


def _counted(step: Any, state: Any, x: Tensor) -> bool:
    """Whether draws can be made: the neurons of a sample are as far as one another, and past their start."""
    whole = all(each.dtype == torch.int64 and each.device == x.device for each in (step.key, state.sample, state.count))
    shapes = (
        step.key.ndim <= 1 and state.sample.shape == state.count.shape == x.shape[1:] and step.width.dtype == x.dtype
    )
    return (
        whole
        and shapes
        and bool((state.count >= 0).all())
        and all(bool((each == each[:, :1]).all()) for each in (state.sample, state.count))
    )


def _moved_on(state: Any, v: Tensor, other: Tensor, steps: int) -> Any:
    return type(state)(v, other, state.sample, state.count + steps)


class _Integrate(torch.autograd.Function):
    """(x, v, u, coefficients) to (potentials, u at the end), of `MetaNeuron`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, v: Tensor, u: Tensor, *coefficients: Tensor) -> tuple[Tensor, Tensor]:
        currents, start, end = numbers(x), numbers(v), numbers(u).copy()
        rows, made = rows_of(coefficients, x.shape[2]), empty(currents.shape, currents.dtype)
        run = kernel(meta_scan_kernels.integrate_meta)
        share(lambda first, last: run(currents, rows, start, end, made, first, last), currents)
        potentials = torch.from_numpy(made)
        ctx.save_for_backward(x, v, potentials, *coefficients)
        return potentials, torch.from_numpy(end)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, grad_u: Tensor) -> tuple[Tensor | None, ...]:
        x, v, potentials, *coefficients = ctx.saved_tensors
        rows, learned = rows_of(coefficients, x.shape[2]), _room(any(ctx.needs_input_grad[3:]), coefficients, x)
        carries = np.zeros_like(numbers(v)), numbers(grad_u).copy()
        given = numbers(grad), *carries, numbers(x), numbers(v), numbers(potentials), rows, learned
        to_x, back = empty(x.shape, rows.dtype), kernel(meta_scan_kernels.integrate_meta_back)
        share(lambda first, last: back(*given, to_x, first, last), to_x)
        return torch.from_numpy(to_x), *map(torch.from_numpy, carries), *gradients_of(coefficients, learned)


class _Fire(torch.autograd.Function):
    """(rule, x, v, u or None for `ProbabilisticLIF`, coefficients) to (spikes, v at the end, u at the end)."""

    @staticmethod
    def forward(
        ctx: Any, rule: _Rule, x: Tensor, v: Tensor, u: Tensor | None, *coefficients: Tensor
    ) -> tuple[Tensor | None, ...]:
        currents, rows = numbers(x), rows_of(coefficients, x.shape[2])
        ends = [numbers(each).copy() for each in (v, u) if each is not None]
        kept = empty((len(x) if rule.keep else 1, *currents.shape[1:]), currents.dtype)
        spikes = empty(currents.shape, currents.dtype)
        run = kernel(meta_scan_kernels.fire_lif if u is None else meta_scan_kernels.fire_meta)
        share(lambda a, b: run(currents, rows, rule.draws, *ends, kept, spikes, a, b), currents)
        made = torch.from_numpy(spikes)
        ctx.rule, ctx.of_lif = rule, u is None
        ctx.set_materialize_grads(False)
        if rule.keep:
            again = (x, v) if u is not None or any(ctx.needs_input_grad[4:]) else (x[:0], v)
            ctx.save_for_backward(*again, torch.from_numpy(kept), made, *coefficients)
        return made, torch.from_numpy(ends[0]), None if u is None else torch.from_numpy(ends[1])

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, grad: Tensor | None, grad_v: Tensor | None, grad_u: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        x, v, kept, spikes, *coefficients = ctx.saved_tensors
        rows, learned = rows_of(coefficients, v.shape[1]), _room(any(ctx.needs_input_grad[4:]), coefficients, v[None])
        grads = np.zeros_like(numbers(kept)) if grad is None else numbers(grad)
        ends = (grad_v,) if ctx.of_lif else (grad_v, grad_u)
        carries = [np.zeros_like(numbers(v)) if end is None else numbers(end).copy() for end in ends]
        given = grads, *carries, numbers(x), numbers(v), numbers(kept), numbers(spikes), rows
        to_x = empty(kept.shape, rows.dtype)
        if ctx.of_lif:
            back = kernel(meta_scan_kernels.fire_lif_back)
            share(lambda first, last: back(*given, learned, to_x, first, last), to_x)
        else:
            rule, unit = ctx.rule, rows.dtype.type(1.0 / ctx.rule.scale)
            slopes = None if rule.shape is None else slopes_of(rule.shape, rule.scale, kept, coefficients[4])
            back = kernel(meta_scan_kernels.fire_meta_back)
            share(lambda first, last: back(*given, slopes, unit, learned, to_x, first, last), to_x)
        starts = [torch.from_numpy(carry) for carry in carries]
        return None, torch.from_numpy(to_x), *starts, *[None][: 2 - len(starts)], *gradients_of(coefficients, learned)


def _room(learns: bool, coefficients: Any, like: Tensor) -> Any:
    """For the gradients of coefficients, (batch, coefficients, n), if any is learned."""
    return np.zeros((like.shape[1] if learns else 0, len(coefficients), like.shape[2]))
