"""The task, the trials and the record of the experiment what-when."""

import dataclasses

import numpy as np
import pytest

from synfire.experiments import execute, what_when
from synfire.experiments.results import load
from synfire.experiments.what_when_task import (
    BLOCKS,
    Block,
    amplitude,
    attention,
    draw_events,
    error,
    expectation,
    peak_times,
    recovery,
)
from synfire.experiments.what_when_trials import CLOSED_LOOP, EXACT, Reservoir, learner, run_blocks
from synfire.neurons import InvalidValue


def test_a_perfect_output_has_no_error_and_the_right_peaks_and_amplitudes():
    block = Block(0.8, 300, 600)
    shown = expectation(block)
    assert error(shown, block) == 0.0
    assert peak_times(shown).tolist() == [300.0, 600.0]
    near = np.mean([np.exp(-x * x / 5000.0) for x in range(-50, 51)])
    assert amplitude(shown, block) == pytest.approx([0.8 * near, 0.2 * near], rel=1e-12)  # rounding


def test_a_silent_output_scores_what_the_specification_says():
    assert error(np.zeros((1000, 2)), BLOCKS[0]) == pytest.approx(0.174, abs=5e-4)  # printed to three digits


def test_events_come_with_their_probability_and_share_draws_between_conditions():
    rare, often = (draw_events(Block(p, 300, 600), 20_000, 0, 0) for p in (0.2, 0.8))
    assert np.mean(rare == 0) == pytest.approx(0.2, abs=4 * np.sqrt(0.16 / 20_000))  # four standard errors
    assert np.all(often[rare == 0] == 0)  # what is A at 0.2 is A at 0.8 too
    deck = draw_events(Block(0.8, 300, 600), 100, 0, 0, balanced=True).reshape(10, 10)
    assert np.all((deck == 0).sum(axis=1) == 8)


@pytest.mark.parametrize("kind", ["soft", "hard", "full", "prediction"])
def test_only_the_channel_of_the_event_learns(kind):
    gate = attention(kind, 1, 400.0)
    assert np.all(gate[:, 0] == 0.0) and gate[400, 1] == 1.0


def test_recovery_counts_trials_until_five_good_ones_in_a_row():
    errors = np.array([0.3, 0.1, 0.3, 0.1, 0.1, 0.1, 0.1, 0.1, 0.3])
    assert recovery(errors, before=0.1) == 4.0
    assert np.isnan(recovery(errors[:6], before=0.1))


def test_a_run_is_a_pure_function_of_its_seed_and_testing_does_not_teach():
    how = learner("three_factor", "soft", 2e-4)
    ends = []
    for test_every in (1, 1, 3):
        found = run_blocks(Reservoir(EXACT, 60, how, 3), how, BLOCKS[:1], 3, test_every=test_every)
        ends.append(found["when"])
    np.testing.assert_array_equal(ends[0], ends[1])
    np.testing.assert_array_equal(ends[0], ends[2])


def test_the_exact_reservoir_passes_through_the_same_states_and_the_closed_loop_does_not():
    how = learner("three_factor", "full", 1e-4)
    for circuit, same in ((EXACT, True), (CLOSED_LOOP, False)):
        reservoir = Reservoir(circuit, 60, how, 0)
        starts = reservoir.starts(0)
        first, second = (reservoir.trial(reservoir.learned, next(starts))[2] for _ in range(2))
        assert np.array_equal(first, second) == same


def test_learning_lowers_the_error_within_a_block():
    how = learner("three_factor", "soft", 2e-4)
    errors = run_blocks(Reservoir(EXACT, 200, how, 0), how, BLOCKS[:1], 30)["error"][0]
    assert errors[-5:].mean() < 0.75 * errors[0]


def test_an_oracles_reset_clears_what_least_squares_remembers():
    how = learner("force_merged_reset", "full", 1e-4)
    kept = learner("force_merged_no_reset", "full", 1e-4)
    assert how.resets and not kept.resets
    runs = [run_blocks(Reservoir(EXACT, 60, h, 0), h, BLOCKS[:2], 4) for h in (how, kept)]
    np.testing.assert_array_equal(runs[0]["error"][0], runs[1]["error"][0])
    assert runs[0]["error"][1, -1] < runs[1]["error"][1, -1]


def test_least_squares_needs_a_constant_that_centred_features_lack():
    """Regression: with centred features every FORCE baseline kept the error of the target's mean."""
    certain = [Block(1.0, 300, 600)]  # nothing to sample: all that is left is what the features cannot express
    learners = [learner(f"force_merged_reset{ending}", "full", 1e-4, 1.0) for ending in ("", "_centred")]
    ends = [run_blocks(Reservoir(EXACT, 400, h, 0), h, certain, 5, test_every=5)["error"][0, -1] for h in learners]
    assert ends[0] < 0.8 * ends[1]


def test_least_squares_learns_at_other_moments_in_every_trial():
    """Regression: taught at every fifth ms of trials that repeat themselves, it fitted those and nothing in between."""
    how = learner("force_merged_no_reset", "full", 1e-4, 1.0)
    errors = run_blocks(Reservoir(EXACT, 100, how, 0), how, [Block(1.0, 300, 600)], 20)["error"][0]
    assert errors[-1] < 1.01 * errors[4]


@pytest.mark.parametrize(("field", "value"), [("seeds", 0), ("trials", 3), ("seed", -1), ("jitters", (-1.0,))])
def test_a_bad_config_is_refused_by_name(field, value):
    with pytest.raises(InvalidValue, match=field):
        what_when.Config(**{field: value})


def test_a_small_run_measures_draws_and_repeats_itself(tmp_path):
    config = dataclasses.replace(
        what_when.PRESETS["smoke"], neurons=50, control_seeds=0, robustness_seeds=1, jitters=(0.0,), feedbacks=(0.0, 0.2)
    )
    paths = [execute.start("what-when", config, "smoke", tmp_path, jobs=1, announce=lambda *_: None) for _ in range(2)]
    first, second = (load(path) for path in paths)
    assert first.metrics["amplitude_r_a_exact.three_factor"]["paper"] == 0.978
    for name, metric in first.metrics.items():
        np.testing.assert_array_equal(metric["values"], second.metrics[name]["values"], err_msg=name)
    assert {"learning", "outputs", "weight_map", "robustness"} <= set(what_when.figures(first))
