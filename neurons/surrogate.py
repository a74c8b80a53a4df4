"""Surrogate gradients: a spike is a step, whose derivative training replaces by one of these shapes.

A spike is 1 where the excess over threshold is >= 0, else 0. Backward, its derivative with respect to the excess is taken as

    height * shape(slope * excess)        shape(0) = 1

where the excess is in units of the neuron's distance from rest to threshold, so that one surrogate suits every model.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from .maths import Value, exp, where
from .parameters import Parameters, parameter

__all__ = ["ArcTan", "FastSigmoid", "Gaussian", "Sigmoid", "StraightThrough", "Surrogate", "Triangular"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Surrogate(Parameters):
    """Base of surrogate gradients. A subclass has its defaults and names the NamedTuple that holds its formula.

    Parameters   slope    how fast the derivative falls with distance from threshold, > 0
                 height   the derivative at threshold, > 0
    """

    slope: float = parameter(1.0, "1", above=0.0)
    height: float = parameter(1.0, "1", above=0.0)

    def coefficients(self) -> Any:
        """A NamedTuple (slope, height) whose method `derivative(excess)` is the formula, in compiled code and torch."""
        raise NotImplementedError

    def derivative(self, excess: Value) -> Value:
        """The derivative at this excess, in units of the distance to threshold; same shape."""
        return self.coefficients().derivative(excess)


class ArcTanCoefficients(NamedTuple):
    """Of `ArcTan`."""

    slope: Value
    height: Value

    def derivative(self, excess: Value) -> Value:
        y = self.slope * excess
        return self.height / (1.0 + y * y)


class FastSigmoidCoefficients(NamedTuple):
    """Of `FastSigmoid`."""

    slope: Value
    height: Value

    def derivative(self, excess: Value) -> Value:
        y = 1.0 + self.slope * where(excess < 0.0, -excess, excess)
        return self.height / (y * y)


class SigmoidCoefficients(NamedTuple):
    """Of `Sigmoid`."""

    slope: Value
    height: Value

    def derivative(self, excess: Value) -> Value:
        left = exp(
            -self.slope * where(excess < 0.0, -excess, excess)
        )  # even in the excess, and this way never overflows
        return self.height * 4.0 * left / ((1.0 + left) * (1.0 + left))


class TriangularCoefficients(NamedTuple):
    """Of `Triangular`."""

    slope: Value
    height: Value

    def derivative(self, excess: Value) -> Value:
        y = 1.0 - self.slope * where(excess < 0.0, -excess, excess)
        return self.height * where(y > 0.0, y, 0.0 * y)


class StraightThroughCoefficients(NamedTuple):
    """Of `StraightThrough`."""

    slope: Value
    height: Value

    def derivative(self, excess: Value) -> Value:
        return self.height + 0.0 * excess


class GaussianCoefficients(NamedTuple):
    """Of `Gaussian`."""

    slope: Value
    height: Value

    def derivative(self, excess: Value) -> Value:
        y = self.slope * excess
        return self.height * exp(-0.5 * y * y)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ArcTan(Surrogate):
    """Derivative of an arctangent: height / (1 + (slope x)^2).

    Parameters   slope, height   as `Surrogate`; snnTorch's and SpikingJelly's atan(alpha) has slope = pi alpha / 2 and
                                 height = alpha / 2, and the defaults are its alpha = 2
    Source       Fang et al. 2021, arXiv 2007.05785
    Deviations   none
    """

    slope: float = parameter(3.141592653589793, "1", above=0.0)

    def coefficients(self) -> ArcTanCoefficients:
        return ArcTanCoefficients(self.slope, self.height)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FastSigmoid(Surrogate):
    """Derivative of a fast sigmoid: height / (1 + slope |x|)^2.

    Parameters   slope, height   as `Surrogate`; snnTorch's fast_sigmoid(slope) has the same slope and height 1
    Source       Zenke & Ganguli 2018, doi:10.1162/neco_a_01086
    Deviations   none
    """

    slope: float = parameter(10.0, "1", above=0.0)

    def coefficients(self) -> FastSigmoidCoefficients:
        return FastSigmoidCoefficients(self.slope, self.height)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Sigmoid(Surrogate):
    """Derivative of a logistic function: 4 height s (1 - s), s = 1 / (1 + exp(-slope x)).

    Parameters   slope, height   as `Surrogate`; the derivative of 1 / (1 + exp(-alpha x)) itself has slope = alpha and
                                 height = alpha / 4
    Source       Neftci, Mostafa & Zenke 2019, doi:10.1109/MSP.2019.2931595
    Deviations   none
    """

    slope: float = parameter(4.0, "1", above=0.0)

    def coefficients(self) -> SigmoidCoefficients:
        return SigmoidCoefficients(self.slope, self.height)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Triangular(Surrogate):
    """A tent: height max(0, 1 - slope |x|); exactly zero far from threshold.

    Parameters   slope, height   as `Surrogate`; height 0.3 is e-prop's pseudo-derivative
    Source       Bellec et al. 2018, arXiv 1803.09574; Esser et al. 2016, doi:10.1073/pnas.1604850113
    Deviations   none
    """

    def coefficients(self) -> TriangularCoefficients:
        return TriangularCoefficients(self.slope, self.height)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class StraightThrough(Surrogate):
    """The same derivative everywhere: height. The slope has no effect.

    Parameters   slope, height   as `Surrogate`
    Source       Bengio, Leonard & Courville 2013, arXiv 1308.3432
    Deviations   none
    """

    def coefficients(self) -> StraightThroughCoefficients:
        return StraightThroughCoefficients(self.slope, self.height)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Gaussian(Surrogate):
    """A bell: height exp(-(slope x)^2 / 2).

    Parameters   slope, height   as `Surrogate`; slope is the inverse of the standard deviation
    Source       Yin, Corradi & Bohte 2021, doi:10.1038/s42256-021-00397-w (its central bell)
    Deviations   one bell; the source adds two wider negative ones
    """

    slope: float = parameter(2.0, "1", above=0.0)

    def coefficients(self) -> GaussianCoefficients:
        return GaussianCoefficients(self.slope, self.height)
