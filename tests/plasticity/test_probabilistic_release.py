"""Releases at unreliable synapses: their distribution, what they do not depend on, and what they leave as it is."""

import hashlib

import numpy as np
import pytest
from scipy import optimize, stats

import synfire as sf
from synfire.experiments.oracle_plasticity import uniform_number

SILENT = {"v_rest": 0.0, "v_reset": -1.0, "v_threshold": 1e9}


def always_firing(rule, pre, post, *, weight=1.0, seed=0, precision="double"):
    """Neurons that fire at every step of 1 ms, each with a synapse onto each of `post` cells."""
    net = sf.Network(dt=1.0, seed=seed, precision=precision)
    source = net.population(pre, sf.Poisson(rate=1000.0))
    cells = net.population(post, sf.LIF(**SILENT))
    net.connect(source, cells, sf.AllToAll(), weight=weight, synapse=sf.Pulse(), plasticity=rule)
    return net, cells


def delivered(net, cells, steps, state=None):
    """What each cell received from each step's spikes, (steps, cells), and the state after: a current of one step."""
    result = net.run(steps + 3.0, state=state, record=[sf.Trace(cells, "current")], progress=False)
    current = result.trace(cells, "current").values
    return current[len(current) - steps :], result.state


@pytest.mark.parametrize(
    ("release", "precision"), [(0.03, "double"), (0.25, "double"), (0.5, "double"), (0.9, "double"), (0.5, "single")]
)
def test_a_million_draws_have_the_probability_and_know_nothing_of_each_other(release, precision):
    """All releases; those of each synapse; those of each step; neighbours in synapses and in time."""
    drive, _ = delivered(*always_firing(sf.ProbabilisticRelease(release=release), 1, 1000, precision=precision), 1000)
    assert set(np.unique(drive)) == {0.0, 1.0}
    assert stats.binomtest(int(drive.sum()), drive.size, release).pvalue > 1e-3
    for axis in (0, 1):
        chi2 = ((drive.sum(axis, dtype=float) - 1000 * release) ** 2).sum() / (1000 * release * (1.0 - release))
        assert 1e-3 < stats.chi2.sf(chi2, 1000) < 1.0 - 1e-3
    centred = drive - release
    for one, other in ((centred[1:], centred[:-1]), (centred[:, 1:], centred[:, :-1])):
        correlation = (one * other).mean() / (release * (1.0 - release))
        assert abs(correlation) < 4.0 / np.sqrt(one.size)


def test_the_drive_has_the_mean_and_the_variance_of_its_equation():
    n, steps, release, weight = 500, 4000, 0.3, 0.25
    rule = sf.ProbabilisticRelease(release=release, amplitude=sf.uniform(0.0, 2.0))
    drive, state = delivered(*always_firing(rule, n, 1, weight=weight), steps)
    quanta = state["link0.synapse.amplitude"]
    assert 0.0 <= quanta.min() < 0.05 < 1.95 < quanta.max() < 2.0
    assert stats.kstest(quanta / 2.0, "uniform").pvalue > 1e-3
    mean, variance = release * weight * quanta.sum(), release * (1.0 - release) * weight**2 * (quanta**2).sum()
    assert abs(drive.mean() - mean) < 4.0 * np.sqrt(variance / steps)
    assert drive.var() / variance == pytest.approx(1.0, abs=4.0 * np.sqrt(2.0 / steps))
    assert mean == pytest.approx(
        n * release * weight, abs=4.0 * release * weight * np.sqrt(n / 3.0)
    )  # E[Q] = 1, var 1/3


@pytest.mark.parametrize("precision", ["double", "single"])
def test_draws_are_philox_of_the_links_seed_the_synapse_and_the_step_however_late(precision):
    rule = sf.ProbabilisticRelease(release=0.4, amplitude=0.5, seed=7)
    net, cells = always_firing(rule, 1, 40, seed=3, precision=precision)
    simulation = net.simulation()
    seed, late = simulation.links[0].rule.seed, 2**33 + 5
    assert simulation.initial_state()["link0.synapse.number"].dtype == np.int64
    for first in (0, late):
        state = simulation.initial_state() | {"step": np.array([first])}
        current = net.run(20.0, state=state, record=[sf.Trace(cells, "current")], progress=False).trace(
            cells, "current"
        )
        steps = np.round(current.times).astype(int) - 1  # a current is seen one step after its spike arrived
        expected = [
            [0.5 * (uniform_number(seed, 289, e, t) < 0.4) if t >= first else 0.0 for e in range(40)]
            for t in steps.tolist()
        ]
        assert len(steps) >= 19
        np.testing.assert_array_equal(current.values, expected)


