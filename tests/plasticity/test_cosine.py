"""The cosine penalty against its definition and finite differences; what training and files make of it."""

import numpy as np
import pytest
import torch

import synfire as sf

OUTPUTS = torch.randn((6, 4, 5), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
TARGET = torch.tensor([0, 2, 1, 4])


def penalty(outputs):
    """By the definition, in plain loops."""
    found = []
    for k in range(outputs.shape[1]):
        sums = np.cumsum(outputs[:, k], 0)
        for one in sums:
            floor = max(np.linalg.norm(one), 0.01 * np.linalg.norm(sums[-1]))
            found.append(one @ sums[-1] / (floor * np.linalg.norm(sums[-1])) if sums[-1].any() else 0.0)
    return 1.0 - np.mean(found)


@pytest.mark.parametrize("inner", [sf.MeanCrossEntropy(), sf.StepCrossEntropy(), sf.CountCrossEntropy()])
def test_the_loss_is_the_inner_one_and_the_penalty(inner):
    objective = sf.CosineToFinal(strength=0.3, inner=inner)
    expected = float(inner.loss(OUTPUTS, TARGET)) + 0.3 * penalty(OUTPUTS.numpy())
    assert float(objective.loss(OUTPUTS, TARGET)) == pytest.approx(expected, rel=1e-12)
    assert torch.equal(objective.scores(OUTPUTS), inner.scores(OUTPUTS))
    assert not hasattr(objective, "step_loss")


def test_gradients_are_those_of_finite_differences():
    quiet = OUTPUTS.clone()
    quiet[0] *= 1e-4  # below the floor
    for outputs in (OUTPUTS, quiet):
        given = outputs.clone().requires_grad_()
        objective = sf.CosineToFinal(strength=2.0)
        objective.loss(given, TARGET).backward()
        # the floor is a constant to the gradient: steps are compared for which it does not move
        inner = given.clone().detach().requires_grad_()
        sf.MeanCrossEntropy().loss(inner, TARGET).backward()
        own, floor = (given.grad - inner.grad).numpy(), 0.01 * np.linalg.norm(outputs.sum(0).numpy(), axis=-1)

        def at(y, floor=floor):
            sums = np.cumsum(y, 0)
            length = np.maximum(np.linalg.norm(sums, axis=-1), floor)
            return 2.0 * (1.0 - ((sums * sums[-1]).sum(-1) / (length * np.linalg.norm(sums[-1], axis=-1))).mean())

        for place in [(0, 0, 0), (0, 2, 3), (3, 1, 1), (5, 3, 4)]:
            step = np.zeros(outputs.shape)
            step[place] = 1e-6
            slope = (at(outputs.numpy() + step) - at(outputs.numpy() - step)) / 2e-6
            assert own[place] == pytest.approx(slope, rel=1e-5, abs=1e-8)


def test_silence_has_a_penalty_and_a_gradient_that_is_finite():
    silent = torch.zeros((6, 4, 5), dtype=torch.float64)
    silent[2:, 1] = 1.0  # one sample speaks, from its third step on
    given = silent.clone().requires_grad_()
    loss = sf.CosineToFinal(strength=1.0).loss(given, TARGET)
    loss.backward()
    assert torch.isfinite(given.grad).all() and given.grad.abs().max() < 100.0
    inner = float(sf.MeanCrossEntropy().loss(silent, TARGET))
    assert float(loss.detach()) - inner == pytest.approx(1.0 - 4 / 24)  # of 24 cosines 4 are 1, and 20 are 0


def test_outputs_that_point_one_way_from_the_start_have_no_penalty():
    steady = OUTPUTS[:1].expand(6, 4, 5) * torch.arange(1.0, 7.0, dtype=torch.float64)[:, None, None]
    plain = sf.MeanCrossEntropy()
    assert float(sf.CosineToFinal(strength=5.0).loss(steady, TARGET)) == pytest.approx(
        float(plain.loss(steady, TARGET))
    )
    assert sf.CosineToFinal(strength=0.0).loss(OUTPUTS, TARGET) == plain.loss(OUTPUTS, TARGET)


def test_training_with_it_makes_early_outputs_point_where_the_last_do():
    x, target = (
        (torch.rand((12, 60, 8), generator=torch.Generator().manual_seed(1)) < 0.2).float(),
        torch.arange(60) % 3,
    )
    x[6:, torch.arange(60), target] = 1.0  # what tells the classes apart comes late
    found = {}
    for strength in (0.0, 3.0):
        objective = sf.CosineToFinal(strength=strength)
        network = sf.feedforward([8, 10, 3], objective=objective, seed=0)
        trained = sf.fit(network, sf.BPTT(), (x, target), epochs=5, batch=20, optimisers=sf.adam(0.01), progress=False)
        with torch.no_grad():
            found[strength] = penalty(trained.network(x)[0].numpy())
    assert found[3.0] < 0.7 * found[0.0]


def test_a_file_brings_it_back(tmp_path):
    objective = sf.HeadCrossEntropy(first=0, last=2, inner=sf.CosineToFinal(strength=0.2, inner=sf.SummedSoftmax()))
    sf.save_network(sf.perceptron([4, 3], objective=objective), tmp_path / "cosine.safetensors")
    assert sf.load_network(tmp_path / "cosine.safetensors").objective == objective


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"strength": -1.0}, "strength"),
        ({"strength": True}, "strength"),
        ({"strength": float("nan")}, "strength"),
        ({"inner": sf.BPTT()}, "inner"),
        ({"inner": sf.HeadCrossEntropy(first=0, last=2)}, "within the head"),
    ],
)
def test_what_is_no_such_objective_is_refused(arguments, said):
    with pytest.raises(sf.InvalidValue, match=said):
        sf.CosineToFinal(**arguments)
