"""Background input: its counts are Poisson, independent between neurons and steps, and placed where they belong."""

import numpy as np
import pytest
from scipy.stats import chisquare, poisson

import synfire as sf


def counts(rate, n, cells=200, steps=400, seed=0, part=slice(None)):
    """What each neuron received in each step: jumps of 1 mV on neurons that do not leak."""
    net = sf.Network(dt=0.1, seed=seed)
    silent = net.population(cells, sf.LIF(tau_m=1e12, v_rest=0.0, v_reset=-1.0, v_threshold=1e12))
    net.drive(silent[part], sf.PoissonInput(rate=rate, n=n, weight=1.0))
    v = net.run(0.1 * (steps + 1), record=[sf.Trace(silent, "v")], progress=False).trace(silent, "v").values
    return np.round(np.diff(v, axis=0)).astype(int)


@pytest.mark.parametrize(("rate", "n"), [(1.0, 10), (20.0, 1000), (100.0, 5000)])
def test_counts_follow_the_poisson_distribution(rate, n):
    mean = rate * n * 1e-4
    found = counts(rate, n).ravel()
    k = np.arange(found.max() + 1)
    expected = poisson.pmf(k, mean) * len(found)
    some = expected > 20
    seen = np.bincount(found, minlength=len(k))[some]
    assert chisquare(seen, expected[some] * seen.sum() / expected[some].sum()).pvalue > 1e-4
    assert found.mean() == pytest.approx(mean, abs=5.0 * np.sqrt(mean / len(found)))


def test_neurons_and_steps_are_independent():
    found = counts(20.0, 1000).astype(float)
    # correlations of 400 steps have a standard deviation of 0.05; of their mean over 19,900 pairs, 0.0004
    pairs = np.corrcoef(found.T)[np.triu_indices(200, 1)]
    assert abs(pairs.mean()) < 0.002
    assert abs(np.corrcoef(found[:-1].ravel(), found[1:].ravel())[0, 1]) < 0.02


@pytest.mark.parametrize("part", [slice(3, 150), slice(0, 200, 3), slice(70, 71)])
def test_only_the_driven_neurons_receive_anything(part):
    found = counts(50.0, 1000, part=part).sum(axis=0) > 0
    expected = np.zeros(200, bool)
    expected[part] = True
    np.testing.assert_array_equal(found, expected)


def test_a_rate_of_zero_brings_nothing():
    assert not counts(0.0, 1000, steps=50).any()


@pytest.mark.parametrize(("options", "field"), [({"n": -1}, "n"), ({"n": 1.5}, "n"), ({"rate": -1.0}, "rate")])
def test_what_makes_no_sense_is_refused(options, field):
    with pytest.raises(sf.InvalidValue, match=rf"PoissonInput\.{field}"):
        sf.PoissonInput(**options)


def test_a_rate_replaced_for_one_stretch_takes_effect():
    """Regression: the rates of a source that replaced another were ignored."""
    net = sf.Network(dt=1.0, seed=1)
    source = net.population(100, sf.Poisson(rate=1.0))
    simulation = net.simulation()
    everything = frozenset([0])
    _, few = simulation.advance(simulation.initial_state(), 1000, spikes_of=everything)
    other = {source: sf.Poisson(rate=100.0)}
    _, many = simulation.advance(simulation.initial_state(), 1000, spikes_of=everything, inputs=other)
    assert len(many.spikes[0][0]) > 20 * len(few.spikes[0][0])


def test_a_negative_conductance_is_refused():
    with pytest.raises(sf.InvalidValue, match=r"PoissonInput\.weight: must be >= 0 for a Conductance, got -1"):
        sf.PoissonInput(weight=-1.0, synapse=sf.Conductance())
    sf.PoissonInput(weight=-1.0)
