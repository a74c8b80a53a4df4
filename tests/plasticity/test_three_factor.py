"""The three-factor rule against plain Python, its reductions, and the gate around it."""

import numpy as np
import pytest
from numba import njit

import synfire as sf
from synfire.plasticity.contract import learn


@njit
def compiled_learn(step, state, weight, features, prediction, target, attention):
    learn(step, state, weight, features, prediction, target, attention)


def plain_update(weight, features, prediction, target, attention, learning_rate):
    """The docstring's equation, number by number; the sum in order, as fewer than 32 features are."""
    squared = 0.0
    for x in features:
        squared += x * x
    rate = learning_rate * 2.0 / (1.0 + squared / len(features))
    for c, row in enumerate(weight):
        for i, x in enumerate(features):
            row[i] += rate * attention[c] * (target[c] - prediction[c]) * x


def case(seed, channels=3, n=20):
    rng = np.random.default_rng(seed)
    draws = rng.normal(size=(channels, n)), rng.normal(size=n), *(rng.normal(size=channels) for _ in range(2))
    return *draws, rng.choice([0.0, 0.3, 1.0], channels)


@pytest.mark.parametrize("teach", [learn, compiled_learn], ids=["python", "numba"])
def test_update_equals_plain_python_bit_for_bit(teach):
    rule = sf.ThreeFactor(learning_rate=0.05)
    for seed in range(20):
        weight, features, prediction, target, attention = case(seed)
        expected = weight.tolist()
        plain_update(expected, features.tolist(), *(a.tolist() for a in (prediction, target, attention)), 0.05)
        teach(rule.discretise(1.0), rule.initial_state(3, 20), weight, features, prediction, target, attention)
        assert weight.tolist() == expected


def test_unattended_channels_do_not_move_and_attended_ones_do():
    rule = sf.ThreeFactor(learning_rate=0.1)
    weight, features, prediction, target, _ = case(1)
    before = weight.copy()
    learn(
        rule.discretise(1.0), rule.initial_state(3, 20), weight, features, prediction, target, np.array([0.0, 1.0, 0.0])
    )
    np.testing.assert_array_equal(weight[[0, 2]], before[[0, 2]])
    assert (weight[1] != before[1]).all()


def test_no_learning_rate_or_no_error_changes_nothing():
    weight, features, prediction, target, _ = case(2)
    before = weight.copy()
    for rate, wanted in ((0.0, target), (0.1, prediction)):
        rule = sf.ThreeFactor(learning_rate=rate)
        learn(rule.discretise(1.0), rule.initial_state(3, 20), weight, features, prediction, wanted, np.ones(3))
        np.testing.assert_array_equal(weight, before)


def test_with_full_attention_it_is_the_normalised_delta_rule():
    """After the update the prediction has moved towards the target by 2 eta |x|^2 / (1 + |x|^2 / n) of the error."""
    rule, n = sf.ThreeFactor(learning_rate=0.01), 20
    for seed in range(10):
        weight, features, _, target, _ = case(seed, n=n)
        prediction = weight @ features
        learn(rule.discretise(1.0), rule.initial_state(3, n), weight, features, prediction, target, np.ones(3))
        squared = features @ features
        share = 0.01 * 2.0 * squared / (1.0 + squared / n)
        moved = (weight @ features - prediction) / (target - prediction)
        np.testing.assert_allclose(moved, share, rtol=1e-10)  # a sum of 20 products, divided by an error of size 1


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3, 1e6])
def test_the_step_is_bounded_whatever_the_size_of_the_features(size):
    """With learning_rate <= 1 / n an update never overshoots twice the error, so it never diverges."""
    n = 20
    rule = sf.ThreeFactor(learning_rate=1.0 / n)
    rng = np.random.default_rng(3)
    weight, target = np.zeros((1, n)), np.array([1.0])
    features = rng.normal(size=n) * size
    error = 1.0
    for _ in range(50):
        prediction = weight @ features
        assert abs(target[0] - prediction[0]) <= error * (1 + 1e-9)  # rounding of a prediction as large as the target
        error = abs(target[0] - prediction[0])
        learn(rule.discretise(1.0), rule.initial_state(1, n), weight, features, prediction, target, np.ones(1))


def test_it_learns_a_linear_map():
    rng = np.random.default_rng(4)
    n, truth = 20, rng.normal(size=(2, 20))
    rule = sf.ThreeFactor(learning_rate=0.5 / n)
    weight, step, state = np.zeros((2, n)), rule.discretise(1.0), rule.initial_state(2, n)
    for _ in range(2000):
        features = rng.normal(size=n)
        learn(step, state, weight, features, weight @ features, truth @ features, np.ones(2))
    np.testing.assert_allclose(weight, truth, atol=1e-6)  # each update shrinks the error by 1/40 on average: e^-50


@pytest.mark.parametrize("teach", [learn, compiled_learn], ids=["python", "numba"])
def test_prediction_gate_opens_fully_where_an_attended_channel_expects_something(teach):
    attention = np.array([0.0, 0.2, 0.2, 1.0, 1.5, 0.2])
    prediction = np.array([0.9, 0.9, 0.05, 0.0, 0.9, 0.1])
    opened = np.array([0.0, 1.0, 0.2, 1.0, 1.5, 0.2])  # unattended stays shut; at the threshold is not above it
    rule = sf.ThreeFactor(learning_rate=0.1)
    gated = sf.PredictionGated(rule=rule, threshold=0.1)
    weight, features, _, target, _ = case(5, channels=6)
    expected = weight.copy()
    learn(rule.discretise(1.0), rule.initial_state(6, 20), expected, features, prediction, target, opened)
    given = attention.copy()
    teach(gated.discretise(1.0), gated.initial_state(6, 20), weight, features, prediction, target, given)
    np.testing.assert_array_equal(weight, expected)
    np.testing.assert_array_equal(given, attention)  # the teacher's own array is left alone


def test_prediction_gate_wraps_a_rule_that_has_state():
    inner = sf.RecursiveLeastSquares(alpha=2.0)
    gated = sf.PredictionGated(rule=inner, threshold=100.0)  # never opens: the wrapped rule alone
    rng = np.random.default_rng(6)
    plain, wrapped = np.zeros((2, 8)), np.zeros((2, 8))
    states = inner.initial_state(2, 8), gated.initial_state(2, 8)
    for _ in range(20):
        x, y = rng.normal(size=8), rng.normal(size=2)
        learn(inner.discretise(1.0), states[0], plain, x, plain @ x, y, np.full(2, 0.5))
        learn(gated.discretise(1.0), states[1], wrapped, x, wrapped @ x, y, np.full(2, 0.5))
    np.testing.assert_array_equal(wrapped, plain)
    np.testing.assert_array_equal(states[1].rule.inverse, states[0].inverse)
