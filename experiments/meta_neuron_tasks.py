"""What the experiment `meta-neurons` classifies: trains of known laws, and recordings as trains."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .real_trains import RealTrains, digit_latencies, digit_rates, nmnist_trains, spoken_trains
from .spike_classes import BernoulliClasses, MarkovClasses, MatchedRates, PoissonClasses, SpikeClasses
from .trains import Trains, split, take

__all__ = ["RECORDED", "SOURCES", "TASKS", "Sets", "sets"]

NUMBERED = 1_000_000  # samples of a set are numbered apart from those of the others by so much

SOURCES: dict[str, SpikeClasses] = {
    "matched": MatchedRates(),
    "faint": MatchedRates(channels=4, low=50.0, high=110.0),
    "fast": MatchedRates(channels=4, block=8.0),
    "standard": PoissonClasses(rates=(20.0, 50.0)),
    "hard": PoissonClasses(rates=(20.0, 40.0)),
    "bernoulli": BernoulliClasses(),
    "markov": MarkovClasses(steps=512),
}
RECORDED: dict[str, Callable[..., RealTrains]] = {
    "digits": lambda seed: digit_rates(seed=seed),
    "digits_latency": lambda seed: digit_latencies(),
    "nmnist": lambda seed: nmnist_trains(),
    "spoken": lambda seed: spoken_trains(),
}
TASKS = (*SOURCES, *RECORDED)


class Sets(NamedTuple):
    """Trains to learn from, to choose settings by, and to report on; the law they were drawn by, if it is known."""

    train: Trains
    validation: Trains
    test: Trains
    source: SpikeClasses | None

    @property
    def classes(self) -> int:
        return int(self.train.target.max()) + 1


def sets(task: str, config: Any, seed: int) -> Sets:
    """The sets of a task, a pure function of the seed.

    Trains of known laws are drawn afresh for each seed, as many as the config says. Recordings have the divisions of
    `real_trains`; a fifth of those to learn from, chosen by the seed, is for validation.
    """
    if task in RECORDED:
        given = RECORDED[task](seed)
        train, validation = split(given.train, (0.8, 0.2), seed)
        return _numbered(train, validation, given.test, None)
    source = SOURCES[task]
    sizes = (config.train_size, config.validation_size, config.test_size)
    whole = source.draw(-(-sum(sizes) // source.classes), seed)
    ends = np.cumsum(sizes)
    train, validation, test = (take(whole, np.arange(end - size, end)) for end, size in zip(ends, sizes, strict=True))
    return _numbered(train, validation, test, source)


def _numbered(train: Trains, validation: Trains, test: Trains, source: SpikeClasses | None) -> Sets:
    """So that no two samples share what neurons draw that fire by chance: a readout could learn it."""
    return Sets(train, validation._replace(first=NUMBERED), test._replace(first=2 * NUMBERED), source)
