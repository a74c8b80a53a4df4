"""SLTT: backpropagation with the path through time cut, its draw of steps, its memory, and the angle between rules."""

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from small_networks import difference, gradients, peak_bytes, small_batch, small_network

import synfire as sf
from synfire.neurons.normalise import Count, Extend


def oracle(network, batch, traced=False):
    """SLTT, or OTTT if `traced`, of two hidden layers of SoftResetLIF and a leaky readout, by the chain rule in NumPy."""
    connections, neurons, membrane = network.layers[0::2][:3], network.layers[1::2][:2], network.layers[5]
    weights = [(c.gain * c.weight).detach().numpy() for c in connections]
    biases = [(c.gain * c.bias).detach().numpy() for c in connections]
    models = [layer.neuron() for layer in (*neurons, membrane)]
    decays = [math.exp(-1.0 / model.tau_m) for model in models]
    time, samples = batch.x.shape[:2]
    v = [np.full((samples, len(b)), m.v_rest) for b, m in zip(biases, models, strict=True)]
    traces = [np.zeros((samples, len(w) + 1)) for w in weights]
    found = [np.zeros((len(w) + 1, w.shape[1])) for w in weights]
    for t in range(time):
        x, psi = batch.x[t].numpy(), []
        for k, (weight, bias, model, decay) in enumerate(zip(weights, biases, models, decays, strict=True)):
            with_one = np.concatenate([x, np.ones((samples, 1))], 1)
            traces[k] = decay * traces[k] + with_one if traced else with_one
            v_inf = model.v_rest + model.r_m * (x @ weight + bias)
            v[k] = v_inf + (v[k] - v_inf) * decay
            if k < 2:
                excess = v[k] - model.v_threshold
                psi.append(1.0 / (1.0 + (math.pi * excess / neurons[k].scale) ** 2) / neurons[k].scale)
                x = (excess >= 0.0).astype(float)
                v[k] = v[k] - model.v_drop * x
        p = np.exp(v[2]) / np.exp(v[2]).sum(1, keepdims=True)
        delta = (p - np.eye(p.shape[1])[batch.target]) / samples / time * (1 - decays[2])
        for k in (2, 1, 0):
            found[k] += traces[k].T @ delta * connections[k].gain
            if k:
                delta = delta @ weights[k].T * psi[k - 1] * (1 - decays[k - 1])
    each = zip((0, 2, 4), found, strict=True)
    return {f"layers.{k}.{name}": part for k, g in each for name, part in (("weight", g[:-1]), ("bias", g[-1]))}


@pytest.mark.parametrize(("rule", "traced"), [(sf.SLTT(), False), (sf.OTTT(), True)], ids=["SLTT", "OTTT"])
def test_sltt_and_ottt_equal_their_equations(rule, traced):
    network, batch = small_network(sf.SoftResetLIF(), hidden=2), small_batch()
    found, expected = gradients(rule, network, batch), oracle(network, batch, traced)
    assert set(found) == set(expected)
    for name, array in expected.items():
        assert_allclose(
            found[name], array, rtol=1e-9, atol=1e-12 * np.abs(array).max(), err_msg=name
        )  # sums in another order


@pytest.mark.parametrize("recurrent", [False, True])
def test_equals_backpropagation_of_each_step_from_the_state_before(recurrent):
    network, batch = small_network(hidden=2, recurrent=recurrent), small_batch(time=20)
    parameters, state, loss = dict(network.named_parameters()), None, 0.0
    for t in range(20):
        output, state = network(batch.x[t : t + 1], state)
        loss = loss + network.objective.step_loss(output[0], batch.target, t) / 20
        state = [
            None if part is None
            else (type(part[0])(*(v.detach() for v in part[0])), part[1].detach()) if isinstance(part[0], tuple)
            else type(part)(*(v.detach() for v in part))
            for part in state
        ]  # fmt: skip
    expected = dict(zip(parameters, torch.autograd.grad(loss, list(parameters.values())), strict=True))
    assert difference(gradients(sf.SLTT(), network, batch), expected) < 1e-12


@pytest.mark.parametrize("rule", [sf.SLTT(), sf.OTTT(), sf.EProp(), sf.DirectFeedback(feedback=sf.SymmetricFeedback())])
def test_every_rule_is_backpropagation_for_a_single_step(rule):
    network, batch = small_network(), small_batch(time=1)
    assert difference(gradients(rule, network, batch), gradients(sf.BPTT(), network, batch)) < 1e-12


