"""Recursive least squares against the batch solution, a textbook recursion, and itself in other forms."""

import numpy as np
import pytest
from numba import njit

import synfire as sf
from synfire.plasticity.contract import learn

RULES = [sf.RecursiveLeastSquares, sf.ChannelwiseRecursiveLeastSquares]
N, CHANNELS = 12, 3
SAMPLES = [1, 15, 16, 17, 31, 32, 33, 100]  # around the moments when 16 pending corrections are absorbed


@njit
def compiled_learn(step, state, weight, features, prediction, target, attention):
    learn(step, state, weight, features, prediction, target, attention)


def data(samples, seed=0, n=N):
    rng = np.random.default_rng([samples, seed])
    return rng.normal(size=(samples, n)), rng.normal(size=(samples, CHANNELS))


def taught(rule, x, y, attention=None, teach=learn):
    weight, state, step = (
        np.zeros((y.shape[1], x.shape[1])),
        rule.initial_state(y.shape[1], x.shape[1]),
        rule.discretise(1.0),
    )
    attention = np.ones(y.shape) if attention is None else attention
    for features, target, gate in zip(x, y, attention, strict=True):
        teach(step, state, weight, features, weight @ features, target, gate)
    return weight, state


def correlation_inverse(state, group=0):
    """P written out from what the state's docstring says of it."""
    lower = np.tril(state.inverse[group])
    whole = lower + np.tril(lower, -1).T
    gains, signs = state.gains[group, : state.pending[group]], state.signs[group, : state.pending[group]]
    return whole - gains.T @ (signs[:, None] * gains)


def textbook(x, y, alpha, forgetting, attention):
    """The information matrix R = inv(P), which a sample changes by (forgetting - (1 - forgetting) / s) x x'."""
    information, weight = alpha * np.eye(x.shape[1]), np.zeros((y.shape[1], x.shape[1]))
    for features, target, gate in zip(x, y, attention, strict=True):
        filtered = np.linalg.solve(information, features)
        excited = features @ filtered
        weight += np.outer(gate * (target - weight @ features), filtered / (1.0 + excited))
        information += (forgetting - (1.0 - forgetting) / excited) * np.outer(features, features)
    return weight, np.linalg.inv(information)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("samples", SAMPLES)
def test_without_forgetting_it_is_the_batch_solution(rule, samples):
    x, y = data(samples)
    weight, _ = taught(rule(alpha=0.7), x, y)
    # 100 updates of a P of condition number below 1e3 lose few of 16 digits
    np.testing.assert_allclose(weight, sf.ridge(x, y, penalty=0.7), rtol=0.0, atol=1e-8)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("samples", SAMPLES)
