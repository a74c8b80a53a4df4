"""Gradient centralisation against NumPy, and what it keeps."""

import numpy as np
import torch
from digits_training import accuracy, readout_alone

import synfire as sf
from synfire.neurons.dense import Conv, Dense


def test_the_mean_over_a_units_inputs_is_taken_from_connections_and_kernels_alone():
    draw = torch.Generator().manual_seed(1)
    shapes = {"layers.0.weight": (4, 5), "layers.1.weight": (3, 2, 3, 3), "rule.0.weight": (5, 4)}
    others = {"layers.0.bias": (5,), "layers.3.norm.weight": (5,), "layers.4.delay": (4, 5)}
    given = {name: torch.randn(shape, generator=draw, dtype=torch.float64) for name, shape in (shapes | others).items()}
    found, _ = sf.Centralise().update(given, None, weights={}, activity={})
    assert list(found) == list(given)
    for name, value in found.items():
        g = given[name].numpy()
        mean = 0.0 if name in others else g.mean((1, 2, 3), keepdims=True) if g.ndim == 4 else g.mean(0, keepdims=True)
        np.testing.assert_allclose(value, g - mean, rtol=1e-12, atol=1e-15)


def test_training_keeps_the_sum_of_every_units_incoming_weights_and_of_every_kernel():
    layers = [Conv(1, 2, 3, seed=1), sf.Rate(sf.Tanh()), sf.Flatten(), Dense(2 * 4, 3, bias=True, seed=2)]
    network = sf.Feedforward(layers).double()
    draw = torch.Generator().manual_seed(0)
    batch = torch.randn((1, 20, 1, 4, 4), generator=draw, dtype=torch.float64), torch.arange(20) % 3
    rule = sf.chain(sf.BPTT(), sf.Centralise())
    after = sf.fit(
        network, rule, batch, epochs=5, batch=5, optimisers=sf.sgd(0.5, momentum=0.5), progress=False
    ).network
    for k, dims in ((0, (1, 2, 3)), (3, (0,))):
        was, now = (net.layers[k].weight.detach() for net in (network, after))
        assert float((now - was).abs().max()) > 0.05
        torch.testing.assert_close(now.sum(dims), was.sum(dims), rtol=0.0, atol=1e-12)
    assert float(after.layers[3].bias.detach().abs().max()) > 0.01


def test_a_network_learns_the_digits_with_it():
    optimiser = sf.sgd(0.3)
    alone = accuracy(sf.BPTT(), readout_alone(sf.perceptron([64, 16, 16, 10])), optimiser)
    assert accuracy(sf.chain(sf.BPTT(), sf.Centralise()), sf.perceptron([64, 16, 16, 10]), optimiser) > alone + 0.2
