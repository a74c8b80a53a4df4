"""`fit`: pure, repeatable, honest about what went wrong, and it does learn."""

import dataclasses
import os
import signal

import numpy as np
import pytest
import torch

import synfire as sf
from synfire import InvalidValue


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def task(samples=120, seed=0):
    """Which half of twelve channels is busier: easy, and learned within seconds."""
    rng = np.random.default_rng(seed)
    target = rng.integers(2, size=samples)
    rate = np.where(np.arange(12)[None] // 6 == target[:, None], 0.3, 0.1)
    return torch.from_numpy(rng.random((15, samples, 12)) < rate), torch.from_numpy(target)


def small(**options):
    return sf.feedforward([12, 16, 2], neuron=sf.LIF(tau_m=10.0), seed=1, **options)


def weights(network):
    return torch.cat([value.flatten() for value in network.state_dict().values() if value.is_floating_point()])


def test_it_learns_and_says_how_it_went():
    train, test = task(), task(seed=1)
    fitted = sf.fit(small(), sf.BPTT(), train, test, epochs=12, batch=20, optimisers=sf.adam(5e-3), seed=3)
    history = fitted.history
    assert history.test_accuracy[-1] > 0.9
    assert history.train_loss[-1] < history.train_loss[0]
    assert history.seconds.shape == history.test_loss.shape == (12,)
    assert np.isnan(history.validation_accuracy).all()
    assert sf.evaluate(fitted.network, test) == (pytest.approx(history.test_loss[-1]), history.test_accuracy[-1])


def test_the_network_given_stays_as_it_is():
    net = small(dropout=0.3, batch_norm=True)
    before = weights(net).clone()
    generator = torch.random.get_rng_state()
    fitted = sf.fit(net, sf.BPTT(), task(), epochs=1)
    assert torch.equal(weights(net), before)
    assert not torch.equal(weights(fitted.network), before)
    assert torch.equal(torch.random.get_rng_state(), generator)  # nor is anybody else's randomness used up


def test_equal_arguments_give_equal_bytes_and_another_seed_another_order():
    def run(seed):
        return weights(sf.fit(small(dropout=0.3, batch_norm=True), sf.BPTT(), task(), epochs=2, seed=seed).network)

    assert torch.equal(run(5), run(5))
    assert not torch.equal(run(5), run(6))


def test_evaluating_changes_no_training():
    alone = sf.fit(small(dropout=0.3), sf.BPTT(), task(), epochs=2, seed=5).network
    watched = sf.fit(
        small(dropout=0.3), sf.BPTT(), task(), task(seed=1), validation=task(seed=2), epochs=2, seed=5
    ).network
    assert torch.equal(weights(alone), weights(watched))


def test_learned_delays_move_and_stay_in_range():
    net = small(delays=sf.LearnableDelay(max_delay=4.0))
    fitted = sf.fit(net, sf.BPTT(), task(), epochs=4, optimisers=sf.adam(1e-3, delay_learning_rate=0.3))
    before, after = net.layers[0].delay.detach(), fitted.network.layers[0].delay.detach()
    assert (after - before).abs().max() > 0.1
    assert 0.0 <= float(after.min()) <= float(after.max()) <= 4.0
    assert fitted.network.layers[0].width == pytest.approx(0.5)  # the schedule was followed to its end


def test_divergence_stops_names_the_layer_and_keeps_the_last_good_network():
    net = small()

    class Breaks(sf.BPTT):
        """Good gradients for two epochs, then one that is not a number."""

        def init(self, network):
            return 0

        def gradients(self, network, batch, state):
            credit = super().gradients(network, batch, None)
            if state >= 2 * 6:
                credit.gradients["layers.2.weight"][0, 0] = float("nan")
            return credit._replace(state=state + 1)

    good = sf.fit(net, sf.BPTT(), task(), epochs=2, batch=20, seed=1).network
    with pytest.raises(sf.Diverged, match=r"epoch 3: the gradient of layers.2.weight") as error:
        sf.fit(net, Breaks(), task(), epochs=5, batch=20, seed=1)
    assert len(error.value.fitted.history.train_loss) == 2
    assert torch.equal(weights(error.value.fitted.network), weights(good))


def test_divergence_names_the_first_layer_forward_and_bad_input_as_such():
    net = small()
    with torch.no_grad():
        net.layers[2].weight[3, 1] = float("inf")
    with pytest.raises(sf.Diverged, match=r"layer 2 \(Dense\)"):
        sf.fit(net, sf.BPTT(), task(), epochs=1)
    x, target = task()
    x = x.float()
    x[2, 3, 4] = float("nan")
    with pytest.raises(sf.Diverged, match="the input x"):
        sf.fit(small(), sf.BPTT(), (x, target), epochs=1)


def test_an_optimiser_that_leaves_the_finite_is_told_in_its_own_epoch():
    """And neither the network nor the history that comes back holds it."""

    def optimisers(network, epochs):
        class Breaks(torch.optim.SGD):
            steps = 0

            def step(self, closure=None):
                super().step(closure)
                Breaks.steps += 1
                if Breaks.steps == 12:  # the last batch of the second epoch
                    with torch.no_grad():
                        self.param_groups[0]["params"][0][0, 0] = float("inf")

        return [Breaks(network.parameters(), lr=1e-3)]

    with pytest.raises(sf.Diverged, match=r"epoch 2: layers\.0\.weight") as error:
        sf.fit(small(), sf.BPTT(), task(), epochs=4, batch=20, optimisers=optimisers)
    assert torch.isfinite(weights(error.value.fitted.network)).all()
    assert len(error.value.fitted.history.train_loss) == 1


def test_scores_that_are_not_finite_are_no_accuracy():
    net = small()
    with torch.no_grad():
        net.layers[2].weight.fill_(float("nan"))
    x, target = task()
    assert np.isnan(sf.evaluate(net, (x, torch.zeros_like(target)))[1])


def test_ctrl_c_keeps_what_was_done():
    class Interrupts(sf.BPTT):
        """Presses Ctrl-C in the eighth batch."""

        def init(self, network):
            return 0

        def gradients(self, network, batch, state):
            if state == 7:
                os.kill(os.getpid(), signal.SIGINT)
            return super().gradients(network, batch, None)._replace(state=state + 1)

    fitted = sf.fit(small(), Interrupts(), task(), epochs=50, batch=20)
    assert fitted.interrupted
    assert len(fitted.history.train_loss) == 1  # six batches to an epoch


def test_any_object_with_batches_is_a_data_set():
    x, target = task()
    asked = []

    class Mine:
        def __len__(self):
            return len(target)

        def batch(self, indices):
            asked.extend(indices.tolist())
            return x[:, indices].numpy(), target[indices].numpy()

    fitted = sf.fit(small(), sf.BPTT(), Mine(), epochs=2, seed=4)
    assert sorted(asked) == sorted(2 * list(range(len(target))))
    assert asked[: len(target)] != asked[len(target) :]
    assert torch.equal(
        weights(fitted.network), weights(sf.fit(small(), sf.BPTT(), (x, target), epochs=2, seed=4).network)
    )


def test_a_target_in_time_is_learned_too():
    x, _ = task(40)
    target = torch.sin(torch.arange(15.0))[:, None, None].expand(15, 40, 1)
    net = sf.feedforward([12, 30, 1], objective=sf.SquaredError())
    fitted = sf.fit(net, sf.BPTT(), (x, target), epochs=15, optimisers=sf.adam(1e-2))
    assert fitted.history.train_loss[-1] < 0.7 * fitted.history.train_loss[0]
    assert np.isnan(fitted.history.train_accuracy).all()


def test_schedulers_step_every_epoch():
    rates = []

    def optimisers(network, epochs):
        optimiser = torch.optim.SGD(network.parameters(), lr=1.0)
        scheduler = torch.optim.lr_scheduler.ExponentialLR(optimiser, 0.5)
        rates.append(scheduler)
        return [optimiser, scheduler]

    sf.fit(small(), sf.BPTT(), task(), epochs=3, optimisers=optimisers)
    assert rates[0].get_last_lr() == [0.125]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"epochs": 0}, "fit: epochs"),
        ({"batch": 0}, "fit: batch"),
        ({"seed": -1}, "fit: seed"),
        ({"train": 5}, "fit: train"),
        ({"train": (torch.zeros(5, 3), torch.zeros(3))}, "fit: train"),
        ({"train": (torch.zeros(5, 3, 12), torch.zeros(4))}, "fit: train"),
        ({"test": (torch.zeros(5, 0, 12), torch.zeros(0))}, "fit: test"),
        ({"network": torch.nn.Linear(3, 4)}, "fit: network"),
    ],
)
def test_bad_input_names_the_field(change, field):
    good = {"network": small(), "rule": sf.BPTT(), "train": task(), "epochs": 1}
    with pytest.raises(InvalidValue) as error:
        sf.fit(**(good | change))
    assert error.value.field == field


