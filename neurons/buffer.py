"""Large arrays whose memory is used again once nothing refers to them any more.

A training step makes and drops the same arrays as the step before. Memory that is given back and asked for anew costs a
page fault for every 4 KB, which on a virtual machine is dearer than the arithmetic done there.
"""

from __future__ import annotations

import math
import threading
import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["empty"]

_LARGE = 1 << 20  # bytes from which on memory is kept
_PATIENCE = 200  # requests after which memory that none of them took is given back
_LINE = 64  # bytes that arrays begin at multiples of: a line of the cache, a vector of AVX-512

Memory = NDArray[np.uint8]

_idle: list[tuple[int, Memory]] = []  # with the number of requests when it fell idle
_lent: dict[int, tuple[Any, Memory]] = {}  # by id of the weak reference to the array that lies there
_lock = threading.Lock()
_requests = 0


def empty(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """An array of this shape with arbitrary contents; a large one lies where a dropped one of up to twice its size lay."""
    global _requests
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size < _LARGE:
        return np.empty(shape, dtype)
    with _lock:
        _requests += 1
        fitting = [k for k, (_, memory) in enumerate(_idle) if size <= len(memory) - _LINE <= 2 * size]
        memory = _idle.pop(fitting[-1])[1] if fitting else np.empty(size + _LINE, np.uint8)
        while _idle and _requests - _idle[0][0] > _PATIENCE:
            _idle.pop(0)
    first = -memory.ctypes.data % _LINE
    # NumPy keeps a memoryview's array as the base of all views of it, so that its end is the end of them all
    array = np.frombuffer(memory.data[first : first + size], dtype)
    end = weakref.ref(array, _fell_idle)
    _lent[id(end)] = end, memory
    return array.reshape(shape)


def _fell_idle(end: Any) -> None:
    _idle.append((_requests, _lent.pop(id(end))[1]))
