"""The score function's gradient is that of the expected loss: on networks so small that all spike patterns can be summed."""

import itertools

import pytest
import torch

import synfire as sf

STEPS = 2


def tiny(seed=1):
    """Three neurons in two layers, so 64 patterns of spikes in two steps; wide noise, so that all of them occur."""
    torch.manual_seed(seed)
    fires = {"tau_m": 3.0, "v_rest": 0.0, "v_reset": -0.5, "v_threshold": 1.0}
    layers = [
        sf.Dense(2, 2, gain=2.0, seed=seed), sf.Spiking(2, sf.ProbabilisticLIF(**fires, width=0.7), learn=["width"], seed=1),
        sf.Dense(2, 1, gain=4.0, seed=seed + 1), sf.Spiking(1, sf.ProbabilisticLIF(**fires, width=0.5), seed=2),
        sf.Dense(1, 1, bias=True, seed=seed + 2), sf.Membrane(1, sf.LIF(tau_m=3.0, v_rest=0.0, v_reset=-1.0, v_threshold=1.0)),
    ]  # fmt: skip
    return sf.Feedforward(layers, objective=sf.MeanSquaredError()).double()


X = torch.tensor([[[1.0, 0.0]], [[0.5, 1.0]]], dtype=torch.float64)
TARGET = torch.tensor([[[0.5]], [[-1.0]]], dtype=torch.float64)


def expected_gradient(network):
    """Of Σ P(pattern) loss(pattern), by autograd: P from the models' own equations with the pattern's spikes held."""
    total = torch.zeros((), dtype=torch.float64)
    for pattern in itertools.product([0.0, 1.0], repeat=3 * STEPS):
        spikes = torch.tensor(pattern, dtype=torch.float64).view(STEPS, 1, 3)
        x, probability = X, 1.0
        for k, own in ((0, spikes[..., :2]), (2, spikes[..., 2:])):
            current, layer = network.layers[k](x)[0], network.layers[k + 1]
            step, state = layer.step(current), layer.initial_state(current, 1)
            for t in range(STEPS):
                state = step.integrate(state, current[t])
                p = torch.sigmoid((state.v - step.v_threshold) / step.width)
                probability = probability * torch.where(own[t] > 0.5, p, 1.0 - p).prod()
                state = step.reset(state, own[t])
            x = own
        for layer in network.layers[4:]:
            x = layer(x)[0]
        total = total + probability * network.objective.loss(x, TARGET)
    return flat(torch.autograd.grad(total, list(network.parameters())))


def flat(gradients):
    return torch.cat([g.flatten() for g in gradients])


def drawn(network, rule, batches, samples):
    """(mean, standard error) of the rule's gradients over batches of equal samples that draw differently."""
    torch.manual_seed(7)
    batch = sf.Batch(X.expand(STEPS, samples, 2), TARGET.expand(STEPS, samples, 1))
    state, found = rule.init(network), []
    for _ in range(batches):
        credit = rule.gradients(network, batch, state)
        state = credit.state
        found.append(flat(credit.gradients[name] for name, _ in network.named_parameters()))
    made = torch.stack(found)
    return made.mean(0), made.std(0) / batches**0.5


def test_mean_of_many_draws_is_the_exact_gradient():
    network = tiny().train()
    mean, error = drawn(network, sf.ScoreFunction(), 40, 100)
    exact = expected_gradient(network)
    assert ((mean - exact).abs() <= 4.0 * error).all()
    assert (error < 0.2 * exact.abs().max()).all()  # or the bound would say nothing


def test_straight_through_gradient_is_biased_where_the_score_is_not():
    network = tiny().train()
    mean, error = drawn(network, sf.BPTT(), 40, 1000)
    assert ((mean - expected_gradient(network)).abs() > 8.0 * error).any()


