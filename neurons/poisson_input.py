"""Background input: many independent Poisson trains per neuron, summed before they are simulated."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload
from numpy.typing import NDArray

from .errors import InvalidValue
from .model import method_of
from .parameters import parameter
from .randomness import philox_words
from .source import Drive, Index
from .synapse import Delta, Synapse

__all__ = ["PoissonInput", "supply"]

_BLOCK = 64  # neurons drawn together: 16 counters of four words each


def supply(drive: Any, arriving: Any, step: int) -> None:
    """`drive.supply(arriving, step)`, in compiled code too."""
    drive.supply(arriving, step)


@overload(supply)
def _supply(drive, arriving, step):  # type: ignore[no-untyped-def]
    method = method_of(drive, "supply")
    return lambda drive, arriving, step: method(drive, arriving, step)


class PoissonInputStep(NamedTuple):
    """Draws for positions first..last of the driven part; position p has word p % 64 of block p // 64."""

    places: Index  # (n,): where position `first` + k stands, or of length 0 if they stand side by side from `start` on
    start: int
    first: int
    last: int
    weight: Any
    least: int
    levels: NDArray[np.uint32]  # a draw counts `least` plus the number of levels that it reaches
    words: NDArray[np.uint32]  # scratch (64,)
    counts: NDArray[np.int32]  # scratch (64,)
    seed: int
    stream: int

    def supply(self, arriving: Any, step: int) -> None:
        words, counts, levels, places = self.words, self.counts, self.levels, self.places
        for block in range(self.first // _BLOCK, (self.last + _BLOCK - 1) // _BLOCK):
            philox_words(words, block, step, self.stream, self.seed)
            for i in range(_BLOCK):
                counts[i] = self.least
            for j in range(levels.size):
                level = levels[j]
                for i in range(_BLOCK):
                    counts[i] += words[i] >= level
            begin, end = max(self.first - block * _BLOCK, 0), min(self.last - block * _BLOCK, _BLOCK)
            if places.size == 0:
                at = self.start + block * _BLOCK - self.first
                for i in range(begin, end):
                    arriving[at + i] += self.weight * counts[i]
            else:
                at = block * _BLOCK - self.first
                for i in range(begin, end):
                    arriving[places[at + i]] += self.weight * counts[i]

    def within(self, low: int, high: int) -> PoissonInputStep:
        """The part that drives neurons low..high of the group, counted from low."""
        place = self.places if self.places.size else np.arange(self.start, self.start + self.last - self.first, dtype=np.int32)
        begin, end = (int(k) for k in np.searchsorted(place, (low, high)))
        part = place[begin:end] - np.int32(low)
        beside = part.size == 0 or part.size == part[-1] + 1 - part[0]
        return self._replace(
            places=part[:0] if beside else part,
            start=int(part[0]) if part.size else 0,
            first=self.first + begin,
            last=self.first + end,
            words=np.zeros(_BLOCK, np.uint32),
            counts=np.zeros(_BLOCK, np.int32),
        )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class PoissonInput(Drive):
    """Every neuron hears `n` Poisson trains of its own; what they bring in a step arrives as one sum.

        arriving <- arriving + weight k,   k ~ Poisson(n rate dt), independent for every neuron and step

    Parameters   rate      of each train, Hz, >= 0
                 n         how many trains, a whole number >= 0
                 weight    of each of their synapses, in the synapse's unit
                 synapse   kind; default Delta(): mV
    Raises       InvalidValue
    Source       Brunel 2000, doi:10.1023/A:1008925309027 (external input)
    Deviations   counts come from 32 bits: probabilities are exact to 2**-32, and no count has a smaller one; trains are
                 not recorded, use a `Poisson` population for spikes that can be seen
    """

    rate: float = parameter(10.0, "Hz", at_least=0.0)
    n: int = 1
    weight: float = parameter(0.1, "units of the synapse")
    synapse: Synapse = dataclasses.field(default_factory=Delta)

    def check(self) -> None:
        if isinstance(self.n, bool) or not isinstance(self.n, int | np.integer) or self.n < 0:
            raise InvalidValue("PoissonInput.n", self.n, "a whole number >= 0")
        if not isinstance(self.synapse, Synapse):
            raise InvalidValue("PoissonInput.synapse", self.synapse, "a synapse kind", "e.g. Exponential(tau_syn=5.0)")
        self.synapse.check_weight("PoissonInput.weight", self.weight)

    def lower(self, index: Index, dt: float, seed: int, stream: int) -> PoissonInputStep:
        mean = self.rate * self.n * dt * 1e-3
        if mean > 1e5:
            raise InvalidValue("PoissonInput.rate", f"{mean:g} spikes per step", "at most 100000", "lower rate, n or dt")
        if index.size and (np.diff(index) <= 0).any():
            raise InvalidValue("drive: target", "neurons in no order", "ascending neurons", "drive population[np.sort(index)]")
        least, levels = _levels(mean)
        whole = PoissonInputStep(
            np.asarray(index, np.int32), 0, 0, int(index.size), self.weight, least, levels,
            np.zeros(_BLOCK, np.uint32), np.zeros(_BLOCK, np.int32), seed, stream,
        )  # fmt: skip
        return whole if index.size == 0 else whole.within(0, int(index[-1]) + 1)


def _levels(mean: float) -> tuple[int, NDArray[np.uint32]]:
    """The smallest count that can occur, and 2**32 P(count <= k) for the others: a draw u counts the levels <= u."""
    if mean == 0.0:
        return 0, np.zeros(0, np.uint32)
    spread = 9.0 * math.sqrt(mean) + 40.0
    k = np.arange(max(0, math.floor(mean - spread)), math.ceil(mean + spread) + 1)
    below = np.cumsum(np.exp(k * math.log(mean) - mean - np.array([math.lgamma(x + 1.0) for x in k])))
    scaled = np.round(below * 2.0**32)
    inside = (scaled >= 1.0) & (scaled < 2.0**32)
    return int(k[np.argmax(scaled >= 1.0)]), scaled[inside].astype(np.uint32)
