"""What the rules of difference target propagation share: feedback functions, targets, and the layers' gradients towards them."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from ..neurons.dense import Dense
from ..neurons.errors import InvalidValue
from ..neurons.normalise import Dropout, Flatten
from ..neurons.randomness import setup_generator
from ..neurons.rate import Rate
from .blocks import Block, blocks_of, own_parameters, through
from .credit import Batch, LayeredNetwork

__all__ = ["Towards", "check_step", "feedback_block", "feedback_functions", "target_blocks", "towards_targets"]

_STREAM = 221  # of initial feedback weights, the same for both rules, so that they start alike


class Towards(NamedTuple):
    """loss and scores as `Credit`; gradients by name; activity: of each hidden layer, first to last."""

    loss: Tensor
    scores: Tensor
    gradients: dict[str, Tensor]
    activity: list[Tensor]


def check_step(field: str, step: Any) -> None:
    """Raises InvalidValue unless it is a number > 0 and finite."""
    if isinstance(step, bool) or not isinstance(step, int | float) or not 0.0 < step < math.inf:
        raise InvalidValue(field, step, "> 0 and finite", "e.g. 0.1")


def target_blocks(rule: str, network: LayeredNetwork) -> list[Block]:
    """The network's blocks: hidden ones of Dense and Rate, then the output's.

    Raises       InvalidValue for hidden layers of another kind
    """
    blocks = blocks_of(rule, network)
    for k, block in enumerate(blocks[:-1]):
        kinds = [type(layer) for layer in block if not isinstance(layer, Dropout | Flatten)]
        if kinds != [Dense, Rate]:
            found = "hidden block " + f"{k}: " + ", ".join(type(layer).__name__ for layer in block)
            raise InvalidValue(f"{rule}: network", found, "hidden layers of Dense and Rate", "or train by BPTT")
    return blocks


def feedback_functions(blocks: list[Block], seed: int) -> nn.ModuleList:
    """For each hidden block but the first, a Dense and a Rate that lead from its output back to its input.

    The activation is that of the block before, whose range is to be met; weights start uniform within ± 1 / sqrt(inputs).
    """
    made = nn.ModuleList()
    for k, (before, block) in enumerate(pairwise(blocks[:-1])):
        forward, neurons = _part(block, Dense), _part(before, Rate)
        drawn = int(setup_generator(seed, _STREAM, k).integers(2**63))
        back = Dense(forward.n_out, forward.n_in, bias=forward.bias is not None, bound=forward.n_out**-0.5, seed=drawn)
        made.append(nn.ModuleList([back.to(forward.weight), Rate(neurons.activation)]))
    return made


def towards_targets(
    network: LayeredNetwork, blocks: list[Block], feedback: nn.ModuleList, batch: Batch, step: float
) -> Towards:
    """A pass forward, targets from the top down, the hidden blocks' gradients towards them, and the output's of the loss."""
    *hidden, output = blocks
    x, made = batch.x, []
    for block in hidden:
        made.append(through(block, x))
        x = made[-1].detach()
    activity = [each.detach() for each in made]
    top = [x.requires_grad_()] if hidden else []
    outputs = through(output, x)
    loss = network.objective.loss(outputs, batch.target)
    of_output = own_parameters(network, output)
    found = torch.autograd.grad(loss, [*of_output.values(), *top], allow_unused=True)
    gradients = dict(zip(of_output, found, strict=False))
    learning = [k for k, h in enumerate(made) if h.requires_grad]
    if learning:
        pulls = _pulls(activity, feedback, found[-1], step * batch.x.shape[1])
        own = {name: value for k in learning for name, value in own_parameters(network, hidden[k]).items()}
        ends, along = [made[k] for k in learning], [pulls[k] for k in learning]
        found = torch.autograd.grad(ends, list(own.values()), along, allow_unused=True)
        gradients |= dict(zip(own, found, strict=True))
    reached = {name: value for name, value in gradients.items() if value is not None}
    by_name = {name: reached[name] for name, _ in network.named_parameters() if name in reached}
    return Towards(loss.detach(), network.objective.scores(outputs.detach()), by_name, activity)


@torch.no_grad()
def _pulls(activity: list[Tensor], feedback: nn.ModuleList, slope: Tensor, size: float) -> list[Tensor]:
    """(h - target) / size of each hidden layer; of the last one that is the loss's own gradient."""
    pulls = [slope]
    for h, back in zip(reversed(activity), reversed(feedback), strict=False):
        led, towards = through(feedback_block(back), torch.cat([h, h - size * pulls[-1]], 1)).chunk(2, 1)
        pulls.append((led - towards) / size)
    return pulls[::-1]


def feedback_block(function: nn.Module) -> Block:
    """The layers of one feedback function."""
    return list(cast(nn.ModuleList, function))


def _part(block: Block, kind: type) -> Any:
    return next(layer for layer in block if isinstance(layer, kind))
