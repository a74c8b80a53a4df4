"""The experiment `meta-neurons` at its smallest: what is in its tables, that it repeats itself, its figures, bad settings."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib import pyplot

import synfire as sf
from synfire.experiments import meta_neuron_acceptance as acceptance
from synfire.experiments import meta_neurons as experiment
from synfire.experiments.cli import main
from synfire.experiments.meta_neuron_report import ALONE
from synfire.experiments.meta_neuron_trials import READOUTS, cells
from synfire.experiments.results import load

TINY = {
    "train-size": 20, "validation-size": 10, "test-size": 20, "hidden": 4, "seeds": 1, "backprop-rates": 0.03, "stdp-rates": 0.03,
    "tempotron-rates": 0.01, "latency-calls": 3,
}  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """All rules and kinds on one task; one kind on two tasks."""
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(acceptance, "DRAWS", 2000)
        patch.setattr(experiment, "latency", lambda neuron, calls, seed: np.array([0.5, 0.6, 0.7]))
        for more in ("--tasks fast", "--tasks faint fast --neurons meta --rules stdp backprop"):
            out = tmp_path_factory.mktemp("run")
            small = [word for name, value in TINY.items() for word in (f"--{name}", str(value))]
            given = ["run", "meta-neurons", "--preset", "smoke", "--jobs", "1", "--out", str(out), *small]
            assert main([*given, *more.split()]) == 0
            (result,) = out.rglob("*.h5")
            found.append(load(result))
    return found


def test_every_table_has_each_cell_every_baseline_and_the_bayes_line(runs):
    for record in runs:
        tables = experiment.tables(record)
        config = SimpleNamespace(**record.config)
        assert set(tables) == {f"grid_{task}" for task in config.tasks} | {"beside_the_paper"}
        for task in config.tasks:
            rows = {tuple(row[:3]): row for row in tables[f"grid_{task}"].rows}
            assert len(rows) == len(config.rules) * len(config.neurons) * len(READOUTS) + len(ALONE)
            for cell in cells(config):
                for readout in READOUTS:
                    if cell.task == task:
                        value = record.metrics[f"accuracy_{readout}.{cell.name}"]["value"]
                        assert rows[cell.rule, cell.neuron, readout][6 if cell.learned else 3] == value
            for name, said in ALONE.items():
                assert rows[said, "-", "-"][3] == record.metrics[f"accuracy_alone.{task}.{name}"]["value"]
            assert 95.0 < record.metrics[f"bayes_line.{task}"]["value"] <= 100.0  # "matched" kinds: hardly any doubt
    beside = [(row[0], row[4]) for row in experiment.tables(runs[0])["beside_the_paper"].rows]
    assert beside == [("v1, largest gain", 11.0), ("v2, largest gain, lif", 13.5), ("v2, largest gain, meta", 8.5)]


def test_gains_are_learned_less_fixed(runs):
    for record in runs:
        for cell in cells(SimpleNamespace(**record.config)):
            for readout in READOUTS if cell.learned else ():
                pair = [
                    np.array(record.metrics[f"accuracy_{readout}.{each.name}"]["values"])
                    for each in (cell, cell._replace(learned=False))
                ]
                gain = record.metrics[f"gain_{readout}.{cell.task}.{cell.rule}.{cell.neuron}"]["values"]
                np.testing.assert_array_equal(gain, pair[0] - pair[1])


def test_a_cell_has_the_same_bytes_whatever_else_is_in_the_grid(runs):
    """The second run holds a part of the first one's cells, and was made afresh."""
    first, second = runs
    series = set(first.series_names) & set(second.series_names)
    assert len([name for name in series if name.startswith("own/")]) == 15  # five parameters, two layers and one
    for name in series:
        assert first[name].tobytes() == second[name].tobytes()
    alike = {name for name in set(first.metrics) & set(second.metrics) if not name.startswith("largest_gain.")}
    assert len(alike) > 20 and all(first.metrics[name] == second.metrics[name] for name in alike)


