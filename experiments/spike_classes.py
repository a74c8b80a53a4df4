"""Classes of random spike trains whose laws are known, and what the best possible classifier makes of them.

    PoissonClasses     classes differ in rate: a counting problem
    BernoulliClasses   the same, by the probability of a spike per bin
    MarkovClasses      a two-state chain per channel: classes may agree in rate and differ in memory
    MatchedRates       one rate throughout, or two in turn with the same mean, all channels together

Sample i of every set is of class i mod classes, and the n-th of its class is a function of (seed, class, n) alone: a
larger set begins with the smaller one. Classes are equally likely.

Source       Rudnicka, Szczepanski & Pregowska, arXiv:2508.11674 (Poisson trains) and arXiv:2509.06970 (Bernoulli, Markov,
             Poisson)
Deviations   rates, lengths and transition probabilities are not stated there; all defaults are ours
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..neurons import InvalidValue, check_seed, setup_generator
from .markov_runs import best_accuracy_of_chains
from .trains import Trains, check_trains, split, take, uniform_blocks

__all__ = [
    "BernoulliClasses",
    "MarkovClasses",
    "MatchedRates",
    "PoissonClasses",
    "SpikeClasses",
    "Trains",
    "split",
    "take",
]

_DRAW, _MONTE_CARLO = 290, 291  # streams of random numbers
NEGLIGIBLE = 1e-18  # probability of a count that an exact sum leaves out
BATCHES, BATCH = 10, 1000  # of a Monte Carlo estimate: how many, and trains in each

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class SpikeClasses(abc.ABC):
    """Classes of spike trains; channels are independent of each other given the class.

    Parameters   steps      time bins of a train, >= 1
                 channels   >= 1
                 dt         length of a bin, ms, > 0
    Raises       InvalidValue for a field outside its range
    """

    steps: int = 1000
    channels: int = 1
    dt: float = 1.0

    def __post_init__(self) -> None:
        name = type(self).__name__
        for field in ("steps", "channels"):
            value = getattr(self, field)
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
                raise InvalidValue(f"{name}.{field}", value, "a whole number >= 1")
        if not 0.0 < self.dt < float("inf"):
            raise InvalidValue(f"{name}.dt", self.dt, "> 0 ms")
        self._check()

    @abc.abstractmethod
    def _check(self) -> None:
        """Validate the fields of the subclass."""

    @property
    @abc.abstractmethod
    def classes(self) -> int:
        """How many classes there are."""

    @abc.abstractmethod
    def _spikes(self, label: int, uniform: Floats) -> NDArray[np.bool_]:
        """Trains of one class, made of one uniform number per sample, bin and channel, in this order of axes."""

    @abc.abstractmethod
    def log_likelihood(self, trains: Trains) -> Floats:
        """log P(train | class) of every train, shape (sample, class).

        Raises       InvalidValue for trains of another length, number of channels or dt
        """

    @abc.abstractmethod
    def bayes_accuracy(self) -> float:
        """Expected accuracy of `bayes`, which no classifier of these trains exceeds: E max over classes of P(class | train)."""

    def draw(self, per_class: int, seed: int) -> Trains:
        """`per_class` trains of every class, the classes in turn.

        Raises       InvalidValue for fewer than 1, or a seed that is none
        """
        if isinstance(per_class, bool) or not isinstance(per_class, int | np.integer) or per_class < 1:
            raise InvalidValue(f"{type(self).__name__}.draw: per_class", per_class, "a whole number >= 1")
        return self._draw(int(per_class), check_seed(f"{type(self).__name__}.draw: seed", seed), _DRAW)

    def _draw(self, per_class: int, seed: int, *stream: int) -> Trains:
        spikes = np.empty((self.steps, per_class, self.classes, self.channels), dtype=np.uint8)
        for label in range(self.classes):
            rng = setup_generator(seed, *stream, label)
            for place, uniform in uniform_blocks(rng, per_class, self.steps, self.channels):
                spikes[:, place, label] = self._spikes(label, uniform).transpose(1, 0, 2)
        target = np.tile(np.arange(self.classes, dtype=np.int64), per_class)
        return Trains(spikes.reshape(self.steps, -1, self.channels), target, self.dt)

    def bayes(self, trains: Trains) -> NDArray[np.int64]:
        """The likeliest class of every train, shape (sample,); of equally likely ones the first.

        Raises       InvalidValue for trains of another length, number of channels or dt
        """
        return self.log_likelihood(trains).argmax(1)

    def _fitting(self, trains: Trains) -> NDArray[np.uint8]:
        check_trains(f"{type(self).__name__}: trains", trains)
        steps, _, channels = trains.spikes.shape
        if (steps, channels, trains.dt) != (self.steps, self.channels, self.dt):
            raise InvalidValue(
                f"{type(self).__name__}: trains",
                f"{steps} bins of {trains.dt:g} ms, {channels} channels",
                f"{self.steps} bins of {self.dt:g} ms and {self.channels} channels",
            )
        return trains.spikes


@dataclass(frozen=True, kw_only=True)
class _IndependentBins(SpikeClasses):
    """Classes whose bins are independent: all there is to know is the probability of a spike in each bin.

    log P(train | c) = sum_t k_t log p_ct + (channels - k_t) log(1 - p_ct), k_t the channels that spike in bin t.
    """

    @abc.abstractmethod
    def occupancy(self) -> Floats:
        """Probability of a spike per bin and channel, shape (class, time)."""

    def _spikes(self, label: int, uniform: Floats) -> NDArray[np.bool_]:
        return uniform < self.occupancy()[label][:, None]

    def log_likelihood(self, trains: Trains) -> Floats:
        count = self._fitting(trains).sum(2, dtype=np.float64)  # (time, sample)
        spike, silence = np.log(self.occupancy()), np.log1p(-self.occupancy())
        return count.T @ (spike - silence).T + self.channels * silence.sum(1)

    def bayes_accuracy(self) -> float:
        """Expected accuracy of `bayes`, which no classifier exceeds: an exact sum.

        sum over counts of max_c prod_g Binomial(k_g; n_g, p_cg) / classes, where g runs over the groups of bins that
        have the same probabilities and k_g is the count in them; counts below 1e-18 in every class are left out.
        """
        from scipy.special import gammaln

        groups, bins = np.unique(self.occupancy(), axis=1, return_counts=True)  # (class, group)
        joint = np.ones((self.classes, 1))
        for group, n in zip(groups.T, bins * self.channels, strict=True):
            k, p = np.arange(n + 1), group[:, None]
            ways = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
            pmf = np.exp(ways + k * np.log(p) + (n - k) * np.log1p(-p))  # (class, count)
            pmf = pmf[:, (pmf > NEGLIGIBLE).any(0)]
            joint = (joint[:, :, None] * pmf[:, None]).reshape(self.classes, -1)
        return min(1.0, float(joint.max(0).sum() / self.classes))  # rounding may leave it a hair above


@dataclass(frozen=True, kw_only=True)
class PoissonClasses(_IndependentBins):
    """Poisson trains, one rate per class; a bin with at least one spike holds a 1, with probability 1 - exp(-rate dt).

    Parameters   rates   of the classes, Hz, two or more, > 0
                 steps, channels, dt   as of `SpikeClasses`
    Raises       InvalidValue for a field outside its range
    Source       arXiv:2508.11674 has Poisson trains
    Deviations   20 and 40 Hz over 1 s are ours; its rates are not stated
    """

    rates: tuple[float, ...] = (20.0, 40.0)

    def _check(self) -> None:
        object.__setattr__(self, "rates", _numbers("PoissonClasses.rates", self.rates, "> 0 Hz", np.inf))
        fullest = self.occupancy().max()
        if fullest >= 1.0:
            legal = "such that bins stay empty now and then"
            raise InvalidValue("PoissonClasses.rates", self.rates, legal, f"use a dt below {self.dt:g} ms")

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.rates)

    def occupancy(self) -> Floats:
        """Probability of a spike per bin and channel, shape (class, time)."""
        return np.repeat(-np.expm1(-1e-3 * self.dt * np.array(self.rates))[:, None], self.steps, axis=1)


@dataclass(frozen=True, kw_only=True)
class BernoulliClasses(_IndependentBins):
    """Trains of independent bins, one probability of a spike per class.

    Parameters   probabilities   of the classes, two or more, in (0, 1)
                 steps, channels, dt   as of `SpikeClasses`
    Raises       InvalidValue for a field outside its range
    Source       arXiv:2509.06970 has Bernoulli trains
    Deviations   0.30 and 0.35 are ours; its probabilities are not stated
    """

    probabilities: tuple[float, ...] = (0.30, 0.35)

    def _check(self) -> None:
        given = _numbers("BernoulliClasses.probabilities", self.probabilities, "in (0, 1)", 1.0)
        object.__setattr__(self, "probabilities", given)

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.probabilities)

    def occupancy(self) -> Floats:
        """Probability of a spike per bin and channel, shape (class, time)."""
        return np.repeat(np.array(self.probabilities)[:, None], self.steps, axis=1)


@dataclass(frozen=True, kw_only=True)
class MatchedRates(_IndependentBins):
    """Two classes of the same mean rate: constant, or in blocks of a low and a high rate in turn, low first.

    A bin holds a spike with probability rate dt. All channels change together, and at the same times in every train.

    Parameters   mean        rate of class 0, Hz; half of low + high
                 low, high   rates of class 1, Hz, 0 < low < high < 1 / dt
                 block       length of each, ms; a train is a whole number of pairs of them
                 steps, channels, dt   as of `SpikeClasses`
    Raises       InvalidValue for a field outside its range, and where the means would differ
    Source       none; the numbers are those of our specification
    Deviations   rate dt instead of `PoissonClasses`' 1 - exp(-rate dt), by which class 1 would have 2 % fewer spikes and
                 a count readout 58 %
    """

    steps: int = 256
    channels: int = 16
    mean: float = 80.0
    low: float = 20.0
    high: float = 140.0
    block: float = 64.0

    def _check(self) -> None:
        if not 0.0 < self.low < self.high < 1e3 / self.dt:
            legal = f"0 < low < high < {1e3 / self.dt:g} Hz, a spike in every bin"
            raise InvalidValue("MatchedRates.low, high", (self.low, self.high), legal)
        middle = (self.low + self.high) / 2.0
        if not abs(self.mean - middle) <= 1e-9 * middle:
            raise InvalidValue("MatchedRates.mean", self.mean, f"{middle:g} Hz, the mean of low and high")
        bins = self.block / self.dt
        if not bins >= 1.0 or abs(bins - round(bins)) > 1e-9 * bins or self.steps % (2 * round(bins)):
            legal = f"whole bins of {self.dt:g} ms, and {self.steps} bins an even number of blocks"
            raise InvalidValue("MatchedRates.block", self.block, legal)

    @property
    def classes(self) -> int:
        """Two."""
        return 2

    def occupancy(self) -> Floats:
        """Probability of a spike per bin and channel, shape (class, time)."""
        odd = np.arange(self.steps) // round(self.block / self.dt) % 2 == 1
        return 1e-3 * self.dt * np.stack([np.full(self.steps, self.mean), np.where(odd, self.high, self.low)])


@dataclass(frozen=True, kw_only=True)
class MarkovClasses(SpikeClasses):
    """Trains of a two-state Markov chain for each channel, started in its stationary law.

        P(1) = a / (a + b)      correlation of bins that are k apart = (1 - a - b)^k

    Parameters   transitions   (a, b) of each class, two or more: P(0 -> 1) and P(1 -> 0), in (0, 1)
                 steps, channels, dt   as of `SpikeClasses`
    Raises       InvalidValue for a field outside its range
    Source       arXiv:2509.06970 has Markov trains
    Deviations   the transition probabilities are ours: both classes spike in a quarter of the bins, and the second has no
                 memory
    """

    transitions: tuple[tuple[float, float], ...] = ((0.1, 0.3), (0.25, 0.75))

    def _check(self) -> None:
        name, legal = "MarkovClasses.transitions", "two or more pairs of numbers in (0, 1)"
        try:
            given = np.array(self.transitions, dtype=np.float64)
        except (TypeError, ValueError):
            raise InvalidValue(name, self.transitions, legal) from None
        if given.ndim != 2 or given.shape[1] != 2 or len(given) < 2 or not ((given > 0.0) & (given < 1.0)).all():
            raise InvalidValue(name, self.transitions, legal)
        object.__setattr__(self, "transitions", tuple((a, b) for a, b in given.tolist()))

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.transitions)

    def _spikes(self, label: int, uniform: Floats) -> NDArray[np.bool_]:
        """A bin is 1 where its number is below a, or, after a 1, below 1 - b.

        So numbers below both set the chain to 1, those above both to 0, and those between keep it or, where a > 1 - b,
        turn it over: each bin follows from the latest one that was set, without a loop over time.
        """
        rise, stay = self.transitions[label][0], 1.0 - self.transitions[label][1]
        value = uniform < min(rise, stay)
        known = value | (uniform >= max(rise, stay))
        value[:, 0], known[:, 0] = uniform[:, 0] < rise / (rise + 1.0 - stay), True
        time = np.arange(self.steps)[:, None]
        latest = np.maximum.accumulate(np.where(known, time, 0), axis=1)
        spikes = np.take_along_axis(value, latest, axis=1)
        return spikes ^ ((time - latest) % 2 == 1) if rise > stay else spikes

    def _laws(self) -> Floats:
        """Logarithms, each a row (class,): P(first 0), P(first 1), P(0 -> 0), P(0 -> 1), P(1 -> 0), P(1 -> 1)."""
        a, b = np.array(self.transitions).T
        return np.log([b / (a + b), a / (a + b), 1.0 - a, a, b, 1.0 - b])

    def log_likelihood(self, trains: Trains) -> Floats:
        spikes = self._fitting(trains)
        ones, first, last = (
            each.sum(-1, dtype=np.int64) for each in (spikes.sum(0, dtype=np.int64), spikes[0], spikes[-1])
        )
        stayed = (spikes[:-1] & spikes[1:]).sum((0, 2), dtype=np.int64)
        rose, fell = ones - first - stayed, ones - last - stayed
        silent = self.channels * (self.steps - 1) - stayed - rose - fell
        statistics = np.stack([self.channels - first, first, silent, rose, fell, stayed])
        return statistics.T @ self._laws()

    def bayes_accuracy(self) -> float:
        """Expected accuracy of `bayes`, which no classifier exceeds.

        One channel: an exact sum over the first bin, the last bin, the number of ones and the number of runs. Several: mean of
        max_c P(c | train) over 10,000 trains (5,000 of each of two classes) of a fixed stream; its standard error
        is at most 0.0025 for two classes, 0.005 for any number.
        """
        if self.channels == 1:
            return best_accuracy_of_chains(self._laws(), self.steps)
        per_class, total = max(1, BATCH // self.classes), 0.0
        for batch in range(BATCHES):
            likely = self.log_likelihood(self._draw(per_class, 0, _MONTE_CARLO, batch))
            best = likely.max(1, keepdims=True)
            total += float((1.0 / np.exp(likely - best).sum(1)).mean())
        return total / BATCHES


def _numbers(field: str, given: Any, legal: str, below: float) -> tuple[float, ...]:
    """Two or more numbers above 0 and below a bound, as floats. Raises InvalidValue."""
    try:
        values = np.array(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidValue(field, given, f"two or more numbers {legal}") from None
    if values.ndim != 1 or len(values) < 2 or not ((values > 0.0) & (values < below)).all():
        raise InvalidValue(field, given, f"two or more numbers {legal}")
    return tuple(values.tolist())
