"""Trials of the what-when task on a spiking reservoir: a circuit, a way of learning, and blocks of trials."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..neurons import Current, Exponential, Izhikevich, Waveform, setup_generator, uniform
from ..plasticity import (
    ChannelwiseRecursiveLeastSquares,
    PredictionGated,
    ReadoutRule,
    RecursiveLeastSquares,
    ThreeFactor,
    ridge,
)
from ..reservoirs import FixedProbability, Network, Teaching
from .what_when_task import (
    AFTER,
    BEFORE,
    Block,
    amplitude,
    attention,
    draw_events,
    error,
    expectation,
    peak_times,
    profile,
)  # fmt: skip

__all__ = ["CLOSED_LOOP", "EXACT", "Circuit", "Learner", "Reservoir", "learner", "ridge_error", "run_blocks"]

Floats = NDArray[np.float64]
State = dict[str, NDArray[Any]]

_RESERVOIR, _JITTER = 8, 9  # streams of set-up randomness
_WHAT_RATE = 0.06  # chosen so that event frequency is tracked with the variance that the paper's r = 0.978 implies


@dataclasses.dataclass(frozen=True, kw_only=True)
class Circuit:
    """What the reservoir is like.

    gain        factor on recurrent weights
    feedback    gain of the timing prediction on the reservoir
    jitter      mV, standard deviation of v's start in every trial
    reset_cue   an inhibitory 100 ms pulse to all, which aligns phases, instead of a 50 ms excitatory one to half
    homogeneous all RS and FS neurons, without the 2003 paper's spread
    """

    gain: float = 1.0
    feedback: float = 0.0
    jitter: float = 0.0
    reset_cue: bool = False
    homogeneous: bool = False


EXACT = Circuit()
"""No noise and no feedback: every trial passes through the same states."""
CLOSED_LOOP = Circuit(gain=0.3, feedback=0.2, jitter=0.5, reset_cue=True)
"""The timing prediction drives the reservoir and starts are jittered, as the paper's model has it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Learner:
    """A way of learning.

    rule        of the timing readout
    gate        which channel learns and when: see `attention`
    product     whether the output is what times when (else one merged readout per channel)
    every       ms between updates
    resets      whether the rule's memory is cleared at every switch (an oracle's knowledge)
    centred     whether features have mean 0: local rules need it (rates common to all moments would drown the rest),
                least squares does not, and lacks a constant with it
    """

    rule: ReadoutRule
    gate: str
    product: bool
    every: int = 1
    resets: bool = False
    centred: bool = True


def learner(name: str, gate: str, learning_rate: float, setting: float | None = None) -> Learner:
    """A learner by name; `gate` and `learning_rate` are those of the circuit's three-factor rule.

    three_factor, three_factor_<gate>, merged, force_<merged|split>_<no_reset|reset|forgetting>; a FORCE that ends in
    _centred reads centred features, as the three-factor rule does. `setting` is what is tuned: the learning rate of
    `merged`, alpha of FORCE, the forgetting factor of FORCE with forgetting.
    """
    if name.startswith("force"):
        centred, name = name.endswith("_centred"), name.removesuffix("_centred")
        forgets = name.endswith("forgetting")
        alpha = 100.0 if forgets or setting is None else setting
        forgetting = (0.8 if setting is None else setting) if forgets else 1.0
        merged = name.startswith("force_merged")
        kind = RecursiveLeastSquares if merged else ChannelwiseRecursiveLeastSquares
        return Learner(
            rule=kind(alpha=alpha, forgetting=forgetting),
            gate="none" if merged else "full",
            product=not merged,
            every=5,
            resets=name.endswith("_reset") and not name.endswith("no_reset"),
            centred=centred,
        )
    if name == "merged":
        return Learner(rule=ThreeFactor(learning_rate=setting or learning_rate), gate="none", product=False)
    if name.startswith("three_factor_"):  # a gate that is wide open takes smaller steps, or noise accumulates
        gate = name.removeprefix("three_factor_")
        learning_rate = 2e-4 if gate == "soft" else 1e-4
    rule = ThreeFactor(learning_rate=learning_rate)
    return Learner(rule=PredictionGated(rule=rule) if gate == "prediction" else rule, gate=gate, product=True)


