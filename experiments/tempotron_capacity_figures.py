"""Figures of the experiment `tempotron-capacity`, drawn from its result alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["figures"]

COLOURS = ("#56B4E9", "#0072B2", "#D55E00", "#000000", "#009E73")


def figures(record: Any) -> dict[str, Figure]:
    """How long learning takes at each load, how many seeds succeed, what is left, and both estimates by size."""
    return {"learning": _learning(record), "capacity": _capacity(record)}


def _learning(record: Any) -> Figure:
    from matplotlib import pyplot

    figure, (times, inverse, shares) = pyplot.subplots(1, 3, figsize=(12.5, 3.8), layout="constrained")
    loads, budget = record["loads"], record.config["epochs"]
    for n, colour in zip(record.config["sizes"], COLOURS, strict=False):
        epochs = record[f"epochs/n{n}"]
        learned = np.isfinite(epochs)
        tried = ~np.isnan(epochs)
        for k, each in enumerate(epochs):
            times.plot(loads[learned[k]], each[learned[k]], color=colour, linewidth=0.6, alpha=0.4)
            missed = tried[k] & ~learned[k]
            times.plot(loads[missed], np.full(missed.sum(), budget), "x", color=colour, markersize=4, alpha=0.6)
        most = np.where(tried, epochs, np.inf)
        middle = np.sort(most, 0)[(len(most) - 1) // 2]
        done = np.isfinite(middle)
        times.plot(loads[done], middle[done], "o-", color=colour, markersize=3.5, label=f"N = {n}")
        inverse.plot(loads[done], middle[done] ** -0.5, "o-", color=colour, markersize=3.5)
        if f"extrapolated.n{n}" in record.metrics:
            inverse.plot(
                record.metrics[f"extrapolated.n{n}"]["value"], 0.0, "v", color=colour, markersize=7, clip_on=False
            )
        shares.plot(loads, learned.mean(0), "o-", color=colour, markersize=3.5)
    times.set(yscale="log", ylabel="epochs until one without error", title="thick: median; crosses: not learned")
    times.legend(frameon=False)
    inverse.set(ylabel="1 / sqrt(median epochs)", ylim=(0, None), title="triangles: mean of the seeds' extrapolations")
    shares.set(ylabel="share of seeds that learned", ylim=(-0.03, 1.05))
    for axis in (times, inverse, shares):
        axis.set_xlabel("load (patterns per synapse)")
        _paper(axis)
        _plain(axis)
    return figure


def _capacity(record: Any) -> Figure:
    from matplotlib import pyplot

    figure, (capacity, left) = pyplot.subplots(1, 2, figsize=(9.0, 3.8), layout="constrained")
    sizes = record.config["sizes"]
    places = np.arange(len(sizes))
    kinds = (
        ("capacity", "o", -0.1, f"within {record.config['epochs']} epochs"),
        ("extrapolated", "v", 0.1, "extrapolated"),
    )
    for name, marker, aside, said in kinds:
        for place, n, colour in zip(places, sizes, COLOURS, strict=False):
            values = record[f"{name}/n{n}"]
            metric = record.metrics.get(f"{name}.n{n}")
            capacity.plot(np.full(values.size, place + aside), values, marker, color=colour, markersize=3, alpha=0.4)
            if metric is not None:
                spread = [[max(metric["value"] - metric["low"], 0.0)], [max(metric["high"] - metric["value"], 0.0)]]
                capacity.errorbar(place + aside, metric["value"], spread, fmt=marker, color=colour, capsize=3)
        capacity.plot([], [], marker, color="0.4", label=said)
    capacity.axhspan(2.7, 3.3, color="0.92", zorder=0, label="paper: about 3, ± 10 %")
    capacity.set_xticks(places, [str(n) for n in sizes])
    capacity.set(xlabel="afferents N", ylabel="capacity (patterns per synapse)", ylim=(0, None))
    capacity.legend(frameon=False, loc="lower right")
    for n, colour in zip(sizes, COLOURS, strict=False):
        fewest = 100.0 * record[f"fewest/n{n}"]
        tried = ~np.isnan(fewest).all(0)
        left.plot(
            record["loads"][tried],
            np.nanmean(fewest[:, tried], 0),
            "o-",
            color=colour,
            markersize=3.5,
            label=f"N = {n}",
        )
    left.set(xlabel="load (patterns per synapse)", ylabel="errors in the best epoch (% of patterns)", ylim=(0, None))
    left.legend(frameon=False)
    _paper(left)
    for axis in (capacity, left):
        _plain(axis)
    return figure


def _paper(axis: Axes) -> None:
    axis.axvspan(2.7, 3.3, color="0.92", zorder=0)


def _plain(axis: Axes) -> None:
    axis.spines[["top", "right"]].set_visible(False)
