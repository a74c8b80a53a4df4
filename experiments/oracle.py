"""A slow and obvious simulator: one neuron at a time, Python floats, a dictionary of what is under way.

It takes a `Network` and reads what the user built: populations, projections, drives, readouts. It shares nothing with
the lowering and the event loop; equations are written out again. What it takes from the models are the coefficients
(`discretise`), which test_lif.py and test_izhikevich.py check against mathematics.

Where a sum of floats depends on its order, the order is that of the documentation:
  input     constant currents, drives in the order of `drive`, feedback, then synapses in the order of `connect`
  arrivals  first over synapses whose delays differ, by step of emission; then by model of the presynaptic neuron, in the
            order of `connect`; then by presynaptic neuron; then by the order of its synapses. Then over synapses that share
            one delay, by model first. Then plastic synapses, and last what comes from outside
"""

# mypy: ignore-errors

import math
from collections import defaultdict
from typing import NamedTuple

import numpy as np

from ..neurons import (
    Current,
    Delta,
    GaussianNoise,
    Poisson,
    PoissonInput,
    SpikeList,
    Waveform,
)
from ..plasticity import ThreeFactor
from .oracle_neurons import Neuron, SynapseState
from .oracle_plasticity import Plastic
from .oracle_random import normals, word_of

__all__ = ["Outcome", "simulate"]


class Outcome(NamedTuple):
    """spikes: (step, neuron) per population; traces: per (population, variable) a row per step; the rest as it ends."""

    spikes: dict
    traces: dict
    final: dict  # (population, variable): list over neurons
    synapses: dict  # (population, synapse kind, variable): list over neurons
    outputs: list
    weights: list  # of readouts
    plastic: dict  # projection: weights, in the order of its synapses


def simulate(network, steps, teach=None, release=None):
    """Run a network; everything that can be observed of it."""
    dt = network.dt
    cells = {p.number: [Neuron(p, k, dt) for k in range(p.size)] for p in network.populations}
    synapses_of = _synapses(network, cells)
    order = _order_of_delivery(network)
    readers = [_Reader(readout, network, (teach or {}).get(readout)) for readout in network.readouts]
    pending = defaultdict(list)  # (step, population, neuron, synapse key): (place in the sum, weight)
    plastic, history = Plastic(network, release or {}), []
    spikes = {p.number: [] for p in network.populations}
    traces = {(p.number, x): [] for p in network.populations for x in cells[p.number][0].state}
    _add_constant_currents(network, cells)
    for t in range(steps):
        for (number, variable), rows in traces.items():
            rows.append([cell.state[variable] for cell in cells[number]])
        fired = defaultdict(list)
        driven = _driven(network, cells, readers, t)
        for number, members in cells.items():
            for k, cell in enumerate(members):
                current = driven[number][k]
                for synapse in cell.synapse.values():
                    current += synapse.pass_on(cell.state["v"])
                if cell.integrate(current):
                    fired[number].append(k)
                    spikes[number].append((t, k))
        history.append(fired)
        for key, groups in order.items():
            for place, sources in enumerate(groups):
                for pre in sources:
                    for k in fired[pre]:
                        for target, post, weight, delay, late in synapses_of[key].get((pre, k), ()):
                            pending[t + delay, target, post, key].append(((1, place) if late else (0, 0), weight))
        plastic.begin(t)
        for p, synapse, amount in plastic.arrive(t, lambda step, number: history[step][number] if step >= 0 else ()):
            pending[t, p.target.number, synapse.post, p.synapse.key].append(((2, 0), amount))
        _from_outside(network, t, pending)
        for due in [at for at in pending if at[0] == t]:
            _, number, k, key = due
            cell, weight = cells[number][k], 0.0
            for _, each in sorted(pending.pop(due), key=lambda item: item[0]):  # stable: otherwise in the order of emission
                weight += each
            if key[0] is Delta:
                cell.jump(weight)
            else:
                cell.synapse[key].arrive(weight)
        plastic.end(t, fired)
        for reader in readers:
            reader.see(t, fired)
        for number, who in fired.items():
            for k in who:
                cells[number][k].reset()
    return Outcome(
        spikes,
        traces,
        {(number, x): [c.state[x] for c in cells[number]] for number, x in traces},
        {
            (number, key, variable): [c.synapse[key].state[variable] for c in members]
            for number, members in cells.items()
            for key, synapse in members[0].synapse.items()
            for variable in synapse.state
        },
        [reader.outputs for reader in readers],
        [reader.weight for reader in readers],
        plastic.weights(steps),
    )


