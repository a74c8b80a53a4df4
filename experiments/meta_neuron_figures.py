"""Figures of the experiment `meta-neurons`, drawn from its result alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..plasticity import Tempotron
from .meta_neuron_learners import INTERNAL, NEURONS
from .meta_neuron_trials import READOUTS, Cell, cells

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["figures"]

KINDS = {"lif": "LIF", "meta": "meta-neuron", "escape_lif": "LIF, escape noise"}
RULES = {"backprop": "backprop", "stdp": "STDP", "tempotron": "Tempotron"}
SAID = {"plain": "learner's own answer", "lzc": "complexity, mean", "lzc_lda": "complexities, LDA"}
OF_KIND = {"lif": "#0072B2", "meta": "#D55E00", "escape_lif": "#56B4E9"}
OF_RULE = {"backprop": "#009E73", "stdp": "#E69F00", "tempotron": "#CC79A7"}
MARKER = {"backprop": "o", "stdp": "s", "tempotron": "^"}
ALONE = {
    "counting": ("counts, linear", "0.45", "--"),
    "two_sided_counting": ("counts, two-sided", "0.45", ":"),
    "raw_lzc": ("complexity of the trains, mean", "#7B3FA0", "--"),
    "raw_lzc_linear": ("complexity of the trains, linear", "#7B3FA0", ":"),
}
UNITS = {"tau_m": "tau_m (ms)", "tau": "Tempotron's tau (ms)", "tau_s": "Tempotron's tau_s (ms)"}
ACROSS = 3  # panels in a row


def figures(record: Any) -> dict[str, Figure]:
    """Gains; accuracies beside what needs no network; learned parameters; complexities by class; searches; costs."""
    made = {"gains": _gains(record), "accuracy": _accuracy(record)}
    if any(name.startswith("own/") for name in record.series_names):
        made["parameters"] = _parameters(record)
    return made | {"complexity": _complexity(record), "search": _search(record), "cost": _cost(record)}


def _fixed(record: Any, task: str) -> list[Cell]:
    """The cells of a task with fixed parameters; each stands for the pair."""
    return [cell for cell in cells(SimpleNamespace(**record.config)) if cell.task == task and not cell.learned]


def _gains(record: Any) -> Figure:
    """Learned less fixed, seed by seed; below, in a panel of their own, the maxima of the abstracts."""
    from matplotlib import pyplot

    tasks = record.config["tasks"]
    maxima = {"all": "v1, any", **{kind: f"v2, {KINDS[kind]}" for kind in record.config["neurons"]}}
    maxima = {
        name: said for name, said in maxima.items() if record.metrics[f"largest_gain.{name}"]["paper"] is not None
    }
    heights = [float(len(_fixed(record, task))) for task in tasks] + [1.2 + len(maxima)]
    figure, axes = pyplot.subplots(
        len(tasks) + 1, len(READOUTS), figsize=(10.0, 1.4 + 0.27 * sum(heights) + 0.25 * len(tasks)), sharex=True,
        sharey="row", height_ratios=heights, squeeze=False, layout="constrained",
    )  # fmt: skip
    for row, task in zip(axes, tasks, strict=False):
        pairs = _fixed(record, task)
        for axis, readout in zip(row, READOUTS, strict=True):
            axis.axvline(0.0, color="0.3", linewidth=0.8, zorder=1)
            for place, cell in enumerate(pairs):
                metric = record.metrics[f"gain_{readout}.{task}.{cell.rule}.{cell.neuron}"]
                colour = OF_KIND[cell.neuron]
                axis.plot([metric["low"], metric["high"]], [place, place], color=colour, linewidth=6, alpha=0.3)
                axis.plot(metric["values"], np.full(len(metric["values"]), place), "o", color=colour, markersize=2.8)
                axis.plot(metric["value"], place, "|", color=colour, markersize=12, markeredgewidth=2)
            _rows(axis, [f"{RULES[cell.rule]}, {KINDS[cell.neuron]}" for cell in pairs])
        row[0].set_title(f"{task}: {SAID['plain']}")
        for axis, readout in list(zip(row, READOUTS, strict=True))[1:]:
            axis.set_title(SAID[readout])
    reference = axes[-1, 0]
    for place, name in enumerate(maxima):
        value = record.metrics[f"largest_gain.{name}"]["paper"]
        reference.plot(value, place, "D", color="none", markeredgecolor="black", markersize=6)
        reference.annotate(f"{value:.1f}", (value, place), (-7, 0), textcoords="offset points", ha="right", va="center")
    _rows(reference, [f"paper's maximum, {said}" for said in maxima.values()])
    reference.set_title("not ours: cells unknown")
    reference.set_facecolor("0.96")
    for column, axis in enumerate(axes[-1]):
        axes[-2, column].tick_params(labelbottom=True)
        axes[-2 if column else -1, column].set_xlabel("learned less fixed (points)")
        if column:
            axis.set_axis_off()
    for axis in axes.ravel():
        _plain(axis, "x")
    handles = [
        reference.plot([], [], "o", color="0.3", markersize=2.8, label="each seed")[0],
        reference.plot([], [], "|", color="0.3", markersize=12, markeredgewidth=2, label="mean")[0],
        reference.plot([], [], color="0.3", linewidth=6, alpha=0.3, label="95 % interval")[0],
    ]
    axes[-1, 1].legend(handles=handles, frameon=False, loc="center", borderaxespad=0.0)
    return figure


def _accuracy(record: Any) -> Figure:
    """Fixed (hollow) and learned (filled), by rule; lines: what needs no network."""
    from matplotlib import pyplot

    tasks, rules, kinds = (record.config[name] for name in ("tasks", "rules", "neurons"))
    figure, axes = pyplot.subplots(
        len(tasks), len(READOUTS), figsize=(10.0, 1.0 + 2.5 * len(tasks)), sharex=True, sharey="row", squeeze=False,
        layout="constrained",
    )  # fmt: skip
    slots = np.linspace(-0.36, 0.36, 2 * len(kinds) + 1)[:-1] + 0.36 / (2 * len(kinds))
    for row, task in zip(axes, tasks, strict=True):
        for axis, readout in zip(row, READOUTS, strict=True):
            for name, (_, colour, style) in ALONE.items():
                axis.axhline(
                    record.metrics[f"accuracy_alone.{task}.{name}"]["value"], color=colour, linestyle=style, zorder=0
                )
            if line := record.metrics.get(f"bayes_line.{task}"):
                axis.axhline(line["value"], color="black", linewidth=1.5, zorder=0)
            for cell in cells(SimpleNamespace(**record.config)):
                if cell.task == task:
                    metric = record.metrics[f"accuracy_{readout}.{cell.name}"]
                    place = rules.index(cell.rule) + slots[2 * kinds.index(cell.neuron) + cell.learned]
                    colour = OF_KIND[cell.neuron]
                    axis.plot([place, place], [metric["low"], metric["high"]], color=colour)
                    face = colour if cell.learned else "white"
                    axis.plot(place, metric["value"], "o", color=colour, markerfacecolor=face, markersize=5)
            for between in np.arange(len(rules) - 1) + 0.5:
                axis.axvline(between, color="0.9", zorder=-1)
            axis.set_xticks(range(len(rules)), [RULES[rule] for rule in rules])
            axis.set_xlim(-0.5, len(rules) - 0.5)
            axis.set_title(f"{task}: {SAID[readout]}" if axis is row[0] else SAID[readout])
            _plain(axis)
        row[0].set_ylabel("test accuracy (%)")
    draw = axes[0, 0].plot
    handles = [
        draw([], [], "o-", color=OF_KIND[kind], markerfacecolor=OF_KIND[kind] if learned else "white",
             label=f"{KINDS[kind]}, {'learned' if learned else 'fixed'}")[0]
        for kind in kinds for learned in (False, True)
    ]  # fmt: skip
    handles += [draw([], [], color=colour, linestyle=style, label=said)[0] for said, colour, style in ALONE.values()]
    if any(f"bayes_line.{task}" in record.metrics for task in tasks):
        handles.append(draw([], [], color="black", linewidth=1.5, label="Bayes: no method is better")[0])
    _legend(figure, handles, "mean and 95 % interval over seeds")
    return figure


def _parameters(record: Any) -> Figure:
    """A row for each kind of neuron, a panel for each of its parameters; boxes of all neurons of all seeds."""
    from matplotlib import pyplot, ticker

    found: dict[str, dict[str, dict[tuple[str, str, str], Any]]] = {}
    for series in record.series_names:
        kept, *path = series.split("/")
        if kept == "own":
            task, rule, kind, _ = path[-1].split(".")
            layer = {"1": " 1", "3": " 2"}[path[1]] if len(path) == 3 else ""
            found.setdefault(kind, {}).setdefault(path[0], {})[task, rule, layer] = record[series]
    kinds = [kind for kind in record.config["neurons"] if kind in found]
    order = {kind: [*INTERNAL[kind], *(name for name in found[kind] if name not in INTERNAL[kind])] for kind in kinds}
    ranks = [record.config["tasks"], record.config["rules"], ["", " 1", " 2"]]
    rows = {
        kind: sorted(
            {key for each in found[kind].values() for key in each},
            key=lambda key: [of.index(part) for of, part in zip(ranks, key, strict=True)],
        )
        for kind in kinds
    }
    heights = [float(len(rows[kind])) for kind in kinds]
    across = max(len(names) for names in order.values())
    figure, axes = pyplot.subplots(
        len(kinds), across, figsize=(11.0, 1.3 + 0.22 * sum(heights) + 0.5 * len(kinds)), squeeze=False, sharey="row",
        height_ratios=heights, layout="constrained",
    )  # fmt: skip
    for panels, kind in zip(axes, kinds, strict=True):
        for axis, name in zip(panels, order[kind], strict=False):
            for place, key in enumerate(rows[kind]):
                if key in found[kind].get(name, {}):
                    _box(axis, found[kind][name][key], place, OF_RULE[key[1]])
            axis.axvline(_start(kind, name), color="black", linestyle="--", linewidth=1, zorder=1)
            axis.set_xlabel(UNITS.get(name, name))
            axis.xaxis.set_major_locator(ticker.MaxNLocator(3))
            _plain(axis, "x")
        for axis in panels[len(order[kind]) :]:
            axis.set_visible(False)
        _rows(panels[0], [f"{task}: {RULES[rule]}{layer}" for task, rule, layer in rows[kind]])
        panels[0].set_title(KINDS[kind])
    draw = axes[0, 0].plot
    handles = [
        draw([], [], linewidth=6, alpha=0.6, color=OF_RULE[each], label=RULES[each]) for each in record.config["rules"]
    ]
    handles.append(draw([], [], color="black", linestyle="--", label="start; the fixed neuron's value"))
    said = (
        "all neurons of all seeds: quartiles, median, 5 to 95 %; 1, 2: layers; of STDP the draw that the search chose"
    )
    _legend(figure, [each[0] for each in handles], said)
    return figure


def _start(kind: str, name: str) -> float:
    return float(getattr(Tempotron() if name in ("tau", "tau_s") else NEURONS[kind](), name))


def _box(axis: Axes, values: Any, place: float, colour: str) -> None:
    """5 to 95 % thin, quartiles thick, the median."""
    low, first, median, third, high = np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95])
    axis.plot([low, high], [place, place], color=colour, linewidth=1.2)
    axis.plot([first, third], [place, place], color=colour, linewidth=6, alpha=0.6, solid_capstyle="butt")
    axis.plot(median, place, "|", color="black", markersize=8, markeredgewidth=1.6)


def _complexity(record: Any) -> Figure:
    """What complexity as a readout has to tell apart: histograms of a sample's mean complexity, by class."""
    from matplotlib import colormaps, pyplot

    tasks, rules = record.config["tasks"], record.config["rules"]
    rule = "backprop" if "backprop" in rules else rules[0]
    columns = [(kind, learned) for kind in record.config["neurons"] for learned in (False, True)]
    figure, axes = pyplot.subplots(
        len(tasks), len(columns), figsize=(1.0 + 2.4 * len(columns), 1.1 + 1.6 * len(tasks)), sharex="row", squeeze=False,
        layout="constrained",
    )  # fmt: skip
    most = 0
    for row, task in zip(axes, tasks, strict=True):
        shown = [Cell(task, rule, kind, learned) for kind, learned in columns]
        for axis, cell in zip(row, shown, strict=True):
            shares, edges = record[f"complexity/{cell.name}"], record[f"complexity_edges/{cell.name}"]
            most = max(most, len(shares))
            for place, each in enumerate(shares):
                colour = colormaps["viridis"](0.8 * place / max(len(shares) - 1, 1))
                axis.stairs(each / np.diff(edges), edges, color=colour, fill=len(shares) == 2, alpha=0.55)
                axis.stairs(each / np.diff(edges), edges, color=colour)
            said = "learned" if cell.learned else "fixed"
            axis.set_title(f"{task}: {KINDS[cell.neuron]}, {said}", fontsize="small")
            axis.set_yticks([])
            _plain(axis)
        cuts = [record[f"complexity_edges/{cell.name}"] for cell in shown]
        filled = [record[f"complexity/{cell.name}"].any(0) for cell in shown]
        low = min(cut[:-1][full].min() for cut, full in zip(cuts, filled, strict=True))
        high = max(cut[-1] for cut in cuts)
        row[0].set_xlim(low - 0.04 * (high - low), high + 0.04 * (high - low))
        row[0].set_ylabel("density")
    for axis in axes[-1]:
        axis.set_xlabel("complexity (bits per bin)")
    colours = [colormaps["viridis"](0.8 * place / max(most - 1, 1)) for place in range(most)]
    handles = [
        axes[0, 0].plot([], [], color=colour, linewidth=4, label=f"class {place}")[0]
        for place, colour in enumerate(colours)
    ]
    _legend(figure, handles, f"mean complexity of the last neurons' spikes, test samples of all seeds; {RULES[rule]}")
    return figure


