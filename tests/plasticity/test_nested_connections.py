"""Connections inside Residual: every rule either reaches them as it reaches others, or refuses the network by name."""

import pytest
import torch
from rate_networks import rate_batch
from small_networks import difference

import synfire as sf
from synfire.plasticity.factors import as_matrix, connections_of, recorded, rows_of
from synfire.plasticity.transport import carriers, transported


def residual_network(first=False):
    """A stem, a residual whose sides change the size, with normalisation before its first connections, and a readout."""
    branch = [
        sf.BatchNorm(2), sf.Rate(sf.Tanh()), sf.Conv(2, 3, 3, padding=1, stride=2, gain=0.8, seed=2), sf.Rate(sf.Tanh()),
        sf.Conv(3, 3, 3, padding=1, bias=True, seed=3),
    ]  # fmt: skip
    residual = sf.Residual(branch, [sf.Conv(2, 3, 1, stride=2, gain=1.3, seed=4)])
    stem = [] if first else [sf.Conv(2, 2, 3, padding=1, seed=1), sf.Rate(sf.Elu())]
    return sf.Feedforward([*stem, residual, sf.AveragePool(2), sf.Flatten(), sf.Dense(12, 3, seed=5)]).double()


def batch():
    return rate_batch(shape=(2, 8, 8))


def own_weights(network):
    return {place: layer.weight.detach().clone() for place, layer in carriers("test", network).items()}


@pytest.mark.parametrize("first", [False, True])
def test_carried_by_the_forward_weights_it_is_backpropagation(first):
    network = residual_network(first)
    expected = sf.BPTT().gradients(network, batch(), None)
    found = transported(network, batch(), own_weights(network), None)
    assert difference(found.gradients, expected.gradients) < 1e-12
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in network.modules())


def test_sign_symmetric_error_passes_each_connection_by_its_signs():
    """The error that reaches each connection, against one sent down by hand through the branch and the shortcut."""
    network, rule = residual_network(), sf.SignSymmetric()
    with recorded(network) as record:
        found = rule.gradients(network, batch(), rule.init(network)).gradients
    factors = record.factors()
    assert set(factors) == set(connections_of(network).values())
    names = {name: layer for layer, name in connections_of(network).items()}
    for name, (layer, heard, error, _) in factors.items():
        rows = error.flatten(0, 1)
        rows = rows if rows.ndim == 2 else rows.flatten(2).transpose(1, 2).flatten(0, 1)
        product = layer.gain * rows_of(layer, heard).T @ rows
        torch.testing.assert_close(as_matrix(found[name]), product, rtol=0.0, atol=1e-12)

    def back(name, error):
        """What the error of its current makes at the input of a convolution, by the signs."""
        layer = names[name]
        signs = layer.gain * layer.weight.detach().sign() / layer.weight[0].numel() ** 0.5
        given = factors[name].presynaptic.flatten(0, 1)
        return torch.nn.grad.conv2d_input(
            given.shape, signs, error.flatten(0, 1), stride=layer.stride, padding=layer.padding
        ).view(factors[name].presynaptic.shape)

    inside = "layers.2.branch"
    hidden = factors[f"{inside}.4.weight"].presynaptic  # tanh of the first convolution's current
    expected = back(f"{inside}.4.weight", factors[f"{inside}.4.weight"].error) * (1.0 - hidden.square())
    torch.testing.assert_close(factors[f"{inside}.2.weight"].error, expected, rtol=0.0, atol=1e-12)
    x = factors["layers.2.shortcut.0.weight"].presynaptic.clone().requires_grad_()
    stem = network.layers[2].branch
    squashed, _ = stem[1](stem[0](x)[0])
    (through,) = torch.autograd.grad(squashed, x, back(f"{inside}.2.weight", factors[f"{inside}.2.weight"].error))
    below = through + back("layers.2.shortcut.0.weight", factors["layers.2.shortcut.0.weight"].error)
    elu = torch.where(x.detach() > 0, 1.0, x.detach() + 1.0)
    torch.testing.assert_close(factors["layers.0.weight"].error, below * elu, rtol=0.0, atol=1e-12)


def test_feedback_alignment_has_matrices_of_its_own_for_each_way_through_a_residual():
    network, rule = residual_network(), sf.FeedbackAlignment(seed=1)
    matrices = rule.init(network)
    assert list(matrices) == [(2, 0), (2, 1), (2, 2), 5]
    exact = sf.BPTT().gradients(network, batch(), None).gradients
    found = rule.gradients(network, batch(), matrices).gradients
    apart = sf.angle(found, exact).by_parameter
    assert apart["layers.5.weight"] < 1e-3
    assert apart["layers.2.branch.2.weight"] > 10.0
    assert apart["layers.0.weight"] > 10.0
    for place in ((2, 0), (2, 1), (2, 2)):  # each of them carries some of the error that the stem gets
        other = rule.gradients(network, batch(), matrices | {place: 2.0 * matrices[place]}).gradients
        assert not torch.allclose(other["layers.0.weight"], found["layers.0.weight"])
        assert torch.equal(other["layers.5.weight"], found["layers.5.weight"])


