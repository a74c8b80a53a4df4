"""Connections with delays against the sum that defines them, over training, evaluation and pieces."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import synfire as sf
from synfire import InvalidValue


def spikes(time, batch, n, seed=0, p=0.3):
    return (torch.rand(time, batch, n, generator=torch.Generator().manual_seed(seed)) < p).to(torch.uint8)


def taps(kind, delay, width, longest):
    """The kernel of one synapse, by the formulas of the docstrings."""
    steps = np.arange(longest + 1)
    if kind == "gaussian":
        bell = np.exp(-((steps - delay) ** 2) / (2.0 * width**2))
        return bell / (bell.sum() + 1e-7)
    if kind == "two taps":
        return np.maximum(0.0, 1.0 - np.abs(steps - delay))
    return (steps == np.clip(np.round(delay), 0, longest)).astype(float)


def delayed(x, weight, delay, kind, width, longest):
    made = np.zeros((*x.shape[:2], weight.shape[1]))
    for j, i in np.ndindex(*weight.shape):
        kernel = weight[j, i] * taps(kind, delay[j, i], width, longest)
        for n in range(longest + 1):
            made[n:, :, i] += kernel[n] * x[: len(x) - n, :, j]
    return made


@pytest.mark.parametrize(
    ("kind", "name"), [(sf.LearnableDelay, "gaussian"), (sf.TwoTapDelay, "two taps"), (sf.RandomDelay, "whole")]
)
def test_training_sums_what_the_docstring_says(kind, name):
    layer = sf.DelayedDense(3, 4, kind(max_delay=6.0), gain=2.0, seed=1).double().train()
    layer.advance(0.1)
    x = spikes(20, 2, 3)
    y, _ = layer(x)
    weight, delay = layer.weight.detach().numpy(), layer.delay.detach().numpy()
    expected = 2.0 * delayed(x.numpy().astype(float), weight, delay, name, layer.width, 6)
    np.testing.assert_allclose(y.detach().numpy(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", [sf.LearnableDelay, sf.TwoTapDelay, sf.RandomDelay])
def test_evaluation_reads_one_whole_step(kind):
    layer = sf.DelayedDense(3, 4, kind(max_delay=6.0), seed=1).double().eval()
    x = spikes(20, 2, 3)
    y, _ = layer(x)
    weight, delay = layer.weight.detach().numpy(), layer.delay.detach().numpy()
    expected = delayed(x.numpy().astype(float), weight, delay, "whole", 0.0, 6)
    np.testing.assert_allclose(y.detach().numpy(), expected, rtol=1e-12, atol=1e-12)


@given(cuts=st.lists(st.integers(1, 29), max_size=4, unique=True), training=st.booleans())
@settings(max_examples=25, deadline=None)
def test_pieces_give_the_whole(cuts, training):
    layer = sf.DelayedDense(3, 4, sf.LearnableDelay(max_delay=7.0), seed=2).double().train(training)
    layer.advance(0.2)
    x = spikes(30, 2, 3)
    whole, _ = layer(x)
    made, state = [], None
    for piece in torch.tensor_split(x, sorted(cuts)):
        y, state = layer(piece, state)
        made.append(y)
    torch.testing.assert_close(torch.cat(made), whole, rtol=1e-12, atol=1e-12)


def test_width_shrinks_as_the_paper_has_it():
    """Sigma falls from 12 to 0.23 in the first quarter; DCLS adds 0.27 to it."""
    kind = sf.LearnableDelay(max_delay=240.0)
    assert kind.width(0.0, 24) == pytest.approx(12.27)
    assert kind.width(0.125, 24) == pytest.approx(math.sqrt(12.0 * 0.23) + 0.27)
    assert kind.width(0.25, 24) == pytest.approx(0.5)
    assert kind.width(0.9, 24) == pytest.approx(0.5)


def test_delays_start_uniform_over_the_range_with_the_rest_at_its_end():
    """As the paper's U(-13, 12) clamped to [-12, 12]: one in twenty-five starts at the longest delay."""
    layer = sf.DelayedDense(100, 200, sf.LearnableDelay(max_delay=240.0), dt=10.0, seed=0)
    delay = layer.delay.detach()
    assert layer.max_delay == 24
    assert float((delay == 24.0).float().mean()) == pytest.approx(1 / 25, abs=0.007)  # five standard errors
    inside = delay[delay < 24.0]
    assert float(inside.mean()) == pytest.approx(12.0, abs=0.25)
    assert 0.0 <= float(delay.min()) < 0.01


