"""Activity of a sequence as rows: what lateral neurons learn from, and what enters a gradient."""

from __future__ import annotations

import dataclasses
import math
from typing import NamedTuple

import torch
from torch import Tensor

from ..neurons.dense import Conv, Dense
from ..neurons.errors import InvalidValue
from .factors import Factors, rows_of

__all__ = ["EachStep", "Rows", "TimeMean", "Traces", "gained_rows", "once", "traces"]


@dataclasses.dataclass(frozen=True)
class EachStep:
    """Every step of every sample is a row.

    Parameters   none
    Source       Xiao et al. 2024, arXiv 2402.11984, for backpropagation through time
    Deviations   none; what stands still in time is taken once, which is the same mean over rows
    """

    def of(self, x: Tensor) -> Tensor:
        """x (time, batch, features...) as it is."""
        return x


@dataclasses.dataclass(frozen=True, kw_only=True)
class TimeMean:
    """Every sample is one row: its mean over time, in which late steps may weigh more.

        x = Σ_t w_t x[t] / Σ_t w_t,   w_t = exp(-(T - t) / tau_steps)

    Parameters   tau_steps   of the weights, in steps, > 0; None: all steps weigh the same
    Raises       InvalidValue
    Source       Xiao et al. 2024, arXiv 2402.11984, for differentiation on spike representation: tau_m / dt
    Deviations   none
    """

    tau_steps: float | None = None

    def __post_init__(self) -> None:
        number = isinstance(self.tau_steps, int | float) and not isinstance(self.tau_steps, bool)
        if self.tau_steps is not None and (not number or not 0.0 < self.tau_steps < math.inf):
            raise InvalidValue("TimeMean.tau_steps", self.tau_steps, "> 0 steps, or None for a plain mean")

    def of(self, x: Tensor) -> Tensor:
        """x (time, batch, features...) as (1, batch, features...)."""
        time = len(x)
        if time == 1:
            return x
        x = x if x.is_floating_point() else x.to(torch.get_default_dtype())
        if self.tau_steps is None:
            return x.mean(0, keepdim=True)
        back = torch.arange(time - 1, -1, -1, dtype=x.dtype, device=x.device)
        weights = torch.exp(-back / self.tau_steps)
        return torch.tensordot(weights / weights.sum(), x, ([0], [0]))[None]


Rows = EachStep | TimeMean


class Traces(NamedTuple):
    """Activity and error, (time, batch, ...), whose product is the gradient: gain Σ presynaptic[row] error[row]."""

    presynaptic: Tensor
    error: Tensor


def once(x: Tensor) -> Tensor:
    """x (time, batch, ...), a single step of it if all are the same memory."""
    return x[:1] if len(x) > 1 and x.stride(0) == 0 else x


def traces(factors: Factors, presynaptic: Tensor) -> Traces:
    """The factors with as few steps as their product needs: one, where activity or error stands still in time.

    Parameters   presynaptic   the factors' own, as `once` gives it

    Where only the error stands still the one step of activity is its mean, so that it stays in the units of activity.
    """
    error, time = factors.error, len(factors.error)
    if len(presynaptic) == 1:
        still = len(once(error)) == 1
        return Traces(presynaptic, error[:1] * time if still else error.sum(0, keepdim=True))
    if len(once(error)) == 1:
        return Traces(TimeMean().of(presynaptic), error[:1] * time)
    return Traces(presynaptic, error)


def gained_rows(connections: Dense | Conv, x: Tensor) -> Tensor:
    """gain x as rows (rows, n): what the weights' inputs are in the units of the current."""
    rows = rows_of(connections, x)
    return rows if connections.gain == 1.0 else rows * connections.gain
