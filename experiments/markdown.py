"""Tables for the documentation, and the place in a page where they go."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..neurons import SynfireError

__all__ = ["replaced", "table"]

_NUMBER = re.compile(r"-?\d|nan|$")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; columns of numbers are aligned to the right."""
    numbers = [all(_NUMBER.match(row[k]) for row in rows) for k in range(len(head))]
    rule = ["---:" if right else "---" for right in numbers]
    cells = [[cell.replace("|", "\\|") for cell in row] for row in [head, rule, *rows]]
    return "\n".join("| " + " | ".join(row) + " |" for row in cells)


def replaced(page: str, name: str, text: str) -> str:
    """The page with what stands between its marks `<!-- name: begin -->` and `<!-- name: end -->` written anew.

    Raises       SynfireError if the page has no such marks
    """
    begin, end = (f"<!-- {name}: {mark} -->" for mark in ("begin", "end"))
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise SynfireError(f"the page has no {begin} … {end}; add these two lines where the table belongs")
    return f"{before}{begin}\n{text}\n{end}{after}"
