"""Meta-neurons: their equations written out once more, what learning their constants means, and both worlds alike."""

import math

import numpy as np
import pytest
import torch

import synfire as sf

LIBRARY = {  # of trained constants (a, b, c, d), from the authors' program of arXiv 2010.03140
    "start": (0.02, 0.2, 0.0, 0.08), "M1": (0.060, 0.219, -0.065, 0.003), "M2": (0.060, 0.219, -0.010, 0.050),
    "M3": (0.060, 0.219, -0.135, -0.051), "T1": (-0.009, 0.246, -0.058, 0.065), "T2": (-0.009, 0.246, 0.064, 0.091),
    "T3": (0.005, 0.158, -0.058, 0.065), "T4": (0.005, 0.158, 0.064, 0.091), "T5": (0.007, 0.205, -0.058, 0.065),
    "T6": (0.007, 0.205, 0.064, 0.091),
}  # fmt: skip
LEARN = {
    sf.MetaNeuron: ("a", "b", "c", "d", "v_threshold", "width"),
    sf.ProbabilisticLIF: ("tau_m", "r_m", "v_rest", "v_reset", "v_threshold", "width"),
}
every_model = pytest.mark.parametrize("model", LEARN)


def drive(model, shape, seed=0):
    made = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return 2.0 * made - 1.0 if model is sf.MetaNeuron else 100.0 * made + 20.0


def by_hand(currents, a, b, c, d, v_threshold=0.5):
    """One neuron in plain Python: a spike acts at the beginning of the next step, as the source has it."""
    v, u, s, spikes, potentials = 0.0, 0.08, False, [], []
    for current in currents:
        if s:
            v, u = c, u + d
        drive = 1.0 / (1.0 + math.exp(-current))
        cut = max(-5.0, min(5.0, v))
        v, u = cut + cut**2 - cut - u + drive, u + a * (b * cut - u)
        s = v >= v_threshold
        spikes.append(s)
        potentials.append(v)
    return spikes, potentials, u + d if s else u


@pytest.mark.parametrize("name", LIBRARY)
def test_meta_neuron_fires_as_its_equations_by_hand(name):
    a, b, c, d = LIBRARY[name]
    neuron = sf.MetaNeuron(a=a, b=b, c=c, d=d, width=0.0)
    currents = drive(sf.MetaNeuron, (300, 1, 1), seed=len(name))
    spikes, potentials, u = by_hand(currents.flatten().tolist(), a, b, c, d)
    made, state = sf.Spiking(1, neuron).double()(currents)
    assert made.flatten().tolist() == spikes
    assert 10 < sum(spikes) < 290
    assert float(state.u) == pytest.approx(u, rel=1e-12)
    step, own = neuron.discretise(1.0), neuron.initial_state()
    for t, current in enumerate(currents.flatten().tolist()):
        own = step.integrate(own, current)
        assert own.v == pytest.approx(potentials[t], rel=1e-9, abs=1e-12)  # rounding, by another order of operations
        own = step.reset(own, spikes[t])


def test_potential_far_outside_is_cut_and_stays_finite():
    made, _ = sf.Membrane(2, sf.MetaNeuron()).double()(torch.full((500, 1, 2), 50.0, dtype=torch.float64))
    assert torch.isfinite(made).all()
    assert made.abs().max() <= 5.0**2 + 30.0


@pytest.mark.parametrize("width", [0.0, 1e-9])
@pytest.mark.parametrize("t_refractory", [0.0, 3.0])
def test_without_noise_it_is_the_leaky_neuron_spike_for_spike(width, t_refractory):
    fields = {"tau_m": 12.0, "v_reset": -70.0, "t_refractory": t_refractory}
    chance, certain = sf.ProbabilisticLIF(width=width, **fields), sf.LIF(**fields)
    x = drive(sf.ProbabilisticLIF, (200, 3, 10))
    found, expected = (sf.Spiking(10, neuron).double()(x)[0] for neuron in (chance, certain))
    assert torch.equal(found, expected)
    assert 0.01 < expected.mean() < 0.5

    def in_event_loop(neuron):
        net = sf.Network(dt=0.5, seed=1)
        cells = net.population(20, neuron)
        net.drive(cells, sf.Current(amplitude=np.linspace(14.0, 60.0, 20)))
        return net.run(200.0, record=[sf.Spikes(cells)], progress=False).spikes(cells)

    ours, theirs = in_event_loop(chance), in_event_loop(certain)
    assert len(theirs.times) > 50
    np.testing.assert_array_equal(ours.times, theirs.times)
    np.testing.assert_array_equal(ours.neurons, theirs.neurons)


