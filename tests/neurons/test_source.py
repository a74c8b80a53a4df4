"""Sources and drives: how much, when, to whom, and that draws depend on nothing but seed, stream, entity and step."""

import math

import numpy as np
import pytest
from numba import njit

import synfire as sf
from synfire.neurons.source import apply, steps_in


@njit
def play(drive, n, first, steps):
    """What a lowered drive adds to n neurons in each step, shape (steps, n)."""
    out = np.zeros((steps, n))
    for t in range(steps):
        apply(drive, out[t], first + t)
    return out


def lowered(drive, n, *, index=None, dt=0.5, seed=1, stream=0):
    index = np.arange(n, dtype=np.int32) if index is None else np.asarray(index, dtype=np.int32)
    return drive.sample(len(index), np.random.default_rng(0)).lower(index, dt, seed, stream)


def poisson_network(sizes, rates, seed=1, dt=0.5):
    net = sf.Network(dt=dt, seed=seed)
    return [net.population(n, sf.Poisson(rate=np.full(n, r))) for n, r in zip(sizes, rates, strict=True)], net


def spikes(result, population):
    times, neurons = result.spikes(population)
    return list(zip(times.tolist(), neurons.tolist(), strict=True))


def test_poisson_has_its_mean_rate_and_bernoulli_variance():
    rates, duration = (40.0, 400.0), 2000.0
    (low, high), net = poisson_network((201, 100), rates)
    result = net.run(duration, record=[sf.Spikes(low), sf.Spikes(high)])
    for population, rate in ((low, rates[0]), (high, rates[1])):
        counts = np.bincount(result.spikes(population).neurons, minlength=len(population))
        steps, p = duration / 0.5, rate * 0.5e-3
        mean, variance, n = steps * p, steps * p * (1 - p), len(population)
        assert abs(counts.mean() - mean) < 4 * math.sqrt(variance / n)  # 4 standard errors
        assert abs(counts.var(ddof=1) - variance) < 4 * variance * math.sqrt(2 / (n - 1))  # the counts are near normal


def test_poisson_neurons_are_independent():
    (first, _), net = poisson_network((10, 10), (400.0, 0.0))
    times, neurons = net.run(2000.0, record=[sf.Spikes(first)]).spikes(first)
    trains = np.zeros((10, 4000))
    trains[neurons, np.round(times / 0.5).astype(int)] = 1.0
    r = np.corrcoef(trains)[np.triu_indices(10, 1)]
    assert np.abs(r).max() < 4.5 / math.sqrt(4000)  # 4.5 sigma: 45 pairs, two of which share a counter in every draw


def test_poisson_of_rate_zero_never_fires_and_of_one_per_step_always_does():
    (silent, full), net = poisson_network((50, 7), (0.0, 2000.0))
    result = net.run(100.0, record=[sf.Spikes(silent), sf.Spikes(full)])
    assert len(result.spikes(silent).times) == 0
    assert len(result.spikes(full).times) == 7 * 200


def test_the_same_seed_draws_the_same_spikes_and_another_seed_others():
    runs = []
    for seed in (1, 1, 2):
        (first, _), net = poisson_network((20, 3), (100.0, 5.0), seed=seed)
        runs.append(spikes(net.run(200.0, record=[sf.Spikes(first)]), first))
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_spikes_do_not_depend_on_the_size_or_rate_of_the_population_merged_before():
    """Both populations share one group: the second begins at neuron 4 or at neuron 131."""
    runs = []
    for n, rate in ((4, 10.0), (131, 500.0)):
        (_, second), net = poisson_network((n, 21), (rate, 100.0))
        runs.append(spikes(net.run(200.0, record=[sf.Spikes(second)]), second))
    assert len(runs[0]) > 100
    assert runs[0] == runs[1]


def test_a_larger_population_begins_as_a_smaller_one():
    runs = []
    for n in (10, 20):
        (first, _), net = poisson_network((n, 1), (100.0, 0.0))
        runs.append(spikes(net.run(200.0, record=[sf.Spikes(first)]), first[:10]) if n == 10 else net)
    net = runs.pop()
    first = net.populations[0]
    runs.append(spikes(net.run(200.0, record=[sf.Spikes(first)]), first[:10]))
    assert runs[0] == runs[1]


def test_a_rate_that_dt_cannot_hold_is_refused_when_the_network_is_made():
    net = sf.Network(dt=1.0)
    with pytest.raises(sf.InvalidValue, match=r"Poisson\.rate: must be <= 1000 Hz at dt = 1 ms, got '1500 Hz'"):
        net.population(3, sf.Poisson(rate=[1.0, 2.0, 1500.0]))


def test_spike_list_plays_every_spike_in_the_step_that_contains_it():
    rng = np.random.default_rng(3)
    dt, steps = 0.1, rng.permutation(np.repeat(np.arange(0, 100), 3))
    neurons = rng.integers(0, 6, steps.size)
    net = sf.Network(dt=dt)
    # times as a user writes them: 3 * 0.1 lies just above 0.3, 29 * 0.1 just below 2.9; and some off the grid
    times = np.where(rng.random(steps.size) < 0.5, steps * dt, steps * dt + rng.uniform(0.0, 0.99, steps.size) * dt)
    population = net.population(6, sf.SpikeList(times=times, neurons=neurons))
    found = net.run(10.0, record=[sf.Spikes(population)]).spikes(population)
    expected = sorted(set(zip(steps.tolist(), neurons.tolist(), strict=True)))
    assert list(zip(np.round(found.times / dt).astype(int).tolist(), found.neurons.tolist(), strict=True)) == expected


