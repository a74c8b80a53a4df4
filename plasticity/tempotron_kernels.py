"""The Tempotron's loops over spikes. Two decaying sums give the potential; its maximum between two spikes is in closed form.

From one spike to the next, x ms on, V = v_0 (a exp(-x/tau) - b exp(-x/tau_s)). Such a curve has one extremum at most, and it
is a maximum only if V rises at the start and falls at the end; then a, b > 0, and V is concave up to it.
"""

from __future__ import annotations

import math

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

__all__ = ["first_crossings", "learn", "normalisation", "peaks"]

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

_FOREVER = 1e300  # ms, when the spike after the last would be
_STEPS = 50  # of Newton's method, which needs about five


@register_jitable
def normalisation(tau: float, tau_s: float) -> float:
    """v_0, for which the kernel's peak is 1."""
    ratio = tau / tau_s
    return ratio ** (ratio / (ratio - 1.0)) / (ratio - 1.0)


@register_jitable
def _peak_time(tau: float, tau_s: float, b_over_a: float) -> float:
    """x at which a exp(-x/tau) - b exp(-x/tau_s) has its extremum."""
    return tau * tau_s / (tau - tau_s) * math.log(b_over_a * tau / tau_s)


@register_jitable
def _fill(times: Floats, tau: float, tau_s: float, decay: Floats, decay_s: Floats) -> None:
    """What is left of both sums from each spike to the next."""
    last = times.size - 1
    for j in range(last):
        gap = times[j + 1] - times[j]
        decay[j], decay_s[j] = math.exp(-gap / tau), math.exp(-gap / tau_s)
    if last >= 0:
        decay[last] = decay_s[last] = 0.0


@register_jitable
def _summit(
    times: Floats, neurons: Whole, weight: Floats, decay: Floats, decay_s: Floats, tau: float, tau_s: float,
    v_0: float, enough: float,
) -> tuple[float, float]:  # fmt: skip
    """Largest V and when; ends early, with the peak of the interval that it is in, once V >= enough."""
    a = b = best = 0.0
    per_tau, per_tau_s = 1.0 / tau, 1.0 / tau_s  # products are several times faster than quotients
    count = times.size
    when = times[count - 1] + _peak_time(tau, tau_s, 1.0) if count else 0.0
    for j in range(count):
        w = weight[neurons[j]]
        a += w
        b += w
        at_end, at_end_s = a * decay[j], b * decay_s[j]
        rise = b * per_tau_s - a * per_tau
        end = times[j + 1] if j + 1 < count else _FOREVER
        gap = end - times[j]
        # V lies below its tangent up to its maximum, and V at the start is no more than best: few intervals pass this
        if rise > 0.0 and a - b + rise * gap > best:
            if at_end_s * tau < at_end * tau_s or (j + 1 == count and a > 0.0):
                x = _peak_time(tau, tau_s, b / a)
                found, here = a * math.exp(-x / tau) * (1.0 - tau_s / tau), min(times[j] + x, end)
            else:
                found, here = at_end - at_end_s, end  # not times[j] + gap, which rounding can put beyond the next spike
            if found > best:
                best, when = found, here
                if v_0 * best >= enough:
                    break
        elif at_end - at_end_s > best:  # after a minimum within the interval
            best, when = at_end - at_end_s, end
            if v_0 * best >= enough:
                break
        a, b = at_end, at_end_s
    return v_0 * best, when


@register_jitable
def _last_before(times: Floats, t: float) -> int:
    j = times.size - 1
    while j >= 0 and times[j] >= t:
        j -= 1
    return j


def peaks(
    offsets: Whole,
    times: Floats,
    neurons: Whole,
    weight: Floats,
    tau: Floats,
    tau_s: Floats,
    v_max: Floats,
    t_max: Floats,
) -> None:
    """Fill v_max and t_max (samples, n_out); weight is (n_out, n_in)."""
    longest = 0
    for s in range(offsets.size - 1):
        longest = max(longest, offsets[s + 1] - offsets[s])
    decay, decay_s = np.empty(longest), np.empty(longest)
    for s in range(offsets.size - 1):
        at, who = times[offsets[s] : offsets[s + 1]], neurons[offsets[s] : offsets[s + 1]]
        for k in range(weight.shape[0]):
            if k == 0 or tau[k] != tau[k - 1] or tau_s[k] != tau_s[k - 1]:
                _fill(at, tau[k], tau_s[k], decay, decay_s)
            v_max[s, k], t_max[s, k] = _summit(
                at, who, weight[k], decay, decay_s, tau[k], tau_s[k], normalisation(tau[k], tau_s[k]), math.inf
            )


