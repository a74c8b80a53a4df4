"""An objective that also asks outputs to point early where they will point at the end, so that one can stop before it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..neurons.errors import InvalidValue
from .credit import Objective
from .head import HeadCrossEntropy
from .objective import MeanCrossEntropy

__all__ = ["CosineToFinal"]

_FLOOR = (
    0.01  # of the final length: a direction of less than that is hardly one, and its gradient would be without bound
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CosineToFinal:
    """Another objective, and a penalty for outputs whose sum so far points elsewhere than their sum at the end.

        loss = inner.loss + strength (1 - mean_t cos(Y[t], Y[T])),   Y[t] = y[1] + ... + y[t];   scores are those of inner

    The cosine is taken over the outputs of each sample, with its gradient through both Y[t] and Y[T], and is averaged over
    samples. There is no loss at each step, for none is known before the end: train by `BPTT` and its like. Of a network with
    several heads, this goes within one: `HeadCrossEntropy(..., inner=CosineToFinal())`.

    Parameters   strength   of the penalty, >= 0
                 inner      objective; default: cross-entropy of the mean over time
    Raises       InvalidValue
    Source       Wu et al. 2023, arXiv 2301.09522 (regularising cosine similarity, RCS)
    Deviations   made from the paper's abstract: the form of the penalty is ours. Where |Y[t]| is below a hundredth of |Y[T]|,
                 that hundredth takes its place in the cosine; a sample without any output has cosine 0
    """

    strength: float = 0.1
    inner: Objective = dataclasses.field(default_factory=MeanCrossEntropy)

    def __post_init__(self) -> None:
        if isinstance(self.strength, bool) or not isinstance(self.strength, int | float):
            raise InvalidValue("CosineToFinal.strength", self.strength, "a number >= 0")
        if not 0.0 <= self.strength < math.inf:
            raise InvalidValue("CosineToFinal.strength", self.strength, ">= 0 and finite")
        if not (callable(getattr(self.inner, "loss", None)) and callable(getattr(self.inner, "scores", None))):
            raise InvalidValue("CosineToFinal.inner", self.inner, "an objective", "e.g. MeanCrossEntropy()")
        if isinstance(self.inner, HeadCrossEntropy):
            fix = "put it within the head: HeadCrossEntropy(..., inner=CosineToFinal())"
            raise InvalidValue("CosineToFinal.inner", "one head, while the cosine hears all", "of all outputs", fix)

    def scores(self, outputs: Tensor) -> Tensor:
        return self.inner.scores(outputs)

    def loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        return self.inner.loss(outputs, target) + self.strength * (1.0 - _cosines(outputs).mean())

    @property
    def so_far(self) -> Callable[..., tuple[Tensor, Any]]:
        """Scores at each step. Raises AttributeError if `inner` knows none."""
        inner: Any = self.inner
        known: Callable[..., tuple[Tensor, Any]] = inner.so_far
        return known


def _cosines(outputs: Tensor) -> Tensor:
    """(time, batch) cosines of the sums up to each step with the sum of all."""
    sums = outputs.cumsum(0)
    final = sums[-1]
    length = final.norm(dim=-1)
    heard = length > 0.0
    length = torch.where(heard, length, 1.0)
    so_far = sums.norm(dim=-1).maximum(_FLOOR * length.detach())
    return torch.where(heard, (sums * final).sum(-1) / (so_far * length), 0.0)
