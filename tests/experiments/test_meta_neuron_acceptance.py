"""What the checks of `meta-neurons` say, of made-up numbers: each holds where its claim is true, and does not where it is not."""

from types import SimpleNamespace

import numpy as np
import pytest

import synfire as sf
from synfire.experiments import meta_neuron_acceptance as acceptance
from synfire.experiments.meta_neuron_report import gains, largest
from synfire.experiments.meta_neuron_trials import Cell, cells

CONFIG = SimpleNamespace(
    tasks=["fast", "standard", "markov"],
    backprop_only=[],
    rules=["backprop", "stdp", "tempotron"],
    neurons=["lif", "meta"],
    seeds=5,
    seed=0,
)
SPREAD = np.array([-0.2, -0.1, 0.0, 0.1, 0.2])


class Kept:
    def __init__(self):
        self.checks, self.metrics = {}, {}

    def check(self, name, claim, holds, detail=""):
        assert name not in self.checks and claim and detail
        self.checks[name] = bool(holds)

    def metric(self, name, values, paper=None, note="", unit=""):
        self.metrics[name] = float(np.mean(values))


def numbers(config=CONFIG):
    """Accuracies, %, under which every claim is true, by cell and readout."""
    made = {}
    for cell in cells(config):
        plain = {"backprop": 90.0, "stdp": 80.0, "tempotron": 85.0}[cell.rule] + cell.learned
        if cell.rule == "tempotron":
            plain -= 0.5 * cell.learned
        if (cell.task, cell.rule) == ("fast", "backprop"):
            gain = {"lif": 13.0, "meta": 8.0}[cell.neuron]
            plain = {"lif": 70.0, "meta": 80.0}[cell.neuron] + gain * cell.learned
        made[cell] = {"plain": plain, "lzc": 94.0, "lzc_lda": 99.0 if cell.task == "standard" else 90.0}
    return made


def checked(monkeypatch, made, *, config=CONFIG, bare=None, times=None, seeds=None):
    """The checks of these accuracies, each with a small spread over seeds."""
    spread = SPREAD if seeds is None else seeds
    found = {
        cell: [{f"accuracy/{name}": value + noise for name, value in each.items()} for noise in spread]
        for cell, each in made.items()
    }
    alone = {"markov": {"counting": 51.0, "raw_lzc": 97.0}, "standard": {"raw_lzc": 97.0, "raw_lzc_linear": 97.5}}
    for task, change in (bare or {}).items():
        alone[task] |= change
    record = Kept()
    monkeypatch.setattr(acceptance, "_kernels", lambda record, seed: None)
    given = {"lif": [0.4, 0.5, 9.0], "meta": [0.8, 0.9, 1.1]} if times is None else times
    acceptance.check(record, config, found, {task: [each] for task, each in alone.items()}, given)
    return record


def test_all_hold_where_all_claims_are_true(monkeypatch):
    record = checked(monkeypatch, numbers())
    assert record.checks == dict.fromkeys(record.checks, True)
    assert {name[0] for name in record.checks} == set("1234567")
    assert record.metrics == {"best_lzc.standard": pytest.approx(99.0)}


CHANGES = [
    ("1_learned_at_least_fixed", {("standard", "backprop", "meta", True): 89.0}, set()),
    ("1_apart_lif", {("fast", "backprop", "lif", True): 70.2, ("standard", "backprop", "lif", True): 90.2},
     {"1_lif_gains_more", "5_gain_lif", "3_gap_closed"}),
    ("1_apart_meta", {("fast", "backprop", "meta", True): 80.2, ("standard", "backprop", "meta", True): 90.2},
     {"5_gain_meta"}),
    ("1_lif_gains_more", {("fast", "backprop", "meta", True): 93.5}, set()),
    ("2_tempotron_least", {("fast", "tempotron", "lif", True): 90.0}, set()),
    ("3_weak_cell", {("fast", "stdp", "meta", False): 69.0}, set()),
    ("3_weak_cell", {("fast", "backprop", "lif", False): 81.0, ("fast", "stdp", "lif", False): 80.0},
     {"1_lif_gains_more", "5_gain_lif", "3_gap_closed"}),
    ("3_gap_closed", {("fast", "backprop", "lif", True): 74.9}, {"1_lif_gains_more", "5_gain_lif"}),
    ("5_gain_lif", {("fast", "backprop", "lif", True): 91.0}, set()),
    ("5_gain_meta", {("fast", "backprop", "meta", True): 82.9}, set()),
]  # fmt: skip