def _from_outside(network, t, pending):
    """Poisson input."""
    for driven in network.drives:
        drive = driven.drive
        if not isinstance(drive, PoissonInput):
            continue
        least, levels = drive.lower(driven.view.index, network.dt, network.seed, driven.stream)[5:7]
        for p, k in enumerate(driven.view.index.tolist()):
            drawn = word_of(network.seed, driven.stream, p, t)
            count = least + sum(drawn >= level for level in levels.tolist())
            key = (t, driven.view.population.number, k, drive.synapse.key)
            pending[key].append(((3, driven.stream), drive.weight * count))


def _synapses(network, cells):
    """Per synapse kind: (population, neuron) -> its synapses in order. Gives cells their synaptic states."""
    found = defaultdict(lambda: defaultdict(list))
    # a synapse kind that only outside input uses comes after those of `connect`
    for projection in network.projections:
        key, target = projection.synapse.key, projection.target
        kind = type(target.model)
        if key[0] is not Delta:
            for population in network.populations:  # every neuron of the model gets the state: they are one group
                if type(population.model) is kind:
                    step = projection.synapse.discretise(network.dt, population.model)
                    for k, cell in enumerate(cells[population.number]):
                        cell.synapse.setdefault(key, SynapseState(step, population.size, k))
        if projection.plasticity is not None:
            continue
        late = _shares_one_delay(network, projection)
        n = len(projection.pre)
        weight, delay = (np.broadcast_to(np.asarray(x), (n,)).tolist() for x in (projection.weight, projection.delay))
        for pre, post, w, d in zip(projection.pre.tolist(), projection.post.tolist(), weight, delay, strict=True):
            found[key][projection.source.number, pre].append((target.number, post, w, d, late))
    return found


def _shares_one_delay(network, projection):
    """Whether all synapses between the two models of this kind, taken together, were given one and the same number."""
    same = [
        p for p in network.projections
        if p.plasticity is None and p.synapse.key == projection.synapse.key
        and type(p.source.model) is type(projection.source.model) and type(p.target.model) is type(projection.target.model)
    ]  # fmt: skip
    return all(np.ndim(p.delay) == 0 for p in same) and len({int(p.delay) for p in same}) == 1


def _order_of_delivery(network):
    """Per synapse kind: the presynaptic models in the order of `connect`, each as its populations in order.

    Two models that receive the same synapse kind never meet in a sum, so they need no order between them.
    """
    order = {}
    for projection in network.projections:
        if projection.plasticity is not None:
            continue
        same = [p.number for p in network.populations if type(p.model) is type(projection.source.model)]
        groups = order.setdefault(projection.synapse.key, [])
        if same not in groups:
            groups.append(same)
    return order


def _is_constant(drive):
    return isinstance(drive, Current) and drive.start == 0.0 and math.isinf(drive.stop)


def _add_constant_currents(network, cells):
    for driven in network.drives:
        if _is_constant(driven.drive):
            amplitude = np.broadcast_to(np.asarray(driven.drive.amplitude), (len(driven.view),)).tolist()
            for i, k in enumerate(driven.view.index.tolist()):
                cells[driven.view.population.number][k].bias += amplitude[i]


