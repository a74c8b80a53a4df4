"""Training within a task of an experiment: all of it, or none that counts."""

from __future__ import annotations

from typing import Any

__all__ = ["whole_fit"]


def whole_fit(*arguments: Any, **options: Any) -> Any:
    """What `fit` gives for these arguments, without its bar.

    Ctrl-C ends `fit` early with what was done; here it goes on as KeyboardInterrupt, so that a task that was stopped half-way
    never counts as done, and a resumed run does it again.
    """
    from ..reservoirs import fit

    fitted = fit(*arguments, progress=False, **options)
    if fitted.interrupted:
        raise KeyboardInterrupt
    return fitted