@pytest.mark.parametrize(("name", "change", "besides"), CHANGES)
def test_a_claim_that_is_not_true_does_not_hold(monkeypatch, name, change, besides):
    made = numbers()
    for cell, plain in change.items():
        made[Cell(*cell)]["plain"] = plain
    failed = {each for each, holds in checked(monkeypatch, made).checks.items() if not holds}
    assert name in failed and failed <= {name} | besides


@pytest.mark.parametrize(
    ("name", "change"),
    [("4_markov_counts", {"bare": {"markov": {"counting": 61.0}}}), ("4_markov_counts", {"bare": {"markov": {"counting": 39.0}}}),
     ("4_markov_lzc", {"bare": {"markov": {"raw_lzc": 89.0}}}), ("7_latency", {"times": {"lif": [0.5], "meta": [1.2]}})],
)  # fmt: skip
def test_claims_of_baselines_and_times_look_at_them(monkeypatch, name, change):
    record = checked(monkeypatch, numbers(), **change)
    assert [each for each, holds in record.checks.items() if not holds] == [name]


@pytest.mark.parametrize(("name", "task"), [("4_markov_lzc", "markov"), ("6_best_lzc", "standard")])
def test_claims_of_complexity_look_at_the_best_network_of_their_task(monkeypatch, name, task):
    made = numbers()
    for cell, each in made.items():
        if cell.task == task:
            each |= {"lzc": 89.0, "lzc_lda": {"markov": 88.0, "standard": 98.0}[task]}
    record = checked(monkeypatch, made)
    assert [each for each, holds in record.checks.items() if not holds] == [name]
    next(each for cell, each in made.items() if cell.task == task)["lzc"] = 99.5
    assert checked(monkeypatch, made).checks[name]


def test_intervals_of_few_or_scattered_seeds_are_not_apart(monkeypatch):
    few = SimpleNamespace(**vars(CONFIG) | {"seeds": 3})
    assert not checked(monkeypatch, numbers(), config=few, seeds=SPREAD[:3]).checks["1_apart_lif"]
    wide = checked(monkeypatch, numbers(), seeds=100.0 * SPREAD).checks
    assert not wide["1_apart_lif"] and wide["1_learned_at_least_fixed"]


def test_a_run_of_one_rule_and_kind_says_only_what_it_can(monkeypatch):
    config = SimpleNamespace(**vars(CONFIG) | {"rules": ["stdp"], "neurons": ["meta"], "tasks": ["digits"]})
    record = checked(monkeypatch, numbers(config), config=config, times={})
    assert record.checks == {"5_gain_meta": False}


def test_gains_are_paired_and_the_largest_is_by_its_mean():
    rows = {False: [50.0, 60.0], True: [58.0, 61.0]}
    found = {
        Cell(task, "stdp", "lif", learned): [{"accuracy/plain": value + shift * learned} for value in rows[learned]]
        for task, shift in (("fast", 0.0), ("hard", 2.0))
        for learned in (False, True)
    }
    gain = gains(found, "plain")
    assert {cell.name: each.tolist() for cell, each in gain.items()} == {
        "fast.stdp.lif.fixed": [8.0, 1.0],
        "hard.stdp.lif.fixed": [10.0, 3.0],
    }
    assert largest(gain, ("lif",))[0] == "hard, stdp"


@pytest.mark.parametrize(
    ("text", "components"), [("0001101001000101", 6), ("0" * 16, 2), ("01" * 8, 3), ("", 0), ("1", 1)]
)
def test_the_plain_complexity_gives_the_known_counts(text, components):
    assert acceptance.plain_lempel_ziv(text) == components


def test_the_binomial_test_sees_a_law_of_another_width(monkeypatch):
    monkeypatch.setattr(acceptance, "DRAWS", 20_000)
    assert acceptance.firing_law(0.3, 0.5, seed=1) > 0.001
    wrong = lambda **fields: sf.ProbabilisticLIF(**fields | {"width": 1.3 * fields["width"]})  # noqa: E731
    monkeypatch.setattr(acceptance, "ProbabilisticLIF", wrong)
    assert acceptance.firing_law(0.3, 0.5, seed=1) < 0.001


def test_kernels_that_are_wrong_are_found_out(monkeypatch):
    monkeypatch.setattr(acceptance, "DRAWS", 1000)
    monkeypatch.setattr(acceptance, "lempel_ziv", lambda symbols: sf.lempel_ziv(symbols) + (len(symbols) == 14))
    monkeypatch.setattr(acceptance, "complexity", lambda trains: 1.1 * sf.complexity(trains))
    record = Kept()
    acceptance._kernels(record, 0)
    untouched = {"9_peak": True, "10_binomial": True, "10_deterministic": True}
    assert record.checks == untouched | {"8_exact": False, "8_bernoulli": False}
