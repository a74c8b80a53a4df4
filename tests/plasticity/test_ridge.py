"""Ridge regression against scikit-learn, its normal equations, and its own dual."""

import math

import numpy as np
import pytest
from sklearn.linear_model import Ridge

import synfire as sf


def data(samples, n, channels=3, seed=0):
    rng = np.random.default_rng([samples, n, seed])
    return rng.normal(size=(samples, n)), rng.normal(size=(samples, channels))


@pytest.mark.parametrize("samples, n", [(50, 10), (10, 50), (20, 20), (1, 5), (5, 1)])
@pytest.mark.parametrize("penalty", [1e-3, 1.0, 100.0])
def test_weights_equal_those_of_scikit_learn(samples, n, penalty):
    x, y = data(samples, n)
    expected = Ridge(alpha=penalty, fit_intercept=False, solver="svd").fit(x, y).coef_
    # both solve a system of condition number below 1e6 (the square case at penalty 1e-3): 1e6 * 1e-16, times 1e2
    np.testing.assert_allclose(sf.ridge(x, y, penalty=penalty), expected, rtol=1e-8, atol=1e-9)


def test_primal_and_dual_agree():
    """The last sample has no features: with it the primal is solved, without it the dual, and nothing else differs."""
    x, y = data(29, 30)
    padded = np.vstack([x, np.zeros(30)]), np.vstack([y, np.ones(3)])
    np.testing.assert_allclose(sf.ridge(x, y, penalty=0.5), sf.ridge(*padded, penalty=0.5), rtol=0.0, atol=1e-12)


def test_weights_are_a_stationary_point_of_the_penalised_error():
    x, y = data(40, 12)
    w = sf.ridge(x, y, penalty=2.0)
    gradient = (x @ w.T - y).T @ x + 2.0 * w
    np.testing.assert_allclose(gradient, 0.0, atol=1e-11)  # sums of 40 products of size 10


def test_more_penalty_means_smaller_weights():
    x, y = data(40, 12)
    norms = [np.linalg.norm(sf.ridge(x, y, penalty=p)) for p in (1e-3, 1.0, 1e3, 1e6)]
    assert norms == sorted(norms, reverse=True)
    assert norms[-1] < 1e-3 * norms[0]


@pytest.mark.parametrize(
    "x, y, penalty, field",
    [
        (np.ones((3, 2)), np.ones((3, 1)), 0.0, "ridge: penalty"),
        (np.ones((3, 2)), np.ones((3, 1)), -1.0, "ridge: penalty"),
        (np.ones((3, 2)), np.ones((3, 1)), math.nan, "ridge: penalty"),
        (np.ones((3, 2)), np.ones((3, 1)), math.inf, "ridge: penalty"),
        (np.ones((3, 2)), np.ones((4, 1)), 1.0, "ridge: targets"),
        (np.ones((3, 2)), np.ones(3), 1.0, "ridge: targets"),
        (np.ones(3), np.ones((3, 1)), 1.0, "ridge: targets"),
        (np.full((3, 2), math.nan), np.ones((3, 1)), 1.0, "ridge: features, targets"),
        (np.ones((3, 2)), np.full((3, 1), math.inf), 1.0, "ridge: features, targets"),
    ],
)
def test_what_cannot_be_fitted_is_refused(x, y, penalty, field):
    with pytest.raises(sf.InvalidValue) as caught:
        sf.ridge(x, y, penalty=penalty)
    assert caught.value.field == field
