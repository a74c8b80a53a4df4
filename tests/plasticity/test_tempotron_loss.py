"""The Tempotron's error as an objective, against its formula and against the event-driven rule."""

import math

import numpy as np
import pytest
import torch

import synfire as sf

OUTPUTS = torch.tensor(
    [[[0.2, 0.1, 0.0], [1.5, 0.0, 0.3]], [[0.7, 1.4, 0.2], [0.1, 0.2, 0.1]], [[0.3, 0.2, 1.0], [0.0, 0.6, 0.0]]]
).double()  # (time, batch, n)


def test_the_loss_is_the_distance_to_the_threshold_of_units_that_are_wrong():
    loss = sf.TempotronLoss()
    # sample 0 is of class 0: unit 0 misses by 0.3, unit 1 fires by 0.4, unit 2 by 0; sample 1 of class 0 is right
    assert float(loss.loss(OUTPUTS, torch.tensor([0, 0]))) == pytest.approx((0.3 + 0.4 + 0.0) / 2.0)
    assert float(loss.loss(OUTPUTS[:, :, :1], torch.tensor([1, 0]))) == pytest.approx((0.3 + 0.5) / 2.0)
    assert torch.equal(loss.scores(OUTPUTS).argmax(1), torch.tensor([1, 0]))
    assert torch.equal(loss.scores(OUTPUTS[:, :, :1]).argmax(1), torch.tensor([0, 1]))


def test_the_gradient_is_at_the_maximum_of_wrong_units_alone():
    outputs = OUTPUTS.clone().requires_grad_()
    sf.TempotronLoss().loss(outputs, torch.tensor([0, 0])).backward()
    expected = torch.zeros_like(OUTPUTS)
    expected[1, 0, 0], expected[1, 0, 1], expected[2, 0, 2] = -0.5, 0.5, 0.5
    assert torch.equal(outputs.grad, expected)


@pytest.fixture(scope="module")
def samples():
    rng = np.random.default_rng(0)
    spiked = rng.random((60, 6, 12)) < 0.02  # on a grid of 1 ms
    return spiked, np.arange(6) % 2


def gradient_in_steps(spiked, weight, target, dt, learn=()):
    """Of a `Dense` and a `Membrane` of time constant 15 ms, driven by spikes through an exponential synapse of 3.75 ms."""
    every = round(1.0 / dt)
    fine = np.zeros((len(spiked) * every, *spiked.shape[1:]))
    fine[::every] = spiked
    v_0 = 4.0 ** (4.0 / 3.0) / 3.0
    current, current_now = np.zeros_like(fine), np.zeros(fine.shape[1:])
    for t, now in enumerate(fine):
        current[t] = current_now = current_now * math.exp(-dt / 3.75) + now
    current *= v_0 * (15.0 - 3.75) / 3.75  # so that one spike's potential is K: tau dv/dt = -v + I
    neuron = sf.LIF(tau_m=15.0, v_rest=0.0, v_reset=0.0, v_threshold=1.0, r_m=1.0)
    layers = [sf.Dense(12, 1), sf.Membrane(1, neuron, dt=dt, learn=learn)]
    network = sf.Feedforward(layers, objective=sf.TempotronLoss()).double()
    with torch.no_grad():
        network.layers[0].weight.copy_(torch.as_tensor(weight) / network.layers[0].gain)
    batch = sf.Batch(torch.as_tensor(current), torch.as_tensor(target))
    credit = sf.BPTT().gradients(network, batch, None)
    return credit, network.layers[0].gain


def test_backprop_through_a_membrane_is_the_tempotrons_correction_up_to_dt(samples):
    spiked, target = samples
    rule = sf.Tempotron(momentum=0.0, rate=1e-6)  # so small that six corrections in turn are the sum of six
    state = rule.init(12, 1, seed=1)
    trains = sf.SpikeTrains.from_dense(spiked, 1.0)
    state = state._replace(weight=state.weight / np.median(rule.peaks(state, trains)[0]))  # half of the samples fire
    moved, errors = rule.epoch(state, trains, target, np.arange(6))
    assert errors >= 2
    expected = (moved.weight - state.weight) / 1e-6 * math.sqrt(12.0)
    away = []
    for dt in (0.1, 0.05):
        credit, gain = gradient_in_steps(spiked, state.weight, target, dt)
        found = -6.0 * credit.gradients["layers.0.weight"].numpy() / gain
        away.append(np.abs(found - expected).max() / np.abs(expected).max())
    assert away[1] < 0.02
    assert away[1] < 0.6 * away[0]  # first order in dt


def test_membranes_that_learn_their_time_constant_get_its_gradient(samples):
    spiked, target = samples
    weight = sf.Tempotron().init(12, 1, seed=1).weight
    credit, _ = gradient_in_steps(spiked, weight, target, 0.5, learn=("tau_m",))
    assert float(credit.gradients["layers.1.learned.tau_m"].abs().max()) > 0.0


@pytest.mark.parametrize("value", [math.nan, math.inf, "1", True, None])
def test_a_threshold_that_is_no_number_is_refused(value):
    with pytest.raises(sf.InvalidValue, match=r"^TempotronLoss\.v_threshold: "):
        sf.TempotronLoss(v_threshold=value)


@pytest.mark.parametrize("target", [torch.tensor([0, 3]), torch.tensor([0]), torch.tensor([0.0, 1.0])])
def test_a_target_that_is_no_class_is_refused(target):
    with pytest.raises(sf.InvalidValue, match=r"^target: "):
        sf.TempotronLoss().loss(OUTPUTS, target)


def test_a_file_gives_the_objective_back(tmp_path):
    layers = [sf.Dense(3, 2), sf.Membrane(2, sf.LIF())]
    sf.save_network(sf.Feedforward(layers, objective=sf.TempotronLoss(v_threshold=0.5)), tmp_path / "network.pt")
    assert sf.load_network(tmp_path / "network.pt").objective == sf.TempotronLoss(v_threshold=0.5)
