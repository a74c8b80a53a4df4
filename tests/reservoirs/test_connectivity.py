"""Connection rules: exact where they promise it, right on average where they draw."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import synfire as sf


def drawn(rule, n_pre, n_post, same=False, seed=0):
    itself = np.arange(n_post) if same else np.full(n_post, -1)
    return rule.pairs(n_pre, n_post, itself, np.random.default_rng(seed))


def counts(pre, post, n_pre, n_post):
    table = np.zeros((n_pre, n_post), int)
    np.add.at(table, (pre, post), 1)
    return table


sizes = st.integers(1, 30)
seeds = st.integers(0, 10**6)
rules = st.one_of(
    st.builds(sf.FixedProbability, st.floats(0.0, 1.0), st.booleans()),
    st.builds(sf.FixedInDegree, st.integers(0, 5), st.booleans(), st.just(True)),
    st.builds(sf.AllToAll, st.booleans()),
)


@settings(max_examples=150, deadline=None)
@given(rules, sizes, sizes, st.booleans(), seeds)
def test_pairs_are_within_their_populations_sorted_and_without_forbidden_autapses(rule, n_pre, n_post, same, seed):
    n_post = n_pre if same else n_post
    if isinstance(rule, sf.FixedInDegree) and same and not rule.autapses and n_pre == 1 and rule.k:
        with pytest.raises(sf.InvalidValue, match="in-degree"):
            drawn(rule, n_pre, n_post, same, seed)
        return
    pre, post = drawn(rule, n_pre, n_post, same, seed)
    assert pre.shape == post.shape
    assert ((pre >= 0) & (pre < n_pre) & (post >= 0) & (post < n_post)).all()
    assert (np.diff(pre * n_post + post) >= 0).all()
    if same and not rule.autapses:
        assert (pre != post).all()
    again = drawn(rule, n_pre, n_post, same, seed)
    np.testing.assert_array_equal(pre, again[0])
    np.testing.assert_array_equal(post, again[1])


@settings(max_examples=60, deadline=None)
@given(sizes, sizes, st.integers(0, 8), st.booleans(), st.booleans(), seeds)
def test_in_degree_is_exact(n_pre, n_post, k, multapses, same, seed):
    n_post = n_pre if same else n_post
    k = k if multapses else min(k, n_pre - same)
    if same and n_pre == 1:
        k = 0
    pre, post = drawn(sf.FixedInDegree(k, autapses=not same, multapses=multapses), n_pre, n_post, same, seed)
    table = counts(pre, post, n_pre, n_post)
    assert (table.sum(0) == k).all()
    if not multapses:
        assert table.max() <= 1
    if same:
        assert np.trace(table) == 0


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 20), seeds, st.sampled_from(["all", "p", "degree", "distinct"]))
def test_parts_that_overlap_have_no_autapses_where_they_are_forbidden(n, seed, kind):
    """Regression: `autapses=False` from cells[:1] to cells left the synapse of neuron 0 onto itself."""
    rule = {
        "all": sf.AllToAll(autapses=False), "p": sf.FixedProbability(0.5, autapses=False),
        "degree": sf.FixedInDegree(3, autapses=False), "distinct": sf.FixedInDegree(1, autapses=False, multapses=False),
    }[kind]  # fmt: skip
    rng = np.random.default_rng(seed)
    pre, post = (rng.permutation(n)[: rng.integers(2, n + 1)] for _ in range(2))
    net = sf.Network(dt=1.0, seed=seed)
    cells = net.population(n, sf.LIF())
    (made,) = net.connect(cells[pre], cells[post], rule, weight=1.0)
    assert (made.pre != made.post).all()
    assert np.isin(made.pre, pre).all()
    assert np.isin(made.post, post).all()
    if kind in ("degree", "distinct"):
        assert (np.bincount(made.post, minlength=n)[post] == rule.k).all()
    if kind == "all":
        assert len(made) == len(pre) * len(post) - len(np.intersect1d(pre, post))


def test_a_part_that_names_a_neuron_twice_is_refused():
    net = sf.Network(dt=1.0)
    cells = net.population(4, sf.LIF())
    for connect in (
        lambda: net.connect(cells[[0, 0]], cells, p=0.5, weight=1.0),
        lambda: net.drive(cells[[1, 1]], sf.Current(amplitude=1.0)),
    ):
        with pytest.raises(sf.InvalidValue, match="each neuron once"):
            connect()


def test_in_degree_draws_presynaptic_neurons_evenly():
    for options in ({}, {"multapses": False}, {"autapses": False}, {"autapses": False, "multapses": False}):
        rule = sf.FixedInDegree(10, **options)
        table = sum(counts(*drawn(rule, 40, 40, True, seed), 40, 40) for seed in range(50))
        # each of 1600 pairs is drawn 50 * 10 / 40 times on average, about Poisson; the out-degree 500 times
        off = ~np.eye(40, dtype=bool)
        mean = 500 / 39 if "autapses" in options else 12.5
        assert abs(table[off].mean() - mean) < 5 * math.sqrt(mean / off.sum())
        assert np.abs(table.sum(1) - 500).max() < 5 * math.sqrt(500)


@pytest.mark.parametrize("p", [0.001, 0.1, 0.5, 0.9])
def test_probability_connects_each_pair_independently(p):
    n_pre, n_post, repeats = 60, 50, 40
    rule = sf.FixedProbability(p)
    tables = np.stack([counts(*drawn(rule, n_pre, n_post, seed=s), n_pre, n_post) for s in range(repeats)])
    assert tables.max() == 1
    cells, sigma = tables.size, math.sqrt(p * (1 - p))
    assert abs(tables.mean() - p) < 4 * sigma / math.sqrt(cells)
    # every place is as likely as any other, the first and the last too: binomial over repeats
    assert tables.sum(0).max() <= stats.binom.isf(1e-8, repeats, p)  # 3000 places: 1 in 30,000 seeds would fail
    assert tables.sum(0).min() >= stats.binom.ppf(1e-8, repeats, p)
    if cells * p**2 > 100:  # neighbours in the flat order are independent; for fewer there is no normal limit
        flat = tables.reshape(repeats, -1) - p
        assert abs((flat[:, 1:] * flat[:, :-1]).mean()) < 4 * sigma**2 / math.sqrt(cells)


def test_probability_zero_and_one_are_certain():
    assert len(drawn(sf.FixedProbability(0.0), 10, 10)[0]) == 0
    pre, post = drawn(sf.FixedProbability(1.0), 4, 3)
    assert (counts(pre, post, 4, 3) == 1).all()
    pre, post = drawn(sf.FixedProbability(1.0, autapses=False), 4, 4, same=True)
    np.testing.assert_array_equal(counts(pre, post, 4, 4), 1 - np.eye(4))


def test_a_probability_however_small_is_drawn():
    for p in (5e-324, 1e-300, 1e-18):
        assert len(drawn(sf.FixedProbability(p), 30, 30)[0]) == 0


def test_cost_follows_synapses_and_not_pairs():
    pre, _ = drawn(sf.FixedProbability(1e-10), 10**7, 10**7)  # 10^14 pairs, 10^4 synapses
    assert abs(len(pre) - 10**4) < 5 * 100
    assert pre.max() > 9 * 10**6


def test_one_to_one_all_to_all_and_explicit_pairs_are_what_they_say():
    np.testing.assert_array_equal(counts(*drawn(sf.OneToOne(), 5, 5), 5, 5), np.eye(5))
    np.testing.assert_array_equal(counts(*drawn(sf.AllToAll(autapses=False), 4, 4, True), 4, 4), 1 - np.eye(4))
    np.testing.assert_array_equal(counts(*drawn(sf.AllToAll(autapses=False), 4, 4, False), 4, 4), np.ones((4, 4)))
    pre, post = drawn(sf.Pairs([2, 0, 2, 2], [1, 1, 1, 0]), 3, 2)
    assert (pre.tolist(), post.tolist()) == ([2, 0, 2, 2], [1, 1, 1, 0])  # in the user's order, twice what stands twice


@settings(max_examples=60, deadline=None)
@given(rules, sizes, sizes, seeds)
def test_expected_number_is_about_right(rule, n_pre, n_post, seed):
    expected = rule.expected(n_pre, n_post)
    found = len(drawn(rule, n_pre, n_post, seed=seed)[0])
    assert abs(found - expected) <= 6 * math.sqrt(n_pre * n_post / 4) + 1e-9  # 6 sigma of the widest binomial


@pytest.mark.parametrize(
    "make, match",
    [
        (lambda: sf.FixedProbability(1.5), "connect: p"),
        (lambda: sf.FixedProbability(-0.1), "connect: p"),
        (lambda: sf.FixedProbability(math.nan), "connect: p"),
        (lambda: sf.FixedProbability("0.1"), "connect: p"),
        (lambda: sf.FixedInDegree(-1), "in-degree"),
        (lambda: sf.FixedInDegree(1.5), "in-degree"),
        (lambda: sf.FixedInDegree(True), "in-degree"),
        (lambda: drawn(sf.FixedInDegree(6, multapses=False), 5, 5), "in-degree k: must be <= 5"),
        (lambda: drawn(sf.FixedInDegree(5, autapses=False, multapses=False), 5, 5, True), "in-degree k: must be <= 4"),
        (lambda: drawn(sf.FixedOutDegree(6, multapses=False), 5, 5), "out-degree k: must be <= 5 distinct postsynaptic"),
        (lambda: drawn(sf.OneToOne(), 3, 4), "one to one"),
        (lambda: sf.Pairs([0, 1], [0]), r"Pairs\.post: must be pre's shape \(2,\), got 'shape \(1,\)'"),
        (lambda: sf.Pairs([[0]], [[0]]), r"Pairs\.pre: must be of shape \(synapses,\), got 'shape \(1, 1\)'"),
        (lambda: sf.Pairs(["a"], [0]), r"Pairs\.pre: must be whole numbers >= 0, got .*a"),
        (lambda: sf.Pairs([-1], [0]), r"Pairs\.pre"),
        (lambda: sf.Pairs([0.0], [0]), r"Pairs\.pre"),
        (lambda: drawn(sf.Pairs([0], [3]), 3, 3), r"Pairs\.post: must be < 3"),
    ],
)
def test_what_cannot_be_connected_is_refused(make, match):
    with pytest.raises(sf.InvalidValue, match=match):
        make()
