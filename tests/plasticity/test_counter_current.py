"""Counter-current learning: against gradients written by hand, and what its detached inputs promise."""

import numpy as np
import pytest
import torch
from torch.nn import functional

import synfire as sf

SIZES = [12, 9, 8, 7, 4]


def elu(z):
    return np.where(z > 0, z, np.exp(np.minimum(z, 0)) - 1)


def slope(z):
    return np.where(z > 0, 1.0, np.exp(np.minimum(z, 0)))


@pytest.fixture
def streams():
    """A network, the rule, its feedback stream and a batch, all in double precision."""
    network = sf.perceptron(SIZES, activation=sf.Elu(), seed=3).double()
    rule = sf.CounterCurrent(feedback=sf.Mirror(seed=5))
    state = rule.init(network)
    drawn = torch.Generator().manual_seed(1)
    batch = sf.Batch(torch.randn(1, 11, 12, generator=drawn, dtype=torch.float64), torch.arange(11) % 4)
    return network, rule, state, batch


def matrices(module):
    """Weights (inputs, outputs) in order, as NumPy arrays."""
    return [value.detach().numpy() for name, value in module.named_parameters() if name.endswith("weight")]


def by_hand(forward, back, x, y, scale=0.5):
    """Gradients of both streams by the closed form, level by level; the loss. U_l: (n_{l-1}, n_l), V_l: (n_l, n_{l-1})."""
    depth, rows, classes = len(forward), len(x), forward[-1].shape[1]
    a, z_a = [x], [None]
    for k, u in enumerate(forward):
        z_a.append(a[-1] @ u)
        a.append(elu(z_a[-1]) if k < depth - 1 else z_a[-1])
    b, z_b = [np.eye(classes)], []
    for k, v in enumerate(back):
        z_b.append(b[-1] @ v)
        b.append(elu(z_b[-1]) if k < depth - 1 else z_b[-1])
    b, z_b = b[::-1], z_b[::-1]  # b[l] is level l; z_b[l] what made it
    member = np.eye(classes)[y]
    of_u, of_v, total = [None] * depth, [None] * depth, 0.0
    for level in range(depth):
        width = 256 * scale / a[level].shape[1]
        error = a[level] @ b[level].T - member
        total += width * np.mean(error**2)
        error = 2 * width * error / (rows * classes)
        if level:
            of_u[level - 1] = a[level - 1].T @ ((error @ b[level]) * slope(z_a[level]))
        into = error.T @ a[level]
        of_v[level] = b[level + 1].T @ (into * (slope(z_b[level]) if level else 1.0))
    p = np.exp(a[-1] - a[-1].max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    total -= np.mean(np.log(p[np.arange(rows), y]))
    of_u[-1] = a[-2].T @ ((p - member) / rows)
    return of_u, of_v[::-1], total


def test_gradients_are_those_of_the_closed_form(streams):
    network, rule, state, batch = streams
    of_u, of_v, total = by_hand(matrices(network), matrices(state), batch.x[0].numpy(), batch.target.numpy())
    credit = rule.gradients(network, batch, state)
    assert credit.loss.item() == pytest.approx(total, rel=1e-12)
    assert len(credit.gradients) == 2 * len(of_u)
    for k, (u, v) in enumerate(zip(of_u, of_v, strict=True)):
        np.testing.assert_allclose(credit.gradients[f"layers.{2 * k}.weight"], u, rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(credit.gradients[f"rule.layers.{2 * k}.weight"], v, rtol=1e-10, atol=1e-14)


LOSSES = [sf.ClassMembership(scale=0.7), sf.NormalisedMembership(), sf.NormalisedMembership(flood=0.72, gram=0.2)]


def alone(network, stream, loss, batch, held):
    """Gradients of one stream where the other stream is a constant at every level."""
    made = {}
    for name, module, x in (("a", network, batch.x), ("b", stream, torch.eye(4, dtype=torch.float64)[None])):
        made[name] = [x[0]]
        for k in range(0, len(module.layers), 2):
            x = module.layers[k](x.detach())[0]
            x = module.layers[k + 1](x)[0] if k + 1 < len(module.layers) else x
            made[name].append(x[0])
    a, b, outputs = made["a"][:-1], made["b"][:0:-1], made["a"][-1][None]
    if held == "a":
        a = [each.detach() for each in a]
    if held == "b":
        b = [each.detach() for each in b]
    total = loss.levels(a, b, batch, outputs.detach()) + functional.cross_entropy(outputs[0], batch.target)
    own = stream if held == "a" else network
    named = dict(own.named_parameters())
    found = torch.autograd.grad(total, list(named.values()))
    return dict(zip(named, found, strict=True))


@pytest.mark.parametrize("loss", LOSSES, ids=["membership", "normalised", "flooded"])
def test_holding_either_stream_gives_the_same_gradients(streams, loss):
    network, _, state, batch = streams
    rule = sf.CounterCurrent(loss=loss)
    both = rule.gradients(network, batch, state).gradients
    ahead, back = (alone(network, state, loss, batch, held) for held in ("b", "a"))
    for name, value in {**ahead, **{f"rule.{name}": value for name, value in back.items()}}.items():
        torch.testing.assert_close(both[name], value, rtol=1e-10, atol=1e-14)


def test_a_level_hears_of_its_own_loss_only(streams):
    """Had an input been left attached, the loss of an upper level would reach the weights below it."""
    network, rule, state, batch = streams
    before = rule.gradients(network, batch, state).gradients
    with torch.no_grad():
        network.layers[6].weight.mul_(3.0)  # changes the output's error alone
        state.layers[6].weight.mul_(3.0)  # changes level 0 alone
    after = rule.gradients(network, batch, state).gradients
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"layers.6.weight", "rule.layers.6.weight"}


def test_the_feedback_stream_sees_the_codebook_not_the_batch(streams):
    _, rule, _, batch = streams
    outputs = torch.zeros(1, 11, 4, dtype=torch.float64)
    assert torch.equal(rule.loss.teacher(batch, outputs), torch.eye(4, dtype=torch.float64)[None])


def test_normalised_membership_is_its_equation():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(6, 5)), rng.normal(size=(3, 5))
    outputs = rng.normal(size=(1, 6, 3))
    y = np.arange(6) % 3
    p = np.exp(outputs[0]) / np.exp(outputs[0]).sum(1, keepdims=True)
    right = p[np.arange(6), y]
    flood = 1.0 - np.sort(right)[3]  # floods the samples above this probability
    rows = np.where((1 - right >= flood)[:, None], a, 0.0)
    one = rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-8)
    other = b / (np.linalg.norm(b, axis=1, keepdims=True) + 1e-8)
    wanted = np.mean((one @ other.T - np.eye(3)[y]) ** 2)
    wanted += 0.5 * np.mean((one @ one.T - np.eye(6)) ** 2) + 0.5 * np.mean((other @ other.T - np.eye(3)) ** 2)
    loss = sf.NormalisedMembership(flood=float(flood))
    batch = sf.Batch(torch.empty(0), torch.from_numpy(y))
    found = loss.levels([torch.from_numpy(a)], [torch.from_numpy(b)], batch, torch.from_numpy(outputs))
    assert 0 < (1 - right < flood).sum() < 6
    assert found.item() == pytest.approx(wanted, rel=1e-12)


