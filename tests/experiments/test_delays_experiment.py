"""The experiment `delays`: the paper's constants field by field, its schedules, its judging, and the networks it builds."""

import dataclasses
import math

import numpy as np
import pytest
import torch

import synfire as sf
from synfire import InvalidValue, UnknownName
from synfire.experiments import delay_recipes, delays
from synfire.experiments.delay_recipes import RECIPES

pytestmark = pytest.mark.filterwarnings("ignore:.*its time course is not resolved")  # tau = 1.005 steps: the paper's choice

# The specification's table of training constants: what the paper's configuration says, by data set.
PAPER = {
    "shd": {"layers": 2, "widths": (256,), "epochs": 150, "batch": 256, "tau_ms": 10.05, "dropout": 0.4, "taps": 25,
            "shrink_epochs": 37},
    "ssc": {"layers": 3, "widths": (512,), "epochs": 60, "batch": 128, "tau_ms": 15.0, "dropout": 0.25, "taps": 31,
            "shrink_epochs": 15},
    "gsc": {"layers": 3, "widths": (512,), "epochs": 100, "batch": 128, "tau_ms": 15.0, "dropout": 0.25, "taps": 31,
            "shrink_epochs": 25},
}  # fmt: skip
INPUTS, CLASSES = {"shd": 140, "ssc": 140, "gsc": 140}, {"shd": 20, "ssc": 35, "gsc": 35}


@pytest.mark.parametrize("task", PAPER)
def test_the_paper_preset_has_the_papers_constants(task):
    recipe, paper = RECIPES[task], PAPER[task]
    assert task in delays.PRESETS["paper"].tasks
    assert delays.PRESETS["paper"].epochs == delays.PRESETS["paper"].samples == 0
    for field in ("layers", "widths", "epochs", "batch", "dropout", "shrink_epochs"):
        assert getattr(recipe, field) == paper[field], field
    assert recipe.dt == 10.0
    assert recipe.tau * recipe.dt == pytest.approx(paper["tau_ms"])
    assert recipe.max_delay + 1 == paper["taps"]
    assert recipe.extend == (paper["taps"] - 1) // 2  # zeros appended before each layer
    assert (recipe.alpha, recipe.weight_rate, recipe.delay_rate, recipe.weight_decay) == (5.0, 5e-3, 0.1, 1e-5)
    assert (recipe.readout, recipe.positive, recipe.delay_share) == ("membrane", False, 1.0)


