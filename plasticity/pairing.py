"""Pairing: which spikes of a train a trace remembers. What compiled code sees has one method, `jump(trace)`."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from numba.extending import overload

from ..neurons import Parameters
from ..neurons.model import method_of

__all__ = ["EveryPair", "NearestPair", "Pairing", "jump"]


def jump(pairing: Any, trace: Any) -> Any:
    """`pairing.jump(trace)`, in compiled code too."""
    return pairing.jump(trace)


@overload(jump)
def _jump(pairing, trace):  # type: ignore[no-untyped-def]
    method = method_of(pairing, "jump")
    return lambda pairing, trace: method(pairing, trace)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Pairing(Parameters):
    """Base of pairings."""

    def discretise(self) -> Any:
        """What compiled code sees."""
        raise NotImplementedError


class EveryPairStep(NamedTuple):
    one: Any = 1.0

    def jump(self, trace: Any) -> Any:
        return trace + self.one


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class EveryPair(Pairing):
    """All-to-all: every spike adds 1 to its trace, so that every pair of spikes counts.

    Source       Morrison, Diesmann & Gerstner 2008, doi:10.1007/s00422-008-0233-1
    Deviations   none
    """

    def discretise(self) -> EveryPairStep:
        return EveryPairStep()


class NearestPairStep(NamedTuple):
    one: Any = 1.0

    def jump(self, trace: Any) -> Any:
        return self.one


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class NearestPair(Pairing):
    """Nearest neighbour: every spike sets its trace to 1, so that a spike is paired with the last one only.

    Source       Morrison, Diesmann & Gerstner 2008, doi:10.1007/s00422-008-0233-1 (symmetric interpretation)
    Deviations   none
    """

    def discretise(self) -> NearestPairStep:
        return NearestPairStep()
