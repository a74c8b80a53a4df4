"""The benchmark of training: every program computes the same spikes, and where it can, the same gradients."""

import pytest
import torch

from synfire.experiments.benchmarks import harness, snn_training

BUILDS = {
    "synfire": snn_training._ours,
    "torch": snn_training._torchs,
    "snntorch": snn_training._snntorchs,
    "spikingjelly": snn_training._spikingjellys,
    "norse": snn_training._norses,
}


def learnt(name):
    weights = snn_training._weights(10)
    network, parameters, _ = BUILDS[name](weights)
    generator = torch.Generator().manual_seed(0)
    x = (torch.rand((20, snn_training.BATCH, 700), generator=generator) < 0.1).float()
    output, hidden = network(x)
    (output**2).mean().backward()
    return [spikes.detach() for spikes in hidden], [p.grad for p in parameters]


@pytest.mark.parametrize("peer", ["torch", "snntorch", "spikingjelly", "norse"])
def test_peers_fire_the_same_spikes(peer):
    """Up to a few that rounding moves across the threshold, of which the next layer hears."""
    if peer != "torch":
        pytest.importorskip("norse.torch" if peer == "norse" else peer)
    (ours, gradients), (theirs, others) = learnt("synfire"), learnt(peer)
    for a, b in zip(ours, theirs, strict=True):
        assert 0.05 < b.mean() < 0.2
        assert (a != b).float().mean() < 1e-4
    if peer != "norse":  # whose spikes have another derivative
        for a, b in zip(gradients, others, strict=True):
            assert (a - b).norm() < 1e-2 * b.norm()


def test_a_row_is_the_time_of_one_step_of_learning():
    workload = harness.load(harness.WORKLOADS["snn-training-10"])
    run = workload.SIMULATORS["synfire"](None, 20)
    assert 0.0 < run.run_s < 5.0
    assert 50.0 < run.rate_hz < 200.0
    assert run.events > 20 * snn_training.BATCH * 70 * 256


def test_every_density_has_a_workload():
    names = [where for where in harness.WORKLOADS.values() if where.startswith("snn_training")]
    assert [int(where.split(":")[1]) for where in names] == list(snn_training.DRIVES)
