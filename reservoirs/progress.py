"""Progress of a run on the terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Self

__all__ = ["Progress"]


class Progress:
    """A bar over simulated time with ETA and real-time factor; silent where nobody watches or a run is short.

    done   steps so far
    """

    def __init__(self, duration: float, dt: float, show: bool) -> None:
        self._bar: Any = None
        self._dt = dt
        self._began = time.perf_counter()
        self.done = 0
        if show and sys.stderr.isatty():
            from tqdm import tqdm

            layout = "{percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} ms, {elapsed}, {remaining} left{postfix}"
            self._bar = tqdm(total=duration, unit="ms", bar_format=layout, delay=0.5, leave=False)

    def advance(self, steps: int) -> None:
        """So many steps more are done."""
        self.done += steps
        if self._bar is not None:
            simulated = self.done * self._dt * 1e-3
            factor = simulated / max(time.perf_counter() - self._began, 1e-9)
            self._bar.set_postfix_str(f"{factor:.2g} x real time", refresh=False)
            self._bar.update(steps * self._dt)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
