"""How well two-state Markov chains can be told apart at best: an exact sum, by counting runs.

The probability of a chain's bits depends on its first bit and on how often each transition occurs. With r runs of ones
there are r - first rises, r - last falls and r + 1 - first - last runs of zeros, so first, last, the number of ones and r say
it all, and as many strings share them as there are ways to cut the ones into r runs and the zeros into theirs:

    accuracy = sum over (first, last, ones, r) of C(ones - 1, r - 1) C(zeros - 1, gaps - 1) max_c P_c / classes

Source       the count of strings with given runs is textbook combinatorics (compositions); the use is ours
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["best_accuracy_of_chains"]

GRID = 1 << 19  # terms that are held at once, about

Floats = NDArray[np.float64]


def best_accuracy_of_chains(laws: Floats, steps: int) -> float:
    """Expected accuracy of the likeliest class, classes equally likely, one chain of `steps` bins seen.

    Parameters   laws    logarithms, shape (6, class): P(first 0), P(first 1), P(0 -> 0), P(0 -> 1), P(1 -> 0), P(1 -> 1)
                 steps   >= 1; time grows with its square: 0.1 s at 1,000
    """
    runs, total = np.arange(steps // 2 + 2), 0.0
    for first in (0, 1):
        for last in (0, 1):
            gaps = runs + 1 - first - last
            for ones in np.array_split(np.arange(steps + 1)[:, None], 1 + steps * steps // GRID):
                zeros = steps - ones
                ways = _log_compositions(ones, runs) + _log_compositions(zeros, gaps)
                counts = (1 - first, first, zeros - gaps, runs - first, runs - last, ones - runs)
                best = np.max([sum(k * p for k, p in zip(counts, law, strict=True)) for law in laws.T], axis=0)
                total += float(np.exp(ways + best, where=ways > -np.inf, out=np.zeros(ways.shape)).sum())
    return min(1.0, total / laws.shape[1])  # rounding may leave it a hair above


def _log_compositions(length: NDArray[np.int64], parts: NDArray[np.int64]) -> Floats:
    """log of in how many ways `length` bits make `parts` runs of at least one each; -inf if in none."""
    from scipy.special import gammaln

    none = (length == 0) & (parts == 0)
    some = (parts >= 1) & (parts <= length)
    m, r = np.where(some, length, 1), np.where(some, parts, 1)
    ways = gammaln(m) - gammaln(r) - gammaln(m - r + 1)
    return np.where(some | none, np.where(some, ways, 0.0), -np.inf)
