"""e-prop: against its equations synapse by synapse in NumPy, against autodiff, and what it keeps in memory."""

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from small_networks import by_autodiff, difference, gradients, peak_bytes, small_batch, small_network

import synfire as sf
from synfire.neurons.dense import Dense
from synfire.neurons.normalise import BatchNorm
from synfire.neurons.spiking import Membrane, Spiking
from synfire.plasticity import eprop

NEURONS = {
    "LIF": sf.LIF(),
    "refractory": sf.LIF(t_refractory=3.0),
    "spread": sf.LIF(tau_m=sf.uniform(5.0, 30.0), v_threshold=sf.uniform(-52.0, -48.0)),
    "SoftResetLIF": sf.SoftResetLIF(v_drop=15.0),
    "AdaptiveLIF": sf.AdaptiveLIF(beta=3.0, tau_a=30.0),
    "SoftResetAdaptiveLIF": sf.SoftResetAdaptiveLIF(beta=3.0, tau_a=30.0),
}
every_neuron = pytest.mark.parametrize("neuron", NEURONS.values(), ids=NEURONS)
every_kind = pytest.mark.parametrize("recurrent", [False, True], ids=["feedforward", "recurrent"])


def oracle(network, batch, matrix, *, rate_penalty=0.0, target_rate=10.0):
    """The gradients of one hidden layer of LIF or AdaptiveLIF by the equations of e-prop, one synapse at a time.

    With a[t] after its decay:  eps_v <- decay_m kept eps_v + (1 - decay_m) r_m pre, kept = 0 where the neuron fired last
                                eps_a <- decay_a (eps_a + psi (eps_v - beta eps_a)), all of the step before
                                e = psi (eps_v - beta eps_a)
    """
    dense, neurons, readout, membrane = network.layers
    model, x = neurons.neuron(), batch.x.numpy()
    adaptive = isinstance(model, sf.AdaptiveLIF)
    beta, tau_a = (model.beta, model.tau_a) if adaptive else (0.0, 1.0)
    decay_m, decay_a, kappa = math.exp(-1 / model.tau_m), math.exp(-1 / tau_a), math.exp(-1 / membrane.neuron().tau_m)
    time, samples, n_in = x.shape
    n = neurons.n
    w_in, w_rec = (dense.gain * dense.weight).detach().numpy(), (neurons.gain * neurons.weight).detach().numpy()
    w_out, bias = (
        (readout.gain * (1 - kappa) * readout.weight).detach().numpy(),
        dense.gain * dense.bias.detach().numpy(),
    )
    out_bias = readout.gain * (1 - kappa) * readout.bias.detach().numpy()
    total = np.zeros((n_in + n + 1, n))
    total_out, plain = np.zeros((n + 1, w_out.shape[1])), np.zeros_like(total)
    spike_counts = np.zeros(n)
    for sample in range(samples):
        v, a, s, y = np.full(n, model.v_rest), np.zeros(n), np.zeros(n), np.zeros(w_out.shape[1])
        eps_v, eps_a, filtered = np.zeros_like(total), np.zeros_like(total), np.zeros_like(total)
        psi, kept, z = np.zeros(n), np.ones(n), np.zeros(n + 1)
        for t in range(time):
            pre = np.concatenate([x[t, sample], s, [1.0]])
            current = x[t, sample] @ w_in + s @ w_rec + bias
            eps_a = decay_a * (eps_a + psi * (eps_v - beta * eps_a))
            eps_v = decay_m * kept * eps_v + (1 - decay_m) * model.r_m * pre[:, None]
            v_inf = model.v_rest + model.r_m * current
            v, a = v_inf + (v - v_inf) * decay_m, a * decay_a
            excess = v - (model.v_threshold + beta * a)
            s = (excess >= 0.0).astype(float)
            psi = 1.0 / (1.0 + (math.pi * excess / neurons.scale) ** 2) / neurons.scale
            e = psi * (eps_v - beta * eps_a)
            v, a, kept = np.where(s > 0, model.v_reset, v), a + s, 1.0 - s
            filtered = kappa * filtered + e
            z = kappa * z + np.concatenate([s, [1.0]])
            y = kappa * y + s @ w_out + out_bias
            p = np.exp(y - y.max()) / np.exp(y - y.max()).sum()
            error = (p - np.eye(len(y))[batch.target[sample]]) / samples / time
            total += (readout.gain * (1 - kappa) * matrix @ error) * filtered
            total_out += np.outer(z, error)
            plain += e
            spike_counts += s
    rate = spike_counts / samples / time * 1e3
    total += rate_penalty * (rate - target_rate) * plain * 1e3 / (samples * time)
    return {
        "layers.0.weight": dense.gain * total[:n_in], "layers.0.bias": dense.gain * total[-1],
        "layers.1.weight": neurons.gain * total[n_in:-1],
        "layers.2.weight": readout.gain * (1 - kappa) * total_out[:-1],
        "layers.2.bias": readout.gain * (1 - kappa) * total_out[-1],
    }  # fmt: skip