@pytest.mark.parametrize("task", PAPER)
def test_the_papers_network_layer_by_layer(task):
    recipe, paper = RECIPES[task], PAPER[task]
    small = dataclasses.replace(recipe, widths=(6,))
    net = delay_recipes.network(small, "learned", 6, INPUTS[task], CLASSES[task], seed=0)
    hidden = [sf.Extend, sf.DelayedDense, sf.BatchNorm, sf.Spiking, sf.Dropout]
    assert [type(layer) for layer in net.layers] == hidden * paper["layers"] + [sf.Extend, sf.DelayedDense, sf.Membrane]
    assert isinstance(net.objective, sf.SummedSoftmax)
    delayed, spiking = net.layers[1], net.layers[3]
    taps = paper["taps"]
    assert delayed.width == pytest.approx(taps // 2 + 0.27)
    delayed.advance(paper["shrink_epochs"] / paper["epochs"])
    assert delayed.width == pytest.approx(0.23 + 0.27)
    # membrane: v keeps 1 - 1 / tau of itself, takes the current whole, fires at 1 and restarts at 0
    step = spiking.step(torch.zeros(1, dtype=torch.float64))
    state = spiking.initial_state(torch.zeros(1, dtype=torch.float64), 1)._replace(v=torch.full((1, 6), 0.4, dtype=torch.float64))
    after = step.integrate(state, torch.full((1, 6), 0.3, dtype=torch.float64))
    keep = 1.0 - recipe.dt / paper["tau_ms"]
    torch.testing.assert_close(after.v, torch.full((1, 6), 0.4 * keep + 0.3, dtype=torch.float64), rtol=1e-9, atol=0.0)
    assert float(step.excess(after._replace(v=torch.ones(1).double()))) == 0.0
    assert float(step.reset(after, torch.ones(1, 6) > 0).v.max()) == 0.0
    # surrogate: (alpha / 2) / (1 + (pi / 2 alpha x)²), alpha = 5, in units of the threshold
    assert spiking.scale == pytest.approx(1.0)
    x = np.linspace(-2.0, 2.0, 9)
    np.testing.assert_allclose(spiking.surrogate.derivative(x), 2.5 / (1.0 + (math.pi / 2 * 5.0 * x) ** 2))


def test_the_papers_network_has_the_papers_number_of_parameters():
    """SHD: 106,496 weights, as many delays, and 1,024 of batch normalisation."""
    net = delay_recipes.network(RECIPES["shd"], "learned", 256, 140, 20, seed=0)
    assert net.n_parameters == 2 * (140 * 256 + 256 * 256 + 256 * 20) + 1024 == 214_016
    assert delay_recipes.network(RECIPES["shd"], "none", 256, 140, 20, seed=0).n_parameters == 106_496 + 1024


def test_the_papers_rates_follow_its_schedules():
    recipe = RECIPES["shd"]
    net = delay_recipes.network(recipe, "learned", 8, 14, 20, seed=0)
    weights, one_cycle, moving, cosine = delay_recipes.optimisers(recipe)(net, recipe.epochs)
    assert weights.param_groups[0]["weight_decay"] == 1e-5
    assert weights.param_groups[1]["weight_decay"] == moving.param_groups[0]["weight_decay"] == 0.0
    assert one_cycle.get_last_lr()[0] == pytest.approx(5e-3 / 25)
    assert cosine.get_last_lr() == [0.1]
    rates = []
    for _ in range(recipe.epochs - 1):
        weights.step()
        moving.step()
        one_cycle.step()
        cosine.step()
        rates.append(one_cycle.get_last_lr()[0])
    assert max(rates) == pytest.approx(5e-3, rel=1e-2)
    assert np.argmax(rates) == pytest.approx(0.3 * recipe.epochs, abs=2)
    assert rates[-1] == pytest.approx(2e-8, rel=1e-6)
    assert cosine.get_last_lr()[0] == pytest.approx(0.05 * (1.0 - math.cos(math.pi / recipe.epochs)), rel=1e-6)


def test_conditions_share_their_initial_weights_and_fixed_delays_are_the_learned_ones_rounded():
    made = {c: delay_recipes.network(RECIPES["lag-8"], c, 8, 2, 8, seed=3) for c in delay_recipes.CONDITIONS}

    def connection(condition):
        return next(layer for layer in made[condition].layers if hasattr(layer, "weight"))

    for condition in ("fixed", "learned", "two_tap"):
        assert torch.equal(connection(condition).weight, connection("learned").weight)
    assert torch.equal(connection("fixed").delay_steps(), connection("learned").delay_steps())
    assert (connection("learned").weight >= 0.0).all()


def test_without_delays_the_hidden_counts_of_every_sample_are_the_same():
    """The proof that no network without delays can do better than chance on lag-8."""
    recipe = dataclasses.replace(RECIPES["lag-8"], tau=1.0 + 1e-9)
    net = delay_recipes.network(recipe, "none", 16, 2, 8, seed=0).eval()
    _, test = delay_recipes._DRAWN["lag-8"](0)
    x, _ = test.batch(np.arange(200))
    scores = net.scores(torch.from_numpy(x))
    assert torch.equal(scores, scores[:1].expand_as(scores))


def test_a_trial_learns_lags_with_delays():
    config = delays.Config(epochs=12, samples=600)
    learned = delays.trial("lag-8", "learned", 16, config, 0, "clean")
    none = delays.trial("lag-8", "none", 16, config, 0, "clean")
    assert learned["last"] > none["last"] + 15.0  # points
    assert learned["delays_after"].shape == (32,)
    assert not np.array_equal(learned["delays_before"], learned["delays_after"])
    assert np.array_equal(learned["delays_after"] % 10.0, np.zeros(32))  # frozen: whole steps of 10 ms
    assert none["delays_after"].size == 0


def test_validation_chooses_the_epoch():
    parts = delay_recipes.division("formants", 0, 200)
    assert (len(parts.train), len(parts.validation), len(parts.test)) == (200, 200, 1000)
    found = delays.trial("formants", "none", 4, delays.Config(epochs=2, samples=100), 0, "clean")
    assert found["clean"] == found["test"][np.argmax(found["validation"])]
    whole = delay_recipes.division("formants", 0, whole=True)
    assert whole.validation is None
    assert len(whole.train) == 2000


@pytest.mark.parametrize(
    ("fields", "error", "name"),
    [
        ({"tasks": ("lag-9",)}, UnknownName, "tasks"),
        ({"tasks": ()}, InvalidValue, "tasks"),
        ({"tasks": ("lag-8", "lag-8")}, InvalidValue, "tasks"),
        ({"conditions": ("learnt",)}, UnknownName, "conditions"),
        ({"widths": (0,)}, InvalidValue, "widths"),
        ({"epochs": -1}, InvalidValue, "epochs"),
        ({"seeds": 0}, InvalidValue, "seeds"),
        ({"seed": -1}, InvalidValue, "seed"),
    ],
)
def test_bad_fields_are_named(fields, error, name):
    with pytest.raises(error) as raised:
        delays.Config(**fields)
    assert raised.value.field == name
