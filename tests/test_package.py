"""The package as others meet it: names, version, what an import costs, what a wheel holds."""

import dataclasses
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import synfire as sf
from synfire.experiments.registry import EXPERIMENTS

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def python(code, folder):
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_one_version_everywhere():
    assert PROJECT["version"] == sf.__version__
    assert f"version: {sf.__version__}\n" in (ROOT / "CITATION.cff").read_text("utf-8")
    newest = re.search(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert newest.group(1) == sf.__version__


def test_every_public_name_of_the_layers_is_at_the_front():
    for layer in (sf.neurons, sf.plasticity, sf.reservoirs):
        for name in layer.__all__:
            assert getattr(sf, name) is getattr(layer, name)
            assert name in dir(sf)
    assert dir(sf) == sorted(dir(sf))
    with pytest.raises(AttributeError, match="no attribute 'Lif'"):
        sf.Lif  # noqa: B018


def test_a_script_that_only_spikes_does_not_pay_for_the_rest(tmp_path):
    code = """
import sys, synfire as sf
in_torch = {*sf.neurons._LAYERS, *sf.plasticity._IN_TORCH, *sf.reservoirs._IN_TORCH}
for name in set(dir(sf)) - in_torch:
    getattr(sf, name)
net = sf.Network(dt=0.5)
cells = net.population(5, sf.LIF())
net.run(2.0, record=[sf.Spikes(cells)])
print([name for name in ("torch", "matplotlib", "brian2", "sklearn", "snntorch") if name in sys.modules])
"""
    assert python(code, tmp_path).strip() == "[]"


def test_every_model_and_rule_has_its_line_in_the_documentation():
    page = (ROOT / "docs" / "models.md").read_text("utf-8")
    bases = sf.Neuron, sf.Synapse, sf.Source, sf.Drive, sf.ReadoutRule, sf.Connectivity
    for name in dir(sf):
        thing = getattr(sf, name)
        if isinstance(thing, type) and issubclass(thing, bases) and thing not in bases:
            assert f"| `{name}`" in page, name
    for name in ("encode_rate", "encode_latency", "ridge"):
        assert f"| `{name}`" in page


def test_links_between_pages_lead_somewhere():
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#]+?)\)", page.read_text("utf-8")):
            if "://" not in target and "docs/results" not in (page.parent / target).resolve().as_posix():
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_constraints_pin_everything_that_is_asked_for():
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    assert next(iter(pins)) == "torch"
    normal = {re.sub(r"[-_.]+", "-", name).lower() for name in pins}
    extras = PROJECT["optional-dependencies"]
    for requirement in PROJECT["dependencies"] + extras["test"] + extras["brian2"] + extras["peers"]:
        name = re.match(r"[\w-]+(\.[\w-]+)*", requirement).group(0)
        assert re.sub(r"[-_.]+", "-", name).lower() in normal, requirement


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel built from what git would ship, by the setuptools at hand."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "clone"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file() and not (ROOT / name).is_symlink():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    command = ["-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(folder)]
    subprocess.run([sys.executable, *command, str(source)], check=True, capture_output=True, text=True)
    (built,) = folder.glob("*.whl")
    return built


def test_wheel_holds_the_package_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names} == {"synfire", f"synfire-{sf.__version__}.dist-info"}
    code = {name.removeprefix("synfire/") for name in names if name.startswith("synfire/")}
    tracked = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    own = {name for name in tracked.split() if not re.match(r"(tests|docs)/", name)}
    assert code == own | {"py.typed"}


def test_package_runs_from_its_wheel(wheel, tmp_path):
    """Unpacked, before everything else on the path: the code runs from where it lies."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = """
import json, sys
sys.path.insert(0, sys.argv[1] if len(sys.argv) > 1 else ".")
import synfire as sf
from synfire.experiments.registry import EXPERIMENTS
print(json.dumps([sf.__file__, sorted(EXPERIMENTS), sf.LIF().tau_m]))
"""
    where, experiments, tau_m = json.loads(python(code, tmp_path))
    assert Path(where).parent == tmp_path / "synfire"
    assert experiments == sorted(EXPERIMENTS)
    assert tau_m == 20.0


def test_command_line_is_also_a_module(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "synfire", "--version"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == f"synfire {sf.__version__}"


def test_parameters_are_keyword_only_and_frozen():
    with pytest.raises(TypeError):
        sf.LIF(20.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        sf.LIF().tau_m = 1.0