@pytest.mark.parametrize("neuron", [sf.LIF(), sf.AdaptiveLIF(beta=3.0, tau_a=30.0)], ids=["LIF", "AdaptiveLIF"])
@pytest.mark.parametrize("penalty", [0.0, 1e-3])
def test_equals_its_equations_synapse_by_synapse(neuron, penalty):
    network, batch = small_network(neuron, recurrent=True), small_batch()
    rule = sf.EProp(feedback=sf.RandomFeedback(seed=4), rate_penalty=penalty, target_rate=15.0)
    state = rule.init(network)
    found = rule.gradients(network, batch, state).gradients
    expected = oracle(network, batch, state[0].numpy(), rate_penalty=penalty, target_rate=15.0)
    assert set(found) == set(expected)
    for name, array in expected.items():
        assert_allclose(
            found[name], array, rtol=1e-9, atol=1e-12 * np.abs(array).max(), err_msg=name
        )  # sums in another order


@every_neuron
@every_kind
def test_symmetric_equals_autodiff_with_resets_and_recurrent_spikes_held(neuron, recurrent):
    network, batch = small_network(neuron, recurrent=recurrent), small_batch()
    expected, spikes = by_autodiff(network, batch)
    assert 0.005 < float(spikes.detach().mean()) < 0.2
    assert difference(gradients(sf.EProp(adaptation=False), network, batch), expected) < 1e-9


@every_neuron
def test_one_hidden_layer_without_recurrence_is_backpropagation_through_time(neuron):
    network, batch = small_network(neuron), small_batch()
    expected = gradients(sf.BPTT(), network, batch)
    assert difference(gradients(sf.EProp(adaptation=False), network, batch), expected) < 1e-9


@every_kind
@pytest.mark.parametrize("name", ["AdaptiveLIF", "SoftResetAdaptiveLIF"])
def test_credits_adaptation_as_autodiff_does_where_adaptation_is_not_held(name, recurrent):
    network, batch = small_network(NEURONS[name], recurrent=recurrent), small_batch()
    expected, _ = by_autodiff(network, batch, adapting=True)
    found = gradients(sf.EProp(), network, batch)
    assert difference(found, expected) < 1e-9
    assert sf.angle(found, gradients(sf.EProp(adaptation=False), network, batch)).overall > 1.0


def test_published_eligibility_vectors_of_the_adaptive_neuron():
    """Bellec et al.: eps_a[t+1] = psi eps_v + (rho - beta psi) eps_a, e = psi (eps_v - beta eps_a), eps_v a low-pass of pre;
    its beta is ours times the adaptation's decay, as a rises here before it decays."""
    network, batch = small_network(NEURONS["SoftResetAdaptiveLIF"], tau_readout=0.0, bias=False), small_batch(samples=1)
    dense, neurons, readout = network.layers
    model = neurons.neuron()
    alpha, rho = math.exp(-1 / model.tau_m), math.exp(-1 / model.tau_a)
    step = neurons.step(batch.x)
    current, state = dense(batch.x)[0].detach(), neurons.initial_state(batch.x, 1)
    eps_v, eps_a, total = np.zeros((6, 1)), np.zeros((6, 7)), np.zeros((6, 7))
    for t, given in enumerate(current):
        state = step.integrate(state, given)
        excess = step.excess(state)
        spiked = (excess >= 0.0).double()
        psi = (neurons.surrogate.derivative(excess / neurons.scale) / neurons.scale).numpy()
        eps_v = alpha * eps_v + (1 - alpha) * batch.x[t].numpy().T
        trace = psi * (eps_v - rho * model.beta * eps_a)
        error = torch.softmax(readout(spiked[None])[0][0], -1) - torch.eye(3)[batch.target]
        total += (readout.gain * error @ readout.weight.T).detach().numpy() / len(current) * trace
        eps_a = psi * eps_v + (rho - rho * model.beta * psi) * eps_a
        state = step.reset(state, spiked)
    found = gradients(sf.EProp(), network, batch)["layers.0.weight"]
    assert_allclose(found, dense.gain * total, rtol=1e-9, atol=1e-12 * np.abs(found).max())


def test_any_model_is_trained_by_its_own_equations():
    neuron = sf.AdEx()
    layers = [Dense(6, 7, gain=4e4, seed=1), Spiking(7, neuron), Dense(7, 3, seed=2)]
    network, batch = sf.Feedforward(layers).double(), small_batch()
    expected, spikes = by_autodiff(network, batch)
    assert float(spikes.detach().sum()) > 10
    assert difference(gradients(sf.EProp(adaptation=False), network, batch), expected) < 1e-9