def test_spike_list_of_a_neuron_that_the_population_lacks_is_refused():
    net = sf.Network(dt=0.1)
    with pytest.raises(sf.InvalidValue, match=r"SpikeList\.neurons: must be < 6"):
        net.population(6, sf.SpikeList(times=[1.0], neurons=[6]))
    assert net.populations == []


def test_noise_has_its_mean_and_standard_deviation_per_neuron():
    mean, std, steps = np.array([0.0, -3.0, 2.0]), np.array([1.0, 0.0, 5.0]), 40_000
    values = play(lowered(sf.GaussianNoise(mean=mean, std=std), 3), 3, 0, steps)
    assert (np.abs(values.mean(0) - mean) <= 4 * std / math.sqrt(steps)).all()  # 4 standard errors
    # the standard error of a normal's standard deviation is std / sqrt(2 n)
    assert (np.abs(values.std(0) - std) <= 4 * std / math.sqrt(2 * steps)).all()


def test_noise_is_white():
    values = play(lowered(sf.GaussianNoise(std=1.0), 4), 4, 0, 40_000)
    r = np.corrcoef(np.concatenate([values[1:], values[:-1]], axis=1).T)[np.triu_indices(8, 1)]
    assert np.abs(r).max() < 4.5 / math.sqrt(40_000)  # 4.5 sigma: 28 pairs


def test_noise_depends_on_the_step_and_not_on_where_the_run_began():
    drive = lowered(sf.GaussianNoise(std=1.0), 5)
    whole = play(drive, 5, 0, 60)
    np.testing.assert_array_equal(np.concatenate([play(drive, 5, 0, 17), play(drive, 5, 17, 43)]), whole)


def test_noise_does_not_depend_on_where_the_neurons_stand_in_their_group():
    here = play(lowered(sf.GaussianNoise(std=1.0), 7), 7, 0, 20)
    there = play(lowered(sf.GaussianNoise(std=1.0), 7, index=np.arange(7) + 12), 30, 0, 20)
    np.testing.assert_array_equal(there[:, 12:19], here)
    assert not there[:, :12].any()
    assert not there[:, 19:].any()


def test_noise_of_two_drives_is_independent():
    first, second = (play(lowered(sf.GaussianNoise(std=1.0), 1, stream=s), 1, 0, 20_000)[:, 0] for s in (0, 1))
    assert abs(np.corrcoef(first, second)[0, 1]) < 4 / math.sqrt(20_000)


@pytest.mark.parametrize(
    "start, stop, on", [(0.0, math.inf, range(20)), (2.0, 4.0, range(4, 8)), (1.0, 1.0, range(0)), (0.0, 0.5, range(1))]
)
def test_current_flows_from_start_until_before_stop(start, stop, on):
    drive = sf.Current(amplitude=[1.0, -2.0], start=start, stop=stop)
    values = play(lowered(drive, 4, index=[3, 1]), 4, 0, 20)
    expected = np.zeros((20, 4))
    expected[list(on), 3], expected[list(on), 1] = 1.0, -2.0
    np.testing.assert_array_equal(values, expected)


def test_waveform_plays_its_rows_through_its_weights_and_then_stops():
    rng = np.random.default_rng(5)
    values, weight = rng.normal(size=(6, 3)), rng.normal(size=(3, 4))
    values[2, 1] = 0.0
    played = play(lowered(sf.Waveform(values=values, weight=weight, every=1.0), 4), 4, 0, 20)
    expected = np.zeros((20, 4))
    expected[:12] = np.repeat(values, 2, axis=0) @ weight
    np.testing.assert_allclose(played, expected, atol=1e-14)  # three products of size 1, summed in another order


def test_waveform_of_one_channel_reaches_all_neurons_alike():
    played = play(lowered(sf.Waveform(values=[1.0, 2.0], every=0.5), 3), 3, 0, 3)
    np.testing.assert_array_equal(played, [[1.0] * 3, [2.0] * 3, [0.0] * 3])


def test_an_empty_waveform_is_silence():
    assert not play(lowered(sf.Waveform(), 3), 3, 0, 3).any()


@pytest.mark.parametrize(
    "drive, match",
    [
        (sf.Waveform(values=[1.0], every=0.3), r"Waveform\.every: must be a multiple of dt"),
        (sf.Waveform(values=[1.0], weight=np.zeros((1, 5))), r"Waveform\.weight: must be of shape \(channels, 3\)"),
        (sf.Current(amplitude=np.zeros(4)), r"Current\.amplitude: must be a number or of shape \(3,\)"),
    ],
)
def test_a_drive_that_does_not_fit_is_refused_when_it_is_added(drive, match):
    net = sf.Network(dt=0.5)
    population = net.population(3, sf.LIF())
    with pytest.raises(sf.InvalidValue, match=match):
        net.drive(population, drive)
    assert net.drives == []


@pytest.mark.parametrize("time", [-0.5, math.nan, math.inf, 0.3, "1", True, None])
def test_what_is_no_whole_number_of_steps_is_refused(time):
    with pytest.raises(sf.InvalidValue, match="field"):
        steps_in("field", time, 0.5)


@pytest.mark.parametrize("dt", [0.1, 0.05, 0.01, 1 / 3])
def test_multiples_of_dt_are_recognised_in_spite_of_rounding(dt):
    for steps in (0, 1, 3, 7, 29, 1000, 123_457):
        assert steps_in("field", steps * dt, dt) == steps
