"""Values that settle: what predictive coding makes of a network, its energy, and a step of the values down that energy.

Each connections' outputs but the last have a value node x_k for each unit and sample; a section g_k leads from one layer of
value nodes to what it predicts of the next.

    mu_k = g_k(x_{k-1}),  eps_k = x_k - mu_k,  energy F = ½ Σ_k |eps_k|² + Σ_samples loss(mu_last, target)
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..neurons.dense import Conv, Dense
from ..neurons.errors import InvalidValue
from ..neurons.maps import MaxPool, Unflatten, Upsample
from ..neurons.normalise import Flatten
from ..neurons.rate import Rate
from .blocks import Block, blocks_of, through
from .credit import Batch, LayeredNetwork, Objective

__all__ = ["check_settling", "check_steps", "energy", "forward_values", "moved", "sections_of"]

_PURE = (
    Conv | Dense | Flatten | MaxPool | Rate | Unflatten | Upsample
)  # their output is a function of that step's input


def check_settling(rule: str, steps: int, rate: float) -> None:
    """Raises InvalidValue unless steps is a whole number >= 1 and rate > 0 and finite."""
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise InvalidValue(f"{rule}.steps", steps, "a whole number >= 1")
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0.0 < rate < float("inf"):
        raise InvalidValue(f"{rule}.rate", rate, "> 0 and finite")


def check_steps(rule: str, batch: Batch) -> None:
    """Raises InvalidValue unless the batch is of sequences of one step."""
    if len(batch.x) != 1:
        raise InvalidValue(f"{rule}: x", f"{len(batch.x)} steps", "of one step", "or train by BPTT")


def sections_of(rule: str, network: LayeredNetwork) -> list[Block]:
    """The network cut after each connections but the last.

    Raises       InvalidValue for layers with time, chance or batch statistics: settling calls each many times for one batch
    """
    for k, layer in enumerate(network.layers):
        if not isinstance(layer, _PURE):
            legal = "connections without delays, rate neurons, pooling or a change of shape"
            raise InvalidValue(f"{rule}: layer {k}", type(layer).__name__, legal, "or train by BPTT")
    blocks = blocks_of(rule, network)
    sections: list[Block] = [[] for _ in blocks]
    for k, block in enumerate(blocks):
        end = 1 + next(i for i, layer in enumerate(block) if isinstance(layer, Dense | Conv))
        sections[k] += block[:end]
        sections[min(k + 1, len(blocks) - 1)] += block[end:]
    return sections


def forward_values(sections: Sequence[Block], x: Tensor) -> tuple[list[Tensor], Tensor]:
    """(values without any error, the output): a pass forward, without gradients."""
    values = []
    with torch.no_grad():
        for section in sections[:-1]:
            x = through(section, x)
            values.append(x)
        return [value.detach().requires_grad_() for value in values], through(sections[-1], x)


def energy(
    lowest: Tensor, values: Sequence[Tensor], sections: Sequence[Block], objective: Objective, target: Tensor
) -> Tensor:
    """F, summed over samples; `lowest` is what the first section predicts from the input."""
    predictions = [lowest, *(through(section, value) for section, value in zip(sections[1:], values, strict=True))]
    of_output = lowest.shape[1] * objective.loss(predictions[-1], target)
    hidden = zip(values, predictions[:-1], strict=True)
    return sum((0.5 * (value - prediction).square().sum() for value, prediction in hidden), start=of_output)


def moved(values: Sequence[Tensor], slopes: Sequence[Tensor], rate: float) -> list[Tensor]:
    """The values after one step down the energy."""
    return [(v.detach() - rate * slope).requires_grad_() for v, slope in zip(values, slopes, strict=True)]
