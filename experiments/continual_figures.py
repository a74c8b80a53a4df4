"""Figures of the experiment `continual`, drawn from its result alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "figures"]

COLOURS = {
    "hlop": "#0072B2", "hlop_qr": "#56B4E9", "hlop_spiking": "#004C7A", "hlop_replay": "#7B3FA0", "svd": "#009E73",
    "gpm": "#5A7D00", "ewc": "#E69F00", "replay": "#CC79A7", "careful": "#8C510A", "sequential": "#D55E00",
    "multitask": "0.45",
}  # fmt: skip
SHORT = {
    "hlop": "HLOP", "hlop_qr": "HLOP, QR", "hlop_spiking": "HLOP, spiking", "hlop_replay": "HLOP + rehearsal", "svd": "SVD",
    "gpm": "GPM", "ewc": "EWC", "replay": "rehearsal", "careful": "smaller rate", "sequential": "nothing",
    "multitask": "all at once",
}  # fmt: skip


def figures(record: Any) -> dict[str, Figure]:
    """Accuracy matrices, courses over the sequence by method, task and learner, what is kept, and a summary of all."""
    made = {"summary": _summary(record)}
    own = [method for method in record.config["methods"] if f"accuracy/{method}" in record.series_names]
    if own:
        made["matrices"] = _matrices(record, [name for name in ("sequential", "hlop", "svd") if name in own] or own[:3])
        made["courses"] = _courses(record, [name for name in own if f"bwt.{name}" in record.metrics])
        made["tasks"] = _tasks(record, [name for name in ("sequential", "hlop", "svd") if name in own] or own[:3])
    others = [learner for learner in record.config["learners"] if f"accuracy/{learner}.hlop" in record.series_names]
    if others:
        made["learners"] = _learners(record, others)
    source = next(
        (name for name in ("hlop", *(f"{each}.hlop" for each in others)) if f"captured/{name}" in record.series_names),
        "",
    )
    if source:
        made["subspace"] = _subspace(record, source)
    kept = [name for name in ("hlop", "svd") if f"captured/{name}" in record.series_names]
    if kept:
        made["captured"] = _captured(record, kept)
    return made


def _matrices(record: Any, shown: list[str]) -> Figure:
    """Rows: tasks learned; columns: tasks tested; means over seeds."""
    from matplotlib import pyplot

    matrices = {
        name: np.vstack([record.series(f"before/{name}").mean(0), record.series(f"accuracy/{name}").mean(0)])
        for name in shown
    }
    count = matrices[shown[0]].shape[1]
    size = 0.9 + (0.42 if count <= 10 else 0.25) * count
    figure, several = pyplot.subplots(
        1, len(shown), figsize=(size * len(shown) + 1.6, size + 0.7), layout="constrained", squeeze=False, sharey=True
    )
    for axes, name in zip(several[0], shown, strict=True):
        image = axes.imshow(matrices[name], vmin=0.0, vmax=100.0, cmap="viridis", aspect="auto")
        if count <= 10:
            for (row, column), value in np.ndenumerate(matrices[name]):
                if np.isfinite(value):
                    dark = "white" if value < 60.0 else "black"
                    axes.text(column, row, f"{value:.0f}", ha="center", va="center", color=dark, fontsize="small")
        axes.set_xticks(range(count), [str(k + 1) for k in range(count)])
        axes.set_yticks(range(count + 1), ["none", *(str(k + 1) for k in range(count))])
        axes.axhline(0.5, color="white", linewidth=2)
        axes.set_title(SHORT[name], loc="left", color=COLOURS[name])
        axes.set_xlabel("task tested")
    several[0, 0].set_ylabel("last task learned")
    figure.colorbar(image, ax=several[0], label="accuracy (%), mean of seeds", shrink=0.9)
    return figure


def _courses(record: Any, shown: list[str]) -> Figure:
    from matplotlib import pyplot

    figure, both = pyplot.subplots(1, 2, figsize=(9.6, 3.9), layout="constrained", sharey=True)
    for axes, (title, follow) in zip(
        both, (("the first task", _first), ("all tasks learned so far, mean", _so_far)), strict=True
    ):
        for name in shown:
            _course(axes, follow(record.series(f"accuracy/{name}")), COLOURS[name], "--" if name == "careful" else "-")
        axes.set_title(title, loc="left")
        axes.set_xlabel("tasks learned")
    both[0].set_ylabel("accuracy (%)\nmean, range of seeds")
    joint = record.metrics.get("acc.multitask")
    handles = [
        both[1].plot([], [], color=COLOURS[name], label=SHORT[name], linestyle="--" if name == "careful" else "-")[0]
        for name in shown
    ]
    if joint is not None:
        handles.append(
            both[1].axhline(joint["value"], color=COLOURS["multitask"], linestyle=":", label=SHORT["multitask"])
        )
    figure.legend(handles=handles, frameon=False, fontsize="small", loc="outside right center")
    return figure


def _tasks(record: Any, shown: list[str]) -> Figure:
    """Each task from when it is learned on; means over seeds, and their range."""
    from matplotlib import colormaps, pyplot, ticker

    figure, several = pyplot.subplots(
        1, len(shown), figsize=(1.0 + 3.0 * len(shown), 3.4), layout="constrained", sharey=True, squeeze=False
    )
    for axes, name in zip(several[0], shown, strict=True):
        matrix = record.series(f"accuracy/{name}")
        count = matrix.shape[1]
        for task in range(count):
            learned, values = np.arange(task + 1, count + 1), matrix[:, task:, task]
            colour = colormaps["viridis"](0.9 * task / max(count - 1, 1))
            axes.plot(learned, values.mean(0), color=colour, marker="o", markersize=3, label=f"task {task + 1}")
            axes.fill_between(learned, values.min(0), values.max(0), color=colour, alpha=0.15, linewidth=0)
        axes.set_title(SHORT[name], loc="left", color=COLOURS[name])
        axes.set_xlabel("tasks learned")
        axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
        _plain(axes)
    several[0, 0].set_ylabel("accuracy of each task (%)\nmean, range of seeds")
    figure.legend(
        *several[0, 0].get_legend_handles_labels(), frameon=False, fontsize="small", loc="outside right center"
    )
    return figure


def _captured(record: Any, shown: list[str]) -> Figure:
    """Per layer of connections: which share of each task's activity is kept when it ends."""
    from matplotlib import pyplot, ticker

    values = {name: record.series(f"captured/{name}") for name in shown}
    layers = values[shown[0]].shape[2]
    figure, several = pyplot.subplots(
        1, layers, figsize=(1.2 + 2.7 * layers, 2.9), layout="constrained", sharey=True, squeeze=False
    )
    for k, axes in enumerate(several[0]):
        for name in shown:
            _band(axes, values[name][:, :, k], COLOURS[name], "--" if name == "svd" else "-", SHORT[name])
        axes.set_title(f"connections {k + 1}", loc="left")
        axes.set_xlabel("task")
        axes.xaxis.set_major_locator(ticker.MaxNLocator(nbins=6, integer=True))
        _plain(axes)
    several[0, 0].set_ylabel("captured energy (share)\nmean, range of seeds")
    several[0, -1].legend(frameon=False, fontsize="small")
    return figure