@pytest.mark.parametrize("options", [{"learning_rate": 0.0}, {"delay_learning_rate": -1.0}, {"weight_decay": -1.0}])
def test_adam_refuses_what_cannot_be_meant(options):
    with pytest.raises(InvalidValue, match="adam"):
        sf.adam(**options)


def test_a_rule_goes_on_from_the_state_that_it_is_given():
    network = sf.perceptron([4, 6, 3], seed=0)
    x, y = torch.randn(1, 40, 4, generator=torch.Generator().manual_seed(0)), torch.arange(40) % 3
    rule = sf.chain(sf.BPTT(), sf.WarmUp(100))
    first = sf.fit(network, rule, (x, y), epochs=1, batch=10, optimisers=sf.sgd(0.1), progress=False)
    assert first.state[1] == [4]
    second = sf.fit(
        first.network, rule, (x, y), epochs=1, batch=10, optimisers=sf.sgd(0.1), state=first.state, progress=False
    )
    assert second.state[1] == [8]
    assert first.state[1] == [4]


def test_samples_that_do_not_change_are_given_as_one_step():
    """x expanded over time is not copied for each step, and trains as the copy does."""
    image, target = torch.randn((1, 12, 4), generator=torch.Generator().manual_seed(0)), torch.arange(12) % 3
    given = []

    @dataclasses.dataclass(frozen=True)
    class Watched(sf.BPTT):
        def gradients(self, network, batch, state):
            given.append(batch.x.stride(0))
            return super().gradients(network, batch, state)

    network, options = (
        sf.dsr_network([4, 8, 3]),
        {"epochs": 1, "batch": 5, "optimisers": sf.sgd(0.1), "progress": False},
    )
    expanded, copied = (
        sf.fit(network, Watched(), (x, target), **options) for x in (image.expand(6, -1, -1), image.repeat(6, 1, 1))
    )
    assert given[:3] == [0, 0, 0]
    assert 0 not in given[3:]
    for a, b in zip(expanded.network.parameters(), copied.network.parameters(), strict=True):
        torch.testing.assert_close(a, b)
