"""A reservoir against its definition (filtered spikes, Dale's law, one start state) and an online readout against
plain Python; then what makes a liquid useful: separation and fading memory."""

import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import synfire as sf
from synfire.reservoirs.online import sample_order

SMALL = sf.Reservoir(inputs=20, n=60, in_degree=12, seed=3)


def volleys(count: int, seed: int = 0, channels: int = 20) -> list[sf.SpikeList]:
    """Random volleys: every channel fires once within 20 ms."""
    rng = np.random.default_rng(seed)
    return [sf.encode_latency(values, duration=20.0) for values in rng.random((count, channels))]


@pytest.mark.parametrize("reservoir", [SMALL, dataclasses.replace(sf.Reservoir.leaky(20), n=60, in_degree=12)])
def test_features_of_a_sample_do_not_depend_on_its_neighbours(reservoir):
    samples = volleys(6)
    together = reservoir.features(samples)
    assert together.shape == (6, reservoir.features_per_sample)
    assert together.any(axis=1).all()
    order = [4, 0, 5, 2, 1, 3]
    assert_array_equal(reservoir.features([samples[k] for k in order]), together[order])
    assert_array_equal(reservoir.features(samples[2:3]), together[2:3])


def test_same_seed_gives_the_same_bytes_and_another_seed_does_not():
    samples = volleys(3)
    again = dataclasses.replace(SMALL)
    assert SMALL.features(samples).tobytes() == again.features(samples).tobytes()
    assert not np.array_equal(dataclasses.replace(SMALL, seed=4).features(samples), again.features(samples))


def test_features_are_the_filtered_spikes_of_the_core():
    [sample] = volleys(1)
    spikes = SMALL.respond(sample)
    expected = np.zeros((SMALL.windows, SMALL.n))
    for window in range(SMALL.windows):
        at = (window + 1) * SMALL.duration / SMALL.windows
        for time, neuron in zip(spikes.times, spikes.neurons, strict=True):
            if time < at:
                expected[window, neuron] += np.exp(-(at - time) / SMALL.tau_trace)
    found = SMALL.states([sample])
    # a sum of some tens of terms, taken in another order
    np.testing.assert_allclose(found.trace[0], expected, rtol=1e-13, atol=1e-15)
    counts = np.bincount(spikes.neurons, minlength=SMALL.n)
    np.testing.assert_allclose(found.rate[0], counts / 0.045, rtol=1e-13)


def test_the_core_is_the_network_that_it_says_it_is():
    """What `respond` returns is what the network, run by itself with the sample as its input, records."""
    [sample] = volleys(1)
    network = SMALL.network()
    source, excitatory, inhibitory = network.populations
    simulation = network.simulation()
    group = simulation.groups.index(simulation.group_of(excitatory[:]))
    _, seen = simulation.advance(
        simulation.initial_state(), 90, inputs={source: sample}, spikes_of=frozenset({group})
    )
    spikes = SMALL.respond(sample)
    assert len(excitatory) + len(inhibitory) == SMALL.n
    assert_array_equal(spikes.times, seen.spikes[group][0] * 0.5)
    assert_array_equal(spikes.neurons, seen.spikes[group][1])


def test_every_neuron_excites_or_inhibits_but_not_both():
    signs = {"input": 1.0, "excitatory": 1.0, "inhibitory": -1.0}
    projections = SMALL.network().projections
    assert {projection.source.name for projection in projections} == set(signs)
    for projection in projections:
        assert (np.sign(projection.weight) == signs[projection.source.name]).all()


def test_without_input_the_core_is_silent():
    states = SMALL.states([sf.SpikeList()])
    assert not states.trace.any()
    assert not states.rate.any()


def test_states_separate_the_more_the_samples_differ():
    rng = np.random.default_rng(1)
    values = rng.random((12, 20))
    distance = []
    for change in (0.0, 0.02, 0.2, 1.0):
        moved = np.clip((1.0 - change) * values + change * rng.random(values.shape), 0.0, 1.0)
        pairs = [
            [sf.encode_latency(v, duration=20.0, dt=0.5) for v in either] for either in (values, moved)
        ]
        first, second = (SMALL.features(samples) for samples in pairs)
        distance.append(np.mean((first - second) ** 2))
    assert distance[0] == 0.0
    assert 0.0 < distance[1] < distance[2] < distance[3]


def test_memory_of_a_sample_fades():
    first, second = (dataclasses.replace(SMALL, duration=200.0, windows=8).states([v]).trace[0] for v in volleys(2))
    distance = np.mean((first - second) ** 2, axis=1)
    assert distance[-1] < 0.01 * distance.max()
    assert (np.diff(distance[2:]) < 0.0).all()


