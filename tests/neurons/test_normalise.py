"""Layers that help training: what they compute, and that pieces of a sequence give the whole."""

import pytest
import torch

import synfire as sf
from synfire import InvalidValue


@pytest.fixture(autouse=True)
def _seeded():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def test_batch_norm_standardises_each_unit_over_steps_and_samples():
    x = 3.0 + 2.0 * torch.randn(40, 8, 5, dtype=torch.float64)
    layer = sf.BatchNorm(5, gain=7.0).double()
    y, _ = layer(x)
    torch.testing.assert_close(y.mean((0, 1)), torch.zeros(5, dtype=torch.float64), atol=1e-9, rtol=0.0)
    torch.testing.assert_close(
        y.std((0, 1), correction=0), torch.full((5,), 7.0, dtype=torch.float64), rtol=1e-5, atol=0.0
    )


def test_batch_norm_in_evaluation_uses_running_statistics():
    layer = sf.BatchNorm(3)
    for _ in range(200):
        layer(5.0 + torch.randn(20, 4, 3))
    layer.eval()
    y, _ = layer(torch.full((2, 1, 3), 5.0))
    assert y.abs().max() < 0.2  # five standard errors of the running mean would be 0.1


def test_batch_norm_of_maps_standardises_each_channel_over_its_pixels_too():
    x = 3.0 + 2.0 * torch.randn(3, 8, 5, 4, 6, dtype=torch.float64)
    plain, learned = sf.BatchNorm(5, affine=False).double(), sf.BatchNorm(5, gain=2.0).double()
    with torch.no_grad():
        learned.norm.weight.copy_(torch.arange(1.0, 6.0))
        learned.norm.bias.copy_(torch.arange(5.0))
    mean, variance = x.mean((0, 1, 3, 4), keepdim=True), x.var((0, 1, 3, 4), correction=0, keepdim=True)
    wanted = (x - mean) / (variance + 1e-5).sqrt()
    torch.testing.assert_close(plain(x)[0], wanted, rtol=1e-10, atol=1e-10)
    scale, shift = torch.arange(1.0, 6.0)[:, None, None], torch.arange(5.0)[:, None, None]
    torch.testing.assert_close(learned(x)[0], 2.0 * (scale * wanted + shift), rtol=1e-10, atol=1e-10)
    rows = x.permute(0, 1, 3, 4, 2).reshape(1, -1, 5)  # each pixel a sample
    torch.testing.assert_close(
        sf.BatchNorm(5).double()(rows)[0].view(3, 8, 4, 6, 5).movedim(4, 2), wanted, rtol=1e-10, atol=1e-10
    )


def test_batch_norm_without_affine_has_nothing_to_learn():
    assert not list(sf.BatchNorm(5, affine=False).parameters())
    assert sum(p.numel() for p in sf.BatchNorm(5).parameters()) == 10


def test_batch_norm_of_maps_is_folded_into_the_convolution():
    nir = pytest.importorskip("nir")
    norm = sf.BatchNorm(2, gain=3.0, affine=False)
    conv = sf.Conv(1, 2, 3, padding=1, bias=True, gain=2.0, seed=1)
    norm(conv(torch.randn(2, 9, 1, 4, 4))[0])  # running statistics away from their start
    network = sf.Feedforward([conv, norm, sf.Flatten(), sf.Spiking(32, sf.LIF())]).eval()
    node = next(n for n in sf.to_nir(network, size=(1, 4, 4)).nodes.values() if isinstance(n, nir.Conv2d))
    x = torch.randn(1, 3, 1, 4, 4)
    made = torch.nn.functional.conv2d(x[0], torch.as_tensor(node.weight), torch.as_tensor(node.bias), padding=1)
    torch.testing.assert_close(made, norm(conv(x)[0])[0][0].detach(), rtol=1e-5, atol=1e-5)  # float32
    with pytest.raises(InvalidValue, match="2 channels"):
        sf.to_nir(sf.Feedforward([conv, sf.BatchNorm(3), sf.Flatten(), sf.Spiking(32, sf.LIF())]), size=(1, 4, 4))


