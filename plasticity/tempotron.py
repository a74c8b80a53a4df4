"""The Tempotron: to fire or not to fire, learned by where the potential was highest."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..neurons import InvalidValue, Parameters, check_seed, parameter, setup_generator
from ..neurons.kernel import kernel
from . import tempotron_kernels as kernels
from .spike_trains import SpikeTrains
from .tempotron_reset import run

__all__ = ["Tempotron", "TempotronState"]

_INITIAL, _ORDER = 281, 282  # streams of initial weights, and of the order of samples
_LEAST_RATIO = 1.1  # of tau to tau_s: the kernel has no peak where they are equal
_LEAST_THRESHOLD = 0.05  # of its initial value

Floats = NDArray[np.float64]


class TempotronState(NamedTuple):
    """weight, velocity: (n_in, n_out); log_tau, log_tau_s (of ms) and v_threshold: (n_out,)."""

    weight: Floats
    velocity: Floats
    log_tau: Floats
    log_tau_s: Floats
    v_threshold: Floats


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Tempotron(Parameters):
    """Units that learn whether to fire, once at any time, by the moment at which their potential was highest.

        V(t) = Σ_i w_i Σ_{t_i < t} K(t - t_i),   K(x) = v_0 (exp(-x/tau) - exp(-x/tau_s)),  max K = 1
        fires if max V >= v_threshold; if that is wrong, with + for a miss and - for a false alarm,
        velocity <- momentum velocity ± rate / sqrt(n_in) Σ_{t_i < t_max} K(t_max - t_i);   w <- w + velocity
        log tau <- log tau ± internal_rate dV(t_max)/dlog tau, log tau_s likewise;   v_threshold <- v_threshold ∓ internal_rate

    V has no reset, and t_max is its highest point; no grid, the maximum between two spikes is exact. t_max's own shift with
    tau does not enter, as dV/dt is 0 there. After a spike input is shunted, so a unit fires once, at `first_spikes`.
    One unit stands for two classes and fires for class 1; several stand for a class each.
    A neuron that fires with probability sigmoid((V - v_threshold) / Δ) has the same decision in the margin
    V(t_max) - v_threshold, which is positive where the likeliest moment to fire is likelier than not: learn with this rule,
    and read `peaks(...)[0] - state.v_threshold`.

    Parameters   tau             of the membrane, ms, >= 1.1 tau_s
                 tau_s           of the synapses, ms, > 0
                 v_threshold     in units of a weight, > 0
                 rate            of the weights, times sqrt(n_in), so that it means the same for any number of inputs
                 momentum        in [0, 1)
                 internal_rate   of log tau, log tau_s and v_threshold, one of each per unit; 0: fixed. They have no momentum
    State        `TempotronState`; samples are `SpikeTrains`; methods change nothing
    Raises       InvalidValue for a field outside its range, or for samples, targets or a state that do not fit
    Source       Gütig & Sompolinsky 2006, doi:10.1038/nn1643; learned time constants and threshold: ours
    Deviations   momentum is of errors, not of samples. A unit whose V never rises above rest would have nothing to learn
                 from: its v_max is 0, and t_max is when the kernel of the last spike peaks. With several units the largest
                 V - v_threshold answers. tau stays above 1.1 tau_s, v_threshold above a twentieth of its first value
    """

    tau: float = parameter(15.0, "ms", above=0.0)
    tau_s: float = parameter(3.75, "ms", above=0.0)
    v_threshold: float = parameter(1.0, "1", above=0.0)
    rate: float = parameter(0.01, "1", above=0.0)
    momentum: float = parameter(0.9, "1", at_least=0.0, at_most=1.0)
    internal_rate: float = parameter(0.0, "1", at_least=0.0)

    def check(self) -> None:
        if self.tau < _LEAST_RATIO * self.tau_s:
            raise InvalidValue("Tempotron.tau", self.tau, f">= {_LEAST_RATIO} tau_s = {_LEAST_RATIO * self.tau_s:g} ms")
        if self.momentum == 1.0:
            raise InvalidValue("Tempotron.momentum", self.momentum, ">= 0 and < 1", "at 1 nothing is ever forgotten")

    def init(self, n_in: int, n_out: int, seed: int) -> TempotronState:
        """Normal weights of standard deviation v_threshold / sqrt(n_in), and the internal parameters as given."""
        for name, value in (("n_in", n_in), ("n_out", n_out)):
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
                raise InvalidValue(f"Tempotron: {name}", value, "a whole number >= 1")
        draw = setup_generator(check_seed("Tempotron: seed", seed), _INITIAL)
        weight = draw.standard_normal((n_in, n_out)) * (self.v_threshold / math.sqrt(n_in))
        each = np.ones(n_out)
        return TempotronState(
            weight,
            np.zeros_like(weight),
            math.log(self.tau) * each,
            math.log(self.tau_s) * each,
            self.v_threshold * each,
        )

    def peaks(self, state: TempotronState, trains: SpikeTrains) -> tuple[Floats, Floats]:
        """(samples, n_out) each: the largest V, and when, in ms; 0 and 0 for a sample without spikes."""
        weight = _weights(state, trains)
        v_max, t_max = np.empty((2, trains.samples, weight.shape[0]))
        kernel(kernels.peaks)(*_events(trains), weight, np.exp(state.log_tau), np.exp(state.log_tau_s), v_max, t_max)
        return v_max, t_max

    def first_spikes(self, state: TempotronState, trains: SpikeTrains) -> Floats:
        """(samples, n_out): when V first reaches v_threshold, ms; infinity where it does not."""
        weight = _weights(state, trains)
        crossing = np.empty((trains.samples, weight.shape[0]))
        kernel(kernels.first_crossings)(
            *_events(trains), weight, np.exp(state.log_tau), np.exp(state.log_tau_s), state.v_threshold, crossing
        )
        return crossing

    def spikes(self, state: TempotronState, spiked: ArrayLike, dt: float) -> NDArray[np.uint8]:
        """(time, samples, n_out) of 0 and 1: spikes of units that go on after each, their potential at 0 again.

        Parameters   spiked   0 or 1, (time, samples, n_in), as `SpikeTrains.from_dense` takes it
                     dt       ms; the threshold is tested at the end of a step, which hears what came before it

        To be read as a whole train; learning, `peaks` and `answers` know no reset.
        """
        given = np.ascontiguousarray(spiked, np.uint8)
        _weights(state, SpikeTrains.from_dense(given, dt))
        tau, tau_s = np.exp(state.log_tau), np.exp(state.log_tau_s)
        v_0 = np.array([kernels.normalisation(*each) for each in zip(tau, tau_s, strict=True)])
        fired = np.zeros((*given.shape[:2], len(tau)), np.uint8)
        weight = np.ascontiguousarray(state.weight)
        kernel(run)(given, weight, np.exp(-dt / tau), np.exp(-dt / tau_s), v_0, state.v_threshold, fired)
        return fired

    def answers(self, state: TempotronState, trains: SpikeTrains) -> NDArray[np.int64]:
        """(samples,): the class that each sample is taken for."""
        margin = self.peaks(state, trains)[0] - state.v_threshold
        return (margin[:, 0] >= 0.0).astype(np.int64) if margin.shape[1] == 1 else margin.argmax(1)

    def trace(self, state: TempotronState, trains: SpikeTrains, sample: int, times: ArrayLike) -> Floats:
        """(times, n_out): V in one sample at given times in ms, without reset, for a plot."""
        _weights(state, trains)
        if isinstance(sample, bool) or not isinstance(sample, int | np.integer) or not 0 <= sample < trains.samples:
            raise InvalidValue("Tempotron: sample", sample, f"a whole number from 0 to {trains.samples - 1}")
        at = np.asarray(times, dtype=np.float64)
        if at.ndim != 1:
            raise InvalidValue("Tempotron: times", f"shape {at.shape}", "of shape (times,)")
        here = slice(*trains.offsets[sample : sample + 2])
        age = at[:, None] - trains.times[here]
        past = np.maximum(age, 0.0)  # a kernel is 0 at 0, and before it
        weight, made = state.weight[trains.neurons[here]], np.empty((at.size, state.weight.shape[1]))
        for k in range(made.shape[1]):
            tau, tau_s = math.exp(state.log_tau[k]), math.exp(state.log_tau_s[k])
            made[:, k] = (
                kernels.normalisation(tau, tau_s) * (np.exp(-past / tau) - np.exp(-past / tau_s)) @ weight[:, k]
            )
        return made

    def epoch(
        self, state: TempotronState, trains: SpikeTrains, target: ArrayLike, order: ArrayLike
    ) -> tuple[TempotronState, int]:
        """Show samples in `order`, learning after each; the state, and how often a unit was wrong.

        Parameters   target   (samples,) class numbers: 0 and 1 for one unit, else below n_out
                     order    numbers of samples, any number of them
        """
        wanted = _classes(target, trains, state)
        numbers = np.asarray(order)
        if numbers.ndim != 1 or (numbers.size and numbers.dtype.kind not in "iu"):
            raise InvalidValue("Tempotron: order", f"{numbers.dtype} of shape {numbers.shape}", "numbers of samples")
        if numbers.size and not 0 <= numbers.min() <= numbers.max() < trains.samples:
            raise InvalidValue("Tempotron: order", f"{numbers.min()} to {numbers.max()}", f"0 to {trains.samples - 1}")
        work = _Work(self, state, trains, wanted)
        errors = work.show(numbers)
        return work.state(), errors

    def fit(
        self, state: TempotronState, trains: SpikeTrains, target: ArrayLike, *, epochs: int, seed: int
    ) -> tuple[TempotronState, NDArray[np.int64]]:
        """Epochs in random orders until one is without error; the state, and the errors of each epoch shown.

        Parameters   epochs   at most so many, >= 1
                     seed     of the orders; epoch k has the same whatever the state is
        """
        if isinstance(epochs, bool) or not isinstance(epochs, int | np.integer) or epochs < 1:
            raise InvalidValue("Tempotron: epochs", epochs, "a whole number >= 1")
        check_seed("Tempotron: seed", seed)
        work, errors = _Work(self, state, trains, _classes(target, trains, state)), list[int]()
        while len(errors) < epochs and 0 not in errors[-1:]:
            errors.append(work.show(setup_generator(seed, _ORDER, len(errors)).permutation(trains.samples)))
        return work.state(), np.array(errors)


class _Work:
    """A copy of a state that is being learned, with what the kernel keeps from epoch to epoch."""

    def __init__(self, rule: Tempotron, state: TempotronState, trains: SpikeTrains, target: NDArray[np.int64]) -> None:
        # a row per unit: each unit's scan then reads one stretch of memory
        self._weight, self._velocity = _weights(state, trains).copy(), np.ascontiguousarray(state.velocity.T).copy()
        self._internal = [np.array(value, dtype=np.float64) for value in state[2:]]
        self._samples = target, *_events(trains)
        decays = np.empty((2, trains.times.size))
        self._decays = decays[0], decays[1], np.full((trains.samples, 2), np.nan)
        self._rates = (
            rule.rate / math.sqrt(trains.n_in), rule.momentum, rule.internal_rate, math.log(_LEAST_RATIO),
            _LEAST_THRESHOLD * rule.v_threshold,
        )  # fmt: skip

    def show(self, order: NDArray[Any]) -> int:
        learn, samples = kernel(kernels.learn), np.ascontiguousarray(order, dtype=np.int64)
        return int(
            learn(samples, *self._samples, *self._decays, self._weight, self._velocity, *self._internal, *self._rates)
        )

    def state(self) -> TempotronState:
        return TempotronState(
            np.ascontiguousarray(self._weight.T), np.ascontiguousarray(self._velocity.T), *self._internal
        )


def _events(trains: SpikeTrains) -> tuple[NDArray[np.int64], Floats, NDArray[np.int64]]:
    return trains.offsets, trains.times, trains.neurons


def _weights(state: TempotronState, trains: SpikeTrains) -> Floats:
    """A row of weights per unit. Raises InvalidValue if the state's parts or the samples do not fit together."""
    if not isinstance(trains, SpikeTrains):
        raise InvalidValue(
            "Tempotron: trains", type(trains).__name__, "SpikeTrains", "SpikeTrains.from_dense makes them"
        )
    shape = np.shape(state.weight)
    if len(shape) != 2 or shape[0] != trains.n_in or shape[1] < 1:
        raise InvalidValue("Tempotron: state.weight", f"shape {shape}", f"({trains.n_in}, n_out), as the samples' n_in")
    for name, value, wanted in zip(state._fields, state, (shape, shape, *[shape[1:]] * 3), strict=True):
        if np.shape(value) != wanted or np.asarray(value).dtype != np.float64:
            found = f"{np.asarray(value).dtype} of shape {np.shape(value)}"
            raise InvalidValue(f"Tempotron: state.{name}", found, f"float64 of shape {wanted}")
    return np.ascontiguousarray(state.weight.T)


def _classes(target: ArrayLike, trains: SpikeTrains, state: TempotronState) -> NDArray[np.int64]:
    array, classes = np.asarray(target), max(2, np.shape(state.weight)[-1])
    if array.shape != (trains.samples,) or array.dtype.kind not in "iu":
        found = f"{array.dtype} of shape {array.shape}"
        raise InvalidValue("Tempotron: target", found, f"class numbers of shape ({trains.samples},): one per sample")
    if array.size and not 0 <= array.min() <= array.max() < classes:
        raise InvalidValue("Tempotron: target", array.min() if array.min() < 0 else array.max(), f"0 to {classes - 1}")
    return np.ascontiguousarray(array, dtype=np.int64)
