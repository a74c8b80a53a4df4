"""Chance at the threshold: the firing law, draws that depend on nothing but key, sample and step, and what is refused."""

import numpy as np
import pytest
import torch
from scipy.special import expit
from scipy.stats import binomtest

import synfire as sf
from synfire.neurons.chance import logistic_noise

N, STEPS = 500, 2000  # a million draws


def held_at(scaled, **more):
    """A neuron that stays, spike or not, at this distance from threshold, in widths (below 0)."""
    return sf.ProbabilisticLIF(v_rest=-65.0, v_reset=-65.0, v_threshold=-65.0 - 1.5 * scaled, width=1.5, **more)


def in_torch(neuron, n, steps, samples, seed=3):
    layer = sf.Feedforward([sf.Spiking(n, neuron, seed=seed)])
    return layer(torch.zeros(steps, len(samples), n), samples=samples)[0].numpy() == 1.0


def in_event_loop(neuron, n, steps, *, seed=3, threads=1, pieces=(1.0,), initial=None):
    net = sf.Network(dt=1.0, seed=seed)
    cells = net.population(n, neuron, initial=initial)
    fired, state = np.zeros((steps, n), bool), None
    for share in pieces:
        result = net.run(share * steps, record=[sf.Spikes(cells)], state=state, threads=threads, progress=False)
        state, spikes = result.state, result.spikes(cells)
        fired[np.round(spikes.times).astype(int), spikes.neurons] = True
    return fired


def refuted(count, trials, p):
    return binomtest(int(count), trials, p).pvalue < 1e-3


@pytest.mark.parametrize("scaled", [-3.0, -0.5, 0.0, 2.0])
def test_draws_follow_the_logistic_law(scaled):
    keys = sf.setup_generator(1, 297).integers(2**63, size=N)
    noise = logistic_noise(keys, 5, np.arange(1, STEPS + 1)[:, None])
    assert not refuted((scaled + noise >= 0.0).sum(), noise.size, expit(scaled))