def _driven(network, cells, readers, t):
    """The current of every neuron before synapses add theirs."""
    currents = {number: [cell.bias for cell in members] for number, members in cells.items()}
    for driven in network.drives:
        own, index = currents[driven.view.population.number], driven.view.index.tolist()
        drive, n = driven.drive, len(index)
        if isinstance(drive, GaussianNoise):
            mean, std = (np.broadcast_to(np.asarray(x), (n,)).tolist() for x in (drive.mean, drive.std))
            draws = [x for pair in range((n + 1) // 2) for x in normals(network.seed, driven.stream, pair, t)]
            for i, k in enumerate(index):
                own[k] += mean[i] + std[i] * draws[i]
        elif isinstance(drive, Waveform):
            row = t // round(drive.every / network.dt)
            if row < len(drive.values):
                for c, value in enumerate(drive.values[row].tolist()):
                    for i, k in enumerate(index):
                        weight = 1.0 if drive.weight is None else float(drive.weight[c, i])
                        own[k] += value * weight
        elif isinstance(drive, PoissonInput):
            continue
        elif not _is_constant(drive) and round(drive.start / network.dt) <= t < drive.stop / network.dt:
            amplitude = np.broadcast_to(np.asarray(drive.amplitude), (n,)).tolist()
            for i, k in enumerate(index):
                own[k] += amplitude[i]
    for population in network.populations:
        model, own = population.model, currents[population.number]
        if isinstance(model, Poisson):
            stream = 2**31 + population.number
            rate = np.broadcast_to(np.asarray(model.rate), (len(own),)).tolist()
            for k in range(len(own)):
                if word_of(network.seed, stream, k, t) < round(rate[k] * (network.dt * 1e-3 * 2**32)):
                    own[k] = 1.0
        elif isinstance(model, SpikeList):
            for time, k in zip(model.times.tolist(), model.neurons.tolist(), strict=True):
                if math.floor(time / network.dt + 1e-6) == t:
                    own[k] = 1.0
    for reader in readers:
        for (number, k), back in reader.back.items():
            currents[number][k] += back
    return currents


def _dot(x, y):
    """Sum of products as plasticity.linear documents it: 32 partial sums, folded in halves, then the rest."""
    lanes, whole = [0.0] * 32, len(x) - len(x) % 32
    for i in range(whole):
        lanes[i % 32] += x[i] * y[i]
    while len(lanes) > 1:
        half = len(lanes) // 2
        lanes = [lanes[i] + lanes[i + half] for i in range(half)]
    total = lanes[0]
    for i in range(whole, len(x)):
        total += x[i] * y[i]
    return total


class _Reader:
    """A readout. The three-factor rule is written out; of other rules it is the Python that learns, not the compiled."""

    def __init__(self, readout, network, teaching):
        self.readout, self.teaching = readout, teaching
        self.feature = {}
        for view in readout.views:
            for k in view.index.tolist():
                self.feature[view.population.number, k] = len(self.feature)
        n = len(self.feature)
        self.trace, self.weight = [0.0] * n, readout.weight.tolist()
        self.step = readout.rule.discretise(network.dt * readout.every)
        self.memory = readout.rule.initial_state(readout.channels, n)
        per_step = float(np.exp(-network.dt / readout.tau_trace))
        self.decay = per_step**readout.every
        self.late = [per_step**left for left in range(readout.every - 1, -1, -1)]
        self.outputs = []
        self.back = {}

    def see(self, t, fired):
        every = self.readout.every
        if t % every == 0:
            self.trace = [x * self.decay for x in self.trace]
        for number, who in fired.items():
            for k in who:
                if (number, k) in self.feature:
                    self.trace[self.feature[number, k]] += self.late[t % every]
        if t % every == every - 1:
            self.update(t // every)

    def update(self, row):
        readout, teaching = self.readout, self.teaching
        mean, scale = readout.mean.tolist(), readout.scale.tolist()
        channels = range(readout.channels)
        on = teaching is None or teaching.on is None or bool(teaching.on[row])
        prediction = [0.0 for _ in channels]
        if on:
            features = [(x - m) * s for x, m, s in zip(self.trace, mean, scale, strict=True)]
            prediction = [_dot(self.weight[c], features) for c in channels]
            if teaching is not None and np.any(teaching.attention[row]):
                self.learn(features, prediction, teaching.target[row].tolist(), teaching.attention[row].tolist())
        self.outputs.append(prediction)
        if readout.feedback is not None:
            for neuron, f in self.feature.items():
                back = 0.0
                for c in channels:
                    back += float(readout.feedback[f, c]) * prediction[c]
                self.back[neuron] = back

    def learn(self, features, prediction, target, attention):
        if not isinstance(self.readout.rule, ThreeFactor):
            weight = np.array(self.weight)
            given = (np.array(x) for x in (features, prediction, target, attention))
            self.step.learn(self.memory, weight, *given)
            self.weight = weight.tolist()
            return
        rate = self.readout.rule.learning_rate * 2.0 / (1.0 + _dot(features, features) / len(features))
        for c in range(len(self.weight)):
            change = rate * attention[c] * (target[c] - prediction[c])
            self.weight[c] = [w + change * x for w, x in zip(self.weight[c], features, strict=True)]
