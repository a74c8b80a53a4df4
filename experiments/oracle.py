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

from .. import neurons, plasticity
from .oracle_plasticity import Plastic

__all__ = ["Outcome", "philox", "simulate"]

_WORD = 2**32


def philox(counter, key):
    """Philox4x32-10 on Python integers."""
    c, k = list(counter), list(key)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 % _WORD, (p0 >> 32) ^ c[3] ^ k[1], p0 % _WORD]
        k = [(k[0] + 0x9E3779B9) % _WORD, (k[1] + 0xBB67AE85) % _WORD]
    return c


def uniforms(seed, stream, pair, step):
    """The two uniforms of a pair of neurons in a step."""
    words = philox((pair, step % _WORD, step >> 32, stream), (seed % _WORD, seed >> 32))
    return [((words[i] << 32 | words[i + 1]) >> 11) / 2**53 for i in (0, 2)]


def word_of(seed, stream, p, step):
    """The 32 bits of the p-th neuron in a step: word p % 64 of block p // 64, where word j of counter c stands at 16 j + c."""
    block, within = divmod(p, 64)
    word, counter = divmod(within, 16)
    return philox((16 * block + counter, step % _WORD, step >> 32, stream), (seed % _WORD, seed >> 32))[word]


def normals(seed, stream, pair, step):
    """The two normals of a pair of neurons in a step."""
    first, second = uniforms(seed, stream, pair, step)
    radius = math.sqrt(-2.0 * math.log(1.0 - first))
    return [radius * math.cos(2.0 * math.pi * second), radius * math.sin(2.0 * math.pi * second)]


class Outcome(NamedTuple):
    """spikes: (step, neuron) per population; traces: per (population, variable) a row per step; the rest as it ends."""

    spikes: dict
    traces: dict
    final: dict  # (population, variable): list over neurons
    synapses: dict  # (population, synapse kind, variable): list over neurons
    outputs: list
    weights: list  # of readouts
    plastic: dict  # projection: weights, in the order of its synapses


