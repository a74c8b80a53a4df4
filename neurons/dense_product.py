"""The product of two full matrices, by the threads that the other kernels use.

Torch's own product runs on OpenMP threads, which spin when they wait, returns fresh memory, whose first touch can cost more
than the product, and on AMD runs at half the speed that the processor has. Here a tile of the result stays in registers while a
panel of `b` streams by; each entry is summed in order, so the result does not depend on the number of threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, register_jitable
from numpy.typing import NDArray

from .buffer import empty
from .kernel import kernel
from .threads import shared

__all__ = ["dense_product", "multiply_rows", "packed"]

Floats = NDArray[Any]

_WIDE = bool(binding.get_host_cpu_features().get("avx512f", False))
_BYTES = 64 if _WIDE else 32  # of a vector
_HEIGHT = 12 if _WIDE else 6  # rows of a tile, two vectors each: with those of `b` they fill the registers
_ROWS = 4 * _HEIGHT  # worth a piece of work of their own
_DEPTH = 256  # terms of a sum that are added at a time


def dense_product(a: Floats, b: Floats) -> Floats:
    """a @ b for a (rows, k) and b (k, columns) of the same floating type and any strides."""
    out = empty((len(a), b.shape[1]), a.dtype)
    panels, run = packed(b), kernel(_multiply)
    shared(lambda first, last: run(a, panels, out, first, last), len(a), least=_ROWS)
    return out


def packed(b: Floats) -> Floats:
    """b (k, columns) as panels (panels, k, two vectors) of neighbouring columns, filled up with zeros."""
    width = 2 * _BYTES // b.itemsize
    panels, pack = empty((-(-b.shape[1] // width), len(b), width), b.dtype), kernel(_pack)
    shared(lambda first, last: pack(b, panels, first, last), len(b), least=4 * _DEPTH)
    return panels


def _pack(b, panels, first, last):  # type: ignore[no-untyped-def]
    count, _, width = panels.shape
    for k in range(first, last):
        for p in range(count):
            for c in range(width):
                column = p * width + c
                panels[p, k, c] = b[k, column] if column < b.shape[1] else 0


@intrinsic
def _tile(context, a, row, last, start, stop, panels, p, out):  # type: ignore[no-untyped-def]
    """out = rows `row` and following of `a`, up to `last`, times panel p: the terms from start to stop, at least one."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        _, row, last, start, stop, _, p, _ = arguments
        of_a, of_panels, of_out = (
            context.make_array(signature.args[k])(context, builder, arguments[k]) for k in (0, 5, 7)
        )
        number = context.get_data_type(signature.args[0].dtype)
        size = signature.args[0].dtype.bitwidth // 8
        vector, index = ir.VectorType(number, _BYTES // size), ir.IntType(64)
        zero, one = ir.Constant(index, 0), ir.Constant(index, 1)

        def at(k, made, *places):  # type: ignore[no-untyped-def]
            return cgutils.get_item_pointer(context, builder, signature.args[k], made, places, wraparound=False)

        rows = []
        for i in range(_HEIGHT):
            below = builder.add(row, ir.Constant(index, i))
            place = at(0, of_a, builder.select(builder.icmp_signed("<", below, last), below, last), zero)
            rows.append(builder.ptrtoint(place, index))
        panel = builder.bitcast(at(5, of_panels, p, zero, zero), vector.as_pointer())
        stride = builder.extract_value(of_a.strides, 1)
        name = f"llvm.fmuladd.v{vector.count}f{8 * size}"
        multiply_add = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(vector, [vector, vector, vector]), name
        )
        before = builder.block
        loop, after = builder.append_basic_block("tile"), builder.append_basic_block("tile.end")
        builder.branch(loop)
        builder.position_at_end(loop)
        k = builder.phi(index)
        k.add_incoming(start, before)
        sums = [builder.phi(vector) for _ in range(2 * _HEIGHT)]
        places = builder.mul(k, ir.Constant(index, 2))
        of_b = [
            builder.load(builder.gep(panel, [builder.add(places, ir.Constant(index, c))]), align=size) for c in (0, 1)
        ]
        offset, added = builder.mul(k, stride), []
        for i in range(_HEIGHT):
            entry = builder.load(builder.inttoptr(builder.add(rows[i], offset), number.as_pointer()), align=size)
            value = builder.insert_element(ir.Constant(vector, ir.Undefined), entry, ir.Constant(ir.IntType(32), 0))
            spread = builder.shuffle_vector(
                value, value, ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
            )
            added += [builder.call(multiply_add, [spread, of_b[c], sums[2 * i + c]]) for c in (0, 1)]
        following = builder.add(k, one)
        k.add_incoming(following, loop)
        for total, new in zip(sums, added, strict=True):
            total.add_incoming(ir.Constant(vector, None), before)
            total.add_incoming(new, loop)
        builder.cbranch(builder.icmp_signed("<", following, stop), loop, after)
        builder.position_at_end(after)
        tile = builder.bitcast(at(7, of_out, zero, zero), vector.as_pointer())
        for i, new in enumerate(added):
            builder.store(new, builder.gep(tile, [ir.Constant(index, i)]), align=size)
        return context.get_dummy_value()

    return types.void(a, types.intp, types.intp, types.intp, types.intp, panels, types.intp, out), generate


@register_jitable
def multiply_rows(a, panels, out, first, last):  # type: ignore[no-untyped-def]
    """Rows first to last of out = a @ b, a block of terms after the other, so that the blocks of all panels stay in a cache."""
    width = panels.shape[2]
    tile = np.empty((_HEIGHT, width), a.dtype)
    out[first:last] = 0
    for start in range(0, a.shape[1], _DEPTH):
        stop = min(a.shape[1], start + _DEPTH)
        for row in range(first, last, _HEIGHT):
            rows = min(_HEIGHT, last - row)
            for p in range(len(panels)):
                _tile(a, row, last - 1, start, stop, panels, p, tile)
                columns = min(width, out.shape[1] - p * width)
                for i in range(rows):
                    for c in range(columns):
                        out[row + i, p * width + c] += tile[i, c]


def _multiply(a, panels, out, first, last):  # type: ignore[no-untyped-def]
    multiply_rows(a, panels, out, first, last)
