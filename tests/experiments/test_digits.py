"""The experiment `digits`: that the comparison is fair (same images, parameters, choices), repeatable, and does run."""

import dataclasses

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

import synfire as sf
from synfire.experiments import digits, digits_baselines, digits_liquid, digits_methods
from synfire.experiments.execute import start
from synfire.experiments.results import load

TINY = digits.Config(
    train_size=300, test_size=100, seeds=2, neurons=100, online_epochs=5, mlp_epochs=10, snn_epochs=8, snn_steps=8,
    settings=2,
)  # fmt: skip


@pytest.fixture(scope="module")
def images():
    return digits_liquid.divide("digits", 300, 100, 0)


@pytest.mark.parametrize(
    ("preset", "pixels"), [("smoke", 64), ("laptop", 64), ("laptop", 784), ("paper", 64), ("paper", 784)]
)
def test_backprop_networks_have_as_many_parameters_within_2_percent(preset, pixels):
    config = digits.PRESETS[preset]
    readout = (config.neurons * config.windows + 1) * 10
    units = digits_baselines.hidden_size(readout, pixels, 10)
    assert units * (pixels + 1) + (units + 1) * 10 == pytest.approx(readout, rel=0.02)


def test_a_size_that_cannot_be_matched_is_refused():
    with pytest.raises(sf.InvalidValue, match="neurons"):
        digits_baselines.hidden_size(1200, 784, 10)
    with pytest.raises(sf.InvalidValue, match="more neurons"):
        dataclasses.replace(TINY, dataset="mnist")


def test_every_method_has_the_same_choice_of_settings():
    tables = (digits_methods.RATES, digits_methods.PENALTIES, digits_methods.PERCEPTRONS, digits_methods.SPIKING)
    for table in tables:
        assert len(table) == len(set(table)) == digits_methods.MOST_SETTINGS


def test_division_is_a_function_of_the_seed_and_its_parts_are_disjoint():
    first, again = digits_liquid.divide("digits", 0, 0, 4), digits_liquid.divide("digits", 0, 0, 4)
    for one, other in zip(first, again, strict=True):
        assert_array_equal(one, other)
    assert sum(map(len, (first.train, first.validation, first.test))) == 1797
    parts = [{image.tobytes() for image in part} for part in (first.train, first.validation, first.test)]
    assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
    assert not np.array_equal(digits_liquid.divide("digits", 0, 0, 5).test_labels, first.test_labels)


def test_readings_are_standardised_by_the_training_set_alone():
    rng = np.random.default_rng(0)
    parts = [rng.normal(3.0, 2.0, (size, 4)) for size in (50, 20, 30)]
    for part in parts:
        part[:, 2] = 7.0  # a neuron that always does the same
    readings = digits_liquid.standardised(*parts)
    np.testing.assert_allclose(readings.train[:, [0, 1, 3]].std(0), 1.0, rtol=1e-12)
    np.testing.assert_allclose(readings.train.mean(0), [0, 0, 0, 0, 1], atol=1e-12)
    assert not readings.test[:, 2].any()
    changed = digits_liquid.standardised(parts[0], parts[1], 10.0 * parts[2])
    assert_array_equal(changed.train, readings.train)
    assert_array_equal(changed.validation, readings.validation)


@pytest.mark.parametrize("core", ["izhikevich", "leaky"])
def test_core_fires_5_to_30_hz_under_digits(core, images):
    config = dataclasses.replace(TINY, core=core, neurons=500)
    pixels = images.parts[0][:60]
    reservoir = digits_liquid.wired(config.reservoir(64, 1), pixels, config.active_inputs)
    rate = reservoir.states(digits_liquid.encode(pixels, config.latency_ms, reservoir.dt)).rate
    assert 5.0 <= rate.mean() <= 30.0
    assert (rate.max(0) > 0.0).mean() > 0.9  # few neurons are never heard of
    assert rate.mean(1).min() > 1.0  # and no digit passes unnoticed


