"""Online training through time: traces of presynaptic spikes stand for what backpropagation through time remembers."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.grad import conv2d_weight

from ..neurons.dense import Conv, Dense
from ..neurons.errors import InvalidValue
from ..neurons.layer import as_input
from ..neurons.maps import Maps
from ..neurons.spike_product import full_product
from ..neurons.spiking import NeuronLayer, Recurrent
from .blocks import check_unnested
from .credit import Batch, Credit, LayeredNetwork, trainable
from .factors import tell
from .stepwise import check_stepwise, detached, leak, stepwise_target
from .transport import carried

__all__ = ["OTTT"]

_TOGETHER = 8  # steps whose currents are computed, and whose errors are sent back, at a time


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
    Memory       flat in time: a trace for each input of each connection, for a few steps at a time
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
        parameters = trainable(network)
        names = {id(value): name for name, value in parameters.items()}
        traces = {k: _Trace(network.layers[k], decay) for k, decay in _leaks(network).items()}
        traced = {id(value) for trace in traces.values() for value in trace.weights}
        others = [value for value in parameters.values() if id(value) not in traced]
        states: list[Any] = [None] * len(network.layers)
        target, outputs, total = batch.target, [], dict[str, Tensor]()
        for start in range(0, len(batch.x), _TOGETHER):
            x, reached = batch.x[start : start + _TOGETHER], list[tuple[_Trace, Tensor]]()
            for k, layer in enumerate(network.layers):
                if (trace := traces.get(k)) is None:
                    x, states[k] = _each(layer, x, states[k])
                else:
                    x, states[k], current = trace.through(x, states[k])
                    reached += [(trace, current)] if current.requires_grad else []
            outputs.append(x.detach())
            target = stepwise_target(network, batch, x[:1]) if start == 0 else target
            losses = [network.objective.step_loss(now, target, start + t) for t, now in enumerate(x)]
            loss = torch.stack(losses).sum() / len(batch.x)
            found = torch.autograd.grad(loss, [*others, *(current for _, current in reached)], allow_unused=True)
            pieces = list(zip(others, found, strict=False))
            for (trace, _), error in zip(reached, found[len(others) :], strict=True):
                pieces += [] if error is None else trace.gradients(error)
            for value, piece in pieces:
                if piece is not None and (name := names.get(id(value))) is not None:
                    total[name] = total[name].add_(piece) if name in total else piece.clone()
        made = torch.cat(outputs)
        gradients = {name: total[name] for name in parameters if name in total}
        return Credit(network.objective.loss(made, batch.target), network.objective.scores(made), gradients, None)


class _Trace:
    """Of one layer's inputs, and of the 1 that its bias hears: what its gradients are products of, with the error."""

    def __init__(self, layer: Any, decay: float) -> None:
        self.layer, self.decay, bias = layer, decay, getattr(layer, "bias", None)
        self.weights: list[Tensor] = [layer.weight] if bias is None else [layer.weight, bias]
        self.learns = any(value.requires_grad for value in self.weights)
        self.spikes, self.ones = torch.zeros(1), [0.0]  # at each of the last steps

    def through(self, x: Tensor, state: Any) -> tuple[Tensor, Any, Tensor]:
        """Some steps of the layer: its output, its state, and the current whose error its weights learn from."""
        layer, x = self.layer, as_input(x, self.layer.weight)
        if isinstance(layer, Recurrent):
            first = x.new_zeros(x.shape[1:]) if state is None else state[1]
            x = x.detach().requires_grad_() if self.learns and not x.requires_grad else x
            made, state = _each(layer, x, state, {"weight": layer.weight.detach()})
            self._hear(torch.cat([first[None], made[:-1]]))
            return made, state, x
        self._hear(x)
        with torch.no_grad():
            current, state = layer(x, state)
        current = carried(current, x, layer, layer.weight.detach())
        current = current.requires_grad_() if self.learns and not current.requires_grad else current
        tell(layer, self.spikes, current)
        return current, state, current

    def gradients(self, error: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Each of the layer's weights and the part of its gradient that is of these steps."""
        layer, error = self.layer, self.layer.gain * error
        rows, errors = self.spikes.flatten(0, 1), error.flatten(0, 1)
        if isinstance(layer, Conv):
            shape, stride, padding = layer.weight.shape, layer.stride, layer.padding
            found = conv2d_weight(rows, shape, errors, stride=stride, padding=padding)  # type: ignore[no-untyped-call]
        else:
            found = full_product(rows.t()[None], errors)[0]
        found = [found]
        if len(self.weights) > 1:
            found.append(
                sum(one * now.transpose(0, 1).flatten(1).sum(1) for one, now in zip(self.ones, error, strict=True))
            )
        return list(zip(self.weights, found, strict=True))

    def _hear(self, x: Tensor) -> None:
        made, ones, last = torch.empty(x.shape, dtype=x.dtype, device=x.device), [self.ones[-1]], self.spikes[-1]
        for t, now in enumerate(x.detach()):
            last = torch.add(now, last, alpha=self.decay, out=made[t])
            ones.append(self.decay * ones[-1] + 1.0)
        self.spikes, self.ones = made, ones[1:]


def _each(layer: nn.Module, x: Tensor, state: Any, held: dict[str, Tensor] | None = None) -> tuple[Tensor, Any]:
    """Step after step, each with the state before it as a constant, and with these weights in place of the layer's own."""
    made = []
    for t in range(len(x)):
        step = (x[t : t + 1], detached(state))
        out, state = functional_call(layer, held, step) if held else layer(*step)
        made.append(out)
    return torch.cat(made), state


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
