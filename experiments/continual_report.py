"""What the experiments of continual learning write of their trials, and the table made of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .continual_measures import average_accuracy, backward_transfer, forward_transfer
from .continual_methods import LEARNERS, METHODS
from .tables import Table

__all__ = ["BESIDE", "names", "tables", "write"]

BESIDE = ("hlop", "sequential")  # the methods of learners other than "bp"


def names(config: Any) -> list[tuple[str, str, str]]:
    """(learner, method, name of the two in metrics) of all that is learned; a learner other than bp stands in the name."""
    made = [("bp", method, method) for method in config.methods] if "bp" in config.learners else []
    others = [learner for learner in config.learners if learner != "bp"]
    return made + [(learner, method, f"{learner}.{method}") for learner in others for method in BESIDE]


def write(
    record: Any, learner: str, method: str, name: str, found: list[dict[str, Any]], paper: Mapping[str, float]
) -> None:
    """Write what the trials of one learner and method have found, one for each seed, beside what the paper has."""
    matrix, before = (np.array([each[key] for each in found]) for key in ("accuracy", "before"))
    label = f"{METHODS[method].label} ({LEARNERS[learner].label})"
    record.series(f"accuracy/{name}", matrix, units="%", axes="seed, tasks learned, task tested")
    record.series(f"before/{name}", before, units="%", axes="seed, task tested")
    record.metric(f"acc.{name}", average_accuracy(matrix), paper.get("acc"), label, "%")
    if not METHODS[method].jointly:
        record.metric(f"bwt.{name}", backward_transfer(matrix), paper.get("bwt"), label, "points")
        record.metric(f"fwt.{name}", forward_transfer(matrix, before), None, label, "points")
        record.metric(
            f"last.{name}", matrix[:, -1, -1], note="accuracy on the last task, when it was learned", unit="%"
        )
    said = {
        "captured": "share of a task's activity that is kept, by layer",
        "not_orthonormal": "|H H^T - I| / sqrt(k)",
        "longest": "largest eigenvalue of H H^T, 1 of a projection",
        "touched": "largest |x dW| / (|x| |dW|) over activity x of earlier tasks",
    }
    for key, note in said.items():
        if all(key in each for each in found):
            values = np.array([each[key] for each in found])
            record.series(f"{key}/{name}", values, axes="seed, task, layer of connections")
            worst = np.nanmin(values, (1, 2)) if key == "captured" else values.max((1, 2))
            record.metric(f"{key}.{name}", worst, note=f"{note}; the worst of all tasks and layers")
    for key in sorted(set.intersection(*(set(each) for each in found))):  # trials that diverged have none
        if key.startswith(("angles/", "shares")):
            axes = "seed, direction, after the first task; layer of connections in the name"
            record.series(f"{key}/{name}", _padded([each[key] for each in found]), axes=axes)
    record.cost(f"batch_s.{name}", [each["cost/batch_s"] for each in found], "training on a batch")
    record.cost(f"end_s.{name}", [each["cost/end_s"] for each in found], "what is done at the end of a task")


def _padded(rows: list[Any]) -> NDArray[np.float64]:
    """Rows that may differ in length, as directions by a share of energy do, with NaN at their ends."""
    made = np.full((len(rows), max(map(len, rows))), math.nan)
    for row, values in zip(made, rows, strict=True):
        row[: len(values)] = values
    return made


def tables(record: Any) -> dict[str, Table]:
    """Average accuracy and transfer of every learner and method, with 95 % intervals over seeds."""
    head = [
        "learner",
        "method",
        "ACC (%)",
        "low",
        "high",
        "BWT",
        "low",
        "high",
        "FWT",
        "low",
        "high",
        "last task (%)",
        "ms per batch",
    ]
    nothing = {"value": math.nan, "low": math.nan, "high": math.nan}
    rows = []
    for learner, method, name in names(_Given(record.config)):
        row: list[Any] = [LEARNERS[learner].label, METHODS[method].label]
        for key in ("acc", "bwt", "fwt"):
            found = record.metrics.get(f"{key}.{name}", nothing)
            row += [found["value"], found["low"], found["high"]]
        row += [record.metrics.get(f"last.{name}", nothing)["value"], 1e3 * record.cost[f"batch_s.{name}"]["value"]]
        rows.append(row)
    return {"transfer": Table(head, rows)}


class _Given:
    """The fields of a config as a result has them."""

    def __init__(self, plain: dict[str, Any]) -> None:
        self.learners, self.methods = plain["learners"], plain["methods"]
