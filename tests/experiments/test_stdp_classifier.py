"""A layer trained by STDP: weight for weight with a loop over steps in plain Python, then what reading it must keep to."""

import dataclasses
import math

import numpy as np
import pytest

import synfire as sf
from synfire.experiments.stdp_classifier import (
    STDPClassifier,
    TrainedSTDP,
    labels_of,
    predict,
    predict_nearest,
    respond,
    suggest_gain,
    synaptic_operations,
    train,
)

UNIT = sf.LIF(tau_m=sf.uniform(5.0, 30.0), v_rest=0.0, v_reset=0.0, v_threshold=1.0, t_refractory=2.0)
TINY = STDPClassifier(
    neuron=UNIT, n=3, gain=9.0, bias=0.1, potentiation=0.05, depression=0.06, adaptation=0.3, tau_adaptation=50.0, epochs=2,
    rest=30.0, seed=7,
)  # fmt: skip


def bernoulli(samples, probability=0.08, *, seed=0, time=40, channels=4):
    return (np.random.default_rng(seed).random((time, samples, channels)) < probability).astype(np.uint8)


def course(c, tau_m, weights, spikes, *, learning, held=0.0):
    """Spikes (time, n) of LIF neurons with Pulse synapses, dt = 1 ms, for one train (time, channels); weights and A after."""
    n, w, decay = len(tau_m), weights.copy(), [math.exp(-1.0 / tau) for tau in tau_m]
    slow = sf.Exponential(tau_syn=c.tau_adaptation).discretise(1.0, sf.LIF(tau_m=tau_m))
    v, refractory, pulse, adaptation, y = (np.zeros(n) for _ in range(5))
    x = np.zeros(len(w))
    fired = np.zeros((len(spikes), n), np.uint8)
    for t, arriving in enumerate(spikes):
        for j in range(n):
            current = c.bias - held[j] if not learning else c.bias
            current += pulse[j] - slow.gain[j] * adaptation[j]
            refractory[j] = max(refractory[j] - 1, 0)
            if refractory[j] == 0:
                v[j] = current + (v[j] - current) * decay[j]
            fired[t, j] = v[j] >= 1.0
        adaptation *= slow.decay_syn
        pulse = c.gain * (arriving[:, None] * w).sum(0)
        for i in np.flatnonzero(arriving) if learning else ():
            w[i] -= c.depression * y * w[i]
            x[i] += 1.0
        for k in np.flatnonzero(fired[t]):
            v[(np.arange(n) != k) & (refractory == 0)] -= c.inhibition
            if learning:
                adaptation[k] += c.adaptation
                w[:, k] += c.potentiation * x * (1.0 - w[:, k])
                y[k] += 1.0
        x, y = x * math.exp(-1.0 / c.tau_plus), y * math.exp(-1.0 / c.tau_minus)
        v[fired[t] > 0], refractory[fired[t] > 0] = 0.0, 2.0
    return fired, w, adaptation


@pytest.fixture(scope="module")
def tiny():
    spikes, target = bernoulli(70), np.arange(70) % 2
    return spikes, target, train(TINY, spikes, target)


def test_training_gives_the_weights_of_a_loop_over_steps(tiny):
    spikes, target, trained = tiny
    before = train(dataclasses.replace(TINY, epochs=0), spikes, target)
    assert ((before.weights >= 0.2) & (before.weights < 0.8)).all()
    tau_m = np.asarray(before.neuron.tau_m)
    silence = np.zeros((30, 4), np.uint8)
    shown = [
        part
        for epoch in range(2)
        for k in sf.neurons.randomness.setup_generator(7, 295, epoch).permutation(70)
        for part in (spikes[:, k], silence)
    ]
    fired, weights, adaptation = course(TINY, tau_m, before.weights, np.concatenate(shown), learning=True)
    assert fired.sum(0).min() > 100  # else little was learnt
    np.testing.assert_allclose(trained.weights, weights, rtol=1e-11)  # two summations in other orders, 700 spikes
    np.testing.assert_allclose(trained.adaptation, adaptation, rtol=1e-11)
    assert np.abs(trained.weights - before.weights).max() > 0.1


