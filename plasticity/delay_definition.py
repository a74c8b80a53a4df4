"""What a synapse with a delay computes, in plain torch: what the kernels are compared with, and what other devices run.

    y[t, b, i] = Σ_j Σ_n kernel[n, j, i] x[t - n, b, j],   n = 0 .. max_delay,   kernel[n, j, i] = weight[j, i] tap_n(delay[j, i])

Every function is differentiable by autograd and takes any floating-point type.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["delayed_sum", "gaussian_taps", "integer_taps", "interpolated_taps", "lower_tap"]

_EMPTY = 1e-7  # added to the sum of a Gaussian's taps before dividing by it, as in DCLS


def gaussian_taps(delay: Tensor, width: float, max_delay: int) -> Tensor:
    """Gaussian of standard deviation `width` around the delay, cut off at 0 and max_delay and normalised.

    Returns      shape (max_delay + 1, *delay.shape)
    Source       Khalfaoui-Hassani, Pellegrini & Masquelier 2023, doi:10.48550/arXiv.2112.03740, version 'gauss' of the code
    """
    # one tap at a time: what is being worked on stays in cache
    taps = torch.stack([torch.exp((n - delay).square() * (-0.5 / width**2)) for n in range(max_delay + 1)])
    return taps / (taps.sum(0) + _EMPTY)


def interpolated_taps(delay: Tensor, max_delay: int) -> Tensor:
    """Linear interpolation between the two steps around the delay: 1 - f at floor(delay), f one step later.

    The longest delay counts as f = 1 after the step before it, so that its derivative looks into the window.
    """
    lower = lower_tap(delay, max_delay)
    upper = delay - lower
    taps = torch.zeros((max_delay + 2, *delay.shape), dtype=delay.dtype, device=delay.device)
    taps = taps.scatter(0, lower.unsqueeze(0), (1 - upper).unsqueeze(0))
    return taps.scatter(0, lower.unsqueeze(0) + 1, upper.unsqueeze(0))[: max_delay + 1]


def integer_taps(delay: Tensor, max_delay: int, dtype: torch.dtype) -> Tensor:
    """One at the delay, an integer tensor, and zero elsewhere."""
    steps = torch.arange(max_delay + 1, device=delay.device).view(-1, *[1] * delay.ndim)
    return (steps == delay).to(dtype)


def lower_tap(delay: Tensor, max_delay: int) -> Tensor:
    """The earlier of the two steps that `interpolated_taps` reads, int64."""
    return delay.detach().floor().clamp(0, max(max_delay - 1, 0)).long()


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
