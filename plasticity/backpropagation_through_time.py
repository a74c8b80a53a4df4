"""Backpropagation through time with surrogate gradients: the baseline of every other rule."""

from __future__ import annotations

import dataclasses

import torch

from .credit import Batch, Credit, LayeredNetwork, trainable

__all__ = ["BPTT"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class BPTT:
    """The gradient of the loss through all layers and all steps, spikes by their surrogate derivative.

        dL/dw = Σ_t dL/ds[t] ds[t]/dw,  with ds/d(excess) replaced by the surrogate

    Parameters   none
    Factors      presynaptic activity, postsynaptic surrogate derivative, error sent back through weights and time
    Source       Neftci, Mostafa & Zenke 2019, doi:10.1109/MSP.2019.2931595
    Deviations   resets are constants to the gradient, as `Spiking` has it; memory grows with time
    """

    def init(self, network: LayeredNetwork) -> None:
        return None

    def gradients(self, network: LayeredNetwork, batch: Batch, state: None) -> Credit:
        parameters = trainable(network)
        outputs, _ = network(batch.x)
        loss = network.objective.loss(outputs, batch.target)
        found = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
        gradients = {name: g for name, g in zip(parameters, found, strict=True) if g is not None}
        return Credit(loss.detach(), network.objective.scores(outputs.detach()), gradients, None)
