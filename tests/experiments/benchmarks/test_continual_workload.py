"""The benchmark of projection: both sides do the same step, and every row runs."""

import pytest
import torch

import synfire as sf
from synfire.experiments.benchmarks import continual, continual_peer, harness


@pytest.mark.parametrize("steps", [0, 5])
def test_both_sides_take_the_same_steps_over_two_tasks(steps):
    sizes, rates = (7, 6, 5, 3), (0.02, 0.01, 0.01)
    network = sf.dsr_network(sizes, seed=0) if steps else sf.perceptron(sizes, activation=sf.Relu(), seed=0)
    rows = sf.TimeMean(tau_steps=20.0) if steps else sf.EachStep()
    modifier = sf.OrthogonalProjection(ranks=[[3, 2, 2], [2, 2, 1]], learning_rate=rates, rows=rows)
    rule = sf.chain(sf.BPTT(), modifier)
    state, weights = rule.init(network), [layer.weight.detach() for layer in list(network.layers)[::2]]
    peers = [continual_peer.Peer(torch.empty(0, n), rate) for n, rate in zip(sizes, rates, strict=False)]
    draw = torch.Generator().manual_seed(0)
    for _ in range(2):
        for peer, subspace in zip(peers, sf.subspaces(state).values(), strict=True):
            peer.begin(len(subspace.rows), draw)
            peer.rows = torch.cat([subspace.frozen, subspace.rows])
        for _ in range(3):
            x, target = 3.0 * torch.randn(1, 9, 7, generator=draw), torch.arange(9) % 3
            credit = rule.gradients(network, sf.Batch(x.expand(steps or 1, -1, -1), target), state)
            found = continual_peer.peer_gradients(weights, peers, x[0], target, steps, True)
            for ours, theirs in zip(credit.gradients.values(), found, strict=True):
                assert ours.any()
                torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)
            state = credit.state
        state = rule.end_task(network, [], state)
        for peer, subspace in zip(peers, sf.subspaces(state).values(), strict=True):
            torch.testing.assert_close(subspace.frozen, peer.rows, rtol=1e-4, atol=1e-6)


def test_every_row_runs(monkeypatch):
    monkeypatch.setattr(continual, "SIZES", (30, 24, 24, 10))
    monkeypatch.setattr(continual, "RANKS", ((3, 3, 3),) * 10)
    monkeypatch.setattr(continual, "STEPS", 3)
    continual._images.cache_clear()
    try:
        for name in ("continual", "continual-rate"):
            for run in harness.load(harness.WORKLOADS[name]).SIMULATORS.values():
                measured = run(None, 10)
                assert measured.run_s > 0.0
                assert measured.rate_hz is None
    finally:
        continual._images.cache_clear()
