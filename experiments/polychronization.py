"""Polychronization: spike timing that repeats, in a network with delays that learns (Izhikevich 2006).

800 regular-spiking and 200 fast-spiking neurons with 100 synapses each; excitatory ones take 1 to 20 ms and learn by STDP once
a second. After minutes the weights are strong or weak and the network beats in the gamma band now and then; and among its
synapses there are thousands of polychronous groups, chains of spikes set off by three neurons that fire with the right lags.

Groups are counted in the learned network, and in three controls: the same network before it learnt, the learned weights
shuffled among the excitatory synapses onto each neuron, and the delays shuffled in the same way with the weights in place.

Source       Izhikevich 2006, Polychronization: computation with spikes, Neural Computation 18:245,
             doi:10.1162/089976606775093882; constants of its published program, in its variant of 2008
Deviations   random numbers; a second ends one step later. Everything else is that program's order, which tests hold to spike
             by spike and weight by weight: its delay of d ms is d - 1 steps of the event loop, whose `Pulse` synapses act in
             the step after; and its STDP counts a spike and an arrival in one step as post before pre (`Coincident`)
"""

from __future__ import annotations

import dataclasses
import time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..neurons import InvalidValue, Izhikevich, Pulse, SpikeList, check_seed, exp, parameter, uniform
from ..plasticity import Bounds, Deferred, HardBounds, SynapticRule, Unbounded
from ..reservoirs import FixedOutDegree, Network, OneToOne, Population, Projection, Spikes
from . import polychronous_groups as groups
from . import spike_statistics as statistics
from .polychronization_figures import NETWORKS, figures

__all__ = ["PRESETS", "SUMMARY", "Coincident", "Config", "figures", "network", "run", "searched", "trial"]

SUMMARY = "Izhikevich 2006: STDP with delays, gamma rhythms, and polychronous groups"

EXCITATORY, INHIBITORY, SYNAPSES, LONGEST = 800, 200, 100, 20  # LONGEST: delay, ms
START, MOST, INHIBITION, KICK = 6.0, 10.0, -5.0, 20.0  # weights, mV/ms
STRONG = 0.95  # of the largest weight
STRETCH = 10  # s between looks at the weights
# an independent program's one run. Second: rates, excitatory and inhibitory (Hz); second: weights below 0.5 and above 9.5 (%)
RATES = {1: (4.95, 17.6), 60: (4.8, 36.0), 300: (3.8, 30.0)}
EXTREMES = {600: (31.0, 44.0), 900: (32.0, 47.0)}
GAMMA, SLOW = (25.0, 70.0), 2.0  # Hz: where the rhythm is looked for; and above what


class Pre(NamedTuple):
    """x: 1 at an arrival; older: x just before it; fresh: 1 in the step of an arrival, 0 after."""

    x: Any
    older: Any
    fresh: Any


class Post(NamedTuple):
    """y: 1 at a spike."""

    y: Any


