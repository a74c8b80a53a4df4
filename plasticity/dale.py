"""Dale's law: all synapses that a neuron makes are excitatory, or all are inhibitory."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from typing import TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..neurons.dense import Conv, Dense
from ..neurons.errors import InvalidValue
from ..neurons.randomness import check_seed, setup_generator
from ..neurons.spiking import Recurrent
from .blocks import check_unnested
from .credit import LayeredNetwork
from .delays import DelayedDense
from .modifier import Modifier

__all__ = ["Dale", "dale_weights"]

_STREAM = 223
_SPREAD = 1.0  # of the logarithm of weights; about that of cortex, Song et al. 2005, doi:10.1371/journal.pbio.0030068
_OTHERS: dict[int, tuple[int, ...]] = {
    2: (1,),
    4: (0, 2, 3),
}  # dimensions of a presynaptic unit's weights: Dense (n_in, n_out), Conv (out, in, k, k)

Network = TypeVar("Network", bound=nn.Module)


@dataclasses.dataclass(frozen=True)
class Dale(Modifier):
    """After each step of the optimiser, weights that have crossed 0 are put back to 0: descent projected on Dale's law.

        w_ij <- s_i max(s_i w_ij, 0),   s_i: the sign that all weights of presynaptic unit i had at first

    For a kernel the presynaptic units are the pixels of a channel, which share their weights and so their sign. Inputs are
    units as any others. A weight that is 0 may grow again; the weights of a unit without any stay 0. Biases and what the
    rule learns are free. Each matrix is held to its own signs: those of neurons that also hear one another agree
    if they did at first, as `dale_weights` makes them; of several synapses of one pair each is held by itself.

    Parameters   none
    State        the signs s of each weight's presynaptic units
    Raises       InvalidValue naming weight and unit if a unit has weights of both signs; `dale_weights` makes such networks
    Source       Song, Yang & Wang 2016, doi:10.1371/journal.pcbi.1004792
    Deviations   the source lets a weight go on below 0 and reads it as 0; here it is 0, and the next step up counts at once
    """

    def init(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: _signs(name, weight.detach()) for name, weight in weights.items() if _connects(name, weight)}

    @torch.no_grad()
    def settle(self, weights: Mapping[str, Tensor], state: dict[str, Tensor]) -> dict[str, Tensor]:
        for name, sign in state.items():
            weights[name].copy_(sign * (sign * weights[name]).clamp(min=0.0))
        return state


def dale_weights(network: Network, *, excitatory: float = 0.8, seed: int = 0) -> Network:
    """A copy of the network whose connections obey Dale's law, with log-normal weights.

    Of the units that each layer of connections comes from, the inputs among them, the share `excitatory` have positive
    weights and the rest negative ones, larger by as much as they are fewer, so that equal activity of all adds up to 0 on
    average. Each matrix keeps the root mean square of its weights. Neurons that also hear one another excite or inhibit
    those as they do the next layer.

    Parameters   excitatory   share in [0, 1], rounded to whole units; with 0 or 1 nothing balances them
                 seed         of signs and sizes; a pure function of the seed and the layer's place
    Raises       InvalidValue; also for connections with delays, or inside other layers
    Source       log-normal: Song et al. 2005, doi:10.1371/journal.pbio.0030068; with Dale's law: Cornford et al. 2024,
                 doi:10.1101/2024.10.25.620272
    """
    check_seed("dale_weights: seed", seed)
    if isinstance(excitatory, bool) or not isinstance(excitatory, int | float) or not 0.0 <= excitatory <= 1.0:
        raise InvalidValue("dale_weights: excitatory", excitatory, "in [0, 1]")
    check_unnested("dale_weights", cast(LayeredNetwork, network))
    network, known = copy.deepcopy(network), None
    for k, layer in enumerate(cast(nn.ModuleList, network.layers)):
        if isinstance(layer, DelayedDense):
            raise InvalidValue(f"dale_weights: network.layers[{k}]", "DelayedDense", "Dense, Conv or Recurrent")
        if not isinstance(layer, Dense | Conv | Recurrent):
            continue
        weight = layer.weight
        draw = setup_generator(seed, _STREAM, k)
        units = weight.shape[1] if isinstance(layer, Conv) else weight.shape[0]
        balanced = _balanced(units, excitatory, draw)
        if isinstance(layer, Dense) and known is not None:
            balanced = known
        known = balanced if isinstance(layer, Recurrent) else None
        sized = np.exp(_SPREAD * draw.standard_normal(weight.shape))
        made = torch.from_numpy(sized * balanced.reshape((1, -1, 1, 1) if isinstance(layer, Conv) else (-1, 1)))
        with torch.no_grad():
            made = made.to(weight) * (weight != 0)  # what is not connected, as a neuron to itself, stays so
            weight.copy_(made * (weight.norm() / made.norm().clamp(min=1e-30)))
    return network


def _balanced(units: int, excitatory: float, draw: np.random.Generator) -> NDArray[np.float64]:
    """1 for excitatory units; for inhibitory ones minus their number to one of these, where there are both."""
    positive = round(excitatory * units)
    ratio = positive / (units - positive) if 0 < positive < units else 1.0
    return np.where(draw.permutation(units) < positive, 1.0, -ratio)


def _connects(name: str, weight: Tensor) -> bool:
    return name.endswith("weight") and weight.ndim in _OTHERS and not name.startswith("rule.")


def _signs(name: str, weight: Tensor) -> Tensor:
    others = _OTHERS[weight.ndim]
    most, least = weight.amax(others, keepdim=True), weight.amin(others, keepdim=True)
    mixed = ((most > 0.0) & (least < 0.0)).flatten().nonzero()
    if len(mixed):
        found = f"weights of both signs of unit {int(mixed[0])}" + (
            f" and {len(mixed) - 1} more" if len(mixed) > 1 else ""
        )
        raise InvalidValue(
            f"Dale: {name}", found, "of one sign for each presynaptic unit", "start from dale_weights(network)"
        )
    return (most + least).sign()