@pytest.mark.parametrize("rule", [sf.SLTT(), sf.OTTT(), sf.EProp(), sf.DirectFeedback(), sf.SLTT(steps=3)])
def test_every_rule_reports_the_loss_and_scores_of_the_network_and_leaves_it_as_it_was(rule):
    network, batch = small_network(sf.LIF(t_refractory=2.0), hidden=1, recurrent=True), small_batch()
    before = [value.detach().clone() for value in network.parameters()]
    credit, reference = rule.gradients(network, batch, rule.init(network)), sf.BPTT().gradients(network, batch, None)
    assert_allclose(credit.loss, reference.loss, rtol=1e-12)
    assert_allclose(credit.scores, reference.scores, rtol=1e-12)
    assert not credit.loss.requires_grad
    assert not any(value.requires_grad for value in credit.gradients.values())
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))
    assert all(value.grad is None for value in network.parameters())


def test_drawn_steps_are_a_function_of_seed_and_batch_number():
    rule = sf.SLTT(steps=4, seed=1)
    assert rule.drawn(50, 0) == rule.drawn(50, 0)
    assert len(rule.drawn(50, 0)) == 4
    assert len({rule.drawn(50, k) for k in range(20)}) == 20
    assert rule.drawn(50, 0) != sf.SLTT(steps=4, seed=2).drawn(50, 0)
    network, batch = small_network(), small_batch(time=10)
    assert rule.gradients(network, batch, 6).state == 7


def test_drawn_gradients_are_sltts_on_average():
    network, batch, time = small_network(), small_batch(time=6), 6
    expected, rule = gradients(sf.SLTT(), network, batch), sf.SLTT(steps=1)
    of_step = {next(iter(rule.drawn(time, k))): rule.gradients(network, batch, k).gradients for k in range(60)}
    assert set(of_step) == set(range(time))
    mean = {name: sum(found[name] for found in of_step.values()) / time for name in expected}
    assert difference(mean, expected) < 1e-12
    whole = sf.SLTT(steps=time).gradients(network, batch, 0).gradients
    assert difference(whole, expected) < 1e-12


@pytest.mark.parametrize("rule", [sf.SLTT(), sf.SLTT(steps=3), sf.OTTT()], ids=["SLTT", "SLTT-3", "OTTT"])
def test_memory_is_flat_in_time(rule):
    network = small_network(recurrent=True, n=(10, 30, 2))
    short, long = (peak_bytes(rule, network, time) for time in (50, 400))
    outputs = 8 * 8 * 2  # bytes a step
    assert long - short < 8 * 350 * outputs
    grown = peak_bytes(sf.BPTT(), network, 400) - peak_bytes(sf.BPTT(), network, 50)
    assert grown > 10 * (long - short)


def test_refuses_what_has_no_meaning_step_by_step():
    layers = list(small_network().layers)
    cases = {
        "step_loss": sf.Feedforward(layers, sf.MaxCrossEntropy()),
        "layer 4: .*leave it out": sf.Feedforward([*layers, Count()]),
        "layer 0: .*append the silence": sf.Feedforward([Extend(5), *layers]),
        "leave it out": sf.feedforward([6, 7, 3], batch_norm=True),
    }
    for rule in (sf.SLTT(), sf.OTTT(), sf.EProp()):
        for message, network in cases.items():
            with pytest.raises(sf.InvalidValue, match=message):
                rule.init(network)
    frozen = sf.feedforward([6, 7, 3], batch_norm=True).eval().double()
    sf.SLTT().gradients(frozen, small_batch(), 0)


def test_refuses_bad_fields_and_targets():
    for fields in ({"steps": 0}, {"steps": 2.5}, {"seed": -1}):
        with pytest.raises(sf.InvalidValue, match=f"SLTT.{next(iter(fields))}"):
            sf.SLTT(**fields)
    network, batch = small_network(), small_batch(time=5)
    with pytest.raises(sf.InvalidValue, match=r"SLTT\.steps: must be <= 5"):
        sf.SLTT(steps=6).gradients(network, batch, 0)
    with pytest.raises(sf.InvalidValue, match="target"):
        sf.SLTT().gradients(network, batch._replace(target=batch.target.double()), 0)
    whole = sf.SLTT().gradients(network, batch._replace(target=batch.target.int()), 0)
    assert difference(whole.gradients, gradients(sf.SLTT(), network, batch)) == 0.0


def test_angle_is_that_between_vectors():
    one, other = (
        {"a": torch.tensor([1.0, 0.0]), "b": torch.tensor([0.0])},
        {"a": torch.tensor([1.0, 1.0]), "b": torch.zeros(1)},
    )
    found = sf.angle(one, other)
    assert found.overall == pytest.approx(45.0)
    assert found.by_parameter["a"] == pytest.approx(45.0)
    assert math.isnan(found.by_parameter["b"])
    assert sf.angle(one, {"a": -one["a"]}).overall == pytest.approx(180.0)
    with pytest.raises(sf.InvalidValue, match="in common"):
        sf.angle(one, {"c": torch.ones(2)})
    with pytest.raises(sf.InvalidValue, match="angle: a: must be of one shape"):
        sf.angle(one, {"a": torch.ones(3)})
