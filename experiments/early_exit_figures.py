"""Figures of the experiment `early-exit`, drawn from its result alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["figures"]

COLOURS = {"mean": "#000000", "cosine": "#0072B2", "cosine_strong": "#56B4E9", "step": "#D55E00"}
NAMES = {"mean": "mean", "cosine": "mean + weak cosine", "cosine_strong": "mean + strong cosine", "step": "each step"}
POLICIES = {"confidence": "#009E73", "margin": "#CC79A7", "fixed": "0.5"}
SAID = {"confidence": "dynamic confidence", "margin": "Top-2 margin", "fixed": "the same step for all"}


def figures(record: Any) -> dict[str, Figure]:
    """Accuracy against latency by policy and by training; exit steps; confidence over time for an easy and a hard digit."""
    return {"curves": _curves(record), "exits": _exits(record), "examples": _examples(record)}


def _curves(record: Any) -> Figure:
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11.5, 4.4), layout="constrained")
    for policy, colour in POLICIES.items():
        _band(left, record, policy, "mean", colour, SAID[policy])
    _oracle(left, record, "mean", "black")
    left.set_title("trained with cross-entropy of the mean")
    for name, colour in COLOURS.items():
        _band(right, record, "confidence", name, colour, NAMES[name])
        _oracle(right, record, name, colour, labelled=False)
    right.set_title("dynamic confidence, by what was trained for")
    low = min(record.metrics[f"accuracy.{name}"]["value"] for name in COLOURS) - 12.0
    for axis in (left, right):
        axis.set(xscale="log", xlabel="steps until the answer, mean of test samples", ylabel="test accuracy (%)")
        ticks = [step for step in (1, 2, 4, 8, 16, 32, 64) if step <= record.config["steps"]]
        axis.set_xticks(ticks, [str(step) for step in ticks])
        axis.minorticks_off()
        axis.set_ylim(low, 100.5)
        axis.grid(color="0.93")
        axis.set_axisbelow(True)
        axis.legend(frameon=False, fontsize="small", loc="lower right")
        _plain(axis)
    return figure


def _band(axis: Axes, record: Any, policy: str, name: str, colour: str, label: str) -> None:
    """Mean and range of the seeds' curves, read at the same mean steps."""
    curves = record[f"curve/{policy}/{name}"]
    sorted_by = [np.argsort(one[1], kind="stable") for one in curves]
    ends = [curves[:, 1].min(1).max(), curves[:, 1].max(1).min()]
    at = np.geomspace(float(ends[0]), float(ends[1]), 60)
    read = np.array([np.interp(at, one[1][k], 100.0 * one[0][k]) for one, k in zip(curves, sorted_by, strict=True)])
    axis.plot(at, read.mean(0), color=colour, label=label)
    axis.fill_between(at, read.min(0), read.max(0), color=colour, alpha=0.15, linewidth=0)


def _oracle(axis: Axes, record: Any, name: str, colour: str, labelled: bool = True) -> None:
    ideal, optimal = record[f"bounds/{name}"].mean(0)
    ever, full = record[f"ever_right/{name}"].mean(), record.metrics[f"accuracy.{name}"]["value"]
    axis.plot(ideal, ever, "*", color=colour, markersize=10, label="oracle: first right step" if labelled else None)
    axis.plot(optimal, full, "D", color=colour, markersize=5, label="oracle: right from then on" if labelled else None)


def _exits(record: Any) -> Figure:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(11.0, 3.6), layout="constrained", sharey=True)
    steps = np.arange(1, record.config["steps"] + 1)
    for axis, policy in zip(axes, ("confidence", "margin"), strict=True):
        counts = record[f"histogram/{policy}/mean"]
        shares = 100.0 * counts / counts.sum(1, keepdims=True)
        axis.bar(steps, shares.mean(0), 0.85, color=POLICIES[policy], alpha=0.6)
        axis.vlines(steps, shares.min(0), shares.max(0), color="0.2", linewidth=1)
        for control in (policy, "fixed"):
            value = record.metrics[f"steps.{control}_mean"]["value"]
            axis.axvline(
                value, color="black" if control == policy else "0.5", linestyle="--" if control == policy else ":"
            )
            said = f"mean {value:.1f}" if control == policy else f"one step for all: {value:.1f}"
            axis.annotate(
                said, (value, 0.97 if control == policy else 0.88), xycoords=("data", "axes fraction"),
                textcoords="offset points", xytext=(4 if control == policy else -4, 0), fontsize="small", va="top",
                ha="left" if control == policy else "right",
            )  # fmt: skip
        axis.set(xlabel="step of the answer", title=SAID[policy])
        _plain(axis)
    axes[0].set_ylabel("test samples (%): mean, range of seeds")
    return figure


def _examples(record: Any) -> Figure:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 4, figsize=(12.0, 3.6), layout="constrained", width_ratios=[4, 1, 4, 1])
    steps = np.arange(1, record.config["steps"] + 1)
    for k, (axis, said) in enumerate(zip(axes[::2], ("answered soonest", "answered last"), strict=True)):
        confidence, answer = record["example/confidence"][k], record["example/answer"][k]
        label, exit_step = int(record["example/label"][k]), int(record["example/steps"][k])
        axis.plot(steps, confidence, color="0.6", zorder=1)
        for right, colour in ((True, "#009E73"), (False, "#D55E00")):
            these = (answer == label) == right
            axis.plot(steps[these], confidence[these], "o", color=colour, markersize=4)
        for step, value, given in zip(steps, confidence, answer, strict=True):
            if step == 1 or answer[step - 2] != given:
                axis.annotate(
                    str(int(given)), (step, value), xytext=(0, 6), textcoords="offset points", ha="center", fontsize=8
                )
        axis.axhline(float(record["example/threshold"]), color="0.4", linestyle="--", linewidth=0.8)
        axis.axvline(exit_step, color="0.4", linestyle=":", linewidth=0.8)
        shown = axes[2 * k + 1]
        shown.imshow(record["example/image"][k], cmap="gray_r")
        shown.set_xticks([])
        shown.set_yticks([])
        axis.set(xlabel="step", ylim=(0.0, 1.08))
        axis.set_title(f"{said}: a {label}, at step {exit_step}", loc="left", fontsize="medium")
        _plain(axis)
    axes[0].set_ylabel("calibrated confidence\n(green: right; number: new answer)")
    return figure


def _plain(axis: Axes) -> None:
    axis.spines[["top", "right"]].set_visible(False)
