"""Show how far a run is: a bar with the time left on a terminal, one line per finished task elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

__all__ = ["Progress"]


class Progress:
    """A context in which finished tasks are counted on standard error.

    Parameters   total   number of tasks
                 kept    how many of them an earlier run finished
                 jobs    how many run at once
    """

    def __init__(self, total: int, kept: int, jobs: int) -> None:
        self.total = total
        self.kept = kept
        self.jobs = jobs
        self._done = kept
        self._start = time.perf_counter()
        self._bar: Any = None

    def __enter__(self) -> Progress:
        if sys.stderr.isatty() and self.total > self.kept:
            import tqdm

            self._bar = tqdm.tqdm(total=self.total, initial=self.kept, unit="task", file=sys.stderr)
        elif self.kept:
            print(f"{self.kept} of {self.total} tasks were finished before", file=sys.stderr, flush=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()

    def finished(self, name: str, seconds: float) -> None:
        """Count a task and say how long it took and how long the rest may take."""
        self._done += 1
        if self._bar is not None:
            self._bar.set_postfix_str(name, refresh=False)
            self._bar.update()
            return
        line = f"[{self._done}/{self.total}] {name}: {seconds:.1f} s"
        if self._done < self.total:
            pace = (time.perf_counter() - self._start) / (self._done - self.kept)
            line += f", about {pace * (self.total - self._done):.0f} s left"
        print(line, file=sys.stderr, flush=True)
