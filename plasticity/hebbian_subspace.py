"""Hebbian and anti-Hebbian learning of a subspace: lateral neurons whose connections come to span what a layer's activity does.

y = H x,   x̂ = H.T y,   dH = <y (x - x̂).T>,   all rows answer, new ones learn
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from .lateral import Lateral
from .subspace import Subspace, product

__all__ = ["Hebbian", "from_second_moments", "learned", "residual", "responses"]

_LIMIT = 10.0  # of one entry of dH, in units of activity squared; the source's


class Hebbian(NamedTuple):
    """Constants of `OrthogonalProjection` for one connection; there is their meaning."""

    lateral: Lateral
    learning_rate: float
    iterations: int
    momentum: float


def responses(rows: Tensor, x: Tensor, lateral: Lateral) -> Tensor:
    """y (k, samples) of the lateral neurons with these rows (k, n) to activity x (samples, n)."""
    drive = product(rows, x.t()) if len(x) <= 4 * len(rows) else product(x, rows.t()).t()
    return lateral.respond(drive)


def residual(rows: Tensor, x: Tensor, lateral: Lateral) -> Tensor:
    """x - H.T y: what these rows leave of the activity x (samples, n)."""
    return x - product(responses(rows, x, lateral).t(), rows) if len(rows) else x


def learned(subspace: Subspace, x: Tensor, left: Tensor, hebbian: Hebbian) -> Subspace:
    """After some iterations on one batch x (samples, n).

    Parameters   left   `residual` of the frozen rows, which do not move, so that it is the same in all iterations
    """
    rows, velocity = subspace.rows.clone(), subspace.velocity.clone()
    for _ in range(hebbian.iterations):
        y = responses(rows, x, hebbian.lateral)
        _step(rows, velocity, product(y, left - product(y.t(), rows)).div_(len(x)), hebbian)
    return subspace._replace(rows=rows, velocity=velocity)


def from_second_moments(subspace: Subspace, x: Tensor, hebbian: Hebbian) -> Subspace:
    """As `learned` for linear lateral neurons, from <x x.T> (n, n): for many more samples than inputs."""
    rows, velocity, frozen = subspace.rows.clone(), subspace.velocity.clone(), subspace.frozen
    moments = product(x.t(), x).div_(len(x))
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
