"""Figures of the experiment `snn-training`, drawn from its result alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["NAMES", "figures"]

NAMES = {
    "snntorch": "BPTT in snnTorch",
    "bptt": "BPTT",
    "sltt": "SLTT",
    "sltt_fifth": "SLTT, a fifth of the steps",
    "ottt": "OTTT",
    "eprop_symmetric": "e-prop, symmetric",
    "eprop_adaptive": "e-prop, adaptive",
    "eprop_random": "e-prop, random",
    "direct_feedback": "direct feedback",
    "readout_only": "readout alone",
}
COLOURS = {
    "snntorch": "0.45", "bptt": "#000000", "sltt": "#0072B2", "sltt_fifth": "#56B4E9", "ottt": "#009E73",
    "eprop_symmetric": "#D55E00", "eprop_adaptive": "#E69F00", "eprop_random": "#CC79A7", "direct_feedback": "#7B3FA0",
    "readout_only": "0.65",
}  # fmt: skip


def figures(record: Any) -> dict[str, Figure]:
    """Accuracy by rule, learning curves, the angle to backpropagation, and memory and time against length."""
    shown = [name for name in NAMES if f"accuracy.{name}" in record.metrics]
    made = {"accuracy": _accuracy(record, shown), "learning": _learning(record, shown), "angle": _angle(record, shown)}
    return made | ({"cost": _cost(record, shown)} if record.config["times"] else {})


def _accuracy(record: Any, shown: list[str]) -> Figure:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7.0, 0.5 + 0.38 * len(shown)), layout="constrained")
    for row, name in enumerate(shown):
        metric, colour = record.metrics[f"accuracy.{name}"], COLOURS[name]
        axes.plot([metric["low"], metric["high"]], [row, row], color=colour, linewidth=5, alpha=0.3)
        axes.plot(metric["values"], np.full(len(metric["values"]), row), "o", color=colour, markersize=4, alpha=0.7)
        axes.plot(metric["value"], row, "|", color=colour, markersize=18, markeredgewidth=2)
        axes.annotate(
            f"{metric['value']:.1f}", (1.0, row), xycoords=("axes fraction", "data"), xytext=(6, 0),
            textcoords="offset points", va="center", color=colour,
        )  # fmt: skip
    axes.set_yticks(range(len(shown)), [NAMES[name] for name in shown])
    axes.invert_yaxis()
    axes.grid(axis="x", color="0.92")
    axes.set_axisbelow(True)
    axes.set_xlabel("test accuracy (%): each seed, mean, 95 % interval")
    _plain(axes)
    return figure


def _learning(record: Any, shown: list[str]) -> Figure:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6.5, 4.0), layout="constrained")
    for name in shown:
        curves = record[f"curve/{name}"]
        style = "--" if name in ("snntorch", "readout_only") else "-"
        axes.plot(np.arange(1, curves.shape[1] + 1), curves.mean(0), style, color=COLOURS[name], label=NAMES[name])
    axes.set(xlabel="passes over the training images", ylabel="validation accuracy (%), mean of seeds")
    axes.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    _plain(axes)
    return figure


def _angle(record: Any, shown: list[str]) -> Figure:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6.5, 3.6), layout="constrained")
    kept = [name for name in shown if f"angle_before.{name}" in record.metrics and name not in ("bptt", "snntorch")]
    for row, name in enumerate(kept):
        ends = [record.metrics[f"angle_{when}.{name}"]["value"] for when in ("before", "after")]
        axes.annotate(
            "",
            (ends[1], row),
            (ends[0], row),
            arrowprops={"arrowstyle": "->", "color": COLOURS[name], "shrinkA": 4, "shrinkB": 0},
        )
        axes.plot(ends[0], row, "o", color=COLOURS[name], markersize=5, markerfacecolor="white")
    axes.axvline(90.0, color="0.6", linewidth=0.8, linestyle="--")
    axes.set_yticks(range(len(kept)), [NAMES[name] for name in kept])
    axes.invert_yaxis()
    axes.set(xlim=(-3.0, 105.0), xlabel="angle to BPTT's gradient (degrees), before → after training")
    axes.set_xticks(range(0, 91, 30))
    _plain(axes)
    return figure


def _cost(record: Any, shown: list[str]) -> Figure:
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10.0, 3.8), layout="constrained")
    times = sorted(record.config["times"])
    for name in (name for name in shown if f"peak_mb.{name}.{times[0]}" in record.cost):
        style = "--" if name == "snntorch" else "-"
        for axes, what in ((left, "peak_mb"), (right, "batch_ms")):
            values = [record.cost[f"{what}.{name}.{steps}"]["value"] for steps in times]
            axes.plot(times, values, f"o{style}", color=COLOURS[name], markersize=4, label=NAMES[name])
    samples = int(record.config["cost_batch"])
    left.set(xlabel="steps", ylabel="peak memory (MB)", title=f"one batch of {samples} samples, one thread")
    right.set(xlabel="steps", ylabel="time for a batch (ms)")
    left.set_ylim(bottom=0.0)
    right.set_ylim(bottom=0.0)
    right.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    for axes in (left, right):
        _plain(axes)
    return figure


def _plain(axes: Any) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
