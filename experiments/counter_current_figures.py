"""Figures of the experiment `counter-current`, drawn from its result alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "figures", "method_figures"]

COLOURS = {
    "ccl": "#0072B2", "backprop": "#000000", "fa": "#D55E00", "dfa": "#E69F00", "ccl_frozen": "#56B4E9", "frozen": "0.6",
    "bptt": "#000000",
}  # fmt: skip


def figures(record: Any) -> dict[str, Figure]:
    """Accuracy by method, learning curves, and how alike the two streams become, in activities and in weights."""
    return method_figures(record) | ({"streams": _streams(record)} if "cka" in record.series_names else {})


def method_figures(record: Any) -> dict[str, Figure]:
    """Accuracy and learning curves of the methods of any record that has them under these names."""
    shown = [name for name in record.config["methods"] if f"accuracy.{name}" in record.metrics]
    return {"accuracy": _accuracy(record, shown), "learning": _learning(record, shown)}


def _accuracy(record: Any, shown: list[str]) -> Figure:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7.0, 0.8 + 0.42 * len(shown)), layout="constrained")
    papers = 0
    for row, name in enumerate(shown):
        metric, colour = record.metrics[f"accuracy.{name}"], COLOURS[name]
        axes.plot([metric["low"], metric["high"]], [row, row], color=colour, linewidth=5, alpha=0.3)
        axes.plot(metric["values"], np.full(len(metric["values"]), row), "o", color=colour, markersize=4, alpha=0.7)
        axes.plot(metric["value"], row, "|", color=colour, markersize=18, markeredgewidth=2)
        if metric["paper"] is not None:
            label = "paper, Table 1" if not papers else None
            axes.plot(metric["paper"], row, "D", color="none", markeredgecolor="C3", markersize=6, label=label)
            papers += 1
        axes.annotate(
            f"{metric['value']:.2f}", (1.0, row), xycoords=("axes fraction", "data"), xytext=(6, 0),
            textcoords="offset points", va="center", color=colour,
        )  # fmt: skip
    axes.set_yticks(range(len(shown)), [record.metrics[f"accuracy.{name}"]["note"] for name in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.grid(axis="x", color="0.92")
    axes.set_axisbelow(True)
    axes.set_xlabel(f"test accuracy on {record.config.get('dataset', 'digits')} (%): each seed, mean, 95 % interval")
    if papers:
        axes.legend(loc="lower right", frameon=False)
    _plain(axes)
    return figure


def _learning(record: Any, shown: list[str]) -> Figure:
    from matplotlib import pyplot, ticker

    curves = [curve for curve in ("train_accuracy", "test_accuracy") if f"{curve}/{shown[0]}" in record.series_names]
    figure, several = pyplot.subplots(
        1, len(curves), figsize=(4.5 * len(curves), 3.6), layout="constrained", squeeze=False
    )
    for axes, curve in zip(several[0], curves, strict=True):
        ends, title = [], curve.removesuffix("_accuracy").replace("train", "training")
        for name in shown:
            values = record.series(f"{curve}/{name}")
            epochs = np.arange(1, values.shape[1] + 1)
            axes.plot(epochs, values.mean(0), color=COLOURS[name], label=record.metrics[f"accuracy.{name}"]["note"])
            axes.fill_between(epochs, values.min(0), values.max(0), color=COLOURS[name], alpha=0.15, linewidth=0)
            ends.append(float(np.nanmin(values[:, -1])))
        axes.set_ylim(bottom=max(0.0, min(ends) - 12.0))
        axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
        axes.set_xlabel("epoch")
        axes.set_ylabel(f"{title} accuracy (%): mean, range of seeds")
        _plain(axes)
    several[0, -1].legend(frameon=False, fontsize="small", loc="lower right")
    return figure


def _streams(record: Any) -> Figure:
    from matplotlib import pyplot

    figure, both = pyplot.subplots(1, 2, figsize=(9.0, 3.6), layout="constrained")
    sides = (("cka", "linear CKA of a and b", "level {}"), ("alignment", "cosine of U and V'", "layer {}"))
    for axes, (key, said, label) in zip(both, sides, strict=True):
        values = record.series(key)  # (seed, epochs done, level)
        epochs = np.arange(values.shape[1])
        first = 1 if key == "alignment" else 0
        colours = pyplot.get_cmap("viridis")(np.linspace(0.0, 0.9, values.shape[2]))
        for level, colour in enumerate(colours):
            mean = values[:, :, level].mean(0)
            axes.plot(epochs, mean, color=colour)
            axes.fill_between(
                epochs, values[:, :, level].min(0), values[:, :, level].max(0), color=colour, alpha=0.15, linewidth=0
            )
        _end_labels(
            axes, epochs[-1], values[:, -1].mean(0), [label.format(k + first) for k in range(len(colours))], colours
        )
        axes.axhline(0.0, color="0.85", linewidth=0.8, zorder=0)
        axes.set_xlabel("epochs done")
        axes.set_ylabel(f"{said}: mean, range of seeds")
        _plain(axes)
    return figure


def _end_labels(axes: Axes, x: float, heights: Any, labels: list[str], colours: Any) -> None:
    """Names at the ends of curves, moved apart where they would overlap."""
    low, high = axes.get_ylim()
    least, below = 0.055 * (high - low), -np.inf
    for k in np.argsort(heights):
        below = max(heights[k], below + least)
        axes.annotate(
            labels[k], (x, below), xytext=(5, 0), textcoords="offset points", va="center", color=colours[k],
            fontsize="small", annotation_clip=False,
        )  # fmt: skip


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
