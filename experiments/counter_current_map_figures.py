"""Figures of `counter-current-cnn` and `counter-current-autoencoder`, drawn from their results alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .plot import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["NAMES", "autoencoder_figures", "cnn_figures"]

NAMES = {
    "ccl": "counter-current learning",
    "backprop": "backprop",
    "frozen": "frozen features",
    "mean_image": "mean image",
}
COLOURS = {"ccl": "#0072B2", "backprop": "#000000", "frozen": "0.6", "mean_image": "#E69F00"}


def cnn_figures(record: Any) -> dict[str, Figure]:
    """Accuracy by method, and over epochs."""
    shown = [name for name in NAMES if f"accuracy.{name}" in record.metrics]
    curves = {name: record[f"test/{name}"] for name in shown}
    return {
        "accuracy": _accuracy(record, shown),
        "learning": _learning(curves, f"{record.config['dataset']}: test accuracy (%)", {}),
    }


def autoencoder_figures(record: Any) -> dict[str, Figure]:
    """Error over epochs, and reconstructions of the first test images below the originals."""
    shown = [name for name in NAMES if f"error.{name}" in record.metrics]
    curves = {name: record[f"test/{name}"] for name in shown if name != "mean_image"}
    levels = {name: record.metrics[f"error.{name}"]["value"] for name in shown if name not in curves}
    title = f"{record.config['dataset']}: mean squared error on test images"
    return {"learning": _learning(curves, title, levels), "reconstructions": _reconstructions(record, shown)}


def _accuracy(record: Any, shown: list[str]) -> Figure:
    from matplotlib import pyplot

    with style():
        figure, axes = pyplot.subplots(figsize=(6.5, 0.9 + 0.45 * len(shown)), layout="constrained")
        for row, name in enumerate(shown):
            metric, colour = record.metrics[f"accuracy.{name}"], COLOURS[name]
            axes.plot([metric["low"], metric["high"]], [row, row], color=colour, linewidth=5, alpha=0.3)
            axes.plot(metric["values"], np.full(len(metric["values"]), row), "o", color=colour, markersize=4, alpha=0.7)
            axes.plot(metric["value"], row, "|", color=colour, markersize=16, markeredgewidth=2)
            if metric["paper"] is not None:
                axes.plot(metric["paper"], row, "D", color=colour, markerfacecolor="white", label="paper")
            axes.annotate(
                f"{metric['value']:.1f}", (1.0, row), xycoords=("axes fraction", "data"), xytext=(6, 0),
                textcoords="offset points", va="center", color=colour,
            )  # fmt: skip
        chance = float(record["chance"])
        axes.axvline(chance, color="0.6", linewidth=0.8, linestyle="--")
        axes.annotate(
            "chance", (chance, 1.0), xycoords=("data", "axes fraction"), color="0.5", ha="center", va="bottom"
        )
        axes.set_yticks(range(len(shown)), [NAMES[name] for name in shown])
        axes.set_ylim(len(shown) - 0.5, -0.5)
        axes.set_xlabel(f"{record.config['dataset']}: test accuracy (%): each seed, mean, 95 % interval")
    return figure


def _learning(curves: dict[str, Any], label: str, levels: dict[str, float]) -> Figure:
    from matplotlib import pyplot
    from matplotlib.ticker import MaxNLocator

    with style():
        figure, axes = pyplot.subplots(figsize=(6.5, 3.6), layout="constrained")
        for name, each in curves.items():
            epochs = np.arange(1, each.shape[1] + 1)
            axes.plot(epochs, each.T, color=COLOURS[name], linewidth=0.6, alpha=0.4)
            axes.plot(
                epochs, each.mean(0), color=COLOURS[name], label=NAMES[name], marker="." if len(epochs) < 4 else ""
            )
        for name, level in levels.items():
            axes.axhline(level, color=COLOURS[name], linestyle="--", label=NAMES[name])
        axes.set(xlabel="epoch", ylabel=f"{label}\neach seed, mean")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylim(bottom=0.0)
        axes.legend()
    return figure


def _reconstructions(record: Any, shown: list[str]) -> Figure:
    from matplotlib import pyplot

    rows = ["originals", *shown]
    count = len(record["shown/originals"])
    with style():
        figure, grid = pyplot.subplots(
            len(rows), count, figsize=(1.6 + 0.85 * count, 0.95 * len(rows)), squeeze=False, layout="constrained"
        )
        for row, name in enumerate(rows):
            images = record[f"shown/{name}"]
            for column in range(count):
                axes = grid[row, column]
                axes.imshow(np.clip(images[column % len(images)].transpose(1, 2, 0), 0.0, 1.0))
                axes.set(xticks=[], yticks=[])
                axes.spines[:].set_visible(False)
            label = (
                "original" if name == "originals" else f"{NAMES[name]}\n{record.metrics[f'error.{name}']['value']:.4f}"
            )
            grid[row, 0].set_ylabel(label, rotation=0, ha="right", va="center")
    return figure
