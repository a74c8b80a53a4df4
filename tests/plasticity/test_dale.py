"""Dale's law: weights made to obey it, held to it by clamping or by steps that keep signs, and refused if they do not."""

import numpy as np
import pytest
import torch
from digits_training import accuracy, readout_alone
from small_networks import small_batch, small_network

import synfire as sf
from synfire.neurons.dense import Conv, Dense


def relu_network(sizes=(40, 30, 20, 5), seed=0, **options):
    return sf.perceptron(list(sizes), activation=sf.Relu(), seed=seed, **options)


def signs(weight):
    """The sign of each presynaptic unit, none of which may have both."""
    rows = weight.detach().movedim(1, 0) if weight.ndim == 4 else weight.detach()
    found = torch.stack([rows.flatten(1).sign().amax(1), rows.flatten(1).sign().amin(1)])
    assert bool((found[0] * found[1] >= 0).all())
    return found.sum(0).sign()


@pytest.mark.parametrize(
    ("excitatory", "expected"), [(0.8, (32, 24, 16)), (0.5, (20, 15, 10)), (1.0, (40, 30, 20)), (0, (0, 0, 0))]
)
def test_made_weights_have_so_many_excitatory_units_balance_and_the_size_they_had(excitatory, expected):
    network = relu_network()
    made = sf.dale_weights(network, excitatory=excitatory, seed=3)
    for k, n in zip((0, 2, 4), expected, strict=True):
        was, now = network.layers[k].weight.detach(), made.layers[k].weight.detach()
        assert int((signs(now) > 0).sum()) == n
        assert float(now.norm()) == pytest.approx(float(was.norm()), rel=1e-5)
        if 0 < n < len(now):  # means over units of one kind differ by their spread
            of_all = now.double().mean(1)
            excited, inhibited = of_all[of_all > 0].sum(), -of_all[of_all < 0].sum()
            assert 0.5 < float(excited / inhibited) < 2.0
    assert not torch.equal(network.layers[0].weight, made.layers[0].weight)


def test_sizes_are_log_normal_and_a_function_of_the_seed():
    network = relu_network((200, 100, 5))
    first, again, other = (sf.dale_weights(network, seed=s).layers[0].weight.detach() for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first.sign(), other.sign())
    logs = first[signs(first) > 0].abs().log().double()
    assert float(logs.std()) == pytest.approx(1.0, abs=0.05)  # of 16,000: 9 standard errors
    assert abs(float(((logs - logs.mean()) / logs.std()).pow(3).mean())) < 0.15  # 8 standard errors of a skewness of 0


def test_neurons_that_hear_one_another_have_one_sign_for_all_they_reach():
    made = sf.dale_weights(small_network(hidden=2, recurrent=True, n=(6, 12, 3)))
    for k in (1, 3):
        assert torch.equal(signs(made.layers[k].weight), signs(made.layers[k + 1].weight))
        assert not made.layers[k].weight.diagonal().any()


def fitted(network, rule, optimisers, epochs=3):
    draw = torch.Generator().manual_seed(0)
    batch = torch.rand((1, 30, 40), generator=draw), torch.arange(30) % 5
    return sf.fit(network, rule, batch, epochs=epochs, batch=30, optimisers=optimisers, progress=False).network


def test_after_a_step_weights_of_the_wrong_sign_are_0_and_all_others_as_the_optimiser_left_them():
    network = sf.dale_weights(relu_network())
    plain, held = (fitted(network, rule, sf.adam(0.1), 1) for rule in (sf.BPTT(), sf.chain(sf.BPTT(), sf.Dale())))
    for k in (0, 2, 4):
        free, sign = plain.layers[k].weight.detach().numpy(), signs(network.layers[k].weight).numpy()[:, None]
        np.testing.assert_array_equal(held.layers[k].weight.detach().numpy(), np.where(free * sign > 0, free, 0.0))
        assert (free * sign < 0).any()  # so there was something to hold


