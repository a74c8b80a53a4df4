"""Rate neurons: their activations, entry by entry, and what they refuse."""

import dataclasses

import numpy as np
import pytest
import torch

import synfire as sf


@pytest.mark.parametrize(
    ("activation", "formula"),
    [
        (sf.Elu(), lambda x: np.where(x > 0, x, np.exp(np.minimum(x, 0)) - 1)),
        (sf.Relu(), lambda x: np.maximum(x, 0)),
        (sf.Tanh(), np.tanh),
    ],
    ids=["elu", "relu", "tanh"],
)
def test_each_activation_is_its_formula_and_every_step_is_on_its_own(activation, formula):
    x = torch.randn(3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    layer = sf.Rate(activation)
    made, state = layer(x)
    np.testing.assert_allclose(made.numpy(), formula(x.numpy()), rtol=1e-14)
    assert state is None
    torch.testing.assert_close(layer(x[1:2])[0], made[1:2], rtol=1e-14, atol=0.0)  # torch rounds by place in memory
    assert torch.autograd.gradcheck(lambda each: layer(each)[0], x[:1].clone().requires_grad_())


def test_an_activation_of_ones_own_trains():
    @dataclasses.dataclass(frozen=True)
    class Square:
        def __call__(self, x):
            return x * x

    network = sf.perceptron([4, 6, 2], activation=Square(), seed=0)
    x = torch.randn(1, 8, 4)
    assert set(sf.BPTT().gradients(network, sf.Batch(x, torch.arange(8) % 2), None).gradients) == {
        "layers.0.weight",
        "layers.2.weight",
    }


@pytest.mark.parametrize("wrong", [3, "tanh", sf.Tanh])
def test_what_is_no_activation_is_refused(wrong):
    with pytest.raises(sf.InvalidValue, match=r"Rate\.activation"):
        sf.Rate(wrong)


def test_x_without_time_is_refused():
    with pytest.raises(sf.InvalidValue, match="Rate: x"):
        sf.Rate(sf.Tanh())(torch.zeros(3, 4))