def test_responses_are_those_of_each_sample_in_a_loop_over_steps(tiny):
    spikes, target, trained = tiny
    found = respond(trained, spikes)
    for k in (0, 1, 63, 64, 69):  # both of the networks that they are divided into
        tau_m = np.asarray(trained.neuron.tau_m)
        want, _, _ = course(TINY, tau_m, trained.weights, spikes[:, k], learning=False, held=trained.adaptation)
        np.testing.assert_array_equal(found[:, k], want)
    assert found.dtype == np.uint8
    counts = found.sum(0)
    np.testing.assert_array_equal(trained.responses, [counts[target == c].mean(0) for c in (0, 1)])
    np.testing.assert_array_equal(trained.labels, labels_of(trained.responses))


def test_a_sample_answers_alike_alone_and_among_others_in_any_order(tiny):
    spikes, _, trained = tiny
    restless = dataclasses.replace(trained, classifier=dataclasses.replace(TINY, bias=2.0))  # fires by itself
    found = respond(restless, spikes)
    assert (found.sum((0, 2)) > 0).all()
    order = np.random.default_rng(1).permutation(70)
    np.testing.assert_array_equal(respond(restless, spikes[:, order]), found[:, order])
    for k in (3, 66):
        np.testing.assert_array_equal(respond(restless, spikes[:, k : k + 1])[:, 0], found[:, k])


