"""Spikes of `Spiking`, bit for bit, and backward the derivative of their weighted rate, against its formula."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import synfire as sf
from synfire import InvalidValue

PAPER = sf.SoftResetLIF(tau_m=1.0, r_m=1.0, v_rest=0.0, v_threshold=0.09, v_drop=0.3)
OTHER = sf.SoftResetLIF(tau_m=4.0, r_m=2.5, v_rest=-65.0, v_threshold=-50.0, v_drop=7.0)
CASES = {"paper": (PAPER, 0.05, 3.0), "in mV": (OTHER, 0.5, 30.0)}  # with how strong currents are


def currents(strength, *, shape=(20, 3, 7), seed=0, mean=0.5, dtype=torch.float64):
    """Some neurons are silent and some fire at every step, all vary; in each the mean is far from its noise."""
    draw = torch.Generator().manual_seed(seed)
    level = torch.randn(shape[1:], generator=draw, dtype=dtype) + mean
    return strength * (level + 0.3 * torch.randn(shape, generator=draw, dtype=dtype))


def time_weights(steps, tau_steps):
    return np.array([np.exp(-(steps - t) / tau_steps) for t in range(1, steps + 1)])


def gradient_by_hand(x, grad, neuron, dt):
    w = time_weights(len(x), neuron.tau_m / dt)[:, None, None]
    mean = (w * x).sum(0) / w.sum()
    most = neuron.tau_m * neuron.v_drop / (dt * neuron.r_m)
    error = len(x) * (w * grad).sum(0) / w.sum()
    step = error / len(x) / most * ((mean > 0.0) & (mean < most))
    return np.array([step] * len(x))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("constant", [False, True])
def test_spikes_are_those_of_spiking_bit_for_bit(name, dtype, constant):
    neuron, dt, strength = CASES[name]
    x = currents(strength, dtype=dtype)
    x = x[0].expand(20, 3, 7) if constant else x
    layer, plain = sf.RepresentedSpiking(7, neuron, dt=dt), sf.Spiking(7, neuron, dt=dt)
    spikes, state = layer(x)
    learning, _ = layer(x.clone().requires_grad_())
    expected, after = plain(x)
    assert 0.05 < float(expected.mean()) < 0.95
    assert torch.equal(spikes, expected)
    assert torch.equal(learning, expected)
    assert torch.equal(state.v, after.v)


def test_pieces_of_a_sequence_fire_as_the_whole():
    layer, x = sf.RepresentedSpiking(7, PAPER, dt=0.05), currents(3.0)
    first, state = layer(x[:8])
    second, _ = layer(x[8:], state)
    assert torch.equal(torch.cat([first, second]), layer(x)[0])


def test_the_loop_in_torch_fires_as_the_compiled_one():
    layer, x = sf.RepresentedSpiking(7, PAPER, dt=0.05), currents(3.0)
    refractory = layer.initial_state(x, 3)._replace(
        refractory=torch.ones(3, 7).double()
    )  # 1: over, but not for the scan
    plain, _ = layer(x.to(torch.float64), refractory)
    assert torch.equal(plain, layer(x)[0])


@settings(deadline=None, max_examples=25)
@given(steps=st.integers(1, 40), strength=st.floats(0.0, 6.0), mean=st.floats(-1.0, 1.0), seed=st.integers(0, 99))
def test_weighted_spikes_are_weighted_currents_but_for_what_is_left_on_the_membrane(steps, strength, mean, seed):
    x = currents(strength, shape=(steps, 2, 5), mean=mean, seed=seed)
    spikes, state = sf.RepresentedSpiking(5, PAPER, dt=0.05)(x)
    w, kept = time_weights(steps, 20.0), np.exp(-0.05)
    found = np.tensordot(w, spikes.numpy(), 1)
    expected = ((1.0 - kept) * np.tensordot(w, x.numpy(), 1) - state.v.numpy()) / 0.3
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("constant_error", [False, True])
@pytest.mark.parametrize("constant_input", [False, True])
def test_gradient_is_the_rates_formula_and_the_same_at_every_step(name, constant_error, constant_input):
    neuron, dt, strength = CASES[name]
    x, grad = currents(strength), torch.randn(20, 3, 7, generator=torch.Generator().manual_seed(1)).double()
    x = x[0].expand(20, 3, 7) if constant_input else x
    grad = grad[0].expand(20, 3, 7) if constant_error else grad
    x = x.detach().requires_grad_()
    spikes, _ = sf.RepresentedSpiking(7, neuron, dt=dt)(x)
    (found,) = torch.autograd.grad(spikes, x, grad)
    expected = gradient_by_hand(x.detach().numpy(), grad.numpy(), neuron, dt)
    assert 0.1 < (expected != 0.0).mean() < 0.9
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12, atol=1e-14)
    assert found.stride(0) == 0


def test_gradient_is_the_slope_of_the_mean_rate():
    """More constant current raises the plain mean of the spikes by what the derivative says, but for 1 - d against dt / tau_m."""
    layer, level = sf.RepresentedSpiking(1, PAPER, dt=0.05), torch.linspace(0.5, 4.0, 60, dtype=torch.float64)[:, None]
    low, high = (float(layer((level + by).expand(400, 60, 1))[0].mean()) for by in (-0.4, 0.4))
    x = level.expand(400, 60, 1).clone().requires_grad_()
    (found,) = torch.autograd.grad(layer(x)[0].mean(), x)
    assert float(found.sum()) == pytest.approx((high - low) / 0.8, rel=0.04)  # 2.5 %, and the grid of 60 levels


def test_bytes_do_not_depend_on_the_number_of_threads():
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            x = currents(3.0, shape=(20, 64, 300), dtype=torch.float32).requires_grad_()
            spikes, _ = sf.RepresentedSpiking(300, PAPER, dt=0.05)(x)
            spikes.backward(x.detach())
            found.append((spikes.detach(), x.grad))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][1], found[1][1])


REFUSED = {
    "no reset by subtraction": (sf.LIF(), "a SoftResetLIF"),
    "refractory": (sf.SoftResetLIF(t_refractory=3.0), "no refractory time"),
    "neurons that differ": (sf.SoftResetLIF(tau_m=sf.uniform(10.0, 20.0)), "the same for all"),
    "adapting": (sf.SoftResetAdaptiveLIF(), "a SoftResetLIF"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_neurons_that_have_no_such_rate_are_refused(name):
    neuron, said = REFUSED[name]
    with pytest.raises(InvalidValue, match=said):
        sf.RepresentedSpiking(4, neuron)


def test_a_piece_of_a_sequence_has_no_gradient_and_says_so():
    layer, x = sf.RepresentedSpiking(7, PAPER, dt=0.05), currents(3.0).requires_grad_()
    _, state = layer(x.detach())
    with pytest.raises(InvalidValue, match="a whole sequence"):
        layer(x, state)
    with torch.no_grad():
        layer(x, state)


@pytest.mark.parametrize("rule", [sf.OTTT(), sf.SLTT(), sf.EProp()])
def test_rules_that_go_step_by_step_are_told_to_take_bptt(rule):
    layers = [sf.Dense(4, 7), sf.RepresentedSpiking(7, PAPER, dt=0.05), sf.Dense(7, 3)]
    with pytest.raises(InvalidValue, match=r"RepresentedSpiking.*train by BPTT"):
        rule.init(sf.Feedforward(layers, sf.StepCrossEntropy()))