class CoincidentStep(NamedTuple):
    """Coefficients of `Coincident`."""

    potentiation: Any  # one step after the arrival
    depression: Any

    def on_pre(self, weight: Any, pre: Pre, post: Post) -> Any:
        return weight - self.depression * post.y

    def on_post(self, weight: Any, pre: Pre, post: Post) -> Any:
        x = pre.x + pre.fresh * (pre.older - pre.x)
        return weight + self.potentiation * x - self.depression * pre.fresh * (1.0 - post.y)

    def spike_pre(self, pre: Pre) -> Pre:
        return Pre(1.0, pre.x, 1.0)

    def spike_post(self, post: Post) -> Post:
        return Post(1.0)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Coincident(SynapticRule):
    """Nearest-spike STDP in which a spike and an arrival in one step depress.

        a spike n >= 1 steps after the last arrival:  w <- w + potentiation r^(n - 1)
        an arrival n >= 0 steps after the last spike: w <- w - depression r^n

    Parameters   ratio                      r, of the traces in one ms, in (0, 1)
                 potentiation, depression   units of the weight
                 bounds                     none; `Deferred` has them
    State        what is left of arrivals, x, and of spikes, y
    Source       the published program of Izhikevich 2006, doi:10.1162/089976606775093882
    Deviations   none
    """

    ratio: float = parameter(0.95, "1", above=0.0, at_most=1.0)
    potentiation: float = parameter(0.1, "units of weight")
    depression: float = parameter(0.12, "units of weight")
    bounds: Bounds = dataclasses.field(default_factory=Unbounded)

    @property
    def tau(self) -> float:
        """Time constant of both traces, ms."""
        return float(-1.0 / np.log(self.ratio))

    def discretise(self, dt: float) -> CoincidentStep:
        return CoincidentStep(self.potentiation * float(exp(dt / self.tau)), self.depression)

    def pre_traces(self) -> Pre:
        return Pre(self.tau, self.tau, 1e-2)  # fresh: e^-100 is left after a step

    def post_traces(self) -> Post:
        return Post(self.tau)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Times, repetitions, and how much is searched for groups."""

    seconds: int = 300
    """Simulated time, s; the paper looks at hours, its program ran for a day."""
    share: float = 0.01
    """Of the triplets of anchors that are tried, drawn with the seed; in (0, 1]. Before learning, when every synapse counts as
    strong, as many are tried as after it."""
    seeds: int = 1
    """Repetitions, each with its own network and input."""
    seed: int = 0
    """Of the first repetition."""

    def __post_init__(self) -> None:
        if not 2 <= self.seconds <= 100_000:
            raise InvalidValue("seconds", self.seconds, "2 to 100000 s")
        if not 0.0 < self.share <= 1.0:
            raise InvalidValue("share", self.share, "in (0, 1]")
        if self.seeds < 1:
            raise InvalidValue("seeds", self.seeds, ">= 1")
        check_seed("seed", self.seed)


PRESETS = {
    "smoke": Config(seconds=4, share=0.0005),
    "laptop": Config(seconds=600, share=0.01),
    "paper": Config(seconds=900, share=0.3, seeds=5),
}


def network(
    seed: int, milliseconds: int, excitatory: int = EXCITATORY, inhibitory: int = INHIBITORY, synapses: int = SYNAPSES
) -> tuple[Network, Population, Projection, Projection]:
    """The network with its input: one neuron, drawn evenly, is kicked in every ms. Its neurons and its two projections."""
    n = excitatory + inhibitory
    net = Network(dt=1.0, seed=seed)
    fast = np.arange(n) >= excitatory
    cells = net.population(n, Izhikevich(a=np.where(fast, 0.1, 0.02), d=np.where(fast, 2.0, 8.0)), name="cells")
    who = np.random.default_rng([seed, 2006]).integers(0, n, milliseconds)
    kicks = net.population(n, SpikeList(times=np.arange(milliseconds), neurons=who), name="kicks")
    net.connect(kicks, cells, OneToOne(), weight=KICK, synapse=Pulse())
    rule = Deferred(rule=Coincident(), every=1000.0, drift=0.01, keep=0.9, bounds=HardBounds(high=MOST))
    # rounded to 0 ... 19 steps, evenly: an arrival acts in the step after, so these are 1 ... 20 ms
    delay = uniform(-0.5, LONGEST - 0.5)
    (learnt,) = net.connect(
        cells[:excitatory], cells, FixedOutDegree(synapses, multapses=False), weight=START, delay=delay, synapse=Pulse(),
        plasticity=rule,
    )  # fmt: skip
    (fixed,) = net.connect(
        cells[excitatory:], cells[:excitatory], FixedOutDegree(synapses, multapses=False), weight=INHIBITION, synapse=Pulse()
    )
    return net, cells, learnt, fixed


def trial(seconds: int, seed: int) -> dict[str, Any]:
    """One network while it learns: rates and rhythms by the second, weights by the stretch, and its synapses at the end."""
    net, cells, learnt, fixed = network(seed, 1000 * seconds)
    began, state, looked, looks = time.perf_counter(), None, [0], [np.zeros(2)]
    rates, peaks, spectra, rasters, clearest = [], [], [], {}, 0.0
    while looked[-1] < seconds:
        looked.append(min(looked[-1] + STRETCH, seconds))
        result = net.run(1e3 * (looked[-1] - looked[-2]), record=[Spikes(cells)], state=state, progress=False)
        state = result.state
        times, who = result.spikes(cells)
        for second in range(*looked[-2:]):
            own = (times >= 1e3 * second) & (times < 1e3 * (second + 1))
            inhibits = int((who[own] >= EXCITATORY).sum())
            rates.append([(int(own.sum()) - inhibits) / EXCITATORY, inhibits / INHIBITORY])
            frequency, power = statistics.spectrum(times[own], 1e3 * second, 1e3 * (second + 1), part=500.0)
            peaks.append(rhythm(frequency, power))
            spectra.append(power)
            stands_out = power.max() if _in_gamma(peaks[-1]) else 0.0
            for name, wanted in (("first", second == 0), ("gamma", stands_out > clearest), ("last", second == seconds - 1)):
                if wanted:
                    rasters[name] = times[own] - 1e3 * second, who[own], second + 1
            clearest = max(clearest, stands_out)
        weights = result.weights(learnt)
        looks.append(np.array([(weights < 0.05 * MOST).mean(), (weights > STRONG * MOST).mean()]))
    return {
        "rates": rates,
        "peaks": peaks,
        "frequency": frequency,
        "power": np.array([np.mean(each, axis=0) for each in (spectra[:10], spectra[-(seconds // 2) :])]),
        "extremes": looks,
        "looked": looked,
        **{f"raster/{n}/{key}": x for n in rasters for key, x in zip(("times", "who", "second"), rasters[n], strict=True)},
        "pre": learnt.pre,
        "post": learnt.post,
        "delay": np.asarray(learnt.delay) + 1,
        "weight": weights,
        "fixed/pre": fixed.pre,
        "fixed/post": fixed.post,
        "cost/wall_s": time.perf_counter() - began,
    }


def _in_gamma(peak: Any) -> Any:
    return (peak >= GAMMA[0]) & (peak <= GAMMA[1])


def rhythm(frequency: NDArray[np.float64], power: NDArray[np.float64]) -> float:
    """The frequency of the highest peak above `SLOW`, Hz; 0 unless it stands three times above the median."""
    above = frequency > SLOW
    at = int(np.argmax(np.where(above, power, 0.0)))
    return float(frequency[at]) if power[at] > 3.0 * np.median(power[above]) else 0.0


def _shuffled(values: NDArray[Any], post: NDArray[np.int64], seed: int) -> NDArray[Any]:
    """The values in another order among the synapses onto each neuron."""
    result = np.empty_like(values)
    drawn = np.lexsort((np.random.default_rng([seed, 1]).random(len(values)), post))
    result[np.argsort(post, kind="stable")] = values[drawn]
    return result


def _triplets(end: dict[str, Any], chosen: NDArray[np.bool_]) -> int:
    """How many triplets there are among the chosen synapses onto each excitatory neuron."""
    own = chosen & (end["post"] < EXCITATORY) & (end["pre"] != end["post"])
    k = np.bincount(end["post"][own], minlength=EXCITATORY)
    return int((k * (k - 1) * (k - 2) // 6).sum())


def searched(kind: str, end: dict[str, Any], share: float, seed: int) -> dict[str, Any]:
    """The groups of a learned network or of one of its controls, tried with a share of the triplets; one group in full."""
    began = time.perf_counter()
    pre, post, delay, weight = (end[key] for key in ("pre", "post", "delay", "weight"))
    if kind == "before":
        weight = np.full_like(weight, START)
    elif kind == "weights":
        weight = _shuffled(weight, post, seed)
    elif kind == "delays":
        delay = _shuffled(delay, post, seed)
    fast = np.arange(EXCITATORY + INHIBITORY) >= EXCITATORY
    inhibits = len(end["fixed/pre"])
    net = groups.graph(
        np.concatenate([pre, end["fixed/pre"]]), np.concatenate([post, end["fixed/post"]]),
        np.concatenate([delay, np.ones(inhibits, np.int64)]), np.concatenate([weight, np.full(inhibits, INHIBITION)]),
        np.where(fast, 0.1, 0.02), np.where(fast, 2.0, 8.0), excitatory=EXCITATORY,
        strong=STRONG * (START if kind == "before" else MOST),
    )  # fmt: skip
    if kind == "before":  # all synapses are strong, so that there are far more triplets: try about as many as when learned
        share *= _triplets(end, end["weight"] > STRONG * MOST) / _triplets(end, end["weight"] >= 0.0)
    found = groups.search(net, share, seed)
    spikes, links = np.zeros((0, 3), np.int64), np.zeros((0, 3), np.int64)
    if len(found.mother):
        one = int(np.argsort(found.spikes, kind="stable")[len(found.mother) // 2])  # of median size
        spikes, links = groups.example(net, int(found.mother[one]), found.anchors[one], found.lags[one])
    return {
        "found": len(found.mother), "tried": found.tried, "triplets": found.candidates,
        "mothers": len(np.unique(found.mother)), "spikes": found.spikes, "span": found.span, "layers": found.layers,
        "example/spikes": spikes, "example/links": links, "cost/wall_s": time.perf_counter() - began,
    }  # fmt: skip


def run(config: Config, record: Any) -> None:
    """All networks and searches, into the record."""
    ends = record.map(trial, {f"seed{k}": (config.seconds, config.seed + k) for k in range(config.seeds)})
    needed = ("pre", "post", "delay", "weight", "fixed/pre", "fixed/post")
    tasks = {
        f"{kind}/seed{k}": (kind, {key: ends[f"seed{k}"][key] for key in needed}, config.share, config.seed + k)
        for k in range(config.seeds)
        for kind in NETWORKS
    }
    blocks = record.map(searched, tasks)

    def each(key: str) -> Any:
        return np.array([ends[f"seed{k}"][key] for k in range(config.seeds)])

    def counted(kind: str, key: str) -> Any:
        return np.array([blocks[f"{kind}/seed{k}"][key] for k in range(config.seeds)], dtype=np.float64)

    rates, peaks, looked, extremes = each("rates"), each("peaks"), each("looked")[0], each("extremes")
    for second in sorted({1, 60, 300, 600, 900, config.seconds}):
        if second <= config.seconds:
            window = slice(max(second - 5, 0), second)  # a single second has a wave more or less
            for column, cell in enumerate(("excitatory", "inhibitory")):
                found = rates[:, window, column].mean(1)
                record.metric(f"rate_{cell}.s{second}", found, unit="Hz", note="mean over five seconds until then")
            here = int(np.argmin(np.abs(looked - second)))
            if looked[here] == second:
                record.metric(f"weights_below_5_percent.s{second}", 100.0 * extremes[:, here, 0], unit="%")
                record.metric(f"weights_above_95_percent.s{second}", 100.0 * extremes[:, here, 1], unit="%")
    in_gamma = _in_gamma(peaks)
    windows = {"s1_to_60": slice(0, 60), "s60_to_600": slice(60, 600), "second_half": slice(-(config.seconds // 2), None)}
    for name, window in windows.items():
        if name != "s60_to_600" or config.seconds >= 600:
            note = f"seconds whose highest peak above {SLOW:g} Hz lies from {GAMMA[0]:g} to {GAMMA[1]:g} Hz"
            record.metric(f"gamma.{name}", 100.0 * in_gamma[:, window].mean(1), unit="%", note=note)
    density = {}
    for kind in NETWORKS:
        tried, found = counted(kind, "tried"), counted(kind, "found")
        density[kind] = 1e3 * found / np.maximum(tried, 1.0)
        record.metric(f"groups_in_1000_triplets.{kind}", density[kind])
        record.metric(f"groups_found.{kind}", found)
        record.metric(f"triplets_tried.{kind}", tried)
        record.metric(f"triplets_there.{kind}", counted(kind, "triplets"))
        record.metric(f"groups_estimated.{kind}", density[kind] * counted(kind, "triplets") * 1e-3, note="had all been tried")
        for key, unit in (("spikes", ""), ("span", "ms"), ("layers", "")):
            values = [blocks[f"{kind}/seed{k}"][key] for k in range(config.seeds)]
            record.series(f"groups/{kind}/{key}", np.concatenate(values), units=unit or "1")
        record.cost(f"wall_time.{kind}", counted(kind, "cost/wall_s"), note="s")
    record.cost("wall_time.trial", each("cost/wall_s"), note="s")
    for key in ("spikes", "links"):
        record.series(f"example/{key}", blocks["learned/seed0"][f"example/{key}"])
    for key in ("rates", "peaks", "extremes", "power"):
        record.series(key, each(key))
    record.series("looked", looked, units="s")
    record.series("frequency", each("frequency")[0], units="Hz")
    record.series("weights", each("weight"), units="mV/ms", axes="seed, synapse")
    for name in ("first", "gamma", "last"):
        if f"raster/{name}/times" in ends["seed0"]:
            record.spikes(name, ends["seed0"][f"raster/{name}/times"], ends["seed0"][f"raster/{name}/who"])
            record.series(f"second/{name}", ends["seed0"][f"raster/{name}/second"], units="s")
    if config.seconds >= 600:
        _check(record, rates, in_gamma, dict(zip(looked.tolist(), 100.0 * extremes.swapaxes(0, 1), strict=True)), density)


def _check(record: Any, rates: Any, in_gamma: Any, extremes: dict[int, Any], density: dict[str, Any]) -> None:
    for second, expected in RATES.items():
        found = rates[:, max(second - 5, 0) : second].mean((0, 1))
        claim = f"rates at s {second} within 10 % of an independent program's {expected[0]:g} and {expected[1]:g} Hz"
        near = bool((abs(found / expected - 1.0) <= 0.1).all())
        record.check(f"rates_s{second}", claim, near, f"{found[0]:.2f} and {found[1]:.1f} Hz")
    for second, expected in EXTREMES.items():
        if second in extremes:
            found = extremes[second].mean(0)
            claim = f"{expected[0]:g} % weak and {expected[1]:g} % strong at s {second}, as that program found, within 5 points"
            near = bool((abs(found - expected) <= 5.0).all())
            record.check(f"weights_s{second}", claim, near, f"{found[0]:.1f} and {found[1]:.1f} %")
    late = rates[:, 60:, 0].mean(1)
    record.check(
        "rate_excitatory", "excitatory cells fire at 2 to 6 Hz from s 60 on, in every network",
        bool(((late >= 2.0) & (late <= 6.0)).all()), ", ".join(f"{rate:.1f}" for rate in late) + " Hz",
    )  # fmt: skip
    share = 100.0 * in_gamma[:, 60:600].mean(1)
    record.check(
        "gamma", "a peak from 25 to 70 Hz is the highest in at least one of twenty seconds from s 60 to 600, in every network",
        bool((share >= 5.0).all()), ", ".join(f"{x:.0f}" for x in share) + " % of the seconds",
    )  # fmt: skip
    weak, strong = extremes[600].T
    record.check(
        "bimodal", "by s 600 over a quarter of the excitatory weights lies in each outer twentieth, in every network",
        bool((extremes[600] > 25.0).all()), f"{weak.mean():.0f} % weak, {strong.mean():.0f} % strong",
    )  # fmt: skip
    for kind, words in NETWORKS.items():
        if kind != "learned":
            more = bool((density["learned"] > density[kind]).all())
            claim = f"a triplet makes a group more often in the learned network than in that with {words}, every time"
            detail = f"{density['learned'].mean():.3g} and {density[kind].mean():.3g} in 1000 triplets"
            record.check(f"more_than_{kind}", claim, more, detail)
