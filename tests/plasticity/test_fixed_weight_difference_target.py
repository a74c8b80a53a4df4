"""Fixed-weight difference target propagation: what it shares with the learned one, and where it is backpropagation."""

import pytest
import torch
from digits_training import accuracy, readout_alone
from small_networks import difference, gradients
from target_networks import batch_of, in_numpy, linear, network_of

import synfire as sf


@pytest.mark.parametrize("step", [0.01, 3.0])
def test_gradients_are_those_of_the_definition(step):
    network, batch, rule = network_of(5, 7, 6, 3, 4), batch_of(), sf.FixedWeightDifferenceTarget(step=step, seed=2)
    state = rule.init(network)
    _, expected = in_numpy(network, state, batch, step, 1.0)
    found = rule.gradients(network, batch, state).gradients
    assert list(found) == [name for name in expected if not name.startswith("rule.")]
    for name, value in found.items():
        torch.testing.assert_close(value, torch.from_numpy(expected[name]), rtol=1e-9, atol=1e-13)


def test_forward_gradients_are_those_with_which_learned_feedback_begins():
    network, batch = network_of(5, 7, 6, 4), batch_of()
    learned = gradients(sf.DifferenceTarget(step=0.3, seed=5), network, batch)
    found = gradients(sf.FixedWeightDifferenceTarget(step=0.3, seed=5), network, batch)
    assert difference(found, {name: learned[name] for name in found}) == 0.0


def test_with_the_transposed_weights_and_linear_units_it_is_backpropagation():
    network, batch, rule = network_of(5, 7, 6, 3, 4, activation=linear), batch_of(), sf.FixedWeightDifferenceTarget()
    state = rule.init(network)
    with torch.no_grad():
        for back, k in zip(state, (2, 4), strict=True):
            back[0].weight.copy_(network.layers[k].weight.T)
    found = rule.gradients(network, batch, state).gradients
    assert difference(found, gradients(sf.BPTT(), network, batch)) < 1e-12


def test_training_leaves_the_feedback_as_the_seed_made_it():
    network, batch, rule = network_of(5, 7, 6, 4), batch_of(), sf.FixedWeightDifferenceTarget(seed=3)
    fitted = sf.fit(network, rule, tuple(batch), epochs=3, optimisers=sf.adam(0.1), progress=False)
    for one, other in zip(fitted.state.parameters(), rule.init(network).parameters(), strict=True):
        assert torch.equal(one, other)
    other = sf.FixedWeightDifferenceTarget(seed=4).init(network)
    assert not torch.equal(other[0][0].weight, fitted.state[0][0].weight)


def test_a_network_learns_the_digits_with_it():
    optimiser = sf.sgd(0.3)
    alone = accuracy(sf.BPTT(), readout_alone(sf.perceptron([64, 16, 16, 10])), optimiser)
    assert accuracy(sf.FixedWeightDifferenceTarget(), sf.perceptron([64, 16, 16, 10]), optimiser) > alone + 0.2
