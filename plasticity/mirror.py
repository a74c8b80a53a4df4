"""The network that runs the other way: from the outputs back to the inputs, level by level."""

from __future__ import annotations

import copy
import dataclasses
import math
from typing import Any

import numpy as np
from torch import nn

from ..neurons.dense import Dense
from ..neurons.errors import InvalidValue
from ..neurons.layer import Layer
from ..neurons.randomness import check_seed
from ..neurons.rate import Rate
from ..neurons.spiking import Membrane, Recurrent, Spiking
from .blocks import blocks_of
from .credit import LayeredNetwork

__all__ = ["Mirror"]

_STREAM = 250


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mirror:
    """For a stack of dense connections the stack that leads back, with the same neurons at every level.

        levels n_0 - n_1 - ... - n_L   give connections n_L - ... - n_1 - n_0; level 0 is linear

    Parameters   scale   initial weights are uniform within ± scale / sqrt(inputs), >= 0; 1 is torch's own start
                 seed    of the initial weights; each layer's are a pure function of the seed and its level
    Returns      called with a network, the layers in the order in which the signal meets them; all weights its own
    Raises       InvalidValue for a network of other layers than Dense, Rate, Spiking and, at the end, Membrane
    Source       Kao & Hariharan 2024, arXiv 2409.19841 (the feedback network)
    Deviations   none for rate neurons; spiking: ours
    """

    scale: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.scale, bool) or not 0.0 <= self.scale < math.inf:
            raise InvalidValue("Mirror.scale", self.scale, ">= 0 and finite")
        check_seed("Mirror.seed", self.seed)

    def __call__(self, network: LayeredNetwork) -> list[Layer]:
        connections, neurons = zip(*map(_parts, blocks_of("Mirror", network)), strict=True)
        if neurons[-1] is not None and not isinstance(neurons[-1], Membrane):
            raise InvalidValue("Mirror: network", "neurons at the output", "connections, or Membrane, at the end")
        layers: list[Layer] = []
        for level in range(len(connections) - 1, -1, -1):
            forward = connections[level]
            drawn = int(np.random.SeedSequence((self.seed, _STREAM, level)).generate_state(1)[0])
            gain = connections[level - 1].gain if level else 1.0  # of what drives the same neurons on the way forward
            bound = self.scale * forward.n_out**-0.5
            bias = forward.bias is not None
            layers.append(Dense(forward.n_out, forward.n_in, bias=bias, gain=gain, bound=bound, seed=drawn))
            if level:
                below = neurons[level - 1]
                if not isinstance(below, Rate | Spiking) or isinstance(below, Recurrent):
                    found = "none" if below is None else type(below).__name__
                    fix = "give CounterCurrent.feedback a function of your own"
                    raise InvalidValue(f"Mirror: neurons of level {level}", found, "Rate or Spiking", fix)
                layers.append(copy.deepcopy(below))
        return layers


def _parts(block: list[nn.Module]) -> tuple[Dense, Any]:
    """The connections and the neurons of a block."""
    kinds = tuple(type(layer).__name__ for layer in block)
    if not (1 <= len(block) <= 2 and isinstance(block[0], Dense)) or isinstance(block[-1], Dense) != (len(block) == 1):
        raise InvalidValue(
            "Mirror: network", " - ".join(kinds), "blocks of Dense and one layer of neurons",
            "give CounterCurrent.feedback a function of your own",
        )  # fmt: skip
    return block[0], block[1] if len(block) == 2 else None
