"""Feedback alignment against the chain rule written out, and that it neither sees the weights above nor needs to."""

import pytest
import torch
from rate_networks import by_hand, clusters, rate_batch, tanh_network
from small_networks import difference, gradients, small_batch, small_network

import synfire as sf
from synfire.neurons.dense import Dense


def test_it_is_the_chain_rule_with_b_for_the_weights():
    network, batch, rule = tanh_network(), rate_batch(), sf.FeedbackAlignment(seed=4)
    matrices = rule.init(network)

    def below(hidden, current_error, error, one_hot):
        k = 2 * (hidden + 1)
        return network.layers[k].gain * current_error @ matrices[k].numpy().T

    found = rule.gradients(network, batch, matrices)
    assert difference(found.gradients, by_hand(network, batch, below)) < 1e-12
    exact = sf.BPTT().gradients(network, batch, None)
    assert torch.equal(found.loss, exact.loss)
    assert torch.equal(found.scores, exact.scores)
    assert found.state is matrices


def test_weights_above_that_change_nothing_on_the_way_forward_change_no_gradient():
    """Readout weights plus a part that is blind to the hidden activity of these samples: backprop sees it, alignment not."""
    network, batch, rule = sf.perceptron([5, 12, 10, 3], seed=1).double(), rate_batch(samples=4), sf.FeedbackAlignment()
    matrices = rule.init(network)
    activity = network.activity(batch.x)[3][0]
    blind = torch.eye(10, dtype=torch.float64) - torch.linalg.pinv(activity) @ activity
    before = [rule.gradients(network, batch, matrices).gradients, sf.BPTT().gradients(network, batch, None).gradients]
    with torch.no_grad():
        network.layers[4].weight += blind @ torch.randn(10, 3, dtype=torch.float64)
    after = [rule.gradients(network, batch, matrices).gradients, sf.BPTT().gradients(network, batch, None).gradients]
    assert difference(after[0], before[0]) < 1e-10  # what rounding leaves of the blind part at the output
    assert difference(after[1], before[1]) > 0.1


def test_matrices_have_the_size_of_the_first_weights_and_are_a_function_of_the_seed():
    network = sf.perceptron([5, 200, 150, 3], seed=2)
    first, again, other = (sf.FeedbackAlignment(seed=s).init(network) for s in (3, 3, 4))
    assert list(first) == [2, 4]
    for k, matrix in first.items():
        weight = network.layers[k].weight.detach()
        assert matrix.shape == weight.shape
        assert matrix.dtype == weight.dtype
        # 450 draws at least: their root mean square is known to 3 %
        assert matrix.square().mean().sqrt().item() == pytest.approx(weight.square().mean().sqrt().item(), rel=0.15)
        assert torch.equal(matrix, again[k])
        assert not torch.equal(matrix, other[k])
    assert sf.FeedbackAlignment().init(tanh_network())[2].dtype == torch.float64


@pytest.mark.parametrize("seed", [0, 1])
def test_weights_align_with_the_fixed_ones_while_the_network_learns(seed):
    """The claim of the source: every hidden layer's gradient comes below 90 degrees of backprop's, and the task is learned."""
    batch, rule = clusters(), sf.FeedbackAlignment(seed=seed)
    network = sf.perceptron([20, 40, 40, 5], seed=seed)
    fitted = sf.fit(network, rule, batch, epochs=20, batch=50, optimisers=sf.sgd(0.2), progress=False)
    matrices = fitted.state
    assert all(torch.equal(matrix, matrices[k]) for k, matrix in rule.init(network).items())
    exact = sf.BPTT().gradients(fitted.network, batch, None).gradients
    apart = sf.angle(rule.gradients(fitted.network, batch, matrices).gradients, exact).by_parameter
    assert apart["layers.0.weight"] < 85.0
    assert apart["layers.2.weight"] < 75.0
    assert fitted.history.train_loss[-1] < 0.2 * fitted.history.train_loss[0]


def test_spiking_networks_learn_by_it_too():
    network, batch = small_network(hidden=2), small_batch()
    found, exact = gradients(sf.FeedbackAlignment(), network, batch), gradients(sf.BPTT(), network, batch)
    assert list(found) == list(exact)
    torch.testing.assert_close(found["layers.4.weight"], exact["layers.4.weight"], rtol=1e-12, atol=0.0)
    assert sf.angle(found, exact).by_parameter["layers.2.weight"] > 1.0


def test_bad_seeds_and_weights_without_a_scale_are_refused():
    with pytest.raises(sf.InvalidValue, match=r"FeedbackAlignment\.seed"):
        sf.FeedbackAlignment(seed=-1)
    with pytest.raises(sf.InvalidValue, match=r"layer 1: .*all 0.*scale"):
        sf.FeedbackAlignment().init(sf.Feedforward([Dense(3, 3), Dense(3, 2, bound=0.0)]))
