"""Subspaces of a layer's activity as matrices of rows: how they are drawn, merged and measured."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..neurons.dense_product import dense_product
from ..neurons.errors import InvalidValue

__all__ = [
    "Subspace",
    "Subspaces",
    "captured_energy",
    "orthonormal_basis",
    "orthonormality_error",
    "principal_angles",
    "product",
    "random_rows",
    "subspaces",
]


class Subspace(NamedTuple):
    """Of one connection with n inputs.

    frozen     (k_old, n) rows that tasks before this one left
    rows       (k_new, n) rows that learn on this task
    velocity   (k_new, n) the running mean of their changes
    """

    frozen: Tensor
    rows: Tensor
    velocity: Tensor


class Subspaces(NamedTuple):
    """The state of a modifier that projects. task: how many have ended; each: by the weight's name, in order."""

    task: int
    each: dict[str, Subspace]


def subspaces(state: Any) -> dict[str, Subspace]:
    """The subspaces in a rule's state, by the weight's name: after `end_task` what all tasks so far have left is in `frozen`.

    Parameters   state   of a chain with an `OrthogonalProjection`, such as `Fitted.state`, or the modifier's own
    Raises       InvalidValue if there is none
    """
    found = _within(state)
    if found is None:
        raise InvalidValue("subspaces: state", type(state).__name__, "of a chain with an OrthogonalProjection")
    return dict(found.each)


def _within(state: Any) -> Subspaces | None:
    if isinstance(state, Subspaces):
        return state
    inner = state if isinstance(state, tuple | list) else ()
    return next((found for found in map(_within, inner) if found is not None), None)


def captured_energy(rows: Tensor, x: Tensor) -> float:
    """The share of the activity's energy that the rows explain, 1 - |x - H.T H x|² / |x|²; 1 at most.

    Parameters   rows   H (k, n), taken as they are: orthonormal rows project, others may explain less than nothing
                 x      (..., n), not all 0
    Raises       InvalidValue
    """
    _check_widths("captured_energy", rows, x)
    x, rows = x.flatten(0, -2).double(), rows.double()
    energy = float(x.square().sum())
    if energy == 0.0:
        raise InvalidValue("captured_energy: x", "activity that is all 0", "some that is not")
    return 1.0 - float((x - (x @ rows.t()) @ rows).square().sum()) / energy


def principal_angles(a: Tensor, b: Tensor) -> Tensor:
    """Angles in degrees between the spans of the rows of a (k, n) and b (l, n), smallest first, as many as the smaller k.

    Raises       InvalidValue
    Source       Björck & Golub 1973, doi:10.1090/S0025-5718-1973-0348991-3, by sines as well, which small angles need
    """
    _check_widths("principal_angles", a, b)
    small, large = sorted((orthonormal_basis(a.double()), orthonormal_basis(b.double())), key=len)
    cosines = torch.linalg.svdvals(small @ large.t()).clamp(max=1.0)
    sines = torch.linalg.svdvals(small - (small @ large.t()) @ large).clamp(max=1.0).flip(0)
    return torch.rad2deg(torch.where(cosines > 0.7, sines.asin(), cosines.acos()))


def orthonormality_error(rows: Tensor) -> float:
    """|H H.T - I| / sqrt(k), Frobenius' norm, of rows H (k, n): 0 if they are orthonormal. Raises InvalidValue for no rows."""
    if rows.ndim != 2 or not len(rows):
        raise InvalidValue("orthonormality_error: rows", f"shape {tuple(rows.shape)}", "(k, n), k >= 1")
    rows = rows.double()
    return (
        float((rows @ rows.t() - torch.eye(len(rows), dtype=rows.dtype, device=rows.device)).norm()) / len(rows) ** 0.5
    )


def random_rows(k: int, like: Tensor, draw: np.random.Generator) -> Tensor:
    """k <= n orthonormal rows in a direction that no other is preferred to; like: (n, ...), whose type they have."""
    basis, triangle = np.linalg.qr(draw.standard_normal((len(like), k)))
    return torch.from_numpy(np.ascontiguousarray((basis * np.sign(np.diag(triangle))).T)).to(like)


def orthonormal_basis(rows: Tensor) -> Tensor:
    """Orthonormal rows with the span of these (k, n), k <= n; the first j span what the first j did."""
    return torch.linalg.qr(rows.t().double()).Q.t().contiguous().to(rows)


def product(a: Tensor, b: Tensor) -> Tensor:
    """a @ b for two matrices, the same for any number of threads on a CPU; no gradient flows through it."""
    if a.device.type != "cpu" or a.dtype not in (torch.float32, torch.float64):
        return a @ b
    return torch.from_numpy(dense_product(a.detach().numpy(), b.detach().numpy()))


def _check_widths(function: str, a: Tensor, b: Tensor) -> None:
    if a.ndim != 2 or b.ndim < 2 or not len(a) or a.shape[1] != b.shape[-1]:
        found = f"shapes {tuple(a.shape)} and {tuple(b.shape)}"
        raise InvalidValue(f"{function}: arguments", found, "rows (k, n), k >= 1, and as wide a second")