def _learners(record: Any, others: list[str]) -> Figure:
    from matplotlib import pyplot

    shown = (["bp"] if {"accuracy/hlop", "accuracy/sequential"} <= set(record.series_names) else []) + others
    figure, several = pyplot.subplots(
        1, len(shown), figsize=(1.0 + 2.1 * len(shown), 3.0), layout="constrained", sharey=True, squeeze=False
    )
    for axes, learner in zip(several[0], shown, strict=True):
        before = "" if learner == "bp" else f"{learner}."
        for method in ("hlop", "sequential"):
            _course(axes, _so_far(record.series(f"accuracy/{before}{method}")), COLOURS[method])
        note = record.metrics[f"acc.{before}hlop"]["note"]
        axes.set_title(note[note.index("(") + 1 : -1].replace(", ", ",\n"), loc="left", fontsize="medium")
        axes.set_xlabel("tasks learned")
    several[0, 0].set_ylabel("accuracy on tasks learned (%)\nmean, range of seeds")
    handles = [several[0, 0].plot([], [], color=COLOURS[m], label=SHORT[m])[0] for m in ("hlop", "sequential")]
    figure.legend(handles=handles, frameon=False, loc="outside right center")
    return figure


def _subspace(record: Any, name: str) -> Figure:
    """Per layer of connections: energy along the kept directions beside the best there are, and the angles between the two."""
    from matplotlib import pyplot, ticker

    layers = record.series(f"captured/{name}").shape[2]
    figure, rows = pyplot.subplots(
        2, layers, figsize=(1.2 + 2.7 * layers, 5.2), layout="constrained", sharex="col", squeeze=False
    )
    for k in range(layers):
        above, below = rows[:, k]
        for key, label, colour, style in (
            ("shares_svd", "principal directions (SVD)", COLOURS["svd"], "--"),
            ("shares", "Hebbian directions", COLOURS["hlop"], "-"),
        ):  # fmt: skip
            left = 1.0 - np.cumsum(record.series(f"{key}/{k}/{name}"), axis=1)
            _band(above, left, colour, style, label)
        _band(below, record.series(f"angles/{k}/{name}"), COLOURS["hlop"], "-", "")
        above.set_yscale("log")
        above.set_title(f"connections {k + 1}", loc="left")
        below.set_ylim(0.0, 92.0)
        below.set_yticks(range(0, 91, 30))
        below.set_xlabel("directions")
        below.xaxis.set_major_locator(ticker.MaxNLocator(nbins=5, integer=True))
        for axes in (above, below):
            _plain(axes)
    rows[0, 0].set_ylabel("energy not captured (share)\nafter the first task")
    rows[1, 0].set_ylabel("principal angle to\nSVD's space (degrees)")
    rows[0, -1].legend(frameon=False, fontsize="small")
    return figure