def test_straight_through_gradient_is_that_of_the_probability():
    """One step from rest: ds/dI = p (1 - p) / width dv/dI, and the width's own, - p (1 - p) margin / width²."""
    x = drive(sf.ProbabilisticLIF, (1, 1, 40)).requires_grad_()
    neuron = sf.ProbabilisticLIF(v_rest=-55.0, v_reset=-60.0, width=1.25)
    layer = sf.Spiking(40, neuron, learn=["width"]).double()
    layer(x)[0].sum().backward()
    decay = math.exp(-1.0 / 20.0)
    margin = (1.0 - decay) * x.detach() - 5.0
    p = torch.sigmoid(margin / 1.25)
    torch.testing.assert_close(x.grad, p * (1 - p) / 1.25 * (1 - decay), rtol=1e-9, atol=1e-15)
    expected = (-p * (1 - p) * margin / 1.25**2)[0, 0]
    torch.testing.assert_close(layer.learned["width"].grad, expected, rtol=1e-9, atol=1e-15)


@every_model
def test_a_learned_width_never_comes_to_zero_unless_it_began_there(model):
    """At 0 the chance's derivative is no more: the neuron would take its surrogate from there on, or none."""
    for width, least in (([0.5, 1.5], 1e-3), ([0.0, 0.0], 0.0)):
        layer = sf.Spiking(2, model(width=width), learn=["width"])
        for value in (-1.0, 0.0, 3.0):
            with torch.no_grad():
                layer.learned["width"].fill_(value)
            layer.constrain()
            assert layer.learned["width"].tolist() == pytest.approx([max(value, least)] * 2, rel=1e-6, abs=0.0)


def network(model, *, learn=(), width=None, seed=1):
    noise = {} if width is None else {"width": width}
    layers = [
        sf.Dense(8, 20, gain=1.0 if model is sf.MetaNeuron else 60.0, seed=seed),
        sf.Spiking(20, model(**noise), learn=learn, seed=seed),
        sf.Dense(20, 15, gain=2.0 if model is sf.MetaNeuron else 300.0, seed=seed + 1),
        sf.Spiking(15, model(**noise), learn=learn, seed=seed + 1), sf.Dense(15, 3, seed=seed + 2),
        sf.Membrane(3, sf.LIF(v_rest=0.0, v_reset=-1.0, v_threshold=1.0)),
    ]  # fmt: skip
    return sf.Feedforward(layers)


X = (torch.rand((40, 6, 8), generator=torch.Generator().manual_seed(1)) < 0.4).float()
TARGET = torch.arange(6) % 3


@every_model
@pytest.mark.parametrize("width", [None, 0.0])
def test_learned_constants_at_the_same_values_change_nothing(model, width):
    """So what can be learned with them includes what can be learned without: outputs and loss are equal to the bit."""
    fixed, learned = network(model, width=width), network(model, width=width, learn=LEARN[model])
    outputs = [each(X, samples=range(6))[0] for each in (fixed, learned)]
    assert torch.equal(*outputs)
    losses = [each.objective.loss(output, TARGET) for each, output in zip((fixed, learned), outputs, strict=True)]
    assert torch.equal(*losses)


def smooth_loss(values, x, target):
    """Probabilities in place of spikes, and no reset: a loss that is smooth in weights and constants."""
    weight, (a, b, threshold) = values[:6].view(2, 3), values[6:9]
    step = sf.MetaNeuron().discretise(1.0)._replace(a=a, b=b, v_threshold=threshold, width=torch.tensor(0.3).double())
    zero = torch.zeros(3, dtype=torch.float64)
    state = sf.neurons.meta.MetaNeuronState(zero, zero + 0.08, torch.tensor(0), torch.tensor(0))
    loss = 0.0
    for t in range(4):
        state = step.integrate(state, x[t] @ weight)
        loss = loss + (step.probability(state) - target).square().mean()
    return loss