def norm_network():
    inside = sf.Residual([sf.Conv(2, 2, 3, padding=1, seed=1), sf.BatchNorm(2, gain=0.7), sf.Rate(sf.Tanh())])
    return sf.Feedforward([sf.Conv(1, 2, 3), sf.BatchNorm(2, affine=False), inside, sf.Flatten(), sf.Dense(32, 3)])


def test_fixed_norms_do_in_training_what_they_did_in_evaluation_and_learn_nothing():
    network, x, target = norm_network(), torch.randn(1, 5, 1, 6, 6), torch.arange(5) % 3
    network(3.0 * x + 1.0)
    torch.nn.init.normal_(network.layers[2].branch[1].norm.weight)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    fixed = sf.fixed_norms(network)
    expected, _ = network.eval()(x)
    assert torch.equal(fixed.train()(x)[0], expected)
    fitted = sf.fit(fixed, sf.BPTT(), (x, target), epochs=3, batch=5, optimisers=sf.sgd(0.1), progress=False)
    after = fitted.network.state_dict()
    assert list(after) == list(before)
    assert {name for name in before if not torch.equal(before[name], after[name])} == {
        "layers.0.weight", "layers.2.branch.0.weight", "layers.4.weight",
    }  # fmt: skip


def test_fixed_norms_leave_the_network_itself_as_it_is():
    network = norm_network().double()
    fixed = sf.fixed_norms(network)
    assert type(network.layers[1]) is sf.BatchNorm
    assert network.layers[2].branch[1].norm.weight.requires_grad
    assert network.train().layers[1].training
    assert fixed.layers[2].branch[1].gain == 0.7
    assert fixed(torch.randn(1, 2, 1, 6, 6).double())[0].dtype == torch.float64
    assert sf.SLTT().init(fixed) == 0  # which refuses BatchNorm in training


def test_dropout_silences_a_unit_for_the_whole_sequence_and_keeps_the_mean():
    y, mask = sf.Dropout(0.4)(torch.ones(30, 50, 100))
    assert (y == y[0]).all()  # one mask for all steps
    assert y.unique().tolist() == pytest.approx([0.0, 1.0 / 0.6])
    assert y.mean() == pytest.approx(1.0, abs=5 * 0.82 / 5000**0.5)
    again, _ = sf.Dropout(0.4)(torch.ones(3, 50, 100), mask)
    assert (again[0] == y[0]).all()


def test_dropout_does_nothing_in_evaluation():
    x = torch.randn(3, 2, 4)
    y, _ = sf.Dropout(0.9).eval()(x)
    assert y is x


def test_extend_appends_silence():
    y, _ = sf.Extend(3)(torch.ones(2, 1, 4))
    assert y.shape == (5, 1, 4)
    assert y[:2].sum() == 8.0
    assert y[2:].sum() == 0.0


def test_count_sums_over_time_and_over_pieces():
    x = torch.randint(0, 2, (9, 3, 4), dtype=torch.uint8)
    layer = sf.Count()
    whole, _ = layer(x)
    assert (whole[0] == x.sum(0)).all()
    _, state = layer(x[:4])
    rest, _ = layer(x[4:], state)
    assert (rest == whole).all()


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: sf.Dropout(1.0), "Dropout.probability"),
        (lambda: sf.Dropout(True), "Dropout.probability"),
        (lambda: sf.Extend(-1), "Extend.steps"),
        (lambda: sf.BatchNorm(0), "BatchNorm.n"),
        (lambda: sf.BatchNorm(3, gain=0.0), "BatchNorm.gain"),
        (lambda: sf.BatchNorm(3, affine=1), "BatchNorm.affine"),
        (lambda: sf.BatchNorm(3)(torch.zeros(2, 2, 4)), "BatchNorm: x"),
        (lambda: sf.BatchNorm(3)(torch.zeros(2, 2, 4, 3, 3)), "BatchNorm: x"),
        (lambda: sf.BatchNorm(3)(torch.zeros(0, 2, 3, 3, 3)), "BatchNorm: x"),
        (lambda: sf.Count()(torch.zeros(2, 2)), "Count: x"),
    ],
)
def test_bad_input_names_the_field(make, field):
    with pytest.raises(InvalidValue) as error:
        make()
    assert error.value.field == field
