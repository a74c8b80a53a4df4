"""The lower bound: its kernels do what they are named for, and its sum is a sum."""

import numpy as np
import pytest

from synfire.experiments.benchmarks import floor


@pytest.mark.parametrize("kind", ["constant", "each", "plastic"])
def test_every_cost_is_positive(kind):
    assert all(cost > 0.0 for cost in floor.costs(100, 10, kind).values())


def test_bound_is_events_and_updates():
    cost = {"event_ns": 2.0, "update_ns": 0.5}
    assert floor.lower_bound(cost, 1e9, 1000, 10_000.0) == pytest.approx(2.0 + 0.005)


def test_scatter_reaches_every_target():
    target, weight, order = np.array([[0, 1], [1, 2]], np.uint32), np.array([[1, 2], [3, 4]], np.float32), np.array([0, 1, 1])
    onto = np.zeros(3, np.float32)
    floor._scatter_each(target, weight, order, onto)
    np.testing.assert_array_equal(onto, [1, 8, 8])
    floor._scatter(target, np.float32(1.0), order, onto)
    np.testing.assert_array_equal(onto, [2, 11, 10])
