"""Tasks of images learned one after the other by spiking convolutional networks: orthogonal projection (HLOP), and none.

As `continual`, for sequences that perceptrons cannot take: split CIFAR-100, five sets of images, split miniImageNet. The network
and its budget follow from the sequence, as the paper has them. Normalisation stays as the first task leaves it, the optimiser is
made anew for each task, and of connections all but heads of a task's own are protected.

Source       Xiao et al. 2024, arXiv 2402.11984 (ICLR); constants and sizes as its published program has them
Deviations   seeds and intervals where the paper has single runs; thresholds do not learn (there, in the first task). Rates
             change epoch by epoch: how often in the source is not known. Heads have no biases. Rehearsal takes plain gradient
             descent. Not here: joint training, for which normalisation would have to see tasks mixed. The presets `smoke` and
             `laptop` are ours, on sets and sizes of ours. The paper's tables were not at hand: its numbers are from a
             third-party review
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from ..neurons import InvalidValue, check_seed, fixed_norms
from ..plasticity import chain
from .continual_figures import figures
from .continual_measures import average_accuracy, backward_transfer
from .continual_methods import LEARNERS, METHODS
from .continual_recipes import RECIPES, REPORTED, Recipe
from .continual_report import BESIDE, names, tables, write
from .continual_sequences import SEQUENCES, sequence
from .continual_trials import Course
from .digits_baselines import one_torch_thread
from .registry import unknown

__all__ = ["PRESETS", "SUMMARY", "Config", "figures", "run", "tables", "trial"]

SUMMARY = (
    "tasks of images one after the other, in spiking convolutional networks: orthogonal projection against forgetting"
)

CARRIERS = ("bp", "ss")
CURES = ("hlop", "hlop_qr", "sequential", "svd", "replay", "hlop_replay")  # nothing here is tuned
VACUOUS, LEARNED = -3.0, 10.0  # points; ours
AT_ONCE = 64  # images in memory where nothing is trained: activity takes 5 MB of each at 64 channels and 20 steps


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """What is learned by whom; 0, or nothing, where the sequence's own recipe of the paper holds."""

    sequence: str = "split_cifar100"
    """Which tasks; the kind of network follows."""
    tasks: int = 0
    """The first so many; 0: all."""
    train_size: int = 0
    """Images of each task; 0: all."""
    test_size: int = 0
    """Likewise, for tests."""
    learners: tuple[str, ...] = ("bp",)
    """How error is carried: bp, ss."""
    methods: tuple[str, ...] = ("hlop", "sequential", "svd")
    """Against forgetting, for the learner bp; ss has hlop and sequential."""
    width: float = 1.0
    """Channels, as a share of the paper's; of its inputs each connection keeps the paper's share."""
    steps: int = 20
    """That an image is shown (paper: 20)."""
    learning_rates: tuple[float, ...] = ()
    """Of the first task, and of all later ones."""
    epochs: int = 0
    """Passes over the images of each task; warm-up has the same share of them as in the paper."""
    batch: int = 0
    """Images to a step."""
    seeds: int = 3
    """Sequences that are reported, each with its own tasks, weights and order."""
    seed: int = 0
    """Of the first; sequence k has seed + k."""

    def __post_init__(self) -> None:
        if self.sequence not in RECIPES:
            raise unknown("sequence", self.sequence, RECIPES)
        for field, known in (("learners", CARRIERS), ("methods", CURES)):
            values = getattr(self, field)
            if not values or len(set(values)) < len(values):
                raise InvalidValue(field, values, "at least one, none twice")
            for value in values:
                if value not in known:
                    raise unknown(field, value, known)
        for name, low in {"train_size": 0, "test_size": 0, "steps": 1, "epochs": 0, "batch": 0, "seeds": 1}.items():
            if not _whole(getattr(self, name), low):
                raise InvalidValue(name, getattr(self, name), f"a whole number >= {low}")
        most = SEQUENCES[self.sequence].tasks
        if not _whole(self.tasks, 0) or self.tasks == 1 or self.tasks > most:
            raise InvalidValue("tasks", self.tasks, f"0, for all {most}, or 2 to {most}")
        if isinstance(self.width, bool) or not 0.0 < self.width <= 1.0:
            raise InvalidValue("width", self.width, "> 0 and at most 1, the paper's network")
        rates = self.learning_rates
        if len(rates) not in (0, 2) or not all(0.0 < rate < math.inf for rate in rates):
            raise InvalidValue(
                "learning_rates", rates, "two numbers > 0: of the first task, of all later ones; or none"
            )
        check_seed("seed", self.seed)
        check_seed("seed + seeds", self.seed + self.seeds)

    def recipe(self) -> Recipe:
        """The sequence's, with what is given here in place of the paper's."""
        usual = RECIPES[self.sequence]
        epochs = self.epochs or usual.epochs
        first, later = self.learning_rates or usual.learning_rates
        return dataclasses.replace(
            usual, epochs=epochs, warm_up=round(usual.warm_up * epochs / usual.epochs), batch=self.batch or usual.batch,
            learning_rates=(first, later),
        )  # fmt: skip


