"""Figures of the experiment `delays`: accuracy against parameters, accuracy over training, delays before and after."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["figures"]

COLOURS = {"none": "C7", "fixed": "C1", "learned": "C0", "two_tap": "C2"}
LABELS = {"none": "no delays", "fixed": "random, fixed", "learned": "learned", "two_tap": "learned, two taps"}
CHANCE = {"lag-8": 12.5, "lag-8-slow": 12.5, "permutation": 10.0, "randman": 10.0, "formants": 5.0, "spoken-digits": 10.0,
          "shd": 5.0, "ssc": 100.0 / 35.0, "gsc": 100.0 / 35.0}  # fmt: skip


def figures(record: Any) -> dict[str, Any]:
    """`accuracy` against parameters, `training` over epochs, and `delays` where any were learned."""
    made = {"accuracy": _accuracy(record), "training": _training(record)}
    if "learned" in record.config["conditions"] or "two_tap" in record.config["conditions"]:
        made["delays"] = _delays(record)
    return made


def _runs(record: Any, task: str) -> dict[str, list[int]]:
    """Widths by condition, of one task."""
    found: dict[str, list[int]] = {}
    for name in record.metrics:
        measure, _, rest = name.partition(".")
        condition, _, place = rest.partition(".")
        if measure == "accuracy" and place.rpartition("-")[0] == task:
            found.setdefault(condition, []).append(int(place.rpartition("-")[2]))
    return {condition: sorted(widths) for condition, widths in found.items()}


def _panels(record: Any) -> tuple[Any, Any]:
    from matplotlib import pyplot

    tasks = record.config["tasks"]
    figure, axes = pyplot.subplots(
        1, len(tasks), figsize=(3.4 * len(tasks) + 0.6, 3.4), layout="constrained", squeeze=False
    )
    return figure, zip(axes[0], tasks, strict=True)


def _accuracy(record: Any) -> Any:
    figure, panels = _panels(record)
    for axis, task in panels:
        for condition, widths in _runs(record, task).items():
            metrics = [record.metrics[f"accuracy.{condition}.{task}-{width}"] for width in widths]
            sizes = [record.metrics[f"parameters.{condition}.{task}-{width}"]["value"] for width in widths]
            middle = np.array([m["value"] for m in metrics])
            spread = np.array([[m["value"] - m["low"] for m in metrics], [m["high"] - m["value"] for m in metrics]])
            axis.errorbar(sizes, middle, spread, marker="o", markersize=4, capsize=2, color=COLOURS[condition],
                          label=LABELS[condition])  # fmt: skip
        axis.axhline(CHANCE[task], color="0.6", linewidth=0.8, linestyle=":")
        axis.set(title=task, xlabel="trained parameters", xlim=(0, 1.1 * axis.get_xlim()[1]), ylim=(0, 102))
        axis.locator_params(axis="x", nbins=5)
    figure.axes[0].set_ylabel("test accuracy (%)")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), frameon=False, loc="outside right center")
    return figure


def _training(record: Any) -> Any:
    figure, panels = _panels(record)
    for axis, task in panels:
        for condition, widths in _runs(record, task).items():
            curve = record[f"curves/{task}/{condition}-{widths[-1]}"]
            epochs = np.arange(1, curve.shape[1] + 1)
            axis.plot(epochs, curve.mean(0), color=COLOURS[condition], label=LABELS[condition])
            axis.fill_between(epochs, curve.min(0), curve.max(0), color=COLOURS[condition], alpha=0.15, linewidth=0)
            axis.set_title(f"{task}, {widths[-1]} neurons")
        axis.axhline(CHANCE[task], color="0.6", linewidth=0.8, linestyle=":")
        axis.set(xlabel="epoch", ylim=(0, 102))
    figure.axes[0].set_ylabel("test accuracy (%), whole delays")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), frameon=False, loc="outside right center")
    return figure


def _delays(record: Any) -> Any:
    from matplotlib import pyplot

    kinds = [kind for kind in ("learned", "two_tap") if kind in record.config["conditions"]]
    figure, axes = pyplot.subplots(
        1, len(kinds), figsize=(4.4 * len(kinds), 3.2), layout="constrained", squeeze=False, sharey=True
    )
    edges = np.linspace(0.0, float(record["longest_delay"]), 26)
    for axis, kind in zip(axes[0], kinds, strict=True):
        for when, style in (("before", {"color": "0.75"}), ("after", {"color": COLOURS[kind], "histtype": "step"})):
            axis.hist(
                record[f"delays/{kind}/{when}"].ravel(), bins=edges, density=True, label=f"{when} learning", **style
            )
        axis.set(title=f"{record.config['tasks'][0]}: {LABELS[kind]}", xlabel="delay (ms)")
        axis.legend(frameon=False)
    axes[0][0].set_ylabel("share of synapses per ms")
    return figure
