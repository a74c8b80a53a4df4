"""BPTT is what autograd says of the loss, and touches nothing."""

import torch

import synfire as sf


def test_gradients_are_autograds_and_nothing_is_changed():
    net = sf.feedforward([6, 8, 3], neuron=sf.LIF(tau_m=10.0), seed=1)
    x = torch.rand(12, 5, 6, generator=torch.Generator().manual_seed(0)) < 0.3
    target = torch.tensor([0, 1, 2, 0, 1])
    before = {name: value.clone() for name, value in net.state_dict().items()}
    credit = sf.BPTT().gradients(net, sf.Batch(x, target), sf.BPTT().init(net))
    assert all(value.grad is None for value in net.parameters())
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    net.objective.loss(net(x)[0], target).backward()
    assert set(credit.gradients) == {name for name, _ in net.named_parameters()}
    for name, value in net.named_parameters():
        assert torch.equal(credit.gradients[name], value.grad)


def test_frozen_parameters_have_no_gradient():
    net = sf.feedforward([6, 8, 3])
    net.layers[0].weight.requires_grad_(False)
    credit = sf.BPTT().gradients(net, sf.Batch(torch.ones(12, 1, 6), torch.tensor([0])), None)
    assert set(credit.gradients) == {"layers.2.weight"}
