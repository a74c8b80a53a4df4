"""How well a sequence of tasks was learned, and how far learning one touched what the others need.

Accuracies stand in a matrix R: row t after task t was learned, column j tested on task j; any axes before, as seeds, are kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..neurons import Dense

__all__ = [
    "activity", "average_accuracy", "backward_transfer", "forward_transfer", "principal_directions", "shares", "touched",
]  # fmt: skip

Floats = NDArray[np.float64]


def average_accuracy(matrix: Any) -> Floats:
    """ACC = mean_j R[last, j]."""
    return np.asarray(np.asarray(matrix, dtype=float)[..., -1, :].mean(-1))


def backward_transfer(matrix: Any) -> Floats:
    """BWT = mean_{j < last} (R[last, j] - R[j, j]): negative where tasks were forgotten; NaN of a single task.

    Source       Lopez-Paz & Ranzato 2017, arXiv 1706.08840
    """
    matrix = np.asarray(matrix, dtype=float)
    if matrix.shape[-1] < 2:
        return np.full(matrix.shape[:-2], np.nan)
    learned = np.diagonal(matrix, axis1=-2, axis2=-1)
    return np.asarray((matrix[..., -1, :] - learned)[..., :-1].mean(-1))


def forward_transfer(matrix: Any, before: Any) -> Floats:
    """FWT = mean_{j > 0} (R[j - 1, j] - before[j]): what earlier tasks teach of one that is yet to come; NaN of a single task.

    Parameters   before   accuracy on each task before any was learned

    Source       Lopez-Paz & Ranzato 2017, arXiv 1706.08840
    """
    matrix, before = np.asarray(matrix, dtype=float), np.asarray(before, dtype=float)
    if matrix.shape[-1] < 2:
        return np.full(matrix.shape[:-2], np.nan)
    ahead = np.diagonal(matrix, offset=1, axis1=-2, axis2=-1)
    return np.asarray((ahead - before[..., 1:]).mean(-1))


def activity(network: Any, x: Tensor) -> dict[str, Tensor]:
    """What each all-to-all connection hears of x, mean over time: (samples, n), by the weight's name; in float64."""
    found = dict[str, Tensor]()

    def listen(name: str) -> Any:
        def hear(layer: Any, given: tuple[Any, ...]) -> None:
            found[f"{name}.weight"] = given[0].detach().double().mean(0)

        return hear

    handles = [
        layer.register_forward_pre_hook(listen(name))
        for name, layer in network.named_modules()
        if isinstance(layer, Dense)
    ]
    try:
        with torch.no_grad():
            network(x)
    finally:
        for handle in handles:
            handle.remove()
    return found


def touched(change: Tensor, rows: Tensor) -> float:
    """max over rows of |x dW| / (|x| |dW|): 0 where a change of weights (n, units) leaves the answers to all rows alone."""
    length, seen = change.norm(), rows.norm(dim=1)
    rows, seen = rows[seen > 0], seen[seen > 0]
    if not length or not len(rows):
        return 0.0
    return float(((rows @ change).norm(dim=1) / (seen * length)).max())


def principal_directions(rows: Tensor, count: int) -> Tensor:
    """The first orthonormal directions (count, n) of the rows' energy about zero, as the rows enter a gradient."""
    return torch.linalg.eigh(rows.t() @ rows)[1].flip(1)[:, :count].t()


def shares(rows: Tensor, basis: Tensor) -> Tensor:
    """Shares of the rows' energy (rows, n) along orthogonal directions of the span of a basis (k, n), the largest first."""
    within = rows @ torch.linalg.qr(basis.t())[0]
    return torch.linalg.eigvalsh(within.t() @ within).flip(0).clamp(min=0.0) / rows.square().sum()
