"""The experiment `continual-maps`: the paper's constants one by one, smaller networks, what is protected, its smoke preset."""

import dataclasses
import math

import numpy as np
import pytest

import synfire as sf
from synfire.experiments import continual_maps as maps
from synfire.experiments.cli import main
from synfire.experiments.continual_networks import RANKS
from synfire.experiments.continual_recipes import RECIPES, REPORTED
from synfire.experiments.results import load
from synfire.plasticity.factors import as_matrix, connections_of

SMOKE, PAPER = maps.PRESETS["smoke"], maps.PRESETS["paper"]
TINY = dataclasses.replace(SMOKE, train_size=60, test_size=60, epochs=1, batch=20, width=0.03125, steps=3)

SPLIT = {
    "classes": 10, "channels": (64, 128, 256), "side": 32, "learning_rates": (0.01, 0.01), "momentum": 0.9, "warm_up": 5,
    "epochs": 200, "batch": 64, "lateral_rate": 0.01, "stored_per_class": 50, "rehearsal_batch": 50, "rehearsals": 20,
    "rehearsal_rate": 0.001,
}  # fmt: skip
FIVE = {
    "classes": 10, "channels": (20,), "first": (3, 1), "side": 32, "learning_rates": (0.1, 0.01), "momentum": 0.9,
    "warm_up": 0, "epochs": 100, "batch": 64, "lateral_rate": 0.01, "stored_per_class": 50, "rehearsal_batch": 50,
    "rehearsals": 20, "rehearsal_rate": 0.001,
}  # fmt: skip
MINI = FIVE | {"classes": 5, "first": (5, 2), "side": 84, "stored_per_class": 5, "rehearsal_batch": 5}
PUBLISHED = {
    "split_cifar100": SPLIT,
    "five_datasets": FIVE,
    "five_datasets_shared_head": FIVE,
    "split_miniimagenet": MINI,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_paper_preset_has_each_sequences_published_constants(name):
    recipe = dataclasses.replace(PAPER, sequence=name).recipe()
    assert {field: getattr(recipe, field) for field in PUBLISHED[name]} == PUBLISHED[name]
    assert recipe.ranks == RANKS[name]
    left = {field.name for field in dataclasses.fields(recipe)} - set(PUBLISHED[name]) - {"ranks", "colours", "first"}
    assert not left and recipe.colours == 3


def test_the_paper_preset_takes_all_tasks_and_images_in_20_steps():
    assert (PAPER.tasks, PAPER.train_size, PAPER.test_size, PAPER.width, PAPER.steps) == (0, 0, 0, 1.0, 20)
    assert PAPER.sequence == "split_cifar100"


def test_the_papers_numbers_stand_beside_ours_only_where_the_budget_is_the_papers():
    assert REPORTED["split_cifar100"] == {"acc": 78.58, "bwt": -0.26}
    assert REPORTED["five_datasets"] == {"acc": 88.65, "bwt": -3.71}
    assert REPORTED["split_miniimagenet"] == {"bwt": -0.48}
    assert maps.as_published(dataclasses.replace(PAPER, sequence="five_datasets", seeds=1, learners=("bp", "ss")))
    assert not maps.as_published(dataclasses.replace(PAPER, epochs=2))
    assert not maps.as_published(dataclasses.replace(PAPER, width=0.5))
    assert not maps.as_published(dataclasses.replace(PAPER, sequence="split_cifar10_jpeg"))


def test_a_spike_is_as_high_as_in_the_paper_and_the_image_is_not_scaled():
    first, second, *_ = (
        layer for layer in RECIPES["split_cifar100"].network(100, 0).layers if hasattr(layer, "weight")
    )
    assert first.gain == 1.0
    assert second.gain == pytest.approx(0.3 / 0.05)


def test_the_papers_own_size_is_its_own_recipe():
    recipe = RECIPES["split_cifar100"]
    assert recipe.smaller(1.0, 3, 32) is recipe


@pytest.mark.parametrize(
    ("name", "side"), [("split_cifar10_jpeg", 32), ("split_digits_maps", 8), ("five_datasets", 32)]
)
def test_a_smaller_network_keeps_the_papers_share_of_each_connections_inputs(name, side):
    usual, colours = RECIPES[name], 1 if side == 8 else 3
    small = usual.smaller(0.25, colours, side)
    assert small.channels == tuple(each // 4 for each in usual.channels)
    inputs, of = (
        np.array([as_matrix(layer.weight).shape[0] for layer in connections_of(each.network(4, 0))])
        for each in (small, usual)
    )
    shares, wanted = np.array(small.ranks) / inputs, np.array(usual.ranks) / of
    assert (shares >= wanted - 1e-12).all()
    assert (shares < wanted + 1.0 / inputs).all()


def test_warm_up_takes_the_papers_share_of_the_epochs():
    assert dataclasses.replace(PAPER, epochs=40).recipe().warm_up == 1
    assert SMOKE.recipe().warm_up == 0


def test_the_first_task_has_a_rate_of_its_own_which_falls_to_0():
    recipe = dataclasses.replace(PAPER, sequence="five_datasets", epochs=2).recipe()
    network = sf.perceptron([2, 2], seed=0)
    for task, rate in enumerate((0.1, 0.01, 0.01)):
        optimiser, scheduler = recipe.optimisers(task)(network, 2)
        (group,) = optimiser.param_groups
        assert (group["lr"], group["momentum"]) == (rate, 0.9)
        optimiser.step()
        scheduler.step()
        assert group["lr"] == pytest.approx(rate / 2)


def test_a_trial_of_maps_is_a_function_of_its_arguments():
    one, other = (maps.trial("bp", "replay", TINY, 5) for _ in range(2))
    for key in one:
        if not key.startswith("cost/"):
            np.testing.assert_array_equal(one[key], other[key], err_msg=key)
    assert (maps.trial("bp", "replay", TINY, 6)["before"] != one["before"]).any()


def test_methods_learn_the_first_task_of_maps_alike():
    plain, kept = maps.trial("bp", "sequential", TINY, 3), maps.trial("bp", "hlop", TINY, 3)
    np.testing.assert_array_equal(plain["before"], kept["before"])
    np.testing.assert_array_equal(plain["accuracy"][0], kept["accuracy"][0])


def test_a_task_whose_directions_are_all_kept_is_answered_as_before(monkeypatch):
    """Only its own head learns then; it also holds that normalisation stays, whose statistics would move."""
    everything = dataclasses.replace(RECIPES["split_digits_maps"], ranks=((27, 576, 1152, 0),))
    monkeypatch.setitem(RECIPES, "split_digits_maps", everything)
    found = maps.trial("bp", "svd", TINY, 2)["accuracy"]
    assert found[1, 0] == found[0, 0]
    monkeypatch.setattr(maps, "fixed_norms", lambda network: network)
    moved = maps.trial("bp", "svd", TINY, 2)["accuracy"]
    assert moved[1, 0] != moved[0, 0]


def test_data_that_are_missing_are_told_before_anything_is_learned(monkeypatch, tmp_path):
    monkeypatch.setenv("SYNFIRE_DATA", str(tmp_path))
    for name, wanted in (
        ("split_miniimagenet", "miniimagenet/<class>"),
        ("split_cifar10_jpeg", "put cifar10-jpeg.npz"),
    ):
        with pytest.raises(sf.UnreadableFile, match=wanted):
            maps.run(dataclasses.replace(PAPER, sequence=name), record=None)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    folder = tmp_path_factory.mktemp("continual-maps")
    assert main(["run", "continual-maps", "--preset", "smoke", "--jobs", "1", "--out", str(folder)]) == 0
    return folder / "continual-maps" / "smoke-seed0.h5"


def test_smoke_of_maps_has_metrics_of_its_matrices_checks_table_and_figures(smoke):
    record = load(smoke)
    for name in ("hlop", "sequential", "svd", "ss.hlop", "ss.sequential"):
        matrix = record.series(f"accuracy/{name}")
        assert matrix.shape == (2, 2, 2)
        np.testing.assert_allclose(record.metrics[f"acc.{name}"]["values"], matrix[:, 1].mean(1))
        np.testing.assert_allclose(record.metrics[f"bwt.{name}"]["values"], matrix[:, 1, 0] - matrix[:, 0, 0])
    assert all(record.metrics[name]["paper"] is None for name in record.metrics)
    for learner, name in (("bp", "sequential"), ("ss", "ss.sequential")):
        lost = record.metrics[f"bwt.{name}"]["value"]
        assert ("vacuous" in record.checks[f"forgets_less_{learner}"]["detail"]) == (lost > -3.0)
        assert record.checks[f"learns_{learner}"]["holds"]
    assert len(maps.tables(record)["transfer"].rows) == 5
    names = {path.name for path in smoke.parent.glob("*.png")}
    assert names == {f"smoke-seed0-{name}.png" for name in ("summary", "matrices", "courses", "tasks", "learners")}


@pytest.mark.parametrize(
    ("field", "value"),
    [("sequence", "split_digits"), ("tasks", 1), ("tasks", 6), ("learners", ()), ("learners", ("fa",)), ("methods", ()),
     ("methods", ("ewc",)), ("methods", ("hlop", "hlop")), ("width", 0.0), ("width", 1.5), ("steps", 0), ("train_size", -1),
     ("test_size", -1), ("epochs", -1), ("batch", True), ("learning_rates", (0.1,)), ("learning_rates", (0.1, math.inf)),
     ("seeds", 0), ("seed", -1)],
)  # fmt: skip
def test_continual_maps_config_refuses(field, value):
    with pytest.raises(sf.InvalidValue, match=field):
        dataclasses.replace(SMOKE, **{field: value})
