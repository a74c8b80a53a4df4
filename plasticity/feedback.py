"""How an error at the output reaches hidden neurons: by the weights that lead there, or by others."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from ..neurons.errors import InvalidValue
from ..neurons.randomness import check_seed, setup_generator

__all__ = ["AdaptiveFeedback", "Feedback", "RandomFeedback", "SymmetricFeedback"]

_STREAM = 201


class Feedback(Protocol):
    """Matrices from the output's error to hidden layers, in units of the readout's weights."""

    def start(self, sizes: Sequence[int], weight: Tensor) -> Any:
        """What the matrices are made of.

        Parameters   sizes    neurons of each hidden layer, first to last; the last one is read out
                     weight   of the readout, (neurons, outputs)
        Raises       InvalidValue for layers that this feedback does not reach
        """
        ...

    def matrices(self, state: Any, weight: Tensor) -> tuple[Sequence[Tensor], Any]:
        """A matrix (neurons, outputs) for each hidden layer, as the readout's weight is now; and the state to go on."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class SymmetricFeedback:
    """The readout's own weights: what backpropagation takes. For one hidden layer.

    Parameters   none
    Source       Bellec et al. 2020, doi:10.1038/s41467-020-17236-y (symmetric e-prop)
    Deviations   none
    """

    def start(self, sizes: Sequence[int], weight: Tensor) -> None:
        _one_layer("SymmetricFeedback", sizes)

    def matrices(self, state: None, weight: Tensor) -> tuple[Sequence[Tensor], None]:
        return [weight.detach()], None


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomFeedback:
    """Fixed normal random matrices of the scale that the readout's weights had at first.

    Parameters   seed   of the matrices; each is a pure function of the seed and its layer's number
    Source       Lillicrap et al. 2016, doi:10.1038/ncomms13276; straight to each layer: Nokland 2016, arXiv 1609.01596
    Deviations   the scale, which the sources leave open
    """

    seed: int = 0

    def __post_init__(self) -> None:
        check_seed("RandomFeedback.seed", self.seed)

    def start(self, sizes: Sequence[int], weight: Tensor) -> tuple[Tensor, ...]:
        return _drawn(self.seed, sizes, weight)

    def matrices(self, state: tuple[Tensor, ...], weight: Tensor) -> tuple[Sequence[Tensor], tuple[Tensor, ...]]:
        return [matrix.to(weight) for matrix in state], state


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdaptiveFeedback:
    """A random matrix that changes as the readout's weights do, so that the two grow alike. For one hidden layer.

        B <- B + Δw - decay (B - w)        Δw: what the readout's weights changed by since the last batch

    Parameters   seed    of the matrix at first
                 decay   share of the difference that is lost with every batch, in [0, 1]
    Source       Kolen & Pollack 1994, doi:10.1109/ICNN.1994.374486; Bellec et al. 2020, doi:10.1038/s41467-020-17236-y
                 (adaptive e-prop)
    Deviations   in the sources both matrices decay, which shrinks their difference as here; the optimiser, whose step B
                 repeats whichever it is, decides about the weights' own decay
    """

    seed: int = 0
    decay: float = 0.01

    def __post_init__(self) -> None:
        check_seed("AdaptiveFeedback.seed", self.seed)
        if isinstance(self.decay, bool) or not 0.0 <= self.decay <= 1.0:
            raise InvalidValue("AdaptiveFeedback.decay", self.decay, "in [0, 1]")

    def start(self, sizes: Sequence[int], weight: Tensor) -> tuple[Tensor, Tensor]:
        """(B, the readout's weights when last seen)."""
        _one_layer("AdaptiveFeedback", sizes)
        return _drawn(self.seed, sizes, weight)[0], weight.detach().clone()

    def matrices(self, state: tuple[Tensor, Tensor], weight: Tensor) -> tuple[Sequence[Tensor], tuple[Tensor, Tensor]]:
        matrix, last = (part.to(weight) for part in state)
        now = weight.detach().clone()
        if not torch.equal(now, last):
            matrix = now + (1.0 - self.decay) * (matrix - last)
        return [matrix], (matrix, now)


def _drawn(seed: int, sizes: Sequence[int], weight: Tensor) -> tuple[Tensor, ...]:
    weight = weight.detach()
    scale = float(weight.square().mean().sqrt())
    draws = [setup_generator(seed, _STREAM, k).standard_normal((n, weight.shape[1])) for k, n in enumerate(sizes)]
    return tuple(scale * torch.from_numpy(draw).to(weight) for draw in draws)


def _one_layer(name: str, sizes: Sequence[int]) -> None:
    if len(sizes) != 1:
        raise InvalidValue(name, f"{len(sizes)} hidden layers", "one hidden layer", "take RandomFeedback")
