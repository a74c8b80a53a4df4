"""FORCE on a spiking network: the measures on known curves, and a small circuit that learns."""

import numpy as np
import pytest

from synfire.experiments.force_sine import force_sine, resemblance
from synfire.neurons import InvalidValue

TIMES = np.arange(1, 5001) * 1.0


def sine(frequency, lag=0.0, size=1.0):
    return size * np.sin(2e-3 * np.pi * frequency * (TIMES - lag))


def test_a_perfect_output_resembles_the_target_and_a_silent_one_does_not():
    found = resemblance(TIMES, sine(5.0), 5.0)
    assert found["correlation"] == pytest.approx(1.0, abs=1e-12)  # rounding of sums of 5000
    assert found["error"] == pytest.approx(0.0, abs=1e-12)
    assert found["lag"] == 0.0
    silent = resemblance(TIMES, np.zeros(5000), 5.0)
    assert silent["correlation"] == 0.0
    assert silent["error"] == 1.0


def test_a_delay_lowers_the_correlation_and_is_found():
    found = resemblance(TIMES, sine(5.0, lag=30.0, size=0.5), 5.0)
    assert found["correlation"] == pytest.approx(np.cos(2.0 * np.pi * 30.0 / 200.0), abs=1e-9)  # 25 whole periods
    assert found["best_correlation"] == pytest.approx(1.0, abs=1e-9)
    assert found["lag"] == 30.0


def test_the_peak_reads_frequencies_between_the_bins_of_the_spectrum():
    for frequency in (4.93, 5.0, 5.05):
        # bins of the padded spectrum are 1 / (16 * 5 s) = 0.0125 Hz apart
        assert resemblance(TIMES, sine(frequency), 5.0)["peak"] == pytest.approx(frequency, abs=0.0125)


SMALL = {"neurons": 200, "chaos": 200.0, "learning": 2000.0, "free": 1000.0, "dt": 0.1, "update_every": 8}


def test_a_small_circuit_follows_the_sine_while_it_learns_and_resembles_it_alone():
    found = force_sine(**SMALL, seed=1)
    assert found["learning_error"] < 0.3  # of a silent output's
    assert found["best_correlation"] > 0.8
    assert found["output"].shape == found["target"].shape == found["times"].shape == (3200,)
    assert found["phase_ends"].tolist() == pytest.approx([200.0, 2200.0, 3200.0])
    before = found["times"] < 200.0
    assert not found["output"][before].any()  # the decoder begins at 0


def test_without_feedback_nothing_keeps_the_circuit_on_the_sine():
    assert abs(force_sine(**SMALL, seed=1, feedback=0.0)["correlation"]) < 0.5


def test_it_is_a_pure_function_of_its_arguments():
    first, second = (force_sine(**SMALL, seed=2) for _ in range(2))
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name])


@pytest.mark.parametrize("bad", [{"frequency": 0.0}, {"frequency": 0.1}, {"free": 1.0}])
def test_a_period_that_does_not_fit_is_refused(bad):
    with pytest.raises(InvalidValue, match="frequency"):
        force_sine(neurons=100, **bad)
