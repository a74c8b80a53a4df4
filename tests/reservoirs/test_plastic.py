"""Plastic synapses in the event loop equal the plain-Python ones, bit for bit, whatever the threads, chunks and stops."""

import dataclasses
import hashlib
import re
from typing import Any, NamedTuple

import numpy as np
import pytest

import synfire as sf
from synfire.experiments.oracle import simulate

DT, STEPS = 0.5, 120

RULES = {
    "additive": lambda: sf.STDP(bounds=sf.HardBounds(high=2.0), potentiation=0.1, depression=0.11),
    "multiplicative": lambda: sf.STDP(bounds=sf.SoftBounds(low=-1.0, high=2.0), potentiation=0.1, tau_plus=7.0),
    "power": lambda: sf.STDP(bounds=sf.PowerBounds(high=2.0, mu=0.3), depression=0.2, tau_minus=35.0),
    "nearest": lambda: sf.STDP(bounds=sf.Unbounded(), pairing=sf.NearestPair(), potentiation=0.2),
    "triplet": lambda: sf.TripletSTDP(
        a3_minus=0.01, a2_plus=0.03, a3_plus=0.05, a2_minus=0.04, bounds=sf.HardBounds(high=2.0)
    ),
    "nearest triplet": lambda: sf.TripletSTDP(pairing=sf.NearestPair(), a3_plus=0.2, bounds=sf.HardBounds(high=3.0)),
    "inhibitory": lambda: sf.InhibitorySTDP(rate=20.0, learning_rate=0.05, bounds=sf.HardBounds(high=2.0)),
    "oja": lambda: sf.Oja(learning_rate=1e-3),
    "deferred": lambda: sf.Deferred(rule=sf.STDP(bounds=sf.Unbounded(), potentiation=0.3), every=7.0, drift=0.02),
    "short-term": lambda: sf.TsodyksMarkram(tau_rec=40.0, tau_fac=30.0, utilisation=0.4),
    "unreliable": lambda: sf.ProbabilisticRelease(
        release=0.4, amplitude=sf.uniform(0.0, 2.0), rule=sf.STDP(potentiation=0.1, bounds=sf.HardBounds(high=2.0))
    ),
}
REWARDED = {
    "rewarded": lambda: sf.RewardModulated(
        rule=sf.STDP(bounds=sf.Unbounded(), potentiation=0.3), eligibility=2.0, bounds=sf.HardBounds(high=2.0)
    ),
    "rewarded triplets": lambda: sf.RewardModulated(
        rule=sf.TripletSTDP(bounds=sf.Unbounded(), a2_plus=0.2), eligibility=30.0, bounds=sf.HardBounds(low=-1.0, high=3.0)
    ),
}


def alone(rule, seed, *, one_delay=False, per_neuron=False, precision="double"):
    """LIF driven by noise, with synapses that learn and no others: a few or many, with delays that differ or not."""
    rng = np.random.default_rng([seed, one_delay, per_neuron])
    n = int(rng.integers(2, 90))
    net = sf.Network(dt=DT, seed=seed, precision=precision)
    cells = net.population(n, sf.LIF(t_refractory=1.0, tau_m=rng.uniform(5.0, 20.0, n)), initial={"v": sf.uniform(-70, -45)})
    modulator = None
    if rule.tau_eligibility is not None:
        modulator = net.modulator(tau=10.0, baseline=0.01, over=cells if per_neuron else None)
    delay = 1.5 if one_delay else DT * rng.integers(0, 12, 5 * n)
    how = sf.Pairs(rng.integers(0, n, 5 * n), rng.integers(0, n, 5 * n))
    net.connect(cells, cells, how, weight=rng.uniform(0.0, 2.0, 5 * n), delay=delay, plasticity=rule, modulator=modulator)
    net.drive(cells, sf.GaussianNoise(std=30.0, mean=12.0))
    release = {}
    if modulator is not None:
        times = np.sort(rng.uniform(0.0, STEPS * DT, 6))
        release = {modulator: sf.Release(times, rng.normal(0.0, 0.5, (6, modulator.size)))}
    return net, cells, release