@pytest.mark.parametrize("window", [1, 7, 74, 75, 76])
@pytest.mark.parametrize("neuron", [NEURONS["LIF"], NEURONS["AdaptiveLIF"]], ids=["LIF", "AdaptiveLIF"])
def test_the_window_does_not_change_the_sum(window, neuron, monkeypatch):
    network, batch, rule = small_network(neuron, recurrent=True), small_batch(), sf.EProp(rate_penalty=1e-3)
    expected = gradients(rule, network, batch)
    monkeypatch.setattr(eprop, "_WINDOW", window)
    assert difference(gradients(rule, network, batch), expected) < 1e-12


def test_rate_penalty_is_the_gradient_of_its_penalty():
    network, batch = small_network(), small_batch()
    rule = sf.EProp(rate_penalty=2e-3, target_rate=30.0)
    _, spikes = by_autodiff(network, batch)
    penalty = 1e-3 * (spikes.mean((0, 1)) * 1e3 - 30.0).square().sum()
    name = "layers.0.weight"
    (expected,) = torch.autograd.grad(penalty, [network.layers[0].weight])
    found = gradients(rule, network, batch)[name] - gradients(sf.EProp(), network, batch)[name]
    assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_several_hidden_layers_learn_from_their_own_feedback():
    network, batch, rule = small_network(hidden=2), small_batch(), sf.EProp(feedback=sf.RandomFeedback(seed=1))
    found = gradients(rule, network, batch)
    assert list(found) == [name for name, _ in network.named_parameters()]
    assert all(bool((value != 0).any()) for value in found.values())
    with pytest.raises(sf.InvalidValue, match="RandomFeedback"):
        sf.EProp().init(network)


def test_random_feedback_is_a_function_of_its_seed():
    network, batch = small_network(), small_batch()
    first, again, other = (gradients(sf.EProp(feedback=sf.RandomFeedback(seed=s)), network, batch) for s in (3, 3, 4))
    assert difference(first, again) == 0.0
    assert sf.angle(first, other).by_parameter["layers.0.weight"] > 1.0
    two = sf.RandomFeedback(seed=3).start([5, 5], torch.ones(5, 2))
    assert not torch.equal(*two)


def test_adaptive_feedback_comes_to_equal_the_weights_it_follows():
    feedback, weight = sf.AdaptiveFeedback(decay=0.1), torch.randn(7, 3, generator=torch.Generator().manual_seed(0))
    state = feedback.start([7], weight)
    (matrix,), state = feedback.matrices(state, weight)
    before = (matrix - weight).norm()
    for _ in range(10):
        weight = weight + 0.3
        (matrix,), state = feedback.matrices(state, weight)
    assert_allclose((matrix - weight).norm(), 0.9**10 * before, rtol=1e-5)  # float32


def test_memory_is_flat_in_time():
    network = small_network(recurrent=True, n=(10, 30, 2))
    short, long = (peak_bytes(sf.EProp(), network, time) for time in (100, 400))
    outputs = 8 * 8 * 2  # bytes a step
    assert long - short < 8 * 300 * outputs
    grown = peak_bytes(sf.BPTT(), network, 400) - peak_bytes(sf.BPTT(), network, 100)
    assert grown > 30 * (long - short)


def refusals():
    readout = Membrane(3, sf.LIF(tau_m=sf.uniform(5.0, 20.0), v_rest=0.0, v_reset=-1.0, v_threshold=1.0))
    tail = [Dense(7, 3)]
    return {
        "objective": (sf.Feedforward([Dense(6, 7), Spiking(7, sf.LIF()), *tail], sf.CountCrossEntropy()), "step_loss"),
        "norm": (sf.Feedforward([Dense(6, 7), BatchNorm(7), Spiking(7, sf.LIF()), *tail]), "leave it out"),
        "order": (sf.Feedforward([Dense(6, 7), Dense(7, 7), *tail]), "layer 1: must be neurons"),
        "end": (sf.Feedforward([Dense(6, 7), Spiking(7, sf.LIF())]), "readout"),
        "learned": (sf.Feedforward([Dense(6, 7), Spiking(7, sf.LIF(), learn=["tau_m"]), *tail]), "learn=()"),
        "leaks": (sf.Feedforward([Dense(6, 7), Spiking(7, sf.LIF()), *tail, readout]), "one tau_m"),
    }


@pytest.mark.parametrize("name", refusals())
def test_refuses_what_it_cannot_train_before_computing(name):
    network, message = refusals()[name]
    with pytest.raises(sf.InvalidValue, match=message):
        sf.EProp().init(network)


def test_refuses_bad_fields_and_targets():
    for fields in ({"rate_penalty": -1.0}, {"target_rate": math.nan}, {"feedback": "random"}):
        with pytest.raises(sf.InvalidValue, match=next(iter(fields))):
            sf.EProp(**fields)
    network, batch = small_network(), small_batch()
    with pytest.raises(sf.InvalidValue, match="target"):
        sf.EProp().gradients(network, batch._replace(target=batch.target + 3), None)
