"""Direct feedback alignment: where it is backpropagation, that layers learn on their own, and that learning aligns them."""

import pytest
import torch
from rate_networks import by_hand, clusters, map_network, rate_batch, tanh_network
from small_networks import difference, gradients, small_batch, small_network

import synfire as sf
from synfire.neurons.dense import Conv, Dense
from synfire.neurons.normalise import Extend
from synfire.neurons.spiking import Recurrent, Spiking


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("tau_readout", [0.0, 9.0])
def test_with_the_forward_weights_one_hidden_layer_is_backpropagation(tau_readout, recurrent):
    network, batch = small_network(tau_readout=tau_readout, recurrent=recurrent), small_batch()
    found = gradients(sf.DirectFeedback(feedback=sf.SymmetricFeedback()), network, batch)
    assert difference(found, gradients(sf.BPTT(), network, batch)) < 1e-12


@pytest.mark.parametrize("neuron", [sf.LIF(), sf.SoftResetLIF()])
def test_without_recurrence_it_is_e_prop_with_the_same_feedback(neuron):
    """One filters the trace by the readout's leak forward in time, the other the error backward: the same sum."""
    network, batch, feedback = small_network(neuron, hidden=2), small_batch(), sf.RandomFeedback(seed=2)
    found = gradients(sf.DirectFeedback(feedback=feedback), network, batch)
    assert difference(found, gradients(sf.EProp(feedback=feedback), network, batch)) < 1e-9


def test_each_layer_gets_the_derivative_of_its_own_spikes_along_its_feedback():
    """Layer by layer with ordinary autodiff: <B error, spikes of the layer> with its input held."""
    network, batch, rule = small_network(hidden=3, recurrent=True), small_batch(), sf.DirectFeedback()
    matrices = rule.init(network)
    found = rule.gradients(network, batch, matrices).gradients
    with torch.no_grad():
        activity = network.activity(batch.x)
    current = activity[6].requires_grad_()
    output, _ = network.layers[7](current)
    (error,) = torch.autograd.grad(network.objective.loss(output, batch.target), current)
    assert len(matrices) == 3
    for k, matrix in enumerate(matrices):
        connections, neurons = network.layers[2 * k], network.layers[2 * k + 1]
        given = batch.x if k == 0 else activity[2 * k - 1].detach()
        spikes, _ = neurons(connections(given)[0])
        along = (network.layers[6].gain * error @ matrix.T * spikes).sum()
        parameters = {f"layers.{2 * k}.weight": connections.weight, f"layers.{2 * k + 1}.weight": neurons.weight}
        for (name, _), expected in zip(
            parameters.items(), torch.autograd.grad(along, list(parameters.values())), strict=True
        ):
            torch.testing.assert_close(found[name], expected, rtol=1e-10, atol=1e-14)


def test_feedback_is_a_function_of_its_seed():
    network, batch = small_network(), small_batch()
    first, again, other = (
        gradients(sf.DirectFeedback(feedback=sf.RandomFeedback(seed=s)), network, batch) for s in (3, 3, 4)
    )
    assert difference(first, again) == 0.0
    assert sf.angle(first, other).by_parameter["layers.0.weight"] > 1.0


def test_forward_weights_align_with_feedback_while_the_network_learns():
    """The claim of feedback alignment: the angle to the true gradient falls below 90 degrees, and the loss falls."""
    torch.manual_seed(0)
    network = sf.feedforward([12, 40, 3], seed=1)
    draw = torch.Generator().manual_seed(0)
    rates = 0.05 + 0.25 * (torch.rand((3, 12), generator=draw) < 0.4)
    target = torch.arange(90) % 3
    batch = sf.Batch((torch.rand((30, 90, 12), generator=draw) < rates[target]).float(), target)
    rule, name = sf.DirectFeedback(feedback=sf.RandomFeedback(seed=5)), "layers.0.weight"
    first = sf.BPTT().gradients(network, batch, None)
    angle = sf.angle(gradients(rule, network, batch), first.gradients).by_parameter[name]
    fitted = sf.fit(network, rule, (batch.x, target), epochs=40, batch=45, optimisers=sf.adam(5e-3), progress=False)
    last = sf.BPTT().gradients(fitted.network, batch, None)
    aligned = sf.angle(gradients(rule, fitted.network, batch), last.gradients).by_parameter[name]
    assert float(last.loss) < 0.6 * float(first.loss)
    assert aligned < min(angle, 80.0)


@pytest.mark.parametrize("objective", [sf.CountCrossEntropy(), sf.MaxCrossEntropy(), sf.SummedSoftmax()])
def test_takes_any_objective_normalisation_and_spiking_outputs(objective):
    usual = sf.feedforward([6, 7, 5, 3], batch_norm=True, dropout=0.1, learn=["tau_m"], objective=objective).double()
    spiking = sf.Feedforward([Dense(6, 7, gain=300.0), Recurrent(7, sf.LIF()), Dense(7, 3, gain=300.0), Spiking(3, sf.LIF())],
                             objective).double()  # fmt: skip
    for network in (usual, spiking):
        found = gradients(sf.DirectFeedback(), network, small_batch())
        assert list(found) == [name for name, _ in network.named_parameters()]