@pytest.mark.parametrize("scaled", [-3.0, -0.5, -0.01])
def test_neurons_fire_by_the_law_in_torch_and_in_the_event_loop(scaled):
    for fired in (in_torch(held_at(scaled), N, STEPS // 4, [0, 1, 2, 3]), in_event_loop(held_at(scaled), N, STEPS)):
        assert fired.size == 1_000_000
        assert not refuted(fired.sum(), fired.size, expit(scaled))


def test_draws_are_independent_across_neurons_steps_and_samples():
    """Largest of some 10^4 correlations of 10^4 draws each: below 5 standard errors; runs of signs within 4."""
    keys = sf.setup_generator(2, 297).integers(2**63, size=100)
    count = np.arange(1, 10_001)
    by_neuron = np.array([logistic_noise(key, 0, count) for key in keys])
    by_sample = np.array([logistic_noise(keys[0], sample, count) for sample in range(100)])
    by_lag = np.array([by_neuron[0, lag : lag + 9900] for lag in range(100)])
    for made in (by_neuron, by_sample, by_lag):
        among = np.corrcoef(made > 0.0)
        assert np.abs(among[~np.eye(len(made), dtype=bool)]).max() < 5.0 / 9900**0.5
    up = by_neuron > 0.0
    runs = 1 + (up[:, 1:] != up[:, :-1]).sum(1)
    expected = 1 + 2.0 * up.sum(1) * (~up).sum(1) / up.shape[1]
    spread = (expected - 1) / up.shape[1] ** 0.5
    assert np.abs((runs - expected) / spread).max() < 4.0


def test_neighbouring_keys_samples_and_steps_share_nothing():
    made = [logistic_noise(k, s, np.array([c]))[0] for k in (0, 1, 2**62) for s in (0, 1, 2**40) for c in (1, 2, 2**33)]
    assert len(set(made)) == 27


def test_a_layer_of_one_neuron_is_made_without_a_warning():
    assert sf.Spiking(1, sf.MetaNeuron()).scale == 0.5


def test_no_noise_before_the_first_step():
    assert logistic_noise(7, 3, np.array([-2, 0])).tolist() == [0.0, 0.0]


@pytest.mark.filterwarnings("ignore:threads = 3")
@pytest.mark.parametrize("neuron", [held_at(-0.5, t_refractory=2.0), sf.MetaNeuron()], ids=lambda n: type(n).__name__)
def test_event_loop_gives_the_same_on_any_threads_and_in_pieces(neuron):
    whole = in_event_loop(neuron, 60, 100)
    assert 0.02 < whole.mean() < 0.9
    for threads in (2, 3):
        np.testing.assert_array_equal(in_event_loop(neuron, 60, 100, threads=threads), whole)
    np.testing.assert_array_equal(in_event_loop(neuron, 60, 100, pieces=(0.31, 0.01, 0.68)), whole)
    assert (in_event_loop(neuron, 60, 100, seed=4) != whole).any()


def test_a_samples_spikes_do_not_depend_on_its_batch_or_place():
    whole = in_torch(held_at(-1.0), 40, 30, list(range(12)))
    order = [7, 2, 11, 0]
    np.testing.assert_array_equal(in_torch(held_at(-1.0), 40, 30, order), whole[:, order])
    for k in (0, 5):
        np.testing.assert_array_equal(in_torch(held_at(-1.0), 40, 30, [k])[:, 0], whole[:, k])
    assert (whole[:, 0] != whole[:, 1]).any()


def test_evaluation_does_not_depend_on_the_size_of_a_batch():
    layers = [
        sf.Dense(6, 20, gain=40.0, seed=1),
        sf.Spiking(20, sf.ProbabilisticLIF(), seed=1),
        sf.Dense(20, 3, seed=2),
    ]
    network = sf.Feedforward(layers)
    x, target = torch.ones(20, 30, 6), torch.arange(30) % 3
    whole = sf.evaluate(network, (x, target), batch=30)
    for batch in (1, 7):
        assert sf.evaluate(network, (x, target), batch=batch) == pytest.approx(
            whole, rel=1e-5
        )  # sums of float32 losses


def test_training_draws_anew_in_each_pass_and_evaluation_does_not():
    layer, x = sf.Spiking(30, held_at(-1.0)), torch.zeros(20, 4, 30)
    assert not torch.equal(layer.train()(x)[0], layer(x)[0])
    assert torch.equal(layer.eval()(x)[0], layer(x)[0])
    torch.manual_seed(1)
    first = layer.train()(x)[0]
    torch.manual_seed(1)
    assert torch.equal(layer(x)[0], first)


def test_layers_differ_by_their_seeds_and_one_seed_for_two_is_refused():
    def layers(second):
        return [sf.Spiking(5, sf.MetaNeuron(), seed=1), sf.Spiking(5, sf.MetaNeuron(), seed=second)]

    sf.Feedforward(layers(2))
    with pytest.raises(sf.InvalidValue, match="seeds of their own"):
        sf.Feedforward(layers(1))


def test_layers_of_which_some_neurons_would_draw_the_same_are_refused():
    """One layer at two places, also within another layer, and keys by hand of which one occurs in both layers."""
    one = sf.Spiking(5, sf.MetaNeuron(), seed=1)
    keyed = [sf.Spiking(3, sf.MetaNeuron(keys=keys)) for keys in ([3, 4, 5], [6, 7, 8], [8, 9, 10])]
    sf.Feedforward([sf.Spiking(2, sf.LIF())] * 2)  # which draws nothing
    sf.Feedforward(keyed[::2])
    for layers in ([one, one], [one, sf.Residual([sf.Dense(5, 5), one])], keyed[1:]):
        with pytest.raises(sf.InvalidValue, match="draw the same"):
            sf.Feedforward(layers)


def test_keys_that_are_given_are_kept_and_belong_to_their_neurons():
    keys = np.array([5, 2**63 - 1, 0])
    fired = in_torch(held_at(-1.0, keys=keys), 3, 50, [4], seed=1)
    np.testing.assert_array_equal(in_torch(held_at(-1.0, keys=keys[::-1]), 3, 50, [4], seed=2), fired[..., ::-1])
    with pytest.raises(sf.InvalidValue, match="keys"):
        sf.Spiking(4, held_at(-1.0, keys=keys))


@pytest.mark.parametrize("model", [sf.MetaNeuron, sf.ProbabilisticLIF])
@pytest.mark.parametrize("keys", [[-1, 2], [0.5, 1.0], [[1, 2]], ["1"], np.array([2**63], np.uint64)])
def test_keys_that_are_no_keys_are_refused(model, keys):
    with pytest.raises(sf.InvalidValue, match=rf"{model.__name__}\.keys"):
        model(keys=keys)


def test_numbers_of_samples_beside_a_state_which_has_them_are_refused():
    network = sf.Feedforward([sf.Spiking(5, sf.MetaNeuron())])
    for state in (network.begin([1, 2]), network.begin(), network(torch.zeros(3, 2, 5))[1]):
        with pytest.raises(sf.InvalidValue, match="samples"):
            network(torch.zeros(3, 2, 5), state, samples=[1, 2])


@pytest.mark.parametrize("samples", [[-1, 0], [0.5, 1.0], [[0, 1]], 3])
def test_numbers_of_samples_that_are_none_are_refused(samples):
    network = sf.Feedforward([sf.Spiking(5, sf.MetaNeuron())])
    with pytest.raises(sf.InvalidValue, match="samples"):
        network(torch.zeros(3, 2, 5), samples=samples)
