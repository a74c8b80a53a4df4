"""Networks of layers: how they fit together, go on in pieces, and start with activity in any neuron's units."""

import pytest
import torch

import synfire as sf
from synfire import InvalidValue

X = torch.rand(40, 6, 30, generator=torch.Generator().manual_seed(0)) < 0.1


def test_pieces_give_the_whole():
    net = sf.feedforward([30, 20, 10, 4], recurrent=True, delays=sf.TwoTapDelay(max_delay=5.0), seed=3)
    whole, _ = net(X)
    made, state = [], net.begin()
    for piece in (X[:3], X[3:4], X[4:]):
        y, state = net(piece, state)
        made.append(y)
    torch.testing.assert_close(torch.cat(made), whole, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "neuron",
    [sf.LIF(), sf.LIF(v_rest=0.0, v_reset=0.0, v_threshold=1.0), sf.SoftResetLIF(), sf.AdaptiveLIF(), sf.Izhikevich(),
     sf.AdEx(), sf.COBA(), sf.Izhikevich2007(), sf.HodgkinHuxley()],
    ids=lambda neuron: type(neuron).__name__,
)  # fmt: skip
def test_any_model_starts_active_and_learns_whatever_its_units(neuron):
    net = sf.feedforward([30, 50, 4], neuron=neuron, dt=0.5, seed=0)
    rate = float(net.activity(X.repeat(2, 1, 1))[1].mean())
    assert 0.002 < rate < 0.3
    credit = sf.BPTT().gradients(net, sf.Batch(X, torch.tensor([0, 1, 2, 3, 0, 1])), None)
    for name, gradient in credit.gradients.items():
        assert torch.isfinite(gradient).all()
        assert gradient.abs().max() > 0.0, name


def test_a_model_of_the_users_own_is_a_layer_too():
    import dataclasses

    @dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
    class Sleepy(sf.LIF):
        """A LIF that starts far below rest."""

        def initial_state(self):
            return super().initial_state()._replace(v=self.v_rest - 30.0)

    net = sf.feedforward([30, 20, 4], neuron=Sleepy())
    assert net.layers[1].initial_state(torch.zeros(1), 2).v.flatten()[0] == -95.0


def test_parameters_of_neurons_are_learned_and_keep_to_their_range():
    net = sf.feedforward([30, 20, 4], neuron=sf.LIF(tau_m=20.0), learn=["tau_m", "v_threshold"])
    names = {name for name, _ in net.named_parameters()}
    assert {"layers.1.learned.tau_m", "layers.1.learned.v_threshold"} <= names
    credit = sf.BPTT().gradients(net, sf.Batch(X, torch.tensor([0, 1, 2, 3, 0, 1])), None)
    assert credit.gradients["layers.1.learned.tau_m"].shape == (20,)
    assert credit.gradients["layers.1.learned.tau_m"].abs().max() > 0.0
    with torch.no_grad():
        net.layers[1].learned["tau_m"].fill_(-5.0)
    net.layers[1].constrain()
    assert (net.layers[1].learned["tau_m"] > 0.0).all()
    net(X)


@pytest.mark.parametrize("learn", [["v_threshold"], ["v_reset"], ["v_threshold", "v_reset"]])
def test_a_learned_threshold_stays_above_the_reset(learn):
    net = sf.feedforward([30, 20, 4], neuron=sf.LIF(), learn=learn)
    with torch.no_grad():
        for name, value in (("v_threshold", -90.0), ("v_reset", 10.0)):
            if name in learn:
                net.layers[1].learned[name].fill_(value)
    net.layers[1].constrain()
    neuron = net.layers[1].neuron()  # the model itself refuses what is out of order
    assert (torch.as_tensor(neuron.v_threshold) > torch.as_tensor(neuron.v_reset)).all()
    net(X)


def test_whole_numbers_are_currents_as_floats_are():
    """They once made the coefficients whole numbers too."""
    x = torch.full((30, 2, 3), 20)
    for layer in (
        sf.Membrane(3, sf.LIF(v_rest=0.0, v_reset=-1.0, v_threshold=15.0), dt=0.5), sf.Spiking(3, sf.LIF()),
        sf.Spiking(3, sf.AdEx(), dt=0.5), sf.Recurrent(3, sf.LIF()), sf.BatchNorm(3), sf.Dropout(0.0),
    ):  # fmt: skip
        for kind in (torch.int64, torch.uint8, torch.bool):
            whole = x.to(kind)
            assert torch.equal(layer(whole)[0].float(), layer(whole.float())[0]), (layer, kind)


