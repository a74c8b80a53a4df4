"""How the experiment `meta-neurons` trains: backprop, STDP and the Tempotron, on LIF and meta-neurons, with parameters that
are fixed or learned.

Every learner gives back a way to respond to trains: answers, and the spikes of its last neurons, from which complexity is
read.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from ..neurons import (
    LIF,
    Dense,
    FastSigmoid,
    Membrane,
    MetaNeuron,
    Neuron,
    ProbabilisticLIF,
    Spiking,
    setup_generator,
)  # fmt: skip
from ..plasticity import BPTT, Clip, SpikeTrains, Tempotron, chain
from ..reservoirs import Feedforward
from .stdp_classifier import STDPClassifier, predict, predict_nearest, respond, suggest_gain, synaptic_operations, train
from .trains import Trains
from .whole_fit import whole_fit

__all__ = ["INTERNAL", "LEARNERS", "NEURONS", "Learnt", "Response", "Setting", "network_of"]

_INPUT, _OWN = 300, 303  # streams: of the fixed input layer; of parameters that are drawn
BIAS = -2.0  # of meta-neurons, which fire without input at 0
ACTIVE = 0.1  # share of steps in which a neuron should fire before training
GAINS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
SHARPNESS = 10.0  # of the scores: rates, as shares of steps, times this
LENGTH = 256  # steps of a train that count as one epoch
TOGETHER = 256  # samples that are responded to at once

Spikes = NDArray[np.uint8]
Floats = NDArray[np.float64]

NEURONS: dict[str, Callable[..., Neuron]] = {
    "lif": lambda **own: LIF(v_rest=0.0, v_reset=0.0, **{"v_threshold": 1.0, "tau_m": 20.0} | own),
    "meta": lambda **own: MetaNeuron(**own),
    "escape_lif": lambda **own: ProbabilisticLIF(
        v_rest=0.0, v_reset=0.0, **{"v_threshold": 1.0, "tau_m": 20.0, "width": 0.1} | own
    ),
}
INTERNAL = {
    "lif": {"tau_m": (5.0, 80.0), "v_threshold": (0.5, 2.0)},
    "meta": {"a": (0.005, 0.1), "b": (0.0, 0.4), "c": (-0.2, 0.2), "d": (0.0, 0.16), "width": (0.02, 0.12)},
    "escape_lif": {"tau_m": (5.0, 80.0), "v_threshold": (0.5, 2.0), "width": (0.05, 0.3)},
}
"""Which of a neuron's own parameters are learned, and the range in which a search without gradients looks."""


class Setting(NamedTuple):
    """What a search chooses.

    hidden   neurons of a layer
    rate     of the rule
    share    of the range of a neuron's own parameter: what learning moves it by where it moves a weight by one rate; of
             the rate itself in the Tempotron
    homeostasis   under STDP, by how much a spike tires its neuron, relative to the spec
    own      (low, high) between which each neuron's own parameters are drawn; none: the model's
    """

    hidden: int
    rate: float
    share: float = 0.0
    homeostasis: float = 1.0
    own: dict[str, tuple[float, float]] = {}  # noqa: RUF012 - of a NamedTuple, never written to


class Response(NamedTuple):
    """answers (sample,); spikes of the last neurons (time, sample, neuron); operations: synaptic, a sample; updates: of
    neurons, a sample; labelled (sample,): answers of labelled groups of neurons, where a learner has them."""

    answers: NDArray[np.int64]
    spikes: Spikes
    operations: float
    updates: float
    labelled: NDArray[np.int64] | None = None


