"""Random networks against Brian2, plain Python and themselves: what `synfire verify` compares."""

import pytest

from synfire.experiments import verify
from synfire.experiments.cli import main

STATIC = ["lif", "izhikevich", "coba"]


@pytest.fixture
def brian2():
    module = pytest.importorskip("brian2", reason="brian2 is not installed: pip install synfire[brian2]")
    before = module.prefs.codegen.target, module.prefs.codegen.loop_invariant_optimisations
    yield module
    module.prefs.codegen.target, module.prefs.codegen.loop_invariant_optimisations = before


@pytest.mark.parametrize("kind", STATIC)
def test_static_networks_equal_brian2_spike_by_spike(brian2, kind):
    for seed in range(20):
        found = verify.ALL[kind](1000 + seed)
        assert found.same
        assert found.spikes > 100


@pytest.mark.parametrize("kind", ["stdp", "three-factor"])
def test_what_is_learnt_equals_brian2_to_1e_9(brian2, kind):
    for seed in range(20):
        found = verify.ALL[kind](1000 + seed)
        assert found.same
        assert found.difference < 1e-9
        assert found.spikes > 100


@pytest.mark.parametrize("kind", ["python", "threads"])
def test_networks_equal_plain_python_and_themselves_on_any_threads(kind):
    assert all(verify.ALL[kind](1000 + seed).same for seed in range(4))


def test_the_table_counts_networks_and_says_which_failed(monkeypatch, capsys):
    kinds = {"good": lambda seed: verify.Compared(5, True, 0.0), "bad": lambda seed: verify.Compared(7, seed != 1, 0.25)}
    monkeypatch.setattr(verify, "ALL", kinds)
    assert verify.main(5) == 1
    shown = capsys.readouterr().out
    assert "4 of 5 passed" in shown
    assert "missed: bad, seed 1" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--networks", "0"], "--networks: must be >= 1"),
        (["--kinds", "lif,cobra"], "did you mean coba"),
        (["--seed", "-1"], "--seed: must be >= 0"),
    ],
)
def test_bad_arguments_are_refused(arguments, said, capsys):
    assert main(["verify", *arguments]) != 0
    assert said in capsys.readouterr().err