def test_threads_change_nothing():
    wide = dataclasses.replace(TINY, n=130, inhibition=0.01, epochs=1)  # three sections of 64 neurons
    spikes, target = bernoulli(6), np.arange(6) % 2
    one, two = (train(wide, spikes, target, threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(one.weights, two.weights)
    np.testing.assert_array_equal(one.adaptation, two.adaptation)
    assert one.responses.sum() > 0
    np.testing.assert_array_equal(respond(one, spikes), respond(two, spikes, threads=2))


def rates(samples, seed):
    """16 channels at 20 or 50 Hz, 256 ms."""
    target = np.arange(samples) % 2
    probability = np.where(target == 1, 0.05, 0.02)[None, :, None]
    return bernoulli(samples, probability, seed=seed, time=256, channels=16), target


@pytest.mark.parametrize(
    ("neuron", "inhibition", "adaptation"), [(UNIT, 0.5, 0.05), (sf.Izhikevich(), 0.5, 1.0)], ids=["LIF", "Izhikevich"]
)
def test_neurons_in_other_units_find_their_gain_and_tell_two_rates_apart(neuron, inhibition, adaptation):
    spikes, target = rates(100, 0)
    c = STDPClassifier(neuron=neuron, n=16, inhibition=inhibition, adaptation=adaptation)
    c = dataclasses.replace(c, gain=suggest_gain(c, spikes))
    alone = train(dataclasses.replace(c, inhibition=0.0, epochs=0), spikes, target)
    assert 0.05 <= alone.responses.mean() / 256 <= 0.2
    trained = train(c, spikes, target)
    assert ((trained.weights > 0.0) & (trained.weights < 1.0)).all()
    unseen, classes = rates(100, 1)
    assert (predict_nearest(trained, respond(trained, unseen)) == classes).mean() > 0.85  # chance: 0.5 +- 0.05


def test_a_neuron_is_labelled_with_the_class_of_its_highest_mean_and_with_none_where_classes_tie():
    assert labels_of(np.array([[1.0, 0.0, 2.0, 0.5], [3.0, 0.0, 2.0, 0.0], [0.0, 0.0, 1.0, 0.4]])).tolist() == [
        1,
        -1,
        -1,
        0,
    ]


@pytest.fixture
def read():
    """Three neurons of class 0, one of class 1, one of none; 4 steps."""
    responses = np.array([[2.0, 2.0, 2.0, 0.0, 0.0], [0.0, 0.0, 0.0, 4.0, 0.0]])
    return TrainedSTDP(
        classifier=STDPClassifier(neuron=sf.LIF(), n=5), neuron=sf.LIF(), weights=np.full((2, 5), 0.5), adaptation=np.zeros(5),
        responses=responses, labels=labels_of(responses),
    )  # fmt: skip


def counted(*samples):
    """Spikes (4, sample, n) with these counts."""
    return (np.arange(4)[:, None, None] < np.array(samples)[None]).astype(np.uint8)


def test_a_sample_is_read_by_the_means_of_groups_and_ties_and_silence_have_no_answer(read):
    spikes = counted([1, 1, 1, 2, 4], [3, 3, 0, 1, 4], [1, 0, 2, 1, 0], [0, 0, 0, 0, 4], [0, 0, 0, 0, 0])
    assert predict(read, spikes).tolist() == [1, 0, -1, -1, -1]


def test_a_class_without_neurons_is_never_answered(read):
    only = dataclasses.replace(read, labels=np.array([1, 1, 1, 1, 1]))
    assert predict(only, counted([0, 0, 0, 0, 1], [0, 0, 0, 0, 0])).tolist() == [1, -1]


def test_the_nearest_mean_answers_always(read):
    spikes = counted([2, 2, 1, 1, 0], [0, 1, 0, 4, 0], [0, 0, 0, 0, 0])
    assert predict_nearest(read, spikes).tolist() == [0, 1, 0]  # silence: 12 from class 0, 16 from class 1


def test_operations_are_spikes_times_the_synapses_that_they_reach(read):
    spikes = np.zeros((4, 2, 2), np.uint8)
    spikes[0, 0, :], spikes[3, 1, 1] = 1, 1
    assert synaptic_operations(read, spikes, counted([1, 0, 0, 3, 0], [0] * 5)).tolist() == [2 * 5 + 4 * 4, 5]


@pytest.mark.parametrize(
    ("field", "value"),
    [("neuron", sf.Poisson()), ("neuron", sf.LIF), ("n", 0), ("n", 2.0), ("gain", 0.0), ("synapse", sf.Delta()),
     ("bias", math.nan), ("depression", 1.1),
     ("inhibition", -1.0), ("adaptation", -0.1), ("epochs", -1), ("rest", 0.5), ("dt", 0.0), ("seed", -1)],
)  # fmt: skip
def test_a_classifier_refuses(field, value):
    with pytest.raises(sf.InvalidValue, match=rf"STDPClassifier\.{field}: must be"):
        STDPClassifier(**{"neuron": sf.LIF(), field: value})


def test_one_time_constant_for_synapse_and_adaptation_would_mix_them():
    with pytest.raises(sf.InvalidValue, match="tau_adaptation: must be another"):
        STDPClassifier(neuron=sf.LIF(), synapse=sf.Exponential(tau_syn=1e4))


GOOD = bernoulli(4)


@pytest.mark.parametrize(
    ("spikes", "target", "match"),
    [(GOOD[0], [0, 1, 0, 1], r"spikes: must be of shape"), (2 * GOOD, [0, 1, 0, 1], "0 and 1"),
     (GOOD * 0.5, [0, 1, 0, 1], "0 and 1"), (GOOD[:0], [0, 1, 0, 1], "none of them 0"), (GOOD, [0, 1], r"target: .*\(4,\)"),
     (GOOD, [0.0, 1.0, 0.0, 1.0], "whole numbers"), (GOOD, [0, 2, 0, 2], "renumber"), (GOOD, [0, 0, 0, 0], "two at least")],
)  # fmt: skip
def test_training_refuses(spikes, target, match):
    with pytest.raises(sf.InvalidValue, match=match):
        train(TINY, spikes, target)


def test_reading_refuses_what_does_not_fit(tiny):
    with pytest.raises(sf.InvalidValue, match=r"respond: spikes: must be of shape \(time, sample, 4\)"):
        respond(tiny[2], bernoulli(2, channels=5))
    with pytest.raises(sf.InvalidValue, match="responses: must be of shape"):
        predict(tiny[2], bernoulli(2, channels=2))
    with pytest.raises(sf.InvalidValue, match="candidates: must be some at which neurons fire"):
        suggest_gain(dataclasses.replace(TINY, bias=0.0), GOOD, candidates=[1e-6])
    with pytest.raises(sf.InvalidValue, match="candidates: must be gains > 0"):
        suggest_gain(TINY, GOOD, candidates=[0.0, 1.0])


def test_neurons_that_diverge_are_named_and_not_read():
    """Euler's Izhikevich neuron, pushed far below rest, is thrown upwards by its own square."""
    spikes, target = rates(4, 0)
    c = STDPClassifier(neuron=sf.Izhikevich(), n=16, gain=64.0, inhibition=1e3, adaptation=1.0)
    with pytest.raises(sf.SynfireError, match="diverged"):
        train(c, spikes, target)
