"""Delay lines that read a signal at two neighbouring steps per synapse, whatever its density.

Samples of the batch lie side by side in a vector register (16 of float32), and a synapse adds `first` times the signal at
one step and `second` times that at the next to `_STEPS` steps of its output, which stay in registers over a block of
synapses: two multiply-adds per synapse, step and sample, at nearly the speed of a matrix product.
Threads own whole outputs and every sum runs in one order, so results do not depend on their number.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, prange, types
from numba.core import cgutils
from numba.extending import intrinsic, register_jitable

__all__ = ["dot_pairs", "read_pairs"]

_BYTES = 64  # of a vector
_STEPS = 8  # of time that are summed in registers
_CHUNK = 24  # steps whose signals, of a block of neurons, stay in the first cache
_BLOCK = 12
_ROWS = 4  # signals that stay in the first cache for a dot product with every gradient
_LONG = 96  # steps of a dot product
_JOBS = 8  # partial sums over the batch, whatever the number of threads


@njit(cache=True, parallel=True)
def read_pairs(signal, front, base, first, second, out):  # type: ignore[no-untyped-def]
    """out[t, b, i] = Σ_j first[i, j] s[t + base[i, j], b, j] + second[i, j] s[t + base[i, j] + 1, b, j].

    s is the signal, of shape (time, batch, n), after `front` zero steps and before as many as are read.
    """
    steps, batch, n_out = out.shape
    n_in = signal.shape[2]
    lanes = _BYTES // signal.itemsize
    padded = (steps + _STEPS - 1) // _STEPS * _STEPS
    length = max(padded + base.max() + 2, front + signal.shape[0])
    bases, firsts, seconds = base.reshape(-1), first.reshape(-1), second.reshape(-1)
    for tile in prange((batch + lanes - 1) // lanes):
        rows = _packed(signal, tile * lanes, front, length)
        sums = np.zeros((n_out, padded, lanes), signal.dtype)
        for chunk in range(0, padded, _CHUNK):
            for j in range(0, n_in, _BLOCK):
                number = min(_BLOCK, n_in - j)
                for i in range(n_out):
                    for t in range(chunk, min(chunk + _CHUNK, padded), _STEPS):
                        _add_pairs(sums, i * padded + t, rows, j * length + t, length, bases, firsts, seconds, i * n_in + j, number)
        for t in range(steps):
            for b in range(min(lanes, batch - tile * lanes)):
                for i in range(n_out):
                    out[t, tile * lanes + b, i] = sums[i, t, b]


@njit(cache=True, parallel=True)
def dot_pairs(signal, front, base, gradient):  # type: ignore[no-untyped-def]
    """Σ_t,b gradient[t, b, i] s[t + base[j, i], b, j], and the same one step later: partial sums, (part, n_in, n_out, 2).

    s is as in `read_pairs`; together the parts are the gradients of its `first` and `second`.
    """
    steps, batch, n_out = gradient.shape
    n_in = signal.shape[2]
    lanes = _BYTES // signal.itemsize
    padded = (steps + _STEPS - 1) // _STEPS * _STEPS
    length = max(padded + base.max() + 2, front + signal.shape[0])
    tiles = (batch + lanes - 1) // lanes
    parts = min(tiles, _JOBS)
    sums = np.zeros((parts, n_in, n_out, 2), signal.dtype)
    for part in prange(parts):
        for tile in range(part, tiles, parts):
            rows = _packed(signal, tile * lanes, front, length)
            errors = _packed(gradient, tile * lanes, 0, padded)
            for t in range(0, padded, _LONG):
                number = min(_LONG, padded - t)
                for block in range(0, n_in, _ROWS):
                    for i in range(n_out):
                        for j in range(block, min(block + _ROWS, n_in)):
                            at = (part * n_in + j) * n_out + i
                            _add_dots(sums, at, rows, j * length + t + base[j, i], errors, i * padded + t, number)
    return sums


@register_jitable
def _packed(signal, sample, front, length):  # type: ignore[no-untyped-def]
    """The signals of as many samples as a vector holds, (n, step, sample), after `front` zero steps."""
    time, batch, n = signal.shape
    lanes = _BYTES // signal.itemsize
    rows = np.zeros((n, length, lanes), signal.dtype)
    for t in range(time):
        for b in range(min(lanes, batch - sample)):
            for j in range(n):
                rows[j, front + t, b] = signal[t, sample + b, j]
    return rows


def _code(body: Any) -> Any:
    """The code of an intrinsic: `body` gets the builder, arrays as pointers to their data and the other arguments."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values = [
            context.make_array(kind)(context, builder, value).data if isinstance(kind, types.Array) else value
            for kind, value in zip(signature.args, arguments, strict=True)
        ]
        body(_Vectors(builder, values[0].type.pointee), *values)
        return context.get_dummy_value()

    return code


