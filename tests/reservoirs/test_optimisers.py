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


def test_rates_rise_linearly_before_they_fall_along_the_cosine_of_the_epochs_left():
    optimiser, scheduler = made(sf.sgd(0.8, final_learning_rate=0.0, warm_up_epochs=3), epochs=7)
    found = []
    for _ in range(7):
        found.append(rates(optimiser)["layers.0.weight"])
        optimiser.step()
        scheduler.step()
    assert found[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert found[4:] == pytest.approx([0.4 * (1.0 + math.cos(math.pi * k / 4)) for k in (1, 2, 3)])


def test_rates_that_have_risen_stay_where_no_final_one_is_given():
    optimiser, scheduler = made(sf.sgd(0.8, warm_up_epochs=1), epochs=3)
    found = []
    for _ in range(3):
        found.append(rates(optimiser)["layers.0.weight"])
        optimiser.step()
        scheduler.step()
    assert found == pytest.approx([0.4, 0.8, 0.8])


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
        ({"learning_rate": 0.1, "warm_up_epochs": -1}, "sgd: warm_up_epochs"),
        ({"learning_rate": 0.1, "warm_up_epochs": True}, "sgd: warm_up_epochs"),
    ],
)
def test_what_cannot_be_is_refused(options, said):
    with pytest.raises(sf.InvalidValue, match=said):
        sf.sgd(**options)


def test_what_neurons_learn_in_the_rules_network_moves_in_their_own_size_at_either_rate():
    network = sf.feedforward([3, 4, 2], neuron=sf.LIF(tau_m=20.0), learn=["tau_m"])
    both = Learner(network, sf.CounterCurrent().init(network))
    (optimiser,) = sf.adam(1e-2, rule_learning_rate=1e-3)(both, 1)
    optimiser.names = dict(both.named_parameters())
    found = rates(optimiser)
    assert found["layers.1.learned.tau_m"] == pytest.approx(0.2)
    assert found["rule.layers.1.learned.tau_m"] == pytest.approx(0.02)


def test_a_network_of_which_nothing_learns_is_refused():
    network = sf.perceptron([3, 2]).requires_grad_(False)
    with pytest.raises(sf.InvalidValue, match="no parameters that ask for a gradient"):
        sf.fit(network, sf.BPTT(), (torch.zeros(1, 4, 3), torch.zeros(4, dtype=torch.long)), epochs=1)
