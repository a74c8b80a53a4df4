"""What the experiment `meta-neurons` writes of its trials, and the tables made of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .meta_neuron_tasks import SOURCES
from .meta_neuron_trials import READOUTS, Cell, cells
from .tables import Table

__all__ = ["ALONE", "PAPER", "gains", "largest", "tables", "write"]

PAPER = {"v1": 11.0, "lif": 13.5, "meta": 8.5, "lzc": 99.5}
"""Of the abstracts: the largest gain, v1; the largest gains of LIF and meta-neurons, and the best accuracy by complexity, v2."""
ALONE = {
    "counting": "counts of each channel, linear",
    "two_sided_counting": "total count, both sides",
    "raw_lzc": "complexity of the trains, mean",
    "raw_lzc_linear": "complexity of each channel, linear",
    "bayes": "likelihood ratio: no method is better",
}
WIDE = 12  # bins of a histogram of complexities

Values = NDArray[np.float64]


def gains(found: dict[Cell, list[dict[str, Any]]], readout: str) -> dict[Cell, Values]:
    """By the cell with fixed parameters: how much higher learned ones are, seed by seed, points."""
    made = {}
    for cell in found:
        if not cell.learned:
            both = [_each(found[cell._replace(learned=learned)], f"accuracy/{readout}") for learned in (True, False)]
            made[cell] = both[0] - both[1]
    return made


def largest(gain: dict[Cell, Values], neurons: tuple[str, ...], rule: str | None = None) -> tuple[str, Values]:
    """The cell of some neurons with the largest mean gain, by name, and its gains."""
    cell = max(
        (cell for cell in gain if cell.neuron in neurons and rule in (None, cell.rule)), key=lambda cell: gain[cell].mean()
    )
    return f"{cell.task}, {cell.rule}", gain[cell]


def write(record: Any, found: dict[Cell, list[dict[str, Any]]], bare: dict[str, list[dict[str, Any]]], chosen: Any) -> None:
    """Everything into the record: accuracies, gains, settings, learned parameters, complexities, costs."""
    for cell, trials in found.items():
        for readout, note in READOUTS.items():
            record.metric(f"accuracy_{readout}.{cell.name}", _each(trials, f"accuracy/{readout}"), note=note, unit="%")
        if all("accuracy/labelled" in each for each in trials):
            note = "labelled groups' mean counts; silence and ties are wrong"
            record.metric(f"accuracy_labelled.{cell.name}", _each(trials, "accuracy/labelled"), note=note, unit="%")
        record.metric(f"rate.{cell.name}", _each(trials, "rate"), note="spikes a step of the last neurons")
        setting = chosen[cell]
        own = "".join(f", {name} {low:.3g} to {high:.3g}" for name, (low, high) in setting.own.items())
        own = f", homeostasis {setting.homeostasis:g}{own}" if cell.rule == "stdp" else own
        share = f", share {setting.share:g}" if setting.share else ""
        record.metric(f"rate_chosen.{cell.name}", setting.rate, note=f"{setting.hidden} neurons a layer{share}{own}")
        for name in ("operations", "updates", "energy"):
            said = {"operations": "synaptic", "updates": "of neurons", "energy": "microjoules, proxy"}[name]
            record.cost(f"{name}.{cell.name}", _each(trials, name), f"{said}, a sample")
        record.cost(f"training_s.{cell.name}", _each(trials, "cost/seconds"), "with compilation where it is the first")
        for name in sorted(key for key in trials[0] if key.startswith("own/") and all(key in each for each in trials)):
            record.series(f"{name}/{cell.name}", np.concatenate([each[name] for each in trials]), axes="neuron of all seeds")
        values = np.concatenate([each["complexity"] for each in trials])
        target = np.concatenate([each["target"] for each in trials])
        edges = np.linspace(0.0, max(float(values.max()), 1e-9) * (1.0 + 1e-9), 5 * WIDE + 1)
        shares = [np.histogram(values[target == c], edges)[0] / (target == c).sum() for c in range(int(target.max()) + 1)]
        record.series(f"complexity/{cell.name}", np.array(shares), axes="class, bin", note="shares of the test samples")
        record.series(f"complexity_edges/{cell.name}", edges, units="bits per bin")
    for readout in READOUTS:
        for cell, gain in gains(found, readout).items():
            name = f"{cell.task}.{cell.rule}.{cell.neuron}"
            record.metric(f"gain_{readout}.{name}", gain, note="learned less fixed, same seeds", unit="points")
    for task, trials in bare.items():
        for name, note in ALONE.items():
            if name in trials[0]:
                record.metric(f"accuracy_alone.{task}.{name}", _each(trials, name), note=note, unit="%")
        if task in SOURCES:
            line = 100.0 * SOURCES[task].bayes_accuracy()
            record.metric(f"bayes_line.{task}", line, note="expected, over all trains", unit="%")
    plain = gains(found, "plain")
    kinds = tuple(dict.fromkeys(cell.neuron for cell in plain))
    where, gain = largest(plain, kinds)
    record.metric("largest_gain.all", gain, PAPER["v1"], f"{where}; paper: v1, best of unknown settings", "points")
    for neuron in kinds:
        where, gain = largest(plain, (neuron,))
        record.metric(f"largest_gain.{neuron}", gain, PAPER.get(neuron), f"{where}; paper: v2, likewise", "points")


def _each(trials: list[dict[str, Any]], key: str) -> Values:
    return np.array([float(each[key]) for each in trials])


class _Given:
    """The fields of a config as a result has them."""

    def __init__(self, plain: dict[str, Any]) -> None:
        self.tasks, self.rules, self.neurons = plain["tasks"], plain["rules"], plain["neurons"]
        self.backprop_only = plain["backprop_only"]


def tables(record: Any) -> dict[str, Table]:
    """For each task the grid, fixed beside learned with 95 % intervals over seeds, and below it what needs no network."""
    head = ["rule", "neuron", "readout", "fixed (%)", "low", "high", "learned (%)", "low", "high", "gain", "low", "high", "µJ"]
    made: dict[str, Table] = {}
    for cell in cells(_Given(record.config)):
        if cell.learned:
            continue
        rows = made.setdefault(f"grid_{cell.task}", Table(head, [])).rows
        for readout in READOUTS:
            fixed, learned = (record.metrics[f"accuracy_{readout}.{cell._replace(learned=k).name}"] for k in (False, True))
            gain = record.metrics[f"gain_{readout}.{cell.task}.{cell.rule}.{cell.neuron}"]
            row: list[Any] = [cell.rule, cell.neuron, readout]
            for metric in (fixed, learned, gain):
                row += [metric["value"], metric["low"], metric["high"]]
            rows.append([*row, record.cost[f"energy.{cell.name}"]["value"]])  # type: ignore[attr-defined]
    for task in record.config["tasks"]:
        rows = made[f"grid_{task}"].rows
        for name, note in ALONE.items():
            metric = record.metrics.get(f"accuracy_alone.{task}.{name}")
            if metric:
                none = [math.nan] * 7
                rows.append([note, "-", "-", metric["value"], metric["low"], metric["high"], *none])  # type: ignore[attr-defined]
    beside = [["v1, largest gain", record.metrics["largest_gain.all"], PAPER["v1"]]]
    beside += [
        [f"v2, largest gain, {kind}", record.metrics[f"largest_gain.{kind}"], PAPER.get(kind, math.nan)]
        for kind in record.config["neurons"]
    ]
    rows = [[said, m["value"], m["low"], m["high"], paper, m["note"].split(";")[0]] for said, m, paper in beside]
    return made | {"beside_the_paper": Table(["", "ours (points)", "low", "high", "paper", "where ours is"], rows)}