@pytest.mark.parametrize(
    "neuron", [sf.AdEx.bursting(), sf.SoftResetLIF(v_rest=-85.0, v_threshold=-70.0), sf.LIF(), sf.Izhikevich2007()]
)
def test_parameters_in_their_range_are_left_alone(neuron):
    layer = sf.Spiking(2, neuron, dt=0.1, learn=["v_threshold", "v_reset"])
    before = {name: value.detach().clone() for name, value in layer.learned.items()}
    layer.constrain()
    assert all(torch.equal(layer.learned[name], value) for name, value in before.items())


def test_adex_keeps_below_its_cut():
    layer = sf.Spiking(2, sf.AdEx(), dt=0.1, learn=["v_threshold"])
    with torch.no_grad():
        layer.learned["v_threshold"].fill_(1000.0)
    layer.constrain()
    layer(torch.zeros(2, 1, 2))


def test_a_spread_of_resets_beside_a_learned_threshold():
    net = sf.feedforward([30, 8, 3], neuron=sf.LIF(v_reset=sf.normal(-66.0, 1.0)), learn=["v_threshold"])
    assert net(X)[0].shape == (40, 6, 3)


def test_hidden_layers_draw_their_own_parameters_and_recurrent_weights():
    net = sf.feedforward([5, 16, 16, 2], neuron=sf.LIF(tau_m=sf.normal(20.0, 2.0)), recurrent=True, seed=3)
    first, second = net.layers[1], net.layers[3]
    assert not torch.equal(first.weight, second.weight)
    assert (first.neuron().tau_m != second.neuron().tau_m).all()


def test_a_state_of_another_number_of_samples_is_refused():
    net = sf.feedforward([30, 8, 3], recurrent=True)
    _, state = net(X)
    with pytest.raises(InvalidValue, match="state"):
        net(X[:, :1], state)


def test_silence_that_a_layer_appends_counts_for_the_longest_delay():
    net = sf.Feedforward([sf.Extend(20), sf.DelayedDense(30, 4, sf.RandomDelay(max_delay=10.0))])
    net(X[:8])
    with pytest.raises(InvalidValue, match="longest delay"):
        sf.Feedforward(list(net.layers)[1:])(X[:8])


def test_the_same_seed_gives_the_same_network_and_layers_differ():
    first, second = (sf.feedforward([20, 20, 20], seed=4) for _ in range(2))
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name])
    assert not torch.equal(first.layers[0].weight, first.layers[2].weight)


def test_counts_of_parameters_are_what_is_trained():
    assert sf.feedforward([30, 20, 4]).n_parameters == 30 * 20 + 20 * 4
    assert sf.feedforward([30, 20, 4], delays=sf.LearnableDelay(max_delay=5.0)).n_parameters == 2 * (30 * 20 + 20 * 4)
    assert sf.feedforward([30, 20, 4], delays=sf.RandomDelay(max_delay=5.0)).n_parameters == 30 * 20 + 20 * 4
    assert sf.feedforward([30, 20, 4], recurrent=True, batch_norm=True).n_parameters == 30 * 20 + 20 * 4 + 400 + 40


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sf.Feedforward([]), "at least one layer"),
        (
            lambda: sf.Feedforward([sf.Dense(3, 4), sf.Spiking(5, sf.LIF())]),
            "gives 4 features, layer 1 .Spiking. takes 5",
        ),
        (
            lambda: sf.Feedforward([sf.Dense(3, 4), sf.Dropout(0.1), sf.Dense(5, 4)]),
            "gives 4 features, layer 2 .Dense. takes 5",
        ),
        (lambda: sf.Feedforward([torch.nn.Linear(3, 4)]), "a layer"),
        (lambda: sf.feedforward([3]), "at least"),
        (lambda: sf.feedforward([3, 0, 2]), "Dense.n_out"),
        (lambda: sf.feedforward([3, 4, 2], learn=["tau"]), "tau_m"),
        (lambda: sf.feedforward([3, 4, 2], dt=-1.0), "dt"),
        (lambda: sf.feedforward([3, 4, 2], neuron=sf.LIF), "neuron"),
        (lambda: sf.feedforward([3, 4, 2], neuron=sf.Poisson(rate=5.0)), "neuron"),
        (lambda: sf.feedforward([3, 4, 2], surrogate="atan"), "surrogate"),
        (lambda: sf.feedforward([3, 4, 2])(torch.zeros(5, 1, 4)), "Dense: x"),
        (lambda: sf.feedforward([3, 4, 2])(torch.zeros(5, 1, 3), (None,)), "state"),
    ],
)
def test_bad_input_is_told(make, message):
    with pytest.raises(InvalidValue, match=message):
        make()