def _summary(record: Any) -> Figure:
    """ACC, BWT and FWT of everything."""
    from matplotlib import pyplot

    shown = [name.removeprefix("acc.") for name in record.metrics if name.startswith("acc.")]
    figure, several = pyplot.subplots(
        1, 3, figsize=(10.5, 1.0 + 0.3 * len(shown)), layout="constrained", sharey=True, width_ratios=(3, 3, 2)
    )
    titles = {"acc": "average accuracy (%)", "bwt": "backward transfer (points)", "fwt": "forward transfer (points)"}
    for axes, (key, title) in zip(several, titles.items(), strict=True):
        for row, name in enumerate(shown):
            metric, colour = record.metrics.get(f"{key}.{name}"), COLOURS[name.rpartition(".")[2]]
            if metric is None:
                continue
            axes.plot([metric["low"], metric["high"]], [row, row], color=colour, linewidth=5, alpha=0.3)
            axes.plot(
                metric["values"], np.full(len(metric["values"]), row), "o", color=colour, markersize=3.5, alpha=0.7
            )
            axes.plot(metric["value"], row, "|", color=colour, markersize=13, markeredgewidth=2)
            if metric["paper"] is not None:
                axes.plot(metric["paper"], row, "D", color="none", markeredgecolor="C3", markersize=6, label="paper")
                axes.legend(frameon=False, fontsize="small")
        if key != "acc":
            axes.axvline(0.0, color="0.6", linewidth=0.8, zorder=0)
        axes.grid(axis="x", color="0.92")
        axes.set_axisbelow(True)
        axes.set_xlabel(title)
        _plain(axes)
    several[0].set_yticks(range(len(shown)), [_said(record, name) for name in shown])
    several[0].set_ylim(len(shown) - 0.4, -0.6)
    figure.supxlabel("each seed, mean, 95 % interval", fontsize="small")
    return figure


def _said(record: Any, name: str) -> str:
    """Method and learner."""
    learner, _, method = name.rpartition(".")
    note = record.metrics[f"acc.{name}"]["note"]
    return f"{SHORT[method]} ({note[note.index('(') + 1 : -1]})" if learner else SHORT[method]


def _first(matrix: Any) -> Any:
    return matrix[:, :, 0]


def _so_far(matrix: Any) -> Any:
    return np.stack([matrix[:, t, : t + 1].mean(-1) for t in range(matrix.shape[1])], axis=1)


def _course(axes: Axes, values: Any, colour: str, style: str = "-") -> None:
    from matplotlib import ticker

    learned = np.arange(1, values.shape[1] + 1)
    axes.plot(learned, values.mean(0), color=colour, linestyle=style, marker="o", markersize=3)
    axes.fill_between(learned, values.min(0), values.max(0), color=colour, alpha=0.15, linewidth=0)
    axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    _plain(axes)


def _band(axes: Axes, values: Any, colour: str, style: str, label: str) -> None:
    place = np.arange(1, values.shape[1] + 1)
    axes.plot(place, values.mean(0), color=colour, linestyle=style, label=label or None)
    axes.fill_between(place, values.min(0), values.max(0), color=colour, alpha=0.2, linewidth=0)


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
