"""Difference target propagation whose feedback functions are random and never learn."""

from __future__ import annotations

import dataclasses

from torch import nn

from ..neurons.randomness import check_seed
from .credit import Batch, Credit, LayeredNetwork
from .target_propagation import check_step, feedback_functions, target_blocks, towards_targets

__all__ = ["FixedWeightDifferenceTarget"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class FixedWeightDifferenceTarget:
    """`DifferenceTarget` without learning of g: targets through fixed random functions, which the forward weights align with.

        target of the last hidden layer    h - step dE/dh,                  E: the loss summed over samples
        of one below layer l               h_l-1 + g_l(target_l) - g_l(h_l)
        forward weights of layer l learn   Σ |h_l - target_l|² / (2 step samples),   its input and target held

    With linear g that is feedback alignment, with their transposed weights `BPTT`.

    Parameters   step    from activity to target, in units of the activity per unit of the gradient, > 0
                 seed    of the functions g; those with which `DifferenceTarget` of this seed begins
    State        the functions g
    Raises       InvalidValue for hidden layers other than Dense and Rate (with Dropout)
    Source       Shibuya, Inoue, Kawakami & Sato 2023, arXiv 2212.10352
    Deviations   targets begin at the last hidden layer, as in `DifferenceTarget`, where its published program begins at the
                 output; the division by 2 step; g uniform within ± 1 / sqrt(inputs), where the program has several scales
    """

    step: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        check_step("FixedWeightDifferenceTarget.step", self.step)
        check_seed("FixedWeightDifferenceTarget.seed", self.seed)

    def init(self, network: LayeredNetwork) -> nn.ModuleList:
        blocks = target_blocks("FixedWeightDifferenceTarget", network)
        return feedback_functions(blocks, self.seed).requires_grad_(False)

    def gradients(self, network: LayeredNetwork, batch: Batch, state: nn.ModuleList) -> Credit:
        blocks = target_blocks("FixedWeightDifferenceTarget", network)
        towards = towards_targets(network, blocks, state, batch, self.step)
        return Credit(towards.loss, towards.scores, towards.gradients, state)
