"""Figures of the experiment `lateral-circuit`, drawn from its result alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["figures"]

COLOURS = {"circuit": "#0072B2", "off": "0.55", "cut": "#D55E00", "rate": "#000000", "oja": "#E69F00"}


def figures(record: Any) -> dict[str, Figure]:
    """Angles, energy and symmetry over time; H beside the SVD and beside the inhibition; spikes of a second."""
    return {"course": _course(record), "weights": _weights(record), "spikes": _spikes(record)}


def _course(record: Any) -> Figure:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 3, figsize=(13.0, 6.6), layout="constrained")
    time, chance = record["time"], record["chance"]
    for row, said in enumerate(("mean", "largest")):
        axis = axes[0, row]
        axis.axhspan(chance[row, 0], chance[row, 2], color="0.92", zorder=0, label="random subspaces, 90 %")
        for name, colour in COLOURS.items():
            angles = record[f"angles/{name}"]
            label = record.metrics[f"mean_angle.{name}"]["note"]
            _band(axis, time, angles.mean(-1) if said == "mean" else angles.max(-1), colour, label)
        axis.set(ylim=(0, 90), ylabel=f"{said} principal angle (°)")
    for name, colour in COLOURS.items():
        _band(axes[0, 2], time, record[f"energy/{name}"], colour, "")
    axes[0, 2].axhline(1.0, color="0.8", linewidth=0.8, zorder=0)
    axes[0, 2].set(ylim=(0, 1.05), ylabel="energy within the span / the SVD's")
    for name in ("circuit", "off"):
        _band(axes[1, 0], time, record[f"symmetry/{name}"], COLOURS[name], "")
    axes[1, 0].axhline(1.0, color="0.8", linewidth=0.8, zorder=0)
    axes[1, 0].set(ylabel="correlation of H with\nthe inhibition's transpose")
    for k, expected in enumerate(record["expected"].mean(0)):
        axes[1, 1].axhline(
            expected, color="0.6", linestyle="--", linewidth=0.8, label=None if k else "fixed point in rates"
        )
        for name in ("circuit", "rate"):
            _band(axes[1, 1], time, record[f"lengths/{name}"][:, :, k], COLOURS[name], "")
    axes[1, 1].set(ylabel="singular values of H (mV)", ylim=(0, None))
    handles = [part for axis in (axes[0, 0], axes[1, 1]) for part in axis.get_legend_handles_labels()[0]]
    axes[1, 2].legend(handles=handles, frameon=False, loc="center left", title="mean and range of seeds")
    axes[1, 2].set_axis_off()
    for axis in axes.ravel()[:5]:
        axis.set_xlabel("time (s)")
        _plain(axis)
    return figure


def _band(axis: Axes, time: Any, values: Any, colour: str, label: str) -> None:
    axis.plot(time, values.mean(0), color=colour, label=label)
    axis.fill_between(time, values.min(0), values.max(0), color=colour, alpha=0.15, linewidth=0)


def _weights(record: Any) -> Figure:
    from matplotlib import pyplot

    figure, (aligned, both) = pyplot.subplots(1, 2, figsize=(9.5, 4.0), layout="constrained", width_ratios=[3, 2])
    h, d, principal = record["weights"], record["inhibition"], record["principal"]
    left, _, right = np.linalg.svd(np.linalg.qr(h.T)[0].T @ principal)
    found = (np.linalg.qr(h.T)[0] @ left @ right).T  # the basis of H's span that lies nearest to the SVD's
    for k, row in enumerate(found):
        neurons = np.arange(len(row))
        aligned.bar(neurons, principal[:, k], 0.8, bottom=-k, color="0.8", label="SVD" if k == 0 else None)
        aligned.plot(
            neurons, row - k, "o", color=COLOURS["circuit"], markersize=3.5, label="H, aligned" if k == 0 else None
        )
        aligned.axhline(-k, color="0.6", linewidth=0.6)
    aligned.set_yticks(-np.arange(len(found)), [f"direction {k + 1}" for k in range(len(found))])
    aligned.set(xlabel="residual neuron", title="what H spans, beside the SVD (first trial)")
    aligned.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.0))
    limit = 1.05 * max(abs(h).max(), abs(d).max())
    both.plot([-limit, limit], [-limit, limit], color="0.8", linewidth=0.8)
    both.plot(h.ravel(), d.ravel(), "o", color=COLOURS["circuit"], markersize=3.5)
    both.set(xlabel="H: residual to subspace neuron (mV)", ylabel="minus the synapse back (mV)", aspect="equal")
    for axis in (aligned, both):
        _plain(axis)
    return figure


def _spikes(record: Any) -> Figure:
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(8.0, 4.0), layout="constrained")
    below = record["weights"].shape[0]
    for cells, first, colour in (("subspace", 0, COLOURS["cut"]), ("residual", below + 1, "black")):
        times, neurons = record.spikes(cells)
        axis.plot(times, neurons.astype(int) + first, "|", color=colour, markersize=4, label=cells)
    hold = record.config["hold_ms"]
    for change in np.arange(hold, times.max() if len(times) else hold, hold):
        axis.axvline(change, color="0.92", zorder=0)
    axis.set(xlabel="time (ms); lines: a new sample", ylabel="neuron", title="the last second of the first trial")
    axis.set_yticks(
        [(below - 1) / 2, below + 1 + (record.config["inputs"] - 1) / 2],
        ["subspace", "residual"],
        rotation=90,
        va="center",
    )
    _plain(axis)
    return figure


def _plain(axis: Axes) -> None:
    axis.spines[["top", "right"]].set_visible(False)