class Learnt(NamedTuple):
    """respond: Trains to Response; own: learned parameters of the neurons by name, (neuron,); network: if it is one of layers."""

    respond: Callable[[Trains], Response]
    own: dict[str, Floats]
    network: Any = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class GroupRates:
    """Cross-entropy of the mean rates of groups of output neurons, one group for each class, as shares of steps times 10."""

    classes: int

    def scores(self, outputs: torch.Tensor) -> torch.Tensor:
        rates = outputs.mean(0)
        each = rates.shape[1] // self.classes
        return SHARPNESS * rates[:, : each * self.classes].view(len(rates), self.classes, each).mean(2)

    def loss(self, outputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(self.scores(outputs), target)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FirstCrossing:
    """The Tempotron's error for potentials that run away above threshold: there they count as they were when they crossed first.

    Unit j stands for class j modulo `classes`; the class whose units rise highest is the answer.
    """

    v_threshold: float
    classes: int

    def _peaks(self, outputs: torch.Tensor) -> torch.Tensor:
        above = outputs >= self.v_threshold
        at = torch.where(above.any(0), above.to(torch.uint8).argmax(0), outputs.argmax(0))
        return outputs.gather(0, at[None])[0]

    def scores(self, outputs: torch.Tensor) -> torch.Tensor:
        highest = outputs.amax(0)
        return highest.view(len(highest), -1, self.classes).mean(1)

    def loss(self, outputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        peak = self._peaks(outputs)
        wanted = functional.one_hot(target, self.classes).bool().repeat(1, outputs.shape[2] // self.classes)
        missing = torch.where(wanted, self.v_threshold - peak, peak - self.v_threshold)
        wrong = (peak >= self.v_threshold) != wanted
        return torch.where(wrong, missing, torch.zeros_like(missing)).sum(1).mean()


def _tensors(trains: Trains) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(trains.spikes).float(), torch.from_numpy(trains.target)


def felt(neuron: Any, dt: float) -> float:
    """How far one unit of current moves a neuron in one step, in units of its distance to threshold; about no current."""
    step, state = neuron.discretise(dt), neuron.initial_state()
    still, moved = (float(step.integrate(state, current).v) for current in (0.0, 1.0))
    return (moved - still) / (float(step.v_threshold) - float(state.v))


def connected(kind: str, neuron: Any, n_in: int, n_out: int, dt: float, seed: int) -> Dense:
    """All-to-all connections with weights of about 1, and biases that leave meta-neurons quiet and others alone."""
    made = Dense(n_in, n_out, bias=True, gain=1.0 / felt(neuron, dt), seed=seed)
    nn.init.constant_(made.bias, _bias(kind) / made.gain)  # type: ignore[arg-type]
    return made


def _bias(kind: str) -> float:
    return BIAS if kind == "meta" else 0.0


def network_of(kind: str, learn: tuple[str, ...], sizes: tuple[int, ...], dt: float, seed: int) -> Any:
    """Connections and spiking neurons for each size after the first."""
    layers: list[Any] = []
    neuron = NEURONS[kind]()
    for k, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
        layers += [
            connected(kind, neuron, n_in, n_out, dt, _seed(seed, k)),
            Spiking(n_out, neuron, dt=dt, learn=learn, surrogate=FastSigmoid(slope=10.0), seed=_seed(seed, k)),
        ]
    return layers


def _seed(*place: int) -> int:
    return int(np.random.SeedSequence(place).generate_state(1)[0])


def _calibrated(layers: list[Any], x: torch.Tensor) -> list[Any]:
    """Each layer's weights scaled so that its neurons fire in about a tenth of the steps, or as near to that as can be."""
    for connections, neurons in zip(layers[::2], layers[1::2], strict=True):
        neurons.eval()
        with torch.no_grad():
            current, _ = connections(x)
            bias = connections.gain * connections.bias
            tried = []
            for gain in GAINS:
                spikes, _ = neurons(bias + gain * (current - bias))
                tried.append((abs(math.log(max(float(spikes.mean()), 1e-6) / ACTIVE)), gain, spikes))
            _, gain, x = min(tried, key=lambda each: each[:2])
            connections.weight.mul_(gain)
        neurons.train()
    return layers


def _last_spikes(network: Feedforward, trains: Trains) -> tuple[torch.Tensor, list[float]]:
    """Outputs (time, sample, n) in evaluation, and the spikes of each layer of neurons, a sample."""
    outputs, counts = [], np.zeros(len(network.layers))
    with torch.no_grad():
        for part in _parts(trains):
            x = torch.from_numpy(trains.spikes[:, part]).float()
            state = network.begin(trains.first + part)
            for k, layer in enumerate(network.layers):
                x, _ = layer(x, state[k])
                counts[k] += float(x.sum()) if isinstance(layer, Spiking) else 0.0
            outputs.append(x)
    return torch.cat(outputs, 1), list(counts / trains.spikes.shape[1])


def _parts(trains: Trains) -> list[NDArray[np.int64]]:
    """The places of the samples, some at a time."""
    place = np.arange(trains.spikes.shape[1])
    return np.split(place, range(TOGETHER, len(place), TOGETHER))


def epochs_for(data: Trains, epochs: int) -> int:
    """So many epochs of trains of at most 256 steps; of longer ones fewer, for as many steps of time."""
    return max(1, round(epochs * min(1.0, LENGTH / len(data.spikes))))


def _optimisers(kind: str, setting: Setting) -> Any:
    """Adam; a neuron's own parameter takes the rate times a share of the range in which it is looked for."""

    def make(network: Any, epochs: int) -> list[torch.optim.Optimizer]:
        groups = []
        for name, values in network.named_parameters():
            moves = 1.0
            if ".learned." in name:
                low, high = INTERNAL[kind][name.rpartition(".")[2]]
                moves = setting.share * (high - low)
            groups.append({"params": [values], "lr": moves * setting.rate})
        return [torch.optim.Adam(groups, fused=True)]

    return make


def backprop(kind: str, learned: bool, setting: Setting, data: Trains, classes: int, config: Any, seed: int) -> Learnt:
    """Two layers of neurons, backpropagation through time with surrogates, rates of groups of the second against classes."""
    learn = tuple(INTERNAL[kind]) if learned else ()
    x, target = _tensors(data)
    n_out = max(setting.hidden // classes, 1) * classes
    sizes = (x.shape[2], setting.hidden, n_out)
    layers = _calibrated(network_of(kind, learn, sizes, data.dt, seed), x[:, :64])
    network = Feedforward(layers, GroupRates(classes=classes))
    fitted = whole_fit(
        network, chain(BPTT(), Clip(norm=1.0)), (x, target), epochs=epochs_for(data, config.epochs), batch=config.batch,
        optimisers=_optimisers(kind, setting), seed=seed,
    )  # fmt: skip
    trained = fitted.network
    fan_out = {1: n_out, 3: 0}

    def respond_to(trains: Trains) -> Response:
        outputs, counts = _last_spikes(trained, trains)
        operations = trains.spikes.sum() / trains.spikes.shape[1] * setting.hidden
        operations += sum(counts[k] * fan_out[k] for k in fan_out)
        answers = trained.objective.scores(outputs).argmax(1).numpy()
        return Response(answers, outputs.numpy().astype(np.uint8), float(operations), float(len(outputs) * sum(sizes[1:])))

    own = {
        f"{name}/{k}": values.detach().double().numpy().copy()
        for k in (1, 3)
        for name, values in trained.layers[k].learned.items()
    }
    return Learnt(respond_to, own, trained)


def _heard(kind: str, trains: Trains, seed: int, channels: int) -> Trains:
    """A single train as `channels` of fixed neurons hear it, each through one random weight; several trains as they are."""
    if trains.spikes.shape[2] > 1:
        return trains
    layer = Spiking(channels, NEURONS[kind](), dt=trains.dt, seed=_seed(seed, _INPUT)).eval()
    weight = torch.from_numpy(setup_generator(seed, _INPUT).uniform(0.0, 1.0, channels)).float()
    reach = {"lif": 25.0, "escape_lif": 25.0, "meta": 6.0}[kind]  # the largest fires at every spike
    bias = _bias(kind)
    parts = []
    with torch.no_grad():
        for part in _parts(trains):
            current = torch.from_numpy(trains.spikes[:, part]).float() * (reach * weight) + bias
            parts.append(layer(current, layer.begin(torch.from_numpy(trains.first + part)))[0].numpy().astype(np.uint8))
    return trains._replace(spikes=np.concatenate(parts, 1))


def _costs(trains: Trains, heard: Trains, operations: float, units: int) -> tuple[float, float]:
    """Operations and updates a sample of a layer of so many units, with those of the fixed neurons that hear a single train."""
    steps, samples, _ = trains.spikes.shape
    if heard is trains:
        return operations, float(steps * units)
    channels = heard.spikes.shape[2]
    return operations + float(trains.spikes.sum()) / samples * channels, float(steps * (units + channels))


def stdp(kind: str, learned: bool, setting: Setting, data: Trains, classes: int, config: Any, seed: int) -> Learnt:
    """A layer with STDP; the class whose mean responses are nearest answers. Own parameters are drawn as the search has it."""
    heard = _heard(kind, data, seed, config.channels)
    draw = setup_generator(seed, _OWN)
    usual: Any = NEURONS[kind]()
    own = {name: draw.uniform(low, high, setting.hidden) for name, (low, high) in setting.own.items()}
    # arrays also where all are the same: one compiled loop serves fixed and learned parameters
    given = {name: own.get(name, np.full(setting.hidden, getattr(usual, name))) for name in INTERNAL[kind]}
    reach = 1.0 / felt(usual, data.dt)
    # a meta-neuron's square makes excitation of much inhibition: all others together take what one LIF takes
    inhibition = 0.5 * float(usual.v_threshold) / (max(setting.hidden - 1, 1) if kind == "meta" else 1)
    classifier = STDPClassifier(
        neuron=NEURONS[kind](**given), n=setting.hidden, potentiation=setting.rate, depression=1.2 * setting.rate,
        inhibition=inhibition, bias=_bias(kind), adaptation=0.05 * setting.homeostasis * reach,
        epochs=config.stdp_epochs, dt=data.dt, seed=seed,
    )  # fmt: skip
    classifier = dataclasses.replace(classifier, gain=suggest_gain(classifier, heard.spikes[:, :64]))
    trained = train(classifier, heard.spikes, heard.target)

    def respond_to(trains: Trains) -> Response:
        shown = _heard(kind, trains, seed, config.channels)
        spikes = respond(trained, shown.spikes, first=trains.first)
        operations = float(np.mean(synaptic_operations(trained, shown.spikes, spikes)))
        costs = _costs(trains, shown, operations, setting.hidden)
        return Response(predict_nearest(trained, spikes), spikes, *costs, predict(trained, spikes))

    return Learnt(respond_to, own)


def tempotron(kind: str, learned: bool, setting: Setting, data: Trains, classes: int, config: Any, seed: int) -> Learnt:
    """Units that learn whether to fire, `hidden` of them shared among the classes; the class whose units rise highest.

    LIF: the Tempotron itself, whose log tau, log tau_s and threshold move by `share` of the rate. Meta-neurons: its error, with
    the derivatives of their own potential, which without spikes knows neither c nor d; a and b are learned.
    """
    heard = _heard(kind, data, seed, config.channels)
    copies = max(setting.hidden // classes, 1)
    units = copies * classes
    if kind == "lif":
        rule = Tempotron(rate=setting.rate, internal_rate=setting.share * setting.rate if learned else 0.0)
        return _classical(rule, heard, classes, copies, config, seed)
    learn = ("a", "b") if learned else ()
    neuron: Any = NEURONS[kind]()
    connections = connected(kind, neuron, heard.spikes.shape[2], units, data.dt, _seed(seed, 0))
    network = Feedforward(
        [connections, Membrane(units, neuron, dt=data.dt, learn=learn, seed=_seed(seed, 1))],
        FirstCrossing(v_threshold=float(neuron.v_threshold), classes=classes),
    )
    x, target = _tensors(heard)
    fitted = whole_fit(
        network, chain(BPTT(), Clip(norm=1.0)), (x, target), epochs=epochs_for(data, config.tempotron_epochs), batch=config.batch,
        optimisers=_optimisers(kind, setting), seed=seed,
    )  # fmt: skip
    trained = fitted.network
    spiking = Spiking(units, trained.layers[1].neuron(), dt=data.dt, seed=_seed(seed, 1)).eval()
    own = {name: values.detach().double().numpy().copy() for name, values in trained.layers[1].learned.items()}

    def respond_to(trains: Trains) -> Response:
        shown = _heard(kind, trains, seed, config.channels)
        answers, fired = [], []
        with torch.no_grad():
            for part in _parts(shown):
                current, _ = trained.layers[0](torch.from_numpy(shown.spikes[:, part]).float())
                answers.append(trained.objective.scores(trained.layers[1](current)[0]).argmax(1).numpy())
                state = spiking.begin(torch.from_numpy(shown.first + part))
                fired.append(spiking(current, state)[0].numpy().astype(np.uint8))
        costs = _costs(trains, shown, float(shown.spikes.sum() / shown.spikes.shape[1] * units), units)
        return Response(np.concatenate(answers), np.concatenate(fired, 1), *costs)

    return Learnt(respond_to, own)


def _classical(rule: Tempotron, data: Trains, classes: int, copies: int, config: Any, seed: int) -> Learnt:
    trains, epochs = SpikeTrains.from_dense(data.spikes, dt=data.dt), epochs_for(data, config.tempotron_epochs)
    states = [rule.init(data.spikes.shape[2], classes, _seed(seed, k)) for k in range(copies)]
    states = [
        rule.fit(state, trains, data.target, epochs=epochs, seed=_seed(seed, k, 1))[0]
        for k, state in enumerate(states)
    ]
    whole = type(states[0])(*(np.concatenate(each, axis=-1) for each in zip(*states, strict=True)))
    own = {"tau": np.exp(whole.log_tau), "tau_s": np.exp(whole.log_tau_s), "v_threshold": whole.v_threshold}

    def respond_to(given: Trains) -> Response:
        shown = _heard("lif", given, seed, config.channels)
        events = SpikeTrains.from_dense(shown.spikes, dt=shown.dt)
        margins = rule.peaks(whole, events)[0] - whole.v_threshold
        answers = margins.reshape(len(margins), copies, classes).mean(1).argmax(1)
        spikes = rule.spikes(whole, shown.spikes, shown.dt)
        units = copies * classes
        return Response(answers, spikes, *_costs(given, shown, float(shown.spikes.sum() / shown.spikes.shape[1] * units), units))

    return Learnt(respond_to, own if rule.internal_rate else {})


LEARNERS: dict[str, Callable[..., Learnt]] = {"backprop": backprop, "stdp": stdp, "tempotron": tempotron}

