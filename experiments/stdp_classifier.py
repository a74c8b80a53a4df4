"""A layer that learns spike trains by STDP without labels, and is given labels afterwards.

Channels of spikes drive a layer of neurons through plastic synapses. A spike of one neuron lowers the potential of all others
(soft winner-take-all), and leaves it less excitable for seconds (homeostasis). Weights are then frozen, each neuron is
labelled with the class for which it fires most on the training samples, and a new sample is read by the labelled groups.

Source       the scheme: Diehl & Cook 2015, doi:10.3389/fncom.2015.00099; multiplicative bounds: van Rossum, Bi & Turrigiano
             2000, doi:10.1523/JNEUROSCI.20-23-08812.2000
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..neurons import (
    Current,
    Delta,
    Exponential,
    InvalidValue,
    Neuron,
    Parameters,
    Pulse,
    Source,
    SpikeList,
    Stochastic,
    Synapse,
    check_seed,
    parameter,
    setup_generator,
    steps_in,
)
from ..plasticity import STDP, SoftBounds
from ..reservoirs import AllToAll, Network, OneToOne, Population, Projection
from .stdp_copies import Layer, count_spikes, refuse_divergence, respond_in_copies

__all__ = [
    "STDPClassifier", "TrainedSTDP", "labels_of", "predict", "predict_nearest", "respond", "suggest_gain",
    "synaptic_operations", "train",
]  # fmt: skip

Floats = NDArray[np.float64]
Spikes = NDArray[np.uint8]
Labels = NDArray[np.int64]

_WEIGHTS, _ORDER, _NEURONS = 294, 295, 296  # streams of randomness
_LOW, _HIGH = 0.2, 0.8  # initial weights
_SHOWN = 16  # samples by which a gain is judged
_WANTED = 0.1  # of bins with a spike: the middle, in ratio, of 5 to 20 %
GAINS = tuple(2.0**k for k in range(-10, 13))
"""What `suggest_gain` tries: the powers of two about 1, far enough for currents in nA, mV/ms or none at all."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class STDPClassifier(Parameters):
    """A layer with STDP, lateral inhibition and homeostasis, and how it is trained.

        a spike of channel i delivers gain w_ij to neuron j, w in [0, 1], at first drawn from U(0.2, 0.8)
        channel i fires:  w_ij <- w_ij - depression y_j w_ij, then x_i jumps by 1;  tau_plus dx/dt = -x
        neuron j fires:   w_ij <- w_ij + potentiation x_i (1 - w_ij), then y_j jumps by 1;  tau_minus dy/dt = -y
                          v_k <- v_k - inhibition for every k != j;  A_j jumps by adaptation
        tau_adaptation dA/dt = -A;  current into j: bias - A_j + what synapses deliver

    Parameters   neuron           any model; of a distribution, n values are drawn
                 n                neurons, >= 1
                 gain             what a weight of 1 delivers, the neuron's unit of current, > 0; see `suggest_gain`
                 synapse          kind of the plastic synapses: Pulse(), or Exponential(tau_syn)
                 bias             constant current, the neuron's unit: quiets a model that fires without input
                 tau_plus, tau_minus   of the traces, ms, > 0
                 potentiation     relative change of 1 - w for a pair at lag 0, in [0, 1]
                 depression       relative change of w for a pair at lag 0, in [0, 1]
                 inhibition       mV, >= 0; by default half the way from rest to threshold
                 adaptation       the neuron's unit of current, >= 0; by default 0.05 of what leads from rest to threshold
                 tau_adaptation   ms, > 0
                 epochs           passes over the training samples, each in an order of its own, >= 0
                 rest             silence after each sample, ms, a multiple of dt, >= 0: about 5 times the slowest trace or
                                  membrane brings both to rest
                 dt               ms, > 0, of a bin of the samples and of the clock
                 seed             whole number >= 0
    Raises       InvalidValue for a field outside its range
    Source       as of this module; learning and homeostasis follow section 4.2 of our specification of arXiv 2508.11674, of
                 which only abstracts were read; defaults of gain, inhibition and adaptation are its, for a LIF with
                 v_rest = v_reset = 0, v_threshold = 1, r_m = 1
    Deviations   a spike lowers its neuron's current for tau_adaptation instead of raising its threshold, since every model has a
                 current: for a LIF with tau_adaptation far above tau_m the same but for v_reset, which stays. After training it
                 is held at its last value. Of neurons that fire in one step, none inhibits another that is then reset
    """

    neuron: Neuron
    n: int = 32
    gain: float = parameter(1.0, "units of current", above=0.0)
    synapse: Synapse = dataclasses.field(default_factory=Pulse)
    bias: float = parameter(0.0, "units of current")
    tau_plus: float = parameter(20.0, "ms", above=0.0)
    tau_minus: float = parameter(20.0, "ms", above=0.0)
    potentiation: float = parameter(0.01, "1", at_least=0.0, at_most=1.0)
    depression: float = parameter(0.012, "1", at_least=0.0, at_most=1.0)
    inhibition: float = parameter(0.5, "mV", at_least=0.0)
    adaptation: float = parameter(0.05, "units of current", at_least=0.0)
    tau_adaptation: float = parameter(1e4, "ms", above=0.0)
    epochs: int = 1
    rest: float = parameter(100.0, "ms", at_least=0.0)
    dt: float = parameter(1.0, "ms", above=0.0)
    seed: int = 0

    def check(self) -> None:
        name = type(self).__name__
        if not isinstance(self.neuron, Neuron) or isinstance(self.neuron, Source):
            raise InvalidValue(f"{name}.neuron", self.neuron, "a model that hears its input", "e.g. LIF()")
        for field, low in (("n", 1), ("epochs", 0)):
            value = getattr(self, field)
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < low:
                raise InvalidValue(f"{name}.{field}", value, f"a whole number >= {low}")
        if not isinstance(self.synapse, Synapse) or isinstance(self.synapse, Delta):
            raise InvalidValue(f"{name}.synapse", self.synapse, "a synapse that delivers a current", "e.g. Pulse()")
        if self.synapse.key == Exponential(tau_syn=self.tau_adaptation).key:
            raise InvalidValue(f"{name}.tau_adaptation", self.tau_adaptation, "another than the synapse's tau_syn")
        steps_in(f"{name}.rest", self.rest, self.dt)
        check_seed(f"{name}.seed", self.seed)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class TrainedSTDP:
    """What `train` leaves; frozen.

    classifier   what was trained
    neuron       its model, distributions drawn
    weights      in [0, 1], shape (channels, n)
    adaptation   what homeostasis had taken from each neuron's current in the end, >= 0, shape (n,)
    responses    mean spikes per training sample, weights frozen, shape (classes, n)
    labels       class of each neuron, -1 for none, shape (n,); see `labels_of`
    """

    classifier: STDPClassifier
    neuron: Neuron
    weights: Floats
    adaptation: Floats
    responses: Floats
    labels: Labels


