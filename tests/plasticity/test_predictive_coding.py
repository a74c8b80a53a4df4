"""Predictive coding and its incremental form: against plain NumPy, its energy, where it is backpropagation, what it refuses."""

import itertools

import numpy as np
import pytest
import torch
from small_networks import difference, gradients

import synfire as sf
from synfire.plasticity.settling import energy, forward_values, moved, sections_of


def network_and_batch(objective=None, bias=False, hidden=(6, 5), activation=None):
    network = sf.perceptron([4, *hidden, 3], bias=bias, objective=objective, activation=activation, seed=1).double()
    draw = torch.Generator().manual_seed(0)
    if bias:
        for layer in network.layers[::2]:
            torch.nn.init.normal_(layer.bias, std=0.3, generator=draw)
    x = 2.0 * torch.randn((1, 7, 4), generator=draw, dtype=torch.float64)
    if isinstance(objective, sf.SquaredError):
        return network, sf.Batch(x, torch.randn((1, 7, 3), generator=draw, dtype=torch.float64))
    return network, sf.Batch(x, torch.randint(0, 3, (7,), generator=draw))


def by_hand(network, batch, steps, rate, weight_rate, squared):
    """The source's equations, sample by sample; the gradients of every step, of weights that move at weight_rate."""
    weights = [layer.weight.detach().numpy().copy() for layer in network.layers[::2]]
    samples = batch.x.shape[1]
    x0 = batch.x[0].numpy()
    values = []  # of each sample: the input, then hidden values before their activation
    for i in range(samples):
        values.append([x0[i], x0[i] @ weights[0]])
        values[i].append(np.tanh(values[i][1]) @ weights[1])
    by_step = []
    for _ in range(steps + 1):
        step = [np.zeros_like(w) for w in weights]
        for i in range(samples):
            given, first, second = values[i]
            below = [given, np.tanh(first), np.tanh(second)]
            output = below[2] @ weights[2]
            if squared:
                error = batch.target[0, i].numpy() - output
            else:
                error = np.eye(3)[int(batch.target[i])] - np.exp(output) / np.exp(output).sum()
            errors = [first - below[0] @ weights[0], second - below[1] @ weights[1], error]
            for k in range(3):
                step[k] += np.outer(below[k], errors[k]) / samples
            values[i] = [
                given,
                first + rate * (-errors[0] + (1.0 - np.tanh(first) ** 2) * (weights[1] @ errors[1])),
                second + rate * (-errors[1] + (1.0 - np.tanh(second) ** 2) * (weights[2] @ errors[2])),
            ]
        by_step.append([-change for change in step])
        weights = [w + weight_rate * change for w, change in zip(weights, step, strict=True)]
    return by_step


def named(found, network):
    return {name: torch.from_numpy(g) for (name, _), g in zip(network.named_parameters(), found, strict=True)}


