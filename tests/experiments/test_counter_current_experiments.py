"""`counter-current-cnn` and `counter-current-autoencoder`: the paper's constants field by field, the controls, and runs."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
import torch

import synfire as sf
from synfire.experiments import counter_current_autoencoder as autoencoding
from synfire.experiments import counter_current_cnn as naming
from synfire.experiments import counter_current_trials as trials
from synfire.experiments.counter_current_networks import autoencoder, pooled_cnn
from synfire.experiments.counter_current_recipes import AUTOENCODER, CNN, LastLayer, device_of
from synfire.experiments.data import Augmented, ImageSet
from synfire.experiments.epoch_parts import EpochParts
from synfire.experiments.execute import start
from synfire.experiments.results import load

# The specification, sections 3.2 and 3.3: what the paper's program is configured with
SHARED = {"final_learning_rate": 0.001, "centralise": True}
CIFAR10 = {**SHARED, "batch": 128, "learning_rate": 1.0, "momentum": 0.8, "weight_decay": 1e-6, "warm_up": 100, "clip": 0.3,
           "flood": 0.1}  # fmt: skip
BACKPROP = {**SHARED, "batch": 256, "learning_rate": 0.03, "momentum": 0.5, "weight_decay": 1e-5, "warm_up": 200,
            "clip": None, "flood": 0.0}  # fmt: skip
RECIPES = {
    ("cifar10", "ccl"): CIFAR10,
    ("cifar100", "ccl"): {**CIFAR10, "momentum": 0.5, "clip": None, "flood": 0.0},
    ("cifar10", "backprop"): BACKPROP,
    ("cifar100", "backprop"): BACKPROP,
    ("stl10", "ccl"): {**SHARED, "batch": 32, "learning_rate": 0.01, "momentum": 0.9, "weight_decay": 1e-4, "warm_up": 100,
                       "clip": 0.2, "flood": 0.0},
    ("stl10", "backprop"): {**BACKPROP, "batch": 32, "clip": 0.2},
}  # fmt: skip


@pytest.mark.parametrize(("dataset", "method"), RECIPES)
def test_recipes_have_the_papers_constants(dataset, method):
    recipe = AUTOENCODER[method] if dataset == "stl10" else CNN[dataset][method]
    assert dataclasses.asdict(recipe) == RECIPES[dataset, method]


def test_the_lossy_copy_is_trained_as_the_original():
    assert CNN["cifar10_jpeg"] == CNN["cifar10"]


def test_the_paper_presets_have_the_papers_sizes_and_budgets():
    paper = naming.PRESETS["paper"]
    assert (paper.dataset, paper.channels, paper.epochs, paper.seeds) == ("cifar10", (128, 128, 256, 256, 512), 100, 5)
    assert (paper.train_size, paper.test_size) == (0, 0)
    paper = autoencoding.PRESETS["paper"]
    assert (paper.dataset, paper.channels, paper.epochs, paper.seeds) == ("stl10", (128, 256, 1024, 2048), 50, 5)
    assert (paper.batches, paper.train_size, paper.test_size) == (101, 0, 0)


def test_the_papers_numbers_stand_only_beside_its_data_and_budget():
    paper = naming.PRESETS["paper"]
    assert naming.as_published(dataclasses.replace(paper, dataset="cifar100", seeds=1))
    changes = [
        {"dataset": "cifar10_jpeg"},
        {"epochs": 99},
        {"train_size": 40_000},
        {"channels": (8,)},
        {"test_size": 9},
    ]
    assert not any(naming.as_published(dataclasses.replace(paper, **each)) for each in changes)
    paper = autoencoding.PRESETS["paper"]
    assert autoencoding.as_published(dataclasses.replace(paper, seeds=1))
    changes = [{"dataset": "cifar10"}, {"epochs": 9}, {"batches": 0}, {"channels": (8,)}, {"test_size": 9}]
    assert not any(autoencoding.as_published(dataclasses.replace(paper, **each)) for each in changes)


def test_the_loss_is_ramped_then_gradients_are_centralised_then_clipped():
    rule = CNN["cifar10"]["ccl"].chained(sf.BPTT(), batches=100 * 352)
    assert rule.modifiers == (sf.WarmUp(100), sf.Centralise(), sf.Clip(0.3))
    assert CNN["cifar100"]["ccl"].chained(sf.BPTT(), batches=100 * 352).modifiers == (sf.WarmUp(100), sf.Centralise())
    assert AUTOENCODER["backprop"].chained(sf.BPTT(), batches=50 * 101).modifiers[0] == sf.WarmUp(200)
    assert CNN["cifar10"]["ccl"].chained(sf.BPTT(), batches=50).modifiers[0] == sf.WarmUp(5)  # ours, of small budgets


@pytest.mark.parametrize("make", [lambda: pooled_cnn(4, channels=(3, 5), side=8), lambda: autoencoder(channels=(3, 5))])
def test_the_controls_gradient_is_backprops_of_the_last_layer(make):
    network = make()
    drawn = torch.Generator().manual_seed(0)
    with torch.no_grad():
        network.layers[-1].weight.copy_(torch.randn(network.layers[-1].weight.shape, generator=drawn))
    x = torch.rand(1, 6, 3, 8, 8, generator=drawn)
    batch = sf.Batch(x, x if isinstance(network.objective, sf.MeanSquaredError) else torch.arange(6) % 4)
    whole, last = sf.BPTT().gradients(network, batch, None), LastLayer().gradients(network, batch, None)
    place = f"layers.{len(network.layers) - 1}."
    assert set(last.gradients) == {name for name in whole.gradients if name.startswith(place)}
    assert float(last.loss) == pytest.approx(float(whole.loss), rel=1e-6)
    assert torch.equal(last.scores, whole.scores)
    for name, value in last.gradients.items():
        torch.testing.assert_close(value, whole.gradients[name], rtol=1e-5, atol=1e-7)


def test_the_control_takes_the_rate_with_the_least_validation_loss(noise, monkeypatch):
    losses = {0.1: [2.0, 1.5], 1.0: [1.2, 1.9], 10.0: [1.4, 1.3]}

    def pretend(network, rule, *sets, optimisers, **options):
        rate = optimisers(network, 1)[0].param_groups[0]["lr"]
        nothing = np.full(2, np.nan)
        made = dict.fromkeys([field.name for field in dataclasses.fields(sf.History)], nothing)
        return network, sf.History(
            **{**made, "validation_loss": np.array(losses[rate]), "test_loss": np.array([rate, -1.0])}
        )

    monkeypatch.setattr(trials, "whole_fit", pretend)
    config = naming.Config(**SMALL, frozen_learning_rates=tuple(losses))
    found = naming.trial("frozen", config, 0)
    assert found["learning_rate"] == found["loss"] == 1.0  # its first epoch was its best


class Numbers:
    """Samples that are their own number, and know their epoch."""

    def __init__(self, shift=0):
        self.shift = shift

    def __len__(self):
        return 50

    def batch(self, indices):
        return np.asarray(indices) + self.shift, np.asarray(indices)

    def epoch(self, k):
        return Numbers(100 * k)


def test_an_epoch_sees_another_part_each_time_as_a_function_of_seed_and_epoch():
    parts = EpochParts(samples=Numbers(), size=20, seed=3)
    assert len(parts) == len(parts.epoch(1)) == 20
    seen = [parts.epoch(k).batch(np.arange(20)) for k in range(3)]
    for k, (x, target) in enumerate(seen):
        assert len(set(target)) == 20
        np.testing.assert_array_equal(x, target + 100 * k)  # and of that epoch of the samples
    assert set(seen[0][1]) != set(seen[1][1])
    np.testing.assert_array_equal(parts.epoch(2).batch([7, 4])[1], seen[2][1][[7, 4]])
    assert set(seen[0][1]) != set(EpochParts(samples=Numbers(), size=20, seed=4).epoch(0).batch(np.arange(20))[1])
    whole = EpochParts(samples=Numbers(), size=50, seed=3).epoch(5).batch(np.arange(50))[1]
    assert sorted(whole) == list(range(50))
    for size in (0, 51, True):
        with pytest.raises(sf.InvalidValue, match=r"EpochParts\.size"):
            EpochParts(samples=Numbers(), size=size, seed=0)


SMALL = {"channels": (4, 6), "epochs": 2, "train_size": 120, "test_size": 40, "seeds": 1}


@pytest.fixture
def noise(monkeypatch):
    """Images of random pixels in place of any data set."""
    rng = np.random.default_rng(0)

    def part(n):
        return rng.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8), np.arange(n) % 10

    (train, labels), (test, answers) = part(200), part(60)
    made = ImageSet(name="noise", train_images=train, train_labels=labels, test_images=test, test_labels=answers)
    monkeypatch.setattr(trials, "load_images", lambda name: made)
    return made


def test_trainings_repeat_and_figures_are_drawn(noise, tmp_path):
    runs = {
        "counter-current-cnn": naming.Config(**SMALL, frozen_learning_rates=(1.0, 10.0)),
        "counter-current-autoencoder": autoencoding.Config(**SMALL, batches=2, shown=3, frozen_learning_rates=(0.1,)),
    }
    drawn = {
        "counter-current-cnn": {"accuracy", "learning"},
        "counter-current-autoencoder": {"learning", "reconstructions"},
    }
    for name, config in runs.items():
        module = naming if name == "counter-current-cnn" else autoencoding
        first, again = (load(start(name, config, "smoke", tmp_path / part)) for part in ("one", "two"))
        for metric, row in first.metrics.items():
            np.testing.assert_array_equal(row["values"], again.metrics[metric]["values"], err_msg=metric)
            assert row["paper"] is None
            assert np.isfinite(row["values"]).all()
        assert set(module.figures(first)) == drawn[name]


def test_methods_train_what_they_say(noise, monkeypatch):
    """Images, augmentation, epochs, initial weights and rule that `fit` is given, method by method."""
    given = {}

    def spy(network, rule, train, test, **options):
        given[now] = (network, rule, train, options)
        return fit(network, rule, train, test, **{**options, "epochs": 1})

    fit = trials.whole_fit
    monkeypatch.setattr(trials, "whole_fit", spy)
    config = naming.Config(**SMALL, frozen_learning_rates=(1.0,))
    for now in naming.METHODS:
        naming.trial(now, config, 5)
    network, rule, train, options = given["ccl"]
    assert isinstance(train, Augmented)
    assert (train.flip, train.crop_padding, len(train)) == (True, 4, 108)
    assert rule.rule.loss == sf.NormalisedMembership(scale=1.0, gram=0.5, flood=0.1)
    assert (options["epochs"], options["batch"]) == (2, 128)
    x, _ = train.batch([0])
    pixel = (noise.train_images / 255.0 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    assert np.abs(pixel - x[0, 0].permute(1, 2, 0).numpy()).max((1, 2, 3)).min() < 1e-5  # ImageNet's normalisation
    assert not any(isinstance(layer, sf.BatchNorm) for layer in network.layers)
    assert isinstance(given["backprop"][0].layers[0], sf.BatchNorm)
    assert isinstance(given["backprop"][1].rule, sf.BPTT)
    assert isinstance(given["frozen"][1].rule, LastLayer)
    now = "autoencoder"
    autoencoding.trial("ccl", autoencoding.Config(**SMALL, batches=2), 5)
    _, rule, train, options = given[now]
    assert isinstance(rule.rule.loss, sf.Reconstruction)
    assert len(train) == 64
    x, target = train.epoch(1).batch(np.arange(3))
    assert torch.equal(x, target)
    assert 0.0 <= float(x.min()) < 0.01 and 0.99 < float(x.max()) <= 1.0  # intensities


def test_the_mean_image_is_worth_the_variance_of_pixels(noise):
    config = autoencoding.Config(**{**SMALL, "train_size": 0, "test_size": 0}, shown=2)
    found = autoencoding.trial("mean_image", config, 0)
    mean = found["shown"][0]
    wanted = np.mean((noise.test_images.transpose(0, 3, 1, 2) / 255.0 - mean) ** 2)
    assert found["error"] == pytest.approx(wanted, rel=1e-6)
    assert np.abs(mean - noise.train_images.transpose(0, 3, 1, 2).mean(0) / 255.0).max() < 0.1  # of 180 of 200 images


JPEG = Path(os.environ.get("SYNFIRE_DATA", "")) / "cifar10" / "cifar10-jpeg.npz"


@pytest.mark.skipif(not JPEG.is_file(), reason="the JPEG copy of CIFAR-10 is not in SYNFIRE_DATA")
@pytest.mark.parametrize("name", ["counter-current-cnn", "counter-current-autoencoder"])
def test_three_epochs_of_the_smoke_preset_learn_something_of_real_images(name, tmp_path):
    module = naming if name == "counter-current-cnn" else autoencoding
    result = load(
        start(name, dataclasses.replace(module.PRESETS["smoke"], methods=("ccl",), epochs=3), "smoke", tmp_path)
    )
    if module is naming:
        assert result["validation_loss/ccl"][0].min() < 0.99 * np.log(10.0)  # better than knowing nothing
    else:
        assert result["test/ccl"][0, -1] < 0.9 * result["test/ccl"][0, 0]


@pytest.mark.parametrize("module", [naming, autoencoding])
@pytest.mark.parametrize(
    ("field", "value"),
    [("dataset", "cifar"), ("methods", ("ccl", "magic")), ("methods", ()), ("epochs", 0), ("channels", ()),
     ("channels", (2,) * 6), ("train_size", 7), ("test_size", -1), ("device", "tpu"),
     ("frozen_learning_rates", (0.0,)), ("seeds", True), ("seed", -1)],
)  # fmt: skip
def test_configs_refuse(module, field, value):
    with pytest.raises((sf.InvalidValue, sf.UnknownName), match=field):
        module.Config(**{field: value})


def test_a_missing_gpu_is_said():
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(sf.InvalidValue, match="no GPU"):
        device_of("cuda")