@pytest.mark.parametrize("forgetting", [0.7, 0.99])
def test_on_one_feature_forgetting_weighs_samples_exponentially(rule, samples, forgetting):
    x, y = data(samples, 1, n=1)
    weight, _ = taught(rule(alpha=0.7, forgetting=forgetting), x, y)
    root = forgetting ** (np.arange(samples - 1, -1, -1) / 2.0)[:, None]  # of the weight of each sample
    expected = sf.ridge(root * x, root * y, penalty=0.7 * forgetting ** (samples - 1))
    np.testing.assert_allclose(weight, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_what_features_never_visit_is_not_forgotten(rule):
    """Regression: exponential forgetting multiplied these entries of P by 1e9 here, and diverged on longer runs."""
    x, y = data(200, 12)
    x[:, 4:] = 0.0
    _, state = taught(rule(alpha=0.5, forgetting=0.9), x, y)
    p = correlation_inverse(state)
    np.testing.assert_array_equal(p[4:, 4:], 2.0 * np.eye(N - 4))
    assert np.linalg.eigvalsh(p[:4, :4]).max() < 2.0


@pytest.mark.parametrize("rule", RULES)
def test_silent_features_teach_nothing(rule):
    weight, state = taught(rule(forgetting=0.9), np.zeros((3, N)), np.ones((3, CHANNELS)))
    assert not weight.any()
    np.testing.assert_array_equal(correlation_inverse(state), np.eye(N))


@pytest.mark.parametrize("forgetting", [1.0, 0.95])
def test_every_step_equals_the_textbook_with_any_attention(forgetting):
    x, y = data(50, 2)
    attention = np.random.default_rng(3).choice([0.0, 0.5, 1.0], y.shape)
    rule = sf.RecursiveLeastSquares(alpha=0.3, forgetting=forgetting)
    for samples in range(1, 51):
        weight, state = taught(rule, x[:samples], y[:samples], attention[:samples])
        expected, p = textbook(x[:samples], y[:samples], 0.3, forgetting, attention[:samples])
        # P and weights are of order 1 and the information matrix has a condition number below 1e3: 12 digits and slack
        np.testing.assert_allclose(weight, expected, rtol=0.0, atol=1e-10)
        np.testing.assert_allclose(correlation_inverse(state), p, rtol=0.0, atol=1e-10)


def test_channelwise_keeps_a_p_for_each_channel_that_moves_only_where_it_attends():
    x, y = data(40, 4)
    attention = np.random.default_rng(5).choice([0.0, 1.0], y.shape)
    weight, state = taught(sf.ChannelwiseRecursiveLeastSquares(alpha=0.5), x, y, attention)
    for c in range(CHANNELS):
        seen = attention[:, c] == 1.0
        alone, p = textbook(x[seen], y[seen, c : c + 1], 0.5, 1.0, np.ones((seen.sum(), 1)))
        np.testing.assert_allclose(weight[c], alone[0], rtol=0.0, atol=1e-10)
        np.testing.assert_allclose(correlation_inverse(state, c), p, rtol=0.0, atol=1e-10)


def test_with_full_attention_channelwise_and_shared_are_the_same_bits():
    x, y = data(50, 6)
    shared, channelwise = (taught(rule(alpha=0.5, forgetting=0.99), x, y)[0] for rule in RULES)
    np.testing.assert_array_equal(channelwise, shared)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("forgetting", [1.0, 0.97])
def test_python_and_numba_learn_the_same_bits(rule, forgetting):
    x, y = data(40, 7, n=40)  # more than 32 features: dot products in lanes
    attention = np.random.default_rng(8).choice([0.0, 0.5, 1.0], y.shape)
    rule = rule(alpha=0.5, forgetting=forgetting)
    in_python, compiled = (taught(rule, x, y, attention, teach) for teach in (learn, compiled_learn))
    np.testing.assert_array_equal(compiled[0], in_python[0])
    for a, b in zip(compiled[1], in_python[1], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("forgetting", [1.0, 0.98])
def test_p_stays_positive_definite_over_thousands_of_correlated_samples(forgetting):
    rng = np.random.default_rng(9)
    mixing = rng.normal(size=(N, N)) * 0.5 ** np.arange(N)  # a spectrum over three decades
    x = rng.normal(size=(5000, N)) @ mixing
    y = rng.normal(size=(5000, CHANNELS))
    _, state = taught(sf.RecursiveLeastSquares(alpha=1.0, forgetting=forgetting), x, y, teach=compiled_learn)
    p = correlation_inverse(state)
    np.testing.assert_array_equal(p, p.T)
    assert np.linalg.eigvalsh(p).min() > 0.0


def test_forgetting_follows_a_change_and_remembering_does_not():
    rng = np.random.default_rng(10)
    x, truths = rng.normal(size=(600, N)), rng.normal(size=(2, 1, N))
    y = np.concatenate([x[:300] @ truths[0].T, x[300:] @ truths[1].T])
    errors = [
        np.linalg.norm(taught(sf.RecursiveLeastSquares(forgetting=f), x, y, teach=compiled_learn)[0] - truths[1])
        for f in (1.0, 0.5)
    ]
    assert errors[1] < 0.01 * np.linalg.norm(truths[1] - truths[0])
    assert errors[0] > 0.3 * np.linalg.norm(truths[1] - truths[0])  # without forgetting half of it


def test_without_attention_weights_do_not_move_though_the_shared_p_does():
    x, y = data(5, 11)
    shared, channelwise = (taught(rule(), x, y, np.zeros(y.shape)) for rule in RULES)
    assert not shared[0].any()
    assert not channelwise[0].any()
    assert (correlation_inverse(shared[1]) != np.eye(N)).any()
    np.testing.assert_array_equal(correlation_inverse(channelwise[1]), np.eye(N))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("bad", [{"alpha": 0.0}, {"alpha": -1.0}, {"forgetting": 0.0}, {"forgetting": 1.001}])
def test_what_is_no_regularisation_or_forgetting_is_refused(rule, bad):
    with pytest.raises(sf.InvalidValue, match=rf"{rule.__name__}\.{next(iter(bad))}"):
        rule(**bad)
