"""Parameters in physical units: frozen, keyword-only, checked when they are made."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .distribution import Distribution, Sampler
from .errors import InvalidValue
from .maths import Value, is_tensor

__all__ = ["Parameters", "any_not_below", "as_numbers", "as_whole_numbers", "parameter"]


def parameter(
    default: float,
    unit: str,
    *,
    above: float = -math.inf,
    at_least: float = -math.inf,
    at_most: float = math.inf,
) -> Any:
    """A field of `Parameters`: its default, its unit ("ms", "mV", "1" for a pure number) and its legal range."""
    return dataclasses.field(
        default=default, metadata={"unit": unit, "above": above, "at_least": at_least, "at_most": at_most}
    )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Parameters:
    """Base of models, synapses, sources and rules: fields made by `parameter` are checked when the object is made.

    A field annotated `Value` takes a number, an array of one value per neuron, a `Distribution`, or a tensor (then
    gradients flow through `discretise`); a field annotated `float` takes one number, or a tensor of one.

    Raises       InvalidValue naming the class, the field, the value, the legal range
    """

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            if "unit" in field.metadata:
                object.__setattr__(self, field.name, self._checked(field, getattr(self, field.name)))
        self._check_lengths()
        self.check()

    def check(self) -> None:
        """Relations between fields; a subclass raises InvalidValue. Distributions are checked once sampled."""

    def sample(self, n: int, rng: np.random.Generator) -> Self:
        """The same parameters with every distribution replaced by n draws, and every array's length checked.

        Raises       InvalidValue if an array is not of shape (n,) or a draw lies outside the field's range
        """
        draw = Sampler(rng, n)
        values: dict[str, Value] = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray) and "unit" in field.metadata and value.shape != (n,):
                raise InvalidValue(
                    f"{type(self).__name__}.{field.name}", f"shape {value.shape}", f"a number or of shape ({n},)",
                    "give one value per neuron",
                )
            values[field.name] = draw(value)
        return dataclasses.replace(self, **values)

    def _check_lengths(self) -> None:
        """Arrays hold one value per neuron, so those of one model are equally long."""
        first: tuple[str, tuple[int, ...]] | None = None
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if "unit" in field.metadata and isinstance(value, np.ndarray):
                name = f"{type(self).__name__}.{field.name}"
                if value.ndim != 1:
                    raise InvalidValue(name, f"shape {value.shape}", "a number or of shape (n,)")
                if first and value.shape != first[1]:
                    raise InvalidValue(name, f"shape {value.shape}", f"a number or of shape {first[1]}, as {first[0]}")
                first = first or (field.name, value.shape)

    def _checked(self, field: dataclasses.Field[Any], value: Value) -> Value:
        name, legal = f"{type(self).__name__}.{field.name}", _legal(field.metadata)
        single = field.type in ("float", float)
        if isinstance(value, Distribution):
            if single:
                raise InvalidValue(name, value, legal, "it takes one number, not a distribution")
            return value
        if is_tensor(value):
            array = value.detach().cpu().numpy()
        else:
            array = as_numbers(name, value, legal)
            value = float(array) if array.ndim == 0 else array
        if single and array.ndim:
            raise InvalidValue(name, f"shape {array.shape}", legal, "it takes one number, not an array")
        if not np.isfinite(array).all():
            raise InvalidValue(name, _first(array, ~np.isfinite(array)), legal, "it must be finite")
        limits = field.metadata
        bad = (array <= limits["above"]) | (array < limits["at_least"]) | (array > limits["at_most"])
        if bad.any():
            raise InvalidValue(name, _first(array, bad), legal)
        return value


def as_numbers(name: str, value: Any, legal: str) -> NDArray[np.float64]:
    """A number or (nested) list of numbers as float64; bools, strings, complex numbers and ragged lists are none.

    Raises       InvalidValue
    """
    try:
        array = np.asarray(value)
        if array.size and array.dtype.kind not in "iuf":
            raise TypeError
        return array.astype(np.float64)
    except (TypeError, ValueError):
        raise InvalidValue(name, value, legal) from None


def as_whole_numbers(name: str, value: Any, at_least: int) -> NDArray[np.int64]:
    """Whole numbers from at_least to 2**63 - 1 as int64, none of them rounded, as float64 rounds those above 2**53.

    Raises       InvalidValue
    """
    legal = f"whole numbers from {at_least} to 2**63 - 1"
    numbers, given = as_numbers(name, value, legal), np.asarray(value)
    exact = given if given.dtype.kind in "iu" else numbers
    bad = (numbers != np.floor(numbers)) | (exact < at_least) | (exact >= 2**63)
    if bad.any():
        raise InvalidValue(name, _first(given, bad), legal)
    return exact.astype(np.int64)


def any_not_below(low: Value, high: Value) -> bool:
    """Whether `low` reaches `high` for any neuron: numbers, arrays or tensors; a Distribution is checked once sampled."""
    if isinstance(low, Distribution) or isinstance(high, Distribution):
        return False
    plain = [value.detach().cpu().numpy() if is_tensor(value) else value for value in (low, high)]
    return bool(np.any(np.greater_equal(*plain)))


def _legal(limits: Any) -> str:
    unit = "" if limits["unit"] == "1" else f" {limits['unit']}"
    parts = []
    if limits["above"] > -math.inf:
        parts.append(f"> {limits['above']:g}{unit}")
    if limits["at_least"] > -math.inf:
        parts.append(f">= {limits['at_least']:g}{unit}")
    if limits["at_most"] < math.inf:
        parts.append(f"<= {limits['at_most']:g}{unit}")
    return " and ".join(parts) or f"a finite number{f' in{unit}' if unit else ''}"


def _first(array: Any, bad: Any) -> str:
    """The first offending entry, with its place if there are several."""
    if array.ndim == 0:
        return str(array)
    place = tuple(int(i) for i in np.argwhere(bad)[0])
    return f"{array[place]} at index {place[0] if len(place) == 1 else place}"
