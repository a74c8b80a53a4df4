"""Copies of a layer whose neurons fire by chance: what a sample meets belongs to its number."""

import numpy as np
import pytest

import synfire as sf
from synfire.experiments.stdp_copies import Layer, count_spikes, respond_in_copies


@pytest.fixture(scope="module")
def shown():
    rng = np.random.default_rng(0)
    neuron = sf.ProbabilisticLIF(v_rest=0.0, v_reset=0.0, v_threshold=1.0, width=0.2)
    layer = Layer(
        neuron=neuron,
        weights=rng.uniform(2.0, 6.0, (3, 4)),
        held=np.zeros(4),
        inhibition=0.3,
        synapse=sf.Pulse(),
        dt=1.0,
        seed=3,
    )
    spikes = (rng.random((40, 10, 3)) < 0.2).astype(np.uint8)
    return layer, spikes, respond_in_copies(layer, spikes)


def test_spikes_of_a_sample_depend_on_its_number_alone_not_on_what_else_is_shown(shown):
    layer, spikes, whole = shown
    assert 50 < whole.sum() < 1000
    others = spikes.copy()
    others[:, ::2] = 1 - others[:, ::2]
    np.testing.assert_array_equal(respond_in_copies(layer, others)[:, 1::2], whole[:, 1::2])
    np.testing.assert_array_equal(respond_in_copies(layer, spikes[:, :3]), whole[:, :3])
    np.testing.assert_array_equal(respond_in_copies(layer, spikes, threads=2), whole)
    np.testing.assert_array_equal(count_spikes(layer, spikes), whole.sum(0))


def test_samples_beyond_the_first_network_of_copies_draw_by_their_own_numbers(shown):
    layer, spikes, _ = shown
    many = np.tile(spikes[:, :5], (1, 14, 1))  # 70: the 65th is the first copy's second sample
    whole = respond_in_copies(layer, many)
    np.testing.assert_array_equal(respond_in_copies(layer, many[:, :67]), whole[:, :67])
    assert (whole[:, 0] != whole[:, 65]).any() and (whole[:, 64] != whole[:, 4]).any()
    np.testing.assert_array_equal(count_spikes(layer, many), whole.sum(0))


def test_one_train_shown_as_two_samples_meets_two_draws(shown):
    layer, spikes, _ = shown
    twice = respond_in_copies(layer, np.repeat(spikes[:, :1], 2, axis=1))
    assert (twice[:, 0] != twice[:, 1]).any()