def test_random_delays_are_whole_and_not_trained():
    layer = sf.DelayedDense(10, 10, sf.RandomDelay(max_delay=9.0))
    assert torch.equal(layer.delay, layer.delay.round())
    assert "delay" not in dict(layer.named_parameters())


def test_freezing_rounds_delays_and_lets_weights_go_on():
    layer = sf.DelayedDense(4, 4, sf.LearnableDelay(max_delay=9.0, freeze=0.7))
    layer.advance(0.5)
    assert layer.delay.requires_grad
    layer.advance(28 / 40)
    assert not layer.delay.requires_grad
    assert torch.equal(layer.delay, layer.delay.round())
    x = spikes(20, 2, 4)
    before, _ = layer.train()(x)
    after, _ = layer.eval()(x)
    torch.testing.assert_close(before, after)


def test_whole_reads_what_evaluation_reads_and_the_gaussian_guides_the_delays():
    layer = sf.DelayedDense(3, 4, sf.LearnableDelay(max_delay=9.0, whole=0.5), seed=3).double()
    layer.advance(0.6)
    x = spikes(25, 2, 3)
    y, _ = layer.train()(x)
    assert torch.equal(y.detach(), layer.eval()(x)[0].detach())
    pull = torch.randn(y.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    (y * pull).sum().backward()
    longest = range(10)
    for j, i in np.ndindex(3, 4):
        weight, delay = float(layer.weight[j, i].detach()), float(layer.delay[j, i].detach())
        heard = [float((x[: 25 - n, :, j] * pull[n:, :, i]).sum()) for n in longest]
        # of the weight: the step that was read; of the delay: a Gaussian one step wide around it, by a difference
        assert float(layer.weight.grad[j, i]) == pytest.approx(heard[int(np.clip(round(delay), 0, 9))], abs=1e-9)
        ends = [taps("gaussian", delay + d, 1.0, 9) for d in (-1e-6, 1e-6)]
        slope = weight * float(np.dot(ends[1] - ends[0], heard)) / 2e-6
        assert float(layer.delay.grad[j, i]) == pytest.approx(slope, rel=1e-4, abs=1e-6)


def test_the_state_is_not_the_callers_memory():
    layer = sf.DelayedDense(3, 4, sf.TwoTapDelay(max_delay=5.0), seed=2)
    x = spikes(24, 2, 3).float()
    whole, _ = layer(x)
    buffer, made, state = torch.empty(6, 2, 3), [], None
    for piece in x.split(6):
        buffer.copy_(piece)
        y, state = layer(buffer, state)
        made.append(y)
    torch.testing.assert_close(torch.cat(made), whole)


def test_gradients_flow_through_pieces_as_through_the_whole():
    x = spikes(24, 2, 3).double().requires_grad_()
    layer = sf.DelayedDense(3, 4, sf.TwoTapDelay(max_delay=5.0), seed=2).double()
    (whole,) = torch.autograd.grad(layer(x)[0].square().sum(), x)
    first, state = layer(x[:10])
    second, _ = layer(x[10:], state)
    (pieces,) = torch.autograd.grad(first.square().sum() + second.square().sum(), x)
    torch.testing.assert_close(pieces, whole)


def test_a_second_training_learns_delays_again():
    layer = sf.DelayedDense(2, 2, sf.LearnableDelay(max_delay=5.0, freeze=0.5))
    layer.advance(0.5)
    assert not layer.delay.requires_grad
    layer.advance(0.0)
    assert layer.delay.requires_grad
    layer.delay.requires_grad_(False)  # by the user: stays
    layer.advance(0.0)
    assert not layer.delay.requires_grad


def test_delays_outside_the_range_are_read_at_its_end():
    layer = sf.DelayedDense(1, 1, sf.TwoTapDelay(max_delay=4.0))
    with torch.no_grad():
        layer.delay.fill_(6.0)
        layer.weight.fill_(1.0)
    x = torch.zeros(10, 1, 1)
    x[0] = 1.0
    assert layer(x)[0].flatten().tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0, 0]


