"""Heads: losses and gradients of some outputs alone, and what training, evaluation and files make of them."""

import pytest
import torch

import synfire as sf

OUTPUTS = torch.randn(6, 4, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
TARGET = torch.tensor([0, 2, 1, 2])
INNERS = [sf.StepCrossEntropy(), sf.CountCrossEntropy(), sf.MaxCrossEntropy(), sf.SummedSoftmax()]


@pytest.mark.parametrize("inner", INNERS)
def test_loss_and_scores_are_those_of_the_slice_and_other_outputs_have_no_gradient(inner):
    objective, outputs = sf.HeadCrossEntropy(first=2, last=5, inner=inner), OUTPUTS.clone().requires_grad_()
    loss = objective.loss(outputs, TARGET)
    assert torch.equal(loss, inner.loss(OUTPUTS[..., 2:5], TARGET))
    assert torch.equal(objective.scores(OUTPUTS), inner.scores(OUTPUTS[..., 2:5]))
    loss.backward()
    assert not outputs.grad[..., :2].any() and not outputs.grad[..., 5:].any()
    assert (outputs.grad[..., 2:5].abs().sum((0, 1)) > 0.0).all()


def test_a_head_has_a_loss_at_each_step_only_if_the_objective_within_has():
    head = sf.HeadCrossEntropy(first=2, last=5)
    each = torch.stack([head.step_loss(OUTPUTS[t], TARGET, t) for t in range(6)])
    assert float(each.mean()) == pytest.approx(float(head.loss(OUTPUTS, TARGET)), rel=1e-12)
    assert not hasattr(sf.HeadCrossEntropy(first=2, last=5, inner=sf.MaxCrossEntropy()), "step_loss")


@pytest.mark.parametrize("rule", [sf.BPTT(), sf.SLTT(), sf.FeedbackAlignment()])
def test_training_a_head_leaves_the_others_weights_as_they_were(rule):
    draw = torch.Generator().manual_seed(1)
    target = torch.arange(60) % 3
    x = torch.randn((3, 5), generator=draw)[target][None] + 0.1 * torch.randn((1, 60, 5), generator=draw)
    network = sf.perceptron([5, 8, 6], objective=sf.HeadCrossEntropy(first=3, last=6), seed=0)
    fitted = sf.fit(network, rule, (x, target), epochs=20, batch=20, optimisers=sf.sgd(0.5), progress=False)
    before, after = network.layers[2].weight, fitted.network.layers[2].weight
    assert torch.equal(before[:, :3], after[:, :3])
    assert not torch.equal(before[:, 3:], after[:, 3:])
    assert sf.evaluate(fitted.network, (x, target))[1] > 0.9  # labels count within the head, and so do the answers


def test_a_file_brings_the_head_back(tmp_path):
    objective = sf.HeadCrossEntropy(first=1, last=3, inner=sf.CountCrossEntropy())
    sf.save_network(sf.perceptron([4, 3], objective=objective), tmp_path / "head.safetensors")
    assert sf.load_network(tmp_path / "head.safetensors").objective == objective


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"first": -1, "last": 2}, "first"),
        ({"first": 2, "last": 2}, "last"),
        ({"first": 0, "last": 2.0}, "last"),
        ({"first": 0, "last": 2, "inner": sf.BPTT()}, "inner"),
    ],
)
def test_what_is_no_head_is_refused(arguments, said):
    with pytest.raises(sf.InvalidValue, match=said):
        sf.HeadCrossEntropy(**arguments)


def test_outputs_that_the_network_does_not_have_and_targets_beyond_the_head_are_refused():
    with pytest.raises(sf.InvalidValue, match="outputs"):
        sf.HeadCrossEntropy(first=4, last=8).loss(OUTPUTS, TARGET)
    with pytest.raises(sf.InvalidValue, match="target"):
        sf.HeadCrossEntropy(first=4, last=6).loss(OUTPUTS, TARGET)
