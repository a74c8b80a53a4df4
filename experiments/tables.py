"""Tables that an experiment makes of its result, beside its metrics: for the terminal, as Markdown and as CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from .markdown import table

__all__ = ["Table", "as_csv", "as_markdown", "in_columns"]


class Table(NamedTuple):
    """head; rows of strings and numbers; NaN: nothing to say."""

    head: Sequence[str]
    rows: Sequence[Sequence[Any]]


def as_markdown(made: Table) -> str:
    """With four digits."""
    return table(made.head, _cells(made, ""))


def as_csv(made: Table) -> str:
    """With all digits; nothing for NaN."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(made.head)
    writer.writerows([["" if _empty(cell) else cell for cell in row] for row in made.rows])
    return text.getvalue()


def in_columns(made: Table) -> str:
    """For the terminal, with four digits."""
    rows = [list(made.head), *_cells(made, "-")]
    widths = [max(len(row[k]) for row in rows) for k in range(len(made.head))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _cells(made: Table, nothing: str) -> list[list[str]]:
    return [
        [nothing if _empty(c) else f"{c:.4g}" if isinstance(c, float) else str(c) for c in row] for row in made.rows
    ]


def _empty(cell: Any) -> bool:
    return isinstance(cell, float) and math.isnan(cell)
