"""Clipping against NumPy: one length for the network, another for what the rule learns."""

import numpy as np
import pytest
import torch
from digits_training import accuracy, readout_alone

import synfire as sf


def clipped(norm, scale=1.0):
    draw = torch.Generator().manual_seed(1)
    shapes = {"layers.0.weight": (4, 5), "layers.0.bias": (5,), "rule.0.weight": (5, 4), "layers.2.weight": (5, 3)}
    given = {name: scale * torch.randn(shape, generator=draw, dtype=torch.float64) for name, shape in shapes.items()}
    kept = {name: value.clone() for name, value in given.items()}
    found, _ = sf.Clip(norm).update(given, None, weights={}, activity={})
    assert list(found) == list(given)
    assert all(torch.equal(given[name], kept[name]) for name in given)  # not changed in place
    return given, found


@pytest.mark.parametrize("scale", [0.01, 1.0, 1e3])
def test_network_and_rule_are_each_scaled_to_at_most_the_norm(scale):
    given, found = clipped(2.0, scale)
    for part in ("layers.", "rule."):
        names = [name for name in given if name.startswith(part)]
        length = np.sqrt(sum((given[name].numpy() ** 2).sum() for name in names))
        for name in names:
            np.testing.assert_allclose(found[name], given[name].numpy() * min(1.0, 2.0 / length), rtol=1e-12)


def test_no_gradient_stays_none_and_one_that_is_not_finite_stays_so():
    clip = sf.Clip(1.0)
    assert not clip.update({"w": torch.zeros(3)}, None, weights={}, activity={})[0]["w"].any()
    for bad in (float("nan"), float("inf")):
        assert not clip.update({"w": torch.tensor([1.0, bad])}, None, weights={}, activity={})[0]["w"].isfinite().all()


@pytest.mark.parametrize("norm", [0.0, -1.0, float("inf"), float("nan"), True, "1"])
def test_a_norm_that_makes_no_sense_is_refused(norm):
    with pytest.raises(sf.InvalidValue, match=r"Clip\.norm: must be > 0"):
        sf.Clip(norm)


def test_a_network_learns_the_digits_with_it():
    optimiser = sf.sgd(0.3)
    alone = accuracy(sf.BPTT(), readout_alone(sf.perceptron([64, 16, 16, 10])), optimiser)
    assert accuracy(sf.chain(sf.BPTT(), sf.Clip(1.0)), sf.perceptron([64, 16, 16, 10]), optimiser) > alone + 0.2


def test_gradients_whose_squares_overflow_keep_their_direction():
    huge = torch.full((4,), 1e25)
    found, _ = sf.Clip(1.0).update({"w": huge}, None, weights={}, activity={})
    torch.testing.assert_close(found["w"], torch.full((4,), 0.5))
