"""The experiment `rules`: that contenders are treated alike, products are counted right, and the leaderboard tells the result."""

import csv
import dataclasses
import math
from itertools import pairwise

import pytest
import torch

import synfire as sf
from synfire.experiments import leaderboard, rules
from synfire.experiments.cli import main
from synfire.experiments.contenders import CONTENDERS
from synfire.experiments.results import load
from synfire.experiments.rules_cost import macs
from synfire.experiments.rules_figures import COLOURS
from synfire.experiments.rules_measures import angle_to_backprop

SIZES = [12, 8, 7, 4]


def batch(samples=6):
    draw = torch.Generator().manual_seed(1)
    return sf.Batch(torch.randn((1, samples, SIZES[0]), generator=draw), torch.arange(samples) % SIZES[-1])


def made(name, setting=0):
    contender = CONTENDERS[name]
    return contender.build(SIZES, 3, contender.settings[setting])


def test_there_are_twelve_rules_beside_the_controls_each_with_a_colour():
    assert len(set(CONTENDERS) - {"ccl_frozen", "frozen"}) >= 12
    assert set(COLOURS) == set(CONTENDERS)
    assert len(set(COLOURS.values())) == len(COLOURS)


def test_every_contender_has_as_many_settings_as_every_other():
    assert {len(set(each.settings)) for each in CONTENDERS.values()} == {5}
    for name, contender in CONTENDERS.items():
        assert {len(setting) for setting in contender.settings} == {2 if contender.second else 1}, name


@pytest.mark.parametrize("name", CONTENDERS)
def test_every_setting_builds_a_contender_whose_gradients_are_finite_and_not_zero(name):
    for setting in range(len(CONTENDERS[name].settings)):
        trainee = made(name, setting)
        credit = trainee.rule.gradients(trainee.network, batch(), trainee.rule.init(trainee.network))
        weights = {key for key, value in trainee.network.named_parameters() if value.requires_grad}
        assert weights <= set(credit.gradients)
        for gradient in credit.gradients.values():
            assert bool(torch.isfinite(gradient).all())
        assert any(float(credit.gradients[key].abs().max()) > 0.0 for key in weights)


def test_contenders_of_one_seed_start_from_the_same_weights():
    first = dict(made("backprop").network.named_parameters())
    for name in ("fa", "dfa", "sign_symmetric", "drtp", "dtp", "fw_dtp", "pc", "ipc", "frozen"):
        for key, value in made(name).network.named_parameters():
            assert torch.equal(value, first[key]), (name, key)
    one, other = (dict(made(name).network.named_parameters()) for name in ("eg", "dale"))
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_products_of_backprop_are_those_of_its_closed_form():
    products = [a * b for a, b in pairwise(SIZES)]
    # forward, gradients of weights, and errors sent to all layers but the input
    assert macs("backprop", 0, SIZES, 8) == 2 * sum(products) + sum(products[1:])
    assert macs("frozen", 0, SIZES, 8) == sum(products) + products[-1]
    # errors come straight from the output: through its own weights to nobody, through random ones to each hidden layer
    to_hidden = SIZES[-1] * sum(SIZES[1:-1])
    assert macs("dfa", 0, SIZES, 8) == 2 * sum(products) + to_hidden


def test_angle_is_zero_for_backprop_itself_and_says_nothing_where_there_is_nothing_to_say():
    def found(name):
        trainee = made(name)
        return angle_to_backprop(trainee.network, trainee.rule, trainee.rule.init(trainee.network), batch())["angle"]

    assert found("backprop") == pytest.approx(0.0, abs=0.1)  # acos near 1 halves the digits
    assert 20.0 < found("fa") < 120.0
    assert math.isnan(found("ff")) and math.isnan(found("frozen"))


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rules")
    assert main(["run", "rules", "--preset", "smoke", "--jobs", "1", "--out", str(folder)]) == 0
    return folder / "rules" / "smoke-seed0.h5"


def test_smoke_gives_a_leaderboard_sorted_and_written_beside_the_result(smoke):
    record = load(smoke)
    rows = [dict(zip(leaderboard.HEAD, row, strict=True)) for row in leaderboard.ranking(record).rows]
    accuracies = [row["accuracy (%)"] for row in rows]
    assert accuracies == sorted(accuracies, reverse=True)
    assert {row["rule"] for row in rows} == set(rules.PRESETS["smoke"].rules)
    for row in rows:
        assert row["low"] <= row["accuracy (%)"] <= row["high"]
        assert row["s per epoch"] > 0.0 and row["M MACs per sample"] > 0.0
        behind = record.metrics["accuracy.backprop"]["value"] - row["accuracy (%)"]
        assert row["behind backprop"] == pytest.approx(behind, abs=1e-9)
        assert (row["beats frozen features"] == "") == (row["rule"] == "frozen")
    with open(smoke.with_name("smoke-seed0-leaderboard.csv")) as file:
        assert [line["rule"] for line in csv.DictReader(file)] == [row["rule"] for row in rows]
    assert rows[0]["rule"] in smoke.with_name("smoke-seed0-leaderboard.md").read_text().splitlines()[2]
    assert rows[0]["rule"] in leaderboard.main(smoke).splitlines()[2]
    assert {path.name for path in smoke.parent.glob("*.png")} == {
        f"smoke-seed0-{name}.png" for name in ("accuracy", "angle", "macs")
    }


def test_smoke_says_of_every_rule_whether_it_beats_frozen_features(smoke):
    record = load(smoke)
    frozen = record.metrics["accuracy.frozen"]["values"]
    for rule in ("backprop", "ff"):
        ours = record.metrics[f"accuracy.{rule}"]["values"]
        holds = all(a > b for a, b in zip(ours, frozen, strict=True))
        assert record.checks[f"beats_frozen_{rule}"]["holds"] == holds


def test_boards_are_named_after_what_differs():
    several = {"datasets": ["mnist", "digits"], "networks": ["256x2"]}
    assert leaderboard.boards({"datasets": ["mnist"], "networks": ["256x2"]}) == [""]
    assert leaderboard.boards(several) == ["mnist_", "digits_"]
    both = several | {"networks": ["8x1", "8x2"]}
    assert leaderboard.boards(both) == ["mnist_8x1_", "mnist_8x2_", "digits_8x1_", "digits_8x2_"]


def test_a_network_is_named_by_width_and_depth():
    assert rules.hidden_of("256x2") == (256, 256)
    assert rules.hidden_of("32x1") == (32,)


@pytest.mark.parametrize(
    ("field", "value"),
    [("rules", ("backprop", "magic")), ("rules", ()), ("rules", ("fa", "fa")), ("datasets", ("imagenet",)), ("datasets", ()),
     ("networks", ("256",)), ("networks", ("0x2",)), ("networks", ("256x2x2",)), ("networks", ()), ("epochs", 0),
     ("tune_epochs", 0), ("batch", True), ("train_size", 7), ("seeds", 0), ("seed", -1)],
)  # fmt: skip
def test_rules_config_refuses(field, value):
    with pytest.raises(sf.InvalidValue, match=field):
        dataclasses.replace(rules.PRESETS["smoke"], **{field: value})
