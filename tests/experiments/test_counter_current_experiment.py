"""The experiments `counter-current`, `-rates` and `-spiking`: the paper's settings, fair choices, and that they run."""

import dataclasses

import numpy as np
import pytest
import torch

import synfire as sf
from synfire.experiments import counter_current, counter_current_rates, counter_current_spiking
from synfire.experiments.contenders import CLIP, CONTENDERS
from synfire.experiments.contest import best, chosen, contest, settings_of
from synfire.experiments.execute import draw, start
from synfire.experiments.results import load
from synfire.experiments.stream_measures import alikeness, linear_cka

TINY = counter_current.Config(
    dataset="digits", hidden=(12, 12), epochs=2, tune_epochs=1, batch=64, train_size=200, seeds=2,
    methods=("ccl", "backprop", "frozen"),
)  # fmt: skip


def test_the_paper_preset_is_the_specification_field_by_field():
    config = counter_current.PRESETS["paper"]
    said = {"epochs": 100, "batch": 256, "seeds": 5, "train_size": 0, "hidden": (), "dataset": "fashion_mnist"}
    assert {name: getattr(config, name) for name in said} == said
    assert counter_current.hidden_of("mnist", ()) == counter_current.hidden_of("fashion_mnist", ()) == (256,) * 5
    assert counter_current.hidden_of("cifar10", ()) == counter_current.hidden_of("cifar100", ()) == (1024,) * 3
    sizes = [784, *counter_current.hidden_of("mnist", ()), 10]
    trainee = CONTENDERS["ccl"].build(sizes, 0, (1.0,))
    network, rule = trainee.network, trainee.rule
    assert [type(layer).__name__ for layer in network.layers] == ["Dense", "Rate"] * 5 + ["Dense"]
    assert all(layer.activation == sf.Elu() for layer in network.layers if isinstance(layer, sf.Rate))
    assert all(layer.bias is None for layer in network.layers if isinstance(layer, sf.Dense))
    stream = rule.learned(rule.init(network))
    for module in (network, stream):  # default start of torch's Linear, in both nets
        for layer in module.layers:
            if isinstance(layer, sf.Dense):
                assert 0.95 < float(layer.weight.detach().abs().max()) * layer.n_in**0.5 <= 1.0
    assert rule.rule.loss == sf.ClassMembership(scale=0.5)
    assert [modifier.norm for modifier in rule.modifiers] == [CLIP] == [1.0]
    (optimiser,) = trainee.optimisers(torch.nn.ModuleDict({"layers": network.layers, "rule": stream}), 1)
    assert type(optimiser) is torch.optim.SGD
    for group in optimiser.param_groups:
        assert (group["lr"], group["momentum"], group["weight_decay"]) == (1.0, 0.0, 0.0)


def test_table_1_and_figure_7_are_the_papers():
    assert counter_current.TABLE_1["mnist"]["ccl"] == 98.13
    assert counter_current.TABLE_1["fashion_mnist"] == {"backprop": 89.58, "fa": 87.38, "dfa": 87.35, "ccl": 88.58}
    for grid in counter_current_rates.FIGURE_7.values():
        assert np.array(grid).shape == (6, 5)
    config = counter_current_rates.PRESETS["paper"]
    assert config.rates == (0.05, 0.1, 0.2, 0.4, 0.8)
    assert config.feedback_rates == (0.0, *config.rates)
    assert (config.epochs, config.batch, config.dataset) == (100, 256, "mnist")


def test_every_contender_chooses_among_as_many_settings():
    assert len({settings_of(name) for name in CONTENDERS}) == 1


def test_linear_cka_is_1_for_rotations_and_scales_and_the_closed_form_elsewhere():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(40, 6)), rng.normal(size=(40, 9))
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    assert linear_cka(a, 3.0 * a @ turn + 5.0) == pytest.approx(1.0, abs=1e-12)
    centre = np.eye(40) - 1.0 / 40
    k, other = (centre @ each @ each.T @ centre for each in (a, b))  # by kernels: the definition
    wanted = (k * other).sum() / np.sqrt((k * k).sum() * (other * other).sum())
    assert linear_cka(a, b) == pytest.approx(wanted, rel=1e-10)
    assert np.isnan(linear_cka(a, np.ones((40, 2))))


