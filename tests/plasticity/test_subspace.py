"""Measures of subspaces against closed forms: angles that were put in, energy by NumPy, rows that are orthonormal or not."""

import math

import numpy as np
import pytest
import torch

import synfire as sf
from synfire.neurons import setup_generator
from synfire.plasticity.subspace import orthonormal_basis, product, random_rows

AXES = torch.eye(6, dtype=torch.float64)


def turned(degrees, axis, towards):
    return math.cos(math.radians(degrees)) * AXES[axis] + math.sin(math.radians(degrees)) * AXES[towards]


@pytest.mark.parametrize("angles", [(0.0, 30.0), (1e-4, 90.0), (44.0, 46.0), (12.0, 60.0)])
def test_principal_angles_are_those_between_planes_turned_by_them(angles):
    plane = torch.stack([turned(angles[0], 0, 2), turned(angles[1], 1, 3)])
    skewed = torch.tensor([[2.0, 0.5], [-1.0, 3.0]], dtype=torch.float64) @ plane  # other rows, the same span
    for a, b in ((AXES[:2], skewed), (skewed, AXES[:2])):
        assert sf.principal_angles(a, b).numpy() == pytest.approx(angles, rel=1e-6, abs=1e-6)
    of_more = sf.principal_angles(torch.cat([AXES[:2], AXES[4:]]), skewed)  # as many as the smaller has
    assert of_more.numpy() == pytest.approx(angles, rel=1e-6, abs=1e-6)


def test_captured_energy_is_what_numpy_says_for_rows_as_they_are():
    draw = np.random.default_rng(0)
    rows, x = draw.standard_normal((3, 7)), draw.standard_normal((2, 5, 7))
    flat = x.reshape(-1, 7)
    expected = 1.0 - ((flat - flat @ rows.T @ rows) ** 2).sum() / (flat**2).sum()
    assert sf.captured_energy(torch.from_numpy(rows), torch.from_numpy(x)) == pytest.approx(expected)
    assert sf.captured_energy(AXES, torch.from_numpy(x[..., :6])) == pytest.approx(1.0)
    assert sf.captured_energy(AXES[:2], AXES[[0, 2]]) == pytest.approx(0.5)


def test_orthonormality_error_is_that_of_rows_of_another_length():
    assert sf.orthonormality_error(2.0 * AXES[:4]) == pytest.approx(3.0)
    assert sf.orthonormality_error(AXES[:4]) == 0.0


def test_random_rows_are_orthonormal_pure_functions_of_their_seed_and_prefer_no_axis():
    like, rows = torch.empty(40, 0), random_rows(12, torch.empty(40, 0), setup_generator(3, 1))
    assert sf.orthonormality_error(rows) < 1e-6
    assert torch.equal(rows, random_rows(12, like, setup_generator(3, 1)))
    assert not torch.equal(rows, random_rows(12, like, setup_generator(4, 1)))
    many = torch.stack([random_rows(2, torch.empty(4, 0), setup_generator(s, 1)) for s in range(300)])
    assert many.mean(0).abs().max() < 5 * 0.5 / 300**0.5  # entries of a unit vector in 4 dimensions: variance 1/4


def test_a_basis_keeps_the_span_of_the_first_rows_and_of_all():
    rows = torch.from_numpy(np.random.default_rng(1).standard_normal((5, 9)))
    basis = orthonormal_basis(rows)
    for k in (2, 5):
        assert float(sf.principal_angles(rows[:k], basis[:k]).max()) < 1e-6
    assert sf.orthonormality_error(basis) < 1e-12


def test_products_are_the_same_for_any_number_of_threads():
    a, b, before, found = torch.randn(90, 130), torch.randn(70, 130).t(), torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(product(a, b))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*found)
    assert found[0].numpy() == pytest.approx((a @ b).numpy(), abs=1e-4)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: sf.captured_energy(AXES[:2], torch.ones(3, 5)), "captured_energy"),
        (lambda: sf.captured_energy(AXES[:2], torch.zeros(3, 6)), "all 0"),
        (lambda: sf.principal_angles(AXES[:0], AXES), "principal_angles"),
        (lambda: sf.orthonormality_error(AXES[:0]), "orthonormality_error"),
        (lambda: sf.subspaces((None, [None])), "subspaces: state"),
    ],
)
def test_what_cannot_be_measured_is_refused(call, said):
    with pytest.raises(sf.InvalidValue, match=said):
        call()
