"""Figures of the experiment diehl-cook."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["figures"]

SIDE, SHOWN = 28, 100  # pixels; fields drawn


def _fields(weights: np.ndarray) -> np.ndarray:
    """The weights onto the first neurons as one picture, each field beside the next."""
    across = int(np.sqrt(min(weights.shape[1], SHOWN)))
    tiles = weights[:, : across**2].T.reshape(across, across, SIDE, SIDE)
    framed = np.pad(tiles, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=np.nan)
    return framed.transpose(0, 2, 1, 3).reshape(across * (SIDE + 2), across * (SIDE + 2))


def figures(record: Any) -> dict[str, Any]:
    """Learnt fields; accuracy and spikes while learning, and who is taken for whom."""
    import matplotlib.pyplot as plt

    sizes = sorted(int(name.removeprefix("fields/")) for name in record.series_names if name.startswith("fields/"))
    fields, axes = plt.subplots(1, len(sizes), figsize=(5.2 * len(sizes), 5), layout="constrained", squeeze=False)
    for axis, n in zip(axes[0], sizes, strict=True):
        picture = axis.imshow(_fields(record[f"fields/{n}"]), cmap="magma", vmin=0.0)
        axis.set(title=f"{n} neurons: weights from the pixels", xticks=[], yticks=[])
        fields.colorbar(picture, ax=axis, shrink=0.7, label="weight (units of the leak)")
    learning, axes = plt.subplots(1, 2, figsize=(8.5, 3.3), layout="constrained")
    for n in sizes:
        for axis, name in zip(axes, ("learning", "spikes"), strict=True):
            values = record[f"{name}/{n}"]
            at = 100.0 * np.arange(20 - values.shape[1] + 1, 21) / 20.0
            (line,) = axis.plot(at, values.mean(0), marker=".", label=f"{n} neurons")
            axis.fill_between(at, values.min(0), values.max(0), color=line.get_color(), alpha=0.2, linewidth=0)
    axes[0].axhline(10.0, color="grey", linestyle=":", linewidth=1, label="chance")
    axes[0].set(xlabel="training images shown (%)", ylabel="read while learning (%)", ylim=(0, 100))
    axes[0].legend(frameon=False, loc="center right")
    axes[1].set(xlabel="training images shown (%)", ylabel="spikes per image", ylim=(0, None))
    confusion, axes = plt.subplots(1, len(sizes), figsize=(4.2 * len(sizes), 3.8), layout="constrained", squeeze=False)
    for axis, n in zip(axes[0], sizes, strict=True):
        counts = record[f"confusion/{n}"]
        share = 100.0 * counts / np.maximum(counts.sum(1, keepdims=True), 1.0)
        picture = axis.imshow(share, cmap="Blues", vmin=0.0, vmax=100.0)
        axis.set(title=f"{n} neurons", xlabel="class read", ylabel="class shown", xticks=range(10), yticks=range(10))
        confusion.colorbar(picture, ax=axis, shrink=0.8, label="% of the class")
    return {"fields": fields, "learning": learning, "confusion": confusion}