def test_in_degree_follows_the_share_of_pixels_that_are_not_black():
    reservoir = TINY.reservoir(100, 0)
    half = np.tile([0.0, 1.0], 50)[None].astype(np.float32)
    assert digits_liquid.wired(reservoir, half, 3.0).input_degree == 6
    assert digits_liquid.wired(reservoir, np.zeros((1, 100), np.float32), 3.0).input_degree == 100


@pytest.mark.parametrize("forward", [digits_baselines.perceptron, digits_baselines.spiking_network(8, 0.9)])
def test_backprop_repeats_itself_and_leaves_torch_as_it_was(forward, images):
    train, validation, _ = images.parts
    random, threads = torch.random.get_rng_state(), torch.get_num_threads()

    def once(seed):
        with digits_baselines.one_torch_thread():
            learned = digits_baselines.train(
                forward, 30, train, images.train_labels, classes=10, learning_rate=3e-3, weight_decay=0.0, epochs=8,
                seed=seed,
            )  # fmt: skip
            return learned(validation)

    assert_array_equal(once(0), once(0))
    assert not np.array_equal(once(0), once(1))
    assert digits_methods.accuracy(once(0), images.validation_labels) > 50.0  # chance: 10
    assert torch.equal(torch.random.get_rng_state(), random)
    assert torch.get_num_threads() == threads


def test_run_compares_four_methods_and_repeats_itself(tmp_path):
    from matplotlib import pyplot

    first, second = (load(start("digits", TINY, "smoke", tmp_path / str(k), 1)) for k in (1, 2))
    for method in ("three_factor", "ridge", "mlp", "snn"):
        metric = first.metrics[f"accuracy.{method}"]
        assert len(metric["values"]) == 2
        assert metric["paper"] is None
        assert metric["value"] > 50.0
        assert first.metrics[f"trained_parameters.{method}"]["value"] == pytest.approx(3010, rel=0.02)
        assert first.cost[f"wall_time.{method}"]["value"] > 0.0
        assert first[f"confusion/{method}"].sum() == 200
        if method != "mlp":
            gap = first.metrics["accuracy.mlp"]["value"] - metric["value"]
            assert first.metrics[f"gap_to_backprop.{method}"]["value"] == pytest.approx(gap)
    assert {"accuracy.input_ridge", "accuracy.no_recurrence_ridge", "rate.core"} <= set(first.metrics)
    assert first.checks["three_factor_near_ridge"]["holds"]
    assert first["curve/test"].shape == (2, 5)
    assert first["curve/test"][:, -1].tolist() == first.metrics["accuracy.three_factor"]["values"]
    assert {name: metric["values"] for name, metric in first.metrics.items()} == {
        name: metric["values"] for name, metric in second.metrics.items()
    }
    for task in first.blocks:
        for key, array in first.blocks[task].items():
            assert array.tobytes() == second.blocks[task][key].tobytes(), (task, key)
    drawn = digits.figures(first)
    assert set(drawn) == {"accuracy", "learning", "confusion", "example"}
    for figure in drawn.values():
        figure.canvas.draw()
        pyplot.close(figure)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dataset", "letters"),
        ("core", "hodgkin"),
        ("train_size", 20),
        ("test_size", -1),
        ("seeds", 0),
        ("neurons", 3),
        ("windows", 0),
        ("presentation_ms", 10.0),
        ("latency_ms", 0.0),
        ("latency_ms", float("nan")),
        ("active_inputs", 0.0),
        ("online_epochs", 0),
        ("snn_steps", 2.5),
        ("settings", 9),
        ("seed", -1),
    ],
)
def test_values_out_of_range_are_named(field, value):
    expected = "latency_ms" if field == "presentation_ms" else field
    with pytest.raises(sf.InvalidValue, match=expected):
        dataclasses.replace(digits.Config(), **{field: value})
