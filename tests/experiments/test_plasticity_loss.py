"""The experiment `plasticity-loss`: equal budgets, what is watched, checks that can fail, and that it runs."""

import dataclasses

import numpy as np
import pytest
import torch

import synfire as sf
from synfire.experiments import plasticity_loss
from synfire.experiments.continual_tasks import permuted
from synfire.experiments.execute import draw, start
from synfire.experiments.plasticity_loss import METHODS, OWN, PRESETS, Config, trial
from synfire.experiments.plasticity_loss_figures import COLOURS
from synfire.experiments.results import load

SMOKE = PRESETS["smoke"]


def test_every_method_chooses_among_equally_many_settings_and_has_a_colour():
    for config in PRESETS.values():
        assert len({len(set(getattr(config, OWN[method]))) for method in METHODS}) == 1
    assert set(OWN) == set(METHODS)
    assert len({COLOURS[method] for method in METHODS}) == len(METHODS)


def test_the_preset_paper_is_the_papers():
    paper = PRESETS["paper"]
    assert (paper.dataset, paper.tasks, paper.task_size, paper.batch, paper.hidden) == ("mnist", 800, 0, 1, (2000,) * 3)
    assert (paper.learning_rates, paper.learning_rate) == ((0.01, 0.003, 0.001), 0.003)
    assert (paper.replacement_rates, paper.maturity) == ((1e-4, 1e-5, 1e-6), 100)


def test_online_accuracy_is_that_of_scores_given_before_the_batch_is_learned():
    config = dataclasses.replace(SMOKE, batch=200, tasks=2)  # one step to a task, after which it would answer better
    found = trial("backprop", 0, 2, config, 0)
    task = permuted("digits", tasks=2, seed=0, train_size=config.task_size, test_size=config.probe_size)[0]
    fresh = plasticity_loss._network([64, *config.hidden, 10], 0)
    assert found["accuracy"][0] == pytest.approx(100.0 * sf.evaluate(fresh, task.train)[1], abs=1e-4)


def test_methods_of_a_seed_start_alike_and_part_ways():
    config = dataclasses.replace(
        SMOKE, batch=200, tasks=2
    )  # one step to a task: the first accuracy is the fresh network's
    found = {method: trial(method, 0, 2, config, 3)["accuracy"] for method in METHODS}
    assert len({values[0] for values in found.values()}) == 1
    found = {method: trial(method, 0, 2, dataclasses.replace(SMOKE, tasks=2), 3)["weight"] for method in METHODS}
    assert len({values[1] for values in found.values()}) == len(METHODS)


def test_dead_units_effective_rank_and_weights_are_counted_right():
    network = plasticity_loss._network([4, 6, 6, 10], 0)
    first, second = network.layers[0], network.layers[2]
    with torch.no_grad():
        first.weight.copy_(torch.eye(4, 6))  # two of six are silent
        second.weight.zero_()
        second.weight[0, 0], second.weight[1, 1], second.weight[2, 2] = 1.0, 1.0, 1.0  # three of six are
    found = plasticity_loss._watched(network, torch.eye(4)[None])
    assert found["dead"] == pytest.approx(100.0 * 5 / 12)
    assert found["rank"] == pytest.approx(3.0)  # three equal singular values
    weights = torch.cat([layer.weight.detach().flatten() for layer in (first, second, network.layers[4])])
    assert found["weight"] == pytest.approx(float(weights.abs().mean()))
    with torch.no_grad():
        first.bias.fill_(-2.0)
    assert plasticity_loss._watched(network, torch.eye(4)[None]) | {"weight": 0.0} == {
        "dead": 100.0, "rank": 0.0, "weight": 0.0,
    }  # fmt: skip


def test_noise_has_the_size_asked_for_and_is_a_function_of_the_step():
    network = plasticity_loss._network([64, 100, 10], 0)
    before = torch.nn.utils.parameters_to_vector(network.parameters()).detach()
    rule = plasticity_loss.Perturbed(sf.BPTT(), 0.01, 0)
    steps = []
    for _ in range(2):
        assert rule.settle(network, 5) == 6
        now = torch.nn.utils.parameters_to_vector(network.parameters()).detach()
        steps.append(now - before)
        before = now
    torch.testing.assert_close(steps[0], steps[1], rtol=0.0, atol=1e-6)  # rounding of weights near 1
    assert float(steps[0].std()) == pytest.approx(0.01, rel=0.04)  # 7,510 draws: 5 standard errors


def test_subspaces_grow_with_every_task_to_the_share_that_is_protected():
    config = dataclasses.replace(SMOKE, tasks=7, protected=0.6)
    rule = plasticity_loss._rule("hlop", 0, [64, 16, 30, 10], config, 0)
    ranks = np.array(rule.modifiers[0].ranks)
    assert ranks.shape == (7, 3)
    np.testing.assert_array_equal(ranks.sum(0), [38, 9, 18])
    assert np.ptp(ranks, axis=0).max() <= 1


class Kept:
    """A record that keeps checks alone."""

    def __init__(self):
        self.holds = {}

    def check(self, name, claim, holds, detail):
        self.holds[name] = holds


def checks(backprop, continual):
    record = Kept()
    made = {}
    for method, accuracy in (("backprop", backprop), ("continual_backprop", continual)):
        parts = np.array(accuracy, dtype=float)
        made[method] = {"accuracy": parts, "dead": -parts, "weight": -parts, "rank": parts}
    plasticity_loss._check(record, made)
    return record.holds


def test_checks_hold_only_if_every_seed_says_so():
    falling, flat, rising = [90.0, 91.0, 89.0], [90.0, 90.0, 89.5], [88.0, 90.0, 92.0]
    assert all(checks([falling, falling], [flat, rising]).values())
    found = checks([falling, rising], [flat, falling])
    assert not any(found[name] for name in found)
    assert not checks([falling, falling], [flat, [np.nan] * 3])["continual_backprop_keeps_learning"]


def test_smoke_runs_and_draws(tmp_path):
    path = start("plasticity-loss", SMOKE, "smoke", tmp_path)
    record = load(path)
    for method in SMOKE.methods:
        values = record.series(f"accuracy/{method}")
        assert values.shape == (1, SMOKE.tasks)
        drop = record.metrics[f"accuracy_peak.{method}"]["value"] - record.metrics[f"accuracy_last.{method}"]["value"]
        assert record.metrics[f"drop.{method}"]["value"] == pytest.approx(drop)
        assert record.metrics[f"accuracy_last.{method}"]["value"] == pytest.approx(values[0, -1])
    assert record.checks["backprop_falls"]["holds"] == (record.metrics["drop.backprop"]["value"] > 1.0)
    assert {each.stem.rsplit("-", 1)[1] for each in draw(path)} == {"accuracy", "units"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"methods": ()}, "methods"), ({"methods": ("backprop", "backprop")}, "none twice"), ({"methods": ("cbp",)}, "methods"),
        ({"dataset": "cifar10"}, "dataset"), ({"tasks": 1}, "tasks"), ({"task_size": -1}, "task_size"),
        ({"hidden": ()}, "hidden"),
        ({"learning_rate": 0.0}, "learning_rate"), ({"shrink": -1.0}, "shrink"), ({"replacement_rates": (1.0,) * 3}, "rates"),
        ({"protected": 0.0}, "protected"), ({"lateral_learning_rate": -1.0}, "lateral"),
        ({"weight_decays": (1e-3,)}, "weight_decays: must be 3 numbers"), ({"seed": -1}, "seed"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(options, said):
    with pytest.raises(sf.SynfireError, match=said):
        Config(**options)