def test_control_reads_the_input_at_the_same_times():
    sample = sf.SpikeList(times=[5.0, 20.0, 44.0], neurons=[2, 2, 7])
    traces = SMALL.input_features([sample]).reshape(3, 20)
    np.testing.assert_allclose(traces[0, 2], np.exp(-10.0 / 30.0), rtol=1e-14)
    np.testing.assert_allclose(traces[1, 2], np.exp(-25.0 / 30.0) + np.exp(-10.0 / 30.0), rtol=1e-14)
    np.testing.assert_allclose(traces[2, 7], np.exp(-1.0 / 30.0), rtol=1e-14)
    assert np.count_nonzero(traces) == 4


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"inputs": 0}, "inputs"),
        ({"inputs": 3}, "input_degree"),
        ({"n": 1}, "n"),
        ({"n": 2.5}, "n"),
        ({"in_degree": 61}, "in_degree"),
        ({"windows": 0}, "windows"),
        ({"windows": 91}, "windows"),
        ({"duration": 45.2}, "duration"),
        ({"w_input": 0.0}, "w_input"),
        ({"w_inhibitory": float("nan")}, "w_inhibitory"),
        ({"tau_trace": 0.0}, "tau_trace"),
        ({"fraction_excitatory": 1.5}, "fraction_excitatory"),
        ({"inhibitory": sf.LIF()}, "inhibitory"),
        ({"seed": -1}, "seed"),
    ],
)
def test_values_out_of_range_are_named(changes, field):
    with pytest.raises(sf.InvalidValue, match=rf"Reservoir\.\S*.*{field}"):
        dataclasses.replace(SMALL, **changes)


def data(samples: int = 30, features: int = 7, channels: int = 3):
    rng = np.random.default_rng(5)
    return rng.normal(size=(samples, features)), rng.normal(size=(samples, channels))


def test_learning_online_is_the_rule_applied_in_plain_python():
    features, targets = data()
    rule, attention = sf.ThreeFactor(learning_rate=0.05), [1.0, 0.5, 0.25]
    weight, step = np.zeros((3, 7)), rule.discretise(1.0)
    for epoch, (strength, found) in enumerate(
        zip(attention, sf.learn_online(rule, features, targets, attention=attention, seed=9), strict=True)
    ):
        for k in sample_order(30, epoch, 9):
            step.learn(None, weight, features[k], weight @ features[k], targets[k], np.full(3, strength))
        # the prediction is a sum of seven terms, and fused operations may round once where Python rounds twice
        np.testing.assert_allclose(found, weight, rtol=1e-12, atol=1e-15)


def test_learning_online_finds_the_weights_that_made_the_targets():
    features, _ = data(200)
    true = np.random.default_rng(6).normal(size=(3, 7))
    found = sf.learn_online(
        sf.ThreeFactor(learning_rate=0.1), features, features @ true.T, attention=np.ones(40), seed=0
    )[-1]
    np.testing.assert_allclose(found, true, atol=1e-9)  # each update shrinks the error by a factor


def test_a_falling_step_comes_nearer_to_least_squares_than_a_constant_one():
    features, noise = data(200)
    targets = features @ np.ones((3, 7)).T + noise
    best = np.linalg.lstsq(features, targets, rcond=None)[0].T

    def distance(attention):
        rule = sf.ThreeFactor(learning_rate=0.05)
        return np.abs(sf.learn_online(rule, features, targets, attention=attention, seed=0)[-1] - best).max()

    assert distance(1.0 / (1.0 + np.arange(200) / 5.0)) < 0.5 * distance(np.ones(200))


def test_order_of_samples_is_a_function_of_seed_and_epoch():
    assert_array_equal(sample_order(50, 3, 7), sample_order(50, 3, 7))
    assert_array_equal(np.sort(sample_order(50, 3, 7)), np.arange(50))
    assert not np.array_equal(sample_order(50, 3, 7), sample_order(50, 4, 7))
    assert not np.array_equal(sample_order(50, 3, 7), sample_order(50, 3, 8))


def test_attention_of_zero_teaches_nothing():
    features, targets = data()
    history = sf.learn_online(sf.ThreeFactor(learning_rate=0.05), features, targets, attention=[1.0, 0.0], seed=0)
    assert history[0].any()
    assert_array_equal(history[1], history[0])


@pytest.mark.parametrize(
    ("features", "targets", "attention", "field"),
    [
        (np.ones((3, 2)), np.ones((4, 1)), [1.0], "targets"),
        (np.ones(3), np.ones((3, 1)), [1.0], "targets"),
        (np.full((3, 2), np.nan), np.ones((3, 1)), [1.0], "features"),
        (np.ones((3, 2)), np.ones((3, 1)), [-1.0], "attention"),
        (np.ones((3, 2)), np.ones((3, 1)), 1.0, "attention"),
    ],
)
def test_wrong_lessons_are_refused(features, targets, attention, field):
    with pytest.raises(sf.InvalidValue, match=field):
        sf.learn_online(sf.ThreeFactor(), features, targets, attention=attention, seed=0)
