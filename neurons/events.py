"""Which entries of a matrix are not zero, one bit for each, and products that visit only those.

A bit is a thirty-second of the float it stands for, so the bits of a batch are made in one reading and kept for the
gradient in place of the batch. Rows are the steps of all samples; columns are units.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, register_jitable
from numpy.typing import NDArray

from .buffer import empty
from .kernel import kernel
from .threads import shared

__all__ = [
    "Events",
    "add_rows",
    "events_of",
    "row_events",
    "sum_rows",
    "summed_over_time",
    "weight_gradient",
    "words_of",
]

Floats = NDArray[Any]
Words = NDArray[np.uint64]  # bit k of word w in a row stands for column 64 w + k

_ROWS = 64  # worth a piece of work of its own
_ENTRIES = 2**18  # that are looked at in less time than a thread takes to wake
_COLUMNS = 64  # of a weight's gradient that one thread sums


class Events(NamedTuple):
    """The entries of a matrix (rows, columns) that are not 0.

    words    (rows, words) bits
    values   the entries in order of rows and columns, or empty: all are 1
    start    (rows,) where a row's values begin, or empty
    total    how many there are
    """

    words: Words
    values: Floats
    start: NDArray[np.int64]
    total: int


def words_of(columns: int) -> int:
    """How many words hold a bit for each column."""
    return -(-columns // 64)


def events_of(x: NDArray[Any], dtype: Any, *, at_most: float = math.inf) -> Events:
    """The events of x (rows, columns), contiguous, of truth values, bytes or floats; values in `dtype`.

    Where there are more than `at_most` their values are left out: who asks will take another way.
    """
    words = np.empty((len(x), words_of(x.shape[1])), np.uint64)
    counts, ones = np.zeros(len(x), np.int64), np.ones(len(x), np.bool_)
    mark, least = kernel(_mark), max(_ROWS, _ENTRIES // max(1, x.shape[1]))
    shared(lambda first, last: mark(x, words, counts, ones, first, last), len(x), least=least)
    total = int(counts.sum())
    if ones.all() or total > at_most:
        return Events(words, np.empty(0, dtype), np.empty(0, np.int64), total)
    start, values = np.cumsum(counts) - counts, np.empty(total, dtype)
    pick = kernel(_pick)
    shared(lambda first, last: pick(x, words, start, values, first, last), len(x), least=least)
    return Events(words, values, start, total)


def sum_rows(events: Events, weight: Floats) -> Floats:
    """x @ weight: each row the sum, in order, of the weight's rows at its events."""
    out = empty((len(events.words), weight.shape[1]), weight.dtype)
    gather = kernel(_gather)
    words, values, start, _ = events
    shared(lambda first, last: gather(words, values, start, weight, out, first, last), len(out), least=_ROWS)
    return out


def weight_gradient(events: Events, gradient: Floats, n_in: int) -> Floats:
    """x.T @ gradient, (n_in, n_out): each entry is summed in order of the rows, whichever thread does it."""
    out = np.zeros((n_in, gradient.shape[1]), gradient.dtype)
    scatter = kernel(_scatter)
    words, values, start, _ = events
    shared(lambda a, b: scatter(words, values, start, gradient, out, a, b), out.shape[1], least=_COLUMNS)
    return out


