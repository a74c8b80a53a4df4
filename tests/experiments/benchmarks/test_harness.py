"""The benchmark: the programs it compares do the same work, and its report says what was measured."""

import json

import numpy as np
import pytest

import synfire as sf
from synfire.experiments.benchmarks import harness, izhikevich_reservoir


def in_order(measured):
    times, neurons = measured.spikes
    order = np.lexsort((neurons, times))
    return times[order], neurons[order]


def test_numpy_and_synfire_fire_the_same_spikes():
    """One second, every spike: the two sum in the same order, so not even rounding tells them apart."""
    ours, theirs = (izhikevich_reservoir.SIMULATORS[name](None, 1000) for name in ("synfire", "numpy"))
    for a, b in zip(in_order(ours), in_order(theirs), strict=True):
        np.testing.assert_array_equal(a, b)
    assert ours.rate_hz == theirs.rate_hz > 10.0
    np.testing.assert_allclose(ours.error, theirs.error, rtol=1e-6)  # sums of 1,000 products in another order


def test_brian2_and_synfire_fire_the_same_spikes(monkeypatch):
    """A tenth of a second, every spike; later, roundings in another order tell chaotic networks apart."""
    pytest.importorskip("brian2")
    monkeypatch.setattr(izhikevich_reservoir, "BRIAN2_TARGET", "numpy")  # the same equations without a compiler
    ours, theirs = (izhikevich_reservoir.SIMULATORS[name](None, 100) for name in ("synfire", "brian2"))
    for a, b in zip(in_order(ours), in_order(theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)  # times are multiples of dt, in seconds there
    np.testing.assert_allclose(ours.error, theirs.error, rtol=1e-6)


def test_readouts_learn_in_the_workload():
    """A readout that says 0 errs by the sines' own 0.71."""
    assert izhikevich_reservoir.run_synfire(None, 3000).error < 0.6 * np.sqrt(0.5)


@pytest.fixture(scope="module")
def report():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(harness, "COLD_STARTS", 1)
        patch.setitem(izhikevich_reservoir.SIMULATORS, "absent", None)  # the child process does not know it
        return harness.measure("izhikevich-reservoir", ["synfire", "numpy", "absent"], repeats=2, milliseconds=100)


def test_report_has_a_row_for_each_program_and_for_the_cold_start(report):
    rows = {row["name"]: row for row in report["rows"]}
    assert list(rows) == ["synfire", "synfire-cold", "numpy", "absent"]
    for name in ("synfire", "synfire-cold", "numpy"):
        for key in ("run_s", "build_s", "rss_mb", "rate_hz", "ratio", "floor_s"):
            assert rows[name][key] > 0.0
    assert rows["synfire"]["rate_hz"] == rows["numpy"]["rate_hz"]
    assert rows["synfire"]["floor_s"] == rows["numpy"]["floor_s"]  # the same spikes
    assert rows["synfire"]["build_s"] < rows["synfire-cold"]["build_s"]  # the second start finds the compiled loop
    assert report["workload"] == "izhikevich-reservoir"
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_a_peer_that_cannot_run_is_a_row_that_says_so(report):
    row = report["rows"][-1]
    assert row["run_s"] is None
    assert row["note"]
    for written in (harness.as_text(report), harness.as_markdown(report)):
        assert row["note"] in written


def test_tables_hold_every_program(report):
    for written in (harness.as_text(report), harness.as_markdown(report)):
        assert all(row["name"] in written for row in report["rows"])
        assert "cold cache" in written


def test_page_of_the_documentation_is_refreshed_between_its_marks(report):
    page = "before\n<!-- izhikevich-reservoir: begin -->\nold\n<!-- izhikevich-reservoir: end -->\nafter\n"
    once = harness.refresh(page, report)
    assert once.startswith("before\n")
    assert once.endswith("after\n")
    assert "\nold\n" not in once
    assert "| synfire-cold |" in once
    assert harness.refresh(once, report) == once
    with pytest.raises(sf.SynfireError, match="begin"):
        harness.refresh("no marks", report)


def test_other_firing_rates_are_told(report, monkeypatch):
    measured = {
        "imported": 0.0,
        "run_s": 1.0,
        "error": 1.0,
        "rss_mb": 1.0,
        "version": "",
        "build_s": 1.0,
        "first_s": 1.0,
    }
    rates = {"synfire": 10.0, "numpy": 11.0}
    monkeypatch.setattr(
        harness, "run_apart", lambda workload, name, cache, ms: measured | {"import_s": 1.0, "rate_hz": rates[name]}
    )
    rows = harness.measure("izhikevich-reservoir", ["synfire", "numpy"], repeats=1)["rows"]
    assert "cannot be compared" in rows[-1]["note"]


@pytest.mark.parametrize(("workload", "peers"), [("izhikevich", []), ("izhikevich-reservoir", ["nest2"])])
def test_unknown_names_are_refused(workload, peers):
    with pytest.raises(sf.UnknownName, match="one of"):
        harness.main(workload, peers, None)


def test_file_that_cannot_be_written_is_told_before_anything_is_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(harness, "measure", lambda *a: pytest.fail("measured"))
    with pytest.raises(sf.SynfireError, match="--json"):
        harness.main("izhikevich-reservoir", [], tmp_path)
