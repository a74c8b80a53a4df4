"""A trained network fires the same spikes in the event loop as in torch, step by step and neuron by neuron."""

import numpy as np
import pytest

import synfire as sf
from synfire.reservoirs.event_copy import holding_current

torch = pytest.importorskip("torch")


def sample(steps=60, n=20, rate=0.3, seed=1):
    return torch.rand((steps, 1, n), generator=torch.Generator().manual_seed(seed)) < rate


def check(network, x, least=20):
    """Every layer of neurons: equal spikes, at least `least` of them; membranes within rounding. Whatever the precision."""
    event = sf.event_network(network, x[:, 0])
    network = network.double().eval()
    expected = network.activity(x)
    found = event.activity(event.run())
    assert list(found) == [k for k, layer in enumerate(network.layers) if isinstance(layer, (sf.Spiking, sf.Membrane))]
    for place, made in found.items():
        wanted = expected[place][:, 0].numpy()
        if isinstance(network.layers[place], sf.Membrane):
            np.testing.assert_allclose(made, wanted, rtol=1e-10, atol=1e-10)  # sums of tens of terms, over 60 steps
        else:
            assert wanted.sum() >= least
            np.testing.assert_array_equal(made, wanted)
    return event


MODELS = {
    "LIF": sf.LIF(tau_m=10.0), "refractory": sf.LIF(tau_m=10.0, t_refractory=3.0), "SoftResetLIF": sf.SoftResetLIF(),
    "AdaptiveLIF": sf.AdaptiveLIF(tau_a=50.0, beta=3.0), "Izhikevich": sf.Izhikevich(),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_spikes_are_those_of_torch_for_every_model(name):
    check(sf.feedforward([20, 30, 15, 5], neuron=MODELS[name], dt=0.5), sample(rate=0.2))


@pytest.mark.parametrize("dt", [0.1, 1.0, 2.5])
def test_spikes_are_those_of_torch_at_every_step_size(dt):
    check(sf.feedforward([20, 30, 5], neuron=sf.LIF(tau_m=10.0), dt=dt, recurrent=True), sample())


def test_spikes_of_a_trained_network_with_everything_are_those_of_torch():
    """Recurrent, normalised, learned time constants and thresholds, dropout; trained a little so that none is at its start."""
    network = sf.feedforward(
        [20, 30, 15, 3], recurrent=True, batch_norm=True, dropout=0.2, learn=("tau_m", "v_threshold"), dt=0.5
    )
    x = (torch.rand((40, 12, 20), generator=torch.Generator().manual_seed(2)) < 0.3).float()
    fitted = sf.fit(
        network, sf.BPTT(), (x, torch.arange(12) % 3), epochs=4, batch=4, optimisers=sf.adam(1e-2), progress=False
    )
    learned = fitted.network.layers[2].learned["tau_m"]
    assert float(learned.detach().std()) > 0.0
    check(fitted.network, x[:, :1].bool())


def test_biases_begin_with_the_layer_that_has_them():
    """Large enough that a bias one step too early would fire a neuron one step too early."""
    layers = []
    for n_in, n_out in ((20, 30), (30, 15), (15, 10)):
        layers += [sf.Dense(n_in, n_out, bias=True, gain=40.0, seed=n_in), sf.Spiking(n_out, sf.LIF(tau_m=10.0))]
        torch.nn.init.uniform_(layers[-2].bias, 0.2, 2.0, generator=torch.Generator().manual_seed(4))
    check(sf.Feedforward(layers), sample())


@pytest.mark.parametrize("kind", [sf.RandomDelay(max_delay=6.0), sf.LearnableDelay(max_delay=4.0)])
def test_delays_are_those_of_evaluation(kind):
    layers = []
    for n_in, n_out in ((20, 30), (30, 15)):
        layers += [sf.DelayedDense(n_in, n_out, kind, dt=0.5, gain=200.0, synapses=2), sf.BatchNorm(n_out, gain=100.0)]
        layers += [sf.Spiking(n_out, sf.LIF(tau_m=10.0), dt=0.5)]
    check(sf.Feedforward(layers), sample())


def test_images_are_unrolled_and_normalised():
    layers = [
        sf.Conv(2, 3, 3, stride=2, padding=1, bias=True, gain=60.0), sf.Flatten(), sf.BatchNorm(48, gain=100.0),
        sf.Spiking(48, sf.LIF(tau_m=10.0)), sf.Dense(48, 4, gain=400.0), sf.Spiking(4, sf.LIF(tau_m=10.0)), sf.Count(),
    ]  # fmt: skip
    torch.nn.init.uniform_(layers[0].bias, 0.0, 0.5, generator=torch.Generator().manual_seed(4))
    x = torch.rand((40, 1, 2, 7, 7), generator=torch.Generator().manual_seed(3)) < 0.3
    check(sf.Feedforward(layers), x)


def test_a_longer_sample_is_heard_to_its_end():
    network = sf.Feedforward([sf.Extend(15), *sf.feedforward([20, 30, 5]).layers])
    event = check(network, sample(steps=30))
    assert event.steps == 45


@pytest.mark.filterwarnings("ignore:.*its time course is not resolved")
def test_the_trained_network_of_the_experiment_on_delays_fires_alike():
    """Learned delays, trained; spike counts and the linear readout of them are the caller's."""
    from synfire.experiments import delay_recipes

    net = delay_recipes.network(delay_recipes.RECIPES["lag-8"], "learned", 8, 2, 8, seed=1)
    x, target = delay_recipes.division("lag-8", 1).train.batch(np.arange(60))
    fitted = sf.fit(net, sf.BPTT(), (torch.from_numpy(x), torch.from_numpy(target)), epochs=4, batch=20, progress=False)
    check(fitted.network, torch.from_numpy(x[:, :1]).bool(), least=1)


def test_silence_gives_silence():
    event = sf.event_network(sf.feedforward([5, 4, 2]), np.zeros((10, 5), bool))
    assert not event.activity(event.run())[1].any()


def test_models_that_rest_need_no_current_and_others_are_held():
    assert not holding_current(sf.LIF(), 0.5, 3).any()
    assert not holding_current(sf.AdaptiveLIF(), 0.5, 3).any()
    model = sf.Izhikevich()
    current = holding_current(model, 0.5, 3)
    state = model.initial_state()
    for _ in range(5):
        state = model.discretise(0.5).integrate(state, current[0])
    np.testing.assert_allclose(state, model.initial_state(), rtol=1e-13)  # five roundings


def test_input_that_is_no_spikes_is_refused():
    network = sf.feedforward([5, 4, 2])
    with pytest.raises(sf.InvalidValue, match=r"event_network: spikes: must be 0 or 1: events, got 0\.5"):
        sf.event_network(network, np.full((10, 5), 0.5))
    with pytest.raises(sf.InvalidValue, match=r"x\[:, 0\] is the first of a batch"):
        sf.event_network(network, np.zeros((10, 1, 5)))
    with pytest.raises(sf.InvalidValue, match=r"must be \(5,\), got 'an input of shape \(6,\)'"):
        sf.event_network(network, np.zeros((10, 6)))


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([sf.Dense(5, 4)], "one dt for all, at least one layer of neurons"),
        ([sf.Spiking(5, sf.LIF())], "connections before it"),
        ([sf.Dense(5, 4), sf.Membrane(4, sf.LIF()), sf.Dense(4, 3), sf.Spiking(3, sf.LIF())], "the last layer"),
        ([sf.Dense(5, 4), sf.Membrane(4, sf.Izhikevich())], "a LIF, whose threshold can be put away"),
        ([sf.Dense(5, 4), sf.Spiking(4, sf.LIF()), sf.Extend(3), sf.Dense(4, 3), sf.Membrane(3, sf.LIF())], "Extend"),
        ([sf.Dense(5, 4), sf.Spiking(4, sf.LIF()), sf.Dense(4, 3)], "add a Membrane"),
        ([sf.Dense(5, 4), sf.Spiking(4, sf.LIF()), sf.Dense(4, 3), sf.Spiking(3, sf.LIF(), dt=0.5)], "one dt for all"),
        ([sf.Dense(5, 4), sf.Spiking(4, sf.HodgkinHuxley(), dt=0.05)], "leaves its initial state"),
        ([sf.Dense(5, 5), sf.DelayedDense(5, 4, sf.RandomDelay(max_delay=5.0)), sf.Spiking(4, sf.LIF())], "DelayedDense"),
        ([sf.BatchNorm(5), sf.Spiking(5, sf.LIF())], "into which it is folded"),
    ],
)  # fmt: skip
def test_what_the_event_loop_cannot_say_is_refused(layers, message):
    with pytest.raises(sf.InvalidValue, match=message):
        sf.event_network(sf.Feedforward(layers), np.zeros((10, 5)))