def first_crossings(
    offsets: Whole, times: Floats, neurons: Whole, weight: Floats, tau: Floats, tau_s: Floats, v_threshold: Floats,
    crossing: Floats,
) -> None:  # fmt: skip
    """Fill crossing (samples, n_out): when V first reaches the threshold, infinity where it does not."""
    longest = 0
    for s in range(offsets.size - 1):
        longest = max(longest, offsets[s + 1] - offsets[s])
    decay, decay_s = np.empty(longest), np.empty(longest)
    for s in range(offsets.size - 1):
        at, who = times[offsets[s] : offsets[s + 1]], neurons[offsets[s] : offsets[s + 1]]
        for k in range(weight.shape[0]):
            if k == 0 or tau[k] != tau[k - 1] or tau_s[k] != tau_s[k - 1]:
                _fill(at, tau[k], tau_s[k], decay, decay_s)
            v_0 = normalisation(tau[k], tau_s[k])
            v, t = _summit(at, who, weight[k], decay, decay_s, tau[k], tau_s[k], v_0, v_threshold[k])
            crossing[s, k] = math.inf
            if v < v_threshold[k]:
                continue
            j = _last_before(at, t)
            a = b = 0.0
            for i in range(j + 1):  # both sums just after spike j
                a += weight[k, who[i]]
                b += weight[k, who[i]]
                if i < j:
                    a *= decay[i]
                    b *= decay_s[i]
            x, level = 0.0, v_threshold[k] / v_0
            for _ in range(_STEPS):  # V rises and is concave here: from below, Newton's steps never go too far
                slow, fast = a * math.exp(-x / tau[k]), b * math.exp(-x / tau_s[k])
                slope = fast / tau_s[k] - slow / tau[k]
                if slope <= 0.0 or slow - fast >= level:
                    break
                further = min(x + (level - slow + fast) / slope, t - at[j])
                if further <= x:
                    break
                x = further
            crossing[s, k] = at[j] + x


def learn(
    order: Whole, target: Whole, offsets: Whole, times: Floats, neurons: Whole, decay: Floats, decay_s: Floats,
    made_for: Floats, weight: Floats, velocity: Floats, log_tau: Floats, log_tau_s: Floats, v_threshold: Floats,
    rate: float, momentum: float, internal_rate: float, least_log_ratio: float, least_threshold: float,
) -> int:  # fmt: skip
    """Show samples in `order`, change all that is learned in place, and return how often a unit was wrong.

    decay and decay_s (spikes,) are kept from call to call: those of sample s hold for the time constants made_for[s].
    """
    units = weight.shape[0]
    first_class = 1 if units == 1 else 0
    tau, tau_s, v_0 = np.exp(log_tau), np.exp(log_tau_s), np.empty(units)
    for k in range(units):
        v_0[k] = normalisation(tau[k], tau_s[k])
    errors = 0
    for s in order:
        here = slice(offsets[s], offsets[s + 1])
        at, who, left, left_s = times[here], neurons[here], decay[here], decay_s[here]
        for k in range(units):
            if made_for[s, 0] != tau[k] or made_for[s, 1] != tau_s[k]:
                _fill(at, tau[k], tau_s[k], left, left_s)
                made_for[s, 0], made_for[s, 1] = tau[k], tau_s[k]
            wanted = target[s] == k + first_class
            enough = (
                v_threshold[k] if wanted else math.inf
            )  # a unit that should fire and does is right, however high V is
            v, t = _summit(at, who, weight[k], left, left_s, tau[k], tau_s[k], v_0[k], enough)
            if (v >= v_threshold[k]) == wanted:
                continue
            errors += 1
            sign = 1.0 if wanted else -1.0
            for i in range(velocity.shape[1]):
                velocity[k, i] *= momentum
            j = _last_before(at, t)
            slow = fast = slow_aged = fast_aged = 0.0
            if j >= 0:
                now, now_s = math.exp(-(t - at[j]) / tau[k]), math.exp(-(t - at[j]) / tau_s[k])
            while (
                j >= 0
            ):  # backwards, so that what is left of each spike at t is a product of what is left from gap to gap
                w = weight[k, who[j]]
                slow += w * now
                fast += w * now_s
                slow_aged += w * now * (t - at[j])
                fast_aged += w * now_s * (t - at[j])
                velocity[k, who[j]] += sign * rate * v_0[k] * (now - now_s)
                if j > 0:
                    now *= left[j - 1]
                    now_s *= left_s[j - 1]
                j -= 1
            for i in range(velocity.shape[1]):
                weight[k, i] += velocity[k, i]
            if internal_rate > 0.0:
                ratio = tau[k] / tau_s[k]
                scaling = ratio * math.log(ratio) / (ratio - 1.0) ** 2 * v_0[k] * (slow - fast)  # through v_0
                log_tau[k] += sign * internal_rate * (v_0[k] * slow_aged / tau[k] - scaling)
                log_tau_s[k] += sign * internal_rate * (scaling - v_0[k] * fast_aged / tau_s[k])
                missing = least_log_ratio - (log_tau[k] - log_tau_s[k])
                if missing > 0.0:
                    log_tau[k] += 0.5 * missing
                    log_tau_s[k] -= 0.5 * missing
                v_threshold[k] = max(v_threshold[k] - sign * internal_rate, least_threshold)
                tau[k], tau_s[k] = math.exp(log_tau[k]), math.exp(log_tau_s[k])
                v_0[k] = normalisation(tau[k], tau_s[k])
    return errors
