"""What a synapse with a delay computes, in plain torch: what the kernels are compared with, and what other devices run.

    y[t, b, i] = Σ_j Σ_n kernel[n, j, i] x[t - n, b, j],   n = 0 .. max_delay,   kernel[n, j, i] = weight[j, i] tap_n(delay[j, i])

Every function is differentiable by autograd and takes any floating-point type.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["EMPTY", "delayed_sum", "gaussian_taps", "integer_taps", "interpolated_taps", "interpolation"]

EMPTY = 1e-7  # added to the sum of a Gaussian's taps before dividing by it, as in DCLS


def gaussian_taps(delay: Tensor, width: float, max_delay: int) -> Tensor:
    """Gaussian of standard deviation `width` around the delay, cut off at 0 and max_delay and normalised.

    Returns      shape (max_delay + 1, *delay.shape)
    Source       Khalfaoui-Hassani, Pellegrini & Masquelier 2023, doi:10.48550/arXiv.2112.03740, version 'gauss' of the code
    """
    steps = torch.arange(max_delay + 1, dtype=delay.dtype, device=delay.device).view(-1, *[1] * delay.ndim)
    taps = torch.exp((steps - delay).square() * (-0.5 / width**2))
    return taps / (taps.sum(0) + EMPTY)


def interpolated_taps(delay: Tensor, max_delay: int) -> Tensor:
    """Linear interpolation between the two steps around the delay, see `interpolation`; shape as of `gaussian_taps`."""
    lower, late = interpolation(delay, max_delay)
    taps = torch.zeros((max_delay + 2, *delay.shape), dtype=delay.dtype, device=delay.device)
    taps = taps.scatter(0, lower.unsqueeze(0), (1 - late).unsqueeze(0))
    return taps.scatter(0, lower.unsqueeze(0) + 1, late.unsqueeze(0))[: max_delay + 1]


def interpolation(delay: Tensor, max_delay: int) -> tuple[Tensor, Tensor]:
    """The earlier of two steps to read, int64, and the later one's share.

    The longest delay is a share of 1 after the step before it, so that its derivative looks into the window.
    """
    lower = delay.detach().floor().long().clamp(0, max(max_delay - 1, 0))
    return lower, delay - lower if max_delay else delay * 0


def integer_taps(delay: Tensor, max_delay: int, dtype: torch.dtype) -> Tensor:
    """One at the delay, an integer tensor, and zero elsewhere."""
    steps = torch.arange(max_delay + 1, device=delay.device).view(-1, *[1] * delay.ndim)
    return (steps == delay).to(dtype)


def delayed_sum(x: Tensor, kernel: Tensor, history: Tensor | None = None) -> Tensor:
    """The sum above: x of shape (time, batch, n_in), kernel (max_delay + 1, n_in, n_out), history (max_delay, batch, n_in).

    Returns      shape (time, batch, n_out)
    """
    x = x.to(kernel.dtype)
    if history is None:
        history = x.new_zeros((len(kernel) - 1, *x.shape[1:]))
    padded = torch.cat([history.to(kernel.dtype), x])
    signal = padded.permute(1, 2, 0)  # (batch, n_in, time), as a convolution takes it
    return torch.nn.functional.conv1d(signal, kernel.flip(0).permute(2, 1, 0)).permute(2, 0, 1)
