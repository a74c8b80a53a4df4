"""Figures of the experiment `digits`, drawn from its result alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["figures"]

NAMES = {
    "three_factor": "liquid, three-factor (online)",
    "ridge": "liquid, ridge",
    "mlp": "MLP, backprop",
    "snn": "SNN, surrogate gradient",
    "no_recurrence_three_factor": "no recurrence, three-factor",
    "no_recurrence_ridge": "no recurrence, ridge",
    "input_three_factor": "input spikes, three-factor",
    "input_ridge": "input spikes, ridge",
    "pixel_ridge": "pixels, ridge",
}
COLOURS = {"three_factor": "C3", "ridge": "C0", "mlp": "C2", "snn": "C4"}
GREY = "0.5"


def figures(record: Any) -> dict[str, Figure]:
    """Accuracy by method, learning online, confusions of the online readout, and one digit on its way through."""
    return {
        "accuracy": _accuracy(record),
        "learning": _learning(record),
        "confusion": _confusion(record),
        "example": _example(record),
    }


def _accuracy(record: Any) -> Figure:
    from matplotlib import pyplot

    shown = [method for method in NAMES if f"accuracy.{method}" in record.metrics]
    figure, axes = pyplot.subplots(figsize=(7.0, 4.2), layout="constrained")
    for row, method in enumerate(shown):
        metric, colour = record.metrics[f"accuracy.{method}"], COLOURS.get(method, GREY)
        axes.plot([metric["low"], metric["high"]], [row, row], color=colour, linewidth=5, alpha=0.3)
        axes.plot(metric["values"], np.full(len(metric["values"]), row), "o", color=colour, markersize=4, alpha=0.7)
        axes.plot(metric["value"], row, "|", color=colour, markersize=18, markeredgewidth=2)
        axes.annotate(
            f"{metric['value']:.1f}", (1.0, row), xycoords=("axes fraction", "data"), xytext=(6, 0),
            textcoords="offset points", va="center", color=colour,
        )  # fmt: skip
    axes.set_yticks(range(len(shown)), [NAMES[method] for method in shown])
    axes.axhline(len(COLOURS) - 0.5, color="0.8", linewidth=0.8)
    axes.annotate("controls", (0.0, len(COLOURS) - 0.5), xycoords=("axes fraction", "data"), xytext=(6, -4),
                  textcoords="offset points", va="top", color=GREY)  # fmt: skip
    axes.invert_yaxis()
    axes.grid(axis="x", color="0.92")
    axes.set_axisbelow(True)
    axes.set_xlabel("test accuracy (%): each seed, mean, 95 % interval")
    parameters = int(record.metrics["trained_parameters.ridge"]["value"])
    axes.set_title(f"{_images(record)}; {parameters:,} trained parameters", fontsize="medium", loc="left")
    _plain(axes)
    return figure


def _learning(record: Any) -> Figure:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6.0, 3.8), layout="constrained")
    for name, colour in (("train", GREY), ("test", COLOURS["three_factor"])):
        curves = record[f"curve/{name}"]
        epochs = np.arange(1, curves.shape[1] + 1)
        axes.plot(epochs, curves.T, color=colour, linewidth=0.7, alpha=0.4)
        axes.plot(epochs, curves.mean(0), color=colour, linewidth=2, label=f"three-factor, {name}")
    ridge = record.metrics["accuracy.ridge"]["value"]
    axes.axhline(ridge, color=COLOURS["ridge"], linestyle="--", label="ridge, test")
    axes.set_xlabel("passes over the training images, one image at a time")
    axes.set_ylabel("accuracy (%)")
    axes.set_title("Learning the readout online (thick: mean; thin: each seed)", fontsize="medium", loc="left")
    axes.legend(frameon=False, loc="lower right")
    _plain(axes)
    return figure


def _confusion(record: Any) -> Figure:
    from matplotlib import pyplot

    counts = record["confusion/three_factor"]
    share = 100.0 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
    figure, axes = pyplot.subplots(figsize=(5.2, 4.6), layout="constrained")
    image = axes.imshow(share, cmap="Blues", vmin=0.0, vmax=100.0)
    for row, column in zip(*np.nonzero(counts), strict=True):
        dark = share[row, column] > 50.0
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", fontsize=7,
                  color="white" if dark else "black")  # fmt: skip
    axes.set_xticks(range(len(counts)))
    axes.set_yticks(range(len(counts)))
    axes.set_xlabel("answer")
    axes.set_ylabel("class")
    axes.set_title("Three-factor readout, test images of all seeds", fontsize="medium", loc="left")
    figure.colorbar(image, ax=axes, label="share of the class (%)", shrink=0.85)
    return figure


def _example(record: Any) -> Figure:
    from matplotlib import pyplot

    image, duration = record["example/image"], float(record.config["presentation_ms"])
    windows, neurons = int(record.config["windows"]), int(record.config["neurons"])
    figure, (left, middle, right) = pyplot.subplots(
        1, 3, figsize=(10.0, 3.6), layout="constrained", gridspec_kw={"width_ratios": [1.0, 1.4, 2.2]}
    )
    left.imshow(image, cmap="gray_r", vmin=0.0, vmax=1.0)
    left.set_xticks([])
    left.set_yticks([])
    left.set_title(f"class {int(record['example/label'])}", fontsize="medium")
    for axes, name, size in ((middle, "input", image.size), (right, "core", neurons)):
        times, nodes = record.spikes(name)
        axes.plot(times, nodes, ".", color="black", markersize=4 if size < 200 else 2)
        axes.set_xlim(-1.0, duration)
        axes.set_ylim(size - 0.5, -0.5)
        axes.set_xlabel("time (ms)")
        _plain(axes)
    middle.set_ylabel("pixel")
    middle.set_title("input: bright pixels first", fontsize="medium", loc="left")
    right.set_ylabel("neuron (excitatory first)")
    right.set_title("core; dashed: traces are read", fontsize="medium", loc="left")
    for window in range(1, windows + 1):
        right.axvline(duration * window / windows, color="C3", linestyle="--", linewidth=1, clip_on=False)
    return figure


def _images(record: Any) -> str:
    names = {"digits": "scikit-learn digits", "mnist": "MNIST", "fashion_mnist": "Fashion-MNIST"}
    return names[record.config["dataset"]]


def _plain(axes: Any) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
