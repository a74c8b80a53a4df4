"""Random parameters, weights and delays: a distribution is a recipe that the network samples with its own seed.

Distributions compose by arithmetic, and one that appears twice is drawn once:
`r = uniform(0, 1); Izhikevich(c=-65 + 15 * r**2, d=8 - 6 * r**2)` gives every neuron one r.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InvalidValue

__all__ = ["Distribution", "Sampler", "gamma", "lognormal", "normal", "uniform"]

Floats = NDArray[np.float64]


class Distribution:
    """A recipe for one number per neuron or synapse. Build one with `uniform`, `normal`, `lognormal` or `gamma`.

    Supports + - * / ** with numbers and with other distributions, and `clip(low, high)`.
    """

    __array_priority__ = 100  # so that array + distribution asks the distribution
    __array_ufunc__ = None

    def __init__(self, draw: Callable[[Sampler], Floats], text: str) -> None:
        self._draw, self._text = draw, text

    def __repr__(self) -> str:
        return self._text

    def clip(self, low: float = -math.inf, high: float = math.inf) -> Distribution:
        """The same distribution with its draws moved into [low, high]."""
        if not low <= high:
            raise InvalidValue("clip", (low, high), "low <= high")
        return Distribution(lambda sample: np.clip(sample(self), low, high), f"{self}.clip({low}, {high})")

    def _with(self, other: Any, operator: Callable[[Any, Any], Any], text: str) -> Distribution:
        return Distribution(lambda sample: operator(sample(self), sample(other)), f"({self} {text} {other})")

    def _after(self, other: Any, operator: Callable[[Any, Any], Any], text: str) -> Distribution:
        return Distribution(lambda sample: operator(sample(other), sample(self)), f"({other} {text} {self})")

    def __add__(self, other: Any) -> Distribution:
        return self._with(other, np.add, "+")

    def __radd__(self, other: Any) -> Distribution:
        return self._after(other, np.add, "+")

    def __sub__(self, other: Any) -> Distribution:
        return self._with(other, np.subtract, "-")

    def __rsub__(self, other: Any) -> Distribution:
        return self._after(other, np.subtract, "-")

    def __mul__(self, other: Any) -> Distribution:
        return self._with(other, np.multiply, "*")

    def __rmul__(self, other: Any) -> Distribution:
        return self._after(other, np.multiply, "*")

    def __truediv__(self, other: Any) -> Distribution:
        return self._with(other, np.divide, "/")

    def __rtruediv__(self, other: Any) -> Distribution:
        return self._after(other, np.divide, "/")

    def __pow__(self, other: Any) -> Distribution:
        return self._with(other, np.power, "**")

    def __neg__(self) -> Distribution:
        return 0.0 - self


class Sampler:
    """Draws `n` values of each distribution it is shown, the same distribution always the same values.

    Plain numbers and arrays pass through, so that a caller need not ask which it has.
    """

    def __init__(self, rng: np.random.Generator, n: int) -> None:
        self.rng, self.n = rng, n
        self._drawn: dict[int, tuple[Distribution, Floats]] = {}  # by identity; the object is kept so that ids stay its own

    def __call__(self, value: Any) -> Any:
        if not isinstance(value, Distribution):
            return value
        if id(value) not in self._drawn:
            self._drawn[id(value)] = (value, value._draw(self))
        return self._drawn[id(value)][1]


def _finite(name: str, **numbers: float) -> None:
    for field, number in numbers.items():
        if not isinstance(number, int | float | np.number) or not math.isfinite(number):
            raise InvalidValue(f"{name}: {field}", number, "a finite number")


def uniform(low: float, high: float) -> Distribution:
    """Evenly spread over [low, high)."""
    _finite("uniform", low=low, high=high)
    if low > high:
        raise InvalidValue("uniform", (low, high), "low <= high", "swap them")
    return Distribution(lambda sample: sample.rng.uniform(low, high, sample.n), f"uniform({low}, {high})")


def normal(mean: float, std: float) -> Distribution:
    """Gaussian with the given mean and standard deviation (>= 0)."""
    _finite("normal", mean=mean, std=std)
    if std < 0:
        raise InvalidValue("normal: std", std, ">= 0")
    return Distribution(lambda sample: sample.rng.normal(mean, std, sample.n), f"normal({mean}, {std})")


def lognormal(mean: float, std: float) -> Distribution:
    """Lognormal whose own mean (> 0) and standard deviation (>= 0) are given, not those of its logarithm."""
    _finite("lognormal", mean=mean, std=std)
    if mean <= 0 or std < 0:
        raise InvalidValue("lognormal", (mean, std), "mean > 0 and std >= 0")
    sigma = math.sqrt(math.log1p((std / mean) ** 2))
    mu = math.log(mean) - sigma**2 / 2
    return Distribution(lambda sample: sample.rng.lognormal(mu, sigma, sample.n), f"lognormal({mean}, {std})")


def gamma(mean: float, shape: float) -> Distribution:
    """Gamma with the given mean (> 0) and shape (> 0; 1 is the exponential distribution)."""
    _finite("gamma", mean=mean, shape=shape)
    if mean <= 0 or shape <= 0:
        raise InvalidValue("gamma", (mean, shape), "mean > 0 and shape > 0")
    return Distribution(lambda sample: sample.rng.gamma(shape, mean / shape, sample.n), f"gamma({mean}, {shape})")
