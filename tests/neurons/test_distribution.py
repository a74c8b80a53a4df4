"""Distributions: their moments, their arithmetic, and that one recipe is drawn once."""

import math
import operator

import numpy as np
import pytest

import synfire as sf
from synfire.neurons.distribution import Sampler

N = 200_000


def draw(distribution, n=N, seed=0):
    return Sampler(np.random.default_rng(seed), n)(distribution)


@pytest.mark.parametrize(
    "distribution, mean, std",
    [
        (sf.uniform(2.0, 8.0), 5.0, 6.0 / math.sqrt(12.0)),
        (sf.normal(-3.0, 2.0), -3.0, 2.0),
        (sf.lognormal(4.0, 1.5), 4.0, 1.5),
        (sf.gamma(3.0, 4.0), 3.0, 1.5),
        (sf.gamma(2.0, 1.0), 2.0, 2.0),
    ],
    ids=str,
)
def test_mean_and_spread_are_those_asked_for(distribution, mean, std):
    values = draw(distribution)
    assert values.mean() == pytest.approx(mean, abs=4 * std / math.sqrt(N))  # 4 standard errors
    # the standard error of the variance needs the fourth moment: estimated from the sample
    error = np.std((values - mean) ** 2) / math.sqrt(N)
    assert values.var() == pytest.approx(std**2, abs=4 * error)


def test_supports_are_right():
    values = draw(sf.uniform(2.0, 8.0))
    assert values.min() >= 2.0
    assert values.max() < 8.0
    assert draw(sf.lognormal(1.0, 3.0)).min() > 0.0
    assert draw(sf.gamma(1.0, 0.5)).min() >= 0.0


def test_one_recipe_that_appears_twice_is_drawn_once():
    r = sf.uniform(0.0, 1.0)
    sample = Sampler(np.random.default_rng(1), 100)
    np.testing.assert_array_equal(sample(r + r), 2.0 * sample(r))
    np.testing.assert_array_equal(sample(r**2), sample(r) ** 2)
    assert (sample(sf.uniform(0.0, 1.0)) != sample(r)).all()  # another recipe, equal in words, is another draw


@pytest.mark.parametrize("op", [operator.add, operator.sub, operator.mul, operator.truediv])
def test_arithmetic_with_numbers_and_arrays_works_from_both_sides(op):
    r = sf.uniform(1.0, 2.0)
    other = np.linspace(1.0, 3.0, 50)
    sample = Sampler(np.random.default_rng(2), 50)
    for x in (3.0, np.float64(3.0), other):
        np.testing.assert_array_equal(sample(op(r, x)), op(sample(r), x))
        np.testing.assert_array_equal(sample(op(x, r)), op(x, sample(r)))
    np.testing.assert_array_equal(sample(-r), -sample(r))


def test_clip_moves_draws_into_the_interval():
    values = draw(sf.normal(0.0, 1.0).clip(-0.5, 0.25), 1000)
    assert values.min() == -0.5
    assert values.max() == 0.25
    with pytest.raises(sf.InvalidValue, match="clip"):
        sf.normal(0.0, 1.0).clip(1.0, 0.0)


def test_the_same_seed_draws_the_same():
    np.testing.assert_array_equal(draw(sf.gamma(1.0, 2.0), 10, 5), draw(sf.gamma(1.0, 2.0), 10, 5))
    assert (draw(sf.gamma(1.0, 2.0), 10, 5) != draw(sf.gamma(1.0, 2.0), 10, 6)).all()


@pytest.mark.parametrize(
    "make",
    [
        lambda: sf.uniform(1.0, 0.0),
        lambda: sf.uniform(math.nan, 1.0),
        lambda: sf.uniform(0.0, math.inf),
        lambda: sf.uniform("0", 1.0),
        lambda: sf.normal(0.0, -1.0),
        lambda: sf.lognormal(0.0, 1.0),
        lambda: sf.lognormal(1.0, -1.0),
        lambda: sf.gamma(1.0, 0.0),
        lambda: sf.gamma(-1.0, 1.0),
    ],
)
def test_what_is_no_distribution_is_refused(make):
    with pytest.raises(sf.InvalidValue):
        make()
