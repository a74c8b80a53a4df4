"""A liquid state machine's liquid: spikes in, a recurrent heterogeneous core, filtered spikes out."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..neurons import (
    LIF,
    Current,
    Distribution,
    Exponential,
    InvalidValue,
    Izhikevich,
    Neuron,
    Parameters,
    SpikeList,
    Value,
    gamma,
    parameter,
    uniform,
)
from ..neurons.randomness import check_seed
from ..neurons.source import steps_in
from ..plasticity.contract import Floats
from .connectivity import FixedInDegree
from .network import Network
from .population import Population
from .result import SpikeData
from .simulation import Simulation

__all__ = ["LiquidState", "Reservoir", "filtered_spikes"]


class LiquidState(NamedTuple):
    """What a reservoir made of each sample.

    trace    filtered spikes at the end of each window, shape (samples, windows, n)
    rate     Hz, of each neuron over the presentation, shape (samples, n)
    """

    trace: Floats
    rate: Floats


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Reservoir(Parameters):
    """A fixed random network of spiking neurons, read through exponentially filtered spikes.

        input spikes -> core;  core -> core: Exponential synapses with delays, Dale's law
        trace_i(t) = sum over spikes s <= t of neuron i of exp(-(t - s) / tau_trace)
        features = trace at the ends of `windows` equal parts of the presentation, window after window

    Every sample starts from the same state (all membranes at rest, no current, nothing under way), so its features are
    a function of the sample alone. Nothing in the core is random while it runs.

    Parameters   inputs              input channels, whole number >= 1
                 n                   neurons of the core, >= 2
                 excitatory          model of the excitatory neurons; distributions make the core heterogeneous
                 inhibitory          model of the inhibitory neurons
                 fraction_excitatory of the core
                 input_degree        channels that each neuron hears, drawn at random, >= 1
                 in_degree           core neurons that each neuron hears, split as the core is, >= 0; 0: no recurrence
                 w_input             mean weight from a channel, > 0; weights are exponentially distributed
                 w_excitatory        mean weight from an excitatory neuron, >= 0
                 w_inhibitory        mean magnitude of the weight from an inhibitory neuron, >= 0
                 bias                constant current per neuron: what makes a resting core answer readily
                 tau_excitatory      decay of excitatory and input currents, ms
                 tau_inhibitory      decay of inhibitory currents, ms
                 delay               within the core, ms; rounded to dt
                 tau_trace           of the filter, ms
                 duration            of one presentation, ms, a multiple of dt
                 windows             how often the traces are read during it, evenly, >= 1
                 dt                  ms
                 seed                of the core's wiring and parameters
                 Weights and bias are in the neuron's unit of current: mV/ms on Izhikevich, nA on LIF.
    Raises       InvalidValue
    Source       Maass, Natschlaeger & Markram 2002, doi:10.1162/089976602760407955 (liquid state machine; 80 %
                 excitatory, filtered spikes as the liquid's state, exponentially distributed weights); Jaeger 2001,
                 GMD report 148 (a fixed random network with a trained linear readout); core: Izhikevich 2003,
                 doi:10.1109/TNN.2003.820440
    Deviations   uniform wiring of fixed in-degree instead of a column with distance-dependent probability; static
                 synapses instead of depressing and facilitating ones; the state is read several times instead of once.
                 The default gains are ours: when a neuron hears about three spikes within 20 ms, as from a digit, the
                 core fires at 20 to 30 Hz
    """

    inputs: int
    n: int = 500
    excitatory: Neuron = dataclasses.field(default_factory=Izhikevich.heterogeneous_excitatory)
    inhibitory: Neuron = dataclasses.field(default_factory=Izhikevich.heterogeneous_inhibitory)
    fraction_excitatory: float = parameter(0.8, "1", above=0.0, at_most=1.0)
    input_degree: int = 6
    in_degree: int = 40
    w_input: float = parameter(7.0, "units of current", above=0.0)
    w_excitatory: float = parameter(0.5, "units of current", at_least=0.0)
    w_inhibitory: float = parameter(2.0, "units of current", at_least=0.0)
    bias: Value = parameter(0.0, "units of current")
    tau_excitatory: float = parameter(5.0, "ms", above=0.0)
    tau_inhibitory: float = parameter(8.0, "ms", above=0.0)
    delay: float | Distribution = dataclasses.field(default_factory=lambda: uniform(1.0, 10.0))
    tau_trace: float = parameter(30.0, "ms", above=0.0)
    duration: float = parameter(45.0, "ms", above=0.0)
    windows: int = 3
    dt: float = parameter(0.5, "ms", above=0.0)
    seed: int = 0

    @classmethod
    def leaky(cls, inputs: int) -> Reservoir:
        """A core of leaky integrate-and-fire neurons with spread membrane time constants; see `dataclasses.replace`."""
        spread = LIF(tau_m=uniform(15.0, 35.0), t_refractory=2.0)
        return cls(
            inputs=inputs, excitatory=spread, inhibitory=spread, w_input=30.0, w_excitatory=4.0, w_inhibitory=16.0,
            bias=uniform(6.0, 14.0),
        )  # fmt: skip

    def check(self) -> None:
        for name, least in (("inputs", 1), ("n", 2), ("input_degree", 1), ("in_degree", 0), ("windows", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
                raise InvalidValue(f"Reservoir.{name}", value, f"a whole number >= {least}")
        if self.input_degree > self.inputs:
            raise InvalidValue("Reservoir.input_degree", self.input_degree, f"<= inputs = {self.inputs}")
        if self.in_degree > self.n:
            raise InvalidValue("Reservoir.in_degree", self.in_degree, f"<= n = {self.n}")
        if type(self.excitatory) is not type(self.inhibitory):
            found = f"{type(self.excitatory).__name__} and {type(self.inhibitory).__name__}"
            raise InvalidValue("Reservoir.excitatory, inhibitory", found, "of one model", "give them other parameters")
        check_seed("Reservoir.seed", self.seed)
        if steps_in("Reservoir.duration", self.duration, self.dt) < self.windows:
            legal = f"<= {self.duration / self.dt:g}, the steps of a sample"
            raise InvalidValue("Reservoir.windows", self.windows, legal)

    @property
    def features_per_sample(self) -> int:
        """Length of a sample's feature vector."""
        return self.n * self.windows

    @property
    def excitatory_count(self) -> int:
        """How many neurons of the core are excitatory; they come first."""
        return min(max(round(self.fraction_excitatory * self.n), 1), self.n - 1)

    def network(self) -> Network:
        """The reservoir as a network of the populations "input", "excitatory" and "inhibitory"; a new one."""
        network = Network(dt=self.dt, seed=self.seed)
        source = network.population(self.inputs, SpikeList(), name="input")
        parts = [
            network.population(self.excitatory_count, self.excitatory, name="excitatory"),
            network.population(self.n - self.excitatory_count, self.inhibitory, name="inhibitory"),
        ]
        fast, slow = Exponential(tau_syn=self.tau_excitatory), Exponential(tau_syn=self.tau_inhibitory)
        heard = FixedInDegree(self.input_degree)
        network.connect(source, parts, heard, weight=gamma(self.w_input, 1.0), synapse=fast, delay=self.dt)
        for part in parts:
            network.drive(part, Current(amplitude=self.bias))
        from_excitatory = round(self.in_degree * self.excitatory_count / self.n)
        for pre, degree, mean, sign, synapse in (
            (parts[0], from_excitatory, self.w_excitatory, 1.0, fast),
            (parts[1], self.in_degree - from_excitatory, self.w_inhibitory, -1.0, slow),
        ):
            if degree and mean:
                weight = sign * gamma(mean, 1.0)
                network.connect(pre, parts, FixedInDegree(degree), weight=weight, synapse=synapse, delay=self.delay)
        return network

    def respond(self, sample: SpikeList) -> SpikeData:
        """The core's spikes under one sample; neurons from 0 (excitatory first) to n - 1."""
        simulation, source, core, number = self._built
        state, left = self._start, steps_in("Reservoir.duration", self.duration, self.dt)
        steps, neurons = [], []
        while left:
            state, seen = simulation.advance(state, left, inputs={source: sample}, spikes_of=frozenset({number}))
            left -= seen.steps
            steps.append(seen.spikes[number][0])
            neurons.append(core[seen.spikes[number][1]])
        times = np.concatenate(steps).astype(np.float64) * self.dt
        return SpikeData(times, np.concatenate(neurons))

    def states(self, samples: Sequence[SpikeList]) -> LiquidState:
        """Traces and rates of the core under each sample."""
        trace = np.zeros((len(samples), self.windows, self.n))
        rate = np.zeros((len(samples), self.n))
        for row, sample in enumerate(samples):
            spikes = self.respond(sample)
            trace[row] = self._filtered(spikes.times, spikes.neurons, self.n)
            rate[row] = np.bincount(spikes.neurons, minlength=self.n) / (self.duration * 1e-3)
        return LiquidState(trace, rate)

    def features(self, samples: Sequence[SpikeList]) -> Floats:
        """The core's traces under each sample, shape (samples, windows * n)."""
        return self.states(samples).trace.reshape(len(samples), -1)

    def input_features(self, samples: Sequence[SpikeList]) -> Floats:
        """The control without a liquid: the input's own traces, read at the same times, (samples, windows * inputs)."""
        traces = [self._filtered(s.times, s.neurons, self.inputs) for s in samples]
        return np.stack(traces).reshape(len(samples), -1)

    def _filtered(self, times: ArrayLike, neurons: ArrayLike, n: int) -> Floats:
        return filtered_spikes(
            times, neurons, n, duration=self.duration, windows=self.windows, tau_trace=self.tau_trace
        )

    @cached_property
    def _start(self) -> dict[str, NDArray[np.float64]]:
        return self._built[0].initial_state()

    @cached_property
    def _built(self) -> tuple[Simulation, Population, NDArray[np.int64], int]:
        """The simulation, its source, the core's neuron by its place in its group, the number of the group."""
        network = self.network()
        simulation = network.simulation()
        source, *parts = network.populations
        return simulation, source, *_places(simulation, parts)


def filtered_spikes(
    times: ArrayLike, neurons: ArrayLike, n: int, *, duration: float, windows: int, tau_trace: float
) -> Floats:
    """Exponentially filtered spikes of n neurons at the ends of `windows` equal parts of `duration`, (windows, n).

    Parameters   times       ms, >= 0; spikes at or after `duration` do not count
                 neurons     shape (spikes,), below n
                 tau_trace   ms, > 0
    """
    at, who = np.asarray(times, dtype=np.float64), np.asarray(neurons, dtype=np.int64)
    width = duration / windows
    window = np.floor(at / width).astype(np.int64)
    inside = window < windows
    at, who, window = at[inside], who[inside], window[inside]
    late = np.exp((at - (window + 1) * width) / tau_trace)
    trace = np.zeros((windows, n)) + np.bincount(window * n + who, late, minlength=windows * n).reshape(windows, n)
    for w in range(1, windows):
        trace[w] += trace[w - 1] * np.exp(-width / tau_trace)
    return trace


def _places(simulation: Simulation, parts: Sequence[Population]) -> tuple[NDArray[np.int64], int]:
    """Which neuron of the core stands at each place of the group that the core was merged into, and its number."""
    group = simulation.group_of(parts[0][:])
    core = np.full(group.size, -1, np.int64)
    first = 0
    for part in parts:
        core[group.index(part[:])] = np.arange(first, first + part.size)
        first += part.size
    return core, next(g for g, other in enumerate(simulation.groups) if other is group)
