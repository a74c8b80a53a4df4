"""Figures of the experiment `plasticity-loss`, drawn from its result alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "figures"]

COLOURS = {
    "backprop": "#000000", "l2": "#E69F00", "shrink_perturb": "#CC79A7", "continual_backprop": "#0072B2", "hlop": "#009E73",
}  # fmt: skip


def figures(record: Any) -> dict[str, Figure]:
    """Online accuracy over the tasks, and what becomes of units and weights meanwhile."""
    return {"accuracy": _accuracy(record), "units": _units(record)}


def _accuracy(record: Any) -> Figure:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7.5, 4.2), layout="constrained")
    ends = {m: _curve(record, axes, "accuracy", m) for m in record.config["methods"]}
    axes.set_ylabel(f"online accuracy on {record.config['dataset']} (%)")
    _named(record, axes, ends)
    return figure


def _units(record: Any) -> Figure:
    from matplotlib import pyplot
    from matplotlib.lines import Line2D

    figure, panels = pyplot.subplots(1, 3, figsize=(10.5, 3.4), layout="constrained")
    said = {
        "dead": "dead hidden units (%)",
        "rank": "effective rank, last hidden layer",
        "weight": "mean size of weights",
    }
    for axes, (name, label) in zip(panels, said.items(), strict=True):
        for m in record.config["methods"]:
            _curve(record, axes, name, m)
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0.0)
    lines = [Line2D([], [], color=COLOURS[m], linewidth=2) for m in record.config["methods"]]
    labels = [_label(record, m) for m in record.config["methods"]]
    figure.legend(lines, labels, frameon=False, fontsize="small", ncols=len(lines), loc="outside upper center")
    return figure


def _curve(record: Any, axes: Axes, name: str, method: str) -> float:
    """Running mean over the seeds' tasks with the range of the seeds, and each task's mean, faint. Returns its end."""
    from matplotlib.ticker import MaxNLocator

    values = record.series(f"{name}/{method}")  # (seed, task)
    tasks = np.arange(1, values.shape[1] + 1)
    width = max(1, values.shape[1] // 20)
    smooth = np.array([_running(row, width) for row in values])
    axes.fill_between(tasks, smooth.min(0), smooth.max(0), color=COLOURS[method], alpha=0.15, linewidth=0)
    axes.plot(tasks, values.mean(0), ".", color=COLOURS[method], markersize=3, alpha=0.35, markeredgewidth=0)
    axes.plot(tasks, smooth.mean(0), color=COLOURS[method], linewidth=2 if method != "backprop" else 1.6)
    axes.set_xlabel("task")
    axes.set_xlim(1, values.shape[1])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.93")
    axes.set_axisbelow(True)
    return float(smooth.mean(0)[-1])


def _running(row: Any, width: int) -> Any:
    """Mean over the `width` tasks that end here, or as many as there are."""
    total = np.concatenate([[0.0], np.cumsum(row)])
    ends = np.arange(1, len(row) + 1)
    begins = np.maximum(ends - width, 0)
    return (total[ends] - total[begins]) / (ends - begins)


def _named(record: Any, axes: Axes, ends: dict[str, float]) -> None:
    """Names at the ends of curves, moved apart where they would overlap."""
    low, high = axes.get_ylim()
    least, below = 0.055 * (high - low), -np.inf
    for method, height in sorted(ends.items(), key=lambda each: each[1]):
        if not np.isfinite(height):
            continue
        below = max(height, below + least)
        axes.annotate(
            _label(record, method), (record.config["tasks"], below), xytext=(6, 0), textcoords="offset points", va="center",
            color=COLOURS[method], fontsize="small", annotation_clip=False,
        )  # fmt: skip


def _label(record: Any, method: str) -> str:
    return str(record.metrics[f"accuracy_last.{method}"]["note"])
