"""How lateral neurons answer what drives them: the neurons whose connections span a subspace of a layer's activity."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

from torch import Tensor

from ..neurons.errors import InvalidValue
from ..neurons.layer import size

__all__ = ["Lateral", "LinearLateral", "SpikingLateral"]


@dataclasses.dataclass(frozen=True)
class LinearLateral:
    """y = drive

    Parameters   none
    Source       Xiao et al. 2024, arXiv 2402.11984
    Deviations   none
    """

    linear: ClassVar[bool] = True

    def respond(self, drive: Tensor) -> Tensor:
        """The neurons' activity, of the drive's shape."""
        return drive


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpikingLateral:
    """A rate counted over a window of spikes of either sign: whole multiples of ceiling / steps, up to the ceiling.

        y = ceiling / steps  round(steps clip(drive, ± ceiling) / ceiling)

    Parameters   steps     of the window, >= 1: so many spikes of one sign are the ceiling
                 ceiling   largest size of y, > 0, in the units of the activity
    Raises       InvalidValue
    Source       Xiao et al. 2024, arXiv 2402.11984
    Deviations   none; the source too takes the rate for the spikes
    """

    steps: int = 1000
    ceiling: float = 20.0
    linear: ClassVar[bool] = False

    def __post_init__(self) -> None:
        size("SpikingLateral.steps", self.steps)
        number = isinstance(self.ceiling, int | float) and not isinstance(self.ceiling, bool)
        if not number or not 0.0 < self.ceiling < math.inf:
            raise InvalidValue("SpikingLateral.ceiling", self.ceiling, "> 0 and finite")

    def respond(self, drive: Tensor) -> Tensor:
        """The neurons' activity, of the drive's shape."""
        counts = (drive * (self.steps / self.ceiling)).round_().clamp_(-self.steps, self.steps)
        return counts.mul_(self.ceiling / self.steps)


Lateral = LinearLateral | SpikingLateral
