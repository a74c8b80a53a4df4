"""e-prop: eligibility traces that each synapse keeps by itself, met by a learning signal from the output."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..neurons.dense import Dense
from ..neurons.errors import InvalidValue
from ..neurons.layer import as_input
from ..neurons.spiking import Membrane, NeuronLayer, Recurrent, Spiking
from .credit import Batch, Credit, LayeredNetwork, trainable
from .eligibility import Eligibility, run_window
from .feedback import Feedback, SymmetricFeedback
from .stepwise import check_stepwise, leak, stepwise_target

__all__ = ["EProp"]

_WINDOW = 32  # steps computed at a time: changes neither the result nor what it means, only time and memory


@dataclasses.dataclass(frozen=True, kw_only=True)
class EProp:
    """The gradient of which every factor is known where and when it is needed: trace of the synapse, signal of the neuron.

        dL/dw_ij = Σ_t signal_j[t] Σ_{t'<=t} kappa^(t-t') e_ji[t'],   signal_j[t] = Σ_k B_jk dL/dy_k[t]
        e_ji[t] = (ds_j[t]/dx_j[t]) . vector_ji[t],   vector_ji[t] = dx_j[t]/dx_j[t-1] vector_ji[t-1] + dx_j[t]/dw_ij

    for a neuron of any model with state x_j; kappa is the leak of the readout. For `LIF` the vector is the presynaptic trace
    with the membrane's leak, stopped where the neuron resets; for `AdaptiveLIF` it has a second, slow entry. Readout weights
    get their exact gradient: the error times filtered spikes.

    Parameters   feedback       B: `SymmetricFeedback()` (the readout's weights), `RandomFeedback()`, `AdaptiveFeedback()`
                 adaptation     whether what a spike does to state variables other than v (an adaptation) is credited to the
                                state that fired; without, the gradient is that of `BPTT` here, which holds all resets
                 rate_penalty   of the rate regularisation rate_penalty/2 Σ_j (f_j - target_rate)², loss per Hz²; f_j is the
                                neuron's mean rate over steps and batch. 0: none
                 target_rate    Hz
    Factors      presynaptic: eligibility vector; postsynaptic: surrogate derivative; third: `signal`. With symmetric feedback
                 and without recurrent weights it is `BPTT` of one hidden layer; with a single step also `SLTT` and `OTTT`
    State        the feedback's
    Memory       flat in time: for each sample and synapse its vector and filtered trace, beyond the first 32 steps
    Raises       InvalidValue for an objective without `step_loss` and for layers other than Dense, Spiking or Recurrent, ...,
                 Dense, and at the end, if any, Membrane with one leak
    Source       Bellec et al. 2020, doi:10.1038/s41467-020-17236-y, with its published program
    Deviations   a mean of step losses where the source has a sum; rates in Hz, where its program has kHz (its penalty 300 is
                 3e-4 here); a reset to a fixed value ends a vector, where the source's reset by subtraction does not; several
                 hidden layers, each with its own B, are ours. The loss that is returned is without the rate penalty.
                 Neurons that fire by chance have the derivative of their probability for the surrogate's
    """

    feedback: Feedback = dataclasses.field(default_factory=SymmetricFeedback)
    adaptation: bool = True
    rate_penalty: float = 0.0
    target_rate: float = 10.0

    def __post_init__(self) -> None:
        if not (hasattr(self.feedback, "start") and hasattr(self.feedback, "matrices")):
            raise InvalidValue("EProp.feedback", self.feedback, "a feedback", "e.g. RandomFeedback(seed=1)")
        for name in ("rate_penalty", "target_rate"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise InvalidValue(f"EProp.{name}", getattr(self, name), ">= 0 and finite")

    def init(self, network: LayeredNetwork) -> Any:
        plan = _plan(network)
        return self.feedback.start([hidden.neurons.n for hidden in plan.hidden], plan.readout.weight)

    def gradients(self, network: LayeredNetwork, batch: Batch, state: Any) -> Credit:
        plan = _plan(network)
        matrices, state = self.feedback.matrices(state, plan.readout.weight)
        readout, time = _Readout(plan), len(batch.x)
        traces = [Eligibility(readout.decay, averaged=self.rate_penalty > 0.0) for _ in plan.hidden]
        lasts: list[Any] = [None] * len(plan.hidden)
        rates: list[Any] = [0.0] * len(plan.hidden)
        outputs, target = [], batch.target
        for start in range(0, time, _WINDOW):
            x = as_input(batch.x[start : start + _WINDOW], plan.readout.weight)
            ran, pres = [], []
            for k, hidden in enumerate(plan.hidden):
                with torch.no_grad():
                    current, _ = hidden.connections(x)
                window = run_window(hidden.neurons, current, lasts[k], adaptation=self.adaptation)
                pres.append(_presynaptic(hidden, x, window.heard))
                ran.append(window)
                x, lasts[k] = window.spikes, window.last
                rates[k] = rates[k] + window.spikes.mean(1).sum(0) / time * (1e3 / hidden.neurons.dt)
            output = readout.run(x)
            target = stepwise_target(network, batch, output[:1]) if start == 0 else target
            error = _error(network, output, target, start, time)
            readout.learn(error)
            outputs.append(output)
            for window, pre, matrix, trace in zip(ran, pres, matrices, traces, strict=True):
                signal = error @ (readout.gain * matrix).T
                trace.add(window.responses, signal, pre, last=start + _WINDOW >= time)
        found = readout.gradients()
        for hidden, trace, rate in zip(plan.hidden, traces, rates, strict=True):
            total = trace.by_signal
            if trace.averaged:
                per_trace = (
                    self.rate_penalty * (rate - self.target_rate) * 1e3 / (hidden.neurons.dt * time * batch.x.shape[1])
                )
                total = total + trace.by_one * per_trace
            found |= _divided(hidden, total)
        made = torch.cat(outputs)
        gradients = {name: found[id(value)] for name, value in trainable(network).items() if id(value) in found}
        return Credit(network.objective.loss(made, batch.target), network.objective.scores(made), gradients, state)


class _Hidden(NamedTuple):
    connections: Dense
    neurons: Spiking


class _Plan(NamedTuple):
    hidden: list[_Hidden]
    readout: Dense
    membrane: Membrane | None
    decay: float


class _Readout:
    """The output's connections and membranes over windows: outputs, and the exact gradient of the weights."""

    def __init__(self, plan: _Plan) -> None:
        self.dense, self.membrane, self.decay = plan.readout, plan.membrane, plan.decay
        self.gain = self.dense.gain  # mV of the output for one spike and unit of weight, in the step of the spike
        if self.membrane is not None:
            self.gain *= float(self.membrane.neuron().r_m) * (1.0 - self.decay)
        self._state: Any = None
        self._filtered: Any = 0.0
        self._window: list[Tensor] = []
        self._total: Any = 0.0

    def run(self, spikes: Tensor) -> Tensor:
        with torch.no_grad():
            output, _ = self.dense(spikes)
            if self.membrane is not None:
                output, self._state = self.membrane(output, self._state)
        self._window = []
        for pre in _with_one(self.dense, spikes):
            self._filtered = self.decay * self._filtered + pre
            self._window.append(self._filtered)
        return output

    def learn(self, error: Tensor) -> None:
        self._total = self._total + torch.stack(self._window).flatten(0, 1).T @ error.flatten(0, 1)

    def gradients(self) -> dict[int, Tensor]:
        return _shared_out(self.dense, self.gain * self._total)


def _error(network: LayeredNetwork, output: Tensor, target: Tensor, start: int, time: int) -> Tensor:
    """The derivative of the loss by each output of a window, (T, batch, outputs)."""
    with torch.enable_grad():
        output = output.detach().requires_grad_()
        losses = [network.objective.step_loss(each, target, start + t) for t, each in enumerate(output)]
        (found,) = torch.autograd.grad(torch.stack(losses).sum() / time, [output])
    return found


def _with_one(dense: Dense, x: Tensor) -> Tensor:
    """x, and the 1 that a bias hears."""
    return x if dense.bias is None else torch.cat([x, x.new_ones((*x.shape[:-1], 1))], -1)


def _presynaptic(hidden: _Hidden, x: Tensor, heard: Tensor) -> Tensor:
    """All that a layer hears: its input, the bias's 1, its own spikes of the step before."""
    x = _with_one(hidden.connections, x)
    return torch.cat([x, heard], -1) if isinstance(hidden.neurons, Recurrent) else x


def _divided(hidden: _Hidden, total: Tensor) -> dict[int, Tensor]:
    """The gradients of a hidden layer, by the identity of its parameters; the reverse of `_presynaptic`."""
    found: dict[int, Tensor] = {}
    if isinstance(hidden.neurons, Recurrent):
        n = hidden.neurons.n
        found[id(hidden.neurons.weight)] = hidden.neurons.gain * total[-n:]
        total = total[:-n]
    return found | _shared_out(hidden.connections, hidden.connections.gain * total)


def _shared_out(dense: Dense, total: Tensor) -> dict[int, Tensor]:
    found = {id(dense.weight): total[: dense.n_in]}
    return found if dense.bias is None else found | {id(dense.bias): total[-1]}


def _plan(network: LayeredNetwork) -> _Plan:
    """The network's parts. Raises InvalidValue."""
    check_stepwise("EProp", network)
    layers = list(network.layers)
    last = layers[-1]
    membrane = last if isinstance(last, Membrane) else None
    fix = "or train by OTTT, SLTT or BPTT"
    dense: list[Dense] = []
    neurons: list[Spiking] = []
    for k, layer in enumerate(layers if membrane is None else layers[:-1]):
        if k % 2 == 0 and isinstance(layer, Dense):
            dense.append(layer)
        elif k % 2 == 1 and isinstance(layer, Spiking):
            neurons.append(layer)
        else:
            name = "neurons (Spiking, Recurrent)" if k % 2 else "connections (Dense)"
            raise InvalidValue(f"EProp: layer {k}", type(layer).__name__, name, fix)
        if isinstance(layer, NeuronLayer) and layer.learn:
            legal = "without learned parameters of neurons"
            raise InvalidValue(f"EProp: layer {k}", f"learn={layer.learn}", legal, f"take learn=(), {fix}")
    if len(dense) != len(neurons) + 1:
        legal = "after the readout's connections (Dense), if anything Membrane"
        raise InvalidValue(f"EProp: layer {len(layers) - 1}", type(last).__name__, legal, fix)
    decay = 0.0 if membrane is None else leak("EProp", len(layers) - 1, membrane)
    hidden = [_Hidden(*pair) for pair in zip(dense, neurons, strict=False)]
    return _Plan(hidden, dense[-1], membrane, decay)