@pytest.mark.parametrize("modifier", [sf.Dale(), sf.ExponentiatedGradient()], ids=["by clamping", "by itself"])
@pytest.mark.parametrize("rule", [sf.BPTT(), sf.DifferenceTarget(), sf.FixedWeightDifferenceTarget()])
def test_the_law_holds_after_training(rule, modifier):
    network = sf.dale_weights(relu_network())
    after = fitted(network, sf.chain(rule, modifier), sf.adam(0.05), 20)
    for k in (0, 2, 4):
        was, now = network.layers[k].weight, after.layers[k].weight
        assert bool((signs(was) * signs(now) >= 0).all())
        assert not torch.equal(was, now)


def test_the_law_holds_in_recurrent_spiking_networks_trained_by_feedback_alignment():
    network = sf.dale_weights(small_network(recurrent=True))
    rule, batch = sf.chain(sf.DirectFeedback(), sf.Dale()), tuple(small_batch(time=30))
    after = sf.fit(network, rule, batch, epochs=10, optimisers=sf.adam(0.1), progress=False).network
    for k in (0, 1, 2):
        assert bool((signs(network.layers[k].weight) * signs(after.layers[k].weight) >= 0).all())
        assert not torch.equal(network.layers[k].weight, after.layers[k].weight)


def test_a_weight_that_was_clamped_grows_again_and_a_unit_without_weights_stays_without():
    weights = {"layers.0.weight": torch.tensor([[1.0, 2.0], [-1.0, 0.0], [0.0, 0.0]])}
    rule = sf.Dale()
    state = rule.init(weights)
    for step, expected in (
        (-1.5, [[0.0, 0.5], [-2.5, -1.5], [0.0, 0.0]]),
        (1.0, [[1.0, 1.5], [-1.5, -0.5], [0.0, 0.0]]),
    ):
        weights["layers.0.weight"] += step
        state = rule.settle(weights, state)
        torch.testing.assert_close(weights["layers.0.weight"], torch.tensor(expected))


def test_kernels_are_held_by_the_channel_they_come_from():
    layers = [Conv(3, 4, 3, seed=1), sf.Rate(sf.Relu()), sf.Flatten(), Dense(16, 2, seed=2)]
    network = sf.dale_weights(sf.Feedforward(layers), excitatory=0.7)
    draw = torch.Generator().manual_seed(0)
    batch = torch.rand((1, 10, 3, 4, 4), generator=draw), torch.arange(10) % 2
    after = sf.fit(
        network, sf.chain(sf.BPTT(), sf.Dale()), batch, epochs=5, optimisers=sf.adam(0.2), progress=False
    ).network
    was, now = network.layers[0].weight, after.layers[0].weight
    assert sorted(signs(was).tolist()) == [-1.0, 1.0, 1.0]
    assert bool((signs(was) * signs(now) >= 0).all())
    assert bool((now == 0).any())


def test_a_network_of_excitatory_and_inhibitory_units_learns_the_digits():
    def network():
        return sf.dale_weights(relu_network((64, 16, 10)))

    rule, optimiser = sf.chain(sf.BPTT(), sf.Dale()), sf.sgd(0.3)
    assert accuracy(rule, network(), optimiser) > accuracy(rule, readout_alone(network()), optimiser) + 0.2


def test_units_of_both_signs_are_refused_by_layer_and_number():
    network = sf.dale_weights(relu_network())
    with torch.no_grad():
        network.layers[2].weight[7, 3] *= -1.0
    with pytest.raises(sf.InvalidValue, match=r"Dale: layers\.2\.weight: .*both signs of unit 7'; .*dale_weights"):
        sf.chain(sf.BPTT(), sf.Dale()).init(network)
    with pytest.raises(sf.InvalidValue, match=r"and \d+ more"):
        sf.chain(sf.BPTT(), sf.Dale()).init(relu_network())


@pytest.mark.parametrize("options", [{"excitatory": 1.1}, {"excitatory": -0.1}, {"excitatory": True}, {"seed": -1}])
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(sf.InvalidValue, match=f"dale_weights: {next(iter(options))}"):
        sf.dale_weights(relu_network(), **options)


def test_connections_with_delays_are_refused():
    with pytest.raises(sf.InvalidValue, match=r"network\.layers\[0\].*DelayedDense"):
        sf.dale_weights(sf.feedforward([4, 5, 3], delays=sf.TwoTapDelay(max_delay=3.0)))
