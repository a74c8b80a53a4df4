"""Plastic synapses, slow and obvious: every synapse is an object, and every event acts on it at once.

The event loop touches a synapse only when a spike arrives and replays what happened since. Here a postsynaptic spike walks to
each of its synapses in the step in which it happens; equations are written out again.
"""

# mypy: ignore-errors

import dataclasses
import math

import numpy as np

from ..neurons import setup_generator
from ..plasticity import (
    STDP,
    Deferred,
    FixedWeight,
    HardBounds,
    InhibitorySTDP,
    NearestPair,
    Oja,
    ProbabilisticRelease,
    RewardModulated,
    SoftBounds,
    TripletSTDP,
    TsodyksMarkram,
    Unbounded,
)

__all__ = ["Plastic"]


def bounded(bounds, weight, change):
    """A weight after a change, up (> 0 as potentiation) or down: (direction, amount)."""
    direction, amount = change
    if isinstance(bounds, Unbounded):
        return weight + amount if direction > 0 else weight - amount
    if isinstance(bounds, HardBounds):
        moved = weight + amount if direction > 0 else weight - amount
    else:
        span = 1.0 / (bounds.high - bounds.low)
        if isinstance(bounds, SoftBounds):
            left = (bounds.high - weight) * span if direction > 0 else (weight - bounds.low) * span
        else:
            left = max((bounds.high - weight) * span if direction > 0 else (weight - bounds.low) * span, 0.0) ** bounds.mu
        moved = weight + amount * left if direction > 0 else weight - amount * left
    return max(min(moved, bounds.high), bounds.low)


def uniform_number(seed, stream, entity, step):
    """A number in [0, 1) by Philox4x32-10, in whole numbers of any size."""
    words, keys = [entity, step % 2**32, step >> 32, stream], [seed % 2**32, seed >> 32]
    for _ in range(10):
        first, second = 0xD2511F53 * words[0], 0xCD9E8D57 * words[2]
        words = [second >> 32 ^ words[1] ^ keys[0], second % 2**32, first >> 32 ^ words[3] ^ keys[1], first % 2**32]
        keys = [(keys[0] + 0x9E3779B9) % 2**32, (keys[1] + 0xBB67AE85) % 2**32]
    return (words[0] << 32 | words[1]) // 2**11 / 2**53


class Rule:
    """What a rule does to one synapse: traces by name, and the change that an event makes."""

    def __init__(self, rule, dt):
        self.rule, self.dt = rule, dt
        if isinstance(rule, TripletSTDP):
            self.pre, self.post = {"r1": rule.tau_plus, "r2": rule.tau_x}, {"o1": rule.tau_minus, "o2": rule.tau_y}
        elif isinstance(rule, STDP):
            self.pre, self.post = {"x": rule.tau_plus}, {"y": rule.tau_minus}
        elif isinstance(rule, FixedWeight):
            self.pre, self.post = {}, {}
        else:
            self.pre, self.post = {"x": rule.tau}, {"y": rule.tau}

    def jump(self, trace):
        rule = self.rule
        if isinstance(rule, Oja):
            return trace + 1e3 / rule.tau
        nearest = isinstance(getattr(rule, "pairing", None), NearestPair)
        return 1.0 if nearest else trace + 1.0

    def on_pre(self, w, x, y):
        rule = self.rule
        if isinstance(rule, STDP):
            return bounded(rule.bounds, w, (-1, rule.depression * y["y"]))
        if isinstance(rule, TripletSTDP):
            return bounded(rule.bounds, w, (-1, y["o1"] * (rule.a2_minus + rule.a3_minus * x["r2"])))
        if isinstance(rule, InhibitorySTDP):
            return bounded(rule.bounds, w, (1, rule.learning_rate * (y["y"] - 2.0 * rule.rate * 1e-3 * rule.tau)))
        return w

    def on_post(self, w, x, y):
        rule = self.rule
        if isinstance(rule, STDP):
            return bounded(rule.bounds, w, (1, rule.potentiation * x["x"]))
        if isinstance(rule, TripletSTDP):
            return bounded(rule.bounds, w, (1, x["r1"] * (rule.a2_plus + rule.a3_plus * y["o2"])))
        if isinstance(rule, InhibitorySTDP):
            return bounded(rule.bounds, w, (1, rule.learning_rate * x["x"]))
        if isinstance(rule, FixedWeight):
            return w
        return w + rule.learning_rate * (x["x"] - (y["y"] + 1e3 / rule.tau) * w)


