"""What rules share that send each hidden block its error straight, past the blocks above it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..neurons.dense import Conv, Dense
from ..neurons.errors import InvalidValue
from .blocks import Block, blocks_of, own_parameters, through
from .credit import Batch, Credit, LayeredNetwork, trainable
from .delays import DelayedDense

__all__ = ["Apart", "AtFirstBatch", "features", "readout", "run_apart"]


class AtFirstBatch(NamedTuple):
    """The state of a rule whose matrices wait for a batch, which says how large the maps are that convolutions take."""


class Apart(NamedTuple):
    """A batch that went through blocks of which none sends an error to the one below.

    hidden: what each hidden block made, (time, batch, features...); error: dL/d current of the output's connections
    """

    network: LayeredNetwork
    blocks: list[Block]
    hidden: list[Tensor]
    outputs: Tensor
    loss: Tensor
    error: Tensor
    of_output: dict[str, Tensor | None]

    def sizes(self) -> list[int]:
        """Features of each hidden block, maps flattened."""
        return [made[0, 0].numel() for made in self.hidden]

    def credit(self, rule: str, signals: Sequence[Tensor], state: Any) -> Credit:
        """With a signal (time, batch, features) for each hidden block as the derivative of the loss by what it made.

        Raises       InvalidValue for a block of another number of steps than its signal
        """
        own = own_parameters(self.network, [layer for block in self.blocks[:-1] for layer in block])
        made, along = [], []
        for k, (each, signal) in enumerate(zip(self.hidden, signals, strict=True)):
            if len(each) != len(signal):
                found, legal = f"{len(each)} steps", f"{len(signal)} steps, as the output's connections"
                raise InvalidValue(f"{rule}: hidden block {k}", found, legal, "put Extend and Count first or last")
            if each.requires_grad:
                made.append(each)
                along.append(signal.reshape(each.shape))
        found_all = torch.autograd.grad(made, list(own.values()), along, allow_unused=True) if made else ()
        reached = self.of_output | dict(zip(own, found_all, strict=False))
        gradients = {name: g for name in trainable(self.network) if (g := reached.get(name)) is not None}
        return Credit(self.loss.detach(), self.network.objective.scores(self.outputs.detach()), gradients, state)


def run_apart(rule: str, network: LayeredNetwork, batch: Batch) -> Apart:
    """Run the blocks with their inputs held, and the output's block backward by its own error."""
    blocks = blocks_of(rule, network)
    x, hidden = batch.x, []
    for block in blocks[:-1]:
        hidden.append(through(block, x))
        x = hidden[-1].detach()
    last = blocks[-1]
    at = next(k for k, layer in enumerate(last) if isinstance(layer, Dense)) + 1
    current = through(last[:at], x)
    if not current.requires_grad:  # frozen weights
        current.requires_grad_()
    outputs = through(last[at:], current)
    loss = network.objective.loss(outputs, batch.target)
    own = own_parameters(network, last)
    error, *found = torch.autograd.grad(loss, [current, *own.values()], allow_unused=True)
    return Apart(network, blocks, hidden, outputs, loss, error, dict(zip(own, found, strict=True)))


def readout(rule: str, network: LayeredNetwork) -> Dense:
    """The last connections. Raises InvalidValue unless they are Dense."""
    connections = [layer for layer in network.layers if isinstance(layer, Dense | Conv | DelayedDense)]
    last = connections[-1] if connections else None
    if not isinstance(last, Dense):
        found = "none" if last is None else type(last).__name__
        raise InvalidValue(f"{rule}: the last connections", found, "Dense", "or train by BPTT")
    return last


def features(rule: str, network: LayeredNetwork) -> list[int] | None:
    """Features of each hidden block, as the next connections take them; None before convolutions, which take maps of any size."""
    takers = [block[0] for block in blocks_of(rule, network)[1:]]
    sizes = [layer.n_in for layer in takers if isinstance(layer, Dense | DelayedDense)]
    return sizes if len(sizes) == len(takers) else None
