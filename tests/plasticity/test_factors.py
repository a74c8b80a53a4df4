"""Factors: what connections hear and the error that comes back, whose product is the gradient, whichever rule gave it."""

import pytest
import torch
from rate_networks import map_network, rate_batch, tanh_network

import synfire as sf
from synfire.plasticity.factors import as_matrix, as_weight, connections_of, heard, recorded, rows_of


def spiking_network(objective=None):
    snn = sf.feedforward([6, 8, 7, 3], neuron=sf.SoftResetLIF(tau_m=5.0), objective=objective, seed=1)
    return sf.Feedforward(list(snn.layers)[:-1], objective).double()


def spikes():
    return (torch.rand(9, 4, 6, generator=torch.Generator().manual_seed(0)) < 0.4).double()


CASES = {
    "dense": (tanh_network, lambda: rate_batch().x, sf.BPTT()),
    "feedback alignment": (tanh_network, lambda: rate_batch().x, sf.FeedbackAlignment()),
    "sign-symmetric": (tanh_network, lambda: rate_batch().x, sf.SignSymmetric()),
    "maps": (map_network, lambda: rate_batch(shape=(2, 9, 9)).x, sf.BPTT()),
    "maps, feedback alignment": (map_network, lambda: rate_batch(shape=(2, 9, 9)).x, sf.FeedbackAlignment()),
    "spiking": (spiking_network, spikes, sf.BPTT()),
    "spiking, step by step": (spiking_network, spikes, sf.SLTT()),
    "spiking, traces": (spiking_network, spikes, sf.OTTT()),
}


@pytest.mark.parametrize("name", CASES)
def test_each_gradient_is_the_product_of_its_factors(name):
    make, x, rule = CASES[name]
    network, batch = make(), sf.Batch(x(), torch.arange(x().shape[1]) % 3)
    with recorded(network) as record:
        credit = rule.gradients(network, batch, rule.init(network))
    factors = record.factors()
    assert set(factors) == set(connections_of(network).values())
    for weight, (connections, presynaptic, error, _) in factors.items():
        errors = error.flatten(0, 1)
        errors = errors if errors.ndim == 2 else errors.flatten(2).transpose(1, 2).flatten(0, 1)
        product = connections.gain * rows_of(connections, presynaptic).T @ errors
        found = credit.gradients[weight]
        assert as_matrix(found).numpy() == pytest.approx(product.numpy(), abs=1e-12)
        assert torch.equal(as_weight(as_matrix(found), found), found)


def test_nothing_is_written_down_after_the_end_nor_changed_by_it():
    network, batch = tanh_network(), rate_batch()
    plain = sf.BPTT().gradients(network, batch, None)
    with recorded(network) as record:
        watched = sf.BPTT().gradients(network, batch, None)
    assert all(torch.equal(plain.gradients[name], watched.gradients[name]) for name in plain.gradients)
    before = record.factors()
    sf.BPTT().gradients(network, batch, None)
    assert all(torch.equal(before[name].error, each.error) for name, each in record.factors().items())


def test_heard_is_what_the_layer_before_gives():
    network, batch = tanh_network(), rate_batch()
    made = heard(network, batch.x)
    activity = network.activity(batch.x)
    assert torch.equal(made["layers.0.weight"], batch.x)
    assert torch.equal(made["layers.2.weight"], activity[1])
    assert torch.equal(made["layers.4.weight"], activity[3])