def _search(record: Any) -> Figure:
    """Every setting that was tried: as many for fixed as for learned parameters."""
    most = max(len(_fixed(record, task)) for task in record.config["tasks"])
    figure, panels = _panels(len(record.config["tasks"]), 0.6 + 0.42 * most, sharey=False)
    for axis, task in zip(panels, record.config["tasks"], strict=True):
        pairs = _fixed(record, task)
        for place, cell in enumerate(pairs):
            colour, counted = OF_KIND[cell.neuron], []
            for aside, each in ((-0.18, cell), (0.18, cell._replace(learned=True))):
                tried = record[f"search/{each.name}"]
                counted.append(str(len(tried)))
                face = colour if each.learned else "white"
                axis.plot(
                    tried,
                    np.full(len(tried), place + aside),
                    "o",
                    color=colour,
                    markerfacecolor=face,
                    markersize=4,
                    alpha=0.7,
                )
                axis.plot(tried.max(), place + aside, "|", color="black", markersize=9, markeredgewidth=1.6)
            axis.annotate(
                " + ".join(counted), (1.02, place), xycoords=("axes fraction", "data"), fontsize="small", va="center",
                annotation_clip=False,
            )  # fmt: skip
            axis.axhline(place + 0.5, color="0.9", linewidth=0.8, zorder=0)
        _rows(axis, [f"{RULES[cell.rule]}, {KINDS[cell.neuron]}" for cell in pairs])
        axis.set_title(task)
        axis.set_xlabel("validation accuracy (%)")
        _plain(axis, "x")
    handles = _hollow_and_filled(panels[0], "o")
    handles.append(panels[0].plot([], [], "|", color="black", markersize=9, markeredgewidth=1.6, label="chosen")[0])
    _legend(figure, handles, "at the right: how many settings were tried, fixed + learned")
    return figure


