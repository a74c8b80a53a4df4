"""The leaderboard of a result of the experiment `rules`: one row for each rule, the most accurate first.

    python -m synfire.experiments.leaderboard results/rules/laptop-seed0.h5

prints it; `synfire run` and `synfire plot` also write it beside the result, as Markdown and as CSV.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .results import load
from .tables import Table, in_columns

__all__ = ["boards", "main", "ranking", "tables"]

HEAD = (
    "rule", "name", "accuracy (%)", "low", "high", "behind backprop", "s per epoch", "MB", "M MACs per sample", "angle",
    "beats frozen features",
)  # fmt: skip


def boards(config: Mapping[str, Any]) -> list[str]:
    """Prefixes of names in a record, for each data set and network in turn: both are named where there are several."""
    several = {field: len(config[field]) > 1 for field in ("datasets", "networks")}
    return [
        "".join(f"{name}_" for name, shown in ((dataset, several["datasets"]), (network, several["networks"])) if shown)
        for dataset in config["datasets"]
        for network in config["networks"]
    ]


def ranking(record: Any, prefix: str = "") -> Table:
    """Rows for the rules of one board, those whose training failed last. Low and high: 95 % interval over seeds."""
    rows = []
    for rule in record.config["rules"]:
        found = record.metrics[f"{prefix}accuracy.{rule}"]
        gap = record.metrics.get(f"{prefix}gap.{rule}", {"value": math.nan})
        beats = record.checks.get(f"{prefix}beats_frozen_{rule}")
        rows.append([
            rule, found["note"], found["value"], found["low"], found["high"], gap["value"],
            record.cost[f"{prefix}epoch_s.{rule}"]["value"], record.cost[f"{prefix}step_mb.{rule}"]["value"],
            record.metrics[f"{prefix}macs.{rule}"]["value"] / 1e6, record.metrics[f"{prefix}angle.{rule}"]["value"],
            "" if beats is None else "yes" if beats["holds"] else "no",
        ])  # fmt: skip
    rows.sort(key=lambda row: math.inf if math.isnan(row[2]) else -row[2])
    return Table(HEAD, rows)


def tables(record: Any) -> dict[str, Table]:
    """The leaderboard of each data set and network, by name."""
    return {f"{prefix}leaderboard": ranking(record, prefix) for prefix in boards(record.config)}


def main(path: Path) -> str:
    """The leaderboards of the result at this path, for the terminal."""
    return "\n\n".join(f"{name}\n{in_columns(table)}" for name, table in tables(load(path)).items())


if __name__ == "__main__":
    print(main(Path(sys.argv[1])))
