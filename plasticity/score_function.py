"""The gradient of an expected loss by the likelihood of what neurons happened to fire: no derivative of a spike is needed."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import torch
from torch import Tensor

from ..neurons.chance import Stochastic
from ..neurons.errors import InvalidValue
from ..neurons.normalise import BatchNorm
from ..neurons.spiking import Membrane, NeuronLayer, Recurrent, Spiking
from .credit import Batch, Credit, LayeredNetwork, trainable

__all__ = ["ScoreFunction"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScoreFunction:
    """The expected loss's gradient where all spikes are fired by chance, without bias: each sample's loss times its score.

        dE[L]/dw = E[ (L - baseline) d log P(spikes)/dw + dL/dw at these spikes ]
        log P = Σ_t Σ_j  s log p + (1 - s) log(1 - p),   p that of the neuron's model given all spikes before

    Parameters   decay   of the baseline, the running mean of batches' losses, for each batch; 0 to below 1
    Factors      presynaptic: input filtered by the neuron; postsynaptic: (s - p) / width; third: the sample's loss, the same for
                 all synapses. What stands after the last spikes learns by its exact derivative
    State        the baseline, a float; None before the first batch, whose baseline is 0
    Memory       grows with time. Loops over steps and, for the losses, over samples in Python: slower than `BPTT`
    Raises       InvalidValue for neurons that fire by no chance (width 0, or another model), for layers that hide neurons in
                 themselves, `BatchNorm` in training mode, and an objective that is no mean over samples
    Source       Williams 1992, doi:10.1007/BF00992696 (REINFORCE); spikes: Jimenez Rezende & Gerstner 2014,
                 doi:10.3389/fncom.2014.00038
    Deviations   the baseline is of earlier batches only, so that it is independent of the draws it is compared with
    """

    decay: float = 0.9

    def __post_init__(self) -> None:
        if isinstance(self.decay, bool) or not isinstance(self.decay, int | float) or not 0.0 <= self.decay < 1.0:
            raise InvalidValue("ScoreFunction.decay", self.decay, "0 to below 1")

    def init(self, network: LayeredNetwork) -> None:
        _check(network)

    def gradients(self, network: LayeredNetwork, batch: Batch, state: float | None) -> Credit:
        _check(network)
        parameters = trainable(network)
        x, score = batch.x, torch.zeros(batch.x.shape[1], device=batch.x.device)
        for layer in network.layers:
            if isinstance(layer, Spiking):
                x, own = _fired(layer, x)
                score = score + own
            else:
                x, _ = layer(x)
        loss, losses = network.objective.loss(x, batch.target), _losses(network, x.detach(), batch.target)
        now = float(loss.detach())
        if not math.isclose(float(losses.mean()), now, rel_tol=1e-3, abs_tol=1e-6) and math.isfinite(now):
            raise InvalidValue("ScoreFunction: objective", type(network.objective).__name__, "a mean over samples")
        surprise = losses - (0.0 if state is None else state)
        found = torch.autograd.grad(loss + (surprise * score).mean(), list(parameters.values()), allow_unused=True)
        gradients = {name: g for name, g in zip(parameters, found, strict=True) if g is not None}
        mean = now if state is None else self.decay * state + (1.0 - self.decay) * now
        return Credit(loss.detach(), network.objective.scores(x.detach()), gradients, mean)


def _fired(layer: Spiking, x: Tensor) -> tuple[Tensor, Tensor]:
    """Spikes (time, batch, n), constants to the gradient, and the logarithm of their probability (batch,)."""
    x = x if x.is_floating_point() else x.to(torch.get_default_dtype())
    step, state = layer.step(x), layer.initial_state(x, x.shape[1])
    weight = layer.gain * layer.weight if isinstance(layer, Recurrent) else None
    spiked, fired, score = torch.zeros_like(x[0]), [], torch.zeros_like(x[0, :, 0])
    for current in x:
        state = step.integrate(state, current if weight is None else current + spiked @ weight)
        likely = step.probability(state)
        with torch.no_grad():
            spiked = (step.excess(state) >= 0.0).to(x.dtype)
        score = score + torch.where(spiked > 0.5, likely, 1.0 - likely).log().sum(-1)
        state = step.reset(state, spiked)
        fired.append(spiked)
    return torch.stack(fired), score


def _losses(network: LayeredNetwork, outputs: Tensor, target: Tensor) -> Tensor:
    """Of each sample, (batch,)."""
    own = [target[k : k + 1] if target.ndim == 1 else target[:, k : k + 1] for k in range(outputs.shape[1])]
    return torch.stack([network.objective.loss(outputs[:, k : k + 1], each) for k, each in enumerate(own)])


def _check(network: LayeredNetwork) -> None:
    """Raises InvalidValue for what would make the gradient another one than that of the expected loss."""
    for k, layer in enumerate(network.layers):
        place = f"ScoreFunction: layer {k}"
        if any(isinstance(each, NeuronLayer) for each in layer.modules() if each is not layer):
            raise InvalidValue(place, f"{type(layer).__name__} with neurons inside", "neurons as layers of their own")
        if isinstance(layer, NeuronLayer) and not isinstance(layer, Membrane):
            own_step = type(layer) not in (Spiking, Recurrent)
            if own_step or not isinstance(layer.neuron(), Stochastic) or not _noisy(layer):
                raise InvalidValue(
                    place, f"{type(layer).__name__} of {type(layer.neuron()).__name__}",
                    "Spiking or Recurrent of neurons that fire by chance, each with width > 0",
                    "e.g. ProbabilisticLIF(), or train by BPTT",
                )  # fmt: skip
        if isinstance(layer, BatchNorm) and layer.training:
            raise InvalidValue(place, "BatchNorm in training mode, which mixes samples", "layers that know each alone")


def _noisy(layer: Any) -> bool:
    return bool((torch.as_tensor(layer.neuron().width) > 0.0).all())