def _whole(value: Any, low: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= low


PRESETS = {
    "smoke": Config(
        sequence="split_digits_maps", tasks=2, train_size=100, test_size=50, learners=("bp", "ss"),
        methods=("hlop", "sequential", "svd"), width=0.0625, steps=4, epochs=2, batch=25, learning_rates=(0.1, 0.1), seeds=2,
    ),
    # 15 trials of some 40 s of one core each; the rate is of a budget 100 times smaller than the paper's
    "laptop": Config(
        sequence="split_cifar10_jpeg", train_size=1000, test_size=200, learners=("bp", "ss"),
        methods=("hlop", "sequential", "svd"), width=0.125, steps=6, epochs=2, batch=32, learning_rates=(0.05, 0.05),
    ),
    "paper": Config(),
}  # fmt: skip


def as_published(config: Config) -> bool:
    """Whether tasks, network and budget are the paper's, so that its numbers may stand beside ours."""
    free = ("sequence", "learners", "methods", "seeds", "seed")
    paper = PRESETS["paper"]
    return config.sequence in REPORTED and all(
        getattr(config, f.name) == getattr(paper, f.name) for f in dataclasses.fields(config) if f.name not in free
    )


def sequence_of(config: Config, seed: int) -> list[Any]:
    """The tasks of a config. Raises UnreadableFile naming what is missing and where it belongs."""
    return sequence(
        config.sequence, tasks=config.tasks, seed=seed, train_size=config.train_size, test_size=config.test_size
    )


def trial(learner: str, method: str, config: Config, seed: int) -> dict[str, Any]:
    """One sequence from beginning to end; what it returns is as of `continual`'s.

    Parameters   seed   of the tasks, the first weights and every order
    """
    cure = METHODS[method]
    tasks = sequence_of(config, seed)
    _, _, colours, side, _ = tasks[0].train.batch(np.arange(1))[0].shape
    recipe = config.recipe().smaller(config.width, colours, side)
    outputs = max(task.outputs[1] if task.outputs else recipe.classes for task in tasks)
    rate = recipe.lateral_rate
    limits = _Limits(recipe.ranks, (rate, rate))
    course = Course(
        tasks=tasks, steps=config.steps, optimisers=recipe.optimisers, config=recipe, seed=seed, after_first=fixed_norms,
        test_batch=AT_ONCE, shown_batch=AT_ONCE,
    )  # fmt: skip
    with one_torch_thread():
        how = LEARNERS[learner]
        rule = chain(how.rule(seed), *cure.modifiers(limits, how, math.nan, seed))
        return course.in_turn(recipe.network(outputs, seed), rule, cure, recipe.rehearsal_rate)


@dataclasses.dataclass(frozen=True)
class _Limits:
    """What methods read of a config."""

    ranks: tuple[tuple[int, ...], ...]
    lateral_rates: tuple[float, float]


def run(config: Config, record: Any) -> None:
    """Learn, and write matrices, metrics and checks."""
    sequence_of(config, config.seed)  # data that are missing are told before anything long begins
    courses = names(config)
    blocks = record.map(
        trial,
        {
            f"learn/{learner}/{method}/seed{k}": (learner, method, config, config.seed + k)
            for k in range(config.seeds)
            for learner, method, _ in courses
        },
    )
    matrix = {}
    for learner, method, name in courses:
        found = [blocks[f"learn/{learner}/{method}/seed{k}"] for k in range(config.seeds)]
        paper = REPORTED[config.sequence] if name == "hlop" and as_published(config) else {}
        write(record, learner, method, name, found, paper)
        matrix[name] = np.array([each["accuracy"] for each in found])
    _check(config, record, matrix)


def _check(config: Config, record: Any, matrix: dict[str, Any]) -> None:
    chance = 100.0 / RECIPES[config.sequence].classes
    for learner in config.learners:
        ours, none = (method if learner == "bp" else f"{learner}.{method}" for method in BESIDE)
        label = LEARNERS[learner].label
        if none in matrix:
            above = float(np.diagonal(matrix[none], axis1=1, axis2=2).mean()) - chance
            claim = f"a task just learned is answered at least {LEARNED:g} points above chance: {label}"
            record.check(f"learns_{learner}", claim, above >= LEARNED, f"{above:+.2f} points")
        if ours in matrix and none in matrix:
            lost = float(backward_transfer(matrix[none]).mean())
            less = backward_transfer(matrix[ours]) - backward_transfer(matrix[none])
            gain = average_accuracy(matrix[ours]) - average_accuracy(matrix[none])
            vacuous = f"; vacuous: without it BWT is {lost:+.2f}" if lost > VACUOUS else ""
            detail = f"BWT {less.mean():+.2f} points, ACC {gain.mean():+.2f} points{vacuous}"
            claim = f"HLOP forgets less than no protection, mean of seeds: {label}"
            record.check(f"forgets_less_{learner}", claim, bool(less.mean() > 0.0), detail)
