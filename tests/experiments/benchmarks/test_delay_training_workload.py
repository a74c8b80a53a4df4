"""The workload `delay-training`: its programs compute the same currents and gradients where they should."""

import pytest
import torch

from synfire.experiments.benchmarks import delay_training, harness


def currents(build, width):
    generator = torch.Generator().manual_seed(0)
    parameters = [delay_training._parameters(12, 7, generator)]
    connections, trained, _ = build(parameters, width)
    x = (torch.rand((40, 3, 12), generator=generator) < 0.2).float()
    made = connections[0](x)
    (made**2).sum().backward()
    return made.detach(), [value.grad for value in trained]


@pytest.mark.parametrize("width", [0.5, 2.0, 12.27])
def test_gaussians_are_the_same_in_every_program(width):
    ours, gradients = currents(delay_training._gaussian, width)
    theirs, others = currents(delay_training._conv, width)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    for a, b in zip(gradients, others, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5 * float(b.abs().max()))


def test_dcls_computes_the_same():
    pytest.importorskip("DCLS")
    ours, gradients = currents(delay_training._gaussian, 2.0)
    theirs, (weight, position) = currents(delay_training._dcls, 2.0)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(gradients[0], weight.squeeze(-1).T, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(gradients[1], -position.reshape(7, 12).T, rtol=1e-3, atol=1e-3)


def test_a_row_is_the_time_of_one_step_of_learning():
    for name in ("synfire", "synfire-two-tap", "synfire-fixed"):
        run = harness.load(harness.WORKLOADS["delay-training"]).SIMULATORS[name](None, 40)
        assert 0.0 < run.run_s < 20.0
        assert 20.0 < run.rate_hz < 100.0  # 5 % of the neurons in a step of a millisecond
