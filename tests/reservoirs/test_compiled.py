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
    entries = sorted(cache.rglob("*.bin"))
    assert len(entries) == 2
    assert count(tmp_path, cache) == found[1]
    assert sorted(cache.rglob("*.bin")) == entries  # the second process of one source compiles nothing


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


def test_a_script_compiles_its_own_model_once(tmp_path):
    """A class defined in the script itself is found again by the next process."""
    cache = tmp_path / "cache"
    model = textwrap.dedent(MODEL.format(reset="self.v_reset if spiked else state.v"))
    (tmp_path / "script.py").write_text(model + textwrap.dedent(SCRIPT).replace("from mine import Mine", ""))
    found = [count(tmp_path, cache)]
    entries = sorted(cache.rglob("*.bin"))
    stamps = [entry.stat().st_mtime_ns for entry in entries]
    found.append(count(tmp_path, cache))
    assert found == [plain(lambda v: -65.0)] * 2
    assert sorted(cache.rglob("*.bin")) == entries
    assert [entry.stat().st_mtime_ns for entry in entries] == stamps


def test_a_value_that_a_hook_reads_from_another_file_is_never_stale(tmp_path):
    cache = tmp_path / "cache"
    model = textwrap.dedent(MODEL.format(reset="state.v - LOSS if spiked else state.v"))
    (tmp_path / "mine.py").write_text("from constants import LOSS\n" + model)
    (tmp_path / "script.py").write_text(textwrap.dedent(SCRIPT))
    found = []
    for loss in (15.0, 5.0):
        (tmp_path / "constants.py").write_text(f"LOSS = {loss}\n")
        found.append(count(tmp_path, cache))
    assert found == [plain(lambda v: v - 15.0), plain(lambda v: v - 5.0)]
    assert found[0] != found[1]


RELOADED = """
    import importlib, pathlib, sys
    import synfire as sf
    import mine

    def spikes():
        net = sf.Network(dt=0.5)
        cells = net.population(1, mine.Mine())
        net.drive(cells, sf.Current(amplitude=30.0))
        return len(net.run(100.0, record=[sf.Spikes(cells)], progress=False).spikes(cells).times)

    first = spikes()
    source = pathlib.Path("mine.py")
    source.write_text(source.read_text().replace("- 15.0", "- 5.0"))
    importlib.reload(mine)
    print(1000 * first + spikes())
"""


def test_a_reloaded_module_takes_effect(tmp_path):
    (tmp_path / "mine.py").write_text(textwrap.dedent(MODEL.format(reset="state.v - 15.0 if spiked else state.v")))
    (tmp_path / "script.py").write_text(textwrap.dedent(RELOADED))
    found = count(tmp_path, tmp_path / "cache")
    assert divmod(found, 1000) == (plain(lambda v: v - 15.0), plain(lambda v: v - 5.0))


LOSS = 15.0


def test_a_value_changed_after_compilation_is_refused_not_ignored(monkeypatch):
    from synfire.neurons.lif import LIFState, LIFStep

    class LossyStep(LIFStep):
        def reset(self, state, spiked):
            return LIFState(state.v - LOSS if spiked else state.v, state.refractory)

    class Lossy(sf.LIF):
        def discretise(self, dt):
            return LossyStep(*super().discretise(dt))

    net = sf.Network(dt=0.5)
    net.population(1, Lossy())
    net.run(1.0, progress=False)
    monkeypatch.setitem(globals(), "LOSS", 5.0)
    with pytest.raises(sf.SynfireError, match="LossyStep"):
        net.run(1.0, progress=False)


def test_a_global_called_as_a_field_may_change(monkeypatch):
    """Regression: a script's loop over v_reset was taken for a change of what self.v_reset reads."""
    from synfire.neurons.lif import LIFState, LIFStep

    class ResettingStep(LIFStep):
        def reset(self, state, spiked):
            return LIFState(self.v_reset if spiked else state.v, state.refractory)

    class Resetting(sf.LIF):
        def discretise(self, dt):
            return ResettingStep(*super().discretise(dt))

    net = sf.Network(dt=0.5)
    net.population(1, Resetting())
    for value in (1.0, 2.0):
        monkeypatch.setitem(globals(), "v_reset", value)
        net.run(1.0, progress=False)