def train(classifier: STDPClassifier, spikes: ArrayLike, target: ArrayLike, *, threads: int = 1) -> TrainedSTDP:
    """Show all samples, learning, `epochs` times; freeze; label the neurons by their mean responses to the same samples.

    Parameters   spikes    0 and 1, (time, sample, channel)
                 target    class of each sample, whole numbers from 0, each at least once, (sample,)
                 threads   of the processor; results do not depend on it
    Raises       InvalidValue; SynfireError if a neuron diverges
    """
    shown = _checked_spikes("train: spikes", spikes)
    classes = _checked_target(target, shown.shape[1])
    neuron, weights = _drawn(classifier, shown.shape[2])
    network = _Learning(classifier, neuron, weights)
    weights, adaptation = network.learn(shown, threads)
    counts = count_spikes(_layer(classifier, neuron, weights, adaptation), shown, threads=threads)
    responses = np.stack([counts[classes == c].mean(0) for c in range(classes.max() + 1)])
    return TrainedSTDP(
        classifier=classifier, neuron=neuron, weights=weights, adaptation=adaptation, responses=responses,
        labels=labels_of(responses),
    )  # fmt: skip


def respond(trained: TrainedSTDP, spikes: ArrayLike, *, first: int = 0, threads: int = 1) -> Spikes:
    """Spikes of the neurons with frozen weights, 0 and 1, (time, sample, n), each sample from the model's initial state.

    A sample alone, or among others in any order, gives the same spikes; a model that fires by chance draws by the sample's
    number: first, first + 1, ... A neuron hears a channel's spike one step later.

    Parameters   spikes    0 and 1, (time, sample, channel)
                 first     number of the first sample, >= 0
                 threads   of the processor; results do not depend on it
    Raises       InvalidValue; SynfireError if a neuron diverges
    """
    shown = _checked_spikes("respond: spikes", spikes, len(trained.weights))
    layer = _layer(trained.classifier, trained.neuron, trained.weights, trained.adaptation)
    return respond_in_copies(layer, shown, number=first, threads=threads)


def labels_of(responses: Floats) -> Labels:
    """The class with the highest mean response of each neuron, shape (n,); -1 where classes tie, as of a silent neuron.

    Parameters   responses   (classes, n)
    """
    return _winner(responses.T)


