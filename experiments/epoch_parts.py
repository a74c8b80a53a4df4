"""Epochs that see a part of a data set, another one each time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..neurons import InvalidValue, check_seed, setup_generator

__all__ = ["EpochParts"]

_PART = 255  # stream of random numbers


@dataclass(frozen=True, kw_only=True, eq=False)
class EpochParts:
    """`Samples` of which every epoch sees as many, drawn at random without replacement: what a training sees that ends each
    epoch after some batches of shuffled samples.

    Which ones is a pure function of the seed and the epoch. Outside an epoch, `batch` gives those of epoch 0.

    Parameters   samples   any `Samples`; if they change from epoch to epoch, so do these
                 size      how many an epoch sees, >= 1 and at most all
                 seed      of the choice
    Raises       InvalidValue
    """

    samples: Any
    size: int
    seed: int

    def __post_init__(self) -> None:
        check_seed("EpochParts.seed", self.seed)
        if isinstance(self.size, bool) or not isinstance(self.size, int) or not 1 <= self.size <= len(self.samples):
            raise InvalidValue("EpochParts.size", self.size, f"a whole number from 1 to {len(self.samples)}")

    def __len__(self) -> int:
        return self.size

    def batch(self, indices: Any) -> tuple[Any, Any]:
        """(x, target) of these samples of epoch 0."""
        return self.epoch(0).batch(indices)

    def epoch(self, k: int) -> EpochPart:
        """`Samples` as epoch k sees them."""
        chosen = setup_generator(self.seed, _PART, k).permutation(len(self.samples))[: self.size]
        return EpochPart(self.samples.epoch(k) if hasattr(self.samples, "epoch") else self.samples, chosen)


@dataclass(frozen=True, eq=False)
class EpochPart:
    """What one epoch sees: these of the samples, in this order."""

    samples: Any
    chosen: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.chosen)

    def batch(self, indices: Any) -> tuple[Any, Any]:
        """(x, target) of these samples."""
        return self.samples.batch(self.chosen[indices])
