"""The classics at their smallest: they run, draw, and their theory gives the published numbers."""

import numpy as np
import pytest

from synfire.experiments import brunel, song_abbott, vogels_abbott
from synfire.experiments.cli import main
from synfire.experiments.results import load


@pytest.mark.parametrize("name", ["brunel-2000", "vogels-abbott", "song-abbott", "izhikevich-2003", "polychronization"])
def test_a_classic_runs_and_draws_its_figures(name, tmp_path):
    assert main(["run", name, "--preset", "smoke", "--out", str(tmp_path), "--jobs", "1"]) == 0
    (result,) = tmp_path.rglob("*.h5")
    record = load(result)
    assert record.metrics
    assert sorted(tmp_path.rglob("*.png"))


@pytest.mark.parametrize(
    ("panel", "rate"), [("A", 326.9), ("B", 55.8), ("C", 37.9), ("D", 6.5), ("reset0", 32.0)]
)
def test_mean_field_theory_gives_the_published_rates(panel, rate):
    p = brunel.PANELS[panel]
    assert brunel.mean_field_rate(p["g"], p["eta"], p["v_reset"]) == pytest.approx(rate, rel=0.01)


def test_an_asynchronous_network_fires_as_theory_says():
    """The paper's own network, 0.4 s of it, within a twentieth of mean-field theory."""
    config = brunel.Config(duration_ms=600.0, warm_up_ms=200.0, seeds=1)
    found = brunel.trial(5.0, 2.0, 10.0, config, 0)
    assert found["rate/excitatory"] == pytest.approx(brunel.mean_field_rate(5.0, 2.0), rel=0.05)
    assert 0.2 < found["cv"] < 0.8


def test_activity_keeps_itself_going_and_ends_without_inhibition_of_the_right_size():
    config = vogels_abbott.Config(duration_ms=400.0, hh_duration_ms=250.0, seeds=1)
    found = vogels_abbott.trial("coba", config, 1)
    assert found["alive"] == 1.0
    assert 10.0 < found["rate/excitatory"] < 30.0


def test_stdp_pushes_weights_apart():
    spread = [np.std(song_abbott.trial("example", seconds, 0)["weights"]) for seconds in (1.0, 60.0)]
    assert spread[1] > 1.1 * spread[0]


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [("brunel-2000", "neurons", "10"), ("vogels-abbott", "seeds", "0"), ("song-abbott", "latency-s", "0.1"),
     ("izhikevich-2003", "duration-ms", "10"), ("polychronization", "share", "0")],
)
def test_a_bad_field_is_refused(name, option, value, capsys):
    assert main(["run", name, "--preset", "smoke", f"--{option}", value]) != 0
    assert option.replace("-", "_") in capsys.readouterr().err
