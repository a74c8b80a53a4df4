"""Linear algebra on rows, with a summation order that does not depend on the machine, the threads or BLAS."""

from __future__ import annotations

from typing import Any

from numba.extending import register_jitable

__all__ = ["add_scaled", "dot"]


@register_jitable
def dot(x: Any, y: Any) -> float:
    """Sum of x[i] y[i]: eight interleaved partial sums (which vectorise), then the rest, then a fixed tree."""
    n = x.size
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
    whole = n - n % 8
    for i in range(0, whole, 8):
        s0 += x[i] * y[i]
        s1 += x[i + 1] * y[i + 1]
        s2 += x[i + 2] * y[i + 2]
        s3 += x[i + 3] * y[i + 3]
        s4 += x[i + 4] * y[i + 4]
        s5 += x[i + 5] * y[i + 5]
        s6 += x[i + 6] * y[i + 6]
        s7 += x[i + 7] * y[i + 7]
    rest = 0.0
    for i in range(whole, n):
        rest += x[i] * y[i]
    return ((s0 + s4) + (s2 + s6)) + ((s1 + s5) + (s3 + s7)) + rest


@register_jitable
def add_scaled(x: Any, factor: float, y: Any) -> None:
    """x += factor y, in place."""
    for i in range(x.size):
        x[i] += factor * y[i]
