"""`sgd` and `adam`: rates of a network and of what its rule learns, and the fall along a cosine."""

import math

import pytest
import torch

import synfire as sf
from synfire.reservoirs.optimisers import Learner


def learner():
    network = sf.perceptron([3, 4, 2], activation=sf.Elu())
    return Learner(network, sf.CounterCurrent().init(network))


def rates(optimiser):
    """Learning rate of every parameter, by its name; none for those that it does not move."""
    names = {id(value): name for name, value in optimiser.names.items()}
    return {names[id(value)]: group["lr"] for group in optimiser.param_groups for value in group["params"]}


def made(factory, epochs=10):
    network = learner()
    optimisers = factory(network, epochs)
    optimisers[0].names = dict(network.named_parameters())
    return optimisers


def test_a_rule_learns_at_the_networks_rate_unless_it_has_its_own():
    everywhere = rates(made(sf.sgd(0.5))[0])
    assert set(everywhere.values()) == {0.5}
    assert set(everywhere) == {f"{part}layers.{k}.weight" for part in ("", "rule.") for k in (0, 2)}
    for factory in (sf.sgd(0.5, rule_learning_rate=0.1), sf.adam(0.5, rule_learning_rate=0.1)):
        found = rates(made(factory)[0])
        assert all(rate == (0.1 if name.startswith("rule.") else 0.5) for name, rate in found.items())


@pytest.mark.parametrize("factory", [sf.sgd(0.5, rule_learning_rate=0.0), sf.adam(0.5, rule_learning_rate=0.0)])
def test_a_rate_of_0_leaves_the_rules_own_parameters_alone(factory):
    assert not any(name.startswith("rule.") for name in rates(made(factory)[0]))


def test_rates_fall_along_half_a_cosine_to_the_final_one():
    optimiser, scheduler = made(sf.sgd(0.8, rule_learning_rate=0.2, final_learning_rate=0.1), epochs=4)
    for epoch in range(5):
        down = 0.5 * (1.0 + math.cos(math.pi * epoch / 4))
        found = rates(optimiser)
        assert found["layers.0.weight"] == pytest.approx(0.1 + 0.7 * down)
        assert found["rule.layers.0.weight"] == pytest.approx(0.1 + 0.1 * down)
        optimiser.step()
        scheduler.step()


def test_a_step_is_the_equation():
    network = learner()
    (optimiser,) = sf.sgd(0.5, weight_decay=0.1, momentum=0.9)(network, 1)
    weight = network.layers[0].weight
    before = weight.detach().clone()
    velocity = torch.zeros_like(before)
    for _ in range(2):
        wanted = torch.ones_like(before) + 0.1 * weight.detach()
        velocity = 0.9 * velocity + wanted
        before = weight.detach() - 0.5 * velocity
        weight.grad = torch.ones_like(weight)
        optimiser.step()
        torch.testing.assert_close(weight.detach(), before)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"learning_rate": 0.0}, "sgd: learning_rate"),
        ({"learning_rate": 0.1, "rule_learning_rate": -1.0}, "sgd: rule_learning_rate"),
        ({"learning_rate": 0.1, "momentum": 1.0}, "sgd: momentum"),
        ({"learning_rate": 0.1, "weight_decay": math.inf}, "sgd: weight_decay"),
        ({"learning_rate": 0.1, "final_learning_rate": math.nan}, "sgd: final_learning_rate"),
    ],
)
def test_what_cannot_be_is_refused(options, said):
    with pytest.raises(sf.InvalidValue, match=said):
        sf.sgd(**options)
