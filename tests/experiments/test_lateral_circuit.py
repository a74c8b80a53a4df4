"""The lateral circuit's measures and rate versions against closed forms, and the spiking circuit at its smallest."""

import dataclasses

import numpy as np
import pytest

import synfire as sf
from synfire.experiments import lateral_circuit as experiment
from synfire.experiments import lateral_circuit_network as network
from synfire.experiments.cli import main
from synfire.experiments.results import load

SLOW = {"hold_ms": 100.0, "learning_rate": 1.7e-4, "decay": 2.5e-5}


def test_angles_are_those_a_plane_was_turned_by():
    principal = np.eye(5)[:, :2]
    turned = np.zeros((2, 5))
    for k, degrees in enumerate((20.0, 50.0)):
        turned[k, k], turned[k, 2 + k] = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    mixed = np.array([[2.0, 1.0], [-1.0, 3.0]]) @ turned  # another basis of the same plane
    np.testing.assert_allclose(network.angles(mixed, principal), [20.0, 50.0], rtol=1e-10)


def test_random_subspaces_lie_where_angles_are_uniform_in_the_plane():
    drawn = network.chance(2, 1, seed=0, draws=4000)[:, 0]
    assert np.quantile(drawn, [0.25, 0.5, 0.75]) == pytest.approx([22.5, 45.0, 67.5], abs=4.0)


def test_no_subspace_captures_more_than_that_of_the_svd():
    given = network.draw_input(6, (1.0, 0.7), 0.1, 5.0, 400, seed=0)
    assert network.captured(given.principal.T, given) == pytest.approx(1.0)
    assert network.captured(np.random.default_rng(0).normal(size=(2, 6)), given) < 1.0
    assert given.samples.var(0).mean() == pytest.approx(25.0, rel=0.1)  # the standard deviation asked for


def test_the_rule_in_rates_comes_to_the_principal_subspace_at_the_length_of_the_closed_form():
    given = network.draw_input(6, (1.0, 0.7), 0.1, 5.0, 40_000, seed=0)
    expected = network.expected_lengths(given, **SLOW)
    assert expected.min() > 5.0
    start = network.initial_weights(6, 2, 1.0, seed=0)
    *_, (forward, back) = network.rate_course(given.samples, start, **SLOW)
    assert network.angles(forward, given.principal).max() < 5.0  # what is left is the noise of the latest samples
    np.testing.assert_allclose(np.linalg.svd(forward, compute_uv=False), expected, rtol=0.1)
    np.testing.assert_allclose(back, forward, rtol=1e-3, atol=1e-3)  # drawn apart, made equal by learning


def test_ojas_rule_comes_to_orthonormal_rows_of_the_same_span():
    given = network.draw_input(6, (1.0, 0.7), 0.1, 5.0, 20_000, seed=0)
    *_, last = network.oja_course(given.samples, network.initial_weights(6, 2, 1.0, seed=0)[0], 100.0, 1.7e-4)
    np.testing.assert_allclose(last @ last.T, np.eye(2), atol=0.05)
    assert network.angles(last, given.principal).max() < 5.0


def test_synapses_of_the_circuit_are_the_sums_over_its_spikes_that_the_rule_states():
    """Both ways, from the spikes of the event loop and the rule's equations alone; arrivals come first within a step."""
    given = network.draw_input(5, (1.0, 0.7), 0.1, 5.0, 15, seed=1)
    start, rate, decay = network.initial_weights(5, 2, 1.0, seed=1), 1e-3, 1e-3
    made = network.build(given.samples, start, 100.0, (rate, rate), decay, seed=1)
    seen = [sf.Spikes(made.residual), sf.Spikes(made.subspace)]
    result = made.net.run(1500.0, record=seen, progress=False)
    fired = []
    for cells in (made.residual, made.subspace):
        spikes = result.spikes(cells)
        fired.append(np.zeros((1500, cells.size)))
        fired[-1][np.round(spikes.times).astype(int), spikes.neurons] = 1.0
    taus = np.array([[network.TAU], [network.TAU_MEAN]])
    r, y, h, d = np.zeros((2, 5)), np.zeros((2, 2)), *start
    for r_fired, y_fired in zip(*fired, strict=True):
        keep = (1.0 - decay) ** (y_fired[:, None] + r_fired)
        together = np.outer(y_fired, r_fired) * (1e3 / network.TAU - 1e3 / network.TAU_MEAN)
        both = np.outer(y[0] - y[1], r_fired) + np.outer(y_fired, r[0] - r[1]) + together
        first = np.outer(y_fired, r_fired) * decay  # where both fire, what the first adds loses its part to the second
        h = keep * h + rate * (both - first * (y[0] - y[1])[:, None])
        d = keep * d + rate * (both - first * (r[0] - r[1]))
        r, y = (traces + fired_now * 1e3 / taus for traces, fired_now in ((r, r_fired), (y, y_fired)))
        r, y = r * np.exp(-1.0 / taus), y * np.exp(-1.0 / taus)
    assert min(part.sum() for part in fired) > 50
    for found, expected in zip(made.weights(result), (h, d), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8)


def test_the_spiking_circuit_finds_the_subspace_and_keeps_its_two_ways_alike(tmp_path):
    assert main(["run", "lateral-circuit", "--preset", "smoke", "--out", str(tmp_path), "--jobs", "1"]) == 0
    (result,) = tmp_path.rglob("*.h5")
    record = load(result)
    failed = [name for name, check in record.checks.items() if not check["holds"]]
    assert not failed
    assert len(sorted(tmp_path.rglob("*.png"))) == 3


@pytest.mark.parametrize(
    "change",
    [{"inputs": 1}, {"strong": ()}, {"strong": (1.0,) * 24}, {"weak": 0.7}, {"weak": -0.1}, {"std_mv": 0.0}, {"hold_ms": 10.5},
     {"every_s": 3.0}, {"duration_s": 1501.0}, {"decay": float("nan")}, {"seeds": 0}, {"seed": -1}],
)  # fmt: skip
def test_a_bad_field_is_refused(change):
    with pytest.raises(sf.InvalidValue, match=next(iter(change))):
        dataclasses.replace(experiment.PRESETS["laptop"], **change)
