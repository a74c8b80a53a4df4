"""Compiled loops over time for `MetaNeuron` and for `ProbabilisticLIF` that fires by chance, and their gradients.

They repeat the equations of the two models in the same order of operations, and draw by the same function. Conventions are
those of `scan_kernels`: arrays (time, batch, n), a call does the samples from first to last. Rows of coefficients (n each):
decay_m, r_m, v_rest, v_reset, v_threshold, width of `ProbabilisticLIF`; a, b, c, d, v_threshold, width of `MetaNeuron`.
draws are (keys (n,), samples (batch,), counts of steps at the start (batch,)).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload, register_jitable

from .chance import odds
from .scan_kernels import integrate_row, integrate_row_back, learn_integration, slope_at

__all__ = ["fire_lif", "fire_lif_back", "fire_meta", "fire_meta_back", "integrate_meta", "integrate_meta_back"]


_LOG_2 = math.log(2.0)
_WITHIN = (
    0.0597 + 0.002
)  # how far a logarithm read off the bits may be too low: log2(1 + m) - m <= 0.0861, and some room


@register_jitable
def _odds_row(keys, sample, count, drawn):  # type: ignore[no-untyped-def]
    for i in range(len(drawn)):
        drawn[i] = odds(keys[i], sample, count)


@register_jitable
def _spike_row(before, rows, drawn, landing, v, spikes):  # type: ignore[no-untyped-def]
    """Where before - v_threshold + width log(drawn) >= 0. Most signs follow from a logarithm read off the bits of drawn, as the
    exponent and, for what is left, a chord; the others take the true one."""
    one, none, precision = before.dtype.type(1), before.dtype.type(0), before.dtype.type
    bits = drawn.view(np.int64)
    for i in range(len(before)):
        margin = before[i] - rows[4, i]
        low = rows[5, i] * (_LOG_2 * (bits[i] * 2.0**-52 - 1023.0) - 0.001)
        spiked = margin + low > 0.0
        if not spiked and margin + low + rows[5, i] * _WITHIN >= 0.0:
            spiked = margin + precision(rows[5, i] * math.log(drawn[i])) >= none
        spikes[i] = one if spiked else none
        v[i] = landing[i] if spiked else before[i]


def fire_lif(x, rows, draws, v, kept, spikes, first, last):  # type: ignore[no-untyped-def]
    """Spikes of `ProbabilisticLIF`; v is the potential at the start, and at the end. kept: potentials before reset, if it has
    room for all."""
    drawn, noisy = np.ones(x.shape[2]), rows[5].max() > 0
    for t in range(len(x)):
        for b in range(first, last):
            before = kept[t if len(kept) > 1 else 0, b]
            integrate_row(x[t, b], rows, v[b], before)
            if noisy:
                _odds_row(draws[0], draws[1][b], draws[2][b] + t + 1, drawn)
            _spike_row(before, rows, drawn, rows[3], v[b], spikes[t, b])


@register_jitable
def _sigmoid(x, one):  # type: ignore[no-untyped-def]
    small = math.exp(-abs(x))
    return (small if x < 0 else one) / (one + small)


@register_jitable
def _cut(v, five):  # type: ignore[no-untyped-def]
    return -five if v < -five else (five if v > five else v)


@register_jitable
def _integrate_meta_row(current, rows, v, u, before):  # type: ignore[no-untyped-def]
    """From v and u to the potential before reset; u is moved on."""
    one, five = v.dtype.type(1), v.dtype.type(5)
    for i in range(len(v)):
        before[i] = _sigmoid(current[i], one)
    for i in range(len(v)):
        low = _cut(v[i], five)
        before[i] = low + (low * low - low - u[i] + before[i])
        u[i] = u[i] + rows[0, i] * (rows[1, i] * low - u[i])


def integrate_meta(x, rows, v, u, made, first, last):  # type: ignore[no-untyped-def]
    """Potentials made[t] of `MetaNeuron` that never fires, from v at the start; u is that at the start, and at the end."""
    for t in range(len(x)):
        for b in range(first, last):
            _integrate_meta_row(x[t, b], rows, v[b] if t == 0 else made[t - 1, b], u[b], made[t, b])


def fire_meta(x, rows, draws, v, u, kept, spikes, first, last):  # type: ignore[no-untyped-def]
    """Spikes of `MetaNeuron`; v and u are those at the start, and at the end. kept as in `fire_lif`."""
    drawn, noisy = np.ones(x.shape[2]), rows[5].max() > 0
    for t in range(len(x)):
        for b in range(first, last):
            before = kept[t if len(kept) > 1 else 0, b]
            _integrate_meta_row(x[t, b], rows, v[b], u[b], before)
            if noisy:
                _odds_row(draws[0], draws[1][b], draws[2][b] + t + 1, drawn)
            _spike_row(before, rows, drawn, rows[2], v[b], spikes[t, b])
            for i in range(len(drawn)):
                u[b, i] = u[b, i] + rows[3, i] if spikes[t, b, i] > 0 else u[b, i]


def spike_slopes(surrogate: Any, unit: Any, kept: Any, rows: Any, t: Any, b: Any, slopes: Any) -> None:
    """Fill slopes with the derivative of a spike by the potential: that of its probability, of a width > 0, where surrogate is
    None."""
    raise NotImplementedError


@overload(spike_slopes)
def _spike_slopes(surrogate, unit, kept, rows, t, b, slopes):  # type: ignore[no-untyped-def]
    if isinstance(surrogate, types.NoneType):

        def of_chance(surrogate, unit, kept, rows, t, b, slopes):  # type: ignore[no-untyped-def]
            one = kept.dtype.type(1)
            for i in range(len(slopes)):
                small = math.exp(-abs(kept[t, b, i] - rows[4, i]) / rows[5, i])
                slopes[i] = small / ((one + small) * (one + small) * rows[5, i])

        return of_chance

    def of_surrogate(surrogate, unit, kept, rows, t, b, slopes):  # type: ignore[no-untyped-def]
        for i in range(len(slopes)):
            slopes[i] = slope_at(surrogate, (kept[t, b, i] - rows[4, i]) * unit, t, b, i) * unit

    return of_surrogate


@register_jitable
def _learn_spike(grad, spikes, slopes, kept, rows, carry, for_landing, for_threshold, for_width):  # type: ignore[no-untyped-def]
    """Add to the gradients of v after a spike, threshold and width what one step gives; carry is that of v after reset."""
    none = grad.dtype.type(0)
    for i in range(len(grad)):
        direct = grad[i] * slopes[i]
        for_landing[i] += carry[i] if spikes[i] > 0 else none
        for_threshold[i] -= direct
        for_width[i] -= direct * (kept[i] - rows[4, i]) / rows[5, i] if rows[5, i] > 0 else none


@register_jitable
def _spike_row_back(grad, spikes, slopes, carry):  # type: ignore[no-untyped-def]
    """In carry from the gradient of the potential after reset to that before; when a neuron is reset is constant."""
    none = grad.dtype.type(0)
    for i in range(len(grad)):
        carry[i] = (none if spikes[i] > 0 else carry[i]) + grad[i] * slopes[i]


@register_jitable
def _after(v, kept, spikes, landing, t, b, after):  # type: ignore[no-untyped-def]
    """The potential that step t begins with."""
    for i in range(len(after)):
        if t == 0:
            after[i] = v[b, i]
        else:
            after[i] = landing[i] if spikes[t - 1, b, i] > 0 else kept[t - 1, b, i]


def fire_lif_back(grad, carry, x, v, kept, spikes, rows, learned, to_x, first, last):  # type: ignore[no-untyped-def]
    """Gradients of `fire_lif`. carry holds that of v at the end, and ends as that of v at the start; learned (batch, 6, n) is
    added to, and of length 0 if no coefficient is learned, as then x and v are."""
    slopes, after = np.empty(grad.shape[2], grad.dtype), np.empty(grad.shape[2], grad.dtype)
    for t in range(len(grad) - 1, -1, -1):
        for b in range(first, last):
            spike_slopes(None, grad.dtype.type(1), kept, rows, t, b, slopes)
            if len(learned):
                own = learned[b]
                _learn_spike(grad[t, b], spikes[t, b], slopes, kept[t, b], rows, carry[b], own[3], own[4], own[5])
            _spike_row_back(grad[t, b], spikes[t, b], slopes, carry[b])
            if len(learned):
                _after(v, kept, spikes, rows[3], t, b, after)
                learn_integration(carry[b], x[t, b], after, rows, learned[b])
            integrate_row_back(carry[b], rows, to_x[t, b])


@register_jitable
def _integrate_meta_row_back(carry, carry_u, current, rows, v, before, learned, b, to_current):  # type: ignore[no-untyped-def]
    """In carry and carry_u from the gradients after `_integrate_meta_row` to those before it; v is the potential before."""
    one, two, five, none = v.dtype.type(1), v.dtype.type(2), v.dtype.type(5), v.dtype.type(0)
    for i in range(len(v)):
        to_current[i] = _sigmoid(current[i], one)
    if len(learned):
        for i in range(len(v)):
            low = _cut(v[i], five)
            u = low * low + to_current[i] - before[i]  # not kept: the step's own equation gives it
            learned[b, 0, i] += carry_u[i] * (rows[1, i] * low - u)
            learned[b, 1, i] += carry_u[i] * rows[0, i] * low
    for i in range(len(v)):
        g, g_u, low = carry[i], carry_u[i], _cut(v[i], five)
        to_current[i] = g * to_current[i] * (one - to_current[i])
        through = two * low * g + rows[0, i] * rows[1, i] * g_u
        carry[i] = through if low == v[i] else none
        carry_u[i] = g_u - rows[0, i] * g_u - g


def integrate_meta_back(grad, carry, carry_u, x, v, made, rows, learned, to_x, first, last):  # type: ignore[no-untyped-def]
    """Gradients of `integrate_meta`; carry and carry_u hold those of the end, and end as those of the start."""
    for t in range(len(grad) - 1, -1, -1):
        for b in range(first, last):
            for i in range(grad.shape[2]):
                carry[b, i] += grad[t, b, i]
            start = v[b] if t == 0 else made[t - 1, b]
            _integrate_meta_row_back(carry[b], carry_u[b], x[t, b], rows, start, made[t, b], learned, b, to_x[t, b])


def fire_meta_back(  # type: ignore[no-untyped-def]
    grad, carry, carry_u, x, v, kept, spikes, rows, surrogate, unit, learned, to_x, first, last
):
    """Gradients of `fire_meta`; arguments as `fire_lif_back`. surrogate: None takes the derivative of the probability."""
    slopes, after = np.empty(grad.shape[2], grad.dtype), np.empty(grad.shape[2], grad.dtype)
    for t in range(len(grad) - 1, -1, -1):
        for b in range(first, last):
            spike_slopes(surrogate, unit, kept, rows, t, b, slopes)
            if len(learned):
                own = learned[b]
                _learn_spike(grad[t, b], spikes[t, b], slopes, kept[t, b], rows, carry[b], own[2], own[4], own[5])
                for i in range(grad.shape[2]):
                    own[3, i] += carry_u[b, i] if spikes[t, b, i] > 0 else grad.dtype.type(0)
            _spike_row_back(grad[t, b], spikes[t, b], slopes, carry[b])
            _after(v, kept, spikes, rows[2], t, b, after)
            _integrate_meta_row_back(carry[b], carry_u[b], x[t, b], rows, after, kept[t, b], learned, b, to_x[t, b])
