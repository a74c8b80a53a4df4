"""Hebbian and anti-Hebbian learning of a subspace: lateral neurons whose connections come to span what a layer's activity does.

y = H x,   x̂ = H.T y,   dH = <y (x - x̂).T>,   all rows answer, new ones learn
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from .lateral import Lateral
from .subspace import Subspace, product

__all__ = ["Hebbian", "from_second_moments", "learned", "residual"]

_LIMIT = 10.0  # of one entry of dH, in units of activity squared; the source's


class Hebbian(NamedTuple):
    """Constants of `OrthogonalProjection` for one connection; there is their meaning."""

    lateral: Lateral
    learning_rate: float
    iterations: int
    momentum: float


def residual(rows: Tensor, x: Tensor, lateral: Lateral) -> Tensor:
    """x - H.T y (n, samples): what rows H (k, n) leave of activity x (n, samples)."""
    return x - product(rows.t(), lateral.respond(product(rows, x))) if len(rows) else x


def learned(subspace: Subspace, x: Tensor, left: Tensor, hebbian: Hebbian) -> Subspace:
    """After some iterations on one batch x (n, samples).

    Parameters   left   `residual` of the frozen rows, which do not move, so that it is the same in all iterations
    """
    columns, velocity = (
        subspace.rows.t().clone(),
        subspace.velocity.t().clone(),
    )  # (n, k): products pack their second factor
    for _ in range(hebbian.iterations):
        y = hebbian.lateral.respond(product(columns.t(), x))
        change = product(left - product(columns, y), y.t()).div_(x.shape[1])
        _step(columns, velocity, change, hebbian)
    return subspace._replace(rows=columns.t(), velocity=velocity.t())


def from_second_moments(subspace: Subspace, x: Tensor, hebbian: Hebbian) -> Subspace:
    """As `learned` for linear lateral neurons, from <x x.T> (n, n): for many more samples than inputs."""
    rows, velocity, frozen = subspace.rows.clone(), subspace.velocity.clone(), subspace.frozen
    moments = product(x, x.t()).div_(x.shape[1])
    for _ in range(hebbian.iterations):
        seen = product(rows, moments)  # (k, n): <y x.T>
        change = seen - product(product(seen, rows.t()), rows)
        if len(frozen):
            change -= product(product(seen, frozen.t()), frozen)
        _step(rows, velocity, change, hebbian)
    return subspace._replace(rows=rows, velocity=velocity)


def _step(rows: Tensor, velocity: Tensor, change: Tensor, hebbian: Hebbian) -> None:
    velocity.mul_(hebbian.momentum).add_(change.clamp_(-_LIMIT, _LIMIT), alpha=1.0 - hebbian.momentum)
    rows.add_(velocity, alpha=hebbian.learning_rate)
