"""Spiking neurons that learn by the derivative of their firing rate, without a surrogate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from . import lif_scan
from .errors import InvalidValue
from .layer import check_features
from .lif import LIFState
from .soft_reset_lif import SoftResetLIF
from .spike_product import same_at_every_step
from .spiking import NeuronLayer
from .surrogate import StraightThrough

__all__ = ["RepresentedSpiking", "later_weighs_more"]

_UNUSED = StraightThrough()  # the scan asks for a surrogate, also where it will have no gradient


def later_weighs_more(steps: int, tau_steps: float) -> list[float]:
    """Weights of the steps t = 1 ... T of an average: exp(-(T - t) / tau_steps), over their sum."""
    weights = np.exp((np.arange(steps) + 1.0 - steps) / tau_steps)
    return [float(weight) for weight in weights / weights.sum()]


class RepresentedSpiking(NeuronLayer):
    """n neurons whose spikes are `Spiking`'s, and whose derivative is that of the rate which the spikes represent.

        w[t] = exp(-(T - t) dt / tau_m), t = 1 ... T;     mean(I) = Σ w I / Σ w;     rate = Σ w spikes / Σ w, spikes a step
        taken to be   rate = clamp(dt r_m mean(I) / (tau_m v_drop), 0, 1)
        so   dL/dI[t] = (Σ w dL/dspikes / Σ w) dt r_m / (tau_m v_drop) where 0 < rate < 1, else 0

    That is the same at every step, and is given back with stride 0 along time: `Dense` then has one step to send back.

    Parameters   n        neurons, >= 1
                 neuron   a `SoftResetLIF` without refractory time, one value of each parameter for all neurons
                 dt       step, ms, > 0
                 seed     without effect, as the parameters are numbers
    Input        currents (time, batch, n), nA; output of the same shape, 0 and 1. A spike of height V = v_drop / dt, as the
                 source has it, is the `gain` V of the connections after it
    State        the model's, (batch, n). The rate is one of a whole sequence, so pieces are taken without gradients only
    Raises       InvalidValue, also for rules that go step by step (`OTTT`, `SLTT`, `EProp`), when they are given the network
    Source       Meng et al. 2022, arXiv 2205.00459; constants as in Xiao et al. 2024, arXiv 2402.11984
    Deviations   the source trains thresholds (in a first task); here they stay. The slope is the source's dt / tau_m, where
                 Σ w spikes = ((1 - d) Σ w r_m I - (v - v_rest) at the end) / v_drop, d = exp(-dt / tau_m), holds exactly:
                 1 - d is 2.5 % less at tau_m = 20 dt. What is left on the membrane, and v_threshold, do not enter the
                 derivative. As in the source's program an error that is weighted in time (`MeanCrossEntropy`) is weighted
                 once more here, which makes it T Σ w² / (Σ w)² times as large: 1.08 for T = tau_m / dt steps, more for
                 longer sequences
    """

    def __init__(self, n: int, neuron: SoftResetLIF, *, dt: float = 1.0, seed: int = 0) -> None:
        if type(neuron) is not SoftResetLIF:
            found = type(neuron).__name__
            raise InvalidValue(
                "RepresentedSpiking.neuron", found, "a SoftResetLIF", "or take Spiking, with a surrogate gradient"
            )
        super().__init__(n, neuron, dt=dt, seed=seed)
        if any(np.ndim(value) for value in self._step):
            legal = "a number for each parameter, the same for all neurons"
            raise InvalidValue(
                "RepresentedSpiking.neuron", "parameters that differ between neurons", legal, "or take Spiking"
            )
        if self._step.refractory_steps > 0.0:
            found = f"t_refractory = {neuron.t_refractory} ms"
            raise InvalidValue("RepresentedSpiking.neuron", found, "no refractory time: rates up to a spike a step")

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        check_features("RepresentedSpiking: x", x, self.n)
        x = self._currents(x, state)
        if not (x.requires_grad and torch.is_grad_enabled()):
            return self._fire(x, state)
        if state is not None:
            legal = "a whole sequence, over which rates are had"
            raise InvalidValue("RepresentedSpiking: x", "a piece of a sequence", legal, "train by BPTT")
        spikes, *last = _Represented.apply(x, self)  # type: ignore[no-untyped-call]
        return spikes, LIFState(*last)

    def _fire(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Spikes and the state at the end, of which nothing is kept for a gradient."""
        step = self.step(x)
        state = self.initial_state(x, x.shape[1]) if state is None else state
        with torch.no_grad():
            if lif_scan.can_fire(step, state, x):
                return lif_scan.fire(step, state, x, _UNUSED, 1.0)
            spikes = []
            for current in x:
                state = step.integrate(state, current)
                spikes.append((step.excess(state) >= 0.0).to(x.dtype))
                state = step.reset(state, spikes[-1])
            return torch.stack(spikes), state

    def _weights(self, steps: int) -> list[float]:
        return later_weighs_more(steps, self.neuron().tau_m / self.dt)

    def _slope(self) -> float:
        """Of the rate, spikes a step, over the mean current."""
        neuron: SoftResetLIF = self.neuron()
        return float(self.dt * neuron.r_m / (neuron.tau_m * neuron.v_drop))

    def extra_repr(self) -> str:
        return f"{self.n}, {type(self._neuron).__name__}, dt={self.dt}"


class _Represented(torch.autograd.Function):
    """(x, layer) to (spikes, state at the end): backward through the clamped rate."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, layer: RepresentedSpiking) -> tuple[Tensor, ...]:
        ctx.layer = layer
        rate = layer._slope() * _mean(x, layer._weights(len(x)))
        ctx.save_for_backward((rate > 0.0) & (rate < 1.0))
        spikes, state = layer._fire(x)
        ctx.mark_non_differentiable(*state)
        ctx.set_materialize_grads(False)
        return spikes, *state

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor | None, *_: Any) -> tuple[Tensor | None, None]:
        if grad is None:
            return None, None
        (passes,) = ctx.saved_tensors
        of_rate = _mean(grad, ctx.layer._weights(len(grad))) * passes
        return (of_rate * ctx.layer._slope()).expand(grad.shape), None


def _mean(x: Tensor, weights: Sequence[float]) -> Tensor:
    """The mean over time, step after step, so that no number of threads changes its rounding."""
    if same_at_every_step(x):
        return x[0]
    total = weights[0] * x[0]
    for weight, now in zip(weights[1:], x[1:], strict=True):
        total.add_(now, alpha=weight)
    return total
