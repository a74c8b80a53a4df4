"""A network as a user writes it: populations, connections, drives and readouts, drawn with the network's seed."""

from __future__ import annotations

import math
import os
import warnings
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
    Stochastic,
    Synapse,
)
from ..neurons.distribution import Sampler
from ..neurons.parameters import as_numbers, as_whole_numbers
from ..neurons.randomness import check_seed, setup_generator
from ..neurons.source import steps_in
from ..plasticity.contract import Floats, ReadoutRule
from ..plasticity.local import SynapticRule
from .connectivity import Connectivity, FixedProbability
from .memory import BYTES_PER_SYNAPSE, require
from .population import (
    Driven,
    Modulator,
    Population,
    PopulationView,
    Readout,
    Release,
    Scaled,
    Teaching,
    as_view,
)
from .projection import Projection
from .recording import Record
from .result import Result
from .run import run
from .simulation import Simulation

__all__ = ["Network"]

_POPULATION, _DRIVE = 0, 2  # streams of set-up randomness; streams of run-time noise are counted separately


class Network:
    """Populations of neurons, their connections and their input.

    Parameters   dt     step of the clock, ms, > 0
                 seed   whole number >= 0; parameters, connections and noise are pure functions of it
    Raises       InvalidValue naming the field; TooLarge before a projection is made that would not fit

    What is drawn for one population or projection does not depend on the others' sizes, only on how many came before.
    """

    def __init__(self, dt: float, seed: int = 0, *, precision: str = "double") -> None:
        if isinstance(dt, bool) or not isinstance(dt, int | float | np.number) or not (math.isfinite(dt) and dt > 0):
            raise InvalidValue("Network.dt", dt, "> 0 ms and finite", "0.1 is usual for LIF, 0.5 for Izhikevich")
        self.dt, self.seed = float(dt), check_seed("Network.seed", seed)
        if precision not in ("double", "single"):
            raise InvalidValue("Network.precision", precision, "'double' or 'single'")
        self.precision = precision
        self.modulators: list[Modulator] = []
        self.scaled: list[Scaled] = []
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
        if not isinstance(name, str) or "/" in name or name in {population.name for population in self.populations}:
            raise InvalidValue("population: name", name, "a text, new in this network and without '/'")
        require(f"population {name!r}", 200.0 * n, "make it smaller")
        rng = setup_generator(self.seed, _POPULATION, len(self.populations))
        sampled = model.sample(int(n), rng)
        if isinstance(sampled, Stochastic):
            sampled = sampled.keyed(int(n), self.seed, len(self.populations))
        known = sampled.initial_state()._fields
        draw, start = Sampler(rng, int(n)), {}
        if not isinstance(initial, Mapping | None):
            raise InvalidValue("population: initial", initial, "values by the name of a state variable", "e.g. {'v': -60.0}")
        for variable, value in (initial or {}).items():
            if variable not in known:
                raise InvalidValue("population: initial", variable, "a state variable: " + ", ".join(known))
            field, legal = f"population: initial[{variable!r}]", f"finite, a number or of shape ({n},)"
            array: NDArray[Any]
            if isinstance(getattr(sampled.initial_state(), variable), int):
                array = as_whole_numbers(field, draw(value), 0 if variable == "sample" else -(2**63))
            else:
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
        plasticity: SynapticRule | None = None,
        modulator: Modulator | None = None,
    ) -> list[Projection]:
        """Connect neurons of `pre` to neurons of `post`.

        Parameters   how       FixedProbability, FixedInDegree, OneToOne, AllToAll or Pairs; p=0.1 is short for
                               FixedProbability(0.1)
                     weight    of each synapse, in the synapse's unit: a number, a Distribution, an array of shape
                               (n_pre, n_post) from which existing pairs take theirs, or (synapses,) for Pairs and OneToOne
                     delay     ms, >= 0, the same forms; a multiple of dt (draws of a Distribution are rounded to it)
                     synapse   kind, default Delta(): the weight is a jump of the membrane in mV
                     plasticity   the rule that changes the weights, e.g. STDP(); None: they stay
                     modulator    the third factor of a rule that needs one, as `modulator` gave it
        Returns      one Projection for each population in `post`
        Raises       InvalidValue, TooLarge
        """
        if (how is None) == (p is None):
            raise InvalidValue("connect", "both" if p is not None else "neither", "exactly one of a rule and p=")
        rule = FixedProbability(p) if how is None and p is not None else how
        if not isinstance(rule, Connectivity):
            raise InvalidValue("connect: how", rule, "a connection rule", "e.g. FixedInDegree(100) or p=0.1")
        self._check_rule(plasticity, modulator)
        source = self._own("connect: pre", pre)
        targets = post if isinstance(post, list | tuple) else [post]
        made = [
            self._project(
                source, self._own("connect: post", target), rule, weight, delay, synapse or Delta(), plasticity, modulator, place
            )
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
        plasticity: SynapticRule | None,
        modulator: Modulator | None,
        place: int,
    ) -> Projection:
        if not isinstance(synapse, Synapse):
            raise InvalidValue("connect: synapse", synapse, "a synapse kind", "e.g. Exponential(tau_syn=5.0)")
        if isinstance(target.population.model, Source):
            raise InvalidValue("connect: post", target.population.name, "a population that listens; a source does not")
        if modulator is not None and modulator.over not in (None, target.population):
            found = f"a modulator over {modulator.over.name!r}"
            legal = f"one over {target.population.name!r}, onto which the synapses are, or over None"
            raise InvalidValue("connect: modulator", found, legal)
        made = Projection(
            source, target, rule, weight, delay, synapse, plasticity, modulator, self.dt, self.seed, place
        )
        names = f"{source.population.name!r} to {target.population.name!r}"
        size = rule.expected(len(source), len(target)) * BYTES_PER_SYNAPSE
        require(f"connect {names}", size, "lower p or the in-degree, or use fewer neurons")
        synapse.discretise(self.dt, target.population.model)
        if made.blocks > 1:
            made.draw(0)  # what does not fit is said here, not when the network runs
        else:
            len(made)
        return made

    def _check_rule(self, rule: SynapticRule | None, modulator: Modulator | None) -> None:
        if rule is not None and not isinstance(rule, SynapticRule):
            raise InvalidValue("connect: plasticity", rule, "a rule for synapses", "e.g. STDP()")
        needs = rule is not None and rule.tau_eligibility is not None
        if needs and modulator not in self.modulators:
            raise InvalidValue("connect: modulator", modulator, "a modulator of this network", "call network.modulator(tau)")
        if modulator is not None and not needs:
            raise InvalidValue("connect: modulator", modulator, "None for a rule without a third factor")
        if rule is not None:
            rule.discretise(self.dt)
            rule.consolidate_every(self.dt)  # so that an interval which is no multiple of dt is refused

    def modulator(self, *, tau: float = 200.0, baseline: float = 0.0, over: Population | None = None) -> Modulator:
        """Add a third factor: a level that jumps when it is released (`run(release=...)`) and decays.

        Parameters   tau        ms, > 0, of the decay
                     baseline   what the level decays to
                     over       a population each of whose neurons has a level of its own; None: one level for all
        Raises       InvalidValue
        """
        if not (isinstance(tau, int | float | np.number) and math.isfinite(tau) and tau > 0.0):
            raise InvalidValue("modulator: tau", tau, "> 0 ms and finite")
        if not (isinstance(baseline, int | float | np.number) and math.isfinite(baseline)):
            raise InvalidValue("modulator: baseline", baseline, "finite")
        if over is not None and not (isinstance(over, Population) and self._own("modulator: over", over)):
            raise InvalidValue("modulator: over", over, "a whole population of this network")
        made = Modulator(float(tau), float(baseline), over, len(self.modulators))
        self.modulators.append(made)
        return made

    def normalise(self, projection: Projection, *, total: float, every: float) -> Scaled:
        """Every `every` ms, scale the weights of a plastic projection so that those onto each neuron sum to `total`.

        Raises       InvalidValue
        """
        if projection not in self.projections or projection.plasticity is None:
            raise InvalidValue("normalise: projection", projection, "a plastic projection of this network")
        if projection.plasticity.tau_eligibility is not None:
            raise InvalidValue("normalise: projection", "one with eligibility", "one whose rule has no third factor")
        if not (isinstance(total, int | float | np.number) and math.isfinite(total)):
            raise InvalidValue("normalise: total", total, "finite")
        steps = steps_in("normalise: every", every, self.dt)
        if steps < 1:
            raise InvalidValue("normalise: every", every, f">= dt = {self.dt} ms")
        made = Scaled(projection, float(total), steps)
        self.scaled.append(made)
        return made

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
        sampled = drive.sample(len(view), setup_generator(self.seed, _DRIVE, stream))
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

    def simulation(self, *, threads: int = 1) -> Simulation:
        """The network lowered to what the event loop runs: for trials, and for stepping by hand.

        Raises       InvalidValue unless threads is a whole number >= 1
        """
        if isinstance(threads, bool) or not isinstance(threads, int | np.integer) or threads < 1:
            raise InvalidValue("threads", threads, "a whole number >= 1")
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        if threads > cores:
            warnings.warn(f"threads = {threads} on {cores} cores: they take turns and are slower", RuntimeWarning, 3)
        return Simulation(
            self.dt, self.seed, self.populations, self.projections, self.drives, self.readouts,
            modulators=self.modulators, scaled=self.scaled, precision=self.precision, threads=int(threads),
        )  # fmt: skip

    def run(
        self,
        duration: float,
        *,
        record: Sequence[Record] = (),
        teach: Mapping[Readout, Teaching] | None = None,
        release: Mapping[Modulator, Release] | None = None,
        state: Mapping[str, NDArray[Any]] | None = None,
        stream: str | None = None,
        progress: bool = True,
        threads: int = 1,
    ) -> Result:
        """Run for `duration` ms from the initial state, or on from another result's `state`.

        Parameters   record     what to keep: Spikes(population), Trace(population[:5], "v", every=1.0)
                     teach      what each readout is taught; without it readouts predict and do not learn
                     release    when each modulator is released, and how much
                     state      where to start: `result.state`
                     stream     an HDF5 file to write records to while running, instead of memory
                     progress   a bar with the real-time factor and ETA, where a terminal shows it
                     threads    of the processor; results do not depend on it
        Returns      Result; after Ctrl-C one of what was done, with `interrupted` set
        Raises       InvalidValue, TooLarge, SynfireError for a disk that is full
        """
        return run(
            self.simulation(threads=threads), duration, record=record, teach=teach, release=release, state=state,
            stream=stream, progress=progress,
        )  # fmt: skip

    def _own(self, field: str, part: Any) -> PopulationView:
        view = as_view(field, part)
        number = view.population.number
        if number >= len(self.populations) or self.populations[number] is not view.population:
            raise InvalidValue(field, view.population.name, "a population of this network")
        if len(np.unique(view.index)) < len(view):
            raise InvalidValue(field, f"a part of {view.population.name!r} with a neuron twice", "each neuron once")
        return view


def _shaped(field: str, value: ArrayLike, shape: tuple[int, ...]) -> Floats:
    array = as_numbers(field, value, f"a number or of shape {shape}")
    if not np.isfinite(array).all():
        raise InvalidValue(field, "a NaN or infinity", "finite")
    if array.shape not in ((), shape):
        raise InvalidValue(field, f"shape {array.shape}", f"a number or of shape {shape}")
    return np.broadcast_to(array, shape).copy()