class Synapse:
    """One synapse under a rule; `third` is the modulator that it sees."""

    def __init__(self, rule, dt, weight, third):
        self.whole, self.dt, self.third = rule, dt, third
        self.rule = None if isinstance(rule, TsodyksMarkram) else Rule(getattr(rule, "rule", rule), dt)
        self.weight, self.eligibility, self.change = weight, 0.0, 0.0
        self.last = None
        self.traces = {} if self.rule is None else dict.fromkeys(self.rule.pre, 0.0)
        self.u = self.active = self.spent = 0.0

    def now(self, t):
        """Presynaptic traces at step t."""
        if self.last is None:
            return dict.fromkeys(self.traces, 0.0)
        return {
            name: value * math.exp(-(self.dt / self.rule.pre[name]) * (t - self.last)) for name, value in self.traces.items()
        }

    def arrive(self, t, post):
        """A spike arrives: what it delivers."""
        if self.rule is None:
            return self.release(t)
        x = self.now(t)
        delivered = self.current(t)
        if isinstance(self.whole, RewardModulated):
            self.remember(t, delivered, self.rule.on_pre(0.0, x, post))
        elif isinstance(self.whole, Deferred):
            self.change += self.rule.on_pre(0.0, x, post)
        else:
            self.weight = self.rule.on_pre(self.weight, x, post)
        self.traces = {name: self.rule.jump(value) for name, value in x.items()}
        self.last = t
        if isinstance(self.whole, ProbabilisticRelease):
            released = uniform_number(self.seed, 289, self.number, t) < self.whole.release
            return delivered * self.amplitude if released else 0.0
        return delivered

    def fire_back(self, t, post):
        """The postsynaptic neuron fires."""
        if self.rule is None:
            return
        x = self.now(t)
        if isinstance(self.whole, RewardModulated):
            self.remember(t, self.current(t), self.rule.on_post(0.0, x, post))
        elif isinstance(self.whole, Deferred):
            self.change += self.rule.on_post(0.0, x, post)
        else:
            self.weight = self.rule.on_post(self.weight, x, post)

    def current(self, t):
        if not isinstance(self.whole, RewardModulated):
            return self.weight
        return bounded(self.whole.bounds, self.weight + self.eligibility * self.third.integral(self), (1, 0.0))

    def remember(self, t, weight, change):
        self.eligibility += change * self.third.growth(self, t)
        self.weight = weight - self.eligibility * self.third.integral(self)

    def consolidate(self, t):
        """Before step t."""
        if isinstance(self.whole, RewardModulated):
            self.weight = self.current(t)
            self.eligibility /= self.third.growth(self, t)
        else:
            self.weight = bounded(self.whole.bounds, self.weight, (1, self.whole.drift + self.change))
            self.change *= self.whole.keep

    def release(self, t):
        """Tsodyks-Markram."""
        rule = self.whole
        steps = 0 if self.last is None else t - self.last
        left, recovered = math.exp(-(self.dt / rule.tau_in) * steps), math.exp(-(self.dt / rule.tau_rec) * steps)
        coupling = rule.tau_rec / (rule.tau_rec - rule.tau_in)
        inactive = (self.spent - self.active) * recovered + self.active * coupling * (recovered - left)
        self.active *= left
        self.spent = inactive + self.active
        self.u *= math.exp(-(self.dt / rule.tau_fac) * steps)
        self.u = self.u + rule.utilisation * (1.0 - self.u)
        out = self.u * (1.0 - self.spent)
        self.active += out
        self.spent += out
        self.last = t
        return self.weight * out


class Third:
    """A modulator as the synapses of one projection's rule see it."""

    def __init__(self, modulator, rule, dt, release):
        self.modulator, self.rule, self.dt, self.release = modulator, rule, dt, release
        self.level = [0.0] * modulator.size
        self.area = [0.0] * modulator.size
        self.begun = 0

    def place(self, synapse):
        return 0 if self.modulator.over is None else synapse.post

    def integral(self, synapse):
        return self.area[self.place(synapse)]

    def growth(self, synapse, t):
        return math.exp((t - self.begun) * (self.dt / self.rule.tau_eligibility))

    def begin(self, t):
        for k, time in enumerate(self.release.times if self.release else ()):
            if math.floor(time / self.dt + 1e-6) == t:
                for m in range(len(self.level)):
                    amount = self.release.amounts
                    amount = amount if not hasattr(amount, "__len__") else amount[k]
                    self.level[m] += float(amount if not hasattr(amount, "__len__") else amount[m])

    def end(self, t):
        tau = self.rule.tau_eligibility
        weight = math.exp(-(t - self.begun) * (self.dt / tau)) * (-tau * math.expm1(-self.dt / tau))
        for m in range(len(self.level)):
            self.area[m] += (self.modulator.baseline + self.level[m]) * weight
            self.level[m] *= math.exp(-self.dt / self.modulator.tau)

    def begin_again(self, t):
        self.begun, self.area = t, [0.0] * len(self.area)