def summed_over_time(events: Events, batch: int, columns: int, dtype: Any) -> Floats:
    """The sum (batch, columns) of rows (time x batch, columns), for each sample in order of its steps."""
    out, tally = np.zeros((batch, columns), dtype), kernel(_tally)
    words, values, start, _ = events
    least = max(1, _ENTRIES * batch // max(1, len(words) * columns))
    shared(lambda first, last: tally(words, values, start, out, first, last), batch, least=least)
    return out


@intrinsic
def _nonzero(context, array, row, column):  # type: ignore[no-untyped-def]
    """The bits of the 64 entries of a matrix from (row, column) on; a NaN is not zero."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        kind = signature.args[0]
        made = context.make_array(kind)(context, builder, arguments[0])
        place = cgutils.get_item_pointer(context, builder, kind, made, arguments[1:], wraparound=False)
        vector = ir.VectorType(place.type.pointee, 64)
        entries = builder.load(builder.bitcast(place, vector.as_pointer()), align=1)
        zero = ir.Constant(vector, None)
        floating = isinstance(kind.dtype, types.Float)
        bits = builder.fcmp_unordered("!=", entries, zero) if floating else builder.icmp_unsigned("!=", entries, zero)
        return builder.bitcast(bits, ir.IntType(64))

    return types.uint64(array, types.intp, types.intp), generate


@intrinsic
def _lowest(context, word):  # type: ignore[no-untyped-def]
    """The number of the lowest bit that is set in a word; undefined for 0."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


@intrinsic
def _count(context, word):  # type: ignore[no-untyped-def]
    """How many bits of a word are set."""
    return types.int64(types.uint64), lambda context, builder, signature, arguments: builder.ctpop(arguments[0])


@register_jitable
def row_events(x, r, words):  # type: ignore[no-untyped-def]
    """Write the bits of row r of x."""
    columns = x.shape[1]
    whole = columns // 64
    for w in range(whole):
        words[w] = _nonzero(x, r, 64 * w)
    left = columns - 64 * whole
    if left and whole:  # the last 64 columns; those that an earlier word has are shifted out
        words[whole] = _nonzero(x, r, columns - 64) >> np.uint64(64 - left)
    elif left:
        word = np.uint64(0)
        for c in range(columns):
            word |= np.uint64(x[r, c] != 0) << np.uint64(c)
        words[0] = word


def _mark(x, words, counts, ones, first, last):  # type: ignore[no-untyped-def]
    for r in range(first, last):
        row_events(x, r, words[r])
        count, unit = 0, True
        for w in range(words.shape[1]):
            word = words[r, w]
            count += _count(word)
            while word:
                unit &= x[r, 64 * w + _lowest(word)] == 1
                word &= word - np.uint64(1)
        counts[r], ones[r] = count, unit


def _pick(x, words, start, values, first, last):  # type: ignore[no-untyped-def]
    for r in range(first, last):
        e = start[r]
        for w in range(words.shape[1]):
            word = words[r, w]
            while word:
                values[e] = x[r, 64 * w + _lowest(word)]
                word &= word - np.uint64(1)
                e += 1


@register_jitable
def add_rows(words, values, e, weight, out):  # type: ignore[no-untyped-def]
    """Add to `out` the rows of weight at one row's events, in order; its values start at e. Four at a time: the sum is the
    same, and `out` is read and written a quarter as often."""
    a, b, c = np.int64(0), np.int64(0), np.int64(0)  # places of events that wait for a fourth
    waiting = 0
    one = weight.dtype.type(1)
    n = len(out)
    for w in range(len(words)):
        word = words[w]
        while word:
            d = 64 * w + _lowest(word)
            word &= word - np.uint64(1)
            if waiting == 3:
                f, g, h, k = one, one, one, one
                if len(values):
                    f, g, h, k = values[e], values[e + 1], values[e + 2], values[e + 3]
                    e += 4
                for o in range(n):
                    out[o] = (((out[o] + f * weight[a, o]) + g * weight[b, o]) + h * weight[c, o]) + k * weight[d, o]
                waiting = 0
            else:
                if waiting == 0:
                    a = d
                elif waiting == 1:
                    b = d
                else:
                    c = d
                waiting += 1
    for k in range(waiting):
        f = values[e + k] if len(values) else one
        place = a if k == 0 else b if k == 1 else c
        for o in range(n):
            out[o] += f * weight[place, o]


def _gather(words, values, start, weight, out, first, last):  # type: ignore[no-untyped-def]
    for r in range(first, last):
        out[r] = 0
        add_rows(words[r], values, start[r] if len(start) else 0, weight, out[r])


def _scatter(words, values, start, gradient, out, first, last):  # type: ignore[no-untyped-def]
    one = out.dtype.type(1)
    for r in range(len(words)):
        row = gradient[r, first:last]
        e = start[r] if len(start) else 0
        for w in range(words.shape[1]):
            word = words[r, w]
            while word:
                to = out[64 * w + _lowest(word), first:last]
                word &= word - np.uint64(1)
                f = one
                if len(values):
                    f = values[e]
                    e += 1
                for o in range(len(row)):
                    to[o] += f * row[o]


def _tally(words, values, start, out, first, last):  # type: ignore[no-untyped-def]
    one = out.dtype.type(1)
    for row in range(first, len(words), len(out)):
        for b in range(last - first):
            r = row + b
            e = start[r] if len(start) else 0
            for w in range(words.shape[1]):
                word = words[r, w]
                while word:
                    f = one
                    if len(values):
                        f = values[e]
                        e += 1
                    out[first + b, 64 * w + _lowest(word)] += f
                    word &= word - np.uint64(1)
