"""Statistics of spikes against processes whose numbers are known, and against slow definitions."""

import numpy as np
import pytest

from synfire.experiments import spike_statistics as statistics


def poisson(rate, n, duration, seed=0):
    rng = np.random.default_rng(seed)
    many = rng.poisson(rate * duration * 1e-3 * n)
    return rng.uniform(0.0, duration, many), rng.integers(0, n, many)


def test_a_clock_has_its_rate_and_no_variation():
    times = np.tile(np.arange(5.0, 1000.0, 20.0), 3)
    neurons = np.repeat([0, 1, 2], 50)
    np.testing.assert_allclose(statistics.rates(times, neurons, 4, 0.0, 1000.0), [50.0, 50.0, 50.0, 0.0])
    np.testing.assert_allclose(statistics.cvs(times, neurons, 0.0, 1000.0), 0.0, atol=1e-12)
    assert statistics.mean_rate(times, neurons, 4, 0.0, 1000.0) == pytest.approx(37.5)


def test_poisson_neurons_are_irregular_and_independent():
    times, neurons = poisson(20.0, 400, 20_000.0)
    # the error of a mean over 400 neurons of 400 intervals each is below 0.01
    assert statistics.cvs(times, neurons, 0.0, 20_000.0).mean() == pytest.approx(1.0, abs=0.02)
    assert statistics.fano(times, 0.0, 20_000.0) == pytest.approx(1.0, abs=0.05)
    pairs = statistics.correlations(times, neurons, np.arange(50), 0.0, 20_000.0)
    assert len(pairs) == 50 * 49 // 2
    assert abs(pairs.mean()) < 0.002


def test_neurons_that_fire_together_are_correlated_and_synchronous():
    common = np.sort(np.random.default_rng(1).uniform(0.0, 10_000.0, 200))
    times, neurons = np.tile(common, 10), np.repeat(np.arange(10), 200)
    np.testing.assert_allclose(statistics.correlations(times, neurons, np.arange(10), 0.0, 10_000.0), 1.0)
    assert statistics.fano(times, 0.0, 10_000.0) > 5.0


def test_cv_is_that_of_its_definition():
    rng = np.random.default_rng(2)
    times, neurons = rng.uniform(0.0, 500.0, 300), rng.integers(0, 12, 300)
    expected = []
    for k in range(12):
        gaps = np.diff(np.sort(times[(neurons == k) & (times >= 50.0) & (times < 400.0)]))
        if len(gaps) >= 5:
            expected.append(np.std(gaps) / np.mean(gaps))
    np.testing.assert_allclose(statistics.cvs(times, neurons, 50.0, 400.0), expected, rtol=1e-10)


def test_the_spectrum_of_a_rhythm_has_its_peak_there():
    rng = np.random.default_rng(3)
    t = np.arange(0.0, 4000.0, 1.0)
    many = rng.poisson(5.0 * (1.0 + 0.8 * np.sin(2.0 * np.pi * 40.0 * t * 1e-3)))
    frequency, power = statistics.spectrum(np.repeat(t, many), 0.0, 4000.0)
    assert frequency[np.argmax(power)] == pytest.approx(40.0, abs=4.0)


def test_counts_leave_out_what_is_outside():
    np.testing.assert_array_equal(statistics.counts([-1.0, 0.0, 4.9, 5.0, 12.0, 14.9, 15.0], 0.0, 15.0, 5.0), [2, 1, 2])
