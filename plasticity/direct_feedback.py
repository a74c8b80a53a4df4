"""Direct feedback alignment: the output's error reaches every layer of neurons at once, through random matrices."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..neurons.dense import Conv, Dense
from ..neurons.errors import InvalidValue
from ..neurons.spiking import Spiking
from .credit import Batch, Credit, LayeredNetwork, trainable
from .delays import DelayedDense
from .feedback import Feedback, RandomFeedback

__all__ = ["DirectFeedback"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class DirectFeedback:
    """Each hidden layer takes a random image of the output's error for the derivative of its spikes, and learns on its own.

        error[t] = dL/d current[t] into the output;   dL/ds_l[t] := gain B_l error[t]
        dL/dw_l = Σ_t (dL/ds_l[t]) ds_l[t]/dw_l,   through the time of layer l's own neurons, its input held

    Parameters   feedback   B: `RandomFeedback()`, or for one hidden layer another; with `SymmetricFeedback()` that is `BPTT`
    Factors      presynaptic activity; postsynaptic: surrogate derivative, through the neuron's own time; third: B error
    State        the feedback's
    Memory       grows with time, as each layer's own past is kept until the error is known
    Raises       InvalidValue for a network whose last connections are not Dense
    Source       Nokland 2016, arXiv 1609.01596; Launay et al. 2020, arXiv 2006.12878; in time as each layer's own part of
                 backpropagation: ours
    Deviations   the sources' networks have no time; the scale of B is that of the readout's weights at first. The error is
                 taken at the output's current, so that a leaky readout's memory is its own, not the hidden layers'
    """

    feedback: Feedback = dataclasses.field(default_factory=RandomFeedback)

    def __post_init__(self) -> None:
        if not (hasattr(self.feedback, "start") and hasattr(self.feedback, "matrices")):
            raise InvalidValue("DirectFeedback.feedback", self.feedback, "a feedback", "e.g. RandomFeedback(seed=1)")

    def init(self, network: LayeredNetwork) -> Any:
        plan = _plan(network)
        return self.feedback.start([_neurons(block) for block in plan.hidden], plan.readout.weight)

    def gradients(self, network: LayeredNetwork, batch: Batch, state: Any) -> Credit:
        plan = _plan(network)
        names = {id(value): name for name, value in trainable(network).items()}
        matrices, state = self.feedback.matrices(state, plan.readout.weight)
        x, made = batch.x, []
        for block in plan.hidden:
            made.append(_through(block, x))
            x = made[-1].detach()
        current = _through(plan.output, x)
        outputs = _through(plan.head, current)
        loss = network.objective.loss(outputs, batch.target)
        own = _parameters([*plan.output, *plan.head], names)
        error, *of_output = torch.autograd.grad(loss, [current, *own], allow_unused=True)
        gradients = dict(zip(own, of_output, strict=True))
        signal = plan.readout.gain * error.flatten(2)
        for block, spikes, matrix in zip(plan.hidden, made, matrices, strict=True):
            own = _parameters(block, names)
            if own:
                found = torch.autograd.grad(spikes, own, signal @ matrix.T, allow_unused=True)
                gradients |= dict(zip(own, found, strict=True))
        reached = {names[id(value)]: gradient for value, gradient in gradients.items() if gradient is not None}
        by_name = {name: reached[name] for name in names.values() if name in reached}
        return Credit(loss.detach(), network.objective.scores(outputs.detach()), by_name, state)


class _Plan(NamedTuple):
    """hidden: layers up to and including each layer of neurons; output: those up to the readout's connections; head: the rest."""

    hidden: list[list[nn.Module]]
    output: list[nn.Module]
    readout: Dense
    head: list[nn.Module]


def _plan(network: LayeredNetwork) -> _Plan:
    layers = list(network.layers)
    places = [k for k, layer in enumerate(layers) if isinstance(layer, Dense | Conv | DelayedDense)]
    readout = layers[places[-1]] if places else None
    if not isinstance(readout, Dense):
        found = "none" if readout is None else type(readout).__name__
        raise InvalidValue("DirectFeedback: the last connections", found, "Dense", "or train by BPTT")
    last, start, hidden = places[-1], 0, []
    for k, layer in enumerate(layers[:last]):
        if isinstance(layer, Spiking):
            hidden.append(layers[start : k + 1])
            start = k + 1
    return _Plan(hidden, layers[start : last + 1], readout, layers[last + 1 :])


def _through(layers: list[nn.Module], x: Tensor) -> Tensor:
    for layer in layers:
        x, _ = layer(x)
    return x


def _parameters(layers: list[nn.Module], names: dict[int, str]) -> list[Tensor]:
    return [value for layer in layers for value in layer.parameters() if id(value) in names]


def _neurons(block: list[nn.Module]) -> int:
    neurons = block[-1]
    assert isinstance(neurons, Spiking)
    return neurons.n