def test_refuses_networks_without_a_dense_readout():
    for layers in ([Spiking(6, sf.LIF())], [Conv(1, 2, 3)]):
        with pytest.raises(sf.InvalidValue, match="must be Dense"):
            sf.DirectFeedback().init(sf.Feedforward(layers))
    with pytest.raises(sf.InvalidValue, match="one hidden layer"):
        sf.DirectFeedback(feedback=sf.AdaptiveFeedback()).init(small_network(hidden=2))
    with pytest.raises(sf.InvalidValue, match=r"DirectFeedback\.feedback"):
        sf.DirectFeedback(feedback=3)


def test_delayed_connections_at_the_end_are_refused_and_not_trained_by_backprop():
    net = sf.feedforward([4, 5, 3], delays=sf.TwoTapDelay(max_delay=3.0))
    with pytest.raises(sf.InvalidValue, match="DelayedDense"):
        sf.DirectFeedback().init(net)


def test_on_rate_networks_it_is_the_chain_rule_with_b_error_for_all_that_lies_above():
    network, batch, rule = tanh_network(), rate_batch(), sf.DirectFeedback(feedback=sf.RandomFeedback(seed=6))
    matrices = rule.init(network)

    def below(hidden, current_error, error, one_hot):
        return network.layers[4].gain * error @ matrices[hidden].numpy().T

    found = rule.gradients(network, batch, matrices)
    assert difference(found.gradients, by_hand(network, batch, below)) < 1e-12
    exact = sf.BPTT().gradients(network, batch, None)
    assert torch.equal(found.loss, exact.loss)
    assert torch.equal(found.scores, exact.scores)


@pytest.mark.parametrize("kind", ["rates", "maps", "spikes"])
def test_one_hidden_block_is_backpropagation_whatever_stands_in_it(kind):
    """Pooling, normalisation and dropout belong to the block: the error passes them on its way."""
    network = map_network(two=False, drop=0.4) if kind == "maps" else sf.perceptron([5, 9, 3], bias=True).double()
    batch = rate_batch(shape=(2, 9, 9)) if kind == "maps" else rate_batch()
    if kind == "spikes":
        network, batch = sf.feedforward([6, 7, 3], batch_norm=True, dropout=0.4).double(), small_batch()
    torch.manual_seed(0)
    found = gradients(sf.DirectFeedback(feedback=sf.SymmetricFeedback()), network, batch)
    torch.manual_seed(0)
    assert difference(found, gradients(sf.BPTT(), network, batch)) < 1e-12


def test_maps_of_a_size_that_only_a_batch_tells_get_their_matrices_then():
    network, batch, rule = map_network(), rate_batch(shape=(2, 9, 9)), sf.DirectFeedback()
    first = rule.gradients(network, batch, rule.init(network))
    assert [tuple(matrix.shape) for matrix in first.state] == [(3 * 4 * 4, 3), (4, 3)]
    again = rule.gradients(network, batch, first.state)
    assert difference(again.gradients, first.gradients) == 0.0
    assert list(first.gradients) == [name for name, _ in network.named_parameters()]


def test_frozen_readouts_and_frozen_blocks_are_passed_by():
    network, batch, rule = tanh_network(), rate_batch(), sf.DirectFeedback()
    expected = gradients(rule, network, batch)
    for k in (0, 4):
        network.layers[k].requires_grad_(False)
    found = gradients(rule, network, batch)
    assert list(found) == ["layers.2.weight", "layers.2.bias"]
    assert all(torch.equal(found[name], expected[name]) for name in found)


@pytest.mark.parametrize("seed", [0, 1])
def test_rate_networks_align_with_feedback_too(seed):
    batch, rule = clusters(), sf.DirectFeedback(feedback=sf.RandomFeedback(seed=seed))
    network = sf.perceptron([20, 40, 40, 5], seed=seed)
    fitted = sf.fit(network, rule, batch, epochs=20, batch=50, optimisers=sf.sgd(0.2), progress=False)
    exact = sf.BPTT().gradients(fitted.network, batch, None).gradients
    apart = sf.angle(rule.gradients(fitted.network, batch, fitted.state).gradients, exact).by_parameter
    assert apart["layers.0.weight"] < 85.0
    assert apart["layers.2.weight"] < 75.0
    assert fitted.history.train_loss[-1] < 0.2 * fitted.history.train_loss[0]


def test_a_hidden_block_that_ends_before_the_output_is_refused():
    layers = [Dense(6, 4, gain=200.0), Spiking(4, sf.LIF()), Dense(4, 4), Spiking(4, sf.LIF()), Extend(5), Dense(4, 3)]
    network = sf.Feedforward(layers).double()
    with pytest.raises(sf.InvalidValue, match=r"hidden block 0: .*80 steps.*got '75 steps'"):
        gradients(sf.DirectFeedback(), network, small_batch())
