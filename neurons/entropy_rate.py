"""Entropy rates of sources of spikes that have a closed form, in bits per bin: what complexities of their trains tend to."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InvalidValue

__all__ = ["bernoulli_entropy_rate", "markov_entropy_rate", "poisson_entropy_rate"]

Floats = NDArray[np.float64]


def bernoulli_entropy_rate(p: ArrayLike) -> Floats:
    """Of bins that are independent: H(p) = -p log2 p - (1 - p) log2(1 - p).

    Parameters   p   probability of a spike in a bin, in [0, 1]
    Raises       InvalidValue outside
    Source       Cover & Thomas 2006, Elements of Information Theory, sections 2.1 and 4.2, doi:10.1002/047174882X
    Deviations   none
    """
    return _entropy(_checked("bernoulli_entropy_rate: p", p, 1.0))


def poisson_entropy_rate(rate: ArrayLike, dt: float = 1.0) -> Floats:
    """Of a Poisson process in bins of dt that hold a spike or none: H(1 - exp(-rate dt)).

    Parameters   rate   Hz, >= 0
                 dt     ms, > 0
    Raises       InvalidValue outside
    Source       as `bernoulli_entropy_rate`: bins without common points are independent
    Deviations   a bin with two spikes or more is one with a spike
    """
    if not 0.0 < dt < math.inf:
        raise InvalidValue("poisson_entropy_rate: dt", dt, "> 0 ms and finite")
    return _entropy(-np.expm1(-_checked("poisson_entropy_rate: rate", rate, math.inf) * (dt * 1e-3)))


def markov_entropy_rate(p01: ArrayLike, p10: ArrayLike) -> Floats:
    """Of a chain of two states, silent and spiking: pi0 H(p01) + pi1 H(p10) with pi1 = p01 / (p01 + p10).

    Parameters   p01   probability of a spike after a bin without one, in [0, 1]
                 p10   probability of none after a bin with one, in [0, 1]; not both may be 0
    Raises       InvalidValue outside
    Source       Cover & Thomas 2006, Elements of Information Theory, section 4.2, doi:10.1002/047174882X
    Deviations   none
    """
    up, down = _checked("markov_entropy_rate: p01", p01, 1.0), _checked("markov_entropy_rate: p10", p10, 1.0)
    if np.any(up + down == 0.0):
        raise InvalidValue("markov_entropy_rate: p01 + p10", 0.0, "> 0", "such a chain never leaves its first state")
    spiking = up / (up + down)
    return np.asarray((1.0 - spiking) * _entropy(up) + spiking * _entropy(down))


def _entropy(p: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        bits = -p * np.log2(p) - (1.0 - p) * np.log1p(-p) / math.log(2.0)
    return np.where((p > 0.0) & (p < 1.0), bits, 0.0)


def _checked(field: str, values: ArrayLike, most: float) -> Floats:
    found = np.asarray(values, dtype=np.float64)
    outside = found[~((found >= 0.0) & (found <= most) & np.isfinite(found))]
    if outside.size:
        legal = "in [0, 1]" if most == 1.0 else ">= 0 and finite"
        raise InvalidValue(field, float(outside.flat[0]), legal)
    return found