class Neuron:
    """One neuron: its state by name, and its coefficients by name."""

    def __init__(self, population, k, dt):
        def own(value):
            return float(np.broadcast_to(np.asarray(value), (population.size,))[k])

        model = population.model
        self.kind = type(model)
        step, start = model.discretise(dt), model.initial_state()
        self.coefficient = {name: own(value) for name, value in zip(step._fields, step, strict=True)}
        self.state = {name: own(value) for name, value in zip(start._fields, start, strict=True)}
        self.state.update({name: own(value) for name, value in population.initial.items()})
        self.bias = 0.0  # constant currents
        self.synapse = {}  # key of a synapse kind: its state on this neuron

    def integrate(self, current):
        """One step; whether it fires."""
        c, s = self.coefficient, self.state
        if self.kind in (neurons.LIF, neurons.AdaptiveLIF):
            s["refractory"] = max(s["refractory"] - 1.0, 0.0)
            if s["refractory"] == 0.0:
                v_inf = c["v_rest"] + c["r_m"] * current
                s["v"] = v_inf + (s["v"] - v_inf) * c["decay_m"]
            if self.kind is neurons.LIF:
                return s["v"] >= c["v_threshold"]
            s["a"] *= c["decay_a"]
            return s["v"] - (c["v_threshold"] + c["beta"] * s["a"]) >= 0.0
        if self.kind in (neurons.COBA, neurons.AdaptiveCOBA):
            s["refractory"] = max(s["refractory"] - 1.0, 0.0)
            if s["refractory"] == 0.0:
                s["v"] += c["dt_leak"] * (c["v_rest"] - s["v"]) + c["dt_over_c"] * current
            if self.kind is neurons.COBA:
                return s["v"] >= c["v_threshold"]
            s["theta"] *= c["decay_theta"]
            return s["refractory"] == 0.0 and s["v"] - (c["v_threshold"] + s["theta"]) >= 0.0
        if self.kind is neurons.AdEx:
            above = s["v"] - c["e_leak"]
            rise = math.exp((min(s["v"], c["v_cut"]) - c["v_threshold"]) / c["slope"])
            upstroke = c["g_leak"] * c["slope"] * rise
            s["v"] += c["dt_over_c"] * (upstroke - c["g_leak"] * above - s["w"] + current)
            s["w"] += c["dt_over_tau"] * (c["a"] * above - s["w"])
            return s["v"] >= c["v_cut"]
        if self.kind is neurons.HodgkinHuxley:
            return self._hodgkin_huxley(current)
        if self.kind is neurons.Izhikevich:
            v, u = s["v"], s["u"]
            for _ in range(2):
                v = v + c["dt_half"] * (0.04 * (v * v) + 5.0 * v + 140.0 - u + current)
            s["v"], s["u"] = v, u + c["dt"] * (c["a"] * (c["b"] * v - u))
            return v >= c["v_threshold"]
        if self.kind is neurons.Izhikevich2007:
            above = s["v"] - c["v_rest"]
            upstroke = c["k"] * above * (s["v"] - c["v_instant"])
            s["v"] += c["dt_over_c"] * (upstroke - s["u"] + current)
            s["u"] += c["dt_a"] * (c["b"] * above - s["u"])
            return s["v"] >= c["v_threshold"]
        s["margin"] = current - c["level"]
        return s["margin"] >= 0.0

    def _hodgkin_huxley(self, current):
        """Exponential Euler, each equation with the others as they were."""
        c, s, exp = self.coefficient, self.state, math.exp
        x, dt = s["v"] - c["v_t"], c["dt"]
        rates = {
            "m": (0.32 * (13.0 - x) / (exp((13.0 - x) / 4.0) - 1.0), 0.28 * (x - 40.0) / (exp((x - 40.0) / 5.0) - 1.0)),
            "h": (0.128 * exp((17.0 - x) / 18.0), 4.0 / (1.0 + exp((40.0 - x) / 5.0))),
            "n": (0.032 * (15.0 - x) / (exp((15.0 - x) / 5.0) - 1.0), 0.5 * exp((10.0 - x) / 40.0)),
        }
        sodium = c["g_sodium"] * (s["m"] * s["m"] * s["m"]) * s["h"]
        potassium = c["g_potassium"] * ((s["n"] * s["n"]) * (s["n"] * s["n"]))
        total = c["g_leak"] + sodium + potassium
        pull = c["g_leak"] * c["e_leak"] + sodium * c["e_sodium"] + potassium * c["e_potassium"] + current
        v_inf = pull / total
        s["v"] = v_inf + (s["v"] - v_inf) * exp(-c["dt_over_c"] * total)
        for gate, (up, down) in rates.items():
            end = up / (up + down)
            s[gate] = end + (s[gate] - end) * exp(-dt * (up + down))
        s["refractory"] = max(s["refractory"] - 1.0, 0.0)
        return s["refractory"] == 0.0 and s["v"] >= c["v_threshold"]

    def jump(self, weight):
        """A delta synapse's sum of weights arrives."""
        if "refractory" not in self.state or self.kind is neurons.HodgkinHuxley or self.state["refractory"] == 0.0:
            self.state["v"] += weight

    def reset(self):
        """It fired."""
        c, s = self.coefficient, self.state
        if self.kind is neurons.HodgkinHuxley:
            s["refractory"] = c["refractory_steps"]
        elif self.kind is neurons.AdEx:
            s["v"], s["w"] = c["v_reset"], s["w"] + c["b"]
        elif "refractory" in s:
            s["v"], s["refractory"] = c["v_reset"], c["refractory_steps"]
            if self.kind is neurons.AdaptiveLIF:
                s["a"] += 1.0
            elif self.kind is neurons.AdaptiveCOBA:
                s["theta"] += c["theta_plus"]
        elif self.kind is neurons.Izhikevich:
            s["v"], s["u"] = c["c"], s["u"] + c["d"]
        elif self.kind is neurons.Izhikevich2007:
            s["v"], s["u"] = c["v_reset"], s["u"] + c["d"]


