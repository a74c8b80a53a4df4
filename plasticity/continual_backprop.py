"""Continual backprop: hidden units that contribute least are drawn anew, so that a network goes on learning."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from itertools import pairwise
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..neurons.errors import InvalidValue
from ..neurons.randomness import check_seed, setup_generator
from .factors import Factors
from .modifier import Modifier

__all__ = ["ContinualBackprop", "Units"]

_STREAM = 265


class Units(NamedTuple):
    """What is known of one hidden layer.

    age        (n,) batches since each unit was drawn
    mean       (n,) running mean of its activity, without bias correction
    utility    (n,) running mean of its utility, without bias correction
    distance   (n,) how far its activity was from the mean, in the batch that is being learned
    due        part of a unit that is due for replacement, in [0, 1)
    replaced   how many units of the layer have been
    """

    age: Tensor
    mean: Tensor
    utility: Tensor
    distance: Tensor
    due: float = 0.0
    replaced: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class ContinualBackprop(Modifier):
    """After each step of the optimiser the least useful of a layer's old units are replaced, a small share of them per step.

        f <- decay f + (1 - decay) <h>                                          running mean of the activity h
        u <- decay u + (1 - decay) <|h - f^|> mean|w_out| / mean|w_in|          utility
        ^: over 1 - decay^age, which corrects the bias of the start; <>: over samples and steps of the batch

    Each step, replacement_rate times the number of units older than `maturity` is added up, layer by layer; for every whole
    unit, the one of lowest utility among these is replaced:

        w_in ~ U(± sqrt(6 / inputs)),   b = 0,   b_next += w_out f^,   w_out = 0,   age = f = u = 0

    So the network's output stays as it was for inputs that excite the unit as on average. Where the next connections have no
    bias that term is missing, and the output loses what the unit gave. The activity h of a layer is what the next connections
    hear. Weights start as `Dense` draws them by default, Kaiming's range for rectified units.

    Parameters   replacement_rate   share of the mature units of a layer that is replaced at each step, in [0, 1)
                 maturity           steps after which a unit may be, >= 0
                 decay              of running means per step, in [0, 1)
                 seed               of new weights; each draw is a pure function of seed, layer and how many were before it
    State        (names of the weights, `Units` of each hidden layer)
    Raises       InvalidValue for networks of anything but a chain of `Dense` connections and layers without weights
    Source       Dohare et al. 2024, doi:10.1038/s41586-024-07711-7, arXiv 2306.13812
    Deviations   an optimiser's moments of replaced units go on; the source sets those of Adam to 0
    """

    replacement_rate: float = 1e-4
    maturity: int = 100
    decay: float = 0.99
    seed: int = 0

    reads_activity: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name in ("replacement_rate", "decay"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value < 1.0:
                raise InvalidValue(f"ContinualBackprop.{name}", value, "in [0, 1)")
        if isinstance(self.maturity, bool) or not isinstance(self.maturity, int) or self.maturity < 0:
            raise InvalidValue("ContinualBackprop.maturity", self.maturity, "a whole number >= 0")
        check_seed("ContinualBackprop.seed", self.seed)

    def init(self, weights: Mapping[str, Tensor]) -> tuple[tuple[str, ...], tuple[Units, ...]]:
        names = _chain(weights)
        none = [torch.zeros(weights[name].shape[1]).to(weights[name]) for name in names[:-1]]
        return names, tuple(Units(zero, zero, zero, zero) for zero in none)

    @torch.no_grad()
    def update(
        self,
        gradients: dict[str, Tensor],
        state: tuple[tuple[str, ...], tuple[Units, ...]],
        *,
        weights: Mapping[str, Tensor],
        activity: Mapping[str, Factors],
    ) -> tuple[dict[str, Tensor], tuple[tuple[str, ...], tuple[Units, ...]]]:
        names, layers = state
        if tuple(activity) != names:
            raise InvalidValue(
                "ContinualBackprop", f"connections {', '.join(activity) or 'none'}",
                f"trained Dense connections alone: {', '.join(names)}", "leave out delays, recurrence and frozen layers",
            )  # fmt: skip
        known = []
        for name, units in zip(names[1:], layers, strict=True):
            heard = activity[name].presynaptic.flatten(0, 1)  # (rows, n)
            age, mean = units.age + 1.0, torch.lerp(heard.mean(0), units.mean, self.decay)
            distance = (heard - mean / (1.0 - self.decay**age)).abs_().mean(0)
            known.append(units._replace(age=age, mean=mean, distance=distance))
        return gradients, (names, tuple(known))

    @torch.no_grad()
    def settle(
        self, weights: Mapping[str, Tensor], state: tuple[tuple[str, ...], tuple[Units, ...]]
    ) -> tuple[tuple[str, ...], tuple[Units, ...]]:
        names, layers = state
        pairs = list(pairwise(names))
        judged = [
            self._judged(weights[name], weights[following], units)
            for (name, following), units in zip(pairs, layers, strict=True)
        ]
        return names, tuple(
            self._replace(weights, *pair, units, chosen, layer=k) if len(chosen) else units
            for k, (pair, (units, chosen)) in enumerate(zip(pairs, judged, strict=True))
        )

    def _judged(self, arriving: Tensor, leaving: Tensor, units: Units) -> tuple[Units, Tensor]:
        """The units with their utility after this step, and which of them are to be replaced now."""
        size = arriving.abs().mean(0)
        # a unit that nothing reaches is of no use, whatever its bias gives
        useful = torch.where(size > 0.0, units.distance * leaving.abs().mean(1) / size, 0.0)
        utility = torch.lerp(useful, units.utility, self.decay)
        mature = units.age > self.maturity
        due = units.due + self.replacement_rate * int(mature.sum())
        worth = utility / (1.0 - self.decay**units.age)
        chosen = worth.masked_fill(~mature, math.inf).argsort(stable=True)[: int(due)] if due >= 1.0 else mature[:0]
        return units._replace(utility=utility, due=due - int(due)), chosen

    def _replace(
        self, weights: Mapping[str, Tensor], name: str, following: str, units: Units, chosen: Tensor, *, layer: int
    ) -> Units:
        """The units after these have been replaced, in the weights too."""
        arriving, leaving = weights[name], weights[following]
        bound = (6.0 / len(arriving)) ** 0.5
        drawn = [
            setup_generator(self.seed, _STREAM, layer, units.replaced + k).uniform(-bound, bound, len(arriving))
            for k in range(len(chosen))
        ]
        arriving[:, chosen] = torch.from_numpy(np.stack(drawn, 1)).to(arriving)
        own, next_bias = (weights.get(_bias_of(each)) for each in (name, following))
        if own is not None:
            own[chosen] = 0.0
        if next_bias is not None:
            usual = units.mean[chosen] / (1.0 - self.decay ** units.age[chosen])
            next_bias += usual @ leaving[chosen]
        leaving[chosen] = 0.0
        young = {field: getattr(units, field).index_fill(0, chosen, 0.0) for field in ("age", "mean", "utility")}
        return units._replace(**young, replaced=units.replaced + len(chosen))


def _bias_of(name: str) -> str:
    return name.removesuffix("weight") + "bias"


def _chain(weights: Mapping[str, Tensor]) -> tuple[str, ...]:
    """The names of the weights of connections that follow one another. Raises InvalidValue if they are not such a chain."""
    own = {name: weight for name, weight in weights.items() if not name.startswith("rule.")}
    names = tuple(name for name, weight in own.items() if name.endswith("weight") and weight.ndim == 2)
    others = set(own) - set(names) - {_bias_of(name) for name in names}
    fix = "e.g. a perceptron"
    for name in own:
        if name in others:
            found = f"shape {tuple(own[name].shape)}"
            raise InvalidValue(
                f"ContinualBackprop: {name}", found, "weights and biases of Dense connections alone", fix
            )
    if len(names) < 2:
        raise InvalidValue(
            "ContinualBackprop: weights", f"{len(names)} of connections", "at least 2: a hidden layer", fix
        )
    for name, following in pairwise(names):
        if own[name].shape[1] != len(own[following]):
            found = f"{name} leads to {own[name].shape[1]} units, {following} comes from {len(own[following])}"
            raise InvalidValue("ContinualBackprop: weights", found, "connections that follow one another", fix)
    return names
