"""Every surrogate: its formula in numbers, its height, the same on NumPy and torch, and peers' formulas where they have one."""

import math

import numpy as np
import pytest
import torch

import synfire as sf

X = np.linspace(-3.0, 3.0, 101)
FORMULAS = {
    sf.ArcTan: lambda x, k, h: h / (1 + (k * x) ** 2),
    sf.FastSigmoid: lambda x, k, h: h / (1 + k * np.abs(x)) ** 2,
    sf.Gaussian: lambda x, k, h: h * np.exp(-((k * x) ** 2) / 2),
    sf.Sigmoid: lambda x, k, h: 4 * h * np.exp(-k * x) / (1 + np.exp(-k * x)) ** 2,
    sf.StraightThrough: lambda x, k, h: h + 0 * x,
    sf.Triangular: lambda x, k, h: h * np.maximum(0, 1 - k * np.abs(x)),
}
every = pytest.mark.parametrize("kind", FORMULAS, ids=lambda kind: kind.__name__)


@every
def test_derivative_is_the_formula(kind):
    surrogate = kind(slope=1.7, height=0.4)
    expected = FORMULAS[kind](X, 1.7, 0.4)
    np.testing.assert_allclose(surrogate.derivative(X), expected, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(surrogate.derivative(torch.from_numpy(X)).numpy(), expected, rtol=1e-13, atol=1e-15)


@every
def test_derivative_at_threshold_is_the_height(kind):
    assert kind(height=0.3).derivative(np.zeros(1)) == pytest.approx(0.3, rel=1e-15)


@every
def test_far_from_threshold_it_is_finite(kind):
    found = kind().derivative(torch.tensor([-1e30, -1e4, 1e4, 1e30]))
    assert found.isfinite().all()


@every
def test_spike_has_it_as_its_derivative(kind):
    """In units of the scale: the excess is measured in it, and the derivative is per unit of it."""
    excess = torch.from_numpy(X.copy()).requires_grad_()
    spikes = sf.spike(excess, kind(), 2.0)
    assert torch.equal(spikes, (excess >= 0.0).double())
    spikes.sum().backward()
    np.testing.assert_allclose(excess.grad, kind().derivative(X / 2.0) / 2.0, rtol=1e-13)


@pytest.mark.parametrize(
    ("peer", "options", "ours"),
    [
        ("atan", {"alpha": 2.0}, sf.ArcTan()),
        ("atan", {"alpha": 3.0}, sf.ArcTan(slope=math.pi * 1.5, height=1.5)),
        ("fast_sigmoid", {"slope": 25.0}, sf.FastSigmoid(slope=25.0)),
        ("sigmoid", {"slope": 8.0}, sf.Sigmoid(slope=8.0, height=2.0)),
        ("straight_through_estimator", {}, sf.StraightThrough()),
    ],
)
def test_snntorch_has_the_same(peer, options, ours):
    """At points other than 0, where snnTorch does not fire. Single precision, which some of its formulas compute in."""
    snntorch = pytest.importorskip("snntorch")
    x = torch.from_numpy(X[X != 0.0]).requires_grad_()
    getattr(snntorch.surrogate, peer)(**options)(x).sum().backward()
    np.testing.assert_allclose(x.grad, ours.derivative(x.detach()), rtol=1e-5, atol=1e-9)
