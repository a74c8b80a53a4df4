"""The product of sparse spikes with a matrix of weights."""

from __future__ import annotations

from torch import Tensor

__all__ = ["spike_product"]


def spike_product(x: Tensor, weight: Tensor) -> Tensor:
    """x @ weight, for x (time, batch, n_in) of any type, weight (n_in, n_out)."""
    return (x if x.is_floating_point() else x.to(weight.dtype)) @ weight
