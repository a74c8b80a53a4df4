"""How far apart two rules' gradients point."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from torch import Tensor

from ..neurons.errors import InvalidValue

__all__ = ["Angles", "angle"]


class Angles(NamedTuple):
    """In degrees, 0 to 180; NaN where a gradient is zero. overall: of all parameters as one vector; by_parameter: of each."""

    overall: float
    by_parameter: dict[str, float]


def angle(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> Angles:
    """The angle between two gradients of one network, as rules return them, over the parameters that both have.

    Below 90 degrees a small step along one also goes down along the other.

    Raises       InvalidValue if they have no parameter in common or one of two shapes
    Source       Lillicrap et al. 2016, doi:10.1038/ncomms13276 (as the measure of feedback alignment)
    """
    names = [name for name in one if name in other]
    if not names:
        raise InvalidValue("angle: parameters", "none in common", "gradients of one network")
    for name in names:
        if one[name].shape != other[name].shape:
            shapes = f"{tuple(one[name].shape)} and {tuple(other[name].shape)}"
            raise InvalidValue(f"angle: {name}", f"shapes {shapes}", "of one shape")
    products = {name: _products(one[name], other[name]) for name in names}
    return Angles(_degrees(products.values()), {name: _degrees([products[name]]) for name in names})


def _products(a: Tensor, b: Tensor) -> tuple[float, float, float]:
    a, b = a.detach().double().flatten(), b.detach().double().flatten()
    return float(a @ b), float(a @ a), float(b @ b)


def _degrees(products: Iterable[tuple[float, float, float]]) -> float:
    between, of_one, of_other = (sum(each) for each in zip(*products, strict=True))
    if of_one == 0.0 or of_other == 0.0:
        return math.nan
    return math.degrees(math.acos(max(-1.0, min(1.0, between / math.sqrt(of_one * of_other)))))
