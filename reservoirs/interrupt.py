"""Ctrl-C as a wish that is read between two chunks of a run, so that what was done is whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["interruptible"]


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Within it Ctrl-C does not raise; the function that it gives says whether somebody pressed it.

    A second Ctrl-C raises KeyboardInterrupt at once, for whoever will not wait. Outside the main thread, or where the
    signal is ignored, nothing changes; a handler of the program's own waits until the end.
    """
    pressed: list[int] = []

    def note(number: int, frame: Any) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)

    before = signal.getsignal(signal.SIGINT)
    ours = threading.current_thread() is threading.main_thread() and before not in (signal.SIG_IGN, None)
    if ours:
        signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(pressed)
    finally:
        if ours:
            signal.signal(signal.SIGINT, before)
