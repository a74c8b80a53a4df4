"""Numbers that describe the activity of a population: rates, regularity, synchrony, rhythm.

Spikes are given as times (ms) and neurons (whole numbers below n), in any order; statistics count spikes with
start <= time < stop (ms).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..neurons import InvalidValue

__all__ = ["correlations", "counts", "cvs", "fano", "mean_rate", "rates", "spectrum"]

Floats = NDArray[np.float64]


def _between(times: ArrayLike, neurons: ArrayLike, start: float, stop: float) -> tuple[Floats, NDArray[np.int64]]:
    t, who = np.asarray(times, dtype=np.float64), np.asarray(neurons, dtype=np.int64)
    if not start < stop:
        raise InvalidValue("statistics: start, stop", (start, stop), "start < stop, ms")
    inside = (t >= start) & (t < stop)
    return t[inside], who[inside]


def rates(times: ArrayLike, neurons: ArrayLike, n: int, start: float, stop: float) -> Floats:
    """Rate of each neuron, Hz, shape (n,)."""
    _, who = _between(times, neurons, start, stop)
    return np.bincount(who, minlength=n) / ((stop - start) * 1e-3)


def mean_rate(times: ArrayLike, neurons: ArrayLike, n: int, start: float, stop: float) -> float:
    """Spikes per neuron and second."""
    return float(rates(times, neurons, n, start, stop).mean())


def cvs(times: ArrayLike, neurons: ArrayLike, start: float, stop: float, least: int = 5) -> Floats:
    """Coefficient of variation of the intervals of every neuron with at least `least` of them: std / mean.

    0 for a clock, 1 for a Poisson process.
    """
    t, who = _between(times, neurons, start, stop)
    order = np.lexsort((t, who))
    t, who = t[order], who[order]
    same = who[1:] == who[:-1]
    gaps, owner = np.diff(t)[same], who[1:][same]
    many = np.bincount(owner)
    mean = np.bincount(owner, gaps) / np.maximum(many, 1)
    spread = np.bincount(owner, (gaps - mean[owner]) ** 2) / np.maximum(many, 1)
    enough = many >= least
    result: Floats = np.sqrt(spread[enough]) / mean[enough]
    return result


def counts(times: ArrayLike, start: float, stop: float, width: float) -> NDArray[np.int64]:
    """Spikes of the whole population in bins of `width` ms, shape (bins,); an incomplete last bin is left out."""
    t = np.asarray(times, dtype=np.float64)
    bins = int(np.floor((stop - start) / width + 1e-9))
    place = np.floor((t - start) / width + 1e-9).astype(np.int64)
    return np.bincount(place[(place >= 0) & (place < bins)], minlength=bins)


def fano(times: ArrayLike, start: float, stop: float, width: float = 1.0) -> float:
    """Variance over mean of the population's counts: 1 for independent Poisson neurons, large for synchrony."""
    found = counts(times, start, stop, width)
    mean = found.mean()
    return float(found.var() / mean) if mean > 0 else float("nan")


def spectrum(times: ArrayLike, start: float, stop: float, width: float = 1.0, part: float = 256.0) -> tuple[Floats, Floats]:
    """Frequencies (Hz) and power of the population's counts: Welch's mean over parts of `part` ms."""
    from scipy.signal import welch

    found = counts(times, start, stop, width).astype(np.float64)
    length = min(len(found), round(part / width))
    frequency, power = welch(found - found.mean(), fs=1e3 / width, nperseg=length)
    return np.asarray(frequency), np.asarray(power)


def correlations(times: ArrayLike, neurons: ArrayLike, chosen: ArrayLike, start: float, stop: float, width: float = 2.0) -> Any:
    """Correlation coefficients of the counts of every pair of the chosen neurons; those that do not fire are left out."""
    t, who = _between(times, neurons, start, stop)
    which = np.asarray(chosen, dtype=np.int64)
    place = np.full(max(int(who.max(initial=0)), int(which.max(initial=0))) + 1, -1)
    place[which] = np.arange(len(which))
    row = place[who]
    bins = round((stop - start) / width)
    table = np.zeros((len(which), bins))
    np.add.at(table, (row[row >= 0], np.minimum(((t - start) / width).astype(np.int64), bins - 1)[row >= 0]), 1.0)
    active = table[table.std(axis=1) > 0]
    if len(active) < 2:
        return np.zeros(0)
    return np.corrcoef(active)[np.triu_indices(len(active), 1)]
