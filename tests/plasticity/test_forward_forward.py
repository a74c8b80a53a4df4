"""The forward-forward rule: against NumPy, that layers learn alone, how wrong labels are drawn, and that it learns digits."""

import math

import numpy as np
import pytest
import torch

import synfire as sf
from synfire.neurons.randomness import setup_generator


def network_and_batch(hidden=(6, 5, 4)):
    network = sf.Feedforward([sf.Goodness([8, *hidden], classes=3, strength=2.5, seed=1)]).double()
    draw = torch.Generator().manual_seed(0)
    for layer in network.layers[0].layers:
        torch.nn.init.normal_(layer.bias, std=0.2, generator=draw)
    x = torch.randn((1, 9, 8), generator=draw, dtype=torch.float64)
    return network, sf.Batch(x, torch.arange(9) % 3)


def wrong_labels(rule, batch, state):
    return (batch.target.numpy() + setup_generator(rule.seed, 231, state).integers(1, 3, 9)) % 3


def by_hand(network, batch, wrong, threshold):
    """(loss, gradients by name), sample by sample and layer by layer."""
    stack, samples = network.layers[0], batch.x.shape[1]
    loss, gradients = 0.0, {name: np.zeros(tuple(p.shape)) for name, p in network.named_parameters()}
    for i in range(samples):
        for label, sign in ((int(batch.target[i]), 1.0), (int(wrong[i]), -1.0)):
            given = batch.x[0, i].numpy().copy()
            given[:3] = 2.5 * np.eye(3)[label]
            for k, layer in enumerate(stack.layers):
                h = np.maximum(given @ layer.weight.detach().numpy() + layer.bias.detach().numpy(), 0.0)
                margin = sign * (np.mean(h**2) - threshold)
                loss += np.log1p(np.exp(-margin)) / samples
                error = (
                    -sign / (1.0 + np.exp(margin)) * 2.0 * h / len(h) / samples
                )  # 0 where h is: the rectifier's slope
                gradients[f"layers.0.layers.{k}.weight"] += np.outer(given, error)
                gradients[f"layers.0.layers.{k}.bias"] += error
                given = h / np.sqrt(np.mean(h**2) + 1e-8)
    return loss, gradients


@pytest.mark.parametrize("threshold", [2.0, 0.4])
def test_loss_and_gradients_are_the_equations_written_out(threshold):
    network, batch = network_and_batch()
    rule = sf.ForwardForward(threshold=threshold, seed=3)
    credit = rule.gradients(network, batch, 4)
    loss, expected = by_hand(network, batch, wrong_labels(rule, batch, 4), threshold)
    assert float(credit.loss) == pytest.approx(loss, rel=1e-12)
    assert list(credit.gradients) == list(expected)
    for name, each in expected.items():
        torch.testing.assert_close(credit.gradients[name], torch.from_numpy(each), rtol=1e-10, atol=1e-14)


def test_a_layer_does_not_depend_on_those_above():
    network, batch = network_and_batch()
    rule = sf.ForwardForward()
    before = rule.gradients(network, batch, 0).gradients
    with torch.no_grad():
        network.layers[0].layers[2].weight.mul_(-3.0)
    after = rule.gradients(network, batch, 0).gradients
    for k in (0, 1):
        assert torch.equal(before[f"layers.0.layers.{k}.weight"], after[f"layers.0.layers.{k}.weight"])
    assert not torch.equal(before["layers.0.layers.2.weight"], after["layers.0.layers.2.weight"])


def test_what_a_layer_is_given_is_held():
    """Of the same loss, backpropagation through the stack gives the top layer the same gradient, and those below others."""
    network, batch = network_and_batch()
    rule, stack = sf.ForwardForward(), network.layers[0]
    credit = rule.gradients(network, batch, 0)
    labels = torch.stack([batch.target, torch.from_numpy(wrong_labels(rule, batch, 0))])
    h, loss = stack.first(batch.x, labels), 0.0
    for k in range(3):
        h = stack.above(k, h) if k else h
        right, wrong = h.square().mean(-1) - 2.0
        loss = loss + (torch.log1p(torch.exp(-right)) + torch.log1p(torch.exp(wrong))).mean()
    assert float(loss.detach()) == pytest.approx(float(credit.loss), rel=1e-12)
    through = dict(zip(credit.gradients, torch.autograd.grad(loss, list(network.parameters())), strict=True))
    for k in range(3):
        name = f"layers.0.layers.{k}.weight"
        apart = float((through[name] - credit.gradients[name]).norm() / credit.gradients[name].norm())
        assert apart < 1e-12 if k == 2 else apart > 0.01


