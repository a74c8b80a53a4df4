"""Delay lines that read a signal at a few neighbouring steps per synapse, whatever its density.

Samples of the batch lie side by side in a vector register (16 of float32), and a synapse adds its taps, two by two, times
the signal at as many steps to `_STEPS` steps of its output, which stay in registers over a block of synapses: one
multiply-add per tap, step and sample, at the speed of a matrix product.
Threads own whole outputs and every sum runs in one order, so results do not depend on their number.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, register_jitable

from ..neurons.kernel import kernel
from ..neurons.threads import shared

__all__ = ["dot_taps", "read_taps"]

_BYTES = 64  # of a vector
_STEPS = 8  # of time that are summed in registers
_CHUNK = 24  # steps whose signals, of a block of neurons, stay in the first cache
_BLOCK = 12
_ROWS = 6  # signals that stay in the first cache for a dot product with every gradient
_LONG = 56  # steps of a dot product
_JOBS = 8  # partial sums over the batch, whatever the number of threads


def read_taps(signal: Any, front: int, base: Any, taps: Any, out: Any) -> None:
    """out[t, b, i] = Σ_j,r taps[i, j, r] s[t + base[i, j] + r, b, j] for an even number of taps.

    s is the signal, of shape (time, batch, n), after `front` zero steps and before as many as are read.
    """
    lanes, run = _BYTES // signal.itemsize, kernel(_read_taps)
    shared(lambda start, stop: run(signal, front, base, taps, out, start, stop), -(-out.shape[1] // lanes))


def dot_taps(signal: Any, front: int, base: Any, gradient: Any, pairs: int) -> Any:
    """Σ_t,b gradient[t, b, i] s[t + base[j, i] + r, b, j] for 2 `pairs` taps r: partial sums, (part, n_in, n_out, r).

    s is as in `read_taps`; together the parts are the gradient of its taps.
    """
    lanes, run = _BYTES // signal.itemsize, kernel(_dot_taps)
    parts = min(-(-gradient.shape[1] // lanes), _JOBS)
    sums = np.zeros((parts, *base.shape, 2 * pairs), signal.dtype)
    shared(lambda start, stop: run(signal, front, base, gradient, pairs, sums, start, stop), parts)
    return sums


def _read_taps(signal, front, base, taps, out, start, stop):  # type: ignore[no-untyped-def]
    steps, batch, n_out = out.shape
    n_in = signal.shape[2]
    lanes = _BYTES // signal.itemsize
    pairs = taps.shape[2] // 2
    padded = (steps + _STEPS - 1) // _STEPS * _STEPS
    length = max(padded + base.max() + 2 * pairs, front + signal.shape[0])
    bases, factors = base.reshape(-1), taps.reshape(-1)
    for tile in range(start, stop):
        rows = _packed(signal, tile * lanes, front, length)
        sums = _zeros(n_out, padded, lanes, signal)
        for chunk in range(0, padded, _CHUNK):
            for j in range(0, n_in, _BLOCK):
                number = min(_BLOCK, n_in - j)
                for i in range(n_out):
                    for t in range(chunk, min(chunk + _CHUNK, padded), _STEPS):
                        from_, at = j * length + t, i * padded + t
                        _add_pairs(sums, at, rows, from_, length, bases, factors, i * n_in + j, number, pairs)
        for t in range(steps):
            for b in range(min(lanes, batch - tile * lanes)):
                for i in range(n_out):
                    out[t, tile * lanes + b, i] = sums[i, t, b]


def _dot_taps(signal, front, base, gradient, pairs, sums, start, stop):  # type: ignore[no-untyped-def]
    steps, batch, n_out = gradient.shape
    n_in = signal.shape[2]
    lanes = _BYTES // signal.itemsize
    padded = (steps + _STEPS - 1) // _STEPS * _STEPS
    length = max(padded + base.max() + 2 * pairs, front + signal.shape[0])
    tiles = (batch + lanes - 1) // lanes
    parts = len(sums)
    for part in range(start, stop):
        for tile in range(part, tiles, parts):
            rows = _packed(signal, tile * lanes, front, length)
            errors = _packed(gradient, tile * lanes, 0, padded)
            for t in range(0, padded, _LONG):
                number = min(_LONG, padded - t)
                for block in range(0, n_in, _ROWS):
                    for i in range(n_out):
                        for j in range(block, min(block + _ROWS, n_in)):
                            at = ((part * n_in + j) * n_out + i) * 2 * pairs
                            from_ = j * length + t + base[j, i]
                            for r in range(0, 2 * pairs, 2):
                                _add_dots(sums, at + r, rows, from_ + r, errors, i * padded + t, number)


@register_jitable
def _packed(signal, sample, front, length):  # type: ignore[no-untyped-def]
    """The signals of as many samples as a vector holds, (n, step, sample), after `front` zero steps."""
    time, batch, n = signal.shape
    lanes = _BYTES // signal.itemsize
    rows = _zeros(n, length, lanes, signal)
    for t in range(time):
        for b in range(min(lanes, batch - sample)):
            for j in range(n):
                rows[j, front + t, b] = signal[t, sample + b, j]
    return rows


@register_jitable
def _zeros(n, length, lanes, like):  # type: ignore[no-untyped-def]
    """Vectors that begin where cache lines do, so that no load touches two."""
    size = n * length * lanes
    buffer = np.zeros(size + lanes, like.dtype)
    shift = -(buffer.ctypes.data // like.itemsize) % lanes
    return buffer[shift : shift + size].reshape(n, length, lanes)


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
                self.builder.shuffle_vector(
                    vector, vector, ir.Constant(ir.VectorType(ir.IntType(32), width), list(lanes))
                )
                for lanes in (range(width), range(width, 2 * width))
            )
            vector = self.builder.fadd(*halves)
        return self.builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))


@intrinsic  # type: ignore[untyped-decorator]
def _add_pairs(typing_context, sums, at, rows, row, length, base, taps, synapse, number, pairs):  # type: ignore[no-untyped-def]
    """Add `number` synapses' reads to `_STEPS` vectors of sums; the next synapse reads `length` vectors further on."""

    def body(vectors, sums, at, rows, row, length, base, taps, synapse, number, pairs):  # type: ignore[no-untyped-def]
        builder = vectors.builder
        registers = [vectors.zero() for _ in range(_STEPS)]
        for step, register in enumerate(registers):
            builder.store(vectors.load(sums, at, step), register)
        with cgutils.for_range(builder, number) as synapses:
            here = builder.add(synapse, synapses.index)
            shift = builder.sext(vectors.element(base, here), row.type)
            start = builder.add(builder.add(row, shift), builder.mul(synapses.index, length))
            with cgutils.for_range(builder, pairs) as loop:
                pair = builder.mul(builder.add(builder.mul(here, pairs), loop.index), ir.Constant(at.type, 2))
                one = vectors.spread(vectors.element(taps, pair))
                two = vectors.spread(vectors.element(taps, builder.add(pair, ir.Constant(at.type, 1))))
                head = builder.add(start, builder.mul(loop.index, ir.Constant(at.type, 2)))
                early = vectors.load(rows, head)
                for step, register in enumerate(registers):
                    late = vectors.load(rows, head, step + 1)
                    partial = vectors.multiply_add(one, early, builder.load(register))
                    builder.store(vectors.multiply_add(two, late, partial), register)
                    early = late
        for step, register in enumerate(registers):
            builder.store(builder.load(register), vectors.pointer(sums, at, step), align=4)

    return types.void(sums, at, rows, row, length, base, taps, synapse, number, pairs), _code(body)


@intrinsic  # type: ignore[untyped-decorator]
def _add_dots(typing_context, sums, at, rows, row, errors, error, number):  # type: ignore[no-untyped-def]
    """Add the dot product of `number` vectors of errors and of rows to a sum, and that one step later to the next."""
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
            place = builder.gep(sums, [builder.add(at, ir.Constant(at.type, k))])
            builder.store(builder.fadd(builder.load(place), vectors.total(partial[0])), place)

    return types.void(sums, at, rows, row, errors, error, number), _code(body)
