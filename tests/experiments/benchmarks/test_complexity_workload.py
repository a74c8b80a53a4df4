"""The benchmark of complexities: all its programs count the same components."""

import numpy as np

import synfire as sf
from synfire.experiments.benchmarks import complexity as workload
from synfire.experiments.benchmarks import harness


def test_the_peers_count_components_as_synfire_does():
    rng = sf.setup_generator(0, 284, 50)
    for n in (1, 2, 16, 150):
        for p in (0.0, 0.1, 0.5):
            train = (rng.random(n) < p).astype(np.uint8)
            count = sf.lempel_ziv(train)
            assert workload.by_comparison(train.tolist()) == workload.by_find(bytes(train)) == count


def test_every_row_has_the_same_trains(monkeypatch):
    monkeypatch.setattr(workload, "FEW", 3)
    monkeypatch.setattr(workload, "BINS", 200)
    monkeypatch.setattr(workload, "MILLION", 1000)
    assert harness.load(harness.WORKLOADS["complexity"]) is workload
    runs = {name: workload.SIMULATORS[name](None, 6) for name in ("synfire", "plain-python", "bytes", "numba")}
    assert len({run.rate_hz for run in runs.values()}) == 1
    assert all(run.run_s > 0.0 for run in runs.values())
    assert workload.SIMULATORS["synfire-million"](None, 6).remark == "1 train of 1,000 bins"
