"""Online training through time: traces of presynaptic spikes stand for what backpropagation through time remembers."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ..neurons.dense import Conv, Dense
from ..neurons.errors import InvalidValue
from ..neurons.layer import as_input
from ..neurons.maps import Maps
from ..neurons.spiking import NeuronLayer, Recurrent
from .blocks import check_unnested
from .credit import Batch, Credit, LayeredNetwork, trainable
from .stepwise import check_stepwise, detached, given, leak, stepwise_target

__all__ = ["OTTT"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class OTTT:
    """The error of each step, sent back through the layers of that step, times a trace of each input.

        trace[t] = leak trace[t-1] + s[t];   dL/dw_ij = (1/T) Σ_t δ_j[t] trace_i[t],   δ[t] = dL[t]/d current[t]

    The leak is that of the membranes that the connection ends on, so the trace is what an input of the past still does to
    them. A bias is a connection from an input of 1, and has its trace.

    Parameters   none
    Factors      presynaptic: trace; postsynaptic: surrogate derivative; third: the error of this step sent back through
                 the layers. With a leak of 0 it is `SLTT`; for one hidden layer of neurons that a spike lowers by a fixed
                 amount (`SoftResetLIF`) and a readout without memory it is `BPTT`
    State        None: traces start anew with every batch
    Memory       flat in time: a trace for each input of each connection
    Raises       InvalidValue for an objective without `step_loss`, a layer that cannot go step by step, and neurons that
                 have no leak or not the same one
    Source       Xiao et al. 2022, arXiv 2210.04195 (OTTT_A: gradients are summed over the sequence)
    Deviations   OTTT_O, which changes weights at every step, is not had from a rule that gives one gradient for a batch;
                 the first layer's input has a trace too, where the source takes the input itself, which is constant there;
                 recurrent spikes have one as well; the loss is the objective's own, without a squared error. A reset to a
                 fixed value, which the trace does not know of, makes it an approximation of the source's own
    """

    def init(self, network: LayeredNetwork) -> None:
        check_stepwise("OTTT", network)
        _leaks(network)

    def gradients(self, network: LayeredNetwork, batch: Batch, state: None) -> Credit:
        check_stepwise("OTTT", network)
        parameters, decays = trainable(network), _leaks(network)
        traces: dict[int, _Trace] = {k: _Trace(decay) for k, decay in decays.items()}
        states: list[Any] = [None] * len(network.layers)
        target, outputs, total = batch.target, [], dict[str, Tensor]()
        for t in range(len(batch.x)):
            x = batch.x[t : t + 1]
            for k, layer in enumerate(network.layers):
                x, states[k] = _step(layer, x, detached(states[k]), traces.get(k))
            outputs.append(x.detach())
            target = stepwise_target(network, batch, x) if t == 0 else target
            loss = network.objective.step_loss(x[0], target, t) / len(batch.x)
            found = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
            for name, gradient in zip(parameters, found, strict=True):
                if gradient is not None:
                    total[name] = total[name].add_(gradient) if name in total else gradient.clone()
        made = torch.cat(outputs)
        return Credit(network.objective.loss(made, batch.target), network.objective.scores(made), total, None)


class _Trace:
    """Of one connection's inputs, and of the 1 that its bias hears."""

    def __init__(self, decay: float) -> None:
        self.decay, self.spikes, self.one = decay, torch.zeros(()), 0.0

    def hear(self, x: Tensor) -> Tensor:
        self.spikes = self.decay * self.spikes + x.detach()
        self.one = self.decay * self.one + 1.0
        return self.spikes


def _step(layer: nn.Module, x: Tensor, state: Any, trace: _Trace | None) -> tuple[Tensor, Any]:
    """One step of a layer: its own output, with the gradient of its weights taken at the trace."""
    if trace is None:
        made: tuple[Tensor, Any] = layer(x, state)
        return made
    if isinstance(layer, Recurrent):
        if state is None:
            state = layer.initial_state(x, x.shape[1]), x.new_zeros(x.shape[1:])
        heard = trace.hear(state[1])
        x = given(x, x + layer.gain * heard @ layer.weight)
        held = {"weight": layer.weight.detach()}
        made = functional_call(layer, held, (x, state))
        return made
    assert isinstance(layer, Dense | Conv)
    x = as_input(x, layer.weight)
    heard = given(trace.hear(x), x)
    biased = {} if layer.bias is None else {"bias": layer.bias * trace.one}
    carrier, _ = functional_call(layer, biased, (heard, state))
    with torch.no_grad():
        value, state = layer(x, state)
    return given(value, carrier), state


def _leaks(network: LayeredNetwork) -> dict[int, float]:
    """For each layer with weights onto neurons, by its number, what a membrane keeps from one step to the next.

    Raises       InvalidValue
    """
    check_unnested("OTTT", network)
    layers = [layer.neurons if isinstance(layer, Maps) else layer for layer in network.layers]
    found = dict[int, float]()
    for k, layer in enumerate(layers):
        if isinstance(layer, Recurrent):
            found[k] = leak("OTTT", k, layer)
        elif isinstance(layer, Dense | Conv):
            after = [
                (j, other) for j, other in enumerate(layers) if j > k and isinstance(other, NeuronLayer | Dense | Conv)
            ]
            place, neurons = after[0] if after else (k, None)
            found[k] = leak("OTTT", place, neurons) if isinstance(neurons, NeuronLayer) else 0.0
        elif not isinstance(layer, NeuronLayer) and getattr(layer, "weight", None) is not None:
            raise InvalidValue(
                f"OTTT: layer {k}",
                type(layer).__name__,
                "Dense, Conv, or a layer without weights",
                "or train by SLTT or BPTT",
            )
    return found
