"""Memory is used again when, and only when, nothing refers to it any more."""

import numpy as np
import torch

from synfire.neurons import buffer

LARGE = (1 << 10, 1 << 10)


def place(array):
    return array.ctypes.data


def test_memory_that_nothing_refers_to_is_used_again():
    array = buffer.empty(LARGE, np.float64)
    where = place(array)
    assert where % 64 == 0
    del array
    assert place(buffer.empty(LARGE, np.float64)) == where
    assert place(buffer.empty((1 << 20,), np.float64)) == where


def test_memory_that_a_view_or_a_tensor_refers_to_is_not():
    array = buffer.empty(LARGE, np.float64)
    where = place(array)
    view = array[3:].T[5:].view(np.int64)
    del array
    assert place(buffer.empty(LARGE, np.float64)) != where
    tensor = torch.from_numpy(view)[2:]
    del view
    assert place(buffer.empty(LARGE, np.float64)) != where
    again = tensor.numpy()
    del tensor
    assert place(buffer.empty(LARGE, np.float64)) != where
    del again
    assert where in {place(kept) for kept in [buffer.empty(LARGE, np.float64) for _ in range(4)]}


def test_two_arrays_never_share_memory():
    arrays = [buffer.empty(LARGE, np.float32) for _ in range(5)]
    for k, array in enumerate(arrays):
        array[:] = k
    assert [array.min() for array in arrays] == [array.max() for array in arrays] == [0, 1, 2, 3, 4]


def test_memory_that_is_not_asked_for_is_given_back():
    kept = buffer.empty((1 << 23,), np.uint8)
    del kept
    assert any(len(memory) > 1 << 23 for _, memory in buffer._idle)
    for _ in range(buffer._PATIENCE + 2):
        buffer.empty((1 << 20,), np.uint8)
    assert not any(len(memory) > 1 << 23 for _, memory in buffer._idle)


def test_small_arrays_are_numpys():
    array = buffer.empty((3, 4), np.float32)
    assert array.base is None
    assert array.shape == (3, 4)
