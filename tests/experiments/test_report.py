"""A page of docs/results: what a result holds, between marks; what somebody wrote around them is left alone."""

import pytest
import toy_experiment

from synfire.experiments import execute, markdown, registry, report
from synfire.experiments.results import load
from synfire.neurons import SynfireError


@pytest.fixture
def result(tmp_path, monkeypatch):
    monkeypatch.setitem(registry.EXPERIMENTS, "toy", toy_experiment)
    config = toy_experiment.PRESETS["smoke"]
    return execute.start("toy", config, "smoke", tmp_path / "results", jobs=1, announce=lambda *_: None)


def test_page_holds_every_number_check_and_figure(result, tmp_path):
    path = report.write(result, tmp_path / "docs")
    page, record = path.read_text("utf-8"), load(result)
    assert "synfire run toy --preset smoke --seed 0" in page
    for name, metric in record.metrics.items():
        measure, _, method = name.partition(".")
        assert f"`{measure}`" in page
        assert f"`{method}`" in page
        assert f"{metric['value']:.4g}" in page
    for check in record.checks.values():
        assert check["claim"] in page
    drawn = {file.name for file in path.parent.glob("*.png")}
    assert drawn
    assert all(f"({name})" in page for name in drawn)


def test_what_stands_around_the_marks_stays(result, tmp_path):
    path = report.write(result, tmp_path)
    first = path.read_text("utf-8")
    path.write_text(first.replace("# toy\n", "# Toy\n\nWritten by hand.\n"), "utf-8")
    report.write(result, tmp_path)
    second = path.read_text("utf-8")
    assert second == first.replace("# toy\n", "# Toy\n\nWritten by hand.\n")


def test_a_page_may_show_several_results_each_between_its_own_marks(result, tmp_path):
    path = report.write(result, tmp_path)
    alone = path.read_text("utf-8")
    path.write_text(alone + "<!-- toy-again: begin -->\n<!-- toy-again: end -->\n", "utf-8")
    report.write(result, tmp_path, "again")
    both = path.read_text("utf-8")
    assert both.startswith(alone)
    drawn = {file.name for file in tmp_path.glob("*.png")}
    assert {name for name in drawn if name.startswith("toy-again-")}
    assert all(f"({name})" in both for name in drawn)


def test_the_command_names_what_differs_from_the_preset(tmp_path, monkeypatch):
    import dataclasses

    monkeypatch.setitem(registry.EXPERIMENTS, "toy", toy_experiment)
    usual = toy_experiment.PRESETS["smoke"]
    field = next(f.name for f in dataclasses.fields(usual) if f.name != "seed" and type(getattr(usual, f.name)) is int)
    config = dataclasses.replace(usual, **{field: getattr(usual, field) + 1})
    result = execute.start("toy", config, "smoke", tmp_path / "results", jobs=1, announce=lambda *_: None)
    page = report.write(result, tmp_path).read_text("utf-8")
    assert f"`synfire run toy --preset smoke --seed 0 --{field.replace('_', '-')} {getattr(config, field)}`" in page


def test_a_page_without_marks_is_refused_and_left_as_it_is(result, tmp_path):
    (tmp_path / "toy.md").write_text("no marks", "utf-8")
    with pytest.raises(SynfireError, match="toy: begin"):
        report.write(result, tmp_path)
    assert (tmp_path / "toy.md").read_text("utf-8") == "no marks"


def test_a_table_keeps_its_columns_whatever_stands_in_its_cells():
    written = markdown.table(["a", "b"], [["x | y", "1"]])
    assert written.splitlines() == ["| a | b |", "| --- | ---: |", "| x \\| y | 1 |"]
