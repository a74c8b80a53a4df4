"""The command line: what it prints, where it prints it, and how it refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path
from typing import Any

import pytest
import toy_experiment as toy

from synfire.experiments import cli, execute, registry
from synfire.experiments.record import Record, load
from synfire.neurons import InvalidValue

# The toy in a process of its own, which can be interrupted as from a terminal.
PROGRAM = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import toy_experiment
from synfire.experiments import cli, registry
registry.EXPERIMENTS["toy"] = toy_experiment
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.fixture(autouse=True)
def only_toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(registry, "EXPERIMENTS", {"toy": toy})
    monkeypatch.chdir(tmp_path)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.main(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def result(capsys: pytest.CaptureFixture[str]) -> Path:
    code, out, _ = run(capsys, "run", "toy", "--preset", "smoke", "--jobs", "1")
    assert code == 0
    return Path(out.splitlines()[-1])


# run


def test_last_line_of_run_is_the_path_of_the_result(result: Path) -> None:
    assert result == Path("results/toy/smoke-seed0.h5")
    assert load(result).preset == "smoke"


def test_run_prints_metrics_beside_the_paper_checks_costs_and_figures(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "run", "toy", "--jobs", "1", "--out", "there")
    assert code == 0
    assert "mean.scale1" in out and "paper" in out and "0.5" in out
    assert "HOLDS          near" in out and "DOES NOT HOLD  far" in out
    assert "wall_s.run" in out
    *_, figure, path = out.splitlines()
    assert figure == "there/toy/laptop-seed0-sorted.png"
    assert Path(figure).read_bytes().startswith(b"\x89PNG")
    assert path == "there/toy/laptop-seed0.h5"
    assert f"synfire resume {path}" in err and "[8/8]" in err


def test_any_config_field_can_be_set_over_the_preset(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--seeds", "2", "--scales", "3", "4.5", "--preset", "paper", "--seed", "7", "--jobs", "1"]
    code, out, _ = run(capsys, "run", "toy", *arguments)
    record = load(out.splitlines()[-1])
    assert code == 0
    assert record.config == {"n": 500, "seeds": 2, "scales": [3.0, 4.5], "pause_s": 0.0, "seed": 7}
    assert record.path.name == "paper-seed7.h5"


def test_help_shows_the_fields_with_their_units(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "run", "toy", "--preset", "smoke", "--help")
    assert code == 0
    assert "--pause-s" in out and "Time that a task sleeps, s." in out and "(default: 5)" in out
    assert "--preset" in out and "--jobs" in out


def test_unfinished_run_of_the_same_config_is_pointed_out(capsys: pytest.CaptureFixture[str]) -> None:
    header = {"experiment": "toy", "preset": "smoke", "config": execute.as_plain(toy.PRESETS["smoke"]), "seed": 0}
    with Record.create(Path("results"), header | {"versions": {}, "commit": ""}) as record:
        pass
    code, out, err = run(capsys, "run", "toy", "--preset", "smoke", "--jobs", "1")
    assert code == 0
    assert f"synfire resume {record.partial}" in err
    assert out.splitlines()[-1] == "results/toy/smoke-seed0-2.h5"


def test_resuming_with_other_sources_is_pointed_out(capsys: pytest.CaptureFixture[str]) -> None:
    header = {"experiment": "toy", "preset": "smoke", "config": execute.as_plain(toy.PRESETS["smoke"]), "seed": 0}
    with Record.create(Path("results"), header | {"versions": execute.versions(), "commit": "0123"}) as record:
        pass
    code, _, err = run(capsys, "resume", str(record.partial), "--jobs", "1")
    assert code == 0
    assert "started with another commit; results may differ" in err


def test_failing_figures_do_not_lose_the_result(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(record: Any) -> dict[str, Any]:
        raise InvalidValue("figure", 1, "drawn")

    monkeypatch.setattr(toy, "figures", refuse)
    code, _, err = run(capsys, "run", "toy", "--preset", "smoke", "--jobs", "1")
    assert code == 2
    assert "synfire plot results/toy/smoke-seed0.h5" in err
    assert load("results/toy/smoke-seed0.h5").seed == 0


# The other verbs


def test_list_names_experiments_with_summary_and_presets(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "list")
    assert code == 0
    assert "toy: means of random numbers" in out and "smoke, laptop, paper" in out


def test_show_json_is_one_object_without_nan(capsys: pytest.CaptureFixture[str], result: Path) -> None:
    def never(constant: str) -> None:
        raise AssertionError(constant)

    code, out, _ = run(capsys, "show", str(result), "--json")
    shown = json.loads(out, parse_constant=never)
    assert code == 0
    assert set(shown) >= {"experiment", "preset", "config", "seed", "metrics", "checks", "cost", "versions", "commit"}
    assert shown["metrics"]["nothing"] == {"value": None, "low": None, "high": None, "paper": None}
    assert shown["metrics"]["mean.scale1"]["paper"] == 0.5
    assert shown["checks"]["far"]["holds"] is False
    assert "wall_s.run" in shown["cost"] and "wall_s.run" not in shown["metrics"]


def test_show_lists_config_and_metrics(capsys: pytest.CaptureFixture[str], result: Path) -> None:
    code, out, _ = run(capsys, "show", str(result))
    assert code == 0
    assert "pause_s" in out and "mean.scale2" in out


def test_plot_draws_where_it_is_told_and_prints_paths(capsys: pytest.CaptureFixture[str], result: Path) -> None:
    code, out, _ = run(capsys, "plot", str(result), "--out", "figures")
    assert (code, out) == (0, "figures/smoke-seed0-sorted.png\n")
    assert Path("figures/smoke-seed0-sorted.png").stat().st_size > 0


@pytest.mark.parametrize("suffix", ["", ".partial"])
def test_resume_of_a_finished_run_says_so(capsys: pytest.CaptureFixture[str], result: Path, suffix: str) -> None:
    code, out, err = run(capsys, "resume", f"{result}{suffix}")
    assert (code, out) == (0, f"{result}\n")
    assert "finished" in err


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--version")
    assert code == 0 and out.startswith("synfire ")


def test_bench_hands_workload_and_peers_over(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[Any, ...]] = []
    bench: Any = types.ModuleType("synfire.experiments.benchmarks.harness")
    bench.WORKLOADS = {"toy-load": None}
    bench.main = lambda *arguments: calls.append(arguments) or 0
    monkeypatch.setitem(sys.modules, bench.__name__, bench)
    arguments = ["toy-load", "--peers", "numpy,brian2", "--json", "x.json", "--repeats", "3"]
    assert run(capsys, "bench", *arguments)[0] == 0
    assert calls == [("toy-load", ["numpy", "brian2"], Path("x.json"), 3)]
    assert run(capsys, "bench", "toy-laod")[0] == 2
    assert run(capsys, "bench", "toy-load", "--repeats", "0")[0] == 2


# Refusals: exit code 2, one message on standard error, nothing on standard output, nothing on disk


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", "tyo"], "did you mean toy?"),
        (["run", "toy", "--preset", "smok"], "did you mean smoke?"),
        (["run", "toy", "--seed", "-1"], "seed: must be >= 0, got -1"),
        (["run", "toy", "--seed=-1"], "seed: must be >= 0, got -1"),
        (["run", "toy", "--n", "0"], "n: must be > 0, got 0"),
        (["run", "toy", "--n", "many"], "--n"),
        (["run", "toy", "--neurons", "3"], "--neurons"),
        (["run", "toy", "--jobs", "0"], "--jobs: must be >= 1"),
        (["run", "toy", "--jobs", "two"], "--jobs"),
        (["run", "toy", "--out", "/dev/null"], "/dev/null"),
        (["run"], "name an experiment"),
        (["run", "--preset", "smoke"], "--preset"),
        ([], "VERB"),
        (["walk"], "walk"),
        (["show", "none.h5"], "none.h5: no such file"),
        (["show", "/dev/null"], "not an HDF5 file"),
        (["plot", "none.h5"], "none.h5: no such file"),
        (["resume", "none.h5"], "none.h5: no such result"),
        (["resume", "none.h5.partial"], "none.h5.partial: no such result"),
    ],
)
def test_what_cannot_be_done_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: list[str], told: str
) -> None:
    code, out, err = run(capsys, *arguments)
    assert code == 2
    assert told in err and "Traceback" not in err
    assert out == ""
    assert not list(tmp_path.rglob("*.h5*"))


def test_misspelt_names_are_told_before_anything_heavy_is_imported() -> None:
    program = (
        "import sys; from synfire.experiments.cli import main; code = main(sys.argv[1:]);"
        "sys.exit(code if not {'torch', 'matplotlib', 'tyro', 'sklearn'} & set(sys.modules) else 99)"
    )
    for arguments in (["run", "diggits"], ["run", "digits", "--preset", "huge"]):
        ran = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=30)
        assert ran.returncode == 2, ran.stderr


# Interrupts


@pytest.mark.parametrize(("number", "jobs"), [(signal.SIGINT, 2), (signal.SIGTERM, 1)])
def test_interrupted_run_says_what_is_kept_and_can_be_resumed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, number: signal.Signals, jobs: int
) -> None:
    arguments = ["run", "toy", "--preset", "smoke", "--pause-s", "0.3", "--jobs", str(jobs)]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a group of its own, as a terminal would signal it
    )
    partial = tmp_path / "results/toy/smoke-seed0.h5.partial"
    while process.poll() is None and not list(partial.glob("*.npz")):
        time.sleep(0.02)
    os.killpg(process.pid, number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "are kept, continue with:\n    synfire resume results/toy/smoke-seed0.h5" in err
    assert "Traceback" not in err and out == ""
    assert partial.is_dir()
    code, out, err = run(capsys, "resume", "results/toy/smoke-seed0.h5", "--jobs", "1")
    assert code == 0 and "of 8 tasks were finished before" in err
    assert out.splitlines()[-1] == "results/toy/smoke-seed0.h5"


def test_output_that_nobody_takes_ends_without_a_traceback(result: Path, tmp_path: Path) -> None:
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = f"{sys.executable} -m synfire show {result} --json"
    for environment in (buffered, buffered | {"PYTHONUNBUFFERED": "1"}):
        options: dict[str, Any] = {"shell": True, "cwd": tmp_path, "capture_output": True, "env": environment}
        assert subprocess.run(command + " | true", **options, timeout=30).stderr == b""
        full = subprocess.run(command + " > /dev/full", **options, timeout=30)
        assert (full.returncode, full.stderr) == (2, b"synfire: standard output: no room left on the disk\n")