def predict(trained: TrainedSTDP, responses: ArrayLike) -> Labels:
    """The class whose labelled neurons fired most on average, shape (sample,).

    -1, an answer that is never right, where classes tie and where no labelled neuron fired. A class that no neuron is labelled
    with is never answered: of two Poisson rates, all neurons may prefer the higher one.

    Parameters   responses   as `respond` gave them, (time, sample, n)
    """
    counts = _counts(trained, responses)
    mean = np.full((len(counts), len(trained.responses)), -1.0)
    for c in range(mean.shape[1]):
        if (trained.labels == c).any():
            mean[:, c] = counts[:, trained.labels == c].mean(1)
    return np.where(mean.max(1) > 0.0, _winner(mean), -1)


def predict_nearest(trained: TrainedSTDP, responses: ArrayLike) -> Labels:
    """The class whose mean response is nearest to the sample's counts, shape (sample,); of equally near ones the first.

    Euclidean over all neurons; silence is an answer like any other, and classes may share their preferred neurons.

    Parameters   responses   as `respond` gave them, (time, sample, n)
    """
    counts = _counts(trained, responses)
    away = ((counts[:, None, :] - trained.responses) ** 2).sum(2)
    return away.argmin(1)


def synaptic_operations(trained: TrainedSTDP, spikes: ArrayLike, responses: ArrayLike) -> NDArray[np.int64]:
    """Additions at synapses that a sample costs, a proxy of energy, shape (sample,).

        spikes of channels x n  +  spikes of neurons x (n - 1)

    Parameters   spikes      0 and 1, (time, sample, channel)
                 responses   as `respond` gave them, (time, sample, n)
    """
    channels, n = trained.weights.shape
    arriving = _checked_spikes("synaptic_operations: spikes", spikes, channels).sum((0, 2), dtype=np.int64)
    return arriving * n + _counts(trained, responses).sum(1) * (n - 1)


def suggest_gain(classifier: STDPClassifier, spikes: ArrayLike, *, candidates: Sequence[float] = GAINS) -> float:
    """The gain at which untrained neurons fire in a fraction of bins nearest to 10 %, by ratio; the smaller of equal ones.

    5 to 20 % are within a factor of 2 of that. Neurons and weights are those with which `train` begins, without adaptation and
    without inhibition: against that of all others they would reach 10 % only where every input spike fires all at once. At most
    16 of the samples, spread evenly, are shown.

    Parameters   spikes       0 and 1, (time, sample, channel)
                 candidates   gains to try, > 0
    Raises       InvalidValue, also where neurons are silent at every candidate
    """
    shown = _checked_spikes("suggest_gain: spikes", spikes)
    tried = np.sort(np.asarray(candidates, np.float64))
    if tried.ndim != 1 or not tried.size or not (np.isfinite(tried).all() and tried[0] > 0.0):
        raise InvalidValue("suggest_gain: candidates", candidates, "gains > 0, at least one")
    chosen = np.unique(np.linspace(0, shown.shape[1] - 1, _SHOWN).astype(int))
    neuron, weights = _drawn(classifier, shown.shape[2])
    layer = _layer(classifier, neuron, weights, np.zeros(classifier.n))
    tables = np.repeat(tried[:, None, None] * weights, len(chosen), axis=0)
    alone = dataclasses.replace(layer, weights=tables, inhibition=0.0)
    counts = count_spikes(alone, np.tile(shown[:, chosen], (1, len(tried), 1)))
    fraction = counts.reshape(len(tried), -1).mean(1) / len(shown)
    if not fraction.any():
        legal = "some at which neurons fire"
        raise InvalidValue("suggest_gain: candidates", candidates, legal, "add larger ones, or give the neurons a bias")
    rising = np.arange(fraction.argmax() + 1)  # beyond it neurons are blocked or diverge
    fired = rising[fraction[rising] > 0.0]
    return float(tried[fired[np.abs(np.log(fraction[fired] / _WANTED)).argmin()]])


