"""Work shared among as many threads as torch uses.

Numba's own parallel loops would start a second OpenMP beside torch's, and the workers of the one keep spinning for
milliseconds where those of the other should run. These are plain threads that sleep when there is nothing to do.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

__all__ = ["shared"]

_PIECES = 2  # for each thread, so that one which is held up leaves its share to the others
_pools: dict[int, ThreadPoolExecutor] = {}
os.register_at_fork(after_in_child=_pools.clear)  # a child process has none of its parent's threads


def shared(work: Callable[[int, int], None], n: int, *, least: int = 1) -> None:
    """Call work(first, last) for pieces that make up range(n), in any order and at the same time.

    Parameters   least   items that are worth a piece of their own; pieces begin at multiples of it
    """
    threads = min(torch.get_num_threads(), -(-n // least))
    if threads <= 1:
        work(0, n)
        return
    size = -(-n // (threads * _PIECES * least)) * least
    firsts = itertools.count(0, size)

    def take() -> None:
        while (first := next(firsts)) < n:
            work(first, min(first + size, n))

    if threads not in _pools:
        _pools[threads] = ThreadPoolExecutor(threads - 1, thread_name_prefix="synfire")
    others = [_pools[threads].submit(take) for _ in range(threads - 1)]
    take()
    for other in others:
        other.result()
