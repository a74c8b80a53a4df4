"""Dense and convolutional connections against the sums that define them."""

import numpy as np
import pytest
import torch

import synfire as sf
from synfire import InvalidValue


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.float32])
def test_dense_is_a_weighted_sum_of_spikes(dtype):
    x = (torch.rand(6, 3, 5, generator=torch.Generator().manual_seed(0)) < 0.3).to(dtype)
    layer = sf.Dense(5, 4, bias=True, gain=2.5, seed=3)
    with torch.no_grad():
        layer.bias.copy_(torch.arange(4.0))
    y, _ = layer(x)
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    expected = np.zeros((6, 3, 4))
    for t, b, i in np.ndindex(6, 3, 4):
        expected[t, b, i] = 2.5 * (sum(weight[j, i] * float(x[t, b, j]) for j in range(5)) + bias[i])
    np.testing.assert_allclose(y.detach().numpy(), expected, rtol=1e-5, atol=1e-5)


def test_initial_weights_depend_on_the_seed_alone_and_have_variance_2_over_fan_in():
    layer = sf.Dense(400, 300, seed=5)
    torch.rand(7)  # moves torch's own generator
    assert torch.equal(layer.weight, sf.Dense(400, 300, seed=5).weight)
    assert not torch.equal(layer.weight, sf.Dense(400, 300, seed=6).weight)
    assert float(layer.weight.detach().var()) == pytest.approx(2.0 / 400, rel=0.02)  # its standard error is 0.3 %


def test_conv_is_the_same_kernel_at_every_place_and_step():
    x = (torch.rand(3, 2, 2, 6, 5, generator=torch.Generator().manual_seed(1)) < 0.3).double()
    layer = sf.Conv(2, 3, 3, stride=2, padding=1, bias=True, gain=0.5, seed=1).double()
    layer.requires_grad_(False)
    y, _ = layer(x)
    assert y.shape == (3, 2, 3, 3, 3)
    padded = torch.nn.functional.pad(x, (1, 1, 1, 1))
    for t, b, c, i, j in np.ndindex(*y.shape):
        patch = padded[t, b, :, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
        assert float(y[t, b, c, i, j]) == pytest.approx(0.5 * float((patch * layer.weight[c]).sum() + layer.bias[c]))


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: sf.Dense(0, 3), "Dense.n_in"),
        (lambda: sf.Dense(3, 2.5), "Dense.n_out"),
        (lambda: sf.Dense(3, 2, gain=-1.0), "Dense.gain"),
        (lambda: sf.Dense(3, 2, seed=-1), "seed"),
        (lambda: sf.Dense(3, 2)(torch.zeros(4, 1, 5)), "Dense: x"),
        (lambda: sf.Dense(3, 2)(torch.zeros(4, 3)), "Dense: x"),
        (lambda: sf.Dense(3, 2)(torch.zeros(0, 1, 3)), "Dense: x"),
        (lambda: sf.Dense(3, 2)(np.zeros((4, 1, 3))), "Dense: x"),
        (lambda: sf.Dense(3, 2)(torch.zeros(4, 1, 3, dtype=torch.complex64)), "Dense: x"),
        (lambda: sf.Conv(1, 2, 3, padding=-1), "Conv.padding"),
        (lambda: sf.Conv(2, 2, 3)(torch.zeros(4, 1, 3, 8, 8)), "Conv: x"),
        (lambda: sf.Conv(2, 2, 5)(torch.zeros(4, 1, 2, 4, 8)), "Conv: x"),
    ],
)
def test_bad_input_names_the_field(make, field):
    with pytest.raises(InvalidValue) as error:
        make()
    assert error.value.field == field


def test_features_that_do_not_fit_are_named_on_both_sides():
    with pytest.raises(InvalidValue, match=r"\(time, batch, 3\), got 'shape \(4, 1, 5\)'"):
        sf.Dense(3, 2)(torch.zeros(4, 1, 5))


@pytest.mark.parametrize("learning", [False, True])
def test_a_convolution_of_steps_that_are_all_the_same_is_that_of_any_others(learning):
    """Of one step, where nobody asks for the gradient of each step of the input."""
    conv = sf.Conv(2, 3, 3, padding=1, stride=2, bias=True, gain=0.7, seed=1).double()
    image = torch.randn((1, 4, 2, 7, 7), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    grad = torch.randn((5, 4, 3, 4, 4), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = []
    for x in (image.expand(5, -1, -1, -1, -1), image.repeat(5, 1, 1, 1, 1)):
        x = x.requires_grad_(learning)
        made, _ = conv(x)
        asked = [*conv.parameters(), x] if learning else list(conv.parameters())
        found.append([made.detach(), *torch.autograd.grad(made, asked, grad)])
        assert (made.stride(0) == 0) == (x.stride(0) == 0 and not learning)
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
