"""Encoders: how many spikes, whose, and when."""

import math

import numpy as np
import pytest

import synfire as sf


def test_rate_code_has_the_rate_it_is_asked_for():
    values = np.array([0.0, 0.1, 0.5, 1.0])
    duration, rate, repeats = 1000.0, 100.0, 50
    counts = np.zeros(4)
    for sample in range(repeats):
        spikes = sf.encode_rate(values, duration=duration, max_rate=rate, seed=3, sample=sample)
        counts += np.bincount(spikes.neurons, minlength=4)
    p = values * rate * 1e-3
    expected, sigma = repeats * duration * p, np.sqrt(repeats * duration * p * (1 - p))
    assert (np.abs(counts - expected) <= 4 * sigma).all()  # 4 sigma of a binomial; sigma 0 for the silent one
    assert counts[0] == 0


def test_rate_code_of_a_sample_does_not_depend_on_what_was_encoded_before():
    values = np.full(20, 0.5)
    encode = [sf.encode_rate(values, duration=50.0, max_rate=200.0, seed=1, sample=s) for s in (2, 0, 2)]
    np.testing.assert_array_equal(encode[0].times, encode[2].times)
    np.testing.assert_array_equal(encode[0].neurons, encode[2].neurons)
    assert len(encode[1].times) != len(encode[0].times) or (encode[1].neurons != encode[0].neurons).any()


def test_rate_code_lies_on_the_grid_within_the_duration():
    spikes = sf.encode_rate(np.ones(5), duration=10.0, max_rate=1000.0, seed=0, dt=0.5)
    assert spikes.times.max() < 10.0
    np.testing.assert_array_equal(spikes.times, np.round(spikes.times / 0.5) * 0.5)


def test_rate_code_at_one_spike_per_step_is_certain():
    spikes = sf.encode_rate(np.ones(3), duration=4.0, max_rate=1000.0, seed=0)
    assert len(spikes.times) == 12


def test_latency_code_is_earlier_for_larger_values():
    values = np.array([1.0, 0.25, 0.0, 0.5, 0.75])
    spikes = sf.encode_latency(values, duration=40.0)
    when = dict(zip(spikes.neurons.tolist(), spikes.times.tolist(), strict=True))
    assert when == {0: 0.0, 4: 10.0, 3: 20.0, 1: 30.0}  # neuron 2, at the threshold 0, is silent


def test_latency_code_keeps_values_at_or_below_threshold_silent():
    spikes = sf.encode_latency([0.1, 0.2, 0.3], duration=10.0, threshold=0.2)
    assert spikes.neurons.tolist() == [2]


@pytest.mark.parametrize("encode", [lambda v, **k: sf.encode_rate(v, max_rate=10.0, seed=0, **k), sf.encode_latency])
@pytest.mark.parametrize(
    "values, options",
    [
        ([1.1], {"duration": 10.0}),
        ([-0.1], {"duration": 10.0}),
        ([math.nan], {"duration": 10.0}),
        ([[0.5]], {"duration": 10.0}),
        ([0.5], {"duration": 0.0}),
        ([0.5], {"duration": math.inf}),
        ([0.5], {"duration": 1.0, "dt": 2.0}),
        ([0.5], {"duration": 1.0, "dt": 0.0}),
    ],
)
def test_what_cannot_be_encoded_is_refused(encode, values, options):
    with pytest.raises(sf.InvalidValue, match=r"encode_(rate|latency): (values|duration)"):
        encode(values, **options)


@pytest.mark.parametrize("rate", [0.0, -1.0, 1001.0, math.nan])
def test_a_rate_that_dt_cannot_hold_is_refused(rate):
    with pytest.raises(sf.InvalidValue, match="max_rate"):
        sf.encode_rate([0.5], duration=10.0, max_rate=rate, seed=0)


def test_a_negative_seed_is_refused():
    with pytest.raises(sf.InvalidValue, match="seed"):
        sf.encode_rate([0.5], duration=10.0, max_rate=10.0, seed=-1)