def test_reconstruction_is_its_equation():
    rng = np.random.default_rng(3)
    x, b_0 = rng.normal(size=(2, 3, 8, 8)), rng.normal(size=(2, 3, 8, 8))
    a_1, b_1 = rng.normal(size=(2, 5, 4, 4)), rng.normal(size=(2, 5, 4, 4))

    def pattern(maps):
        away = maps - maps.mean((2, 3), keepdims=True)
        return away / np.sqrt((away**2).sum((2, 3), keepdims=True))

    wanted = 8 * np.mean((x - b_0) ** 2)
    wanted += 4 * (np.mean((a_1 - b_1) ** 2) + np.mean((pattern(a_1) - pattern(b_1)) ** 2))
    of = torch.from_numpy
    found = sf.Reconstruction().levels([of(x), of(a_1)], [of(b_0), of(b_1)], None, None)
    assert found.item() == pytest.approx(wanted, rel=1e-6)  # the source's 1e-8 beside lengths
    assert sf.Reconstruction().weight(torch.zeros(1, 2, 3, 8, 8)) == 8.0


def spiking():
    return sf.feedforward([12, 10, 8, 4], neuron=sf.LIF(tau_m=10.0), seed=2)


def test_a_spiking_network_learns_layer_by_layer_through_its_own_time():
    network = spiking()
    rule = sf.CounterCurrent(feedback=sf.Mirror(scale=2.4, seed=1))
    state = rule.init(network)
    x = (torch.rand(20, 6, 12, generator=torch.Generator().manual_seed(0)) < 0.5).float()
    batch = sf.Batch(x, torch.arange(6) % 4)
    credit = rule.gradients(network, batch, state)
    # level 1 by hand: spikes of the first block through its own time, the feedback stream's second level
    made, _ = network.layers[1](network.layers[0](x)[0])
    code = torch.eye(4).expand(20, -1, -1)
    for layer in list(state.layers)[:4]:
        code, _ = layer(code)
    member = functional.one_hot(batch.target, 4).float()
    loss = 256 * 0.5 / 10 * functional.mse_loss(made.mean(0) @ code.mean(0).detach().T, member)
    (wanted,) = torch.autograd.grad(loss, [network.layers[0].weight])
    assert wanted.abs().sum() > 0
    torch.testing.assert_close(credit.gradients["layers.0.weight"], wanted, rtol=1e-5, atol=1e-8)
    assert set(credit.gradients) == {f"{part}layers.{k}.weight" for part in ("", "rule.") for k in (0, 2, 4)}


