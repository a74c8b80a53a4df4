"""The networks of continual learning against the same written out in plain torch, and the tables of ranks against them."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import synfire as sf
from synfire.experiments.continual_networks import RANKS, residual_network, split_cifar_network
from synfire.experiments.continual_sequences import SEQUENCES
from synfire.plasticity.factors import as_matrix, connections_of


def relu(n):
    return sf.Rate(sf.Relu())


def images(side=8, samples=4):
    return torch.randn(1, samples, 3, side, side, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def norm(x, weights):
    scale, shift = weights
    return functional.batch_norm(x, None, None, scale, shift, training=True)


def check_against(network, forward, x):
    """Outputs and all gradients, of a loss that tells outputs apart; `forward` takes images and the parameters in order."""
    with torch.no_grad():  # scales and shifts away from 1 and 0, readouts away from next to nothing
        for value in network.parameters():
            drawn = torch.Generator().manual_seed(value.numel())
            value.add_(0.2 * torch.randn(value.shape, generator=drawn, dtype=torch.float64))
    made, _ = network(x)
    expected = forward(x[0], dict(network.named_parameters()))
    torch.testing.assert_close(made[0], expected, rtol=0.0, atol=1e-10)
    target = torch.arange(x.shape[1]) % 3
    found = sf.BPTT().gradients(network, sf.Batch(x, target), None).gradients
    wanted = torch.autograd.grad(functional.cross_entropy(expected, target), list(network.parameters()))
    for (name, _), gradient in zip(network.named_parameters(), wanted, strict=True):
        torch.testing.assert_close(found[name], gradient, rtol=0.0, atol=1e-10)


def test_the_cifar_network_is_convolutions_normalised_rectified_and_averaged():
    network = split_cifar_network(6, neurons=relu, channels=(4, 5), side=8, height=1.5, seed=1).double()

    def forward(x, p):
        for k in range(2):
            at = 4 * k
            x = functional.conv2d((1.5 if k else 1.0) * x, p[f"layers.{at}.weight"], padding=1)
            x = nn.AvgPool2d(2)(norm(x, [p[f"layers.{at + 1}.norm.{each}"] for each in ("weight", "bias")]).relu())
        return 1.5 * x.flatten(1) @ p["layers.9.weight"]

    check_against(network, forward, images())


def test_the_residual_network_is_preactivation_written_out():
    """Two stages of one and two blocks: one that keeps the size, one that changes it, one after that."""
    network = residual_network(5, neurons=relu, width=2, blocks=(1, 2), side=8, height=1.5, seed=2).double()

    def forward(x, p):
        def active(x, at):
            return 1.5 * norm(x, [p[f"layers.{at}.norm.{each}"] for each in ("weight", "bias")]).relu()

        def conv(x, at, stride=1):
            kernel = p[f"layers.{at}.weight"]
            return functional.conv2d(x, kernel, padding=kernel.shape[2] // 2, stride=stride)

        x = conv(x, "0")
        x = x + conv(active(conv(active(x, "1.branch.0"), "1.branch.2"), "1.branch.3"), "1.branch.5")
        x = active(x, "2")
        x = conv(active(conv(x, "4.branch.0", 2), "4.branch.1"), "4.branch.3") + conv(x, "4.shortcut.0", 2)
        x = x + conv(active(conv(active(x, "5.branch.0"), "5.branch.2"), "5.branch.3"), "5.branch.5")
        return active(x, "6").mean((2, 3)) @ p["layers.10.weight"]

    check_against(network, forward, images())


PAPER = {
    "split_cifar100": lambda: split_cifar_network(100, neurons=relu),
    "five_datasets": lambda: residual_network(50, neurons=relu),
    "five_datasets_shared_head": lambda: residual_network(10, neurons=relu),
    "split_miniimagenet": lambda: residual_network(100, neurons=relu, side=84, first=(5, 2)),
    "permuted_mnist": lambda: sf.perceptron([784, 800, 800, 10], activation=sf.Relu()),
}
STAGES = [[180] * 4, [180, 360, 20, 360, 360], [360, 720, 40, 720, 720], [720, 1440, 80, 1440, 1440]]
INPUTS = {
    "split_cifar100": [27, 576, 1152, 4096],
    "five_datasets": [27, *chain(*STAGES), 160],
    "five_datasets_shared_head": [27, *chain(*STAGES), 160],
    "split_miniimagenet": [75, *chain(*STAGES), 160],
    "permuted_mnist": [784, 800, 800],
}


@pytest.mark.parametrize("name", PAPER)
def test_ranks_are_for_each_task_and_each_connection_of_the_papers_network(name):
    network = PAPER[name]()
    inputs = [as_matrix(layer.weight).shape[0] for layer in connections_of(network)]
    assert inputs == INPUTS[name]
    ranks = np.array(RANKS[name])
    assert ranks.shape == (SEQUENCES[name].tasks, len(inputs))
    assert (ranks >= 0).all()
    assert (ranks <= inputs).all()
    # on 5-Datasets the source gives some connections more rows than they have inputs, which leaves no room to learn in
    assert (ranks.sum(0) > inputs).any() == name.startswith("five")
    heads_of_their_own = name in ("split_cifar100", "five_datasets", "split_miniimagenet")
    assert (ranks[:, -1] == 0).all() == heads_of_their_own


def test_ranks_add_up_to_what_the_paper_keeps():
    np.testing.assert_array_equal(np.sum(RANKS["permuted_mnist"], axis=0), [470, 590, 490])
    np.testing.assert_array_equal(np.sum(RANKS["split_cifar100"], axis=0), [24, 280, 560, 0])
    mini = np.array(RANKS["split_miniimagenet"])
    np.testing.assert_array_equal(mini[[0, 1, 6], 0], [24, 2, 0])
    np.testing.assert_array_equal(mini[[0, 5, 19], 5:8], [[90, 180, 10], [6, 12, 1], [2, 4, 0]])
    np.testing.assert_array_equal(np.array(RANKS["five_datasets"])[0, 15:18], [200, 200, 16])


@pytest.mark.parametrize(("side", "first"), [(32, (3, 1)), (84, (5, 2))])
def test_the_papers_residual_networks_take_images_of_their_side(side, first):
    network = residual_network(10, neurons=relu, width=1, side=side, first=first)
    assert network(torch.randn(1, 2, 3, side, side))[0].shape == (1, 2, 10)
    assert network.layers[-3].factor == (4 if side == 32 else 6)


def test_weights_start_as_in_the_paper_and_are_a_function_of_the_seed():
    network, again, other = (split_cifar_network(100, neurons=relu, seed=seed) for seed in (3, 3, 4))
    for k, channels in ((4, 128), (8, 256)):
        std = float(network.layers[k].weight.detach().std())
        assert std == pytest.approx((2.0 / (9 * channels)) ** 0.5, rel=0.02)  # of 73,728 draws or more
    assert float(network.layers[-1].weight.detach().std()) == pytest.approx(0.01, rel=0.02)
    assert float(network.layers[-1].weight.detach().abs().mean()) == pytest.approx(0.01 * (2 / np.pi) ** 0.5, rel=0.02)
    for name, value in network.named_parameters():
        assert torch.equal(value, again.get_parameter(name))
    assert not torch.equal(network.layers[0].weight, other.layers[0].weight)
    deep = [layer.weight for layer in connections_of(residual_network(5, neurons=relu, width=4))]
    same = [(a, b) for k, a in enumerate(deep) for b in deep[:k] if a.shape == b.shape]
    assert same
    assert not any(torch.equal(a, b) for a, b in same)


class FirstHead:
    """The first two outputs are worth something, the others are as if they were not there."""

    def scores(self, outputs):
        return outputs.mean(0)[:, :2]

    def loss(self, outputs, target):
        return functional.cross_entropy(self.scores(outputs), target)


def test_one_head_of_a_residual_network_learns_and_the_others_stay():
    network = residual_network(4, neurons=relu, width=3, blocks=(1, 1), side=8, objective=FirstHead(), seed=0)
    drawn = torch.Generator().manual_seed(1)
    target = torch.arange(32) % 2
    x = torch.randn(2, 3, 8, 8, generator=drawn)[target] + 0.3 * torch.randn(32, 3, 8, 8, generator=drawn)
    rule = sf.SignSymmetric()
    fitted = sf.fit(network, rule, (x[None], target), epochs=10, batch=16, optimisers=sf.sgd(0.3), progress=False)
    assert fitted.history.train_loss[-1] < 0.5 * fitted.history.train_loss[0]
    before, after = network.layers[-1].weight, fitted.network.layers[-1].weight
    assert torch.equal(after[:, 2:], before[:, 2:])


def test_neurons_are_asked_for_as_many_as_their_maps_have_pixels():
    asked = []

    def spiking(n):
        asked.append(n)
        return sf.Spiking(n, sf.SoftResetLIF())

    network = residual_network(4, neurons=spiking, width=2, blocks=(1, 1), side=9, colours=1)
    assert asked == [162, 162, 162, 100, 100]
    with torch.no_grad():
        assert network(torch.ones(2, 1, 1, 9, 9))[0].shape == (2, 1, 4)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: split_cifar_network(10, neurons=relu, side=30), "side: must be a multiple of 8"),
        (lambda: split_cifar_network(10, neurons=relu, channels=()), "at least one"),
        (lambda: split_cifar_network(10, neurons=relu, seed=-1), "split_cifar_network: seed"),
        (lambda: residual_network(10, neurons=relu, first=(4, 1)), "odd kernel"),
        (lambda: residual_network(10, neurons=relu, blocks=()), "blocks"),
        (lambda: residual_network(10, neurons=relu, width=0), "Conv.channels_out"),
    ],
)
def test_what_cannot_be_is_refused(make, said):
    with pytest.raises(sf.InvalidValue, match=said):
        make()
