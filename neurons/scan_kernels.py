"""Compiled loops over time for leaky integrate-and-fire neurons, and their gradients.

They repeat the equations of `LIFStep` and `SoftResetLIFStep` without a refractory time, in the same order of operations;
tests compare every spike with those methods. Arrays are (time, batch, n); coefficients are the rows of an array (5, n):
decay_m, r_m, v_rest, where a spike lands (v_reset, or v_drop for a soft reset), v_threshold. A call does the samples from
first to last, and nothing that it writes is written by another. Loops over neurons read and write few arrays each, or the
compiler gives up on telling them apart and on vectors.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import overload, register_jitable

from .dense_product import multiply_rows
from .events import add_rows, row_events
from .model import method_of

__all__ = [
    "fire", "fire_back", "fire_recurrent", "fire_recurrent_back", "integrate", "integrate_back", "integrate_row",
    "integrate_row_back", "learn_integration", "slope_at",
]  # fmt: skip


@register_jitable
def integrate_row(current, rows, v, u):  # type: ignore[no-untyped-def]
    for i in range(len(u)):
        v_inf = rows[2, i] + rows[1, i] * current[i]
        u[i] = v_inf + (v[i] - v_inf) * rows[0, i]


@register_jitable
def _fire_row(u, rows, soft, v, spikes):  # type: ignore[no-untyped-def]
    one, none = u.dtype.type(1), u.dtype.type(0)
    for i in range(len(u)):
        spiked = u[i] - rows[4, i] >= none
        spikes[i] = one if spiked else none
        landed = u[i] - rows[3, i] if soft else rows[3, i]
        v[i] = landed if spiked else u[i]


def integrate(x, rows, v, u, first, last):  # type: ignore[no-untyped-def]
    """Membranes that never fire: u[t] from currents x[t] and the potential v at the start."""
    for t in range(len(x)):
        for b in range(first, last):
            integrate_row(x[t, b], rows, v[b] if t == 0 else u[t - 1, b], u[t, b])


def fire(x, rows, soft, v, u, spikes, first, last):  # type: ignore[no-untyped-def]
    """Spikes; v is the potential at the start, and at the end. u keeps the potentials before reset if it has room for all."""
    for t in range(len(x)):
        for b in range(first, last):
            before = u[t if len(u) > 1 else 0, b]
            integrate_row(x[t, b], rows, v[b], before)
            _fire_row(before, rows, soft, v[b], spikes[t, b])


def fire_recurrent(x, weight, rows, soft, v, words, u, spikes, first, last):  # type: ignore[no-untyped-def]
    """`fire` with currents x[t] + spikes[t-1] @ weight; words (time + 1, batch, words) begins with the spikes before."""
    current, all_ones = np.empty(x.shape[2], x.dtype), np.empty(0, x.dtype)
    for t in range(len(x)):
        for b in range(first, last):
            current[:] = 0
            add_rows(words[t, b], all_ones, 0, weight, current)
            for i in range(len(current)):
                current[i] += x[t, b, i]
            before = u[t if len(u) > 1 else 0, b]
            integrate_row(current, rows, v[b], before)
            _fire_row(before, rows, soft, v[b], spikes[t, b])
            row_events(spikes[t], b, words[t + 1, b])


def slope_at(surrogate: Any, excess: Any, t: Any, b: Any, i: Any) -> Any:
    """The surrogate's derivative, by its coefficients, or from an array of derivatives."""
    raise NotImplementedError


@overload(slope_at)
def _slope_at(surrogate, excess, t, b, i):  # type: ignore[no-untyped-def]
    if isinstance(surrogate, types.Array):
        return lambda surrogate, excess, t, b, i: surrogate[t, b, i]
    derivative = method_of(surrogate, "derivative")
    return lambda surrogate, excess, t, b, i: derivative(surrogate, excess)


@register_jitable
def integrate_row_back(carry, rows, to_current):  # type: ignore[no-untyped-def]
    """From the gradient of the potential to that of the current, and of the potential a step before (in carry)."""
    for i in range(len(carry)):
        earlier = carry[i] * rows[0, i]
        to_current[i] = (carry[i] - earlier) * rows[1, i]
        carry[i] = earlier


