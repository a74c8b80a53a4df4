"""Counter-current learning: a second network runs from the targets back, and the two teach each other level by level."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..neurons.errors import InvalidValue
from ..neurons.layer import Layer
from .blocks import blocks_of, through
from .credit import Batch, Credit, LayeredNetwork, trainable
from .mirror import Mirror
from .stream_loss import ClassMembership, StreamLoss

__all__ = ["CounterCurrent", "FeedbackStream", "levels_of"]


class FeedbackStream(nn.Module):
    """The network from the targets back to the inputs, which the rule learns: the state of `CounterCurrent`.

    layers   in the order in which the signal meets them
    """

    objective = None

    def __init__(self, layers: Sequence[Layer]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CounterCurrent:
    """Local losses between a network and a second one that runs the other way; no error goes through more than one layer.

        forward    a_0 = x,        a_l = f_l(SG(a_{l-1})),        l = 1..L
        feedback   b_L = teacher,  b_{l-1} = g_l(SG(b_l)),        l = L..1;  it does not wait for the forward pass
        descend    objective(a_L) + Σ_{l<L} loss_l(a_l, b_l)      SG: a constant to the gradient

    As every layer's input is held, loss_l reaches the weights into a_l and those into b_l alone: one loss teaches both. Of a
    sequence, a_l and b_l are means over time, and a layer of spiking neurons learns through its own neurons' time.

    Parameters   loss       `ClassMembership()` for perceptrons and spiking networks, `NormalisedMembership()` for convolutional
                            ones, `Reconstruction()` for autoencoders
                 feedback   from a network to the layers that lead back, as many blocks of them as the network has; default
                            `Mirror()`, for dense stacks
    State        a `FeedbackStream`, which `fit` optimises beside the network, as "rule.layers..."; a rate of 0 freezes it
    Memory       that of backpropagation, and as much for the feedback stream's few rows
    Raises       InvalidValue for streams whose levels do not fit each other
    Source       Kao & Hariharan 2024, arXiv 2409.19841
    Deviations   see the losses; spiking networks: ours. The level-0 loss teaches the feedback stream's last layer alone, which
                 nothing depends on but the norm by which `Clip` scales
    """

    loss: StreamLoss = dataclasses.field(default_factory=ClassMembership)
    feedback: Callable[[LayeredNetwork], Sequence[Layer]] = dataclasses.field(default_factory=Mirror)

    def __post_init__(self) -> None:
        if not (hasattr(self.loss, "teacher") and hasattr(self.loss, "levels")):
            raise InvalidValue("CounterCurrent.loss", self.loss, "a loss between streams", "e.g. ClassMembership()")
        if not callable(self.feedback):
            raise InvalidValue("CounterCurrent.feedback", self.feedback, "a function of the network", "e.g. Mirror()")

    def init(self, network: LayeredNetwork) -> FeedbackStream:
        stream = FeedbackStream(copy.deepcopy(list(self.feedback(network))))  # the caller's own layers stay as they are
        ahead, back = (len(blocks_of("CounterCurrent", each)) for each in (network, stream))
        if ahead != back:
            raise InvalidValue("CounterCurrent.feedback", f"{back} blocks of layers", f"{ahead}, as the network has")
        weight = next(iter(network.named_parameters()))[1]
        return stream.to(device=weight.device, dtype=weight.dtype)

    def learned(self, state: FeedbackStream) -> FeedbackStream:
        return state

    def gradients(self, network: LayeredNetwork, batch: Batch, state: FeedbackStream) -> Credit:
        *a, outputs = _streamed(network, batch.x)
        held = outputs.detach()
        b = _streamed(state, self.loss.teacher(batch, held))[:0:-1]
        _check_levels(a, b)
        total = self.loss.weight(held) * network.objective.loss(outputs, batch.target)
        total = total + self.loss.levels([_read(a_l, held) for a_l in a], [_read(b_l, held) for b_l in b], batch, held)
        parameters = {**trainable(network)} | {f"rule.{name}": each for name, each in trainable(state).items()}
        found = torch.autograd.grad(total, list(parameters.values()), allow_unused=True)
        gradients = {name: g for name, g in zip(parameters, found, strict=True) if g is not None}
        return Credit(total.detach(), network.objective.scores(held), gradients, state)


def levels_of(
    network: LayeredNetwork, stream: FeedbackStream, x: Tensor, teacher: Tensor
) -> list[tuple[Tensor, Tensor]]:
    """What the two streams hold at each level below the output, (forward, feedback), means over time, without gradients.

    Parameters   x         (time, batch, ...)
                 teacher   (time, rows, ...), e.g. one code for each sample, so that rows are of the same samples
    """
    with torch.no_grad():
        *a, outputs = _streamed(network, x)
        b = _streamed(stream, teacher)[:0:-1]
    return [(_read(a_l, outputs), _read(b_l, outputs)) for a_l, b_l in zip(a, b, strict=True)]


def _streamed(network: Any, x: Tensor) -> list[Tensor]:
    """The input and what each block makes of the one before it; no gradient flows from block to block."""
    made = [x]
    for block in blocks_of("CounterCurrent", network):
        made.append(through(block, made[-1].detach()))
    return made


def _read(level: Tensor, like: Tensor) -> Tensor:
    """A level's activity, (rows, features...), from (time, rows, features...), as numbers like the outputs."""
    level = level.to(like.dtype)
    return level[0] if len(level) == 1 else level.mean(0)


def _check_levels(a: Sequence[Tensor], b: Sequence[Tensor]) -> None:
    for k, (forward, back) in enumerate(zip(a, b, strict=True)):
        if forward.shape[2:] != back.shape[2:]:
            raise InvalidValue(
                f"CounterCurrent: level {k}", f"features {tuple(back.shape[2:])} on the way back",
                f"{tuple(forward.shape[2:])}, as on the way forward", "mend the layers that `feedback` gives",
            )  # fmt: skip
