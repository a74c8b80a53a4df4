"""Sums whose order is fixed: the same bits in Python and in compiled code, at every length."""

import math
from fractions import Fraction

import numpy as np
import pytest
from numba import njit

from synfire.plasticity.linear import add_four, add_scaled, dot

LENGTHS = [0, 1, 2, 31, 32, 33, 63, 64, 65, 100, 1000]


@njit
def compiled_dot(x, y):
    return dot(x, y)


@njit
def compiled_add_four(x, a, p, b, q, c, r, d, s):
    add_four(x, a, p, b, q, c, r, d, s)


@njit
def compiled_add_scaled(x, factor, y):
    add_scaled(x, factor, y)


def in_lanes(x, y):
    """The documented order, written out: 32 partial sums, folded in halves, then the rest one by one."""
    lanes = [0.0] * 32
    whole = len(x) - len(x) % 32
    for i in range(whole):
        lanes[i % 32] += x[i] * y[i]
    while len(lanes) > 1:
        half = len(lanes) // 2
        lanes = [lanes[i] + lanes[i + half] for i in range(half)]
    total = lanes[0]
    for i in range(whole, len(x)):
        total += x[i] * y[i]
    return total


def pair(n, seed=0):
    rng = np.random.default_rng([n, seed])
    # sizes over many orders of magnitude, so that another order of summation shows in the last bits
    return rng.normal(size=n) * 10.0 ** rng.integers(-8, 9, n), rng.normal(size=n)


@pytest.mark.parametrize("n", LENGTHS)
def test_dot_sums_in_the_documented_order_bit_for_bit(n):
    for seed in range(5):
        x, y = pair(n, seed)
        expected = in_lanes(x.tolist(), y.tolist())
        assert dot(x, y) == expected
        assert compiled_dot(x, y) == expected


@pytest.mark.parametrize("n", LENGTHS)
def test_dot_is_the_inner_product(n):
    x, y = pair(n)
    exact = float(sum((Fraction(a) * Fraction(b) for a, b in zip(x.tolist(), y.tolist(), strict=True)), Fraction(0)))
    # the bound for any order of summation: n roundings of the sum of magnitudes
    assert abs(compiled_dot(x, y) - exact) <= n * 2.0**-53 * float(np.abs(x) @ np.abs(y))


def test_dot_reads_rows_of_a_matrix_and_slices():
    x, y = pair(100)
    matrix = np.stack([x, y])
    assert compiled_dot(matrix[0], matrix[1]) == compiled_dot(x, y)
    assert compiled_dot(x[3:70], y[3:70]) == in_lanes(x[3:70].tolist(), y[3:70].tolist())


def test_dot_passes_infinities_and_nan_on():
    x, y = np.ones(40), np.ones(40)
    x[7] = math.inf
    assert compiled_dot(x, y) == math.inf
    y[7] = 0.0
    assert math.isnan(compiled_dot(x, y))


def test_dot_of_other_than_contiguous_float64_is_a_type_error():
    with pytest.raises(Exception, match="contiguous rows of float64"):
        compiled_dot(np.ones(64)[::2], np.ones(32))
    with pytest.raises(Exception, match="contiguous rows of float64"):
        compiled_dot(np.ones(32, np.float32), np.ones(32, np.float32))


@pytest.mark.parametrize("n", LENGTHS)
def test_add_scaled_adds_in_place_bit_for_bit(n):
    x, y = pair(n)
    expected = [a + 0.3 * b for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    in_python, compiled = x.copy(), x.copy()
    add_scaled(in_python, 0.3, y)
    compiled_add_scaled(compiled, 0.3, y)
    assert in_python.tolist() == expected
    assert compiled.tolist() == expected


@pytest.mark.parametrize("n", LENGTHS)
def test_add_four_adds_four_rows_bit_for_bit(n):
    x, y = pair(n)
    p, q, r, s = y, 2.0 * y[::-1], y + 1.0, x - y
    columns = zip(*(row.tolist() for row in (x, p, q, r, s)), strict=True)
    expected = [a + (0.3 * b - 1.7 * c + 2.1 * d + 0.01 * e) for a, b, c, d, e in columns]
    in_python, compiled = x.copy(), x.copy()
    for add, row in ((add_four, in_python), (compiled_add_four, compiled)):
        add(row, 0.3, p, -1.7, q.copy(), 2.1, r, 0.01, s)
        assert row.tolist() == expected
