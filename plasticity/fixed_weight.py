"""Synapses whose weights stay: the rule within rules that are about something else."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from .local import SynapticRule

__all__ = ["FixedWeight", "FixedWeightStep"]


class FixedWeightStep(NamedTuple):
    """`FixedWeight` has no coefficients."""

    def on_pre(self, weight: Any, pre: Any, post: Any) -> Any:
        return weight

    def on_post(self, weight: Any, pre: Any, post: Any) -> Any:
        return weight

    def spike_pre(self, pre: Any) -> Any:
        return pre

    def spike_post(self, post: Any) -> Any:
        return post


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FixedWeight(SynapticRule):
    """Nothing changes the weight: dw/dt = 0.

    Parameters   none
    State        the weight of each synapse
    Raises       nothing
    Source       none: a projection without a rule does the same, faster; this is for rules that wrap one
    Deviations   none
    """

    def discretise(self, dt: float) -> FixedWeightStep:
        return FixedWeightStep()
