"""Trials of the experiment `meta-neurons`: what a search tries, and what is measured of a network once it is trained."""

from __future__ import annotations

import itertools
import time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..neurons import complexity, setup_generator
from .complexity import LinearDiscriminant, NearestMean
from .digits_baselines import one_torch_thread
from .meta_neuron_learners import INTERNAL, LEARNERS, Setting
from .meta_neuron_tasks import sets
from .train_baselines import accuracy, baselines, linear_readout
from .trains import Trains

__all__ = ["READOUTS", "Cell", "baseline_trial", "cells", "settings", "trial"]

_SEARCH = 301  # stream of what a search without gradients draws
READOUTS = {"plain": "the learner's own", "lzc": "mean complexity, cut or nearest mean", "lzc_lda": "LDA of complexities"}
PICOJOULE = {"operation": 0.9, "update": 4.6}
"""Of an accumulation and a multiply-accumulate in 45 nm, pJ: Horowitz 2014, doi:10.1109/ISSCC.2014.6757323. A proxy."""


class Cell(NamedTuple):
    """A row of the grid: what is learned, by which rule, of which neurons, with their parameters fixed or learned."""

    task: str
    rule: str
    neuron: str
    learned: bool

    @property
    def name(self) -> str:
        return f"{self.task}.{self.rule}.{self.neuron}.{'learned' if self.learned else 'fixed'}"


def cells(config: Any) -> list[Cell]:
    """All that is asked for."""
    alone = config.backprop_only if "backprop" in config.rules else ()
    asked = [(task, rule) for task in config.tasks for rule in (("backprop",) if task in alone else config.rules)]
    return [Cell(*each, neuron, learned) for each in asked for neuron in config.neurons for learned in (False, True)]


def settings(cell: Cell, config: Any) -> list[Setting]:
    """What is tried for a cell: as many settings for fixed as for learned parameters, with the same sizes and rates.

    Parameters that a gradient moves take `own_shares` in turn. Where a rule has no gradient of them (STDP), to learn them is
    to search for the range from which each neuron draws its own: a Latin hypercube over centres and widths of ranges.
    """
    grid = _grid(cell, config)
    if not cell.learned:
        return grid
    if cell.rule != "stdp":
        row, shares = len(grid) // len(config.hidden), config.own_shares  # shifted from row to row
        return [each._replace(share=shares[(k + k // row) % len(shares)]) for k, each in enumerate(grid)]
    from scipy.stats import qmc  # 0.3 s

    ranges = INTERNAL[cell.neuron]
    draw = qmc.LatinHypercube(2 * len(ranges), rng=setup_generator(config.seed, _SEARCH)).random(len(grid))
    made = []
    for each, point in zip(grid, draw, strict=True):
        own = {}
        for (name, (low, high)), centre, width in zip(ranges.items(), point[::2], point[1::2], strict=True):
            half = 0.5 * width * (high - low)
            middle = low + half + centre * (high - low - 2.0 * half)
            own[name] = (middle - half, middle + half)
        made.append(each._replace(own=own))
    return made


def _grid(cell: Cell, config: Any) -> list[Setting]:
    """Sizes and rates, and under STDP strengths of homeostasis."""
    if cell.rule == "stdp":
        each = itertools.product(config.hidden, config.stdp_rates, config.stdp_homeostasis)
        return [Setting(hidden, rate, homeostasis=strength) for hidden, rate, strength in each]
    rates = {
        "backprop": config.backprop_rates,
        "tempotron": config.tempotron_rates if cell.neuron == "lif" else config.potential_rates,
    }[cell.rule]
    return [Setting(*each) for each in itertools.product(config.hidden, rates)]


def trial(cell: Cell, setting: Setting, config: Any, seed: int, tuning: bool) -> dict[str, NDArray[Any]]:
    """Train on the sets of one seed.

    Returns      while `tuning`, accuracy on the validation set alone, in %, 0 where neurons or training diverged; else what
                 the test set says:
                 accuracy/READOUT   %
                 complexity, target   mean over neurons, and class, of each test sample
                 own/NAME           learned parameters of neurons
                 rate, operations, updates, energy   spikes a step and neuron; synaptic operations, updates of neurons and
                                    microjoules (proxy) a sample
                 cost/seconds       of training
    """
    given = sets(cell.task, config, seed)
    began = time.perf_counter()
    with one_torch_thread():
        try:
            learnt = LEARNERS[cell.rule](cell.neuron, cell.learned, setting, given.train, given.classes, config, seed)
        except ArithmeticError:  # training or neurons diverged
            return _nothing(given, tuning, time.perf_counter() - began)
        seconds = time.perf_counter() - began
        if tuning:
            right = accuracy(learnt.respond(given.validation).answers, given.validation.target)
            return {"accuracy": np.array(100.0 * right), "cost/seconds": np.array(seconds)}
        shown, tested = learnt.respond(given.train), learnt.respond(given.test)
    features, test_features = complexity(shown.spikes), complexity(tested.spikes)
    answers = {
        "plain": tested.answers,
        "lzc": NearestMean().fit(features, given.train.target).predict(test_features),
        "lzc_lda": LinearDiscriminant().fit(features, given.train.target).predict(test_features),
    }
    if tested.labelled is not None:
        answers["labelled"] = tested.labelled
    energy = 1e-6 * (PICOJOULE["operation"] * tested.operations + PICOJOULE["update"] * tested.updates)
    return {
        **{f"accuracy/{name}": np.array(100.0 * accuracy(made, given.test.target)) for name, made in answers.items()},
        **{f"own/{name}": values for name, values in learnt.own.items()},
        "complexity": test_features.mean(1), "target": given.test.target, "rate": np.array(tested.spikes.mean()),
        "operations": np.array(tested.operations), "updates": np.array(tested.updates), "energy": np.array(energy),
        "cost/seconds": np.array(seconds),
    }  # fmt: skip


def _nothing(given: Any, tuning: bool, seconds: float) -> dict[str, NDArray[Any]]:
    """Of a trial that diverged: never chosen by a search, and no number where it is reported."""
    none, cost = np.array(np.nan), {"cost/seconds": np.array(seconds)}
    if tuning:
        return {"accuracy": np.array(0.0), **cost}
    names = (*(f"accuracy/{name}" for name in READOUTS), "rate", "operations", "updates", "energy")
    return {
        **dict.fromkeys(names, none),
        "complexity": np.zeros(len(given.test.target)),
        "target": given.test.target,
        **cost,
    }


def baseline_trial(task: str, config: Any, seed: int) -> dict[str, NDArray[Any]]:
    """Accuracy on the same test set, in %, of what needs no network: counts, complexity of the raw trains, the Bayes line."""
    given = sets(task, config, seed)
    found = {name.replace(" ", "_").replace("-", "_"): value for name, value in _without_network(given).items()}
    raw, raw_test = complexity(given.train.spikes), complexity(given.test.spikes)
    cut = NearestMean().fit(raw, given.train.target).predict(raw_test)
    found["raw_lzc"] = accuracy(cut, given.test.target)
    found["raw_lzc_linear"] = accuracy(linear_readout(raw, given.train.target, raw_test), given.test.target)
    return {name: np.array(100.0 * value) for name, value in found.items()}


def _without_network(given: Any) -> dict[str, float]:
    train: Trains = given.train
    return baselines(train, given.test, given.source)
