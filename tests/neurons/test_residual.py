"""Residual layers against the same sums written out in plain torch, in one piece and in several."""

import pytest
import torch
from torch import nn
from torch.nn import functional

import synfire as sf
from synfire import InvalidValue


def block(shortcut=True):
    """Batch normalisation and neurons first; where the size changes, the shortcut is a convolution of one pixel."""
    branch = [
        sf.Conv(2, 3 if shortcut else 2, 3, stride=2 if shortcut else 1, padding=1, seed=1),
        sf.BatchNorm(3 if shortcut else 2),
        sf.Rate(sf.Tanh()),
    ]
    other = [sf.Conv(2, 3, 1, stride=2, bias=True, seed=2)] if shortcut else []
    return sf.Residual(branch, other).double()


def maps(time=2):
    return torch.randn(time, 3, 2, 6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("shortcut", [True, False])
def test_output_and_gradients_are_those_of_the_sum_in_plain_torch(shortcut):
    layer, x = block(shortcut), maps()
    conv, norm = layer.branch[0].weight, nn.BatchNorm2d(3 if shortcut else 2).double()
    x.requires_grad_()
    made, _ = layer(x)
    images = x.flatten(0, 1)
    expected = torch.tanh(norm(functional.conv2d(images, conv, stride=2 if shortcut else 1, padding=1)))
    straight = images
    if shortcut:
        straight = functional.conv2d(images, layer.shortcut[0].weight, layer.shortcut[0].bias, stride=2)
    expected = (expected + straight).view(made.shape)
    torch.testing.assert_close(made, expected, rtol=0.0, atol=1e-12)
    given = torch.sin(torch.arange(made.numel(), dtype=torch.float64)).view(made.shape)
    wanted = torch.autograd.grad((expected * given).sum(), [x, conv, norm.weight, norm.bias])
    own = [x, conv, layer.branch[1].norm.weight, layer.branch[1].norm.bias]
    for one, other in zip(torch.autograd.grad((made * given).sum(), own), wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=0.0, atol=1e-11)


def test_a_sequence_in_pieces_gives_what_it_gives_whole():
    """The branch has neurons, the shortcut a membrane: both have to go on where they stopped."""
    branch = [sf.Dense(4, 5, gain=150.0, seed=1), sf.Spiking(5, sf.LIF())]
    layer = sf.Residual(branch, [sf.Dense(4, 5, seed=2), sf.Membrane(5, sf.LIF())]).double()
    x = torch.rand(20, 3, 4, generator=torch.Generator().manual_seed(0)).double()
    whole, last = layer(x)
    first, state = layer(x[:7])
    second, state = layer(x[7:], state)
    assert torch.equal(torch.cat([first, second]), whole)
    assert torch.equal(state[0][1].v, last[0][1].v)
    assert torch.equal(state[1][1].v, last[1][1].v)
    assert layer.branch[1](layer.branch[0](x)[0])[0].sum() > 0


def test_spikes_add_to_numbers():
    made, _ = sf.Residual([sf.Dense(3, 3, bound=0.0)])(torch.ones(2, 1, 3) > 0)
    assert torch.equal(made, torch.ones(2, 1, 3))


def shared():
    dense = sf.Dense(3, 3)
    return sf.Residual([dense], [dense])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: sf.Residual([]), r"Residual\.branch"),
        (lambda: sf.Residual([sf.Dense(2, 2)], [nn.Identity()]), r"Residual\.shortcut\[0\].*Identity"),
        (lambda: sf.Residual([sf.Extend(2)]), r"Residual\.branch\[0\].*Extend"),
        (lambda: sf.Residual([sf.TwoTapDelay(max_delay=3.0).connections(2, 2, dt=1.0, gain=1.0, seed=0)]), "delays"),
        (shared, "one layer in two places"),
        (lambda: sf.Residual([sf.Dense(2, 3)])(torch.zeros(1, 1, 2)), r"Residual: shapes.*\(1, 1, 3\).*\(1, 1, 2\)"),
    ],
)
def test_what_cannot_be_is_refused(make, said):
    with pytest.raises(InvalidValue, match=said):
        make()


def test_residuals_within_residuals_are_saved_and_loaded(tmp_path):
    neurons = sf.Maps(sf.Spiking(72, sf.SoftResetLIF(v_rest=0.0, v_threshold=0.2, v_drop=0.2), learn=["tau_m"]))
    inner = sf.Residual([sf.Conv(2, 2, 3, padding=1, gain=2.0), sf.BatchNorm(2)])
    network = sf.Feedforward(
        [inner, sf.Residual([inner_copy(), neurons]), sf.AveragePool(3), sf.Flatten(), sf.Dense(8, 3)]
    )
    x = 3.0 * maps(5).float()
    network(x)
    network = sf.fixed_norms(network).eval()
    back = sf.load_network(sf.save_network(network, tmp_path / "residual.safetensors"))
    assert torch.equal(back(x)[0], network(x)[0])
    assert [name for name, _ in back.named_parameters()] == [name for name, _ in network.named_parameters()]
    assert isinstance(back.layers[0].branch[1], sf.FixedNorm)
    assert neurons(x)[0].sum() > 0


def inner_copy():
    return sf.Residual([sf.Conv(2, 2, 1, seed=3)])


def test_a_network_with_one_layer_in_two_residuals_is_not_saved(tmp_path):
    dense = sf.Dense(3, 3)
    network = sf.Feedforward([sf.Residual([dense]), sf.Residual([dense])])
    with pytest.raises(InvalidValue, match="one layer in two places"):
        sf.save_network(network, tmp_path / "shared.safetensors")
