"""Entropy rates against what entropy is, and against the complexity of long trains."""

import itertools
import math

import numpy as np
import pytest

import synfire as sf

STREAM = 285


def block_entropy(p01, p10, n):
    """Entropy of all blocks of n bins of the chain, bits: the sum over every block, from its probability."""
    spiking, bits = p01 / (p01 + p10), 0.0
    step = {(0, 1): p01, (0, 0): 1.0 - p01, (1, 0): p10, (1, 1): 1.0 - p10}
    for block in itertools.product((0, 1), repeat=n):
        p = (spiking if block[0] else 1.0 - spiking) * math.prod(step[pair] for pair in itertools.pairwise(block))
        bits -= p * math.log2(p) if p > 0.0 else 0.0
    return bits


@pytest.mark.parametrize(("p01", "p10"), [(0.1, 0.3), (0.25, 0.75), (0.02, 1.0), (1.0, 1.0)])
def test_markov_rate_is_what_one_more_bin_adds_to_the_entropy_of_blocks(p01, p10):
    grown = block_entropy(p01, p10, 9) - block_entropy(p01, p10, 8)
    assert sf.markov_entropy_rate(p01, p10) == pytest.approx(grown, abs=1e-12)


def test_sources_without_memory_agree():
    p = np.linspace(0.0, 1.0, 11)
    np.testing.assert_allclose(sf.markov_entropy_rate(p[1:], 1.0 - p[1:]), sf.bernoulli_entropy_rate(p[1:]), atol=1e-15)
    rate = -1e3 * np.log1p(-p[:-1]) / 0.5
    np.testing.assert_allclose(sf.poisson_entropy_rate(rate, 0.5), sf.bernoulli_entropy_rate(p[:-1]), atol=1e-15)


def test_known_values():
    assert sf.bernoulli_entropy_rate(0.5) == 1.0
    np.testing.assert_array_equal(sf.bernoulli_entropy_rate([0.0, 1.0]), [0.0, 0.0])
    found = sf.bernoulli_entropy_rate([0.01, 0.02, 0.04, 0.05, 0.1, 0.2])
    np.testing.assert_allclose(found, [0.081, 0.141, 0.242, 0.286, 0.469, 0.722], atol=6e-4)  # three digits
    assert sf.markov_entropy_rate(0.1, 0.3) < 0.75 * sf.markov_entropy_rate(0.25, 0.75)  # at one mean rate
    assert sf.poisson_entropy_rate(0.0) == 0.0


def markov(p01, p10, shape, rng):
    draws, trains = rng.random(shape), np.zeros(shape, bool)
    trains[0] = draws[0] < p01 / (p01 + p10)
    for t in range(1, shape[0]):
        trains[t] = draws[t] < np.where(trains[t - 1], 1.0 - p10, p01)
    return trains


SOURCES = {
    "bernoulli": (lambda shape, rng: rng.random(shape) < 0.3, sf.bernoulli_entropy_rate(0.3)),
    "poisson": (lambda shape, rng: rng.poisson(0.04, shape) > 0, sf.poisson_entropy_rate(40.0, 1.0)),
    "markov": (lambda shape, rng: markov(0.1, 0.3, shape, rng), sf.markov_entropy_rate(0.1, 0.3)),
}


@pytest.mark.parametrize("name", SOURCES)
def test_complexity_comes_down_to_the_entropy_rate(name):
    """The error falls like 1 / log n, through zero for trains as sparse as Poisson's here: -5.7 % at 64,000 bins, and still
    -4.7 % at four million. The standard error of the means is 0.3 %."""
    draw, rate = SOURCES[name]
    trains = draw((64_000, 24), sf.setup_generator(0, STREAM))
    short, long = (sf.complexity(trains[:n]).mean() / rate - 1.0 for n in (250, 64_000))
    assert abs(long) < 0.07
    assert short > 2.0 * abs(long)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: sf.bernoulli_entropy_rate(1.1), r"p: must be in \[0, 1\]"),
        (lambda: sf.bernoulli_entropy_rate([0.1, np.nan]), r"p: must be in \[0, 1\]"),
        (lambda: sf.poisson_entropy_rate(-1.0), "rate: must be >= 0"),
        (lambda: sf.poisson_entropy_rate(np.inf), "rate: must be >= 0"),
        (lambda: sf.poisson_entropy_rate(1.0, 0.0), "dt: must be > 0 ms"),
        (lambda: sf.markov_entropy_rate(-0.1, 0.5), "p01: must be in"),
        (lambda: sf.markov_entropy_rate(0.1, 2.0), "p10: must be in"),
        (lambda: sf.markov_entropy_rate([0.1, 0.0], 0.0), "never leaves"),
    ],
)
def test_what_is_no_probability_is_refused(call, told):
    with pytest.raises(sf.InvalidValue, match=told):
        call()
