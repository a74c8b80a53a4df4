"""A network as a user writes it: populations, connections, drives and readouts, drawn with the network's seed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..neurons import (
    Delta,
    Distribution,
    Drive,
    InvalidValue,
    Neuron,
    Source,
    Synapse,
)
from ..neurons.distribution import Sampler
from ..neurons.parameters import as_numbers
from ..neurons.randomness import check_seed, setup_generator
from ..neurons.source import steps_in
from ..plasticity.contract import Floats, ReadoutRule
from .connectivity import Connectivity, FixedProbability
from .memory import BYTES_PER_SYNAPSE, require
from .population import Driven, Population, PopulationView, Projection, Readout, Teaching, as_view
from .recording import Record
from .result import Result
from .run import run
from .simulation import Simulation

__all__ = ["Network"]

_POPULATION, _PROJECTION = 0, 1  # streams of set-up randomness; streams of run-time noise are counted separately


class Network:
    """Populations of neurons, their connections and their input.

    Parameters   dt     step of the clock, ms, > 0
                 seed   whole number >= 0; parameters, connections and noise are pure functions of it
    Raises       InvalidValue naming the field; TooLarge before a projection is made that would not fit

    What is drawn for one population or projection does not depend on the others' sizes, only on how many came before.
    """

    def __init__(self, dt: float, seed: int = 0) -> None:
        if isinstance(dt, bool) or not isinstance(dt, int | float | np.number) or not (math.isfinite(dt) and dt > 0):
            raise InvalidValue("Network.dt", dt, "> 0 ms and finite", "0.1 is usual for LIF, 0.5 for Izhikevich")
        self.dt, self.seed = float(dt), check_seed("Network.seed", seed)
        self.populations: list[Population] = []
        self.projections: list[Projection] = []
        self.drives: list[Driven] = []
        self.readouts: list[Readout] = []

    def population(
        self, n: int, model: Neuron, *, name: str = "", initial: Mapping[str, Any] | None = None
    ) -> Population:
        """Add n neurons of a model.

        Parameters   n         whole number >= 1
                     model     its distributions are drawn now
                     name      unique in the network; default: the model's name and a number
                     initial   state variables that start elsewhere than the model says: a number, an array of shape
                               (n,) or a Distribution each, e.g. {"v": uniform(-70, -55)}
        Raises       InvalidValue
        """
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
            raise InvalidValue("population: n", n, "a whole number >= 1")
        if not isinstance(model, Neuron):
            fix = "make one: LIF()" if isinstance(model, type) else ""
            raise InvalidValue("population: model", model, "a neuron model or source", fix)
        name = name or f"{type(model).__name__.lower()}{len(self.populations)}"
        if "/" in name or name in {population.name for population in self.populations}:
            raise InvalidValue("population: name", name, "new in this network and without '/'")
        require(f"population {name!r}", 200.0 * n, "make it smaller")
        rng = setup_generator(self.seed, _POPULATION, len(self.populations))
        sampled = model.sample(int(n), rng)
        known = sampled.initial_state()._fields
        draw, start = Sampler(rng, int(n)), {}
        for variable, value in (initial or {}).items():
            if variable not in known:
                raise InvalidValue("population: initial", variable, "a state variable: " + ", ".join(known))
            field, legal = f"population: initial[{variable!r}]", f"finite, a number or of shape ({n},)"
            array = as_numbers(field, draw(value), legal)
            if array.shape not in ((), (n,)) or not np.isfinite(array).all():
                raise InvalidValue(field, array, legal)
            start[variable] = array
        made = Population(name, int(n), sampled, start, len(self.populations))
        sampled.discretise(self.dt)  # so that what does not fit is said here, not when the network runs
        if isinstance(sampled, Source):
            sampled.own_drive(made[:].index, self.dt, self.seed, 0)
        self.populations.append(made)
        return made

    def connect(
        self,
        pre: Population | PopulationView,
        post: Population | PopulationView | Sequence[Population | PopulationView],
        how: Connectivity | None = None,
        *,
        weight: ArrayLike | Distribution,
        p: float | None = None,
        delay: ArrayLike | Distribution = 0.0,
        synapse: Synapse | None = None,
    ) -> list[Projection]:
        """Connect neurons of `pre` to neurons of `post`.

        Parameters   how       FixedProbability, FixedInDegree, OneToOne, AllToAll or Pairs; p=0.1 is short for
                               FixedProbability(0.1)
                     weight    of each synapse, in the synapse's unit: a number, a Distribution, an array of shape
                               (n_pre, n_post) from which existing pairs take theirs, or (synapses,) for Pairs and OneToOne
                     delay     ms, >= 0, the same forms; a multiple of dt (draws of a Distribution are rounded to it)
                     synapse   kind, default Delta(): the weight is a jump of the membrane in mV
        Returns      one Projection for each population in `post`
        Raises       InvalidValue, TooLarge
        """
        if (how is None) == (p is None):
            raise InvalidValue("connect", "both" if p is not None else "neither", "exactly one of a rule and p=")
        rule = FixedProbability(p) if how is None and p is not None else how
        if not isinstance(rule, Connectivity):
            raise InvalidValue("connect: how", rule, "a connection rule", "e.g. FixedInDegree(100) or p=0.1")
        source = self._own("connect: pre", pre)
        targets = post if isinstance(post, list | tuple) else [post]
        made = [
            self._project(source, self._own("connect: post", target), rule, weight, delay, synapse or Delta(), place)
            for place, target in enumerate(targets, len(self.projections))
        ]
        self.projections += made  # only once all of them stand
        return made

    def _project(
        self,
        source: PopulationView,
        target: PopulationView,
        rule: Connectivity,
        weight: Any,
        delay: Any,
        synapse: Synapse,
        place: int,
    ) -> Projection:
        if not isinstance(synapse, Synapse):
            raise InvalidValue("connect: synapse", synapse, "a synapse kind", "e.g. Exponential(tau_syn=5.0)")
        if isinstance(target.population.model, Source):
            raise InvalidValue("connect: post", target.population.name, "a population that listens; a source does not")
        n_pre, n_post = len(source), len(target)
        names = f"{source.population.name!r} to {target.population.name!r}"
        size = rule.expected(n_pre, n_post) * BYTES_PER_SYNAPSE
        require(f"connect {names}", size, "lower p or the in-degree, or use fewer neurons")
        rng = setup_generator(self.seed, _PROJECTION, place)
        i, j = rule.pairs(n_pre, n_post, _itself(source, target), rng)
        synapse.discretise(self.dt, target.population.model)
        draw = Sampler(rng, len(i))
        weights = _values("connect: weight", draw(weight), i, j, (n_pre, n_post))
        steps = _delay_steps(_values("connect: delay", draw(delay), i, j, (n_pre, n_post)), self.dt, drawn=delay)
        pre, post = source.index[i].astype(np.int64), target.index[j].astype(np.int64)
        return Projection(source.population, target.population, pre, post, weights, steps, synapse)

    def drive(self, target: Population | PopulationView, drive: Drive) -> Driven:
        """Add an input current to neurons.

        Raises       InvalidValue
        """
        view = self._own("drive: target", target)
        if not isinstance(drive, Drive):
            raise InvalidValue("drive", drive, "a drive", "e.g. Current(amplitude=1.0); a source is a population")
        if isinstance(view.population.model, Source):
            raise InvalidValue("drive: target", view.population.name, "a population that listens; a source does not")
        stream = len(self.drives)
        sampled = drive.sample(len(view), setup_generator(self.seed, 2, stream))
        sampled.lower(view.index, self.dt, self.seed, stream)
        made = Driven(sampled, view, stream)
        self.drives.append(made)
        return made

    def readout(
        self,
        source: Population | PopulationView | Sequence[Population | PopulationView],
        channels: int,
        rule: ReadoutRule,
        *,
        tau_trace: float = 30.0,
        every: float = 1.0,
        mean: ArrayLike = 0.0,
        std: ArrayLike = 1.0,
        weight: ArrayLike = 0.0,
        feedback: ArrayLike | None = None,
    ) -> Readout:
        """Add a linear readout of filtered spikes that learns by a rule while the network runs.

        Parameters   source      whom it reads; all of one model
                     channels    how many outputs, >= 1
                     tau_trace   ms, > 0, of the filter
                     every       ms between updates, a multiple of dt
                     mean, std   standardise the features: numbers or shape (features,); a feature with std 0 is left out
                     weight      at the start: a number or shape (channels, features)
                     feedback    units of current per unit of prediction, shape (features, channels): each prediction
                                 drives the neurons it reads until the next update
        Raises       InvalidValue
        """
        parts = source if isinstance(source, list | tuple) else [source]
        views = [self._own("readout: source", part) for part in parts]
        if len({type(view.population.model) for view in views}) != 1:
            raise InvalidValue("readout: source", "several neuron models", "populations of one model")
        read = {(view.population.number, int(k)) for view in views for k in view.index}
        n = sum(len(view) for view in views)
        if len(read) < n:
            raise InvalidValue("readout: source", f"{n - len(read)} neurons twice", "each neuron once")
        if isinstance(channels, bool) or not isinstance(channels, int | np.integer) or channels < 1:
            raise InvalidValue("readout: channels", channels, "a whole number >= 1")
        if not isinstance(rule, ReadoutRule):
            raise InvalidValue("readout: rule", rule, "a readout rule", "e.g. ThreeFactor()")
        if not (math.isfinite(tau_trace) and tau_trace > 0.0):
            raise InvalidValue("readout: tau_trace", tau_trace, "> 0 ms")
        steps = steps_in("readout: every", every, self.dt)
        if steps < 1:
            raise InvalidValue("readout: every", every, f">= dt = {self.dt} ms")
        spread = _shaped("readout: std", std, (n,))
        if (spread < 0).any():
            raise InvalidValue("readout: std", float(spread.min()), ">= 0")
        scale = np.divide(1.0, spread, out=np.zeros(n), where=spread > 0.0)
        back = None if feedback is None else _shaped("readout: feedback", feedback, (n, channels))
        start = _shaped("readout: weight", weight, (int(channels), n))
        made = Readout(
            views, int(channels), rule, float(tau_trace), steps, _shaped("readout: mean", mean, (n,)), scale, start, back
        )
        self.readouts.append(made)
        return made

    def simulation(self) -> Simulation:
        """The network lowered to what the event loop runs: for trials, and for stepping by hand."""
        return Simulation(self.dt, self.seed, self.populations, self.projections, self.drives, self.readouts)

    def run(
        self,
        duration: float,
        *,
        record: Sequence[Record] = (),
        teach: Mapping[Readout, Teaching] | None = None,
        state: Mapping[str, NDArray[Any]] | None = None,
        stream: str | None = None,
        progress: bool = True,
    ) -> Result:
        """Run for `duration` ms from the initial state, or on from another result's `state`.

        Parameters   record     what to keep: Spikes(population), Trace(population[:5], "v", every=1.0)
                     teach      what each readout is taught; without it readouts predict and do not learn
                     state      where to start: `result.state`
                     stream     an HDF5 file to write records to while running, instead of memory
                     progress   a bar with the real-time factor and ETA, where a terminal shows it
        Returns      Result; after Ctrl-C one of what was done, with `interrupted` set
        Raises       InvalidValue, TooLarge, SynfireError for a disk that is full
        """
        return run(
            self.simulation(), duration, record=record, teach=teach, state=state, stream=stream, progress=progress
        )

    def _own(self, field: str, part: Any) -> PopulationView:
        view = as_view(field, part)
        number = view.population.number
        if number >= len(self.populations) or self.populations[number] is not view.population:
            raise InvalidValue(field, view.population.name, "a population of this network")
        if len(np.unique(view.index)) < len(view):
            raise InvalidValue(field, f"a part of {view.population.name!r} with a neuron twice", "each neuron once")
        return view


def _itself(source: PopulationView, target: PopulationView) -> NDArray[np.int64]:
    """Which neuron of `source` each neuron of `target` is itself, -1 for none; shape (len(target),)."""
    place = np.full(target.population.size, -1, np.int64)
    if source.population is target.population:
        place[source.index] = np.arange(len(source))
    return place[target.index]


def _shaped(field: str, value: ArrayLike, shape: tuple[int, ...]) -> Floats:
    array = as_numbers(field, value, f"a number or of shape {shape}")
    if not np.isfinite(array).all():
        raise InvalidValue(field, "a NaN or infinity", "finite")
    if array.shape not in ((), shape):
        raise InvalidValue(field, f"shape {array.shape}", f"a number or of shape {shape}")
    return np.broadcast_to(array, shape).copy()


def _values(
    field: str, value: Any, i: NDArray[np.int64], j: NDArray[np.int64], shape: tuple[int, int]
) -> Floats | float:
    """One value per synapse, or one number for all of them."""
    array = as_numbers(field, value, "a number, an array or a Distribution")
    if not np.isfinite(array).all():
        raise InvalidValue(field, "a NaN or infinity", "finite")
    if array.ndim == 0:
        return float(array)
    if array.shape == i.shape:
        return array
    if array.shape == shape:
        return np.ascontiguousarray(array[i, j])
    raise InvalidValue(field, f"shape {array.shape}", f"a number, of shape {shape}, or of shape {i.shape} (synapses)")


def _delay_steps(delay: Floats | float, dt: float, *, drawn: Any) -> NDArray[np.int64] | int:
    steps = np.round(np.asarray(delay) / dt)
    if (steps < 0).any():
        raise InvalidValue("connect: delay", float(np.min(delay)), ">= 0 ms", "clip the distribution")
    off = np.abs(steps * dt - delay) > 1e-9 * np.maximum(1.0, np.abs(delay))
    if off.any() and not isinstance(drawn, Distribution):
        found = float(np.asarray(delay)[off].ravel()[0])
        near = math.floor(found / dt) * dt
        raise InvalidValue(
            "connect: delay", f"{found} ms", f"a multiple of dt = {dt} ms", f"use {near:g} or {near + dt:g}, or lower dt"
        )
    if steps.size and steps.max() > 65_535:
        raise InvalidValue("connect: delay", float(np.max(delay)), f"<= 65535 steps = {65_535 * dt:g} ms")
    return int(steps) if steps.ndim == 0 else steps.astype(np.int64)
