"""Linear algebra on rows, with a summation order that does not depend on the machine, the threads or BLAS."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload, register_jitable

__all__ = ["add_four", "add_scaled", "dot"]

_LANES = 32


def dot(x: Any, y: Any) -> float:
    """Sum of x[i] y[i]: 32 interleaved partial sums, folded in halves, then the rest one by one.

    Numba may not reorder a sum, so a plain loop runs one addition at a time, four times slower; and BLAS may add in
    another order on another machine. `x` and `y` are contiguous float64 arrays of shape (n,).
    """
    whole = x.size - x.size % _LANES
    lanes = np.zeros(_LANES)
    for at in range(0, whole, _LANES):
        lanes = lanes + x[at : at + _LANES] * y[at : at + _LANES]
    while lanes.size > 1:
        lanes = lanes[: lanes.size // 2] + lanes[lanes.size // 2 :]
    total = float(lanes[0])
    for i in range(whole, x.size):
        total += float(x[i]) * float(y[i])
    return total


@overload(dot)
def _dot(x, y):  # type: ignore[no-untyped-def]
    def implementation(x, y):  # type: ignore[no-untyped-def]
        total = _lanes(x, y)
        for i in range(x.size - x.size % _LANES, x.size):
            total += x[i] * y[i]
        return total

    return implementation


@intrinsic  # type: ignore[untyped-decorator]
def _lanes(typing_context, x, y):  # type: ignore[no-untyped-def]
    """The part of `dot` that fills whole lanes, as vector instructions."""
    row = types.Array(types.float64, 1, "C")
    if (
        x.dtype != types.float64
        or y.dtype != types.float64
        or x.ndim != 1
        or y.ndim != 1
        or x.layout + y.layout != "CC"
    ):
        raise TypeError(f"dot takes contiguous rows of float64 such as {row}, got {x} and {y}")
    vector = ir.VectorType(ir.DoubleType(), _LANES)

    def code(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        rows = [context.make_array(t)(context, builder, a) for t, a in zip(signature.args, arguments, strict=True)]
        size = cgutils.unpack_tuple(builder, rows[0].shape, 1)[0]
        blocks = builder.udiv(size, ir.Constant(size.type, _LANES))
        total = cgutils.alloca_once_value(builder, ir.Constant(vector, [0.0] * _LANES))
        with cgutils.for_range(builder, blocks) as loop:
            at = builder.mul(loop.index, ir.Constant(size.type, _LANES))
            heads = [builder.bitcast(builder.gep(row.data, [at]), vector.as_pointer()) for row in rows]
            first, second = (builder.load(head, align=8) for head in heads)
            builder.store(builder.fadd(builder.load(total), builder.fmul(first, second)), total)
        lanes, width = builder.load(total), _LANES
        while width > 1:
            width //= 2
            lower, upper = (
                ir.Constant(ir.VectorType(ir.IntType(32), width), list(r))
                for r in (range(width), range(width, 2 * width))
            )
            lanes = builder.fadd(
                builder.shuffle_vector(lanes, lanes, lower), builder.shuffle_vector(lanes, lanes, upper)
            )
        return builder.extract_element(lanes, ir.Constant(ir.IntType(32), 0))

    return types.float64(x, y), code


@register_jitable
def add_scaled(x: Any, factor: float, y: Any) -> None:
    """x += factor y, in place."""
    for i in range(x.size):
        x[i] += factor * y[i]


@register_jitable
def add_four(x: Any, a: float, p: Any, b: float, q: Any, c: float, r: Any, d: float, s: Any) -> None:
    """x += a p + b q + c r + d s, in place: x travels through memory once for four rows."""
    for i in range(x.size):
        x[i] += a * p[i] + b * q[i] + c * r[i] + d * s[i]
