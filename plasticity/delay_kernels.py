"""Sums of delayed spikes, by kind of kernel."""

from __future__ import annotations

from torch import Tensor

from .delay_definition import delayed_sum, gaussian_taps, integer_taps, interpolated_taps

__all__ = ["gaussian_delays", "integer_delays", "interpolated_delays"]


def gaussian_delays(
    x: Tensor, weight: Tensor, delay: Tensor, width: float, max_delay: int, history: Tensor | None = None
) -> Tensor:
    """Through Gaussian kernels."""
    return delayed_sum(x, weight * gaussian_taps(delay, width, max_delay), history)


def interpolated_delays(
    x: Tensor, weight: Tensor, delay: Tensor, max_delay: int, history: Tensor | None = None
) -> Tensor:
    """Through two taps."""
    return delayed_sum(x, weight * interpolated_taps(delay, max_delay), history)


def integer_delays(x: Tensor, weight: Tensor, delay: Tensor, max_delay: int, history: Tensor | None = None) -> Tensor:
    """Through one tap."""
    return delayed_sum(x, weight * integer_taps(delay, max_delay, weight.dtype), history)
