"""The ramp of the loss: it is one, and it is its own state's."""

import pytest
import torch

import synfire as sf


def test_gradients_are_those_of_a_loss_that_is_ramped_up():
    network = sf.perceptron([3, 5, 2], seed=1).double()
    batch = sf.Batch(torch.randn(1, 4, 3, generator=torch.Generator().manual_seed(0)).double(), torch.arange(4) % 2)
    plain = sf.BPTT().gradients(network, batch, None)
    rule = sf.chain(sf.BPTT(), sf.WarmUp(4))
    first = state = rule.init(network)
    for share in (0.25, 0.5, 0.75, 1.0, 1.0):
        credit = rule.gradients(network, batch, state)
        assert credit.loss == plain.loss
        for name, value in plain.gradients.items():
            torch.testing.assert_close(credit.gradients[name], share * value, rtol=1e-14, atol=0.0)
        state = credit.state
    again = rule.gradients(network, batch, first).gradients  # nothing was kept but in the state
    torch.testing.assert_close(
        again["layers.0.weight"], 0.25 * plain.gradients["layers.0.weight"], rtol=1e-14, atol=0.0
    )


@pytest.mark.parametrize("steps", [0, 1.5, True])
def test_bad_steps_are_refused(steps):
    with pytest.raises(sf.InvalidValue, match=r"WarmUp\.steps"):
        sf.WarmUp(steps)