def _cost(record: Any) -> Figure:
    """Energy of a sample, a proxy, against accuracy of the learner's own answer; how long one sample takes alone."""
    from matplotlib import ticker

    tasks = record.config["tasks"]
    times = {name: record.cost.get(f"latency_ms.{name}") for name in record.config["neurons"]}
    timed = {name: np.asarray(each["values"]) for name, each in times.items() if each is not None}
    figure, panels = _panels(len(tasks) + bool(timed), 3.0, sharey=False)
    for axis, task in zip(panels, tasks, strict=False):
        for cell in cells(SimpleNamespace(**record.config)):
            if cell.task == task:
                energy, reached = record.cost[f"energy.{cell.name}"], record.metrics[f"accuracy_plain.{cell.name}"]
                colour = OF_KIND[cell.neuron]
                axis.plot([energy["value"]] * 2, [reached["low"], reached["high"]], color=colour, linewidth=0.8)
                axis.plot([energy["low"], energy["high"]], [reached["value"]] * 2, color=colour, linewidth=0.8)
                face = colour if cell.learned else "white"
                axis.plot(
                    energy["value"],
                    reached["value"],
                    MARKER[cell.rule],
                    color=colour,
                    markerfacecolor=face,
                    markersize=6,
                )
        axis.set(xlabel="energy of a sample (µJ, proxy)", xlim=(0.0, None), ylabel="test accuracy (%)", title=task)
        axis.xaxis.set_major_locator(ticker.MaxNLocator(4))
        _plain(axis, "both")
    if timed:
        axis = panels[-1]
        for place, (name, values) in enumerate(timed.items()):
            _box(axis, values, place, OF_KIND[name])
            high = float(np.quantile(values, 0.95))
            axis.annotate(
                f"median {np.median(values):.2f}", (high, place), (5, 0), textcoords="offset points", va="center"
            )
        right = max(1.0, *(float(np.quantile(values, 0.95)) for values in timed.values()))
        axis.axvline(1.0, color="0.3", linestyle="--", linewidth=0.8, zorder=1)
        _rows(axis, [KINDS[name] for name in timed])
        axis.set(
            xlim=(0.0, 1.6 * right),
            xlabel="one sample of 1 s (ms)\ndashed: the paper is below",
            title="latency, 64 a layer",
        )
        _plain(axis, "x")
    draw = panels[0].plot
    handles = [draw([], [], "o", color=OF_KIND[kind], label=KINDS[kind])[0] for kind in record.config["neurons"]]
    handles += [draw([], [], MARKER[rule], color="0.4", label=RULES[rule])[0] for rule in record.config["rules"]]
    _legend(
        figure,
        handles + _hollow_and_filled(panels[0], "D"),
        "mean and 95 % interval over seeds; latency: quartiles, 5 to 95 %",
    )
    return figure


