"""Elastic weight consolidation: Fisher information against loops and closed forms, the penalty against autograd."""

import numpy as np
import pytest
import torch

import synfire as sf
from synfire.neurons.randomness import setup_generator
from synfire.plasticity.elastic_weight_consolidation import _drawn

EWC = sf.ElasticWeightConsolidation


def data(samples=24, n=4, classes=3, seed=0):
    x = torch.randn((1, samples, n), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return sf.Batch(x, torch.arange(samples) % classes)


def softmax_network(n=4, classes=3, seed=0):
    return sf.perceptron([n, classes], bias=True, seed=seed).double()


def consolidated(modifier, network, *batches):
    rule = sf.chain(sf.BPTT(), modifier)
    return rule.end_task(network, batches, rule.init(network))[1][0]


def test_fisher_is_the_mean_of_squares_of_single_samples_gradients():
    network, batch, seed = softmax_network(), data(), 5
    parts = [sf.Batch(batch.x[:, :10], batch.target[:10]), sf.Batch(batch.x[:, 10:], batch.target[10:])]
    state = consolidated(EWC(1.0, seed=seed), network, *parts)
    weight, uniform = network.layers[0].weight.detach().numpy(), setup_generator(seed, 263, 0, 1).random(24)
    fisher, bias = np.zeros((4, 3)), np.zeros(3)
    for x, u in zip(batch.x[0].numpy(), uniform, strict=True):
        p = np.exp(x @ weight) / np.exp(x @ weight).sum()
        error = p - np.eye(3)[np.searchsorted(np.cumsum(p), u)]
        fisher += np.outer(x, error) ** 2 / 24
        bias += error**2 / 24
    assert state.fisher["layers.0.weight"].numpy() == pytest.approx(fisher, rel=1e-12)
    assert state.fisher["layers.0.bias"].numpy() == pytest.approx(bias, rel=1e-12)
    assert state.anchor["layers.0.weight"].numpy() == pytest.approx(fisher * weight, rel=1e-12)


def test_fisher_is_its_closed_form_where_both_classes_are_as_likely():
    network = softmax_network(classes=2)
    torch.nn.init.zeros_(network.layers[0].weight)
    batch = data(classes=2)
    state = consolidated(EWC(1.0), network, batch)
    expected = 0.25 * (batch.x[0] ** 2).mean(0)[:, None].expand(4, 2)  # x² p (1 - p), whichever class is drawn
    assert state.fisher["layers.0.weight"].numpy() == pytest.approx(expected.numpy(), rel=1e-12)


@pytest.mark.parametrize("steps", [1, 6])
@pytest.mark.parametrize("objective", [sf.StepCrossEntropy(), sf.CountCrossEntropy()])
def test_classes_are_drawn_as_often_as_the_network_expects_them(objective, steps):
    outputs = torch.randn((steps, 1, 4), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    logits = (outputs.mean(0) if isinstance(objective, sf.StepCrossEntropy) else outputs.sum(0))[0]
    drawn = [_drawn(objective, outputs, (k + 0.5) / 400) for k in range(400)]
    found = np.bincount(drawn, minlength=4) / 400
    assert found == pytest.approx(torch.softmax(logits, 0).numpy(), abs=1.0 / 400)


def test_as_many_samples_are_taken_as_asked_and_which_is_a_function_of_the_seed():
    network, batch = softmax_network(), data()
    first, again, other, all_of_them = (
        consolidated(EWC(1.0, samples=samples, seed=seed), network, batch).fisher["layers.0.weight"]
        for samples, seed in ((6, 0), (6, 0), (6, 1), (24, 0))
    )
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)
    assert not torch.allclose(first, all_of_them)


def test_after_several_tasks_gradients_are_those_of_the_loss_and_each_tasks_penalty():
    rule, batch, strength = sf.chain(sf.BPTT(), EWC(7.0)), data(seed=9), 7.0
    network, past = sf.perceptron([4, 5, 3], activation=sf.Tanh(), bias=True, seed=0).double(), []
    state = rule.init(network)
    for k in range(2):
        fitted = sf.fit(network, rule, data(seed=k), epochs=2, optimisers=sf.sgd(0.2), state=state, progress=False)
        before, network = fitted.state[1][0].fisher, fitted.network
        state = rule.end_task(network, [data(seed=k)], fitted.state)
        after = state[1][0].fisher
        past.append([
            (after[name] - before.get(name, 0.0), value.detach().clone()) for name, value in network.named_parameters()
        ])  # fmt: skip
    network = sf.perceptron([4, 5, 3], activation=sf.Tanh(), bias=True, seed=1).double()
    loss = network.objective.loss(network(batch.x)[0], batch.target)
    for task in past:
        for value, (fisher, anchor) in zip(network.parameters(), task, strict=True):
            loss = loss + 0.5 * strength * (fisher * (value - anchor) ** 2).sum()
    expected = torch.autograd.grad(loss, list(network.parameters()))
    found = rule.gradients(network, batch, state).gradients
    for (name, _), gradient in zip(network.named_parameters(), expected, strict=True):
        assert found[name].numpy() == pytest.approx(gradient.numpy(), abs=1e-12)


def test_without_strength_training_is_the_rules_bit_for_bit():
    plain, rule, network = sf.BPTT(), sf.chain(sf.BPTT(), EWC(0.0)), softmax_network().float()
    first, second = (sf.Batch(data(seed=k).x.float(), data(seed=k).target) for k in (0, 1))
    state = rule.end_task(softmax_network(seed=1).float(), [first], rule.init(network))
    assert state[1][0].fisher["layers.0.weight"].any()
    with_it, without = (
        sf.fit(network, each, second, epochs=2, batch=6, optimisers=sf.sgd(0.3), state=s, progress=False).network
        for each, s in ((rule, state), (plain, None))
    )
    assert all(torch.equal(a, b) for a, b in zip(with_it.parameters(), without.parameters(), strict=True))


@pytest.mark.parametrize(("share", "comes_back"), [(1.9, True), (2.1, False)])
def test_weights_come_back_to_the_anchor_while_the_step_is_below_the_stated_bound(share, comes_back):
    network, modifier = softmax_network(), EWC(10.0)
    state = consolidated(modifier, network, data())
    anchor = network.layers[0].weight.detach().clone()
    name, fisher = "layers.0.weight", state.fisher["layers.0.weight"]
    rate, weight = share / (10.0 * float(fisher.max())), anchor + 1.0
    for _ in range(200):
        change, _ = modifier.update({name: torch.zeros_like(weight)}, state, weights={name: weight}, activity={})
        weight = weight - rate * change[name]
    assert (float((weight - anchor).abs().max()) < 0.5) == comes_back


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: EWC(-1.0), "strength"),
        (lambda: EWC(float("inf")), "strength"),
        (lambda: EWC(float("nan")), "strength"),
        (lambda: EWC(True), "strength"),
        (lambda: EWC(1.0, samples=0), "samples"),
        (lambda: EWC(1.0, seed=-1), "seed"),
        (lambda: consolidated(EWC(1.0), softmax_network()), "batches"),
        (lambda: consolidated(EWC(1.0), softmax_network(), data()._replace(target=torch.zeros(1, 24, 3))), "targets"),
    ],
)
def test_what_cannot_work_is_refused(make, said):
    with pytest.raises(sf.InvalidValue, match=said):
        make()
