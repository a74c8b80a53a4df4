"""Difference target propagation against a program in NumPy, autograd and closed forms; where it is backpropagation."""

import numpy as np
import pytest
import torch
from digits_training import accuracy, readout_alone
from small_networks import difference, gradients
from target_networks import batch_of, in_numpy, linear, network_of

import synfire as sf
from synfire.neurons.dense import Conv, Dense
from synfire.neurons.spiking import Spiking

STEPS = pytest.mark.parametrize("step", [0.01, 3.0])


@STEPS
def test_gradients_are_those_of_the_definition(step):
    network, batch = network_of(5, 7, 6, 3, 4, gain=1.5), batch_of()
    rule = sf.DifferenceTarget(step=step, noise=0.0, seed=2)
    state = rule.init(network)
    for value in rule.learned(state).parameters():
        torch.nn.init.normal_(value, std=0.5, generator=torch.Generator().manual_seed(value.numel()))
    credit = rule.gradients(network, batch, state)
    loss, expected = in_numpy(network, rule.learned(state), batch, step, 1.5)
    assert float(credit.loss) == pytest.approx(loss, rel=1e-12)
    assert list(credit.gradients) == list(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(credit.gradients[name], value, rtol=1e-9, atol=1e-13)


def test_a_step_of_fit_goes_down_these_gradients_with_a_rate_for_each_network():
    network, batch, rule = network_of(5, 7, 6, 4), batch_of(), sf.DifferenceTarget(noise=0.0)
    state = rule.init(network)
    _, expected = in_numpy(network, rule.learned(state), batch, rule.step, 1.0)
    optimiser = sf.sgd(0.3, rule_learning_rate=0.02)
    fitted = sf.fit(network, rule, tuple(batch), epochs=1, optimisers=optimiser, progress=False)
    after = dict(fitted.network.named_parameters())
    for name, value in network.named_parameters():
        np.testing.assert_allclose(after[name].detach(), value.detach() - 0.3 * expected[name], rtol=1e-9, atol=1e-13)
    learned = dict(fitted.state.feedback.named_parameters())
    for name, value in rule.learned(state).named_parameters():
        changed = value.detach() - 0.02 * expected[f"rule.{name}"]
        np.testing.assert_allclose(learned[name].detach(), changed, rtol=1e-9, atol=1e-13)


def test_noise_adds_its_variance_to_what_the_feedback_is_fitted_to():
    """Linear units: the mean gradient is 2 W' S (W V - 1) with the second moments S of h + noise."""
    network, batch = network_of(5, 4, 3, 4, activation=linear, bias=False), batch_of(samples=20_000)
    rule = sf.DifferenceTarget(noise=0.7)
    found = gradients(rule, network, batch)["rule.0.0.weight"].numpy()
    w0, w1 = (network.layers[k].weight.detach().numpy() for k in (0, 2))
    v = rule.learned(rule.init(network))[0][0].weight.detach().numpy()
    h = batch.x[0].numpy() @ w0
    off = w1 @ v - np.eye(4)
    quiet, noisy = (2.0 * w1.T @ (h.T @ h / len(h) + s * np.eye(4)) @ off for s in (0.0, 0.7**2))
    np.testing.assert_allclose(found, noisy, atol=0.1 * np.abs(noisy - quiet).max())


def test_neither_loss_reaches_the_weights_of_the_other():
    """Autograd on the local losses written out, with all parameters asking for gradients."""
    network, batch, rule = network_of(5, 7, 6, 4), batch_of(), sf.DifferenceTarget(noise=0.0, step=0.3)
    state = rule.init(network)
    (back, rate), found = rule.learned(state)[0], gradients(rule, network, batch)
    first, tanh, second, _, last = network.layers
    h1 = tanh(first(batch.x)[0])[0]
    h2 = tanh(second(h1.detach())[0])[0]
    top = h2.detach().requires_grad_()
    loss = network.objective.loss(last(top)[0], batch.target)
    (slope,) = torch.autograd.grad(8 * loss, top, retain_graph=True)
    target2 = top - 0.3 * slope
    target1 = h1 + rate(back(target2)[0])[0] - rate(back(h2)[0])[0]
    local = sum((h - goal.detach()).square().sum() for h, goal in ((h1, target1), (h2, target2))) / (2 * 0.3 * 8)
    inverse = (rate(back(h2.detach())[0])[0] - h1.detach()).square().sum(-1).mean()
    own, learned = list(network.parameters()), list(back.parameters())
    expected = torch.autograd.grad(local + loss, [*own, *learned], retain_graph=True, allow_unused=True)
    assert expected[len(own) :] == (None, None)  # nothing of the forward losses reaches the feedback
    assert torch.autograd.grad(inverse, own, retain_graph=True, allow_unused=True) == (None,) * len(own)
    wanted = [*expected[: len(own)], *torch.autograd.grad(inverse, learned)]
    for value, right in zip(found.values(), wanted, strict=True):
        torch.testing.assert_close(value, right, rtol=1e-9, atol=1e-13)


def squares(orthogonal):
    """Linear units, 4 to 4 in the middle, and the rule's state with the exact inverse."""
    network, rule = network_of(5, 4, 4, 3, activation=linear, bias=False), sf.DifferenceTarget(step=0.3)
    if orthogonal:
        torch.nn.init.orthogonal_(network.layers[2].weight, generator=torch.Generator().manual_seed(1))
    state = rule.init(network)
    with torch.no_grad():
        rule.learned(state)[0][0].weight.copy_(torch.linalg.inv(network.layers[2].weight))
    return network, rule, state


def test_with_an_exact_inverse_targets_are_met_and_the_update_is_the_errors_inverse_image():
    network, rule, state = squares(orthogonal=False)
    batch = batch_of(n_out=3)
    found = rule.gradients(network, batch, state).gradients
    w0, w1, w2 = (network.layers[k].weight.detach() for k in (0, 2, 4))
    x, h = batch.x[0], batch.x[0] @ w0
    error = torch.softmax(h @ w1 @ w2, -1) - torch.eye(3, dtype=torch.float64)[batch.target]
    target2 = h @ w1 - rule.step * error @ w2.T
    target1 = h - rule.step * error @ w2.T @ torch.linalg.inv(w1)
    torch.testing.assert_close(target1 @ w1, target2)
    torch.testing.assert_close(found["layers.0.weight"], x.T @ (h - target1) / (rule.step * 8), rtol=1e-9, atol=1e-12)
    assert float(found["rule.0.0.weight"].abs().max()) < 1e-12  # and there is nothing left to learn


def test_with_orthogonal_linear_layers_and_their_inverse_it_is_backpropagation():
    network, rule, state = squares(orthogonal=True)
    batch = batch_of(n_out=3)
    found = rule.gradients(network, batch, state).gradients
    expected = gradients(sf.BPTT(), network, batch)
    assert difference({name: found[name] for name in expected}, expected) < 1e-12


@STEPS
def test_output_and_last_hidden_layer_get_the_gradient_of_backpropagation_whatever_the_step(step):
    for sizes in ((5, 7, 4), (5, 4), (5, 7, 6, 4)):
        network, batch = network_of(*sizes), batch_of()
        found, expected = (gradients(rule, network, batch) for rule in (sf.DifferenceTarget(step=step), sf.BPTT()))
        last = list(expected)[-4:]
        assert difference({name: found[name] for name in last}, {name: expected[name] for name in last}) < 1e-12


def test_the_step_of_a_sample_does_not_depend_on_how_many_there_are():
    network, batch, rule = network_of(5, 7, 6, 4), batch_of(), sf.DifferenceTarget(step=3.0, noise=0.0)
    twice = sf.Batch(batch.x.repeat(1, 2, 1), batch.target.repeat(2))
    assert difference(gradients(rule, network, twice), gradients(rule, network, batch)) < 1e-12


def test_noise_is_a_function_of_seed_and_batches_seen_and_of_nothing_else():
    network, batch, rule = network_of(5, 7, 6, 4), batch_of(), sf.DifferenceTarget(seed=3)
    state = rule.init(network)
    first = rule.gradients(network, batch, state)
    torch.rand(5)
    again, later = (rule.gradients(network, batch, s).gradients for s in (state, first.state))
    assert difference(again, first.gradients) == 0.0
    assert difference(later, first.gradients) > 1e-3
    assert torch.equal(later["layers.0.weight"], first.gradients["layers.0.weight"])


def test_held_layers_get_no_gradient_and_change_nothing_for_the_others():
    network, batch, rule = network_of(5, 7, 6, 3, 4), batch_of(), sf.DifferenceTarget()
    whole = gradients(rule, network, batch)
    network.layers[2].requires_grad_(False)
    held = gradients(rule, network, batch)
    assert set(whole) - set(held) == {"layers.2.weight", "layers.2.bias"}
    assert difference(held, {name: whole[name] for name in held}) < 1e-12


def test_dropout_and_flattening_count_as_no_layers():
    network, batch, rule = network_of(5, 7, 6, 4), batch_of(), sf.DifferenceTarget()
    first, tanh, second, rate, last = network.layers
    more = sf.Feedforward([sf.Flatten(), first, tanh, sf.Dropout(0.5), second, rate, sf.Dropout(0.5), last])
    expected = list(gradients(rule, network, batch).values())
    for found, right in zip(gradients(rule, more.eval(), batch).values(), expected, strict=True):
        torch.testing.assert_close(found, right)
    dropped = gradients(rule, more.train(), batch)
    assert all(bool(value.isfinite().all()) for value in dropped.values())
    assert not torch.equal(dropped["layers.1.weight"], expected[0])


def test_feedback_becomes_an_inverse_while_forward_weights_stand_still():
    network, batch, rule = network_of(5, 4, 12, 4), batch_of(samples=64), sf.DifferenceTarget(noise=0.05)
    readout_alone(network)

    def apart(state):
        h, code = network.activity(batch.x)[1:4:2]
        back, rate = rule.learned(state)[0]
        with torch.no_grad():
            return float((rate(back(code)[0])[0] - h).square().mean())

    optimiser = sf.sgd(0.01, rule_learning_rate=0.1)
    fitted = sf.fit(network, rule, tuple(batch), epochs=60, batch=64, optimisers=optimiser, progress=False)
    assert apart(fitted.state) < 0.3 * apart(rule.init(network))


def test_a_network_learns_the_digits_with_it():
    optimiser = sf.sgd(0.3, rule_learning_rate=0.1)
    alone = accuracy(sf.BPTT(), readout_alone(sf.perceptron([64, 16, 16, 10])), optimiser)
    assert accuracy(sf.DifferenceTarget(), sf.perceptron([64, 16, 16, 10]), optimiser) > alone + 0.2


@pytest.mark.parametrize(
    "rule", [sf.DifferenceTarget(), sf.FixedWeightDifferenceTarget()], ids=lambda rule: type(rule).__name__
)
def test_layers_that_have_no_feedback_function_are_refused(rule):
    spiking = [Dense(5, 4), Spiking(4, sf.LIF()), Dense(4, 3)]
    kernels = [Conv(1, 2, 3), sf.Rate(sf.Tanh()), sf.Flatten(), Dense(8, 3)]
    bare = [Dense(5, 4), Dense(4, 3)]
    for layers, found in ((spiking, "Dense, Spiking"), (kernels, "Conv, Rate"), (bare, "block 0: Dense'")):
        with pytest.raises(
            sf.InvalidValue, match=rf"{type(rule).__name__}: network: must be hidden .* and Rate.*{found}"
        ):
            rule.init(sf.Feedforward(layers))


@pytest.mark.parametrize("cls", [sf.DifferenceTarget, sf.FixedWeightDifferenceTarget])
@pytest.mark.parametrize("options", [{"step": 0.0}, {"step": float("inf")}, {"step": True}, {"seed": -1}])
def test_options_that_make_no_sense_are_refused(cls, options):
    with pytest.raises(sf.InvalidValue, match=rf"{cls.__name__}\.{next(iter(options))}"):
        cls(**options)
    with pytest.raises(sf.InvalidValue, match=r"DifferenceTarget\.noise"):
        sf.DifferenceTarget(noise=-0.1)
