"""Errors carried down by other weights: with the forward weights themselves that is backpropagation, on every kind of network."""

import pytest
import torch
from rate_networks import map_network, rate_batch, tanh_network
from small_networks import difference, small_batch, small_network

import synfire as sf
from synfire.neurons.dense import Conv, Dense
from synfire.neurons.spiking import Membrane, Spiking
from synfire.plasticity.transport import carriers, transported


def own_weights(network):
    return {k: layer.weight.detach().clone() for k, layer in carriers("test", network).items()}


def encoded_network():
    """Neurons that learn stand before the first connections, so that the error has to pass those too."""
    learning = Spiking(6, sf.LIF(), learn=["tau_m"])
    readout = Membrane(3, sf.LIF(tau_m=9.0, v_rest=0.0, v_reset=-1.0, v_threshold=1.0))
    hidden = [Dense(6, 7, gain=200.0, seed=1), Spiking(7, sf.LIF())]
    return sf.Feedforward([learning, *hidden, Dense(7, 3, gain=5.0, seed=2), readout]).double()


def current_batch():
    x, target = small_batch()
    return sf.Batch(200.0 * x, target)


def represented_maps():
    """Rates' errors, the same at every step, come to a convolution with another one below it; so do two with pooling."""
    neuron = sf.SoftResetLIF(tau_m=4.0, v_rest=0.0, v_threshold=0.3, v_drop=1.0)
    spikes = [sf.Flatten(), sf.RepresentedSpiking(48, neuron), sf.Unflatten(3, 4, 4)]
    above = [Conv(3, 2, 3, gain=2.0, seed=2), sf.Flatten(), sf.RepresentedSpiking(8, neuron), Dense(8, 3, seed=3)]
    return sf.Feedforward(
        [Conv(2, 3, 2, gain=2.0, seed=1), *spikes, *above], sf.MeanCrossEntropy(tau_steps=4.0)
    ).double()


def still(batch, steps=6):
    return sf.Batch(batch.x[:1].expand(steps, *batch.x.shape[1:]), batch.target)


NETWORKS = {
    "rate": (tanh_network, rate_batch),
    "maps": (lambda: map_network(drop=0.3), lambda: rate_batch(shape=(2, 9, 9))),
    "maps over time": (map_network, lambda: sf.Batch(torch.randn(4, 5, 2, 9, 9).double(), torch.arange(5) % 3)),
    "spiking": (lambda: small_network(hidden=2, recurrent=True), small_batch),
    "spiking, truth values": (lambda: small_network(hidden=2), lambda: sf.Batch(small_batch().x.bool(), small_batch().target)),
    "rates of spikes": (lambda: sf.dsr_network([5, 30, 30, 3]).double(), lambda: still(rate_batch(), 20)),
    "rates of spikes, maps": (represented_maps, lambda: still(rate_batch(shape=(2, 5, 5)))),
    "encoder first": (encoded_network, current_batch),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_with_the_forward_weights_it_is_backpropagation(name):
    made, given = NETWORKS[name]
    network, batch = made(), given()
    torch.manual_seed(0)  # of dropout
    expected = sf.BPTT().gradients(network, batch, None)
    torch.manual_seed(0)
    found = transported(network, batch, own_weights(network), None)
    assert all(float(g.abs().max()) > 0.0 for g in found.gradients.values())
    assert difference(found.gradients, expected.gradients) < 1e-12
    assert torch.equal(found.loss, expected.loss)
    assert torch.equal(found.scores, expected.scores)


def test_in_single_precision_it_is_backpropagation_bit_for_bit():
    network, (x, target) = sf.perceptron([5, 7, 6, 3]), rate_batch()
    batch = sf.Batch(x.float(), target)
    found = transported(network, batch, own_weights(network), None).gradients
    for name, expected in sf.BPTT().gradients(network, batch, None).gradients.items():
        assert torch.equal(found[name], expected)


def test_only_the_way_back_is_another_and_only_below():
    """Twice the matrix at one layer: the same loss, twice the gradients below it, the same ones from it upwards."""
    network, batch = tanh_network(), rate_batch()
    matrices = own_weights(network)
    once = transported(network, batch, matrices, None)
    twice = transported(network, batch, matrices | {2: 2.0 * matrices[2]}, None)
    assert torch.equal(once.loss, twice.loss)
    for name, gradient in once.gradients.items():
        factor = 2.0 if name.startswith("layers.0") else 1.0
        torch.testing.assert_close(twice.gradients[name], factor * gradient, rtol=1e-13, atol=0.0)


def test_frozen_weights_still_pass_the_error_on():
    network, batch = tanh_network(), rate_batch()
    expected = transported(network, batch, own_weights(network), None).gradients
    network.layers[2].requires_grad_(False)
    found = transported(network, batch, own_weights(network), None).gradients
    assert list(found) == [name for name in expected if not name.startswith("layers.2")]
    assert all(torch.equal(found[name], expected[name]) for name in found)


def test_connections_with_nothing_to_learn_below_carry_nothing():
    assert list(carriers("test", tanh_network())) == [2, 4]
    assert list(carriers("test", encoded_network())) == [1, 3]
    assert list(carriers("test", sf.Feedforward([Conv(1, 2, 3)]))) == []


@pytest.mark.parametrize("rule", [sf.FeedbackAlignment(), sf.SignSymmetric()])
def test_networks_that_are_not_carried_through_are_refused(rule):
    delayed = sf.feedforward([4, 5, 3], delays=sf.TwoTapDelay(max_delay=3.0))
    with pytest.raises(sf.InvalidValue, match=rf"{type(rule).__name__}: layer 0: .*got 'DelayedDense'.*BPTT"):
        rule.init(delayed)
    with pytest.raises(sf.InvalidValue, match="connections"):
        rule.init(sf.Feedforward([Spiking(4, sf.LIF())]))
