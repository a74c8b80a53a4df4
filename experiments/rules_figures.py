"""Figures of the experiment `rules`, drawn from its result alone: a set of them for each data set and network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .leaderboard import boards, ranking

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "figures"]

COLOURS = {
    "backprop": "#000000", "ccl": "#0072B2", "ccl_frozen": "#56B4E9", "fa": "#D55E00", "dfa": "#E69F00",
    "sign_symmetric": "#CC79A7", "drtp": "#8C510A", "dtp": "#009E73", "fw_dtp": "#66C2A5", "pc": "#7B3FA0",
    "ipc": "#B38CC9", "ff": "#A50026", "eg": "#5A7D00", "dale": "#A6B800", "frozen": "0.6",
}  # fmt: skip


def figures(record: Any) -> dict[str, Figure]:
    """Accuracy, sorted; the angle to backprop over training; accuracy against multiply-accumulates."""
    made = {}
    for prefix in boards(record.config):
        rows = ranking(record, prefix).rows
        order = [row[0] for row in rows if np.isfinite(row[2])]
        made[f"{prefix}accuracy"] = _accuracy(record, prefix, order)
        made[f"{prefix}angle"] = _angle(record, prefix, order)
        made[f"{prefix}macs"] = _macs(record, prefix, order)
    return made


def _accuracy(record: Any, prefix: str, order: list[str]) -> Figure:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7.5, 0.8 + 0.36 * len(order)), layout="constrained")
    for row, rule in enumerate(order):
        metric, colour = record.metrics[f"{prefix}accuracy.{rule}"], COLOURS[rule]
        axes.plot([metric["low"], metric["high"]], [row, row], color=colour, linewidth=5, alpha=0.3)
        axes.plot(metric["values"], np.full(len(metric["values"]), row), "o", color=colour, markersize=4, alpha=0.7)
        axes.plot(metric["value"], row, "|", color=colour, markersize=16, markeredgewidth=2)
        axes.annotate(
            f"{metric['value']:.2f}", (1.0, row), xycoords=("axes fraction", "data"), xytext=(6, 0),
            textcoords="offset points", va="center", color=colour,
        )  # fmt: skip
    if "frozen" in order:
        axes.axvline(
            record.metrics[f"{prefix}accuracy.frozen"]["value"], color="0.6", linewidth=0.8, linestyle="--", zorder=0
        )
    axes.set_yticks(range(len(order)), [record.metrics[f"{prefix}accuracy.{rule}"]["note"] for rule in order])
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.grid(axis="x", color="0.92")
    axes.set_axisbelow(True)
    axes.set_xlabel(f"test accuracy on {_place(record, prefix)} (%)\neach seed, mean, 95 % interval")
    _plain(axes)
    return figure


def _angle(record: Any, prefix: str, order: list[str]) -> Figure:
    from matplotlib import pyplot, ticker

    figure, axes = pyplot.subplots(figsize=(7.5, 4.6), layout="constrained")
    ends: list[tuple[float, str]] = []
    last = 0
    for rule in order:
        values = record.series(f"{prefix}angle/{rule}")  # (seed, epochs done)
        if rule == "backprop" or np.isnan(values).all():
            continue
        mean, done = values.mean(0), np.arange(values.shape[1])
        axes.plot(done, mean, color=COLOURS[rule])
        axes.fill_between(done, values.min(0), values.max(0), color=COLOURS[rule], alpha=0.12, linewidth=0)
        finite = np.flatnonzero(np.isfinite(mean))
        if len(finite):
            ends.append((float(mean[finite[-1]]), rule))
            last = max(last, len(done) - 1)
    axes.axhline(90.0, color="0.6", linewidth=0.8, linestyle="--", zorder=0)
    axes.set_ylim(-4.0, max([94.0, *(height + 4.0 for height, _ in ends)]))
    axes.set_yticks(range(0, 91, 15))
    axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    axes.set_xlabel("epochs done")
    axes.set_ylabel("angle to backprop's gradient (degrees)\nmean, range of seeds")
    _plain(axes)
    _named(axes, last, ends)
    return figure


def _macs(record: Any, prefix: str, order: list[str]) -> Figure:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7.5, 4.6), layout="constrained")
    points = []
    for rule in order:
        metric = record.metrics[f"{prefix}accuracy.{rule}"]
        x, y = record.metrics[f"{prefix}macs.{rule}"]["value"] / 1e6, metric["value"]
        below, above = max(0.0, y - metric["low"]), max(0.0, metric["high"] - y)
        axes.errorbar(
            x, y, yerr=[[below], [above]], fmt="o", color=COLOURS[rule], markersize=6, elinewidth=1.5, alpha=0.9
        )
        points.append((x, y, rule))
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:.3g}")
    axes.grid(color="0.94")
    axes.set_axisbelow(True)
    axes.set_xlabel("million multiply-accumulates per sample and training step")
    axes.set_ylabel(f"test accuracy on {_place(record, prefix)} (%)")
    _plain(axes)
    handles = [
        axes.plot([], [], "o", color=COLOURS[rule], label=record.metrics[f"{prefix}accuracy.{rule}"]["note"])[0]
        for rule in order
    ]
    figure.legend(
        handles=handles, frameon=False, fontsize="small", loc="outside right center", title="most accurate first"
    )
    return figure


def _named(axes: Axes, x: float, ends: list[tuple[float, str]]) -> None:
    """Names at the ends of curves, moved apart where they would overlap."""
    low, high = axes.get_ylim()
    least, below = 0.05 * (high - low), -np.inf
    for height, rule in sorted(ends):
        below = max(height, below + least)
        axes.annotate(
            rule, (x, below), xytext=(6, 0), textcoords="offset points", va="center", color=COLOURS[rule],
            fontsize="small", annotation_clip=False,
        )  # fmt: skip


def _place(record: Any, prefix: str) -> str:
    """Data set and network of a board."""
    names = [f"{dataset}, {network}" for dataset in record.config["datasets"] for network in record.config["networks"]]
    return names[boards(record.config).index(prefix)]


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