def test_baseline_lowers_the_variance_and_is_the_running_mean():
    network = tiny().train()
    torch.nn.init.constant_(network.layers[4].bias, 5.0)  # a large loss that hardly depends on the spikes
    batch = sf.Batch(X.expand(STEPS, 20, 2), TARGET.expand(STEPS, 20, 1))
    rule = sf.ScoreFunction(decay=0.5)
    first = rule.gradients(network, batch, rule.init(network))
    assert first.state == pytest.approx(float(first.loss))
    second = rule.gradients(network, batch, 3.0)
    assert second.state == pytest.approx(1.5 + 0.5 * float(second.loss))

    def spread(state):
        torch.manual_seed(3)
        made = [rule.gradients(network, batch, state).gradients["layers.0.weight"] for _ in range(20)]
        return torch.stack(made).std(0).mean()

    assert spread(float(first.loss)) < 0.5 * spread(None)


def test_spikes_are_those_of_the_network_itself():
    network = tiny().eval()
    batch = sf.Batch(X.expand(STEPS, 30, 2), TARGET.expand(STEPS, 30, 1))
    credit = sf.ScoreFunction().gradients(network, batch, None)
    outputs, _ = network(batch.x)
    torch.testing.assert_close(credit.loss, network.objective.loss(outputs, batch.target).detach())


def test_recurrent_layers_and_classes_are_taken_and_a_task_is_learned():
    torch.manual_seed(0)
    layers = [
        sf.Dense(4, 12, gain=30.0, seed=1), sf.Recurrent(12, sf.ProbabilisticLIF(tau_m=5.0), gain=5.0, seed=2),
        sf.Dense(12, 2, seed=3), sf.Membrane(2, sf.LIF(tau_m=5.0, v_rest=0.0, v_reset=-1.0, v_threshold=1.0)),
    ]  # fmt: skip
    network = sf.Feedforward(layers)
    target = torch.arange(40) % 2
    x = torch.zeros(8, 40, 4)
    x[:, target == 0, :2], x[:, target == 1, 2:] = 1.0, 1.0
    before = sf.evaluate(network, (x, target))[0]
    fitted = sf.fit(
        network, sf.ScoreFunction(), (x, target), epochs=12, batch=40, optimisers=sf.adam(5e-2), progress=False
    )
    assert sf.evaluate(fitted.network, (x, target))[0] < 0.8 * before
    assert 0.0 < fitted.state < 2.0 * before


class Summed:
    """An objective that is no mean over samples."""

    def scores(self, outputs):
        return outputs.sum(0)

    def loss(self, outputs, target):
        return outputs.square().sum()


def refusals():
    noisy = sf.Spiking(3, sf.ProbabilisticLIF())
    yield "Spiking of LIF", [sf.Dense(2, 3), sf.Spiking(3, sf.LIF())], sf.MeanSquaredError()
    yield "Spiking of MetaNeuron", [sf.Dense(2, 3), sf.Spiking(3, sf.MetaNeuron(width=0.0))], sf.MeanSquaredError()
    yield "neurons inside", [sf.Dense(2, 3), sf.Residual([noisy])], sf.MeanSquaredError()
    yield "BatchNorm", [sf.Dense(2, 3), sf.BatchNorm(3), noisy], sf.MeanSquaredError()
    yield "mean over samples", [sf.Dense(2, 3, gain=5e3), noisy], Summed()


@pytest.mark.parametrize(
    ("match", "layers", "objective"), list(refusals()), ids=lambda x: x if isinstance(x, str) else ""
)
def test_what_would_bias_it_is_refused(match, layers, objective):
    network, rule = sf.Feedforward(layers, objective=objective).train(), sf.ScoreFunction()
    with pytest.raises(sf.InvalidValue, match=match):
        rule.gradients(network, sf.Batch(torch.ones(20, 4, 2), torch.zeros(20, 4, 3)), rule.init(network))


@pytest.mark.parametrize("decay", [-0.1, 1.0, float("nan"), True, "0.9"])
def test_a_decay_outside_its_range_is_refused(decay):
    with pytest.raises(sf.InvalidValue, match="decay"):
        sf.ScoreFunction(decay=decay)
