"""Layers of maps: each against loops over pixels, and what other simulators have no counterpart of."""

import numpy as np
import pytest
import torch

import synfire as sf
from synfire import InvalidValue

MAPS = torch.arange(2 * 3 * 2 * 5 * 7, dtype=torch.float64).mul(37).remainder(101).reshape(2, 3, 2, 5, 7)


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_max_pool_takes_the_largest_of_each_full_square(factor):
    y, state = sf.MaxPool(factor)(MAPS)
    assert state is None
    assert y.shape == (2, 3, 2, 5 // factor, 7 // factor)
    for place in np.ndindex(*y.shape):
        i, j = factor * place[3], factor * place[4]
        assert y[place] == MAPS[place[:3]][i : i + factor, j : j + factor].max()


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_average_pool_is_torchs_and_takes_spikes_too(factor):
    pool = sf.AveragePool(factor)
    expected = torch.nn.AvgPool2d(factor)(MAPS.flatten(0, 1)).view(2, 3, 2, 5 // factor, 7 // factor)
    assert torch.equal(pool(MAPS)[0], expected)
    assert pool(MAPS)[1] is None
    spikes = MAPS > 50.0
    assert torch.equal(pool(spikes)[0], pool(spikes.float())[0])


def test_neurons_on_maps_are_the_same_neurons_in_a_row():
    """Also in pieces, and at the memory of one step where the input is the same at all."""
    neurons = sf.Spiking(70, sf.LIF(v_rest=0.0, v_reset=0.0, v_threshold=1.0, r_m=1.0)).double()
    layer, x = sf.Maps(neurons), 0.3 * MAPS
    expected, last = neurons(x.flatten(2))
    made, state = layer(x)
    assert torch.equal(made, expected.view(x.shape))
    assert 0 < made.sum() < made.numel()
    _, state = layer(x[:1])
    second, state = layer(x[1:], state)
    assert torch.equal(second, made[1:])
    assert torch.equal(state.v, last.v)

    class Seen(sf.Layer):
        def forward(self, x, state=None):
            assert x.stride(0) == 0
            return x, state

    sf.Maps(Seen())(MAPS[:1].expand(6, -1, -1, -1, -1))


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_upsample_spreads_each_pixel_over_a_square(factor):
    y, _ = sf.Upsample(factor)(MAPS)
    assert y.shape == (2, 3, 2, 5 * factor, 7 * factor)
    for place in np.ndindex(*y.shape):
        assert y[place] == MAPS[place[:3]][place[3] // factor, place[4] // factor]


def test_unflatten_undoes_flatten():
    flat, _ = sf.Flatten()(MAPS)
    back, _ = sf.Unflatten(2, 5, 7)(flat)
    assert torch.equal(back, MAPS)


def test_spikes_stay_spikes():
    spikes = MAPS > 50.0
    assert sf.Upsample(2)(spikes)[0].dtype == torch.bool
    assert sf.Unflatten(2, 5, 7)(spikes.flatten(2))[0].dtype == torch.bool


def test_gradients_are_those_of_the_definition():
    x = MAPS.clone().requires_grad_()
    for layer, steps in ((sf.AveragePool(2), 1e-3), (sf.MaxPool(2), 1e-3), (sf.Upsample(2), 1e-3)):
        weights = torch.sin(torch.arange(layer(x)[0].numel(), dtype=torch.float64)).view(layer(x)[0].shape)
        (found,) = torch.autograd.grad((layer(x)[0] * weights).sum(), x)
        for place in [(0, 0, 0, 0, 0), (1, 2, 1, 3, 5), (0, 1, 0, 4, 6), (1, 0, 1, 2, 1)]:
            moved = x.detach().clone()
            moved[place] += steps
            change = ((layer(moved)[0] - layer(x.detach())[0]) * weights).sum() / steps
            assert found[place].item() == pytest.approx(change.item(), abs=1e-9)


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: sf.MaxPool(0), "MaxPool.factor"),
        (lambda: sf.AveragePool(1.5), "AveragePool.factor"),
        (lambda: sf.AveragePool(6)(MAPS), "AveragePool: x"),
        (lambda: sf.Maps(sf.LIF()), "Maps.neurons"),
        (lambda: sf.Maps(sf.Rate(sf.Tanh()))(torch.zeros(1, 1, 8)), "Maps: x"),
        (lambda: sf.Maps(sf.Dense(70, 5).double())(MAPS), "Maps.neurons"),
        (lambda: sf.Upsample(True), "Upsample.factor"),
        (lambda: sf.Unflatten(2, 5, 1.5), "Unflatten.width"),
        (lambda: sf.MaxPool(2)(torch.zeros(1, 1, 1, 1, 5)), "MaxPool: x"),
        (lambda: sf.MaxPool(2)(torch.zeros(1, 1, 8)), "MaxPool: x"),
        (lambda: sf.Upsample(2)(torch.zeros(1, 0, 1, 2, 2)), "Upsample: x"),
        (lambda: sf.Upsample(2)(np.zeros((1, 1, 1, 2, 2))), "Upsample: x"),
        (lambda: sf.Unflatten(2, 5, 7)(torch.zeros(1, 1, 69)), "Unflatten: x"),
    ],
)
def test_bad_input_is_refused_by_name(make, field):
    with pytest.raises(InvalidValue) as error:
        make()
    assert error.value.field == field


def test_a_network_of_maps_is_saved_and_loaded(tmp_path):
    layers = [
        sf.Conv(1, 4, 3, padding=1),
        sf.BatchNorm(4, affine=False),
        sf.Rate(sf.Relu()),
        sf.MaxPool(2),
        sf.Flatten(),
    ]
    layers += [sf.Unflatten(4, 2, 3), sf.Upsample(2), sf.Conv(4, 1, 3, padding=1)]
    network, x = sf.Feedforward(layers, sf.MeanSquaredError()), torch.randn(1, 5, 1, 4, 6)
    network(x)  # running statistics away from their start
    back = sf.load_network(sf.save_network(network.eval(), tmp_path / "maps.safetensors"))
    assert torch.equal(back(x)[0], network(x)[0])
    assert isinstance(back.objective, sf.MeanSquaredError)


MIDDLES = {
    "AveragePool": ([sf.AveragePool(2)], 8),
    "Maps": ([sf.Maps(sf.Spiking(32, sf.LIF()))], 32),
    "Residual": ([sf.Residual([sf.Conv(2, 2, 1)])], 32),
    "MaxPool": ([sf.MaxPool(2)], 8),
    "Upsample": ([sf.Upsample(2)], 128),
    "Unflatten": ([sf.Flatten(), sf.Unflatten(2, 4, 4)], 32),
    "Rate": ([sf.Rate(sf.Relu())], 32),
}


@pytest.mark.parametrize("name", MIDDLES)
@pytest.mark.parametrize("target", ["event_network", "to_nir", "to_snntorch"])
def test_other_simulators_are_not_given_what_they_lack(name, target):
    if target == "to_nir":
        pytest.importorskip("nir")
    middle, n = MIDDLES[name]
    network = sf.Feedforward([sf.Conv(1, 2, 3, padding=1), *middle, sf.Flatten(), sf.Spiking(n, sf.LIF())])
    send = {
        "event_network": lambda: sf.event_network(network, torch.ones(3, 1, 4, 4) > 0),
        "to_nir": lambda: sf.to_nir(network, size=(1, 4, 4)),
        "to_snntorch": lambda: sf.to_snntorch(network, size=(1, 4, 4)),
    }
    with pytest.raises(InvalidValue, match=rf"{target}: layer \d \({name}\)"):
        send[target]()
