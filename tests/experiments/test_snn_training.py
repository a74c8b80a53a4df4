"""The experiment `snn-training`: that the comparison is fair and repeatable, that snnTorch agrees, and that it runs."""

import dataclasses

import numpy as np
import pytest
import torch

import synfire as sf
from synfire.experiments import snn_training
from synfire.experiments import snn_training_rules as rules
from synfire.experiments.execute import start
from synfire.experiments.results import load
from synfire.experiments.snn_training_cost import cost
from synfire.experiments.snn_training_figures import COLOURS, NAMES

TINY = snn_training.Config(
    train_size=100,
    hidden=20,
    steps=15,
    epochs=1,
    learning_rates=(1e-2, 3e-3),
    seeds=1,
    times=(),
    rules=("eprop_adaptive", "ottt"),
)


def network(recurrent):
    return rules.network_of(64, 30, recurrent=recurrent, tau_m=20.0, tau_readout=15.0, seed=3)


@pytest.mark.parametrize("recurrent", [None, 0.5])
def test_snntorch_finds_the_same_gradients_in_the_same_network(recurrent):
    made = network(recurrent)
    parts = rules.load("digits", steps=30, latency=20.0, train_size=200, seed=0)
    batch = sf.Batch(parts.train[0][:, :64], parts.train[1][:64])
    ours, theirs = sf.BPTT().gradients(made, batch, None), rules.SnnTorch().gradients(made, batch, None)
    assert float(made.activity(batch.x)[1].mean()) > 0.005
    assert float(theirs.loss) == pytest.approx(float(ours.loss), rel=1e-5)  # float32
    assert sf.angle(ours.gradients, theirs.gradients).overall < 0.01
    for name, gradient in ours.gradients.items():
        assert float((theirs.gradients[name] - gradient).abs().max() / gradient.abs().max()) < 1e-4


def test_every_rule_has_a_name_and_a_colour_and_leaves_no_weight_out():
    assert set(rules.RULES) == set(NAMES) == set(COLOURS)
    made = network(0.5)
    batch = sf.Batch(torch.rand((10, 4, 64)) < 0.1, torch.arange(4))
    for name, make in rules.RULES.items():
        rule = make(10, 0)
        found = set(rule.gradients(made, batch, rule.init(made)).gradients)
        assert found == ({rules.READOUT} if name == "readout_only" else {name for name, _ in made.named_parameters()})


def test_a_pixel_fires_once_and_the_brighter_the_earlier():
    x, labels = rules.load("digits", steps=30, latency=20.0, train_size=100, seed=1).train
    images = rules.divide("digits", 100, 0, 1).train.reshape(len(labels), -1)
    assert x.shape == (30, len(labels), 64)
    np.testing.assert_array_equal(x.sum(0).numpy(), images > 0.0)
    np.testing.assert_array_equal(x.int().argmax(0)[images > 0.0], np.round(20.0 * (1.0 - images[images > 0.0])))


def test_runs_and_repeats(tmp_path):
    paths = [start("snn-training", TINY, "smoke", tmp_path / part) for part in ("one", "two")]
    first, again = (load(path) for path in paths)
    for name in TINY.rules:
        assert first.metrics[f"accuracy.{name}"]["value"] == again.metrics[f"accuracy.{name}"]["value"]
        np.testing.assert_array_equal(first[f"curve/{name}"], again[f"curve/{name}"])
    figures = snn_training.figures(first)
    assert set(figures) == {"accuracy", "learning", "angle"}


def test_costs_are_those_of_a_process_of_its_own():
    ballast = np.ones(40_000_000)  # 320 MB of this process, which are none of the other's
    found = cost("bptt", 50, True, 128, (120, 20))
    assert ballast.all()
    assert len(found["cost/seconds"]) == len(found["cost/megabytes"]) == 2
    assert 0.0 < found["cost/seconds"][0] < found["cost/seconds"][1]
    assert found["cost/megabytes"][0] + 5.0 < found["cost/megabytes"][1] < 500.0
    with pytest.raises(sf.SynfireError, match="no_such_rule"):
        cost("no_such_rule", 50, True, 128, (5,))


@pytest.mark.parametrize(
    ("field", "value"),
    [("dataset", "cifar"), ("rules", ("bptt", "magic")), ("rules", ()), ("epochs", 0), ("tau_m", 0.5), ("train_size", 7),
     ("learning_rates", (0.0,)), ("times", (0,)), ("seed", -1), ("recurrent_scale", -1.0)],
)  # fmt: skip
def test_config_refuses(field, value):
    with pytest.raises(sf.InvalidValue, match=field):
        dataclasses.replace(TINY, **{field: value})
