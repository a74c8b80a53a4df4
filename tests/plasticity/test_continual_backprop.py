"""Continual backprop against the algorithm unit by unit in NumPy; what it keeps of a network's function; how often it acts."""

import copy
from itertools import pairwise

import numpy as np
import pytest
import torch

import synfire as sf
from synfire.neurons.dense import Conv, Dense
from synfire.neurons.normalise import BatchNorm, Flatten
from synfire.neurons.randomness import setup_generator
from synfire.neurons.rate import Rate

SIZES = [6, 9, 8, 3]


def network(bias=True, sizes=SIZES):
    layers = []
    for k, pair in enumerate(pairwise(sizes)):
        layers += [Dense(*pair, bias=bias, gain=0.9, seed=k), Rate(sf.Relu())]
        if bias:
            torch.nn.init.normal_(layers[-2].bias, std=0.3, generator=torch.Generator().manual_seed(k))
    return sf.Feedforward(layers[:-1]).double()


def samples(n=240):
    x = torch.randn((1, n, SIZES[0]), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return x, torch.arange(n) % SIZES[-1]


def step(model, rule, state, batch, rate=0.0):
    credit = rule.gradients(model, batch, state)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight -= rate * credit.gradients[name]
    return rule.settle(model, credit.state)


class Slow:
    """The algorithm as its source tells it, one unit after the other. A layer is [age, f, u] of each unit."""

    def __init__(self, rate, maturity, decay, seed):
        self.rate, self.maturity, self.decay, self.seed = rate, maturity, decay, seed
        self.layers = [[[0, 0.0, 0.0] for _ in range(n)] for n in SIZES[1:-1]]
        self.due, self.replaced = [0.0, 0.0], [0, 0]

    def after_step(self, w, b, heard):
        """w, b: of all connections, changed in place; heard: activity of each hidden layer, (batch, n), before the step."""
        leaving = []
        for k, layer in enumerate(self.layers):
            for i, unit in enumerate(layer):
                unit[0] += 1
                unit[1] = self.decay * unit[1] + (1 - self.decay) * np.mean([row[i] for row in heard[k]])
                usual = unit[1] / (1 - self.decay ** unit[0])
                away = np.mean([abs(row[i] - usual) for row in heard[k]])
                useful = away * np.mean([abs(v) for v in w[k + 1][i]]) / np.mean([abs(v) for v in w[k][:, i]])
                unit[2] = self.decay * unit[2] + (1 - self.decay) * useful
            mature = [i for i, unit in enumerate(layer) if unit[0] > self.maturity]
            self.due[k] += self.rate * len(mature)
            mature.sort(key=lambda i, layer=layer: layer[i][2] / (1 - self.decay ** layer[i][0]))
            while self.due[k] >= 1.0:
                self.due[k] -= 1.0
                leaving.append((k, mature.pop(0)))
        for k, i in leaving:
            bound = np.sqrt(6 / SIZES[k])
            w[k][:, i] = setup_generator(self.seed, 265, k, self.replaced[k]).uniform(-bound, bound, SIZES[k])
            self.replaced[k] += 1
            b[k][i] = 0.0
            age, f, _ = self.layers[k][i]
            b[k + 1] += w[k + 1][i] * f / (1 - self.decay**age)
            w[k + 1][i] = 0.0
            self.layers[k][i] = [0, 0.0, 0.0]


@pytest.mark.parametrize(("rate", "maturity", "decay"), [(0.013, 10, 0.9), (0.3, 2, 0.99), (0.2, 0, 0.0)])
def test_every_step_is_that_of_the_algorithm_unit_by_unit(rate, maturity, decay):
    model, (x, target) = network(), samples()
    rule = sf.chain(sf.BPTT(), sf.ContinualBackprop(replacement_rate=rate, maturity=maturity, decay=decay, seed=4))
    state, slow = rule.init(model), Slow(rate, maturity, decay, 4)
    for k in range(48):
        batch = sf.Batch(x[:, 5 * k : 5 * k + 5], target[5 * k : 5 * k + 5])
        heard = [model.activity(batch.x)[layer][0].numpy() for layer in (1, 3)]
        credit = sf.BPTT().gradients(model, batch, None)
        w, b = (
            [
                getattr(model.layers[j], name).detach().numpy() - 0.1 * credit.gradients[f"layers.{j}.{name}"].numpy()
                for j in (0, 2, 4)
            ]
            for name in ("weight", "bias")
        )
        slow.after_step(w, b, heard)
        state = step(model, rule, state, batch, rate=0.1)
        for j in range(3):
            for name, expected in (("weight", w[j]), ("bias", b[j])):
                np.testing.assert_allclose(getattr(model.layers[2 * j], name).detach().numpy(), expected, atol=1e-12)
    _, layers = state[1][0]
    assert [units.replaced for units in layers] == slow.replaced
    assert min(slow.replaced) >= 3
    for units, expected in zip(layers, slow.layers, strict=True):
        found = torch.stack([units.age, units.mean, units.utility], 1)
        np.testing.assert_allclose(found.numpy(), np.array(expected), atol=1e-12)


def test_without_replacement_it_is_the_rule_alone_bit_for_bit():
    options = {"epochs": 2, "batch": 16, "optimisers": sf.sgd(0.1, momentum=0.9), "progress": False}
    plain = sf.fit(network(), sf.BPTT(), samples(), **options).network
    same = sf.fit(network(), sf.chain(sf.BPTT(), sf.ContinualBackprop(replacement_rate=0.0)), samples(), **options)
    for name, weight in same.network.state_dict().items():
        assert torch.equal(weight, plain.state_dict()[name])


def gone(model):
    """Which units of each hidden layer lead nowhere but to units that are new themselves: (layer, (n,))."""
    second = (model.layers[4].weight == 0.0).all(1)
    return {0: (model.layers[2].weight[:, ~second] == 0.0).all(1), 2: second}


def test_for_usual_activity_the_output_stays_as_it_was_if_there_are_biases():
    model = network()
    batch = sf.Batch(samples()[0][:, :1], torch.zeros(1, dtype=torch.int64))
    rule = sf.chain(sf.BPTT(), sf.ContinualBackprop(replacement_rate=1 / 3, maturity=4, decay=0.9))
    state = rule.init(model)
    for _ in range(4):
        state = step(model, rule, state, batch)
    before = model(batch.x)[0].detach()
    state = step(model, rule, state, batch)
    assert [units.replaced for units in state[1][0][1]] == [3, 2]
    torch.testing.assert_close(model(batch.x)[0].detach(), before, rtol=0.0, atol=1e-12)
    for k, units in gone(model).items():
        assert int(units.sum()) == (3, 2)[k // 2]
        assert not model.layers[k].bias[units].any()


def test_without_biases_the_output_loses_what_replaced_units_gave():
    model, batch = network(bias=False), sf.Batch(*samples())
    rule = sf.chain(sf.BPTT(), sf.ContinualBackprop(replacement_rate=0.5, maturity=0))
    lesioned = copy.deepcopy(model)
    step(model, rule, rule.init(model), batch)
    with torch.no_grad():
        for k, units in gone(model).items():
            assert int(units.sum()) == 4
            lesioned.layers[k + 2].weight[units] = 0.0
    torch.testing.assert_close(model(batch.x)[0], lesioned(batch.x)[0], rtol=0.0, atol=1e-12)


@pytest.mark.parametrize(("rate", "maturity"), [(0.004, 0), (0.004, 30), (0.02, 5)])
def test_so_many_units_are_replaced_as_mature_ones_times_the_rate_add_up_to(rate, maturity):
    model = network()
    rule = sf.chain(sf.BPTT(), sf.ContinualBackprop(replacement_rate=rate, maturity=maturity))
    state, batch, mature = rule.init(model), sf.Batch(*samples(4)), np.zeros(2)
    for _ in range(120):
        ages = [units.age + 1 for units in state[1][0][1]]
        mature += [int((age > maturity).sum()) for age in ages]
        state = step(model, rule, state, batch)
    for units, steps in zip(state[1][0][1], mature, strict=True):
        assert units.replaced + units.due == pytest.approx(rate * steps, abs=1e-9)
        assert 0.0 <= units.due < 1.0
    assert state[1][0][1][0].replaced >= 3


def test_a_training_in_two_parts_is_one_and_the_state_given_stays_as_it_was():
    rule = sf.chain(sf.BPTT(), sf.ContinualBackprop(replacement_rate=0.05, maturity=3))
    batches = [sf.Batch(*(part[..., :8, :] if part.ndim > 1 else part[:8] for part in samples())) for _ in range(12)]
    model = network()
    state = rule.init(model)
    for batch in batches[:6]:
        state = step(model, rule, state, batch, 0.1)
    kept, half = copy.deepcopy(state), copy.deepcopy(model)
    after = state
    for batch in batches[6:]:
        after = step(model, rule, after, batch, 0.1)
    for now, then in zip(state[1][0][1], kept[1][0][1], strict=True):
        assert all(torch.equal(a, b) for a, b in zip(now[:4], then[:4], strict=True)) and now[4:] == then[4:]
    again = kept
    for batch in batches[6:]:
        again = step(half, rule, again, batch, 0.1)
    for name, weight in half.state_dict().items():
        assert torch.equal(weight, model.state_dict()[name])
    assert after[1][0][1][0].replaced > kept[1][0][1][0].replaced


@pytest.mark.parametrize(
    ("options", "said"),
    [({"replacement_rate": -1e-4}, "replacement_rate"), ({"replacement_rate": 1.0}, "replacement_rate"),
     ({"replacement_rate": float("nan")}, "replacement_rate"), ({"decay": 1.0}, "decay"), ({"decay": True}, "decay"),
     ({"maturity": -1}, "maturity"), ({"maturity": 1.5}, "maturity"), ({"seed": -1}, "seed")],
)  # fmt: skip
def test_constants_that_make_no_sense_are_refused(options, said):
    with pytest.raises(sf.InvalidValue, match=f"ContinualBackprop.{said}"):
        sf.ContinualBackprop(**options)


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ([Conv(1, 2, 3), Rate(sf.Relu()), Flatten(), Dense(8, 3)], r"layers\.0\.weight"),
        ([Dense(4, 5), BatchNorm(5), Rate(sf.Relu()), Dense(5, 3)], r"layers\.1\.norm\.weight"),
        ([Dense(4, 3)], "a hidden layer"),
        (list(sf.feedforward([4, 5, 3], delays=sf.LearnableDelay(max_delay=3.0)).layers), r"layers\.0\.delay"),
    ],
)
def test_what_is_no_chain_of_dense_connections_is_refused(layers, said):
    with pytest.raises(sf.InvalidValue, match=f"ContinualBackprop.*{said}"):
        sf.chain(sf.BPTT(), sf.ContinualBackprop()).init(sf.Feedforward(layers))


def test_recurrent_connections_and_frozen_ones_in_between_are_refused_at_the_first_batch():
    rule = sf.chain(sf.BPTT(), sf.ContinualBackprop())
    recurrent, frozen = sf.feedforward([4, 5, 3], recurrent=True), network(sizes=[4, 5, 5, 3]).float()
    frozen.layers[2].requires_grad_(False)
    for model in (recurrent, frozen):
        with pytest.raises(sf.InvalidValue, match=r"ContinualBackprop: .*trained Dense connections alone"):
            rule.gradients(model, sf.Batch(torch.ones(1, 2, 4), torch.zeros(2, dtype=torch.int64)), rule.init(model))
