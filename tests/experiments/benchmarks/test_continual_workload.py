"""The benchmark of projection: both sides do the same step, and every row runs."""

import torch

import synfire as sf
from synfire.experiments.benchmarks import continual, harness


def test_both_sides_take_the_same_steps_over_two_tasks():
    sizes, rates = (7, 6, 3), (0.02, 0.01)
    network = sf.perceptron(sizes, activation=sf.Relu(), seed=0)
    rule = sf.chain(sf.BPTT(), sf.OrthogonalProjection(ranks=[[3, 2], [2, 2]], learning_rate=rates))
    state, weights = rule.init(network), [layer.weight.detach() for layer in list(network.layers)[::2]]
    peers = [continual.Peer(torch.empty(0, n), rate) for n, rate in zip(sizes, rates, strict=False)]
    draw = torch.Generator().manual_seed(0)
    for _ in range(2):
        for peer, subspace in zip(peers, sf.subspaces(state).values(), strict=True):
            peer.begin(len(subspace.rows), draw)
            peer.rows = torch.cat([subspace.frozen, subspace.rows])
        for _ in range(3):
            batch = sf.Batch(torch.randn(1, 9, 7, generator=draw), torch.arange(9) % 3)
            credit = rule.gradients(network, batch, state)
            found = continual.peer_gradients(weights, peers, batch.x[0], batch.target, True)
            for ours, theirs in zip(credit.gradients.values(), found, strict=True):
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
        for name in ("continual", "continual-spiking"):
            for run in harness.load(harness.WORKLOADS[name]).SIMULATORS.values():
                measured = run(None, 10)
                assert measured.run_s > 0.0
                assert measured.rate_hz is None
    finally:
        continual._images.cache_clear()