def test_weights_that_lead_back_the_same_way_have_alignment_1():
    network = sf.perceptron([5, 4, 3], activation=sf.Elu(), seed=0)
    rule = sf.CounterCurrent()
    stream = rule.init(network)
    batch = sf.Batch(torch.randn(1, 8, 5, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 3)
    with torch.no_grad():
        stream.layers[0].weight.copy_(network.layers[2].weight.T)
        stream.layers[2].weight.copy_(-2.0 * network.layers[0].weight.T)
    found = alikeness(network, rule, stream, batch)
    np.testing.assert_allclose(found["alignment"], [-1.0, 1.0], atol=1e-6)
    assert found["cka"].shape == (2,)


def test_the_epoch_and_the_setting_are_chosen_on_validation_alone():
    curves = {
        "validation_loss": np.array([0.9, 0.4, np.nan]),
        "validation_accuracy": np.array([70.0, 60.0, np.nan]),
        "test_accuracy": np.array([1.0, 2.0, 3.0]),
    }
    assert (best(curves, by="loss"), best(curves, by="accuracy")) == (1, 0)
    nothing = {"validation_accuracy": np.full(2, np.nan), "validation_loss": np.full(2, np.nan)}
    assert best(nothing, by="loss") == -1
    assert chosen([nothing, curves, {"validation_accuracy": np.array([69.0])}]) == 1


def test_a_contest_repeats_itself_and_shares_data_and_weights_between_methods():
    arguments = (1, "digits", (8,), 2, 64, 200, 3)
    one, again = (contest("ccl", *arguments, (alikeness,)) for _ in range(2))
    for key in one:
        if not key.startswith("cost/"):
            np.testing.assert_array_equal(one[key], again[key])
    assert one["cka"].shape == (3, 2)
    assert one["test_accuracy"].shape == (2,)


def test_the_experiment_runs_and_its_figures_are_drawn(tmp_path):
    path = start("counter-current", TINY, "smoke", tmp_path)
    record = load(path)
    rate = record.metrics["learning_rate.ccl"]["value"]
    setting = CONTENDERS["ccl"].settings.index((rate,))
    again = contest("ccl", setting, "digits", (12, 12), 2, 64, 200, 1)  # the second seed
    assert record.metrics["accuracy.ccl"]["values"][1] == again["test_accuracy"][best(again, by="loss")]
    assert {"r1_features", "r3_backprop", "r5_weights"} <= set(record.checks)
    assert record.series("cka").shape == (2, 3, 3)
    assert record.metrics["accuracy.ccl"]["paper"] is None  # not the paper's data
    assert {each.stem.rsplit("-", 1)[1] for each in draw(path)} == {"accuracy", "learning", "streams"}


def test_a_frozen_feedback_stream_is_the_grids_row_of_zero():
    config = counter_current_rates.Config(
        dataset="digits", hidden=(8,), rates=(0.5,), feedback_rates=(0.0,), epochs=2, batch=64, train_size=200
    )
    found = counter_current_rates.trial(0.5, 0.0, config, 0)
    same = contest("ccl_frozen", 1, "digits", (8,), 2, 64, 200, 0)
    assert CONTENDERS["ccl_frozen"].settings[1] == (0.5,)
    np.testing.assert_array_equal(found["curve"], same["test_accuracy"])


def test_the_spiking_experiment_runs_and_its_frozen_layers_stay(tmp_path):
    config = dataclasses.replace(
        counter_current_spiking.PRESETS["smoke"], hidden=(10,), steps=5, epochs=1, train_size=100
    )
    record = load(start("counter-current-spiking", config, "smoke", tmp_path))
    assert set(record.checks) == {"beats_frozen", "beats_ccl_frozen"}
    assert record.series("test_accuracy/ccl").shape == (1, 1)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: counter_current.Config(dataset="minst"), "mnist"),
        (lambda: counter_current.Config(methods=("ccl", "cll")), "ccl"),
        (lambda: counter_current.Config(methods=("ccl", "ccl")), "none twice"),
        (lambda: counter_current.Config(epochs=0), "epochs: must be a whole number >= 1, got 0"),
        (lambda: counter_current.Config(train_size=7), "train_size"),
        (lambda: counter_current.Config(hidden=(0,)), "hidden"),
        (lambda: counter_current.Config(seed=-1), "seed"),
        (lambda: counter_current_rates.Config(rates=()), "rates: must be at least one"),
        (lambda: counter_current_rates.Config(feedback_rates=(-0.1,)), "feedback_rates"),
        (lambda: counter_current_spiking.Config(hidden=()), "hidden"),
        (lambda: counter_current_spiking.Config(tau_m=0.0), "tau_m"),
    ],
)
def test_what_cannot_be_is_refused(make, said):
    with pytest.raises(sf.SynfireError, match=said):
        make()
