"""The twenty firing patterns of Izhikevich 2004, as the example prints them, against a table.

The table is that of specs/classic_neuroscience_experiments.md, section 7, made by plain programs with the same scheme and dt.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "izhikevich_2004.py"
TABLE = {  # pattern: dt (ms), number of spikes, the first of them (ms), and the last where the table has it
    "A": (0.25, 5, [13.0, 17.0, 31.5, 59.3, 86.8], 86.8),
    "B": (0.25, 1, [43.8], 43.8),
    "C": (0.25, 28, [], None),
    "D": (0.2, 6, [39.0], 67.0),
    "E": (0.25, 6, [20.0], 132.0),
    "F": (0.25, 6, [], None),
    "G": (0.25, 10, [84.5], None),
    "H": (0.25, 14, [105.8], None),
    "I": (0.2, 1, [26.6], 26.6),
    "J": (0.25, 1, [26.5], 26.5),
    "K": (0.25, 1, [338.0], 338.0),
    "L": (0.25, 1, [20.0], 20.0),
    "M": (0.2, 1, [68.0], 68.0),
    "N": (0.2, 7, [68.0], 92.0),
    "O": (0.25, 1, [93.3], 93.3),
    "P": (0.25, 5, [45.3, 86.0, 126.5, 167.3, 208.0], 208.0),
    "Q": (0.1, 1, [11.3], 11.3),
    "R": (0.5, 1, [311.5], 311.5),
    "S": (0.5, 3, [94.5, 166.0, 236.0], 236.0),
    "T": (0.5, 12, [86.5], 204.0),
}


@pytest.fixture(scope="module")
def spikes(tmp_path_factory):
    """Times by pattern, as a reader of the example sees them."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLE)], cwd=tmp_path_factory.mktemp("example"), capture_output=True, text=True,
        env=os.environ | {"MPLBACKEND": "Agg"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {line[0]: np.array(line.split(": ")[1].split(), float) for line in done.stdout.splitlines()}


def test_all_twenty_are_there(spikes):
    assert list(spikes) == list(TABLE)


@pytest.mark.parametrize("pattern", TABLE)
def test_it_fires_as_often_as_in_the_table_and_first_within_a_step(spikes, pattern):
    dt, count, first, last = TABLE[pattern]
    times = spikes[pattern]
    assert len(times) == count
    np.testing.assert_allclose(times[: len(first)], first, rtol=0.0, atol=dt)
    if last is not None:
        assert times[-1] == pytest.approx(last, abs=0.5 + dt)  # the table rounds the last ones to whole ms


@pytest.mark.parametrize(
    ("pattern", "a", "c", "d", "length", "current", "start"),
    [("C", 0.02, -50.0, 2.0, 220.0, 15.0, 22.0), ("F", 0.01, -65.0, 8.0, 85.0, 30.0, 8.5)],
)
def test_times_that_the_table_leaves_out_are_those_of_a_plain_loop(spikes, pattern, a, c, d, length, current, start):
    dt, b, v, expected = 0.25, 0.2, -70.0, []
    u = b * v
    for step in range(round(length / dt)):
        v = v + dt * (0.04 * v * v + 5.0 * v + 140.0 - u + current * (dt * step > start))
        u = u + dt * a * (b * v - u)
        if v >= 30.0:
            expected.append(dt * step)
            v, u = c, u + d
    np.testing.assert_array_equal(spikes[pattern], expected)


def test_tonic_bursting_comes_in_four_bursts(spikes):
    assert (np.diff(spikes["C"]) > 20.0).sum() == 3


def test_intervals_grow_as_the_frequency_adapts(spikes):
    np.testing.assert_allclose(np.diff(spikes["F"]), [2.0, 2.8, 4.8, 22.8, 29.0], atol=0.25)  # the table rounds them


def test_class_1_begins_slowly_and_class_2_fast(spikes):
    slow, fast = np.diff(spikes["G"]), np.diff(spikes["H"])
    np.testing.assert_allclose([slow[0], slow[-1], fast[0], fast[-1]], [40.0, 15.0, 21.0, 11.0], atol=0.5 + 0.25)
