"""The experiment `early-exit` at its smallest: what it measures agrees with what it is made of; its spikes; bad settings."""

import dataclasses

import numpy as np
import pytest

import synfire as sf
from synfire.experiments import early_exit as experiment
from synfire.experiments import early_exit_network as network
from synfire.experiments.cli import main
from synfire.experiments.results import load


def coded(**changes):
    given = {"images": np.tile(np.linspace(0.0, 1.0, 8, dtype=np.float32), (40, 1)), "labels": np.zeros(40, np.int64)}
    return network.RateCoded(**({"steps": 500, "most": 0.4, "part": 0, "seed": 3} | given | changes))


def test_a_pixel_fires_as_often_as_it_is_bright_and_other_spikes_for_each_sample_and_epoch():
    x, _ = coded().batch(np.arange(40))
    rate = x.double().mean((0, 1)).numpy()
    expected = 0.4 * np.linspace(0.0, 1.0, 8)
    np.testing.assert_allclose(rate, expected, atol=5.0 * np.sqrt(0.25 / x[..., 0].numel()))  # five standard errors
    one, other = x[:, 0], x[:, 1]
    assert (one != other).any()
    assert (coded().epoch(1).batch(np.array([0]))[0][:, 0] != one).any()
    assert (coded(part=1).batch(np.array([0]))[0][:, 0] != one).any()


def test_spikes_of_a_sample_do_not_depend_on_its_batch():
    some, _ = coded().batch(np.array([7, 3]))
    alone, _ = coded().batch(np.array([3]))
    assert (some[:, 1] == alone[:, 0]).all()


def test_steps_to_an_accuracy_are_read_off_the_curve():
    curves = np.array([[[0.2, 0.6, 0.5, 0.8], [1.0, 2.0, 3.0, 5.0]]] * 3)
    found = experiment._reached(curves, np.array([70.0, 10.0, 90.0]))
    np.testing.assert_allclose(
        found, [4.0, 1.0, np.nan]
    )  # half-way from 60 % at 3 steps, the best so far, to 80 % at 5


def test_the_smallest_run_measures_what_it_says(tmp_path):
    assert main(["run", "early-exit", "--preset", "smoke", "--out", str(tmp_path), "--jobs", "1"]) == 0
    (result,) = tmp_path.rglob("*.h5")
    record = load(result)
    assert len(sorted(tmp_path.rglob("*.png"))) == 3
    assert record.checks["monotone"]["holds"] and record.checks["pieces"]["holds"]
    steps = record.config["steps"]
    for name in experiment.VARIANTS:
        accuracy = record.metrics[f"accuracy.{name}"]["value"]
        assert accuracy > 60.0  # of ten classes
        assert record.metrics[f"ideal.{name}"]["value"] < record.metrics[f"optimal.{name}"]["value"] < steps
        for policy in experiment.POLICIES:
            method = f"{policy}_{name}"
            mean = record.metrics[f"steps.{method}"]["value"]
            counts = record[f"histogram/{policy}/{name}"][0]
            assert counts.sum() == 300 and counts @ np.arange(1, steps + 1) / 300 == pytest.approx(mean)
            assert record.metrics[f"steps_saved.{method}"]["value"] == pytest.approx(100.0 * (1.0 - mean / steps))
        fixed = record[f"curve/fixed/{name}"][0]
        assert fixed[1].tolist() == list(range(1, steps + 1))
        assert 100.0 * fixed[0, -1] == pytest.approx(accuracy)
    shares = [record.metrics[f"operations_saved.fixed_{name}"]["value"] for name in experiment.VARIANTS]
    saved = [record.metrics[f"steps_saved.fixed_{name}"]["value"] for name in experiment.VARIANTS]
    np.testing.assert_allclose(shares, saved, atol=8.0)  # about as many at each step


@pytest.mark.parametrize(
    "change",
    [{"dataset": "cifar"}, {"train_size": 100}, {"train_size": 20_000}, {"validation_size": 10}, {"most": 0.0}, {"steps": 1},
     {"tau_m": 0.5}, {"learning_rate": 0.0}, {"strong": float("inf")}, {"tolerances": ()}, {"tolerance": 0.3},
     {"epsilons": (2.0,)}, {"pieces": (0,)}, {"seed": -1}],
)  # fmt: skip
def test_a_bad_field_is_refused(change):
    with pytest.raises(sf.SynfireError, match=next(iter(change))):
        dataclasses.replace(experiment.PRESETS["laptop"], **change)
