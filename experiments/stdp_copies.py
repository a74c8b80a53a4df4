"""A layer of neurons that hears many samples at once: one copy of the layer for each, none of which hears another.

So a sample's spikes are what they would be alone, to the last bit: every copy begins in the model's initial state, and what
arrives at a neuron is summed in the order of its own copy's neurons.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..neurons import Current, Delta, Neuron, SpikeList, Stochastic, Synapse, SynfireError
from ..reservoirs import Network, Pairs

__all__ = ["Layer", "NeuronsDiverged", "count_spikes", "refuse_divergence", "respond_in_copies"]

Floats = NDArray[np.float64]


class NeuronsDiverged(SynfireError, ArithmeticError):
    """A neuron's state is no longer a finite number."""


_TOGETHER = 64  # samples in one network: memory grows with them, while building one and playing into it costs the same


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """Neurons with frozen weights and what they do to each other.

    Parameters   neuron       model without distributions: numbers, or arrays of shape (n,)
                 weights      what a spike delivers, the synapse's unit, (channels, n); or one such table for each copy,
                              (copies, channels, n)
                 held         constant current, the neuron's unit, shape (n,)
                 inhibition   what a spike takes from the potential of every other neuron, mV
                 synapse      kind of the synapses from channels
                 dt           ms
                 seed         of a model that draws
    """

    neuron: Neuron
    weights: Floats
    held: Floats
    inhibition: float
    synapse: Synapse
    dt: float
    seed: int = 0


def respond_in_copies(layer: Layer, spikes: NDArray[np.uint8], *, number: int = 0, threads: int = 1) -> NDArray[np.uint8]:
    """Spikes of the layer for every sample, (time, sample, n); `spikes` is (time, sample, channel), `number` the first's.

    Raises       NeuronsDiverged where a neuron's state is no longer a finite number
    """
    n = layer.weights.shape[-1]
    found = np.zeros((*spikes.shape[:2], n), np.uint8)
    for first, running, pieces in _runs(layer, spikes, threads, number):
        for steps, neurons in pieces:
            found[steps, first + neurons // n, neurons % n] = 1
        refuse_divergence(running)
    return found


def count_spikes(layer: Layer, spikes: NDArray[np.uint8], *, threads: int = 1) -> NDArray[np.int64]:
    """Number of spikes of each neuron for every sample, (sample, n); a neuron that diverges is silent from then on."""
    n = layer.weights.shape[-1]
    found = np.zeros(spikes.shape[1] * n, np.int64)
    for first, _, pieces in _runs(layer, spikes, threads):
        for _, neurons in pieces:
            found += np.bincount(first * n + neurons, minlength=len(found))
    return found.reshape(-1, n)


def refuse_divergence(running: Any) -> None:
    """Raises       NeuronsDiverged where a neuron's state is no longer a finite number."""
    if lost := running.diverged():
        raise NeuronsDiverged(f"{lost} at step {running.step}: the neurons diverged; lower dt, the gain or the inhibition")


def _runs(layer: Layer, spikes: NDArray[np.uint8], threads: int, number: int = 0) -> Iterator[tuple[int, Any, Any]]:
    """For some samples at a time: the first, the running copies, and pieces (step, neuron) of their spikes as they run."""
    time, samples, _ = spikes.shape
    together = samples if layer.weights.ndim == 3 else min(samples, _TOGETHER)
    net, source, cells = _network(layer, together, time)
    simulation = net.simulation(threads=threads)
    group = simulation.number_of_group(cells)
    for first in range(0, samples, together):
        shown = spikes[:, first : first + together]
        step, channel = np.nonzero(shown.reshape(time, -1))
        played = {source: SpikeList(times=step * layer.dt, neurons=channel)}
        state = simulation.initial_state()
        if isinstance(layer.neuron, Stochastic):  # what it draws belongs to the sample, not to the copy that it is shown to
            numbers = number + first + np.arange(together)
            state[f"{simulation.groups[group].name}.sample"][:] = np.repeat(numbers, layer.weights.shape[-1])
        running = simulation.start(state, inputs=played, spikes_of=frozenset([group]))
        yield first, running, _pieces(running, time, group, shown.shape[1] * layer.weights.shape[-1])


def _pieces(running: Any, time: int, group: int, size: int) -> Iterator[tuple[Any, Any]]:
    """Spikes of the first `size` neurons; copies beyond them have no sample, and may fire by themselves."""
    while running.step < time:  # it pauses where its buffer of spikes is full
        steps, neurons = running.advance(time - running.step).spikes[group]
        yield steps[neurons < size], neurons[neurons < size]


def _network(layer: Layer, copies: int, time: int) -> tuple[Network, Any, Any]:
    channels, n = layer.weights.shape[-2:]
    net = Network(dt=layer.dt, seed=layer.seed)
    source = net.population(copies * channels, SpikeList())
    neuron = layer.neuron.keyed(n, layer.seed) if isinstance(layer.neuron, Stochastic) else layer.neuron
    cells = net.population(copies * n, _repeated(neuron, copies))
    weights = np.broadcast_to(layer.weights, (copies, channels, n))
    forward = _blocks(np.ones((channels, n), np.bool_), copies)
    net.connect(source, cells, forward, weight=weights.ravel(), synapse=layer.synapse)
    lateral = _blocks(~np.eye(n, dtype=np.bool_), copies)
    net.connect(cells, cells, lateral, weight=-layer.inhibition, synapse=Delta())
    # for as long as a sample, not for ever: a constant that is the same for all neurons would be another compiled loop
    net.drive(cells, Current(amplitude=np.tile(layer.held, copies), stop=time * layer.dt))
    return net, source, cells


def _blocks(connected: NDArray[np.bool_], copies: int) -> Pairs:
    """The pairs that stand in a table (n_pre, n_post), for every copy."""
    pre, post = np.nonzero(connected)
    copy = np.arange(copies)[:, None]
    return Pairs((copy * connected.shape[0] + pre).ravel(), (copy * connected.shape[1] + post).ravel())


def _repeated(neuron: Neuron, copies: int) -> Neuron:
    values = {field.name: getattr(neuron, field.name) for field in dataclasses.fields(neuron)}
    arrays = {name: np.tile(value, copies) for name, value in values.items() if np.ndim(value) == 1}
    return dataclasses.replace(neuron, **arrays)
