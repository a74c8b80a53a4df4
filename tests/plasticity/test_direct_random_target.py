"""Direct random target projection against the chain rule written out, its sign, and that hidden layers need no output."""

import pytest
import torch
from rate_networks import by_hand, clusters, map_network, rate_batch, tanh_network
from small_networks import difference, gradients, small_batch, small_network

import synfire as sf


def test_it_is_the_chain_rule_with_the_class_in_the_errors_place():
    network, batch, rule = tanh_network(), rate_batch(), sf.DirectRandomTarget(scale=0.3, seed=2)
    matrices = rule.init(network)

    def below(hidden, current_error, error, one_hot):
        return -(one_hot / len(one_hot)) @ matrices[hidden].numpy().T

    found = rule.gradients(network, batch, matrices)
    assert difference(found.gradients, by_hand(network, batch, below)) < 1e-12
    exact = sf.BPTT().gradients(network, batch, None)
    assert torch.equal(found.loss, exact.loss)
    assert torch.equal(found.scores, exact.scores)


def test_descent_moves_each_class_towards_its_own_pattern():
    """The sign: after a small step the activity of class c has moved along + B_c, in every hidden layer."""
    network, batch, rule = tanh_network(), rate_batch(), sf.DirectRandomTarget()
    matrices = rule.init(network)
    for hidden, matrix in enumerate(matrices):
        before = network.activity(batch.x)[2 * hidden + 1][0]
        weight = network.layers[2 * hidden].weight
        gradient = rule.gradients(network, batch, matrices).gradients[f"layers.{2 * hidden}.weight"]
        with torch.no_grad():
            weight -= 1e-3 * gradient
            moved = network.activity(batch.x)[2 * hidden + 1][0] - before
            weight += 1e-3 * gradient
        assert float((moved * matrix.T[batch.target]).sum()) > 0.0


def test_hidden_layers_learn_the_same_whatever_the_output_is():
    network, batch, rule = tanh_network(), rate_batch(), sf.DirectRandomTarget()
    matrices = rule.init(network)
    before = rule.gradients(network, batch, matrices).gradients
    with torch.no_grad():
        network.layers[4].weight.neg_()
    after = rule.gradients(network, batch, matrices).gradients
    for name in before:
        assert torch.equal(after[name], before[name]) is (not name.startswith("layers.4"))


def test_in_time_the_target_is_spread_over_the_steps():
    """Layer by layer with ordinary autodiff: minus the mean over steps and samples of B_c . spikes, with its input held."""
    network, batch, rule = small_network(hidden=2, recurrent=True), small_batch(), sf.DirectRandomTarget()
    matrices = rule.init(network)
    found = rule.gradients(network, batch, matrices).gradients
    activity = network.activity(batch.x)
    for k, matrix in enumerate(matrices):
        connections, neurons = network.layers[2 * k], network.layers[2 * k + 1]
        spikes, _ = neurons(connections(batch.x if k == 0 else activity[1])[0])
        along = -(spikes * matrix.T[batch.target]).sum(-1).mean()
        names = {f"layers.{2 * k}.weight": connections.weight, f"layers.{2 * k + 1}.weight": neurons.weight}
        for name, expected in zip(names, torch.autograd.grad(along, list(names.values())), strict=True):
            torch.testing.assert_close(found[name], expected, rtol=1e-10, atol=1e-14)


def test_scale_is_the_standard_deviation_of_the_matrices_and_the_seed_their_draw():
    network = sf.perceptron([5, 300, 200, 4])
    small, large, other = (
        sf.DirectRandomTarget(scale=scale, seed=seed).init(network) for scale, seed in ((0.05, 1), (0.2, 1), (0.05, 2))
    )
    assert [tuple(matrix.shape) for matrix in small] == [(300, 4), (200, 4)]
    for one, more, drawn_anew in zip(small, large, other, strict=True):
        assert float(one.std()) == pytest.approx(0.05, rel=0.1)  # of 800 draws at least: known to 2.5 %
        torch.testing.assert_close(more, 4.0 * one)
        assert not torch.equal(one, drawn_anew)


@pytest.mark.parametrize("seed", [0, 1])
def test_networks_learn_by_it(seed):
    """And learn more than a readout of random features: hidden layers carry the classes further apart."""
    network, batch = sf.perceptron([20, 40, 40, 5], seed=seed), clusters()
    rule = sf.DirectRandomTarget(seed=seed)
    fitted = sf.fit(network, rule, batch, epochs=20, batch=50, optimisers=sf.sgd(0.1), progress=False)
    assert fitted.history.train_loss[-1] < 0.1 * fitted.history.train_loss[0]
    frozen = sf.perceptron([20, 40, 40, 5], seed=seed)
    for k in (0, 2):
        frozen.layers[k].requires_grad_(False)
    control = sf.fit(frozen, sf.BPTT(), batch, epochs=20, batch=50, optimisers=sf.sgd(0.1), progress=False)
    assert fitted.history.train_loss[-1] < 0.5 * control.history.train_loss[-1]


def test_convolutions_get_their_matrices_at_the_first_batch():
    network, batch, rule = map_network(), rate_batch(shape=(2, 9, 9)), sf.DirectRandomTarget()
    found = rule.gradients(network, batch, rule.init(network))
    assert [tuple(matrix.shape) for matrix in found.state] == [(3 * 4 * 4, 3), (4, 3)]
    assert list(found.gradients) == [name for name, _ in network.named_parameters()]


def test_what_has_no_classes_and_no_readout_is_refused():
    network, batch = sf.perceptron([5, 7, 3], objective=sf.SquaredError()).double(), rate_batch()
    with pytest.raises(sf.InvalidValue, match=r"target: must be class numbers.*float64.*DirectFeedback"):
        gradients(sf.DirectRandomTarget(), network, sf.Batch(batch.x, torch.zeros(1, 8, 3).double()))
    with pytest.raises(sf.InvalidValue, match="DirectRandomTarget: the last connections: must be Dense"):
        sf.DirectRandomTarget().init(sf.Feedforward([sf.neurons.Conv(1, 2, 3)]))
    for scale in (0.0, -0.1, float("nan"), True):
        with pytest.raises(sf.InvalidValue, match=r"DirectRandomTarget\.scale"):
            sf.DirectRandomTarget(scale=scale)