def test_fit_trains_both_streams_and_a_rate_of_zero_freezes_one():
    network = sf.perceptron([12, 16, 16, 3], activation=sf.Elu(), seed=1)
    x = torch.randn(1, 240, 12, generator=torch.Generator().manual_seed(4))
    y = (x[0, :, 0] > 0).long() + (x[0, :, 1] * x[0, :, 2] > 0).long()
    rule, made = sf.CounterCurrent(), {}
    for rate in (0.0, 0.05):
        optimisers = sf.sgd(0.05, rule_learning_rate=rate)
        made[rate] = sf.fit(network, rule, (x, y), (x, y), epochs=5, batch=24, optimisers=optimisers, progress=False)
    start = rule.init(network).state_dict()
    assert all(torch.equal(value, start[name]) for name, value in made[0.0].state.state_dict().items())
    assert not any(torch.equal(value, start[name]) for name, value in made[0.05].state.state_dict().items())
    assert made[0.05].history.test_accuracy[-1] > made[0.05].history.test_accuracy[0] > 0.2
    assert (made[0.05].history.train_loss[-1] < made[0.05].history.train_loss[0]).all()


def test_levels_of_names_both_streams_level_by_level(streams):
    network, _, state, batch = streams
    teacher = functional.one_hot(batch.target, 4).double()[None]
    levels = sf.levels_of(network, state, batch.x, teacher)
    assert [tuple(a.shape) for a, _ in levels] == [tuple(b.shape) for _, b in levels] == [(11, n) for n in SIZES[:-1]]
    assert torch.equal(levels[0][0], batch.x[0])
    assert torch.equal(levels[-1][1], state.layers[1](state.layers[0](teacher)[0])[0][0])


def test_weights_of_the_mirror_are_uniform_as_stated_and_pure_in_seed_and_level():
    network = sf.perceptron([300, 200, 100, 10])
    layers = sf.Mirror(scale=2.0, seed=4)(network)
    sizes = [(layer.n_in, layer.n_out) for layer in layers if isinstance(layer, sf.Dense)]
    assert sizes == [(10, 100), (100, 200), (200, 300)]
    for layer in layers[::2]:
        bound = 2.0 / layer.n_in**0.5
        assert 0.97 * bound < layer.weight.abs().max() <= bound
        assert layer.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)
    again, other = (sf.Mirror(scale=2.0, seed=seed)(network) for seed in (4, 5))
    assert torch.equal(layers[2].weight, again[2].weight)
    assert not torch.equal(layers[2].weight, other[2].weight)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: sf.ClassMembership(scale=0.0), "ClassMembership.scale: must be > 0"),
        (lambda: sf.NormalisedMembership(flood=1.0), r"NormalisedMembership.flood: must be in \[0, 1\)"),
        (lambda: sf.Mirror(scale=-1.0), "Mirror.scale"),
        (lambda: sf.CounterCurrent(loss=3), "CounterCurrent.loss"),
        (lambda: sf.CounterCurrent().init(sf.Feedforward([sf.Conv(1, 2, 3), sf.Rate(sf.Elu())])), "Mirror: network"),
        (
            lambda: sf.CounterCurrent(feedback=lambda net: [sf.Dense(4, 12)]).init(sf.perceptron(SIZES)),
            "1 blocks of layers",
        ),
    ],
)
def test_what_cannot_be_is_refused(make, said):
    with pytest.raises(sf.InvalidValue, match=said):
        make()


def test_streams_that_do_not_meet_are_refused(streams):
    network, _, _, batch = streams
    layers = [sf.Dense(4, 7), sf.Dense(7, 5), sf.Dense(5, 9), sf.Dense(9, 12)]
    rule = sf.CounterCurrent(feedback=lambda net: layers)
    with pytest.raises(sf.InvalidValue, match="level 2"):
        rule.gradients(network, batch, rule.init(network))


