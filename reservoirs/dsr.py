"""Networks of spiking neurons that learn by the derivative of their rates (differentiation on spike representation)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..neurons.dense import Dense
from ..neurons.errors import InvalidValue
from ..neurons.layer import Layer
from ..neurons.randomness import check_seed
from ..neurons.represented_spiking import RepresentedSpiking
from ..neurons.soft_reset_lif import SoftResetLIF
from ..plasticity.credit import Objective
from ..plasticity.objective import MeanCrossEntropy
from .layered import Feedforward

__all__ = ["dsr_network"]


def dsr_network(
    sizes: Sequence[int],
    *,
    tau_m: float = 1.0,
    dt: float = 0.05,
    v_threshold: float = 0.3,
    fire_at: float = 0.3,
    objective: Objective | None = None,
    seed: int = 0,
) -> Feedforward:
    """A multilayer perceptron of spikes: connections and `RepresentedSpiking` for each hidden size, connections at the end.

    It takes numbers as currents: an image is shown at each of T steps, x = image.expand(T, batch, n), which costs one step.
    Weights start uniform within ± 1 / sqrt(inputs), as torch's do; no biases.

    Parameters   sizes         [inputs, hidden..., outputs]
                 tau_m         membrane time constant, ms, > 0
                 dt            step, ms, > 0
                 v_threshold   what a spike takes off the membrane, mV, > 0. Its height is v_threshold / dt, the gain of the
                               connections that hear it
                 fire_at       share of v_threshold at which the membrane fires, > 0; below 1 a spike leaves it below rest, and
                               the rate comes nearer to the one that is differentiated
                 objective     default: cross-entropy of the outputs' mean, weighted as rates are
                 seed          of all initial weights; each layer's are a pure function of the seed and its place
    Raises       InvalidValue naming the field
    Source       Meng et al. 2022, arXiv 2205.00459; constants of Xiao et al. 2024, arXiv 2402.11984
    Deviations   thresholds are not trained
    """
    if len(sizes) < 2:
        raise InvalidValue("dsr_network: sizes", sizes, "at least [inputs, outputs]")
    check_seed("dsr_network: seed", seed)
    given = {"tau_m": tau_m, "dt": dt, "v_threshold": v_threshold, "fire_at": fire_at}
    for field, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 < value < float("inf"):
            raise InvalidValue(f"dsr_network: {field}", value, "> 0 and finite")
    neuron = SoftResetLIF(tau_m=tau_m, r_m=1.0, v_rest=0.0, v_threshold=fire_at * v_threshold, v_drop=v_threshold)
    layers: list[Layer] = []
    for k in range(len(sizes) - 1):
        drawn = int(np.random.SeedSequence((seed, k)).generate_state(1)[0])
        height = 1.0 if k == 0 else v_threshold / dt
        layers.append(Dense(sizes[k], sizes[k + 1], gain=height, bound=max(sizes[k], 1) ** -0.5, seed=drawn))
        if k < len(sizes) - 2:
            layers.append(RepresentedSpiking(sizes[k + 1], neuron, dt=dt))
    return Feedforward(layers, MeanCrossEntropy(tau_steps=tau_m / dt) if objective is None else objective)
