"""Direct random target projection: hidden layers learn from the class alone, before the output is known."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ..neurons.errors import InvalidValue
from ..neurons.randomness import check_seed, setup_generator
from .credit import Batch, Credit, LayeredNetwork
from .direct import AtFirstBatch, features, readout, run_apart

__all__ = ["DirectRandomTarget"]

_STREAM = 212


@dataclasses.dataclass(frozen=True, kw_only=True)
class DirectRandomTarget:
    """Each hidden block is pushed towards a random pattern that stands for the sample's class; the output learns by its error.

        dL/dh_l[t] := - B_l y / (time samples),   y the class as one 1 among zeros

    -y has the sign of the error (softmax - y) at the right class, so descent moves activity h_l along + B_l y.

    Parameters   scale   standard deviation of B's entries, > 0, in loss per unit of activity
                 seed    of B; each matrix is a pure function of the seed and its block's number
    Factors      presynaptic activity; postsynaptic: derivative of rate or surrogate, through the neuron's own time; third: B y.
                 Where the output's error is -y itself it is `DirectFeedback`
    State        B (features, outputs) for each hidden block; where convolutions take maps, drawn at the first batch
    Memory       as `DirectFeedback`
    Raises       InvalidValue for a network whose last connections are not Dense and for targets that are not classes
    Source       Frenkel, Lefebvre & Bol 2021, doi:10.3389/fnins.2021.629892
    Deviations   B is normal, of one scale for all blocks; the mean over steps is ours, as are networks with time
    """

    scale: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        check_seed("DirectRandomTarget.seed", self.seed)
        if isinstance(self.scale, bool) or not 0.0 < self.scale < math.inf:
            raise InvalidValue("DirectRandomTarget.scale", self.scale, "> 0 and finite", "e.g. 0.1")

    def init(self, network: LayeredNetwork) -> Any:
        weight = readout("DirectRandomTarget", network).weight
        sizes = features("DirectRandomTarget", network)
        return AtFirstBatch() if sizes is None else self._drawn(sizes, weight)

    def gradients(self, network: LayeredNetwork, batch: Batch, state: Any) -> Credit:
        weight = readout("DirectRandomTarget", network).weight
        if batch.target.is_floating_point():
            legal = "class numbers, whole, one per sample"
            raise InvalidValue(
                "DirectRandomTarget: target", str(batch.target.dtype), legal, "or train by DirectFeedback"
            )
        ran = run_apart("DirectRandomTarget", network, batch)
        if isinstance(state, AtFirstBatch):
            state = self._drawn(ran.sizes(), weight)
        one_hot = functional.one_hot(batch.target.long(), weight.shape[1]).to(weight) / -len(batch.target)
        signals = [
            (one_hot @ matrix.to(weight).T / len(made)).expand(len(made), -1, -1)
            for made, matrix in zip(ran.hidden, state, strict=True)
        ]
        return ran.credit("DirectRandomTarget", signals, state)

    def _drawn(self, sizes: Sequence[int], weight: Tensor) -> tuple[Tensor, ...]:
        draws = [
            setup_generator(self.seed, _STREAM, k).standard_normal((n, weight.shape[1])) for k, n in enumerate(sizes)
        ]
        return tuple(self.scale * torch.from_numpy(draw).to(weight) for draw in draws)