def spiking_residual():
    lif = sf.SoftResetLIF(v_rest=0.0, v_threshold=1.0, v_drop=1.0, r_m=5.0)
    inside = sf.Residual([sf.Dense(4, 4, seed=1), sf.Spiking(4, lif)])
    return sf.Feedforward([sf.Dense(4, 4), sf.Spiking(4, lif), inside, sf.Dense(4, 3, seed=2)]).double()


REFUSING = [
    sf.OTTT(), sf.EProp(), sf.DirectFeedback(), sf.DirectRandomTarget(), sf.DifferenceTarget(), sf.CounterCurrent(),
]  # fmt: skip


@pytest.mark.parametrize("rule", REFUSING, ids=lambda rule: type(rule).__name__)
def test_rules_that_go_from_layer_to_layer_refuse_residuals(rule):
    with pytest.raises(sf.InvalidValue, match=r"layer 2.*Residual"):
        rule.init(spiking_residual())


def test_rules_that_let_values_settle_refuse_residuals():
    with pytest.raises(sf.InvalidValue, match=r"layer 2.*Residual"):
        sf.PredictiveCoding().init(residual_network())


def test_sltt_on_residuals_is_backpropagation_for_one_step():
    network = spiking_residual()
    x = sf.Batch(torch.rand(1, 5, 4).double(), torch.arange(5) % 3)
    found = sf.SLTT().gradients(network, x, 0).gradients
    assert difference(found, sf.BPTT().gradients(network, x, None).gradients) < 1e-12


def test_batch_statistics_inside_a_residual_are_refused_step_by_step():
    network = sf.Feedforward([sf.Dense(3, 3), sf.Residual([sf.BatchNorm(3)])])
    with pytest.raises(sf.InvalidValue, match=r"layer 1.*BatchNorm in training"):
        sf.SLTT().init(network)


def test_ottt_finds_the_leak_of_neurons_on_maps():
    lif = sf.SoftResetLIF(tau_m=4.0, v_rest=0.0, v_threshold=1.0, v_drop=1.0, r_m=5.0)
    flat = [sf.Conv(1, 2, 3, seed=1), sf.Flatten(), sf.Spiking(8, lif), sf.Dense(8, 3, seed=2)]
    maps = [sf.Conv(1, 2, 3, seed=1), sf.Maps(sf.Spiking(8, lif)), sf.Flatten(), sf.Dense(8, 3, seed=2)]
    given = sf.Batch(torch.rand(6, 4, 1, 4, 4).double(), torch.arange(4) % 3)
    one, other = (
        sf.OTTT().gradients(sf.Feedforward(layers).double(), given, None).gradients for layers in (flat, maps)
    )
    for expected, found in zip(one.values(), other.values(), strict=True):
        assert torch.equal(found, expected)
    with pytest.raises(sf.InvalidValue, match=r"layer 0.*Maps with Recurrent inside"):
        sf.OTTT().init(sf.Feedforward([sf.Maps(sf.Recurrent(8, lif)), sf.Flatten(), sf.Dense(8, 3)]))


def test_connections_inside_a_layer_of_ones_own_are_not_carried_by_their_weights():
    class Own(sf.Layer):
        def __init__(self):
            super().__init__()
            self.inner = sf.Dense(3, 3)

        def forward(self, x, state=None):
            return self.inner(x, state)

    network = sf.Feedforward([sf.Dense(3, 3), Own(), sf.Dense(3, 2)])
    for rule in (sf.FeedbackAlignment(), sf.SignSymmetric()):
        with pytest.raises(sf.InvalidValue, match=r"layer 1: .*Dense inside Own"):
            rule.init(network)


def test_dales_law_is_not_half_obeyed():
    with pytest.raises(sf.InvalidValue, match=r"dale_weights: layer 2.*Residual"):
        sf.dale_weights(spiking_residual())


@pytest.mark.parametrize("rule", [sf.BPTT(), sf.SignSymmetric()], ids=lambda rule: type(rule).__name__)
def test_a_residual_network_learns(rule):
    drawn = torch.Generator().manual_seed(0)
    target = torch.arange(60) % 3
    x = (torch.randn(3, 2, 8, 8, generator=drawn)[target] + 0.5 * torch.randn(60, 2, 8, 8, generator=drawn))[None]
    fitted = sf.fit(
        residual_network().float(), rule, (x, target), epochs=6, batch=20, optimisers=sf.sgd(0.2), progress=False
    )
    assert fitted.history.train_loss[-1] < 0.3 * fitted.history.train_loss[0]