def _panels(count: int, height: float, sharey: bool = True) -> tuple[Figure, list[Axes]]:
    """So many panels, three to a row, and no others."""
    from matplotlib import pyplot

    across = 2 if count == 4 else min(count, ACROSS)
    down = -(-count // across)
    figure, axes = pyplot.subplots(
        down,
        across,
        figsize=(1.6 + 2.9 * across, 0.9 + height * down),
        squeeze=False,
        sharey=sharey,
        layout="constrained",
    )
    for axis in axes.ravel()[count:]:
        axis.set_visible(False)
    return figure, list(axes.ravel()[:count])


def _rows(axis: Axes, labels: list[str]) -> None:
    axis.set_yticks(range(len(labels)), labels)
    axis.set_ylim(len(labels) - 0.4, -0.6)


def _hollow_and_filled(axis: Axes, marker: str) -> list[Any]:
    return [
        axis.plot([], [], marker, color="0.4", markerfacecolor=face, label=f"{said} parameters")[0]
        for face, said in (("white", "fixed"), ("0.4", "learned"))
    ]


def _legend(figure: Figure, handles: list[Any], title: str) -> None:
    across = min(len(handles), 5 if figure.get_figwidth() > 9.0 else 3)
    figure.legend(
        handles=handles,
        frameon=False,
        fontsize="small",
        title=title,
        title_fontsize="small",
        loc="outside lower center",
        ncols=across,
    )


def _plain(axis: Axes, grid: Any = None) -> None:
    axis.spines[["top", "right"]].set_visible(False)
    if grid is not None:
        axis.grid(axis=grid, color="0.93")
        axis.set_axisbelow(True)