@pytest.mark.parametrize("objective", [None, sf.SquaredError()])
@pytest.mark.parametrize("steps", [1, 4])
def test_predictive_coding_is_its_equations_written_out(objective, steps):
    network, batch = network_and_batch(objective)
    expected = by_hand(network, batch, steps, 0.3, 0.0, squared=objective is not None)[-1]
    found = gradients(sf.PredictiveCoding(steps=steps, rate=0.3), network, batch)
    assert list(found) == [name for name, _ in network.named_parameters()]
    for name, each in named(expected, network).items():  # rounding of sums of ten terms near 1
        torch.testing.assert_close(found[name], each, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("objective", [None, sf.SquaredError()])
def test_the_incremental_form_is_its_equations_written_out(objective):
    network, batch = network_and_batch(objective)
    by_step = by_hand(network, batch, 4, 0.3, 0.2, squared=objective is not None)
    rule = sf.IncrementalPredictiveCoding(steps=5, rate=0.3, learning_rate=0.2)
    found = gradients(rule, network, batch)
    for name, each in named([sum(parts) for parts in zip(*by_step, strict=True)], network).items():
        torch.testing.assert_close(found[name], each, rtol=1e-11, atol=1e-14)


def test_with_weights_held_the_incremental_form_sums_predictive_coding_over_its_steps():
    network, batch = network_and_batch(bias=True)
    sections = sections_of("test", network)
    held = [gradients(sf.PredictiveCoding(steps=t, rate=0.4), network, batch) for t in (1, 2, 3)]
    values, _ = forward_values(sections, batch.x)
    start = energy(values[0].detach(), values, sections, network.objective, batch.target) / 7
    names = list(held[0])
    at_once = torch.autograd.grad(start, list(network.parameters()), allow_unused=True)
    total = {
        name: sum((each[name] for each in held), start=torch.zeros(()) if first is None else first)
        for name, first in zip(names, at_once, strict=True)
    }
    still = sf.IncrementalPredictiveCoding(steps=4, rate=0.4, learning_rate=0.0)
    assert difference(gradients(still, network, batch), total) < 1e-12
    moving = sf.IncrementalPredictiveCoding(steps=4, rate=0.4, learning_rate=0.1)
    assert difference(gradients(moving, network, batch), total) > 1e-3


@pytest.mark.parametrize("hidden", [(6, 5), (6, 5, 4, 5)])
@pytest.mark.parametrize("activation", [sf.Tanh(), sf.Elu()])
def test_read_as_the_error_arrives_with_rate_1_it_is_backpropagation(hidden, activation):
    """Z-IL (Song et al. 2020): from values without error, layer l steps below the output is read after l steps."""
    network, batch = network_and_batch(bias=True, hidden=hidden, activation=activation)
    sections = sections_of("test", network)
    values, _ = forward_values(sections, batch.x)
    found = {}
    for section in reversed(range(len(sections))):
        lowest = network.layers[0](batch.x)[0]
        now = energy(lowest, values, sections, network.objective, batch.target)
        own = {n: p for n, p in network.named_parameters() if n.startswith(f"layers.{2 * section}.")}
        read = torch.autograd.grad(now / 7, list(own.values()), retain_graph=True)
        found |= dict(zip(own, read, strict=True))
        values = moved(values, torch.autograd.grad(now, values), 1.0)
    exact = gradients(sf.BPTT(), network, batch)
    assert difference({name: found[name] for name in exact}, exact) < 1e-10


def test_each_step_carries_the_error_one_layer_down_and_the_output_layer_starts_as_backpropagation():
    network, batch = network_and_batch(hidden=(6, 5, 4))
    names = [name for name, _ in network.named_parameters()]
    for steps in (1, 2, 3):
        found = gradients(sf.PredictiveCoding(steps=steps), network, batch)
        reached = [bool(found[name].abs().max() > 1e-15) for name in names]
        assert reached == [False] * (3 - steps) + [True] * (1 + steps)
    once = gradients(sf.IncrementalPredictiveCoding(steps=1), network, batch)
    exact = gradients(sf.BPTT(), network, batch)
    assert all(once[name].abs().max() < 1e-15 for name in names[:-1])
    torch.testing.assert_close(once[names[-1]], exact[names[-1]], rtol=1e-12, atol=0.0)


@pytest.mark.parametrize("objective", [None, sf.SquaredError()])
def test_energy_falls_at_every_step_of_the_values_and_their_errors_come_to_balance(objective):
    network, batch = network_and_batch(objective)
    sections = sections_of("test", network)
    values, _ = forward_values(sections, batch.x)
    lowest, found = values[0].detach(), []
    for _ in range(400):
        now = energy(lowest, values, sections, network.objective, batch.target)
        slopes = torch.autograd.grad(now, values)
        values = moved(values, slopes, 0.1)
        found.append(float(now.detach()))
    assert found[0] == pytest.approx(7 * float(sf.BPTT().gradients(network, batch, None).loss), rel=1e-12)
    assert all(later < earlier for earlier, later in itertools.pairwise(found[:100]))
    assert max(float(slope.abs().max()) for slope in slopes) < 1e-6


def test_settled_errors_differ_from_backpropagation_but_point_the_same_way():
    network, batch = network_and_batch()
    exact = gradients(sf.BPTT(), network, batch)
    settled = gradients(sf.PredictiveCoding(steps=300, rate=0.1), network, batch)
    assert difference(settled, exact) > 0.01
    assert sf.angle(settled, exact).overall < 45.0


@pytest.mark.parametrize("rule", [sf.PredictiveCoding(), sf.IncrementalPredictiveCoding()])
def test_a_batch_leaves_the_network_as_it_was_and_reports_what_the_network_says(rule):
    network, batch = network_and_batch(bias=True)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    credit, exact = rule.gradients(network, batch, None), sf.BPTT().gradients(network, batch, None)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert all(value.requires_grad and value.grad is None for value in network.parameters())
    torch.testing.assert_close((credit.loss, credit.scores), (exact.loss, exact.scores))
    twice = sf.Batch(batch.x.repeat(1, 2, 1), batch.target.repeat(2))  # a mean over the batch
    assert difference(rule.gradients(network, twice, None).gradients, credit.gradients) < 1e-12
    network.layers[2].weight.requires_grad_(False)
    found = rule.gradients(network, batch, None).gradients
    assert set(found) == set(credit.gradients) - {"layers.2.weight"}


def test_with_sgd_of_its_own_rate_the_incremental_form_makes_its_own_steps():
    network, batch = network_and_batch()
    by_step = by_hand(network, batch, 4, 0.3, 0.2, squared=False)
    rule = sf.IncrementalPredictiveCoding(steps=5, rate=0.3, learning_rate=0.2)
    fitted = sf.fit(network, rule, tuple(batch), epochs=1, batch=7, optimisers=sf.sgd(0.2), progress=False).network
    for k, layer in enumerate(fitted.layers[::2]):
        after = network.layers[2 * k].weight - 0.2 * torch.from_numpy(sum(step[k] for step in by_step))
        torch.testing.assert_close(layer.weight, after, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("rule", [sf.PredictiveCoding(steps=3), sf.IncrementalPredictiveCoding(steps=4)])
def test_convolutions_settle_too(rule):
    layers = [sf.Unflatten(1, 6, 6), sf.Conv(1, 2, 3), sf.Rate(sf.Tanh()), sf.MaxPool(2), sf.Flatten(), sf.Dense(8, 5),
              sf.Rate(sf.Tanh()), sf.Dense(5, 3)]  # fmt: skip
    network = sf.Feedforward(layers).double()
    x = torch.randn((1, 4, 36), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    batch = sf.Batch(x, torch.tensor([0, 1, 2, 0]))
    found = gradients(rule, network, batch)
    assert list(found) == [name for name, _ in network.named_parameters()]
    assert all(each.abs().max() > 0.0 for each in found.values())


@pytest.mark.parametrize("rule", [sf.PredictiveCoding, sf.IncrementalPredictiveCoding])
def test_refuses_networks_with_time_chance_or_no_connections_and_longer_sequences(rule):
    name = rule.__name__
    drop = sf.Feedforward([sf.Dense(4, 5), sf.Dropout(0.5), sf.Dense(5, 3)])
    for network, legal in ((sf.feedforward([4, 5, 3]), "Spiking"), (drop, "Dropout")):
        with pytest.raises(sf.InvalidValue, match=f"{name}: layer 1.*{legal}"):
            rule().init(network)
    with pytest.raises(sf.InvalidValue, match="no connections"):
        rule().init(sf.Feedforward([sf.Rate(sf.Tanh())]))
    network, batch = network_and_batch()
    with pytest.raises(sf.InvalidValue, match=f"{name}: x: must be of one step"):
        rule().gradients(network, sf.Batch(batch.x.repeat(2, 1, 1), batch.target), None)
    for field, value in (("steps", 0), ("steps", 2.0), ("steps", True), ("rate", 0.0), ("rate", float("nan"))):
        with pytest.raises(sf.InvalidValue, match=rf"{name}\.{field}"):
            rule(**{field: value})


def test_refuses_a_learning_rate_that_is_none():
    for value in (-0.1, float("inf"), float("nan"), True, None, "0.1"):
        with pytest.raises(sf.InvalidValue, match=r"learning_rate"):
            sf.IncrementalPredictiveCoding(learning_rate=value)
