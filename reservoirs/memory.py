"""How much memory a thing will take, asked before it is made; and where in memory arrays begin."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..neurons import TooLarge

__all__ = ["BYTES_PER_SYNAPSE", "aligned", "require"]

_CACHE_LINE = 64  # bytes

# a synapse is a target, a weight and a delay, 14 bytes in float64, and for a while there are two copies of it
BYTES_PER_SYNAPSE = 28


def aligned(array: NDArray[Any]) -> NDArray[Any]:
    """A copy that begins with a cache line.

    NumPy's arrays begin anywhere, and a vector register is as wide as a line: loads that straddle two lines made sweeps
    over neurons and dot products up to 1.9 times slower, by the luck of the allocator.
    """
    raw = np.empty(array.nbytes + _CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % _CACHE_LINE
    made: NDArray[Any] = raw[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    made[...] = array
    return made


def require(what: str, size: float, fix: str) -> None:
    """Refuse `size` bytes if the machine does not have them free.

    Raises       TooLarge naming what needs how much, what is free, and the fix
    """
    import psutil

    free = psutil.virtual_memory().available
    if size > free:
        raise TooLarge(f"{what}: needs about {size / 2**30:.3g} GiB, {free / 2**30:.3g} GiB are free; {fix}")
