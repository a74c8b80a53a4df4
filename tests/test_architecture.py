"""The laws of the house (DESIGN 1): who imports whom, what is public, what a docstring owes, what stays unloaded."""

import ast
import dataclasses
import importlib
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

import synfire as sf

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ["neurons", "plasticity", "reservoirs", "experiments"]  # each may import those before it
# of plasticity: what a rule is, and its arithmetic; what a connection with delays is; no rule
CONTRACT = {"contract", "cosine", "credit", "delays", "head", "linear", "local", "objective", "tempotron_loss"}
SOURCES = sorted(path for layer in LAYERS for path in (ROOT / layer).rglob("*.py") if path.read_text().strip())
MODULES = [path for path in SOURCES if path.stem not in ("__init__", "__main__")]

every_source = pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())


def package(path):
    """Names of the packages a file lies in, from its layer: ("experiments", "benchmarks")."""
    return path.relative_to(ROOT).parts[:-1]


def imports(path):
    """(dots, module, names, at the top level) of each import in a file."""
    tree = ast.parse(path.read_text())
    hidden = {
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in hidden:
            continue
        if isinstance(node, ast.ImportFrom):
            yield node.level, node.module or "", [alias.name for alias in node.names], node in tree.body
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield 0, alias.name, [], node in tree.body


def of_other_layers(path):
    """(layer, rest of the module's path) of each import from another layer."""
    for dots, module, names, _ in imports(path):
        if dots == len(package(path)) + 1:
            parts = module.split(".") if module else names
            yield parts[0], ".".join(parts[1:])


@every_source
def test_imports_go_down_only(path):
    own = LAYERS.index(package(path)[0])
    for layer, _ in of_other_layers(path):
        if layer not in LAYERS:  # the package itself, e.g. its version
            assert layer in ("__version__", ""), f"{path} imports ..{layer}"
            continue
        assert LAYERS.index(layer) < own, f"{path.name} of {LAYERS[own]} imports {layer}, which lies above it"


@every_source
def test_imports_inside_the_package_are_relative(path):
    for dots, module, _, _ in imports(path):
        assert dots or module.split(".")[0] not in ("synfire", *LAYERS), f"{path} imports {module}"
        assert dots <= len(package(path)) + 1


@every_source
def test_reservoirs_know_what_a_rule_is_and_no_rule(path):
    if package(path)[0] == "reservoirs":
        found = {rest for layer, rest in of_other_layers(path) if layer == "plasticity"}
        assert found <= CONTRACT, f"{path.name} imports {found - CONTRACT} of plasticity"


@every_source
def test_experiments_use_only_the_fronts_of_other_layers(path):
    if package(path)[0] == "experiments":
        for layer, rest in of_other_layers(path):
            assert rest == "", f"{path.name} reaches into {layer}.{rest}"


def test_there_are_no_circles_within_a_layer():
    graph = {}
    for path in MODULES:
        siblings = {other.stem for other in path.parent.glob("*.py")}
        used = set()
        for dots, module, names, at_top in imports(path):
            if dots == 1 and at_top:
                used |= {module.split(".")[0]} if module else set(names)
        graph[package(path), path.stem] = {(package(path), name) for name in used & siblings}

    def visit(node, above):
        assert node not in above, " -> ".join(name for _, name in (*above, node))
        for other in graph.get(node, ()):
            visit(other, (*above, node))

    for node in graph:
        visit(node, ())


@every_source
def test_public_modules_say_what_they_export(path):
    if path.stem == "__main__":
        return
    stem = () if path.stem == "__init__" else (path.stem,)
    module = importlib.import_module(".".join(("synfire", *package(path), *stem)))
    exported = module.__all__
    assert len(set(exported)) == len(exported)
    for name in exported:
        assert not name.startswith("_")
        assert hasattr(module, name), f"{path}: __all__ names {name}, which is not there"

    def isort_style(name):  # as ruff's RUF022: constants, classes, then the rest
        return 0 if name.isupper() else 1 if name[:1].isupper() else 2, name

    assert list(exported) == sorted(exported, key=isort_style)


@every_source
def test_files_are_short_and_begin_with_what_they_are_about(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 400, "at 400 lines ask what the second idea is (STYLE 12)"
    assert ast.get_docstring(ast.parse(text)), f"{path} has no docstring"


def subclasses(cls):
    return {cls}.union(*(subclasses(each) for each in cls.__subclasses__()))


def documented():
    """Models, synapses, drives, sources and rules of the package, without the abstract bases."""
    for layer in LAYERS[:3]:
        importlib.import_module(f"synfire.{layer}")
    bases = {sf.Neuron, sf.Source, sf.Synapse, sf.Drive, sf.ReadoutRule}
    found = {cls for base in bases for cls in subclasses(base)} - bases
    return sorted((c for c in found if c.__module__.startswith("synfire.")), key=lambda c: c.__name__)


@pytest.mark.parametrize("cls", documented(), ids=lambda cls: cls.__name__)
def test_every_model_and_rule_names_its_source_its_deviations_and_its_parameters(cls):
    text = inspect.getdoc(cls)
    lines = text.splitlines()
    for part in ("Source", "Deviations", "Parameters"):
        assert any(part in line.split("  ")[0] for line in lines), f"{cls.__name__} does not say its {part}"
    for field in dataclasses.fields(cls):
        said = field.name in text or "as `" in text  # "as `RecursiveLeastSquares`": of the class it varies
        assert said, f"{cls.__name__} does not say what {field.name} is"


def test_there_are_models_and_rules_to_ask():
    assert {"LIF", "Izhikevich", "Exponential", "Poisson", "ThreeFactor"} <= {cls.__name__ for cls in documented()}


def run(code):
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_and_running_a_network_leaves_the_heavy_packages_unloaded():
    code = """
import sys
import synfire as sf
heavy = {"torch", "matplotlib", "brian2", "sklearn", "pandas", "snntorch", "tyro", "pooch", "h5py"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
assert "numba" not in sys.modules, "import synfire alone loads a layer"
net = sf.Network(dt=0.5, seed=1)
cells = net.population(10, sf.LIF())
net.drive(cells, sf.Current(amplitude=20.0))
net.connect(cells, cells, p=0.1, weight=1.0)
result = net.run(100.0, record=[sf.Spikes(cells)])
assert len(result.spikes(cells).times) > 10
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    run(code)


def test_every_public_name_is_found_from_the_top():
    for layer in LAYERS[:3]:
        for name in importlib.import_module(f"synfire.{layer}").__all__:
            assert getattr(sf, name) is getattr(importlib.import_module(f"synfire.{layer}"), name)
            assert name in dir(sf)
    with pytest.raises(AttributeError, match="no attribute 'nothing_of_this_name'"):
        _ = sf.nothing_of_this_name


def test_two_layers_never_export_one_name():
    exported = [name for layer in LAYERS[:3] for name in importlib.import_module(f"synfire.{layer}").__all__]
    assert len(set(exported)) == len(exported)


def test_a_second_copy_of_the_classes_cannot_be_made():
    """From the repository's root a bare `import neurons` would make other classes under the same names."""
    done = subprocess.run(
        [sys.executable, "-c", "import neurons"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode != 0
    assert "synfire.neurons" in done.stderr


def test_only_the_package_itself_lies_at_the_root():
    assert sorted(path.name for path in ROOT.glob("*.py")) == ["__init__.py", "__main__.py"]


def test_test_files_have_unique_names_and_no_package():
    files = [path for path in (ROOT / "tests").rglob("*.py") if path.name != "conftest.py"]
    assert len({path.name for path in files}) == len(files)
    assert "__init__.py" not in {path.name for path in files}