def test_a_sure_release_of_one_is_the_plain_connection_bit_for_bit():
    weight = np.random.default_rng(0).normal(size=(30, 20)).ravel()
    rule = sf.ProbabilisticRelease(release=1.0, amplitude=1.0)
    sure, plain = (delivered(*always_firing(kind, 30, 20, weight=weight), 50)[0] for kind in (rule, None))
    assert np.ptp(plain) > 1.0
    np.testing.assert_array_equal(sure, plain)


def recurrent(precision):
    """Cells in three sections, with learning synapses of many delays and quanta of many sizes."""
    rng = np.random.default_rng(1)
    n, dt = 200, 0.5
    net = sf.Network(dt=dt, seed=4, precision=precision)
    cells = net.population(n, sf.LIF(t_refractory=1.0), initial={"v": sf.uniform(-70.0, -45.0)})
    rule = sf.ProbabilisticRelease(
        release=0.3, amplitude=sf.uniform(0.0, 2.0), rule=sf.STDP(potentiation=0.2, depression=0.1)
    )
    how = sf.Pairs(rng.integers(0, n, 10 * n), rng.integers(0, n, 10 * n))
    net.connect(
        cells, cells, how, weight=rng.uniform(0.0, 1.0, 10 * n), delay=dt * rng.integers(0, 9, 10 * n), plasticity=rule
    )
    net.drive(cells, sf.GaussianNoise(std=40.0, mean=16.0))
    return net, cells


def digest(state):
    whole = hashlib.sha256()
    for name in sorted(state):
        whole.update(name.encode() + np.ascontiguousarray(state[name]).tobytes())
    return whole.hexdigest()


@pytest.mark.filterwarnings("ignore:threads")
@pytest.mark.parametrize("precision", ["double", "single"])
def test_threads_stretches_and_recording_change_no_byte(precision):
    net, cells = recurrent(precision)
    result = net.run(100.0, record=[sf.Spikes(cells)], progress=False)
    assert len(result.spikes(cells).times) > 500
    expected = digest(result.state)
    for threads, stretch in ((1, 7), (2, 200), (2, 33), (3, 200), (3, 1)):
        simulation = net.simulation(threads=threads)
        state = simulation.initial_state()
        while state["step"][0] < 200:
            state, _ = simulation.advance(state, min(stretch, 200 - int(state["step"][0])))
        assert digest(state) == expected


def keys(seed=0, rule_seed=0):
    """Seeds with which the two links of a network draw that share a rule."""
    net = sf.Network(dt=1.0, seed=seed)
    source, cells = net.population(2, sf.Poisson()), net.population(3, sf.LIF(**SILENT))
    rule = sf.ProbabilisticRelease(seed=rule_seed)
    for tau in (5.0, 10.0):
        net.connect(source, cells, sf.AllToAll(), weight=1.0, synapse=sf.Exponential(tau_syn=tau), plasticity=rule)
    return [link.rule.seed for link in net.simulation().links]


def test_links_that_share_a_rule_draw_apart_and_so_do_other_seeds():
    every = [*keys(), *keys(seed=1), *keys(rule_seed=1)]
    assert len(set(every)) == 6
    assert keys() == every[:2]


