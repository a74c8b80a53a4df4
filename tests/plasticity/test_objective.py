"""Objectives against their formulas, and the targets that they refuse."""

import math

import numpy as np
import pytest
import torch

import synfire as sf
from synfire import InvalidValue

OUTPUTS = torch.randn(6, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
TARGET = torch.tensor([0, 2, 1, 2])


def cross_entropy(logits, target):
    return -np.mean([row[k] - math.log(np.exp(row).sum()) for row, k in zip(logits, target, strict=True)])


def softmax(x):
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


def later_mean(y, tau):
    """Step t of T, from 1 on, weighs exp(-(T - t) / tau)."""
    weights = [math.exp(-(len(y) - t) / tau) for t in range(1, len(y) + 1)]
    return sum(w * row for w, row in zip(weights, y, strict=True)) / sum(weights)


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        (sf.CountCrossEntropy(), lambda y, k: cross_entropy(y.sum(0), k)),
        (sf.MaxCrossEntropy(), lambda y, k: cross_entropy(y.max(0), k)),
        (sf.MeanCrossEntropy(), lambda y, k: cross_entropy(y.mean(0), k)),
        (sf.MeanCrossEntropy(tau_steps=2.5), lambda y, k: cross_entropy(later_mean(y, 2.5), k)),
        (sf.StepCrossEntropy(), lambda y, k: np.mean([cross_entropy(row, k) for row in y])),
        (sf.SummedSoftmax(), lambda y, k: cross_entropy(softmax(y).sum(0), k)),
    ],
)
def test_losses_of_classes_are_their_formula(objective, expected):
    assert float(objective.loss(OUTPUTS, TARGET)) == pytest.approx(expected(OUTPUTS.numpy(), TARGET.numpy()), rel=1e-12)


def test_squared_error_is_its_formula():
    target = torch.zeros_like(OUTPUTS)
    expected = 0.5 * (OUTPUTS.numpy() ** 2).sum(-1).mean()
    assert float(sf.SquaredError().loss(OUTPUTS, target)) == pytest.approx(expected, rel=1e-12)


def test_mean_squared_error_is_its_formula_for_images_too():
    made, target = OUTPUTS.reshape(2, 3, 2, 2, 3), torch.arange(72.0, dtype=torch.float64).reshape(2, 3, 2, 2, 3)
    expected = np.mean((made.numpy() - target.numpy()) ** 2)
    assert float(sf.MeanSquaredError().loss(made, target)) == pytest.approx(expected, rel=1e-12)
    with pytest.raises(InvalidValue, match="as the outputs"):
        sf.MeanSquaredError().loss(made, target[..., :1])  # would broadcast


@pytest.mark.parametrize(
    ("objective", "target"),
    [
        (sf.StepCrossEntropy(), TARGET),
        (sf.SquaredError(), torch.ones_like(OUTPUTS)),
        (sf.MeanSquaredError(), torch.ones_like(OUTPUTS)),
    ],
)
def test_stepwise_losses_average_to_the_loss(objective, target):
    each = [float(objective.step_loss(OUTPUTS[t], target, t)) for t in range(len(OUTPUTS))]
    assert np.mean(each) == pytest.approx(float(objective.loss(OUTPUTS, target)), rel=1e-12)


@pytest.mark.parametrize(
    "target",
    [
        torch.tensor([0, 1, 2]),
        torch.tensor([0, 1, 2, 3]),
        torch.tensor([0, -1, 2, 1]),
        torch.rand(4),
        torch.ones(4) > 0,
    ],
)
@pytest.mark.parametrize(
    "objective", [sf.CountCrossEntropy(), sf.MaxCrossEntropy(), sf.StepCrossEntropy(), sf.SummedSoftmax()]
)
def test_targets_that_are_no_classes_are_refused(objective, target):
    with pytest.raises(InvalidValue, match="target"):
        objective.loss(OUTPUTS, target)


def test_a_target_in_time_must_have_the_shape_of_the_outputs():
    with pytest.raises(InvalidValue, match=r"\(6, 4, 3\)"):
        sf.SquaredError().loss(OUTPUTS, torch.zeros(4, 3))


@pytest.mark.parametrize("tau_steps", [0.0, -1.0, math.inf, math.nan, True, "20"])
def test_a_time_constant_that_is_none_is_refused(tau_steps):
    with pytest.raises(InvalidValue, match=r"MeanCrossEntropy\.tau_steps"):
        sf.MeanCrossEntropy(tau_steps=tau_steps)