class Plastic:
    """All plastic projections of a network."""

    def __init__(self, network, release):
        self.dt, self.network = network.dt, network
        self.projections = [p for p in network.projections if p.plasticity is not None]
        self.synapses, self.post, self.thirds = {}, {}, {}
        for p in self.projections:
            rule, third = p.plasticity, None
            if p.modulator is not None:
                third = self.thirds.setdefault((rule, p.modulator), Third(p.modulator, rule, self.dt, release.get(p.modulator)))
            n = len(p)
            weight = [float(p.weight)] * n if not hasattr(p.weight, "__len__") else p.weight.tolist()
            delay = [int(p.delay)] * n if not hasattr(p.delay, "__len__") else p.delay.tolist()
            made = []
            for pre, post, w, d in zip(p.pre.tolist(), p.post.tolist(), weight, delay, strict=True):
                synapse = Synapse(rule, self.dt, w, third)
                synapse.pre, synapse.post, synapse.delay = pre, post, d
                made.append(synapse)
            self.synapses[p] = made
            inner = made[0].rule if made else None
            taus = {} if inner is None else inner.post
            self.post[p] = [dict.fromkeys(taus, 0.0) for _ in range(p.target.size)]
        self.number()

    def number(self):
        """Number the synapses of rules that draw, over all projections that make one link, and give them what they draw from."""
        links = {}
        for p in self.projections:
            if isinstance(p.plasticity, ProbabilisticRelease):
                link = type(p.source.model), type(p.target.model), *p.synapse.key, p.plasticity
                links.setdefault(link, []).append(p)
        for (*_, rule), own in links.items():
            seed = self.network.seed
            for stream in (own[0].place, rule.seed):
                seed = int(setup_generator(seed, 289, stream).integers(2**63))
            placed = []
            for p in own:
                placed += [(self.place(p.source, s.pre), s.delay, self.place(p.target, s.post), s) for s in self.synapses[p]]
            placed.sort(key=lambda entry: entry[:3])
            amplitudes = dataclasses.replace(rule, seed=seed).initial_synapse(np.zeros(len(placed))).amplitude.tolist()
            for number, (*_, synapse) in enumerate(placed):
                synapse.number, synapse.amplitude, synapse.seed = number, amplitudes[number], seed

    def place(self, population, k):
        """A neuron's place among all of its model."""
        before = self.network.populations[: population.number]
        return k + sum(other.size for other in before if type(other.model) is type(population.model))

    def begin(self, t):
        for third in self.thirds.values():
            third.begin(t)

    def arrive(self, t, fired_at):
        """(projection, synapse, what it delivers) of everything that arrives, the earliest emitted first."""
        for p in self.projections:
            due = [s for s in self.synapses[p] if s.pre in fired_at(t - s.delay, p.source.number)]
            for synapse in sorted(due, key=lambda s: (-s.delay, s.pre)):
                yield p, synapse, synapse.arrive(t, self.post[p][synapse.post])

    def end(self, t, fired):
        for p in self.projections:
            who = set(fired[p.target.number])
            for synapse in self.synapses[p]:
                if synapse.post in who:
                    synapse.fire_back(t, self.post[p][synapse.post])
            inner = self.synapses[p][0].rule if self.synapses[p] else None
            for k, traces in enumerate(self.post[p]):
                for name in traces:
                    if k in who:
                        traces[name] = inner.jump(traces[name])
                    traces[name] *= math.exp(-self.dt / inner.post[name])
        for third in self.thirds.values():
            third.end(t)
        for p in self.projections:
            every = p.plasticity.consolidate_every(self.dt)
            if every and (t + 1) % every == 0:
                for synapse in self.synapses[p]:
                    synapse.consolidate(t + 1)
        for (rule, _), third in self.thirds.items():
            if (t + 1) % rule.consolidate_every(self.dt) == 0:
                third.begin_again(t + 1)
        for scaled in self.network.scaled:
            if (t + 1) % scaled.every == 0:
                self.rescale(scaled)

    def rescale(self, scaled):
        synapses = self.synapses[scaled.projection]
        sums = {}
        for synapse in sorted(synapses, key=lambda s: (s.pre, s.delay)):
            sums[synapse.post] = sums.get(synapse.post, 0.0) + synapse.weight
        for synapse in synapses:
            if sums[synapse.post] != 0.0:
                synapse.weight *= scaled.total / sums[synapse.post]

    def weights(self, t):
        return {p: [s.current(t) for s in self.synapses[p]] for p in self.projections}
