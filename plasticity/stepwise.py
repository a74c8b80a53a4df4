"""What rules that run forward in time ask of a network: a loss at each step, and layers that can be given step by step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..neurons.errors import InvalidValue
from ..neurons.normalise import BatchNorm, Count, Extend
from ..neurons.represented_spiking import RepresentedSpiking
from ..neurons.spiking import NeuronLayer
from .credit import Batch, LayeredNetwork

__all__ = ["check_stepwise", "detached", "given", "leak", "stepwise_target"]


def check_stepwise(rule: str, network: LayeredNetwork) -> None:
    """Raises InvalidValue naming what of the network cannot be known step by step, and what to take instead."""
    objective = network.objective
    if not hasattr(objective, "step_loss"):
        raise InvalidValue(
            f"{rule}: objective", type(objective).__name__, "one whose loss is known at each step (it has `step_loss`)",
            "take StepCrossEntropy or SquaredError, or train by BPTT",
        )  # fmt: skip
    inside = [(k, each) for k, outer in enumerate(network.layers) for each in outer.modules()]
    for k, layer in inside:
        name = f"{rule}: layer {k}"
        if isinstance(layer, BatchNorm) and layer.training:
            raise InvalidValue(
                name, "BatchNorm in training mode, whose mean is over all steps", "layers that know each step by itself",
                "leave it out, or train by BPTT",
            )  # fmt: skip
        if isinstance(layer, RepresentedSpiking):
            raise InvalidValue(
                name, "RepresentedSpiking, whose derivative is of a rate over all steps", "layers that know each step by itself",
                "take Spiking, or train by BPTT",
            )  # fmt: skip
        if isinstance(layer, Extend):
            raise InvalidValue(name, "Extend", "layers that answer each step", "append the silence to the data")
        if isinstance(layer, Count):
            raise InvalidValue(
                name, "Count", "layers that answer each step", "leave it out: the objective sums over time"
            )


def stepwise_target(network: LayeredNetwork, batch: Batch, output: Tensor) -> Tensor:
    """The target as `step_loss` takes it, checked against the first step's output (1, batch, n). Raises InvalidValue."""
    network.objective.loss(output.detach().expand(len(batch.x), *output.shape[1:]), batch.target)
    return batch.target if batch.target.is_floating_point() else batch.target.long()


def leak(rule: str, k: int, layer: NeuronLayer) -> float:
    """What the membranes of layer k keep from one step to the next. Raises InvalidValue unless it is one number."""
    neuron = layer.neuron()
    found = getattr(neuron.discretise(layer.dt), "decay_m", None)
    if found is None:
        raise InvalidValue(
            f"{rule}: layer {k}", type(neuron).__name__, "neurons with a leak (tau_m), as LIF, SoftResetLIF, AdaptiveLIF",
            "or train by SLTT or BPTT",
        )  # fmt: skip
    if "tau_m" in layer.learn or getattr(found, "ndim", 0) > 0:
        raise InvalidValue(
            f"{rule}: layer {k}", "time constants that differ between neurons or are learned", "one tau_m for the layer",
            "or train by SLTT or BPTT",
        )  # fmt: skip
    return float(found)


def detached(state: Any) -> Any:
    """The same state, through which no gradient flows."""
    if isinstance(state, Tensor):
        return state.detach()
    if isinstance(state, tuple):
        parts = [detached(part) for part in state]
        return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)
    if isinstance(state, list):
        return [detached(part) for part in state]
    if isinstance(state, dict):
        return {key: detached(part) for key, part in state.items()}
    return state


class _Given(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, carrier: Tensor) -> Tensor:
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor]:
        return None, grad


def given(value: Tensor, carrier: Tensor) -> Tensor:
    """`value`, bit for bit, with the gradient sent to `carrier` (of the same shape)."""
    made: Tensor = _Given.apply(value.detach(), carrier)  # type: ignore[no-untyped-call]
    return made