def test_a_step_down_the_gradient_lowers_a_smooth_loss_as_much_as_it_must():
    """L(φ - η g) <= L(φ) - η (1 - η K / 2) |g|², with K the largest curvature on the way, for 100 draws and 0 < η < 2/K."""
    rng = torch.Generator().manual_seed(5)
    draws = 100
    values = torch.randn((draws, 9), generator=rng, dtype=torch.float64)
    values[:, 6:] = torch.tensor([0.02, 0.2, 0.5]) + 0.05 * values[:, 6:]
    x = torch.randn((draws, 4, 2), generator=rng, dtype=torch.float64)
    target = torch.rand((draws, 3), generator=rng, dtype=torch.float64)
    loss = torch.vmap(smooth_loss)
    gradient = torch.vmap(torch.func.grad(smooth_loss))(values, x, target)

    def curvature(step):
        ways = [values - share * step[:, None] * gradient for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
        hessians = torch.stack([torch.vmap(torch.func.hessian(smooth_loss))(way, x, target) for way in ways])
        return torch.linalg.eigvalsh(hessians).abs().amax((0, 2))

    largest = curvature(1.0 / curvature(torch.zeros(draws, dtype=torch.float64)))
    for share in (0.3, 1.0):
        eta = torch.minimum(share / largest, 1.0 / curvature(torch.zeros(draws, dtype=torch.float64)))
        bound = loss(values, x, target) - eta * (1.0 - eta * largest / 2.0) * gradient.square().sum(1)
        assert (loss(values - eta[:, None] * gradient, x, target) <= bound + 1e-6).all()
    assert (gradient.norm(dim=1) > 1e-3).all()


def trained(model):
    made = network(model, learn=LEARN[model])
    return sf.fit(
        made, sf.BPTT(), (X, TARGET), epochs=3, batch=3, optimisers=sf.adam(1e-2), progress=False
    ).network.double()


@every_model
def test_trained_network_fires_in_the_event_loop_as_in_torch(model):
    """Also the neurons' own learned constants, and other spikes for another sample."""
    made, x = trained(model), X[:, :1].bool()
    found = {}
    for sample in (0, 7):
        event = sf.event_network(made, x[:, 0], sample=sample)
        found[sample] = event.activity(event.run())
        y, _ = made(x, samples=[sample])
        np.testing.assert_allclose(found[sample][5], y[:, 0].detach(), rtol=1e-9, atol=1e-9)
        spikes = made.layers[1](made.layers[0](x)[0], made.begin([sample])[1])[0]
        np.testing.assert_array_equal(found[sample][1], spikes[:, 0].detach() == 1.0)
        assert found[sample][1].sum() > 20
        assert found[sample][3].sum() > 5
    assert (found[0][1] != found[7][1]).any()


@every_model
def test_saved_network_keeps_keys_constants_and_outputs(model, tmp_path):
    made = trained(model).float()
    again = sf.load_network(sf.save_network(made, tmp_path / "made.safetensors"))
    for place in (1, 3):
        np.testing.assert_array_equal(again.layers[place]._neuron.keys, made.layers[place]._neuron.keys)
    assert torch.equal(again(X, samples=range(6))[0], made(X, samples=range(6))[0])


def test_a_copy_of_a_layer_with_a_seed_of_its_own_draws_otherwise():
    first, second = (sf.Spiking(10, sf.MetaNeuron(), seed=seed)(torch.zeros(50, 2, 10))[0] for seed in (1, 2))
    assert (first != second).any()


def test_single_precision_keeps_counts_whole():
    net = sf.Network(dt=1.0, seed=1, precision="single")
    cells = net.population(4, sf.ProbabilisticLIF(), initial={"sample": 2**40 + 1, "count": 2**30 + 1})
    state = net.run(100.0, progress=False).state
    kept = {name: values for name, values in state.items() if name.endswith(("count", "sample"))}
    assert len(kept) == 2
    for name, values in kept.items():
        assert values.dtype == np.int64
        assert (values == (2**40 + 1 if name.endswith("sample") else 2**30 + 101)).all()
    assert len(cells) == 4


def test_numbers_of_samples_above_what_float64_holds_draw_their_own():
    """2**53 + 1 is no float64: it came to be 2**53."""
    made, x = sf.Feedforward(network(sf.ProbabilisticLIF).layers[:2]).double().eval(), X[:, :1]
    event = sf.event_network(made, x[:, 0].bool(), sample=2**53 + 1)
    found = event.activity(event.run())[1]
    expected, other = (made(x.double(), samples=[sample])[0][:, 0].detach() == 1.0 for sample in (2**53 + 1, 2**53))
    np.testing.assert_array_equal(found, expected)
    assert (expected != other).any()


@pytest.mark.parametrize("sample", [-1, 1.5, True, 2**63])
def test_numbers_of_samples_that_are_none_are_refused_by_the_event_loops_network(sample):
    with pytest.raises(sf.InvalidValue, match="sample"):
        sf.event_network(network(sf.ProbabilisticLIF), X[:, 0].bool(), sample=sample)


@pytest.mark.parametrize(
    "start", [{"count": 0.5}, {"sample": [0.0, 1.5]}, {"sample": -1}, {"sample": [0, -3]}, {"sample": 2**63},
              {"count": math.inf}, {"count": math.nan}, {"sample": [1, 2, 3]}],
)  # fmt: skip
def test_counts_that_are_not_whole_are_refused(start):
    with pytest.raises(sf.InvalidValue, match=next(iter(start))):
        sf.Network(dt=1.0).population(2, sf.MetaNeuron(), initial=start)


@pytest.mark.parametrize("model", [sf.ProbabilisticLIF])
def test_eprop_is_bptt_where_it_is_for_other_neurons(model):
    """One hidden layer, symmetric feedback: both take the derivative of the chance, at the same draws."""
    layers = [sf.Dense(8, 20, gain=60.0, seed=1), sf.Spiking(20, model(), seed=1), sf.Dense(20, 3, seed=2)]
    made = sf.Feedforward(layers).double().eval()
    batch = sf.Batch(X.double(), TARGET)
    found = [rule.gradients(made, batch, rule.init(made)).gradients for rule in (sf.EProp(), sf.BPTT())]
    for name, expected in found[1].items():
        assert expected.abs().max() > 0.0
        torch.testing.assert_close(found[0][name], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "rule", [sf.SLTT(), sf.EProp(feedback=sf.RandomFeedback(seed=1)), sf.OTTT()], ids=lambda r: type(r).__name__
)
@every_model
def test_rules_forward_in_time_take_what_they_can(rule, model):
    """`OTTT` needs a leak, which a meta-neuron of second order does not have."""
    made, batch = network(model).eval(), sf.Batch(X, TARGET)
    if isinstance(rule, sf.OTTT) and model is sf.MetaNeuron:
        with pytest.raises(sf.InvalidValue, match="neurons with a leak"):
            rule.init(made)
        return
    credit = rule.gradients(made, batch, rule.init(made))
    outputs, _ = made(X)
    torch.testing.assert_close(credit.loss, made.objective.loss(outputs, TARGET).detach())  # the same draws
    assert all(torch.isfinite(g).all() and (g != 0).any() for g in credit.gradients.values())


@pytest.mark.parametrize(
    ("model", "fields", "name"),
    [
        (sf.MetaNeuron, {"width": -0.1}, "width"), (sf.ProbabilisticLIF, {"width": -1.0}, "width"),
        (sf.MetaNeuron, {"c": 0.3, "v_threshold": 0.3}, "c"), (sf.ProbabilisticLIF, {"v_reset": -50.0}, "v_reset"),
        (sf.MetaNeuron, {"a": 0.6}, "a"), (sf.MetaNeuron, {"d": float("nan")}, "d"),
    ],
)  # fmt: skip
def test_what_is_outside_its_range_is_refused(model, fields, name):
    with pytest.raises(sf.InvalidValue, match=rf"^{model.__name__}\.{name}: must be"):
        model(**fields)
