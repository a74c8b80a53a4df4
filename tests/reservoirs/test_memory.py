"""What memory a thing takes is asked first; arrays begin with a cache line."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import synfire as sf
from synfire.reservoirs.memory import aligned, require

dtypes = st.sampled_from([np.float64, np.int64, np.uint32, np.uint8, np.bool_])


@given(dtypes, st.lists(st.integers(0, 7), min_size=0, max_size=3), st.integers(0, 100))
def test_an_aligned_copy_is_the_same_array_at_the_beginning_of_a_line(dtype, shape, seed):
    array = np.random.default_rng(seed).integers(0, 2, shape).astype(dtype)
    copy = aligned(array)
    assert copy.ctypes.data % 64 == 0 or not copy.size
    assert copy.dtype == array.dtype
    assert copy.flags.c_contiguous
    np.testing.assert_array_equal(copy, array)
    assert not np.shares_memory(copy, array)


def test_an_aligned_copy_of_columns_is_contiguous():
    table = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(aligned(table.T), table.T)
    assert aligned(table[:, ::2]).flags.c_contiguous


def test_what_does_not_fit_is_refused_before_it_is_made():
    require("a thing", 1.0, "make it smaller")
    with pytest.raises(sf.TooLarge, match=r"a thing: needs about 9\.09e\+05 GiB, .* are free; make it smaller"):
        require("a thing", 2.0**30 * 909_000, "make it smaller")
