"""The benchmark of rules on rate neurons: the same work on both sides, and rows without a firing rate."""

import numpy as np
import torch
from torch import nn

import synfire as sf
from synfire.experiments.benchmarks import harness, rule_training
from synfire.experiments.contenders import CONTENDERS
from synfire.experiments.data import Images


def test_both_sides_see_the_same_numbers_and_have_the_same_gradients():
    pixels, labels = rule_training._images(300)
    ours, target = Images(images=pixels, labels=labels, mean=rule_training.MEAN, std=rule_training.STD).batch(
        np.arange(300)
    )
    theirs = torch.from_numpy(pixels).flatten(1).float().div_(255.0).sub_(rule_training.MEAN).div_(rule_training.STD)
    torch.testing.assert_close(ours[0], theirs, rtol=1e-5, atol=1e-5)
    network = CONTENDERS["backprop"].build(rule_training.SIZES, 0, (0.1,)).network
    layers = []
    for layer in network.layers:
        plain = nn.Linear(layer.n_in, layer.n_out, bias=False) if isinstance(layer, sf.Dense) else nn.Tanh()
        layers.append(plain)
        if isinstance(layer, sf.Dense):
            with torch.no_grad():
                plain.weight.copy_(layer.weight.T)
    nn.functional.cross_entropy(nn.Sequential(*layers)(theirs), target).backward()
    found = sf.BPTT().gradients(network, sf.Batch(ours, target), None).gradients
    for k in (0, 4, 10):
        a, b = found[f"layers.{k}.weight"], layers[k].weight.grad.T
        assert float((a - b).norm() / b.norm()) < 1e-3  # single precision through six layers


def test_every_workload_runs_and_has_no_firing_rate():
    for name in ("backprop", "ccl", "dfa", "fa"):
        workload = harness.load(harness.WORKLOADS[f"rule-training-{name}"])
        runs = [workload.SIMULATORS[side](None, 512) for side in ("synfire", "torch")]
        for run in runs:
            assert run.run_s > 0.0
            assert run.rate_hz is None
    row = harness._row("synfire", [run._asdict() | {"import_s": 1.0, "first_s": 1.0, "build_s": 1.0, "rss_mb": 1.0}])
    cells = harness._cells(row | {"ratio": 1.0, "floor_s": None})
    assert cells[harness.HEADS.index("rate (Hz)")] == ""
