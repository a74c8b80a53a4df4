"""`perceptron`: torch's own start, and the same function as a plain stack."""

import numpy as np
import pytest
import torch
from torch import nn

import synfire as sf


def test_it_is_the_stack_that_torch_would_make_of_its_weights():
    network = sf.perceptron([6, 5, 4, 3], activation=sf.Tanh(), bias=True, seed=2)
    plain = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))
    with torch.no_grad():
        for ours, theirs in zip(network.layers[::2], plain[::2], strict=True):
            ours.bias.copy_(torch.randn(ours.n_out))
            theirs.weight.copy_(ours.weight.T)
            theirs.bias.copy_(ours.bias)
    x, y = torch.randn(1, 9, 6), torch.arange(9) % 3
    credit = sf.BPTT().gradients(network, sf.Batch(x, y), None)
    loss = nn.functional.cross_entropy(plain(x[0]), y)
    loss.backward()
    assert float(credit.loss) == pytest.approx(float(loss.detach()), rel=1e-6)
    for k in (0, 2, 4):
        torch.testing.assert_close(credit.gradients[f"layers.{k}.weight"], plain[k].weight.grad.T, rtol=1e-4, atol=1e-7)
        torch.testing.assert_close(credit.gradients[f"layers.{k}.bias"], plain[k].bias.grad, rtol=1e-4, atol=1e-7)


def test_weights_start_uniform_within_1_over_the_root_of_the_inputs_purely_by_seed_and_place():
    network, same, other = (sf.perceptron([400, 300, 10], seed=seed) for seed in (1, 1, 2))
    for layer in network.layers[::2]:
        weight = layer.weight.detach() * layer.n_in**0.5
        assert 0.99 < float(weight.abs().max()) <= 1.0
        assert float(weight.std()) == pytest.approx(3**-0.5, rel=0.05)
    assert torch.equal(network.layers[2].weight, same.layers[2].weight)
    assert not torch.equal(network.layers[2].weight, other.layers[2].weight)
    wider = sf.perceptron([400, 300, 20], seed=1)
    assert torch.equal(network.layers[0].weight, wider.layers[0].weight)


def test_it_survives_a_file(tmp_path):
    network = sf.perceptron([6, 5, 3], activation=sf.Elu(), seed=0)
    again = sf.load_network(sf.save_network(network, tmp_path / "network.safetensors"))
    x = torch.randn(1, 4, 6)
    assert torch.equal(network(x)[0], again(x)[0])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sizes": [4]}, "perceptron: sizes"),
        ({"sizes": [4, 0, 2]}, "Dense.n_out"),
        ({"sizes": [4, 2], "seed": -1}, "seed"),
    ],
)
def test_what_cannot_be_is_refused(options, said):
    with pytest.raises(sf.InvalidValue, match=said):
        sf.perceptron(**options)


def test_an_augmented_set_is_seen_anew_in_every_epoch_and_observers_are_told():
    class Noisy:
        def __init__(self, shift):
            self.shift = shift

        def __len__(self):
            return 12

        def batch(self, indices):
            seen.append((self.shift, len(indices)))
            x = torch.from_numpy(np.random.default_rng(0).normal(size=(1, len(indices), 3))).float()
            return x, torch.from_numpy(indices % 2)

        def epoch(self, k):
            return Noisy(k)

    seen, told = [], []
    sf.fit(
        sf.perceptron([3, 2]), sf.BPTT(), Noisy(None), epochs=2, batch=8, optimisers=sf.sgd(0.1), progress=False,
        observe=lambda epoch, network, state: told.append((epoch, network.training, state)),
    )  # fmt: skip
    assert seen == [(0, 8), (0, 4), (1, 8), (1, 4)]
    assert told == [(0, False, None), (1, False, None), (2, False, None)]