@register_jitable
def learn_integration(g, current, v, rows, learned):  # type: ignore[no-untyped-def]
    """Add to the gradients of decay_m, r_m and v_rest what one step gives; g is the gradient of the potential."""
    for i in range(len(g)):
        v_inf = rows[2, i] + rows[1, i] * current[i]
        through = g[i] - g[i] * rows[0, i]
        learned[0, i] += g[i] * (v[i] - v_inf)
        learned[1, i] += through * current[i]
        learned[2, i] += through


def integrate_back(grad, carry, x, v, u, rows, learned, to_x, first, last):  # type: ignore[no-untyped-def]
    """Gradients of `integrate`. carry holds that of the last potential, and ends as that of the first.

    learned (batch, 5, n) is added to; of length 0 if no coefficient is learned, as then x and u are.
    """
    for t in range(len(grad) - 1, -1, -1):
        for b in range(first, last):
            for i in range(grad.shape[2]):
                carry[b, i] += grad[t, b, i]
            if len(learned):
                learn_integration(carry[b], x[t, b], v[b] if t == 0 else u[t - 1, b], rows, learned[b])
            integrate_row_back(carry[b], rows, to_x[t, b])


def fire_back(  # type: ignore[no-untyped-def]
    grad, carry, x, v, u, rows, soft, surrogate, scale, learned, to_x, first, last
):
    """Gradients of `fire`; arguments as `integrate_back`, grad that of the spikes, u kept in any case. When a neuron is
    reset is taken as constant; where it lands is learned."""
    for t in range(len(grad) - 1, -1, -1):
        _fire_step_back(grad, carry, x, v, u, rows, soft, surrogate, scale, learned, to_x, t, first, last)


def fire_recurrent_back(  # type: ignore[no-untyped-def]
    grad, carry, x, v, u, rows, soft, surrogate, scale, learned, to_x, panels, heard, first, last
):
    """Gradients of `fire_recurrent`: what a spike does to the next currents is added to its own. panels are those of the
    transposed weight; heard is room for (batch, n)."""
    for t in range(len(grad) - 1, -1, -1):
        if t + 1 < len(grad):
            multiply_rows(to_x[t + 1], panels, heard, first, last)
        else:
            heard[first:last] = 0
        for b in range(first, last):
            for i in range(grad.shape[2]):
                to_x[t, b, i] = grad[t, b, i] + heard[b, i]
        _fire_step_back(to_x, carry, x, v, u, rows, soft, surrogate, scale, learned, to_x, t, first, last)


@register_jitable
def _fire_step_back(  # type: ignore[no-untyped-def]
    grad, carry, x, v, u, rows, soft, surrogate, scale, learned, to_x, t, first, last
):
    none, unit = grad.dtype.type(0), grad.dtype.type(1) / scale
    for b in range(first, last):
        if len(learned):
            _learn_reset(grad, carry[b], u, rows, soft, surrogate, unit, learned[b], t, b)
        for i in range(grad.shape[2]):
            excess = u[t, b, i] - rows[4, i]
            stays = carry[b, i] if soft or excess < none else none
            carry[b, i] = stays + grad[t, b, i] * slope_at(surrogate, excess * unit, t, b, i) * unit
        if len(learned):
            after = v[b].copy()
            if t > 0:
                _fire_row(u[t - 1, b], rows, soft, after, np.empty_like(after))
            learn_integration(carry[b], x[t, b], after, rows, learned[b])
        integrate_row_back(carry[b], rows, to_x[t, b])


@register_jitable
def _learn_reset(grad, carry, u, rows, soft, surrogate, unit, learned, t, b):  # type: ignore[no-untyped-def]
    """Add to the gradients of v_reset (or v_drop) and v_threshold what one step gives; carry is that of v after reset."""
    none = grad.dtype.type(0)
    for i in range(len(carry)):
        excess = u[t, b, i] - rows[4, i]
        landed = carry[i] if excess >= none else none
        learned[3, i] += -landed if soft else landed
        learned[4, i] -= grad[t, b, i] * slope_at(surrogate, excess * unit, t, b, i) * unit
