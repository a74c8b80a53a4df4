"""The synapses of one `connect`: a recipe that is drawn when it is needed, in blocks, always with the same result."""

from __future__ import annotations

import dataclasses
import math
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..neurons import Distribution, InvalidValue, Synapse
from ..neurons.distribution import Sampler
from ..neurons.parameters import as_numbers
from ..neurons.randomness import setup_generator
from ..plasticity.contract import Floats
from ..plasticity.local import SynapticRule
from .connectivity import Connectivity
from .population import Modulator, Population, PopulationView

__all__ = ["Drawn", "Projection"]

Ints = NDArray[np.int64]

LONGEST_DELAY = 65_535  # steps
_STREAM = 1  # of set-up randomness; populations have 0


class Drawn(NamedTuple):
    """Synapses: pre and post within their populations, weight and delay (whole steps) each an array or one number."""

    pre: Ints
    post: Ints
    weight: Floats | float
    delay: Ints | int


@dataclasses.dataclass(frozen=True, eq=False)
class Projection:
    """The synapses of one `connect`, in the order of pre (as given, for explicit pairs).

    pre, post   indices within the populations, shape (synapses,)
    weight      shape (synapses,), or one number for all: as it is at the start
    delay       whole steps, shape (synapses,), or one number for all

    These four are drawn at once when first asked for; a network that only runs draws block by block and keeps none.
    """

    pre_view: PopulationView
    post_view: PopulationView
    rule: Connectivity
    weight_given: Any
    delay_given: Any
    synapse: Synapse
    plasticity: SynapticRule | None
    modulator: Modulator | None
    dt: float
    seed: int
    place: int  # in the network

    @property
    def source(self) -> Population:
        """The presynaptic population."""
        return self.pre_view.population

    @property
    def target(self) -> Population:
        """The postsynaptic population."""
        return self.post_view.population

    @property
    def blocks(self) -> int:
        """In how many parts it is drawn."""
        return self.rule.blocks(len(self.pre_view), len(self.post_view))

    def draw(self, block: int) -> Drawn:
        """One part of the synapses; a pure function of the recipe, the network's seed and the number of the part.

        Raises       InvalidValue for weights or delays that are out of range
        """
        i, j, rng = self._pairs(block)
        shape = len(self.pre_view), len(self.post_view)
        sample = Sampler(rng, len(i))
        weight = _values("connect: weight", sample(self.weight_given), i, j, shape)
        self.synapse.check_weight("connect: weight", weight)
        if self.plasticity is not None:
            self.plasticity.check_weight("connect: weight", weight)
        delay = _values("connect: delay", sample(self.delay_given), i, j, shape)
        steps = _delay_steps(delay, self.dt, drawn=self.delay_given)
        return Drawn(self.pre_view.index[i].astype(np.int64), self.post_view.index[j].astype(np.int64), weight, steps)

    def pairs(self, block: int) -> tuple[Ints, Ints]:
        """The pre and post of `draw(block)` alone."""
        i, j, _ = self._pairs(block)
        return self.pre_view.index[i].astype(np.int64), self.post_view.index[j].astype(np.int64)

    def _pairs(self, block: int) -> tuple[Ints, Ints, np.random.Generator]:
        stream = (_STREAM, self.place) if block == 0 else (_STREAM, self.place, block)
        rng = setup_generator(self.seed, *stream)
        i, j = self.rule.pairs(len(self.pre_view), len(self.post_view), self._itself, rng, block)
        return i, j, rng

    @cached_property
    def _drawn(self) -> Drawn:
        parts = [self.draw(block) for block in range(self.blocks)]
        if len(parts) == 1:
            return parts[0]
        joined = [np.concatenate([np.broadcast_to(part[k], part.pre.shape) for part in parts]) for k in range(4)]
        weight = parts[0].weight if np.ndim(parts[0].weight) == 0 else joined[2]
        return Drawn(joined[0], joined[1], weight, parts[0].delay if np.ndim(parts[0].delay) == 0 else joined[3])

    @property
    def pre(self) -> Ints:
        """Presynaptic neurons."""
        return self._drawn.pre

    @property
    def post(self) -> Ints:
        """Postsynaptic neurons."""
        return self._drawn.post

    @property
    def weight(self) -> Floats | float:
        """Weights at the start."""
        return self._drawn.weight

    @property
    def delay(self) -> Ints | int:
        """Delays in steps."""
        return self._drawn.delay

    def __len__(self) -> int:
        return len(self.pre)

    @property
    def one_weight(self) -> float | None:
        """The weight, if it was given as one number."""
        return None if isinstance(self.weight_given, Distribution) or np.ndim(self.weight_given) else float(self.weight_given)

    @property
    def one_delay(self) -> int | None:
        """The delay in steps, if it was given as one number."""
        if isinstance(self.delay_given, Distribution) or np.ndim(self.delay_given):
            return None
        return int(_delay_steps(float(self.delay_given), self.dt, drawn=self.delay_given))

    @cached_property
    def _itself(self) -> Ints:
        """Which presynaptic neuron each postsynaptic one is itself, -1 for none; shape (n_post,)."""
        place = np.full(self.target.size, -1, np.int64)
        if self.source is self.target:
            place[self.pre_view.index] = np.arange(len(self.pre_view))
        return place[self.post_view.index]


def _values(field: str, value: Any, i: Ints, j: Ints, shape: tuple[int, int]) -> Floats | float:
    """One value per synapse, or one number for all of them."""
    array = as_numbers(field, value, "a number, an array or a Distribution")
    if not np.isfinite(array).all():
        raise InvalidValue(field, "a NaN or infinity", "finite")
    if array.ndim == 0:
        return float(array)
    if array.shape == i.shape:
        return array
    if array.shape == shape:
        return np.ascontiguousarray(array[i, j])
    raise InvalidValue(field, f"shape {array.shape}", f"a number, of shape {shape}, or of shape {i.shape} (synapses)")


def _delay_steps(delay: Floats | float, dt: float, *, drawn: Any) -> Any:
    steps = np.round(np.asarray(delay) / dt)
    if (steps < 0).any():
        raise InvalidValue("connect: delay", float(np.min(delay)), ">= 0 ms", "clip the distribution")
    off = np.abs(steps * dt - delay) > 1e-9 * np.maximum(1.0, np.abs(delay))
    if off.any() and not isinstance(drawn, Distribution):
        found = float(np.asarray(delay)[off].ravel()[0])
        near = math.floor(found / dt) * dt
        raise InvalidValue(
            "connect: delay", f"{found} ms", f"a multiple of dt = {dt} ms", f"use {near:g} or {near + dt:g}, or lower dt"
        )
    if steps.size and steps.max() > LONGEST_DELAY:
        raise InvalidValue("connect: delay", float(np.max(delay)), f"<= {LONGEST_DELAY} steps = {LONGEST_DELAY * dt:g} ms")
    return int(steps) if steps.ndim == 0 else steps.astype(np.int64)