class SynapseState:
    """What one synapse kind has on one neuron."""

    def __init__(self, step, size, k):
        self.c = {n: float(np.broadcast_to(np.asarray(x), (size,))[k]) for n, x in step._asdict().items()}
        self.rises = "gain_rising" in self.c
        opens = "e_reversal" in self.c
        self.state = {"current": 0.0, "rising": 0.0} if self.rises else {"conductance" if opens else "current": 0.0}

    def pass_on(self, v):
        """The current into a neuron at v in this step; then one step of decay."""
        c, s = self.c, self.state
        if "e_reversal" in c:
            into = s["conductance"] * (c["e_reversal"] - v)
            s["conductance"] *= c["decay_syn"]
            return into
        if "peak" in c:
            into = c["gain"] * s["current"] + c["gain_rising"] * s["rising"]
            s["current"] = (s["current"] + s["rising"] * c["follow"]) * c["decay_syn"]
            s["rising"] *= c["decay_syn"]
            return into
        if not self.rises:
            into = c["gain"] * s["current"]
            s["current"] *= c["decay_syn"]
            return into
        into = c["gain"] * s["current"] + c["gain_rising"] * s["rising"]
        s["current"] = s["current"] * c["decay_rise"] + s["rising"] * c["follow"]
        s["rising"] *= c["decay_syn"]
        return into

    def arrive(self, weight):
        variable = "rising" if self.rises else next(iter(self.state))
        self.state[variable] += weight * self.c["peak"] if "peak" in self.c else weight


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
            if key[0] is neurons.Delta:
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
        if not isinstance(drive, neurons.PoissonInput):
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
        if key[0] is not neurons.Delta:
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
    return isinstance(drive, neurons.Current) and drive.start == 0.0 and math.isinf(drive.stop)


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
        if isinstance(drive, neurons.GaussianNoise):
            mean, std = (np.broadcast_to(np.asarray(x), (n,)).tolist() for x in (drive.mean, drive.std))
            draws = [x for pair in range((n + 1) // 2) for x in normals(network.seed, driven.stream, pair, t)]
            for i, k in enumerate(index):
                own[k] += mean[i] + std[i] * draws[i]
        elif isinstance(drive, neurons.Waveform):
            row = t // round(drive.every / network.dt)
            if row < len(drive.values):
                for c, value in enumerate(drive.values[row].tolist()):
                    for i, k in enumerate(index):
                        weight = 1.0 if drive.weight is None else float(drive.weight[c, i])
                        own[k] += value * weight
        elif isinstance(drive, neurons.PoissonInput):
            continue
        elif not _is_constant(drive) and round(drive.start / network.dt) <= t < drive.stop / network.dt:
            amplitude = np.broadcast_to(np.asarray(drive.amplitude), (n,)).tolist()
            for i, k in enumerate(index):
                own[k] += amplitude[i]
    for population in network.populations:
        model, own = population.model, currents[population.number]
        if isinstance(model, neurons.Poisson):
            stream = 2**31 + population.number
            rate = np.broadcast_to(np.asarray(model.rate), (len(own),)).tolist()
            for k in range(len(own)):
                if word_of(network.seed, stream, k, t) < round(rate[k] * (network.dt * 1e-3 * 2**32)):
                    own[k] = 1.0
        elif isinstance(model, neurons.SpikeList):
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
        if not isinstance(self.readout.rule, plasticity.ThreeFactor):
            weight = np.array(self.weight)
            given = (np.array(x) for x in (features, prediction, target, attention))
            self.step.learn(self.memory, weight, *given)
            self.weight = weight.tolist()
            return
        rate = self.readout.rule.learning_rate * 2.0 / (1.0 + _dot(features, features) / len(features))
        for c in range(len(self.weight)):
            change = rate * attention[c] * (target[c] - prediction[c])
            self.weight[c] = [w + change * x for w, x in zip(self.weight[c], features, strict=True)]