def test_wrong_labels_are_wrong_and_each_other_class_is_as_likely():
    x, target = torch.randn((1, 6000, 8)), torch.arange(6000) % 3
    shown, stack = [], sf.Goodness([8, 4], classes=3)
    first = stack.first
    stack.first = lambda x, labels: (shown.append(labels), first(x, labels))[1]
    sf.ForwardForward().gradients(sf.Feedforward([stack]), sf.Batch(x, target), 0)
    right, wrong = shown[0]
    assert torch.equal(right, target)
    counts = torch.zeros((3, 3)).index_put_((right, wrong), torch.ones(6000), accumulate=True)
    assert bool((counts.diagonal() == 0.0).all())
    assert bool((counts.sum(1) == 2000.0).all())
    assert float((counts[counts > 0] - 1000.0).abs().max()) < 5.0 * math.sqrt(2000.0 / 4.0)  # five standard deviations


def test_gradients_are_a_function_of_the_state_which_counts_batches():
    network, batch = network_and_batch()
    rule, name = sf.ForwardForward(seed=1), "layers.0.layers.0.weight"
    start = rule.init(network)
    first, again = rule.gradients(network, batch, start), rule.gradients(network, batch, start)
    assert torch.equal(first.gradients[name], again.gradients[name])
    assert not torch.equal(first.gradients[name], rule.gradients(network, batch, first.state).gradients[name])
    assert not torch.equal(
        first.gradients[name], sf.ForwardForward(seed=2).gradients(network, batch, 0).gradients[name]
    )


def test_it_learns_digits_by_what_each_layer_sees_and_says_that_it_does_not_know_its_accuracy():
    digits = pytest.importorskip("sklearn.datasets").load_digits()
    x = torch.from_numpy((digits.data - digits.data.mean(0)) / digits.data.std()).float()[None]
    target = torch.from_numpy(digits.target).long()
    network = sf.Feedforward([sf.Goodness([64, 64, 64], seed=1)])
    fitted = sf.fit(network, sf.ForwardForward(), (x[:, :1200], target[:1200]), (x[:, 1200:], target[1200:]),
                    epochs=5, batch=32, optimisers=sf.adam(1e-2), progress=False)  # fmt: skip
    history = fitted.history
    assert history.test_accuracy[-1] > 0.75  # chance is 0.1
    assert history.train_loss[-1] < 0.6 * history.train_loss[0]
    assert np.isnan(history.train_accuracy).all()
    assert fitted.state == 5 * 38


def test_frozen_layers_get_no_gradient_and_the_others_the_same():
    network, batch = network_and_batch()
    every = sf.ForwardForward().gradients(network, batch, 0).gradients
    network.layers[0].layers[1].weight.requires_grad_(False)
    found = sf.ForwardForward().gradients(network, batch, 0).gradients
    assert set(every) - set(found) == {"layers.0.layers.1.weight"}
    assert all(torch.equal(found[name], every[name]) for name in found)


def test_refuses_other_networks_and_targets_that_are_no_classes():
    for layers in ([sf.Dense(4, 3)], [sf.Dense(4, 8), sf.Goodness([8, 6], classes=3)]):
        with pytest.raises(sf.InvalidValue, match="must be one Goodness"):
            sf.ForwardForward().init(sf.Feedforward(layers))
    network, batch = network_and_batch()
    for target in (batch.target[1:], batch.target.double(), batch.target + 1, batch.target - 1):
        with pytest.raises(sf.InvalidValue, match="target"):
            sf.ForwardForward().gradients(network, sf.Batch(batch.x, target), 0)
    for field, value in (("threshold", 0.0), ("threshold", math.nan), ("threshold", True), ("seed", -1)):
        with pytest.raises(sf.InvalidValue, match=rf"ForwardForward\.{field}"):
            sf.ForwardForward(**{field: value})