def test_constrain_keeps_delays_in_their_range():
    layer = sf.DelayedDense(2, 2, sf.TwoTapDelay(max_delay=5.0))
    with torch.no_grad():
        layer.delay.copy_(torch.tensor([[-3.0, 2.0], [5.5, 5.0]]))
    layer.constrain()
    assert layer.delay.tolist() == [[0.0, 2.0], [5.0, 5.0]]


def test_several_synapses_of_a_pair_add_up():
    layer = sf.DelayedDense(3, 4, sf.TwoTapDelay(max_delay=6.0), synapses=2, seed=1).double()
    assert layer.weight.shape == layer.delay.shape == (6, 4)
    x = spikes(20, 2, 3)
    y, _ = layer(x)
    single = [sf.DelayedDense(3, 4, sf.TwoTapDelay(max_delay=6.0)).double() for _ in range(2)]
    for k, part in enumerate(single):
        with torch.no_grad():
            part.weight.copy_(layer.weight[3 * k : 3 * k + 3])
            part.delay.copy_(layer.delay[3 * k : 3 * k + 3])
    torch.testing.assert_close(y, single[0](x)[0] + single[1](x)[0])


def test_a_delay_is_learned_where_a_lag_must_be_matched():
    """Two spikes three steps apart drive a unit together only if the first is delayed by three steps."""
    layer = sf.DelayedDense(2, 1, sf.LearnableDelay(max_delay=8.0, sigma_end=0.1), seed=0)
    layer.set_delays(torch.tensor([[5.5], [1.0]]))
    with torch.no_grad():
        layer.weight.fill_(1.0)
    x = torch.zeros(20, 1, 2)
    x[4, 0, 0] = x[7, 0, 1] = 1.0
    optimiser = torch.optim.Adam([layer.delay], lr=0.05)
    for k in range(300):
        layer.advance(k / 300)
        optimiser.zero_grad()
        (-layer(x)[0].square().sum()).backward()
        optimiser.step()
        layer.constrain()
    steps = layer.delay_steps().flatten().tolist()
    assert steps[0] - steps[1] == 3


def test_set_delays_takes_milliseconds():
    layer = sf.DelayedDense(1, 2, sf.RandomDelay(max_delay=40.0), dt=10.0)
    layer.set_delays(torch.tensor([[0.0, 40.0]]))
    assert layer.delay_steps().tolist() == [[0, 4]]
    assert layer.delay_ms().tolist() == [[0.0, 40.0]]


def fresh():
    return sf.DelayedDense(2, 3, sf.RandomDelay(max_delay=4.0))


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: sf.LearnableDelay(max_delay=-1.0), "LearnableDelay.max_delay"),
        (lambda: sf.LearnableDelay(shrink=0.0), "LearnableDelay.shrink"),
        (lambda: sf.TwoTapDelay(freeze=1.5), "TwoTapDelay.freeze"),
        (lambda: sf.LearnableDelay(whole=0.0), "LearnableDelay.whole"),
        (lambda: sf.DelayedDense(2, 3, sf.LearnableDelay(max_delay=25.0), dt=10.0), "LearnableDelay.max_delay"),
        (lambda: sf.DelayedDense(2, 3, 25.0), "DelayedDense.delays"),
        (lambda: sf.DelayedDense(2, 3, sf.RandomDelay(), synapses=0), "DelayedDense.synapses"),
        (lambda: fresh()(torch.zeros(9, 1, 3)), "DelayedDense: x"),
        (lambda: fresh().set_delays(torch.full((2, 3), 4.5)), "set_delays"),
        (lambda: fresh().set_delays(torch.full((2, 3), -0.5)), "set_delays"),
        (lambda: fresh().set_delays(torch.full((2, 3), math.nan)), "set_delays"),
        (lambda: fresh().set_delays(torch.zeros(3, 2)), "set_delays"),
        (lambda: sf.feedforward([2, 3], delays=sf.RandomDelay(max_delay=4.0))(torch.zeros(4, 1, 2)), "x"),
    ],
)
def test_bad_input_names_the_field(make, field):
    with pytest.raises(InvalidValue) as error:
        make()
    assert error.value.field == field
