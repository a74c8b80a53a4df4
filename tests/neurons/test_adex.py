"""AdEx fires as published: the numbers of spikes and their times of the specification's table, integrated as its source was."""

import numpy as np
import pytest

import synfire as sf


def spikes(model, current, duration, start=0.0, stop=np.inf):
    net = sf.Network(dt=0.1)
    cell = net.population(1, model)
    net.drive(cell, sf.Current(amplitude=current, start=start, stop=stop))
    return net.run(duration, record=[sf.Spikes(cell)], progress=False).spikes(cell).times


@pytest.mark.parametrize(
    ("model", "times"),
    [
        (sf.AdEx.regular(), [31.8, 45.5, 61.4, 80.1, 102.1]),
        (sf.AdEx.bursting(), [32.0, 33.1, 37.9, 78.8, 80.2, 118.8, 120.4]),
    ],
    ids=["regular", "bursting"],
)
def test_the_neuron_of_2005_fires_at_these_times(model, times):
    # the table's times are rounded and label the end of the step; one step for each
    np.testing.assert_allclose(spikes(model, 1000.0, 120.5, 20.0, 120.0), times, atol=0.25)


def test_the_fast_neuron_of_2005_fires_evenly():
    times = spikes(sf.AdEx.fast(), 1000.0, 120.0, 20.0, 120.0)
    assert len(times) == 8
    assert 11.8 < np.diff(times).min() <= np.diff(times).max() < 12.6


PATTERNS = {  # pattern: current (pA), spikes in 600 ms
    "tonic": (500.0, 60), "adapting": (500.0, 12), "initial_burst": (400.0, 12), "regular_bursting": (210.0, 11),
    "delayed_accelerating": (300.0, 45), "delayed_regular_bursting": (110.0, 32), "transient": (180.0, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", PATTERNS)
def test_the_patterns_of_2008_have_these_many_spikes(name):
    current, count = PATTERNS[name]
    times = spikes(getattr(sf.AdEx, name)(), current, 600.0)
    assert abs(len(times) - count) <= 1
    gaps = np.diff(times)
    if name == "adapting":
        assert gaps[0] == pytest.approx(11.6, abs=0.5)
        assert gaps[-1] == pytest.approx(76.0, abs=3.0)
    if name == "delayed_accelerating":
        assert gaps[-1] < 0.6 * gaps[0]
    if name == "transient":
        assert times[0] == pytest.approx(30.5, abs=0.5)


def test_the_irregular_pattern_has_no_period():
    times = spikes(sf.AdEx.irregular(), 160.0, 600.0)
    assert abs(len(times) - 33) <= 4
    assert np.std(np.diff(times)) / np.mean(np.diff(times)) > 0.3


def test_a_strong_current_does_not_overflow():
    net = sf.Network(dt=0.1)
    cell = net.population(1, sf.AdEx(v_cut=0.0))
    net.drive(cell, sf.Current(amplitude=1e6))
    trace = net.run(50.0, record=[sf.Trace(cell, "v"), sf.Trace(cell, "w")], progress=False)
    assert np.isfinite(trace.trace(cell, "v").values).all()
    assert np.isfinite(trace.trace(cell, "w").values).all()


def test_a_cut_below_threshold_is_refused():
    with pytest.raises(sf.InvalidValue, match=r"AdEx\.v_threshold"):
        sf.AdEx(v_threshold=-30.0)