def test_code_that_needs_no_network_is_found_right(runs):
    for name in ("8_exact", "8_bernoulli", "9_peak", "10_binomial"):
        assert runs[0].checks[name]["holds"]


def test_figures_draw_what_is_there(runs):
    assert {path.stem.split("-")[-1] for path in runs[1].path.parent.glob("*.png")} == {
        "gains", "accuracy", "parameters", "complexity", "search", "cost"
    }  # fmt: skip
    drawn = experiment.figures(runs[0])
    shown = {name: figure.findobj(lambda each: hasattr(each, "get_text")) for name, figure in drawn.items()}
    texts = {name: {each.get_text() for each in found} for name, found in shown.items()}
    assert {"11.0", "13.5", "8.5"} <= texts["gains"]
    assert "1 + 1" in texts["search"] and "median 0.60" in texts["cost"]
    assert "Bayes: no method is better" in texts["accuracy"]
    pyplot.close("all")


def test_recordings_have_neither_a_bayes_line_nor_its_row(runs):
    record = runs[0]
    metrics = {name: value for name, value in record.metrics.items() if "bayes" not in name}
    bare = type("Bare", (), {"__getitem__": lambda self, name: record[name]})()
    bare.__dict__ |= {"config": record.config, "metrics": metrics, "cost": {}, "series_names": record.series_names}
    bare.cost = {name: each for name, each in record.cost.items() if not name.startswith("latency")}
    assert ALONE["bayes"] not in {row[0] for row in experiment.tables(bare)["grid_fast"].rows}
    drawn = experiment.figures(bare)
    assert not [each for each in drawn["accuracy"].legends[0].get_texts() if "Bayes" in each.get_text()]
    assert len(drawn["cost"].axes) == 1  # no latency either
    pyplot.close("all")


@pytest.mark.parametrize(
    ("change", "nearest"),
    [({"tasks": ("marko",)}, "markov"), ({"rules": ("backprob",)}, "backprop"), ({"neurons": ("escape-lif",)}, "escape_lif")],
)  # fmt: skip
def test_an_unknown_name_is_refused_with_the_nearest(change, nearest):
    with pytest.raises(sf.SynfireError, match=rf"{next(iter(change))}.*did you mean {nearest}\?"):
        dataclasses.replace(experiment.PRESETS["laptop"], **change)


@pytest.mark.parametrize(
    ("change", "fix"),
    [({"tasks": ()}, "at least one"), ({"neurons": ("lif", "lif")}, "none twice"),
     ({"neurons": ("lif", "escape_lif")}, "leave the Tempotron out"), ({"hidden": ()}, "at least one"),
     ({"hidden": (16, 1)}, ">= 2"), ({"backprop_rates": (0.0,)}, "> 0"), ({"tempotron_rates": ()}, "at least one"),
     ({"own_shares": (float("nan"),)}, "> 0"), ({"stdp_rates": (0.9,)}, "at most 0.83"), ({"train_size": 10}, ">= 20"),
     ({"epochs": 1.5}, ">= 1"), ({"batch": True}, ">= 1"), ({"channels": 1}, ">= 2"), ({"latency_calls": -1}, ">= 0"),
     ({"seeds": 1001}, "at most 1000"), ({"seed": -1}, "seed")],
)  # fmt: skip
def test_a_bad_field_is_refused_with_what_would_do(change, fix):
    with pytest.raises(sf.InvalidValue, match=rf"(?s){next(iter(change))}.*{fix}"):
        dataclasses.replace(experiment.PRESETS["laptop"], **change)


def test_escape_noise_is_trained_without_the_tempotron():
    made = dataclasses.replace(experiment.PRESETS["laptop"], rules=("backprop", "stdp"), neurons=("escape_lif",))
    assert {cell.neuron for cell in cells(made)} == {"escape_lif"}