def test_a_change_of_the_packages_sources_changes_the_folder(tmp_path, monkeypatch):
    from synfire.neurons import fingerprint

    package = tmp_path / "synfire"
    for layer in ("neurons", "plasticity", "reservoirs"):
        (package / layer).mkdir(parents=True)
        (package / layer / "module.py").write_text("x = 1\n")
    monkeypatch.setattr(fingerprint, "__file__", str(package / "neurons" / "fingerprint.py"))
    of_package = fingerprint.of_package.__wrapped__
    seen = {of_package()}
    assert of_package() in seen
    for layer in ("neurons", "plasticity", "reservoirs"):
        (package / layer / "module.py").write_text("x = 2\n")
        seen.add(of_package())
    assert len(seen) == 4


def spikes_of_a_small_network():
    net = sf.Network(dt=0.5)
    cells = net.population(1, sf.LIF())
    net.drive(cells, sf.Current(amplitude=30.0))
    return len(net.run(100.0, record=[sf.Spikes(cells)], progress=False).spikes(cells).times)


def test_a_class_of_an_experiment_is_told_by_what_it_reads():
    """The package's hash does not cover experiments, so that editing one leaves everything else compiled."""
    from synfire.experiments.polychronization import CoincidentStep
    from synfire.neurons import fingerprint
    from synfire.neurons.synapse import ExponentialStep

    assert set(fingerprint.foreign_classes((ExponentialStep(0.5, 1.0), CoincidentStep(0.1, 0.1)))) == {CoincidentStep}


@pytest.mark.parametrize("content", [b"", b"no pickle at all"])
def test_a_damaged_file_of_the_cache_is_replaced(tmp_path, monkeypatch, content):
    from synfire.reservoirs import compiled

    monkeypatch.setenv("SYNFIRE_CACHE", str(tmp_path))
    for _ in range(2):
        compiled._compiled.cache_clear()
        assert spikes_of_a_small_network() == plain(lambda v: -65.0)
        (kept,) = tmp_path.rglob("run-*.bin")
        assert kept.stat().st_size > 1000
        kept.write_bytes(content)
    compiled._compiled.cache_clear()


@pytest.mark.parametrize("what", ["file", "/proc/no", "/dev/full"])
def test_a_cache_that_cannot_be_written_costs_no_result(tmp_path, monkeypatch, what):
    from synfire.reservoirs import compiled

    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("SYNFIRE_CACHE", str(tmp_path / what) if what == "file" else what)
    compiled._compiled.cache_clear()
    assert spikes_of_a_small_network() == plain(lambda v: -65.0)
    compiled._compiled.cache_clear()


def test_the_cache_lies_where_the_environment_says(tmp_path, monkeypatch):
    from synfire.neurons.compile_cache import cache_root

    monkeypatch.setenv("SYNFIRE_CACHE", str(tmp_path / "here"))
    assert cache_root() == tmp_path / "here"
    monkeypatch.delenv("SYNFIRE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "there"))
    assert cache_root() == tmp_path / "there" / "synfire"


def test_a_class_called_as_one_of_synfires_own_keeps_its_state_apart():
    class LIF(sf.LIF):
        """Another class of the same name."""

    net = sf.Network(dt=0.5)
    theirs = net.population(1, sf.LIF(), initial={"v": -51.0})
    mine = net.population(1, LIF(), initial={"v": -60.0})
    net.drive(theirs, sf.Current(amplitude=30.0))
    result = net.run(50.0, record=[sf.Spikes(theirs), sf.Spikes(mine), sf.Trace(mine, "v")], progress=False)
    assert len(result.spikes(theirs).times) > 0
    assert len(result.spikes(mine).times) == 0
    assert result.trace(mine, "v").values[0, 0] == -60.0
