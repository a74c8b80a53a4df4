"""Figures of the experiment `meta-neurons`, drawn from its result alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["figures"]


def figures(record: Any) -> dict[str, Figure]:
    return {}
