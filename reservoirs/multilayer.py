"""Networks of rate neurons, on which rules are compared that know no time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..neurons.dense import Dense
from ..neurons.errors import InvalidValue
from ..neurons.layer import Layer
from ..neurons.randomness import check_seed
from ..neurons.rate import Activation, Rate, Tanh
from ..plasticity.credit import Objective
from .layered import Feedforward

__all__ = ["perceptron"]


def perceptron(
    sizes: Sequence[int],
    *,
    activation: Activation | None = None,
    bias: bool = False,
    objective: Objective | None = None,
    seed: int = 0,
) -> Feedforward:
    """A multilayer perceptron: connections and rate neurons for each hidden size, connections to the outputs at the end.

    It takes sequences of one step, (1, batch, features). Weights start uniform within ± 1 / sqrt(inputs), as torch's do.

    Parameters   sizes        [inputs, hidden..., outputs]
                 activation   of hidden neurons; default Tanh()
                 bias         whether units have one, at first 0
                 objective    default: cross-entropy
                 seed         of all initial weights; each layer's are a pure function of the seed and its place
    Raises       InvalidValue naming the field
    """
    if len(sizes) < 2:
        raise InvalidValue("perceptron: sizes", sizes, "at least [inputs, outputs]")
    check_seed("perceptron: seed", seed)
    layers: list[Layer] = []
    for k in range(len(sizes) - 1):
        drawn = int(np.random.SeedSequence((seed, k)).generate_state(1)[0])
        bound = max(sizes[k], 1) ** -0.5
        layers.append(Dense(sizes[k], sizes[k + 1], bias=bias, bound=bound, seed=drawn))
        if k < len(sizes) - 2:
            layers.append(Rate(Tanh() if activation is None else activation))
    return Feedforward(layers, objective)