def test_projections_that_make_one_link_draw_apart():
    """Two cells' synapses are numbers 0 and 1 of one link, though two calls of `connect` made them."""
    rule = sf.ProbabilisticRelease(release=0.5)
    net, cells = always_firing(rule, 1, 1)
    other = net.population(1, sf.LIF(**SILENT))
    net.connect(net.populations[0], other, sf.AllToAll(), weight=1.0, synapse=sf.Pulse(), plasticity=rule)
    record = [sf.Trace(part, "current") for part in (cells, other)]
    result = net.run(1000.0, record=record, progress=False)
    agree = (result.trace(cells, "current").values == result.trace(other, "current").values).mean()
    assert abs(agree - 0.5) < 4.0 * 0.5 / np.sqrt(1000)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"release": 0.0}, "release: must be > 0"), ({"release": 1.1}, "release: must be .*<= 1"),
     ({"release": sf.uniform(0, 1)}, "release"), ({"amplitude": -1.0}, "amplitude: must be >= 0"),
     ({"amplitude": [1.0, 2.0]}, "amplitude.*Distribution"),
     ({"seed": -1}, "seed"), ({"seed": 0.5}, "seed"), ({"rule": sf.STDP}, "rule.*SynapticRule"), ({"rule": None}, "rule"),
     ({"rule": sf.TsodyksMarkram()}, "rule.*delivers"), ({"rule": sf.Deferred()}, "rule.*but a weight"),
     ({"rule": sf.RewardModulated()}, "rule.*but a weight"), ({"rule": sf.ProbabilisticRelease()}, "rule.*but a weight")],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(options, message):
    with pytest.raises(sf.InvalidValue, match=rf"ProbabilisticRelease\.{message}"):
        sf.ProbabilisticRelease(**options)


def test_amplitudes_below_0_and_weights_beyond_the_rules_bounds_are_refused():
    net, _ = always_firing(sf.ProbabilisticRelease(amplitude=sf.normal(0.0, 1.0)), 5, 5)
    with pytest.raises(sf.InvalidValue, match=r"ProbabilisticRelease\.amplitude: .*draw of -.*clip"):
        net.simulation().initial_state()
    with pytest.raises(sf.InvalidValue, match="connect: weight"):
        always_firing(sf.ProbabilisticRelease(rule=sf.STDP()), 5, 5, weight=2.0)[0].run(1.0)  # its bound is 1


def information(n, p, release):
    """Bits that the number of releases has about the number of active inputs, of n with probability p each."""

    def entropy(q):
        return -(q[q > 0.0] * np.log2(q[q > 0.0])).sum()

    active = np.arange(n + 1)
    share = stats.binom.pmf(active, n, p)
    active, share = active[share > 1e-12], share[share > 1e-12]
    released = np.arange(active[-1] + 1)
    given = stats.binom.pmf(released, active[:, None], release)
    return entropy(share @ given) - sum(s * entropy(row) for s, row in zip(share, given, strict=True))


@pytest.mark.parametrize("fixed", [0.0, 20.0])
def test_the_optimal_failure_rate_gives_most_bits_for_the_energy(fixed):
    """What gets through sum and axon, over a cost of `fixed` and 1 for each release; for sparse activity, to 2 %."""
    n = 500
    for p in (0.01, 0.025, 0.05):
        bits = -p * np.log2(p) - (1.0 - p) * np.log2(1.0 - p)

        def waste(f, p=p, bits=bits):
            return -min(information(n, p, 1.0 - f), bits) / (fixed + n * p * (1.0 - f))

        best = optimize.minimize_scalar(waste, bounds=(0.01, 0.99), method="bounded", options={"xatol": 1e-4}).x
        assert sf.optimal_failure_rate(p) == pytest.approx(best, rel=0.02)


def test_the_failure_rate_where_informations_match_is_that_of_its_docstring():
    for p in (0.05, 0.2, 0.5):
        q = float(sf.optimal_failure_rate(p))
        matched = (1.0 - p) * q / (1.0 - p * q)
        bits = -0.5 * np.log2(q)
        assert information(500, p, 1.0 - matched) == pytest.approx(bits, rel=0.01)
    np.testing.assert_allclose(sf.optimal_failure_rate([0.5, 0.05]), [0.25, 0.6723], atol=1e-4)


@pytest.mark.parametrize("p", [0.0, 1.0, -0.1, [0.5, np.nan], "a", None])
def test_a_probability_without_entropy_is_refused(p):
    with pytest.raises(sf.InvalidValue, match="optimal_failure_rate: p"):
        sf.optimal_failure_rate(p)