class Reservoir:
    """A reservoir with two readout channels, ready for trials. Its features are scaled by one cue-only trial.

    Parameters   neurons   80 % excitatory, 20 % inhibitory Izhikevich neurons; each gets 100 inputs on average
                 how       it learns: the readout's rule, and whether features are centred
                 seed      of parameters, connections, cue and start
    """

    def __init__(self, circuit: Circuit, neurons: int, how: Learner, seed: int) -> None:
        self.circuit, self.neurons, self.seed = circuit, neurons, seed
        plain = self._network(how.rule, np.zeros(neurons), np.ones(neurons))
        self.start = self._start(plain)
        traces = self._cue_only(plain)
        spread = traces.std(axis=0)
        mean = traces.mean(axis=0) if how.centred else np.zeros(neurons)
        self.features = np.where(spread >= 0.05, (traces - mean) / np.where(spread >= 0.05, spread, 1.0), 0.0)
        network = self._network(how.rule, mean, np.where(spread >= 0.05, spread, 0.0))
        self._readout = network.readouts[0]
        self._simulation = network.simulation()
        self.learned = {k: v for k, v in self._simulation.initial_state().items() if _is_learned(k)}
        self._blank = Teaching(np.zeros((BEFORE + AFTER, 2)), np.zeros((BEFORE + AFTER, 2)), self._on)

    _on = np.arange(BEFORE + AFTER) >= BEFORE

    def trial(self, learned: State, start: State, teaching: Teaching | None = None) -> tuple[State, Floats, Floats]:
        """Run one trial; returns what was learned, the timing predictions (1000, 2) and the mean trace after the cue."""
        state = start | learned
        state, seen = self._simulation.advance(
            state, 2 * (BEFORE + AFTER), teach={self._readout: teaching or self._blank}
        )
        kept = {name: array for name, array in state.items() if _is_learned(name)}
        return kept, seen.outputs[0][BEFORE:], state["readout0.trace_sum"] / AFTER

    def starts(self, stream: int) -> Any:
        """Endless start states: always the same one, or jittered by draws of their own."""
        rng = setup_generator(self.seed, _JITTER, stream)
        while True:
            if self.circuit.jitter > 0.0:
                v = self.start["izhikevich.v"] + rng.normal(0.0, self.circuit.jitter, self.neurons)
                yield self.start | {"izhikevich.v": v}
            else:
                yield self.start

    def _network(self, rule: ReadoutRule, mean: Floats, std: Floats) -> Network:
        circuit, n = self.circuit, self.neurons
        network = Network(dt=0.5, seed=self.seed)
        excitatory, inhibitory = Izhikevich.heterogeneous_excitatory(), Izhikevich.heterogeneous_inhibitory()
        if circuit.homogeneous:
            excitatory, inhibitory = Izhikevich.regular_spiking(), Izhikevich.fast_spiking()
        n_excitatory = round(0.8 * n)
        start = {"v": uniform(-70.0, -55.0)}
        e = network.population(n_excitatory, excitatory, name="excitatory", initial=start)
        i = network.population(n - n_excitatory, inhibitory, name="inhibitory", initial=start)
        some = FixedProbability(min(1.0, 100.0 / n), autapses=False)
        current = Exponential(tau_syn=5.0)
        network.connect(e, [e, i], some, weight=uniform(0.0, 0.5) * circuit.gain, synapse=current)
        network.connect(i, [e, i], some, weight=uniform(-1.0, 0.0) * circuit.gain, synapse=current)
        rng = setup_generator(self.seed, _RESERVOIR)
        if circuit.reset_cue:
            cue, length = -40.0 * rng.uniform(0.5, 1.0, n), 100
        else:
            cue, length = 10.0 * rng.uniform(0.0, 1.0, n) * (rng.permutation(n) < n // 2), 50
        pulse = np.zeros(BEFORE + AFTER)
        pulse[BEFORE : BEFORE + length] = 1.0
        for population, part in ((e, cue[:n_excitatory]), (i, cue[n_excitatory:])):
            network.drive(population, Current(amplitude=uniform(3.0, 8.0)))
            network.drive(population, Waveform(values=pulse, weight=part[None], every=1.0))
        back = circuit.feedback * rng.uniform(-1.0, 1.0, (n, 2))
        network.readout([e, i], 2, rule, tau_trace=30.0, every=1.0, mean=mean, std=std, feedback=back)
        return network

    def _start(self, network: Network) -> State:
        state = network.simulation().initial_state()
        b = np.concatenate([np.broadcast_to(p.model.b, p.size) for p in network.populations])  # type: ignore[attr-defined]
        return {k: v for k, v in state.items() if not _is_learned(k)} | {"izhikevich.u": b * state["izhikevich.v"]}

    def _cue_only(self, network: Network) -> Floats:
        """Raw traces at every ms of the second after the cue, nothing learned; shape (1000, neurons)."""
        simulation = network.simulation()
        state = simulation.initial_state() | self.start
        state, _ = simulation.advance(state, 2 * BEFORE)
        traces = []
        for _ in range(AFTER):
            state, _ = simulation.advance(state, 2)
            traces.append(state["readout0.trace"])
        return np.stack(traces)


def run_blocks(
    reservoir: Reservoir,
    how: Learner,
    blocks: Sequence[Block],
    trials: int,
    *,
    stream: int = 0,
    test_every: int = 1,
    snapshot_every: int = 0,
) -> dict[str, Floats]:
    """Train through blocks, testing with the cue alone; a pure function of its arguments.

    Parameters   stream           of events and jitter
                 test_every       trials between tests
                 snapshot_every   trials between copies of the weights; 0 for none
    Returns      error (blocks, tests), tests (tests,) the trials after which; per block shown (blocks, 1000, 2),
                 amplitude (blocks, 2), peak (blocks, 2), what (blocks, 2, n) and when (blocks, 2, n) at its end;
                 trajectory (snapshots, 2, 2 n): what and when side by side
    """
    n = reservoir.neurons
    learned, what = dict(reservoir.learned), np.zeros((2, n))
    train_starts, test_starts = reservoir.starts(2 * stream), reservoir.starts(2 * stream + 1)
    tests = np.arange(test_every, trials + 1, test_every)
    found: dict[str, list[Any]] = {k: [] for k in ("error", "shown", "amplitude", "peak", "what", "when", "trajectory")}

    def test(block: Block) -> Floats:
        _, when, mean_trace = reservoir.trial(learned, next(test_starts))
        return _output(how, when, what, mean_trace)

    for number, block in enumerate(blocks):
        if how.resets and number:
            learned |= {k: v for k, v in reservoir.learned.items() if ".rule." in k}
        errors = []
        for trial, event in enumerate(draw_events(block, trials, reservoir.seed, 100 * stream + number), 1):
            teaching = _teaching(how, int(event), block.latencies[event], trial)
            learned, _, mean_trace = reservoir.trial(learned, next(train_starts), teaching)
            if how.product:
                what = _learn_what(what, mean_trace, int(event))
            if trial % test_every == 0:
                shown = test(block)
                errors.append(error(shown, block))
            if snapshot_every and trial % snapshot_every == 0:
                found["trajectory"].append(np.concatenate([what, learned["readout0.weight"]], axis=1))
        final = {
            "error": errors, "shown": shown, "amplitude": amplitude(shown, block), "peak": peak_times(shown),
            "what": what, "when": learned["readout0.weight"],
        }  # fmt: skip
        for name, value in final.items():
            found[name].append(np.array(value))
    return {name: np.array(values) for name, values in found.items()} | {"tests": tests.astype(np.float64)}


def ridge_error(reservoir: Reservoir, block: Block) -> float:
    """Error of the best linear readout of the cue-only states, fitted to the expectation itself: a floor."""
    target = expectation(block)
    weight = ridge(reservoir.features, target, penalty=1.0)
    return error(np.maximum(reservoir.features @ weight.T, 0.0), block)


def _learn_what(what: Floats, mean_trace: Floats, event: int) -> Floats:
    """The two-factor rule of the identity readout, once per trial: mean activity times identity error."""
    surprise = (np.arange(2) == event) - what @ mean_trace
    change: Floats = np.outer(surprise, mean_trace) / (mean_trace @ mean_trace)
    return what + _WHAT_RATE * change


def _output(how: Learner, when: Floats, what: Floats, mean_trace: Floats) -> Floats:
    if not how.product:
        return np.maximum(when, 0.0)
    return np.clip(what @ mean_trace, 0.0, 1.0) * np.maximum(when, 0.0)


def _teaching(how: Learner, event: int, latency: float, trial: int) -> Teaching:
    target, gate = np.zeros((BEFORE + AFTER, 2)), np.zeros((BEFORE + AFTER, 2))
    target[BEFORE:, event] = profile(latency)
    first = trial % how.every  # or least squares would fit the same few moments of every trial, and nothing between
    gate[BEFORE + first :: how.every] = attention(how.gate, event, latency)[first :: how.every]
    return Teaching(target, gate, Reservoir._on)


def _is_learned(name: str) -> bool:
    return name == "readout0.weight" or ".rule." in name
