"""Bounds of a weight: how a change shrinks near them, and where the weight stops.

What compiled code sees has two methods: `potentiate(weight, amount)` and `depress(weight, amount)`, amounts as the rule
gives them (a negative amount potentiates downwards).
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload

from ..neurons import InvalidValue, Parameters, parameter
from ..neurons.model import method_of

__all__ = ["Bounds", "HardBounds", "PowerBounds", "SoftBounds", "Unbounded", "depress", "potentiate"]


def potentiate(bounds: Any, weight: Any, amount: Any) -> Any:
    """`bounds.potentiate(weight, amount)`, in compiled code too."""
    return bounds.potentiate(weight, amount)


@overload(potentiate)
def _potentiate(bounds, weight, amount):  # type: ignore[no-untyped-def]
    method = method_of(bounds, "potentiate")
    return lambda bounds, weight, amount: method(bounds, weight, amount)


def depress(bounds: Any, weight: Any, amount: Any) -> Any:
    """`bounds.depress(weight, amount)`, in compiled code too."""
    return bounds.depress(weight, amount)


@overload(depress)
def _depress(bounds, weight, amount):  # type: ignore[no-untyped-def]
    method = method_of(bounds, "depress")
    return lambda bounds, weight, amount: method(bounds, weight, amount)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Bounds(Parameters):
    """Base of bounds."""

    def discretise(self) -> Any:
        """What compiled code sees."""
        raise NotImplementedError

    def check_weight(self, field: str, weight: Any) -> None:
        """Refuse weights to start with, a number or an array, that lie outside; raises InvalidValue naming `field`."""


class UnboundedStep(NamedTuple):
    unused: float = 0.0

    def potentiate(self, weight: Any, amount: Any) -> Any:
        return weight + amount

    def depress(self, weight: Any, amount: Any) -> Any:
        return weight - amount


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Unbounded(Bounds):
    """No bounds: w <- w + amount.

    Source       none
    Deviations   none
    """

    def discretise(self) -> UnboundedStep:
        return UnboundedStep()


class HardBoundsStep(NamedTuple):
    low: Any
    high: Any

    def potentiate(self, weight: Any, amount: Any) -> Any:
        return max(min(weight + amount, self.high), self.low)

    def depress(self, weight: Any, amount: Any) -> Any:
        return max(min(weight - amount, self.high), self.low)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Between(Bounds):
    low: float = parameter(0.0, "units of weight")
    high: float = parameter(1.0, "units of weight")

    def check(self) -> None:
        if self.low >= self.high:
            raise InvalidValue(f"{type(self).__name__}.low", self.low, f"< high = {self.high}")

    def check_weight(self, field: str, weight: Any) -> None:
        slack = 1e-9 * (self.high - self.low)  # 3 * 0.1 is within 0.3
        weight = np.asarray(weight)
        outside = weight[(weight < self.low - slack) | (weight > self.high + slack)]
        if outside.size:
            legal = f"within the rule's {type(self).__name__} from {self.low:g} to {self.high:g}"
            raise InvalidValue(field, float(outside[0]), legal, "clip the weights or widen the bounds")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class HardBounds(_Between):
    """Additive: changes do not depend on the weight, which stops at the bounds.

        w <- min(max(w + amount, low), high)

    Parameters   low, high   units of the weight, low < high
    Raises       InvalidValue unless low < high
    Source       Song, Miller & Abbott 2000, doi:10.1038/78829
    Deviations   none
    """

    def discretise(self) -> HardBoundsStep:
        return HardBoundsStep(self.low, self.high)


class PowerBoundsStep(NamedTuple):
    low: Any
    high: Any
    span: Any  # 1 / (high - low)
    mu: Any

    def potentiate(self, weight: Any, amount: Any) -> Any:
        left = max((self.high - weight) * self.span, 0.0)
        return max(min(weight + amount * left**self.mu, self.high), self.low)

    def depress(self, weight: Any, amount: Any) -> Any:
        left = max((weight - self.low) * self.span, 0.0)
        return max(min(weight - amount * left**self.mu, self.high), self.low)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class PowerBounds(_Between):
    """Changes shrink with a power of the distance from the bound.

        x = (w - low) / (high - low);  up: w + amount (1 - x)^mu;  down: w - amount x^mu;  then as `HardBounds`

    Parameters   low, high   units of the weight, low < high
                 mu          >= 0; 0 is additive, 1 multiplicative
    Raises       InvalidValue unless low < high
    Source       Gütig et al. 2003, doi:10.1523/JNEUROSCI.23-09-03697.2003
    Deviations   none; amounts are in units of the weight, not of high - low
    """

    mu: float = parameter(0.5, "1", at_least=0.0)

    def discretise(self) -> PowerBoundsStep:
        return PowerBoundsStep(self.low, self.high, 1.0 / (self.high - self.low), self.mu)


class SoftBoundsStep(NamedTuple):
    low: Any
    high: Any
    span: Any

    def potentiate(self, weight: Any, amount: Any) -> Any:
        return max(min(weight + amount * ((self.high - weight) * self.span), self.high), self.low)

    def depress(self, weight: Any, amount: Any) -> Any:
        return max(min(weight - amount * ((weight - self.low) * self.span), self.high), self.low)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class SoftBounds(_Between):
    """Multiplicative: changes are proportional to the distance from the bound that they approach.

        x = (w - low) / (high - low);  up: w + amount (1 - x);  down: w - amount x;  then as `HardBounds`

    Parameters   low, high   units of the weight, low < high
    Raises       InvalidValue unless low < high
    Source       van Rossum, Bi & Turrigiano 2000, doi:10.1523/JNEUROSCI.20-23-08812.2000; Rubin, Lee & Sompolinsky 2001,
                 doi:10.1103/PhysRevLett.86.364
    Deviations   none; amounts are in units of the weight, not of high - low
    """

    def discretise(self) -> SoftBoundsStep:
        return SoftBoundsStep(self.low, self.high, 1.0 / (self.high - self.low))