class _Learning:
    """The network that learns: samples follow one another in time, with silence between them."""

    def __init__(self, classifier: STDPClassifier, neuron: Neuron, weights: Floats) -> None:
        self.classifier = classifier
        gain, channels = classifier.gain, len(weights)
        rule = STDP(
            tau_plus=classifier.tau_plus, tau_minus=classifier.tau_minus, potentiation=gain * classifier.potentiation,
            depression=gain * classifier.depression, bounds=SoftBounds(low=0.0, high=gain),
        )  # fmt: skip
        self.net = net = Network(dt=classifier.dt, seed=classifier.seed)
        self.source: Population = net.population(channels, SpikeList())
        self.cells: Population = net.population(classifier.n, neuron)
        self.learnt: Projection
        (self.learnt,) = net.connect(
            self.source, self.cells, AllToAll(), weight=gain * weights, synapse=classifier.synapse, plasticity=rule
        )
        net.connect(self.cells, self.cells, AllToAll(autapses=False), weight=-classifier.inhibition, synapse=Delta())
        slow = Exponential(tau_syn=classifier.tau_adaptation)
        net.connect(self.cells, self.cells, OneToOne(), weight=-classifier.adaptation, synapse=slow)
        net.drive(self.cells, Current(amplitude=classifier.bias))

    def learn(self, spikes: Spikes, threads: int) -> tuple[Floats, Floats]:
        """Weights in [0, 1] and adaptation, >= 0, after all epochs."""
        classifier, dt = self.classifier, self.classifier.dt
        time, samples, channels = spikes.shape
        each = time + steps_in("rest", classifier.rest, dt)
        simulation = self.net.simulation(threads=threads)
        running = simulation.start()
        sample, step, channel = np.nonzero(spikes.transpose(1, 0, 2))
        for epoch in range(classifier.epochs):
            place = np.empty(samples, np.int64)
            place[setup_generator(classifier.seed, _ORDER, epoch).permutation(samples)] = np.arange(samples)
            when = running.step + place[sample] * each + step
            running.play({self.source: SpikeList(times=when * dt, neurons=channel)})
            end = running.step + samples * each
            while running.step < end:
                running.advance(end - running.step)
            refuse_divergence(running)
        state = running.state()
        learnt = simulation.weights(state, self.learnt).reshape(channels, classifier.n)
        slow = next(
            value for name, value in state.items() if name.endswith(".synapse2.current")
        )  # the third to connect
        return learnt / classifier.gain, -slow


def _drawn(classifier: STDPClassifier, channels: int) -> tuple[Neuron, Floats]:
    """The model with its distributions drawn, and initial weights (channels, n)."""
    neuron = classifier.neuron.sample(classifier.n, setup_generator(classifier.seed, _NEURONS))
    if isinstance(neuron, Stochastic):
        neuron = neuron.keyed(classifier.n, classifier.seed, _NEURONS)
    weights = setup_generator(classifier.seed, _WEIGHTS).uniform(_LOW, _HIGH, (channels, classifier.n))
    return neuron, weights


def _layer(classifier: STDPClassifier, neuron: Neuron, weights: Floats, adaptation: Floats) -> Layer:
    return Layer(
        neuron=neuron, weights=classifier.gain * weights, held=classifier.bias - adaptation,
        inhibition=classifier.inhibition, synapse=classifier.synapse, dt=classifier.dt, seed=classifier.seed,
    )  # fmt: skip


def _winner(scores: Any) -> Labels:
    """The column of the one highest score in each row, -1 where several are."""
    most = scores.max(1, keepdims=True)
    return np.where((scores == most).sum(1) == 1, scores.argmax(1), -1)


def _counts(trained: TrainedSTDP, responses: ArrayLike) -> NDArray[np.int64]:
    return _checked_spikes("responses", responses, trained.weights.shape[1]).sum(0, dtype=np.int64)


def _checked_spikes(field: str, spikes: ArrayLike, channels: int | None = None) -> Spikes:
    array = np.asarray(spikes)
    last = "channel" if channels is None else str(channels)
    if array.ndim != 3 or 0 in array.shape or channels not in (None, array.shape[2]):
        raise InvalidValue(field, f"shape {array.shape}", f"of shape (time, sample, {last}), none of them 0")
    if array.dtype.kind not in "biu" or array.max() > 1 or array.min() < 0:
        raise InvalidValue(field, f"{array.dtype} up to {array.max()}", "0 and 1, whole numbers", "e.g. uint8")
    return array.astype(np.uint8, copy=False)


def _checked_target(target: ArrayLike, samples: int) -> Labels:
    array = np.asarray(target)
    if array.shape != (samples,) or array.dtype.kind not in "iu":
        raise InvalidValue(
            "train: target", f"{array.dtype} of shape {array.shape}", f"whole numbers of shape ({samples},)"
        )
    found = np.unique(array)
    if not np.array_equal(found, np.arange(len(found))) or len(found) < 2:
        raise InvalidValue(
            "train: target", found, "classes 0, 1, ..., each at least once and two at least", "renumber them"
        )
    return array.astype(np.int64)
