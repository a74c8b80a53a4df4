"""What is cached: a user's own model compiles and takes effect, and an edited one never runs stale."""

import os
import subprocess
import sys
import textwrap

import pytest

import synfire as sf

MODEL = """
    from typing import NamedTuple
    import synfire as sf
    from synfire.neurons.lif import LIFState, LIFStep

    class Step(LIFStep):
        def reset(self, state, spiked):
            return LIFState({reset}, state.refractory)

    class Mine(sf.LIF):
        def discretise(self, dt):
            return Step(*super().discretise(dt))
"""
SCRIPT = """
    import sys
    import synfire as sf
    from mine import Mine

    net = sf.Network(dt=0.5)
    cells = net.population(1, Mine())
    net.drive(cells, sf.Current(amplitude=30.0))
    print(len(net.run(100.0, record=[sf.Spikes(cells)]).spikes(cells).times))
"""


def count(folder, cache):
    """How often the neuron fires, in a process of its own."""
    environment = {**os.environ, "SYNFIRE_CACHE": str(cache), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "script.py"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def plain(v_after):
    """The same neuron in plain Python."""
    step, v, spikes = sf.LIF().discretise(0.5), -65.0, 0
    for _ in range(200):
        v = -35.0 + (v + 35.0) * step.decay_m
        if v >= -50.0:
            spikes, v = spikes + 1, v_after(v)
    return spikes


def test_an_edited_model_takes_effect_with_a_warm_cache(tmp_path):
    cache = tmp_path / "cache"
    (tmp_path / "script.py").write_text(textwrap.dedent(SCRIPT))
    found = []
    for reset in ("self.v_reset if spiked else state.v", "state.v - 5.0 if spiked else state.v"):
        (tmp_path / "mine.py").write_text(textwrap.dedent(MODEL.format(reset=reset)))
        found.append(count(tmp_path, cache))
    assert found == [plain(lambda v: -65.0), plain(lambda v: v - 5.0)]
    assert found[0] != found[1]
    entries = sorted(cache.rglob("*.nbc"))
    assert len(entries) == 2
    assert count(tmp_path, cache) == found[1]
    assert sorted(cache.rglob("*.nbc")) == entries  # the second process of one source compiles nothing


def test_a_subclass_that_overrides_reset_alone_takes_effect_here():
    from synfire.neurons.lif import LIFState, LIFStep

    class SoftStep(LIFStep):
        def reset(self, state, spiked):
            return LIFState(state.v - 5.0 if spiked else state.v, state.refractory)

    class Soft(sf.LIF):
        def discretise(self, dt):
            return SoftStep(*super().discretise(dt))

    net = sf.Network(dt=0.5)
    cells = net.population(1, Soft())
    net.drive(cells, sf.Current(amplitude=30.0))
    times = net.run(100.0, record=[sf.Spikes(cells)]).spikes(cells).times
    assert len(times) == plain(lambda v: v - 5.0)


def test_a_change_of_the_packages_sources_changes_the_folder(tmp_path, monkeypatch):
    from synfire.reservoirs import compiled

    package = tmp_path / "synfire"
    for layer in ("neurons", "plasticity", "reservoirs"):
        (package / layer).mkdir(parents=True)
        (package / layer / "module.py").write_text("x = 1\n")
    monkeypatch.setattr(compiled, "__file__", str(package / "reservoirs" / "compiled.py"))
    before = compiled._fingerprint([])
    assert compiled._fingerprint([]) == before
    seen = {before}
    for layer in ("neurons", "plasticity", "reservoirs"):
        (package / layer / "module.py").write_text("x = 2\n")
        seen.add(compiled._fingerprint([]))
    own = tmp_path / "mine.py"
    for text in ("y = 1\n", "y = 2\n"):
        own.write_text(text)
        seen.add(compiled._fingerprint([str(own)]))
    assert len(seen) == 6


def test_classes_of_experiments_are_told_by_their_files():
    from synfire.experiments.izhikevich_2003 import PulseStep
    from synfire.neurons.synapse import ExponentialStep
    from synfire.reservoirs import compiled

    (own,) = compiled._foreign_files((ExponentialStep(0.5, 1.0), PulseStep(0.0)))
    assert own.endswith("izhikevich_2003.py")


def test_a_cache_that_cannot_be_written_costs_no_result(tmp_path, monkeypatch):
    from synfire.reservoirs import compiled

    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("SYNFIRE_CACHE", str(blocked))
    assert compiled._compiled.__wrapped__(frozenset()) is not None


@pytest.mark.parametrize("home", ["~"])
def test_the_cache_lies_where_the_environment_says(tmp_path, monkeypatch, home):
    from synfire.reservoirs import compiled

    monkeypatch.setenv("SYNFIRE_CACHE", str(tmp_path / "here"))
    assert compiled._cache_root() == tmp_path / "here"
    monkeypatch.delenv("SYNFIRE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "there"))
    assert compiled._cache_root() == tmp_path / "there" / "synfire"
