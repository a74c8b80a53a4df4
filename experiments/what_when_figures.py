"""Figures of the experiment what-when, drawn from its record alone."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["figures"]

_COLOURS = {"three_factor": "#0072B2", "merged": "#56B4E9", "force_merged_no_reset": "#D55E00",
            "force_merged_reset": "#E69F00", "force_merged_forgetting": "#CC79A7", "force_split_no_reset": "#009E73"}  # fmt: skip
_PAPER = {1: 0.192, 10: 0.136, 50: 0.092, 100: 0.085}
_NAMES = {"exact": "exact reservoir", "closed": "closed loop"}


def figures(record: Any) -> dict[str, Any]:
    """Learning curves, cue-only outputs, probability, weight map, end errors, robustness; by name."""
    drawn = {"learning": _learning(record), "outputs": _outputs(record), "probability": _levels(record)}
    drawn |= {"weight_map": _map(record), "end_errors": _ends(record)}
    if any(task.startswith("robust/") for task in record.tasks):
        drawn["robustness"] = _robustness(record)
    if any(task.startswith("force_sine/") for task in record.tasks):
        drawn["force_sine"] = _sine(record)
    return drawn


def _figure(columns: int, rows: int = 1, width: float = 4.6, height: float = 3.4) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def _stack(record: Any, prefix: str, key: str) -> np.ndarray:
    found = [record.blocks[t][key] for t in record.tasks if t.startswith(prefix) and t[len(prefix) :].isdigit()]
    return np.array(found)


def _learning(record: Any) -> Any:
    figure, axes = _figure(1, 2, width=9.0)
    for axis, circuit in zip(axes[:, 0], _NAMES, strict=True):
        for name, colour in _COLOURS.items():
            errors = _stack(record, f"learn/{circuit}/{name}/", "error")
            curve = errors.reshape(len(errors), -1)
            trials = np.arange(1, curve.shape[1] + 1)
            axis.plot(trials, curve.mean(0), color=colour, lw=1.2, label=name.replace("_", " "))
            if len(curve) > 1:
                axis.fill_between(trials, curve.min(0), curve.max(0), color=colour, alpha=0.15, lw=0)
        block = errors.shape[-1]
        for k in range(1, errors.shape[1]):
            axis.axvline(k * block + 0.5, color="0.6", lw=0.8, ls=":")
        near = [k for k in _PAPER if k <= block]
        axis.plot(near, [_PAPER[k] for k in near], "kx", label="paper, block 1")
        axis.set(
            title=f"{_NAMES[circuit]}: band = range over seeds",
            xlabel="trial",
            ylabel="test error (RMSE)",
            ylim=(0, 0.32),
        )
        axis.legend(fontsize=7, ncol=4, loc="upper center", frameon=False)
    return figure


def _outputs(record: Any) -> Any:
    from .what_when_task import BLOCKS, expectation

    figure, axes = _figure(len(BLOCKS), 2, width=3.2, height=2.6)
    for row, circuit in zip(axes, _NAMES, strict=True):
        shown = _stack(record, f"learn/{circuit}/three_factor/", "shown")
        for number, (axis, block) in enumerate(zip(row, BLOCKS, strict=True)):
            for k, colour in enumerate(("#0072B2", "#D55E00")):
                axis.plot(expectation(block)[:, k], color=colour, ls=":", lw=1.5, label=f"{'AB'[k]}, expected")
                axis.plot(shown[:, number, :, k].T, color=colour, lw=0.7, alpha=0.7)
            axis.set(ylim=(-0.05, 1.25), xlabel="ms after the cue", title=f"block {number + 1}: p(A) = {block.p_a}")
        row[0].set_ylabel(f"{_NAMES[circuit]}\noutput to the cue alone")
    axes[0, 0].legend(fontsize=7, frameon=False)
    return figure


def _levels(record: Any) -> Any:
    figure, axes = _figure(2)
    for axis, circuit in zip(axes[0], _NAMES, strict=True):
        amplitude = _stack(record, f"levels/{circuit}/", "amplitude")
        level = _stack(record, f"levels/{circuit}/", "level")[0]
        for k, colour in enumerate(("#0072B2", "#D55E00")):
            axis.plot(level, amplitude[:, :, k].T, "o", color=colour, ms=3, alpha=0.6)
            axis.plot(level, amplitude[:, :, k].mean(0), color=colour, label=f"event {'AB'[k]}")
        r = [record.metrics[f"amplitude_r_{k}_{circuit}.three_factor"]["value"] for k in "ab"]
        axis.set(
            title=f"{_NAMES[circuit]}: r = {r[0]:.3f}, {r[1]:.3f} (paper 0.978, -0.989)",
            xlabel="p(A)",
            ylabel="amplitude at the latency",
        )
        axis.title.set_fontsize(9)
        axis.legend(frameon=False)
    return figure


def _map(record: Any) -> Any:
    figure, axes = _figure(2)
    for axis, circuit in zip(axes[0], _NAMES, strict=True):
        found = record.blocks[f"map/{circuit}"]
        for latency, marker in ((300, "o"), (500, "s")):
            mine = found["latency"] == latency
            dots = axis.scatter(
                *found["points"][mine].T,
                c=found["probability"][mine],
                marker=marker,
                vmin=0,
                vmax=1,
                cmap="viridis",
                label=f"A at {latency} ms",
            )
        axis.plot(*found["path"].T, color="0.4", lw=0.9)
        ends = found["path"][len(found["path"]) // 4 - 1 :: len(found["path"]) // 4]
        for number, point in enumerate(ends, 1):
            axis.annotate(str(number), point, fontsize=9, fontweight="bold")
        share = found["variance"]
        axis.set(
            title=f"{_NAMES[circuit]}: readout weights", xlabel=f"PC1 ({share[0]:.0%})", ylabel=f"PC2 ({share[1]:.0%})"
        )
        axis.legend(fontsize=7, frameon=False)
        figure.colorbar(dots, ax=axis, label="p(A)")
    return figure


def _ends(record: Any) -> Any:
    figure, axes = _figure(1, 2, width=9.5, height=3.6)
    for axis, circuit in zip(axes[:, 0], _NAMES, strict=True):
        prefix = f"error_end_block1_{circuit}."
        names = [m[len(prefix) :] for m in record.metrics if m.startswith(prefix)]
        names = [name for name in names if f"error_end_block3_{circuit}.{name}" in record.metrics]
        for block, colour in zip((1, 2, 3, 4), ("#999999", "#0072B2", "#D55E00", "#009E73"), strict=True):
            metrics = [record.metrics[f"error_end_block{block}_{circuit}.{name}"] for name in names]
            value = np.array([m["value"] for m in metrics])
            spread = np.array(
                [
                    [v - m["low"] for v, m in zip(value, metrics, strict=True)],
                    [m["high"] - v for v, m in zip(value, metrics, strict=True)],
                ]
            )
            at = np.arange(len(names)) + 0.2 * (block - 2.5)
            axis.bar(
                at,
                value,
                0.19,
                yerr=np.maximum(np.nan_to_num(spread), 0.0),
                color=colour,
                label=f"end of block {block}",
                error_kw={"lw": 0.8},
            )
        for k, name in enumerate(names):
            if not np.isfinite(record.metrics[f"error_end_block4_{circuit}.{name}"]["value"]):
                axis.text(k, 0.01, "diverged", rotation=90, ha="center", va="bottom", fontsize=8)
        axis.set_xticks(range(len(names)), [name.replace("_", "\n") for name in names], fontsize=6)
        axis.set(title=_NAMES[circuit], ylabel="test error (RMSE)", ylim=(0.0, 1.15 * axis.get_ylim()[1]))
        axis.legend(fontsize=7, ncol=4, frameon=False, loc="upper right")
    return figure


def _robustness(record: Any) -> Any:
    figure, axes = _figure(2, width=4.6, height=3.8)
    for axis, circuit in zip(axes[0], _NAMES, strict=True):
        cells: dict[tuple[float, float], list[float]] = {}
        for task in record.tasks:
            if task.startswith(f"robust/{circuit}/"):
                jitter, feedback = map(float, task.split("/")[2].split("_"))
                cells.setdefault((jitter, feedback), []).append(float(record.blocks[task]["error"]))
        jitters, feedbacks = (sorted({key[k] for key in cells}) for k in (0, 1))
        table = np.array([[np.mean(cells[j, f]) for f in feedbacks] for j in jitters])
        image = axis.imshow(table, origin="lower", cmap="viridis_r", vmin=0.0, vmax=0.2, aspect="auto")
        for (row, column), value in np.ndenumerate(table):
            axis.text(column, row, f"{value:.3f}", ha="center", va="center", color="white" if value > 0.1 else "black")
        axis.set_xticks(range(len(feedbacks)), [f"{f:g}" for f in feedbacks])
        axis.set_yticks(range(len(jitters)), [f"{j:g}" for j in jitters])
        axis.set(xlabel="feedback gain F", ylabel="jitter of the start (mV)", title=f"{_NAMES[circuit]}, end of block 1")
    figure.colorbar(image, ax=axes[0], label="RMSE (zero output: 0.174)")
    return figure


def _sine(record: Any) -> Any:
    figure, axes = _figure(2, width=4.8, height=2.8)
    task = next(task for task in record.tasks if task.startswith("force_sine/"))
    found = record.blocks[task]
    learned, end = found["phase_ends"][1:]
    for axis, (first, last) in zip(axes[0], ((learned - 500.0, learned + 1000.0), (end - 1500.0, end)), strict=True):
        some = (found["times"] >= first) & (found["times"] <= last)
        axis.plot(found["times"][some] * 1e-3, found["target"][some], color="0.7", lw=3.0, label="target")
        axis.plot(found["times"][some] * 1e-3, found["output"][some], color="#0072B2", lw=1.0, label="output")
        axis.set(xlabel="time (s)")
    axes[0, 0].axvline(learned * 1e-3, color="0.4", ls="--")
    axes[0, 0].set(title="FORCE: learning ends at the line", ylabel="output", ylim=(-1.2, 1.7))
    axes[0, 1].set(title="and goes on alone, its phase drifting")
    axes[0, 0].legend(frameon=False, fontsize=7, loc="upper right", ncol=2)
    return figure