def test_a_silent_sample_sends_no_gradient_where_rows_are_normalised():
    """Dividing a row of zeros by its length sent 1e8 times a surrogate gradient."""
    a = torch.zeros(3, 4, requires_grad=True)
    with torch.no_grad():
        a[0] = torch.tensor([1.0, 2.0, 0.0, 0.0])
    b = torch.eye(4)[:2]
    batch = sf.Batch(torch.empty(0), torch.tensor([0, 1, 0]))
    loss = sf.NormalisedMembership().levels([a], [b], batch, torch.zeros(1, 3, 2))
    (found,) = torch.autograd.grad(loss, [a])
    assert torch.equal(found[1:], torch.zeros(2, 4))
    assert 0.0 < found[0].abs().max() < 1.0


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64])
@pytest.mark.parametrize("make", [lambda: sf.perceptron(SIZES, activation=sf.Elu()), spiking], ids=["rate", "spiking"])
def test_whole_numbers_are_inputs_as_any_others(make, dtype):
    network = make().double()
    rule = sf.CounterCurrent(feedback=sf.Mirror(scale=2.0))
    x = torch.rand(
        1 if isinstance(network.layers[1], sf.Rate) else 6, 5, 12, generator=torch.Generator().manual_seed(0)
    )
    state = rule.init(network)
    found = [
        rule.gradients(network, sf.Batch(each, torch.arange(5) % 4), state).gradients["layers.0.weight"]
        for each in ((x < 0.5).to(dtype), (x < 0.5).double())
    ]
    torch.testing.assert_close(found[0], found[1], rtol=1e-9, atol=1e-12)


def test_layers_that_a_feedback_function_hands_over_stay_as_they_are():
    layers = sf.Mirror(seed=3)(sf.perceptron([6, 5, 3]))
    before = [layer.weight.detach().clone() for layer in layers if isinstance(layer, sf.Dense)]
    x, y = torch.randn(1, 12, 6), torch.arange(12) % 3
    rule = sf.CounterCurrent(feedback=lambda network: layers)
    sf.fit(sf.perceptron([6, 5, 3]), rule, (x, y), epochs=1, optimisers=sf.sgd(0.05), progress=False)
    assert all(
        torch.equal(value, layer.weight)
        for value, layer in zip(before, (each for each in layers if isinstance(each, sf.Dense)), strict=True)
    )


def test_neurons_that_hear_one_another_have_no_mirror_and_flat_levels_no_reconstruction():
    with pytest.raises(sf.InvalidValue, match="Recurrent"):
        sf.CounterCurrent().init(sf.feedforward([4, 5, 3], recurrent=True))
    network = sf.perceptron([6, 5, 6], objective=sf.MeanSquaredError())
    rule = sf.CounterCurrent(loss=sf.Reconstruction())
    x = torch.randn(1, 4, 6)
    with pytest.raises(sf.InvalidValue, match="height"):
        rule.gradients(network, sf.Batch(x, x), rule.init(network))


def test_after_a_number_that_is_not_finite_both_streams_are_as_the_last_good_epoch_left_them():
    network = sf.perceptron([4, 6, 3], activation=sf.Elu(), seed=0)
    x = torch.randn(1, 40, 4, generator=torch.Generator().manual_seed(0))
    kept = []

    class Spoilt:
        def __len__(self):
            return 40

        def batch(self, indices):
            return x[:, indices], torch.from_numpy(indices % 3)

        def epoch(self, k):
            return self if k == 0 else Later(self)

    class Later:
        def __init__(self, first):
            self.first, self.met = first, 0

        def batch(self, indices):
            self.met += 1
            given, target = self.first.batch(indices)
            return (given if self.met < 3 else given * float("inf")), target

    def observe(epoch, network, state):
        kept.append([value.detach().clone() for value in (*network.parameters(), *state.parameters())])

    with pytest.raises(sf.Diverged) as caught:
        sf.fit(
            network, sf.CounterCurrent(), Spoilt(), epochs=2, batch=10, optimisers=sf.sgd(0.01), progress=False,
            observe=observe,
        )  # fmt: skip
    fitted = caught.value.fitted
    left = (*fitted.network.parameters(), *fitted.state.parameters())
    assert len(kept) == 2
    assert all(torch.equal(value, wanted) for value, wanted in zip(left, kept[1], strict=True))
    assert not all(torch.equal(value, wanted) for value, wanted in zip(left, kept[0], strict=True))
