"""Difference target propagation: each layer is given a target by learned inverses of the layers above."""

from __future__ import annotations

import dataclasses
import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..neurons.errors import InvalidValue
from ..neurons.randomness import check_seed, setup_generator
from .blocks import Block, through
from .credit import Batch, Credit, LayeredNetwork
from .target_propagation import check_step, feedback_block, feedback_functions, target_blocks, towards_targets

__all__ = ["DifferenceTarget"]

_STREAM = 222  # of the noise


class _State(NamedTuple):
    """feedback: the functions g, bottom to top; batches: seen so far, of which the noise is a function."""

    feedback: nn.ModuleList
    batches: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class DifferenceTarget:
    """Each hidden layer is drawn to a target, led down from the layer above by a function g that learns to invert it.

        target of the last hidden layer    h - step dE/dh,                  E: the loss summed over samples
        of one below layer l               h_l-1 + g_l(target_l) - g_l(h_l)
        forward weights of layer l learn   Σ |h_l - target_l|² / (2 step samples),   its input and target held
        g_l learns                         mean |g_l(f_l(h + noise)) - (h + noise)|²,   h = h_l-1 and f_l held

    The output's weights, and by its target the last hidden layer's, get the gradient of backprop whatever the step; the
    layers below get it, for a small step, with the Jacobian of g in place of the forward one's transpose. So it is `BPTT`
    for one hidden layer, and for orthogonal layers of linear units with exact g; `step` does not change the learning rate.
    g_l is a Dense and a Rate with the activation of layer l - 1, and a bias where layer l has one.

    Parameters   step    from activity to target, in units of the activity per unit of the gradient, > 0
                 noise   standard deviation of what is added to h when g learns, >= 0
                 seed    of the first g and of the noise, a pure function of (seed, batches seen)
    State        (feedback: the functions g, batches: seen so far); g learns as "rule.LAYER.0.weight", LAYER 0 above the lowest
    Raises       InvalidValue for hidden layers other than Dense and Rate (with Dropout)
    Source       Lee, Zhang, Fischer & Bengio 2015, arXiv 1412.7525
    Deviations   the source does not divide by 2 step and lowers the learning rate or raises it instead; g takes one step with
                 every batch, together with the forward weights, where the source may take more before; initial g uniform
                 within ± 1 / sqrt(inputs), where the source's is orthogonal
    """

    step: float = 0.1
    noise: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        check_step("DifferenceTarget.step", self.step)
        if isinstance(self.noise, bool) or not 0.0 <= self.noise < math.inf:
            raise InvalidValue("DifferenceTarget.noise", self.noise, ">= 0 and finite")
        check_seed("DifferenceTarget.seed", self.seed)

    def init(self, network: LayeredNetwork) -> _State:
        return _State(feedback_functions(target_blocks("DifferenceTarget", network), self.seed), 0)

    def learned(self, state: _State) -> nn.Module:
        return state.feedback

    def gradients(self, network: LayeredNetwork, batch: Batch, state: _State) -> Credit:
        blocks = target_blocks("DifferenceTarget", network)
        towards = towards_targets(network, blocks, state.feedback, batch, self.step)
        learned = dict(state.feedback.named_parameters())
        if learned:
            inverse = self._inverse_loss(blocks, towards.activity, state)
            found = torch.autograd.grad(inverse, list(learned.values()))
            towards.gradients.update({f"rule.{name}": g for name, g in zip(learned, found, strict=True)})
        return Credit(towards.loss, towards.scores, towards.gradients, state._replace(batches=state.batches + 1))

    def _inverse_loss(self, blocks: list[Block], activity: list[Tensor], state: _State) -> Tensor:
        """Of all g, each from its own layer alone; the squared distance of vectors, a mean over steps and samples."""
        drawn = int(setup_generator(self.seed, _STREAM, state.batches).integers(2**63))
        draw = torch.Generator().manual_seed(drawn)
        total = activity[0].new_zeros(())
        for h, block, back in zip(activity[:-1], blocks[1:-1], state.feedback, strict=True):
            with torch.no_grad():
                h = h + self.noise * torch.randn(h.shape, generator=draw, dtype=h.dtype).to(h)
                code = through(block, h)
            total = total + (through(feedback_block(back), code) - h).square().sum(-1).mean()
        return total
