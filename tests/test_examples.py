"""What the documentation shows is run: scripts, the code in every page, and the guides in CONTRIBUTING, step by step."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import synfire as sf

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.py"))
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(page):
    return BLOCK.findall(page.read_text("utf-8"))


def run(arguments, folder, **environment):
    """Run Python in the folder; warnings that a reader would see are errors. Returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-W", "error::UserWarning", *arguments],
        cwd=folder,
        env=os.environ | {"MPLBACKEND": "Agg"} | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs_and_draws_its_figure(script, tmp_path):
    assert run([str(script)], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f"{script.stem}.png"]
    assert (tmp_path / f"{script.stem}.png").stat().st_size > 10_000


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda path: path.stem)
def test_example_opens_with_its_source_and_fits_on_a_page(script):
    text = script.read_text("utf-8")
    assert re.search(r"doi:10\.|arXiv", text.split('"""')[1])
    assert len(text.splitlines()) <= 80


# made by Synfire and handed to the user, or there to be subclassed: seen in what scripts do, not in what they name
_HANDED_OUT = {"Driven", "LiquidState", "PopulationView", "Projection", "Readout", "Result", "Simulation"}
_HANDED_OUT |= {"SpikeData", "TraceData", "Modulator", "Scaled", "Credit", "Fitted", "History", "EventNetwork"}
_FOR_EXPERIMENTS = {"check_seed", "steps_in"}  # what CONTRIBUTING's readers find in every experiment
_BASES = {"Bounds", "Pairing", "Connectivity", "Distribution", "Drive", "Source", "Step", "Synapse"}
_BASES |= {"Activation", "CreditRule", "Delay", "Layer", "Modifier", "Samples", "Surrogate"}


def test_every_public_name_is_used_by_code_that_runs():
    shown = "".join(path.read_text("utf-8") for path in EXAMPLES)
    shown += "".join(code for page in [*PAGES, ROOT / "CONTRIBUTING.md"] for code in blocks(page))
    names = {name for layer in (sf.neurons, sf.plasticity, sf.reservoirs) for name in layer.__all__}
    unused = {name for name in names if not re.search(rf"\b{name}\b", shown)}
    assert unused <= _HANDED_OUT | _BASES | _FOR_EXPERIMENTS


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page)], ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_code_of_page_runs(page, tmp_path):
    (tmp_path / "page.py").write_text("\n".join(blocks(page)), "utf-8")
    run(["page.py"], tmp_path)


def test_first_script_leaves_a_figure_and_a_result(tmp_path):
    import h5py

    script = blocks(ROOT / "README.md")[0]
    (tmp_path / "first.py").write_text(script, "utf-8")
    run(["first.py"], tmp_path)
    assert (tmp_path / "raster.png").stat().st_size > 10_000
    with h5py.File(tmp_path / "run.h5") as file:
        assert len(file["spikes/cortex/timestamps"]) > 100
        assert file["traces/0/values"].shape == (2000, 5)


@pytest.fixture(scope="module")
def changed_copy(tmp_path_factory):
    """A copy of the package to which everything that CONTRIBUTING shows was added; (its folder, the scripts)."""
    folder = tmp_path_factory.mktemp("contributing")
    package = folder / "synfire"
    for layer in ("neurons", "plasticity", "reservoirs", "experiments"):
        shutil.copytree(ROOT / layer, package / layer, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("__init__.py", "__main__.py"):
        shutil.copy(ROOT / name, package / name)
    for name in ("neurons/test_every_model.py", "neurons", "plasticity"):
        (folder / "tests" / name).parent.mkdir(parents=True, exist_ok=True)
    scripts = []
    for code in blocks(ROOT / "CONTRIBUTING.md"):
        named = re.match(r"# ([\w/]+\.py)\n", code)
        if not named:
            scripts.append(code)
            continue
        place, body = named.group(1), code[named.end() :]
        if place.endswith("__init__.py"):
            add_name(package / place, body)
        elif place == "tests/neurons/test_every_model.py":
            add_row(folder / place, body)
        elif place.startswith("tests/"):
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            (folder / place).write_text(body, "utf-8")
        else:
            assert not (package / place).exists()
            (package / place).write_text(body, "utf-8")
    return folder, scripts


def add_name(path, line):
    text, name = path.read_text("utf-8"), line.split()[-1]
    assert "__all__ = [\n" in text
    text = text.replace("__all__ = [\n", f'{line}\n__all__ = [\n    "{name}",\n', 1)
    path.write_text(text, "utf-8")


def add_row(path, row):
    """The table with the new row alone: the others are run where they stand, and here would be compiled once more."""
    text, before = (ROOT / "tests/neurons/test_every_model.py").read_text("utf-8"), "\nevery_model = "
    assert text.count(before) == 1
    model = re.match(r"Row\(\s*(\w+)", row).group(1)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        text.replace(before, f"\nfrom synfire import {model}  # noqa: E402\nROWS[:] = [{row}]\n{before}"), "utf-8"
    )


def test_guide_has_both_walks(changed_copy):
    assert len(changed_copy[1]) == 2


@pytest.mark.parametrize("number", [0, 1], ids=["model", "rule"])
def test_guides_model_and_rule_run_in_a_network(changed_copy, number):
    folder, scripts = changed_copy
    (folder / "script.py").write_text(scripts[number], "utf-8")
    run(["script.py"], folder, PYTHONPATH=str(folder))


def test_guides_model_and_rule_pass_the_tests_they_name(changed_copy):
    folder, _ = changed_copy
    printed = run(
        ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".", "tests"], folder, PYTHONPATH=str(folder)
    )
    assert "passed" in printed
    assert "failed" not in printed