def among_others(rule, seed, **options):
    """The same with Poisson sources, inhibition and random kicks besides: more to compile, for tests of all of it."""
    net, cells, release = alone(rule, seed, **options)
    source = net.population(int(np.random.default_rng([seed, 1]).integers(2, 90)), sf.Poisson(rate=120.0))
    net.connect(source, cells, p=0.3, weight=3.0, delay=0.5, synapse=sf.Exponential(tau_syn=2.0))
    net.connect(cells, cells, p=0.1, weight=-0.5, delay=sf.uniform(0.5, 4.0))
    net.drive(cells[cells.size // 3 :], sf.PoissonInput(rate=100.0, n=10, weight=0.3))
    return net, cells, release


def check_against_oracle(net, cells, release):
    expected = simulate(net, STEPS, release=release)
    result = net.run(DT * STEPS, record=[sf.Spikes(cells)], release=release, progress=False)
    found = result.spikes(cells)
    steps = np.round(found.times / DT).astype(int).tolist()
    assert list(zip(steps, found.neurons.tolist(), strict=True)) == expected.spikes[cells.number]
    assert result.weights(net.projections[0]).tolist() == expected.plastic[net.projections[0]]
    return len(steps)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("one_delay", [True, False])
def test_every_rule_equals_plain_python_bit_for_bit(name, one_delay):
    fired = sum(check_against_oracle(*alone(RULES[name](), seed, one_delay=one_delay)) for seed in range(8))
    assert fired > 500


@pytest.mark.parametrize("name", ["additive", "triplet", "deferred", "rewarded"])
def test_all_to_all_connections_equal_plain_python(name):
    """Rows whose targets stand side by side are walked by a log of spikes instead of each neuron's history."""
    for seed in range(8):
        rule = (RULES | REWARDED)[name]()
        rng = np.random.default_rng(seed)
        net = sf.Network(dt=DT, seed=seed)
        source = net.population(int(rng.integers(1, 20)), sf.Poisson(rate=100.0))
        cells = net.population(int(rng.integers(1, 30)), sf.LIF(t_refractory=1.0))
        modulator = net.modulator(tau=20.0, baseline=0.02) if rule.tau_eligibility else None
        options = {"plasticity": rule, "modulator": modulator}
        net.connect(source, cells, sf.AllToAll(), weight=sf.uniform(0, 2), delay=1.0, **options)
        net.drive(cells, sf.GaussianNoise(std=40.0, mean=16.0))
        check_against_oracle(net, cells, {modulator: sf.Release([10.0], 0.5)} if modulator else {})


@pytest.mark.parametrize("name", REWARDED)
@pytest.mark.parametrize("per_neuron", [True, False])
def test_a_modulator_turns_eligibility_into_weight_as_in_plain_python(name, per_neuron):
    for seed in range(8):
        check_against_oracle(*among_others(REWARDED[name](), seed, per_neuron=per_neuron))


def test_sums_that_are_kept_equal_plain_python():
    for seed in range(8):
        net, cells, release = among_others(RULES["additive"](), seed)
        net.normalise(net.projections[0], total=6.0, every=4.5)
        check_against_oracle(net, cells, release)


def digest(result, cells):
    whole = hashlib.sha256()
    spikes, trace = result.spikes(cells), result.trace(cells[::3], "v")
    for array in (spikes.times, spikes.neurons, trace.values, *(result.state[name] for name in sorted(result.state))):
        whole.update(np.ascontiguousarray(array).tobytes())
    return whole.hexdigest()


@pytest.mark.filterwarnings("ignore:threads")
@pytest.mark.parametrize("precision", ["double", "single"])
def test_threads_and_stops_change_no_byte(precision):
    """25 networks a precision, {1, 2, 3, 4} threads, stretches of three lengths: one hash each."""
    rules = {"double": (RULES["additive"], REWARDED["rewarded"]), "single": (REWARDED["rewarded"],)}[precision]
    for seed in range(25):
        rule = rules[seed % len(rules)]()
        net, cells, release = among_others(rule, seed, one_delay=seed % 3 == 0, precision=precision)
        options = {"record": [sf.Spikes(cells), sf.Trace(cells[::3], "v")], "release": release, "progress": False}
        whole = digest(net.run(60.0, **options), cells)
        for threads in (2, 3, 4):
            assert digest(net.run(60.0, threads=threads, **options), cells) == whole
        for length in (1, 7, 50):
            simulation = net.simulation(threads=1 + length % 3)
            state = simulation.initial_state()
            while state["step"][0] < STEPS:
                state, _ = simulation.advance(state, min(length, STEPS - int(state["step"][0])), release=release)
            final = net.run(60.0, **options).state
            assert all(state[name].tobytes() == final[name].tobytes() for name in final)


class NaNStep(type(sf.STDP().discretise(1.0))):
    """STDP whose depression is not a number once the postsynaptic trace is large."""

    def on_pre(self, weight, pre, post):
        return weight - 0.1 if post.y < 1.0 else weight * (post.y - post.y) / (post.y - post.y)


class NaNRule(sf.STDP):
    def discretise(self, dt):
        return NaNStep(*super().discretise(dt))


def test_a_rule_that_gives_nan_stops_the_run_and_is_named_with_synapse_and_time():
    net = sf.Network(dt=1.0)
    played = net.population(2, sf.SpikeList(times=[5.0, 20.0], neurons=[1, 1]))
    cell = net.population(3, sf.LIF())
    kick = net.population(1, sf.SpikeList(times=[16.0, 18.0], neurons=[0, 0]))
    net.connect(kick, cell, sf.AllToAll(), weight=100.0)
    net.connect(played, cell, sf.Pairs([1], [2]), weight=0.5, delay=3.0, plasticity=NaNRule())
    with pytest.raises(sf.RuleFault, match=r"NaNRule gave NaN or infinity at 23 ms.*spikelist0\[1\] to lif1\[2\]"):
        net.run(100.0, progress=False)


class Trace(NamedTuple):
    x: Any


class BadStep(NamedTuple):
    """Additive, but what the hook of number `hook` gives is `bad`."""

    hook: int
    bad: float

    def on_pre(self, weight, pre, post):
        return weight + (self.bad if self.hook == 0 else 0.0)

    def on_post(self, weight, pre, post):
        return weight + (self.bad if self.hook == 1 else 0.0)

    def transmit(self, weight, pre):
        return self.bad if self.hook == 2 else weight

    def spike_pre(self, pre):
        return Trace(pre.x + (self.bad if self.hook == 3 else 1.0))

    def spike_post(self, post):
        return Trace(post.x + (self.bad if self.hook == 4 else 1.0))

    def consolidate(self, synapse, moment):
        return type(synapse)(self.bad if self.hook == 5 else synapse.weight)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class BadRule(sf.SynapticRule):
    hook: int = -1
    bad: float = 0.0
    bounds: sf.Bounds = dataclasses.field(default_factory=sf.Unbounded)

    def discretise(self, dt):
        return BadStep(self.hook, self.bad)

    def pre_traces(self):
        return Trace(20.0)

    def post_traces(self):
        return Trace(20.0)

    def consolidate_every(self, dt):
        return 45


WHEN = {"on_pre": 11.0, "on_post": 22.0, "transmit": 11.0, "spike_pre": 11.0, "spike_post": 22.0, "consolidate": 45.0}


def badly(rule, modulated=False, *, how=None, threads=1):
    """Spikes of played[1] arrive at 11 and 31 ms; neuron 2 fires at 22 ms."""
    net = sf.Network(dt=1.0)
    played = net.population(2, sf.SpikeList(times=[10.0, 30.0], neurons=[1, 1]))
    cell = net.population(3, sf.LIF())
    kick = net.population(1, sf.SpikeList(times=[20.0], neurons=[0]))
    net.connect(kick, cell[2:], sf.AllToAll(), weight=100.0, delay=1.0, synapse=sf.Delta())
    modulator = net.modulator(baseline=0.1) if modulated else None
    how = how or sf.Pairs([1], [2])
    net.connect(played, cell, how, weight=0.5, delay=1.0, plasticity=rule, modulator=modulator)
    net.run(50.0, threads=threads, progress=False)


@pytest.mark.filterwarnings("ignore:threads")
@pytest.mark.parametrize("hook", WHEN)
def test_nan_and_infinity_from_any_hook_stop_the_run_at_the_step_in_which_they_were_given(hook):
    """Regression: only the first field of a synapse was looked at, and not what it delivers: NaN went on unseen."""
    number = list(WHEN).index(hook)
    for bad in (float("nan"), float("inf"), -float("inf")):
        for how, threads in ((None, 1), (sf.AllToAll(), 1), (sf.AllToAll(), 3)):
            with pytest.raises(sf.RuleFault, match=rf"BadRule gave NaN or infinity at {WHEN[hook]:g} ms") as fault:
                badly(BadRule(hook=number, bad=bad), how=how, threads=threads)
            row = r"spikelist0\[1\] to lif1\[2\]"
            if how is not None and hook in ("on_pre", "transmit", "spike_pre"):  # the first synapse of the row
                row = r"spikelist0\[1\] to lif1\[0\]"
            elif how is not None and hook in ("spike_post",):  # the first onto the neuron
                row = r"spikelist0\[0\] to lif1\[2\]"
            elif how is not None:
                row = r"spikelist0\[[01]\] to lif1\[[02]\]"
            assert re.search(row, str(fault.value))


@pytest.mark.parametrize("hook", ["on_pre", "on_post"])
@pytest.mark.parametrize("wrap", [sf.Deferred, sf.RewardModulated])
def test_nan_of_a_wrapped_rule_is_found_when_it_is_given(wrap, hook):
    """Regression: what is collected was looked at once it had moved the weight, or never."""
    rule = wrap(rule=BadRule(hook=list(WHEN).index(hook), bad=float("nan")))
    with pytest.raises(sf.RuleFault, match=rf"{wrap.__name__}\(BadRule\) gave NaN or infinity at {WHEN[hook]:g} ms"):
        badly(rule, wrap is sf.RewardModulated)
