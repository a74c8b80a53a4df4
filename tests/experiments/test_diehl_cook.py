"""Digits by competition: labels, the reading of test images, and training in parts."""

import dataclasses

import numpy as np
import pytest

from synfire.experiments import diehl_cook
from synfire.experiments.cli import main
from synfire.experiments.results import load

SMALL = dataclasses.replace(diehl_cook.PRESETS["smoke"], neurons=(12,), train=12, label=10, test=4)


def test_a_neuron_takes_the_class_that_it_fires_most_for_on_average():
    counts = np.array([[4, 0, 0], [0, 3, 0], [0, 3, 0], [5, 0, 0]])
    labels = np.array([1, 2, 2, 3])
    assert diehl_cook.classes_of(counts, labels).tolist() == [3, 2, -1]


def test_an_image_is_read_by_the_mean_count_of_each_class():
    """Class 0 has three neurons and fires more in sum, class 7 has one and fires more on average."""
    classes = np.array([0, 0, 0, 7, -1])
    assert diehl_cook.predictions(np.array([[3, 3, 3, 4, 90], [5, 5, 5, 4, 90]]), classes).tolist() == [7, 0]


def test_the_number_of_parts_does_not_change_what_is_learnt():
    whole = diehl_cook.train(dataclasses.replace(SMALL, parts=1), 12, 3, 0, None)
    state = None
    for part in range(3):
        last = diehl_cook.train(dataclasses.replace(SMALL, parts=3), 12, 3, part, state)
        state = {key.removeprefix("state/"): value for key, value in last.items() if key.startswith("state/")}
    np.testing.assert_array_equal(whole["weights"], last["weights"])
    np.testing.assert_array_equal(whole["theta"], last["theta"])


def test_weights_onto_a_neuron_keep_their_sum_and_thresholds_rise_with_its_spikes():
    found = diehl_cook.train(dataclasses.replace(SMALL, parts=1), 12, 0, 0, None)
    sums = found["weights"].reshape(784, 12).sum(0)
    np.testing.assert_allclose(sums, 78.0, rtol=1e-9)  # the stretch ends as the next image would begin
    spikes = found["counts"].sum(0)
    assert spikes.sum() > 0
    rise = found["theta"] - 20.0
    assert (rise > 0.05 * spikes - 0.1).all()  # it falls by 0.002 mV a second
    assert (rise < 0.05 * spikes + 1.0).all()  # images shown too faintly raised it too


def test_the_experiment_runs_and_draws_its_figures(tmp_path):
    assert main(["run", "diehl-cook", "--preset", "smoke", "--out", str(tmp_path), "--jobs", "1"]) == 0
    (result,) = tmp_path.rglob("*.h5")
    assert load(result).metrics["accuracy.20"]["value"] > 20.0
    assert len(sorted(tmp_path.rglob("*.png"))) == 3


@pytest.mark.parametrize(
    ("option", "value"), [("neurons", "0"), ("train", "0"), ("parts", "1000000"), ("images", "letters"), ("seeds", "0")]
)
def test_a_bad_field_is_refused(option, value, capsys):
    assert main(["run", "diehl-cook", "--preset", "smoke", f"--{option}", value]) != 0
    assert option in capsys.readouterr().err
