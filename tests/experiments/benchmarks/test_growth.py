"""The sweep: what grows is the work, not the activity; its figure has a line for each number of threads."""

import numpy as np
import pytest

from synfire.experiments.benchmarks import growth


def test_rates_do_not_depend_on_size_or_threads():
    """14 Hz over 200 ms: 2,800 spikes of 1,000 neurons, of which 10 % are five standard deviations."""
    rates = [
        growth.workload(size).SIMULATORS[threads](None, growth.MILLISECONDS).rate_hz
        for size in ("1000x10", "1000x100", "3000x10")
        for threads in ("1", "2")
    ]
    np.testing.assert_allclose(rates, rates[0], rtol=0.1)
    assert rates[0::2] == rates[1::2]  # the same spikes on two threads


def test_figure_draws_what_was_measured():
    pytest.importorskip("matplotlib").use("agg")
    sizes = [(n, growth.IN_DEGREE) for n in (1000, 3000)] + [(growth.NEURONS, k) for k in (10, growth.IN_DEGREE)]
    points = [
        {"neurons": n, "in_degree": k, "threads": threads, "run_s": 1e-5 * n, "rss_mb": 100.0 + k, "rate_hz": 14.0}
        for n, k in sizes
        for threads in (1, 2)
    ]
    report = {"machine": "", "date": "", "simulated_s": 0.2, "points": [*points, {"note": "why not"} | dict.fromkeys(
        ("neurons", "in_degree", "threads"), 1)]}  # fmt: skip
    drawn = growth.figure(report)
    assert [len(axis.lines) for axis in drawn.axes] == [2, 2, 2, 2]
    np.testing.assert_allclose(drawn.axes[0].lines[0].get_ydata(), [0.05, 0.15, 1.0])
    assert "why not" in growth.as_text(report)