class _Vectors:
    """What the intrinsics do with vectors of one type of number."""

    def __init__(self, builder: Any, number: Any) -> None:
        lanes = _BYTES // (4 if isinstance(number, ir.FloatType) else 8)
        self.builder, self.lanes, self.kind = builder, lanes, ir.VectorType(number, lanes)
        self.number = number

    def pointer(self, array: Any, vector: Any, offset: int = 0) -> Any:
        """To the vector at this index of an array that is made of vectors."""
        whole = self.builder.bitcast(array, self.kind.as_pointer())
        return self.builder.gep(whole, [self.builder.add(vector, ir.Constant(vector.type, offset))])

    def load(self, array: Any, vector: Any, offset: int = 0) -> Any:
        """That vector."""
        return self.builder.load(self.pointer(array, vector, offset), align=4)

    def element(self, array: Any, index: Any) -> Any:
        """One number of an array."""
        return self.builder.load(self.builder.gep(array, [index]))

    def spread(self, value: Any) -> Any:
        """One number in every lane."""
        empty = ir.Constant(self.kind, ir.Undefined)
        single = self.builder.insert_element(empty, value, ir.Constant(ir.IntType(32), 0))
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(single, empty, lanes)

    def multiply_add(self, x: Any, y: Any, z: Any) -> Any:
        """x y + z, rounded once where the machine can."""
        fused = ("contract",)
        return self.builder.fadd(self.builder.fmul(x, y, flags=fused), z, flags=fused)

    def zero(self) -> Any:
        """A variable that holds zeros."""
        return cgutils.alloca_once_value(self.builder, ir.Constant(self.kind, [0.0] * self.lanes))

    def total(self, vector: Any) -> Any:
        """The sum of the lanes, folded in halves."""
        width = self.lanes
        while width > 1:
            width //= 2
            halves = (
                self.builder.shuffle_vector(vector, vector, ir.Constant(ir.VectorType(ir.IntType(32), width), list(lanes)))
                for lanes in (range(width), range(width, 2 * width))
            )
            vector = self.builder.fadd(*halves)
        return self.builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))


@intrinsic  # type: ignore[untyped-decorator]
def _add_pairs(typing_context, sums, at, rows, row, length, base, first, second, synapse, number):  # type: ignore[no-untyped-def]
    """Add `number` synapses' reads to `_STEPS` vectors of sums; the next synapse reads `length` vectors further on."""

    def body(vectors, sums, at, rows, row, length, base, first, second, synapse, number):  # type: ignore[no-untyped-def]
        builder = vectors.builder
        registers = [vectors.zero() for _ in range(_STEPS)]
        for step, register in enumerate(registers):
            builder.store(vectors.load(sums, at, step), register)
        with cgutils.for_range(builder, number) as loop:
            here = builder.add(synapse, loop.index)
            shift = builder.sext(vectors.element(base, here), row.type)
            head = builder.add(builder.add(row, shift), builder.mul(loop.index, length))
            one, two = (vectors.spread(vectors.element(factors, here)) for factors in (first, second))
            early = vectors.load(rows, head)
            for step, register in enumerate(registers):
                late = vectors.load(rows, head, step + 1)
                partial = vectors.multiply_add(one, early, builder.load(register))
                builder.store(vectors.multiply_add(two, late, partial), register)
                early = late
        for step, register in enumerate(registers):
            builder.store(builder.load(register), vectors.pointer(sums, at, step), align=4)

    return types.void(sums, at, rows, row, length, base, first, second, synapse, number), _code(body)


@intrinsic  # type: ignore[untyped-decorator]
def _add_dots(typing_context, sums, at, rows, row, errors, error, number):  # type: ignore[no-untyped-def]
    """Add the dot product of `number` vectors of errors and of rows to a pair of sums, and that one step later."""
    unrolled = _STEPS // 2

    def body(vectors, sums, at, rows, row, errors, error, number):  # type: ignore[no-untyped-def]
        builder = vectors.builder
        registers = [(vectors.zero(), vectors.zero()) for _ in range(unrolled)]
        with cgutils.for_range(builder, builder.udiv(number, ir.Constant(number.type, unrolled))) as loop:
            step = builder.mul(loop.index, ir.Constant(number.type, unrolled))
            head, tail = builder.add(row, step), builder.add(error, step)
            early = vectors.load(rows, head)
            for k, (one, two) in enumerate(registers):
                factor, late = vectors.load(errors, tail, k), vectors.load(rows, head, k + 1)
                builder.store(vectors.multiply_add(factor, early, builder.load(one)), one)
                builder.store(vectors.multiply_add(factor, late, builder.load(two)), two)
                early = late
        for k, register in enumerate(zip(*registers, strict=True)):
            partial = [builder.load(r) for r in register]
            while len(partial) > 1:
                partial = [builder.fadd(x, y) for x, y in zip(partial[::2], partial[1::2], strict=True)]
            twice = builder.mul(at, ir.Constant(at.type, 2))
            place = builder.gep(sums, [builder.add(twice, ir.Constant(at.type, k))])
            builder.store(builder.fadd(builder.load(place), vectors.total(partial[0])), place)

    return types.void(sums, at, rows, row, errors, error, number), _code(body)
