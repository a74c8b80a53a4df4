"""A result as text and as JSON: metrics beside the paper's numbers, checks, costs."""

from __future__ import annotations

import json
import math
from typing import Any

from .results import LoadedRecord

__all__ = ["as_json", "as_text"]


def as_json(record: LoadedRecord) -> str:
    """A JSON object: experiment, preset, config, seed, metrics {name: {value, low, high, paper}}, checks, cost,
    versions, commit. NaN and infinity, which JSON does not have, become null.
    """
    numbers = ("value", "low", "high", "paper")
    whole = {
        "experiment": record.experiment,
        "preset": record.preset,
        "config": record.config,
        "seed": record.seed,
        "metrics": {name: {key: row[key] for key in numbers} for name, row in record.metrics.items()},
        "checks": record.checks,
        "cost": record.cost,
        "versions": record.versions,
        "commit": record.commit,
    }
    return json.dumps(_finite(whole), indent=2, allow_nan=False)


def as_text(record: LoadedRecord, config: bool = True) -> str:
    """The tables for the terminal; `config` says whether the fields of the config are listed too."""
    head = f"{record.experiment}, preset {record.preset}, seed {record.seed}"
    parts = [head + (f", commit {record.commit[:12]}" if record.commit else "")]
    if config:
        parts.append(_columns([["  " + name, _setting(value)] for name, value in record.config.items()]))
    if record.metrics:
        rows = [_metric(name, row) for name, row in record.metrics.items()]
        parts.append(_columns([["metric", "value", "95 % interval", "n", "paper", ""], *rows]))
    if record.checks:
        parts.append(_columns([_check(name, row) for name, row in record.checks.items()]))
    if record.cost:
        rows = [_cost(name, row) for name, row in record.cost.items()]
        parts.append(_columns([["cost", "value", "range", ""], *rows]))
    return "\n\n".join(parts)


def _metric(name: str, row: dict[str, Any]) -> list[str]:
    n = len(row["values"])
    interval = f"[{_number(row['low'])}, {_number(row['high'])}]" if n > 1 else "-"
    unit = f" {row['unit']}" if row["unit"] else ""
    paper = "-" if row["paper"] is None else _number(row["paper"]) + unit
    return [name, _number(row["value"]) + unit, interval, str(n), paper, row["note"]]


def _check(name: str, row: dict[str, Any]) -> list[str]:
    verdict = "HOLDS" if row["holds"] else "DOES NOT HOLD"
    return [verdict, name, row["claim"] + (f" ({row['detail']})" if row["detail"] else "")]


def _cost(name: str, row: dict[str, Any]) -> list[str]:
    values = row["values"]
    spread = f"{_number(min(values))} to {_number(max(values))}" if len(values) > 1 else "-"
    return [name, _number(row["value"]), spread, row["note"]]


def _number(value: float) -> str:
    return f"{value:.4g}"


def _setting(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _columns(rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
