"""A trained network of layers in the event loop: the same neurons, weights and spikes, one spike at a time.

A layer hears the layer before it in the same step; in the event loop a spike acts one step after it was fired. So the layer
of neurons number l (1, 2, ...) lives l steps later there than in torch, and `activity` takes the shift away. Until its time
comes a population rests: biases start with it, and a model that would drift is held where it starts by a current, or, if it
fires by chance, waits until its count of steps has come to 0.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..neurons import Current, InvalidValue, Neuron, Pulse, SpikeList, Stochastic
from ..neurons.lif import LIF
from ..neurons.normalise import Count, Extend
from ..neurons.represented_spiking import RepresentedSpiking
from ..neurons.spiking import Membrane, NeuronLayer, Recurrent, Spiking
from .connectivity import AllToAll, Pairs
from .layered import Feedforward
from .network import Network
from .population import Population
from .recording import Record, Spikes, Trace
from .result import Result
from .stages import Affine, composed, model_of, one_dt, stages_of

__all__ = ["EventNetwork", "event_network"]

_NEVER = 1e300  # mV, a threshold

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class EventNetwork:
    """What `event_network` makes.

    network       an ordinary one: more may be driven, connected and recorded
    input         the population that fires the sample's spikes
    populations   of each layer of neurons, by the layer's place in the trained network's `layers`
    steps         of the trained network's outputs
    readouts      the places of those that are membranes
    """

    network: Network
    input: Population
    populations: dict[int, Population]
    steps: int
    readouts: frozenset[int]

    @property
    def duration(self) -> float:
        """Until the last layer has heard the last step, ms."""
        return (self.steps + len(self.populations) + 1) * self.network.dt

    def run(self, *, record: Sequence[Record] = (), threads: int = 1, progress: bool = False) -> Result:
        """Run to the end, recording the spikes of every layer, v of membranes, and what is asked for besides."""
        own = [Spikes(cells) for place, cells in self.populations.items() if place not in self.readouts]
        own += [Trace(self.populations[place], "v") for place in self.readouts]  # type: ignore[misc]
        return self.network.run(self.duration, record=[*own, *record], threads=threads, progress=progress)

    def activity(self, result: Result) -> dict[int, NDArray[Any]]:
        """What each layer of neurons gave, by its place, aligned with torch: (steps, n), spikes as bool, membranes in mV."""
        found: dict[int, NDArray[Any]] = {}
        for shift, (place, cells) in enumerate(self.populations.items(), 1):
            if place in self.readouts:  # a trace is sampled at the start of a step: the end of the one before
                found[place] = result.trace(cells, "v").values[shift + 1 : shift + 1 + self.steps]
                continue
            spikes = result.spikes(cells)
            step = np.round(spikes.times / self.network.dt).astype(np.int64) - shift
            inside = (step >= 0) & (step < self.steps)
            found[place] = np.zeros((self.steps, len(cells)), np.bool_)
            found[place][step[inside], spikes.neurons[inside]] = True
        return found


def event_network(network: Feedforward, spikes: Any, *, sample: int = 0) -> EventNetwork:
    """Build the event loop's network that does what a trained network does in evaluation with one sample.

        event = event_network(trained, x[:, 0])
        layers = event.activity(event.run())

    Parameters   network   connections, normalisation and neurons of any model. Convolutions are unrolled into single synapses;
                           Extend lengthens the sample where it stands before all neurons; Count after the last neurons,
                           and what follows it, is left to the caller
                 spikes    one sample, 0 and 1, (steps, n_in) or (steps, channels, height, width)
                 sample    its number, by which neurons draw that fire by chance; in torch `network(x, samples=[number])`
    Returns      EventNetwork: `Pulse` synapses with the weights and delays, `Current` drives with the biases; a Membrane is a
                 LIF that cannot reach its threshold
    Raises       InvalidValue for input that is not spikes, and for layers that the event loop has no counterpart of

    Spikes are those of `network.double()`, up to rounding: a current's terms are summed in another order, so a neuron whose
    excess over threshold is within that rounding of 0 may fire in one and not in the other.
    """
    if isinstance(sample, bool) or not isinstance(sample, int | np.integer) or not 0 <= sample < 2**63:
        raise InvalidValue("event_network: sample", sample, "a whole number from 0 to 2**63 - 1")
    layers, extended = _without_ends(network)
    events = _as_spikes(spikes)
    dt = one_dt(layers.values(), "event_network")
    stages, rest = stages_of(layers, events.shape[1:], "event_network")
    if rest:
        raise InvalidValue(
            "event_network: the last layer", type(network.layers[-1]).__name__, "neurons", "add a Membrane"
        )
    net = Network(dt=dt)
    flat = events.reshape(len(events), -1)
    when, who = np.nonzero(flat)
    pre = source = net.population(flat.shape[1], SpikeList(times=when * dt, neurons=who), name="input")
    populations: dict[int, Population] = {}
    for shift, stage in enumerate(stages, 1):
        wiring, layer = composed(stage.connections), stage.neurons
        if wiring is None:
            name = f"event_network: layer {stage.place} ({type(layer).__name__})"
            raise InvalidValue(name, "neurons driven by the input itself", "connections before it", "put a Dense there")
        if isinstance(layer, Membrane) and shift < len(stages):
            raise InvalidValue(
                f"event_network: layer {stage.place} (Membrane)", "one of those between", "the last layer"
            )
        model = _model(layer)
        begun = {"sample": sample, "count": -shift} if isinstance(model, Stochastic) else None
        cells = net.population(layer.n, model, name=f"layer{stage.place}", initial=begun)
        _connect(net, pre, cells, wiring, dt)
        if isinstance(layer, Recurrent):
            weight = (layer.gain * layer.weight).detach().cpu().numpy()
            net.connect(cells, cells, AllToAll(), weight=weight, synapse=Pulse())
        if wiring.bias is not None:
            net.drive(cells, Current(amplitude=wiring.bias.cpu().numpy(), start=shift * dt))
        held = np.zeros(0) if begun else holding_current(model, dt, layer.n)
        if held.any():
            net.drive(cells, Current(amplitude=held, stop=shift * dt))
        populations[stage.place] = pre = cells
    readouts = frozenset(stage.place for stage in stages if isinstance(stage.neurons, Membrane))
    return EventNetwork(net, source, populations, len(events) + extended, readouts)


def _without_ends(network: Feedforward) -> tuple[dict[int, Any], int]:
    """The layers by place, doubled, without Extend before the neurons, nor Count and what follows after them; added steps."""
    if not isinstance(network, Feedforward):
        raise InvalidValue("event_network: network", type(network).__name__, "a Feedforward network")
    layers: dict[int, Any] = dict(enumerate(copy.deepcopy(network).double().layers))
    neurons = [place for place, layer in layers.items() if isinstance(layer, NeuronLayer)]
    counts = [place for place, layer in layers.items() if isinstance(layer, Count) and neurons and place > neurons[-1]]
    layers = {place: layer for place, layer in layers.items() if not counts or place < counts[0]}
    first = next((place for place, layer in layers.items() if isinstance(layer, NeuronLayer)), len(layers))
    before = [place for place, layer in layers.items() if place < first and isinstance(layer, Extend)]
    return layers, sum(layers.pop(place).steps for place in before)


def _as_spikes(spikes: Any) -> NDArray[np.bool_]:
    array = np.asarray(spikes.detach().cpu() if hasattr(spikes, "detach") else spikes)
    if array.ndim not in (2, 4) or 0 in array.shape:
        legal = "one sample (steps, n_in) or (steps, channels, height, width)"
        raise InvalidValue("event_network: spikes", f"shape {array.shape}", legal, "x[:, 0] is the first of a batch")
    if array.dtype.kind not in "biuf" or not ((array == 0) | (array == 1)).all():
        found = array[(array != 0) & (array != 1)][0] if array.dtype.kind in "iuf" else array.dtype
        raise InvalidValue(
            "event_network: spikes", found, "0 or 1: events", "encode numbers as spikes, e.g. encode_rate"
        )
    return array.astype(np.bool_)


def _model(layer: NeuronLayer) -> Neuron:
    model: Neuron = model_of(layer)
    if isinstance(layer, Membrane):
        if not isinstance(model, LIF):
            raise InvalidValue(
                "event_network: Membrane.neuron", type(model).__name__, "a LIF, whose threshold can be put away"
            )
        return dataclasses.replace(model, v_threshold=_NEVER)
    if not isinstance(layer, Spiking | RepresentedSpiking):
        legal = "Spiking, Recurrent, RepresentedSpiking or Membrane"
        raise InvalidValue("event_network: layer", type(layer).__name__, legal)
    return model


def _connect(net: Network, pre: Population, post: Population, wiring: Affine, dt: float) -> None:
    weight = wiring.weight.cpu().numpy()
    if wiring.delay is None:
        net.connect(pre, post, AllToAll(), weight=weight, synapse=Pulse())
        return
    row, column = np.divmod(np.arange(weight.size), weight.shape[1])
    delay = wiring.delay.cpu().numpy().ravel() * dt
    net.connect(pre, post, Pairs(row % wiring.n_in, column), weight=weight.ravel(), delay=delay, synapse=Pulse())


def holding_current(model: Any, dt: float, n: int) -> Floats:
    """The current under which neurons stay in their initial state; 0 for models that rest there. Shape (n,).

    Raises       InvalidValue where no current does
    """
    step, start = model.discretise(dt), model.initial_state()
    state = type(start)(*(np.broadcast_to(np.asarray(value, np.float64), (n,)) for value in start))
    current = np.zeros(n)
    for _ in range(50):
        drift = step.integrate(state, current).v - state.v
        if (np.abs(drift) <= 1e-14 * np.maximum(1.0, np.abs(state.v))).all():
            break
        slope = (step.integrate(state, current + 1e-3).v - state.v - drift) / 1e-3
        current = np.where(drift == 0.0, current, current - drift / np.where(slope == 0.0, 1.0, slope))
    after = step.integrate(state, current)
    moved = [np.abs(new - old) > 1e-9 * np.maximum(1.0, np.abs(old)) for new, old in zip(after, state, strict=True)]
    if np.any(moved) or (step.excess(state) >= 0.0).any():
        raise InvalidValue(
            f"event_network: {type(model).__name__}", "a model that leaves its initial state whatever the current",
            "one that rests there, or that a constant current holds",
        )  # fmt: skip
    return current
