"""Sign-symmetric feedback against the chain rule written out, and where it is backpropagation."""

import numpy as np
import torch
from rate_networks import by_hand, map_network, rate_batch, tanh_network
from small_networks import difference, gradients

import synfire as sf


def test_it_is_the_chain_rule_with_signs_for_the_weights():
    network, batch = tanh_network(), rate_batch()

    def below(hidden, current_error, error, one_hot):
        above = network.layers[2 * (hidden + 1)]
        return above.gain * current_error @ np.sign(above.weight.detach().numpy()).T / above.n_in**0.5

    assert difference(gradients(sf.SignSymmetric(), network, batch), by_hand(network, batch, below)) < 1e-12


def test_where_weights_are_their_signs_it_is_backpropagation():
    """Kernels too: a unit of 3 channels and 3 x 3 pixels sums 27 inputs."""
    network, batch = map_network(), rate_batch(shape=(2, 9, 9))
    with torch.no_grad():
        for k, inputs in ((3, 27), (8, 4)):
            network.layers[k].weight.copy_(network.layers[k].weight.sign() / inputs**0.5)
    found, exact = gradients(sf.SignSymmetric(), network, batch), gradients(sf.BPTT(), network, batch)
    assert difference(found, exact) < 1e-12


def test_signs_are_those_of_the_weights_as_they_are_now():
    """Weights change sign and neurons undo it: nothing changes for the layer below, but with the old signs its gradient would."""
    network, batch = tanh_network(), rate_batch()
    state = sf.SignSymmetric().init(network)
    before = sf.SignSymmetric().gradients(network, batch, state).gradients
    changed = network.layers[2]
    with torch.no_grad():
        changed.weight.neg_()
        network.layers[3].activation = lambda x: torch.tanh(2.0 * changed.gain * changed.bias.detach() - x)
    after = sf.SignSymmetric().gradients(network, batch, state).gradients
    torch.testing.assert_close(after["layers.0.weight"], before["layers.0.weight"], rtol=1e-10, atol=1e-14)
