"""Exponentiated gradient: its closed form after one step, that signs stay for good, and with what it can be chained."""

import numpy as np
import pytest
import torch
from digits_training import accuracy, readout_alone
from hypothesis import given, settings
from hypothesis import strategies as st
from small_networks import small_batch, small_network

import synfire as sf

WEIGHTS = ("layers.0.weight", "layers.2.weight", "layers.4.weight")


def perceptron(**options):
    return sf.perceptron([6, 7, 5, 3], bias=True, seed=1, **options).double()


def data(samples=20):
    draw = torch.Generator().manual_seed(0)
    return torch.randn((1, samples, 6), generator=draw, dtype=torch.float64), torch.arange(samples) % 3


def stepped(rule, optimisers, network=None, epochs=1):
    """Parameters before and after full-batch steps."""
    network = network or perceptron()
    fitted = sf.fit(network, rule, data(), epochs=epochs, batch=20, optimisers=optimisers, progress=False)
    return ({name: p.detach().numpy() for name, p in net.named_parameters()} for net in (network, fitted.network))


@pytest.mark.parametrize("inner", [sf.BPTT(), sf.FixedWeightDifferenceTarget(), sf.DifferenceTarget()])
def test_with_sgd_each_weight_is_multiplied_by_the_exponential_of_its_gradient(inner):
    network = perceptron()
    credit = inner.gradients(network, sf.Batch(*data()), inner.init(network))
    before, after = stepped(sf.chain(inner, sf.ExponentiatedGradient()), sf.sgd(0.3))
    for name, w in before.items():
        g = credit.gradients[name].numpy()
        expected = w * np.exp(-0.3 * np.sign(w) * g) if name in WEIGHTS else w - 0.3 * g
        np.testing.assert_allclose(after[name], expected, rtol=1e-13, atol=1e-17)


@pytest.mark.parametrize("optimisers", [sf.adam(0.02), sf.sgd(0.1, momentum=0.9, weight_decay=0.1)])
def test_with_other_optimisers_their_step_is_the_exponent(optimisers):
    before, plain = stepped(sf.BPTT(), optimisers)
    _, after = stepped(sf.chain(sf.BPTT(), sf.ExponentiatedGradient()), optimisers)
    for name in WEIGHTS:
        w = before[name]
        np.testing.assert_allclose(after[name], w * np.exp(np.sign(w) * (plain[name] - w)), rtol=1e-13)


def settled(weight, step, **options):
    """The weight after an optimiser's step was settled."""
    rule, weights = sf.ExponentiatedGradient(**options), {"layers.0.weight": weight.clone()}
    _, state = rule.update(dict(weights), rule.init(weights), weights=weights, activity={})
    weights["layers.0.weight"] += step
    rule.settle(weights, state)
    return weights["layers.0.weight"]


def test_a_step_is_no_longer_than_the_limit_and_leaves_no_weight_below_the_floor():
    w = torch.tensor([[2.0, -2.0, 1e-6, -1e-6, 0.0]], dtype=torch.float64)
    e = np.exp(0.5)
    up = settled(w, 1e3 * w.sign() + 7.0 * (w == 0), limit=0.5, floor=1e-6)
    np.testing.assert_allclose(up, [[2 * e, -2 * e, 1e-6 * e, -1e-6 * e, 0.0]], rtol=1e-12)  # 0 stays 0
    down = settled(w, -1e3 * w.sign(), limit=0.5, floor=1e-6)
    np.testing.assert_allclose(down, [[2 / e, -2 / e, 1e-6, -1e-6, 0.0]], rtol=1e-12)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), scale=st.floats(1e-3, 1e3), dtype=st.sampled_from([torch.float32, torch.float64]))
def test_signs_never_change(seed, scale, dtype):
    draw = torch.Generator().manual_seed(seed)
    first = now = torch.randn((3, 4), generator=draw, dtype=dtype)
    for _ in range(200):
        now = settled(now, scale * torch.randn((3, 4), generator=draw, dtype=dtype))
    assert torch.equal(now.sign(), first.sign())


def test_what_the_rule_learns_keeps_the_optimisers_step():
    network, rule = perceptron(), sf.DifferenceTarget()
    plain, chained = (
        sf.fit(network, each, data(), epochs=1, batch=20, optimisers=sf.sgd(0.3), progress=False).state
        for each in (rule, sf.chain(rule, sf.ExponentiatedGradient()))
    )
    for one, other in zip(plain.feedback.parameters(), chained[0].feedback.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0.0, atol=0.0)


def test_spiking_networks_trained_by_feedback_alignment_keep_their_signs():
    network, batch = small_network(recurrent=True), small_batch(time=30)
    rule = sf.chain(sf.DirectFeedback(), sf.Clip(1.0), sf.ExponentiatedGradient())
    after = sf.fit(network, rule, tuple(batch), epochs=5, optimisers=sf.adam(0.1), progress=False).network
    for name in ("layers.0.weight", "layers.1.weight", "layers.2.weight"):
        was, now = network.get_parameter(name), after.get_parameter(name)
        assert torch.equal(was.sign(), now.sign())
        assert float((now - was).detach().abs().max()) > 1e-3


def test_a_network_of_excitatory_and_inhibitory_units_learns_the_digits_with_it():
    def network():
        return sf.dale_weights(sf.perceptron([64, 16, 10], activation=sf.Relu()))

    rule, optimiser = sf.chain(sf.BPTT(), sf.ExponentiatedGradient()), sf.adam(0.1)
    assert accuracy(rule, network(), optimiser) > accuracy(rule, readout_alone(network()), optimiser) + 0.2


@pytest.mark.parametrize("options", [{"limit": 0.0}, {"limit": float("inf")}, {"floor": -1.0}, {"floor": float("nan")}])
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(sf.InvalidValue, match=rf"ExponentiatedGradient\.{next(iter(options))}"):
        sf.ExponentiatedGradient(**options)
