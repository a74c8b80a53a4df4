"""Figures of the experiment `polychronization`."""

from __future__ import annotations

from typing import Any

import numpy as np

from .polychronous_groups import LIMIT

__all__ = ["NETWORKS", "figures"]

NETWORKS = {
    "learned": "the learned network", "before": "equal weights, as before", "weights": "weights shuffled",
    "delays": "delays shuffled",
}  # fmt: skip
EXCITATORY, CELLS = 800, 1000


def figures(record: Any) -> dict[str, Any]:
    """Rasters, spectra and weights; the course of rates; one group, and the sizes of all."""
    drawn = {"activity": _activity, "statistics": _statistics, "course": _course, "group": _group, "groups": _groups}
    return {name: draw(record) for name, draw in drawn.items()}


def _activity(record: Any) -> Any:
    import matplotlib.pyplot as plt

    names = [name for name in ("first", "gamma", "last") if f"second/{name}" in record]
    figure, rasters = plt.subplots(1, len(names), figsize=(12, 4), sharey=True, layout="constrained")
    for axis, name in zip(rasters, names, strict=True):
        times, who = record.spikes(name)
        for colour, own in (("black", who < EXCITATORY), ("C3", who >= EXCITATORY)):
            axis.plot(times[own], who[own], ".", markersize=1.2, color=colour)
        title = f"second {int(record[f'second/{name}'])}" + (", the clearest gamma" if name == "gamma" else "")
        axis.set(title=title, xlim=(0, 1000), ylim=(0, CELLS), xlabel="time (ms)")
    rasters[0].set_ylabel("neuron (inhibitory: red)")
    return figure


def _statistics(record: Any) -> Any:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    frequency, power = record["frequency"], record["power"]
    shown = (frequency > 0.0) & (frequency <= 120.0)
    for k, label in enumerate(("first 10 s", "second half")):
        axes[0].semilogy(frequency[shown], power[:, k, shown].T, color=f"C{k}", linewidth=0.5, alpha=0.5)
        axes[0].semilogy(frequency[shown], power[:, k, shown].mean(0), color=f"C{k}", label=label)
    axes[0].axvspan(25.0, 70.0, color="grey", alpha=0.15)
    axes[0].set(title="spectrum of the counts in 1 ms", xlabel="frequency (Hz)", ylabel="power")
    axes[0].legend(frameon=False)
    axes[1].hist(record["weights"].ravel(), bins=np.linspace(0.0, 10.0, 41), color="C0")
    axes[1].axvline(6.0, color="C1", linestyle="--", label="all began here")
    axes[1].set(title=f"weights after {len(record['rates'][0])} s, all networks", xlabel="weight (mV/ms)", ylabel="synapses")
    axes[1].legend(frameon=False, loc=(0.15, 0.5))
    return figure


def _course(record: Any) -> Any:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(13, 3.5), layout="constrained")
    seconds = 1 + np.arange(len(record["rates"][0]))
    for column, (cell, colour) in enumerate((("excitatory", "black"), ("inhibitory", "C3"))):
        axes[0].semilogy(seconds, record["rates"][:, :, column].T, color=colour, linewidth=0.4, alpha=0.5)
        axes[0].plot([], [], color=colour, label=cell)
    axes[0].set(title="rates, every network", xlabel="time (s)", ylabel="rate (Hz)")
    axes[0].set_yticks(marks := [1, 2, 5, 10, 20, 40], [str(mark) for mark in marks])
    axes[0].minorticks_off()
    axes[0].legend(frameon=False)
    for k, label in enumerate(("below 0.5", "above 9.5")):
        axes[1].plot(record["looked"], 100.0 * record["extremes"][:, :, k].T, color=f"C{k}", linewidth=0.8)
        axes[1].plot([], [], color=f"C{k}", label=label)
    axes[1].axhline(25.0, color="grey", linestyle=":")
    axes[1].set(title="weights at the extremes", xlabel="time (s)", ylabel="% of excitatory synapses")
    axes[1].legend(frameon=False)
    peaks = record["peaks"][0]
    axes[2].plot(seconds[peaks > 0], peaks[peaks > 0], ".", markersize=2, color="C0")
    axes[2].axhspan(25.0, 70.0, color="C1", alpha=0.2)
    axes[2].set(title="highest peak of each second, first network", xlabel="time (s)", ylabel="frequency (Hz)", ylim=(0, 120))
    return figure


def _group(record: Any) -> Any:
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(8.5, 5.8), layout="constrained")
    spikes, links = record["example/spikes"], record["example/links"]
    if not len(spikes):
        axis.set(title="no group was found")
        return figure
    who, when, layer = spikes.T
    for first, second, acts in links:
        arrival = acts + 1  # a delay of d ms ends d ms after the spike, where the earliest answer is
        axis.plot([when[first], arrival], [who[first], who[second]], color="C0", linewidth=0.6, alpha=0.7)
        axis.plot([arrival, when[second]], [who[second], who[second]], color="C0", linewidth=0.6, alpha=0.7)
    anchors, group, inhibits = layer == 1, layer > 1, who >= EXCITATORY
    for chosen, face, label in (
        (anchors, "C1", "the three anchors"), (group & ~inhibits, "black", "excitatory"), (group & inhibits, "C3", "inhibitory"),
    ):  # fmt: skip
        axis.scatter(when[chosen], who[chosen], s=28, color=face, zorder=3, label=label)
    last = when[layer > 0].max()
    axis.set(xlim=(-2, last + 2), xlabel="time (ms)", ylabel="neuron")
    axis.set_title(f"a group of median size: {int((layer > 0).sum())} spikes, {int(layer.max())} layers, {int(last)} ms")
    figure.legend(frameon=False, loc="outside lower center", ncols=3)
    return figure


def _groups(record: Any) -> Any:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(13, 3.6), layout="constrained")
    kinds = list(NETWORKS)
    values = [record.metrics[f"groups_in_1000_triplets.{kind}"] for kind in kinds]
    means = np.array([v["value"] for v in values])
    ends = np.abs(np.array([[v["low"], v["high"]] for v in values]).T - means)
    place = np.arange(len(kinds))[::-1]
    bars = axes[0].barh(place, means, xerr=ends, color=[f"C{k}" for k in range(len(kinds))])
    axes[0].bar_label(bars, [f"{mean:.3g}" for mean in means], padding=4)
    axes[0].set_xlim(0.0, max(1.25 * float((means + ends[1]).max()), 1e-3))
    axes[0].set_yticks(place, list(NETWORKS.values()))
    axes[0].set(xlabel="groups in 1000 triplets of anchors", title="mean and 95 % interval over networks")
    for axis, key, words in ((axes[1], "spikes", "spikes in a group"), (axes[2], "span", "span of a group (ms)")):
        every = np.concatenate([record[f"groups/{kind}/{key}"] for kind in kinds])
        spread = np.geomspace if key == "spikes" else np.linspace
        bins = spread(every.min(), every.max() + 1.0, 31) if len(every) else np.arange(1.0, 3.0)
        for k, kind in enumerate(kinds):
            found = record[f"groups/{kind}/{key}"]
            if len(found):
                axis.hist(found, bins=bins, color=f"C{k}", histtype="step", label=NETWORKS[kind])
        axis.set(xlabel=words, ylabel="groups found")
    axes[1].set(yscale="log", xscale="log", title="colours as on the left")
    axes[2].set(yscale="log", title=f"trials end at {LIMIT} ms")
    return figure
