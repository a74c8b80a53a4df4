"""The workload `izhikevich-reservoir`, once for each simulator: the same arrays, the same equations, the same schedule.

1,000 Izhikevich neurons (800 excitatory, 200 inhibitory, the spread of the 2003 paper), each pair connected with
probability 0.1 and no neuron with itself; exponential synapses of 5 ms with a delay of one step; a constant drive; dt
0.5 ms, v in two half-steps, then u. Ten linear readouts of 30 ms filtered spikes learn ten sines by the three-factor
rule, every millisecond. Everything in float64.

A simulator is a function of (cache folder or None, simulated ms) that returns a `Measured`; `bench` runs each in a
process of its own, so that imports, cold starts and memory are its own too. Nothing is imported at the top for the same
reason.
"""

from __future__ import annotations

import os
import time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .workload import Work

__all__ = ["SECONDS", "SIMULATORS", "SUMMARY", "WORK", "Arrays", "Measured", "arrays"]

SUMMARY = "1,000 Izhikevich neurons, p = 0.1, exponential synapses, dt 0.5 ms, 10 s, ten readouts learning every ms"
SECONDS = 10.0

NEURONS, EXCITATORY, CHANNELS = 1000, 800, 10
DT, TAU_SYN, TAU_TRACE, EVERY = 0.5, 5.0, 30.0, 2  # ms, ms, ms, steps
LEARNING_RATE = 1e-4
SEED = 2003
WORK = Work(NEURONS, round(1e3 / DT), NEURONS // 10, "each")  # and the readouts, which the bound leaves out
BRIAN2_TARGET = "cython"

Floats = NDArray[np.float64]


class Arrays(NamedTuple):
    """a, b, c, d, drive (n,); pre, post, weight (synapses,), ordered by pre; target (ms, channels)."""

    a: Floats
    b: Floats
    c: Floats
    d: Floats
    drive: Floats
    pre: NDArray[np.int64]
    post: NDArray[np.int64]
    weight: Floats
    target: Floats


class Measured(NamedTuple):
    """What one run tells.

    imported, ready, finished   moments: libraries loaded; everything built and compiled; the run is over
    run_s                       seconds of the run alone
    spikes                      (ms, neuron) of every spike, neurons counted through; empty if only counted
    rate_hz                     mean rate of a neuron
    error                       root mean square of the readouts' error in the last tenth of the run
    version                     of the simulator
    """

    imported: float
    ready: float
    finished: float
    run_s: float
    spikes: tuple[Floats, NDArray[np.int64]]
    rate_hz: float
    error: float
    version: str


def arrays(milliseconds: int) -> Arrays:
    """The network and what it is taught: a pure function of SEED."""
    rng = np.random.default_rng(SEED)
    r, excitatory = rng.random(NEURONS), np.arange(NEURONS) < EXCITATORY
    connected = rng.random((NEURONS, NEURONS)) < 0.1
    np.fill_diagonal(connected, False)
    pre, post = np.nonzero(connected)
    strength = rng.random(len(pre))
    t = np.arange(milliseconds)[:, None] * 1e-3
    return Arrays(
        a=np.where(excitatory, 0.02, 0.02 + 0.08 * r),
        b=np.where(excitatory, 0.2, 0.25 - 0.05 * r),
        c=np.where(excitatory, -65.0 + 15.0 * r**2, -65.0),
        d=np.where(excitatory, 8.0 - 6.0 * r**2, 2.0),
        drive=rng.uniform(3.0, 8.0, NEURONS),
        pre=pre,
        post=post,
        weight=np.where(excitatory[pre], 0.5 * strength, -strength),
        target=np.sin(2.0 * np.pi * t * np.arange(1, CHANNELS + 1)),
    )


def run_synfire(cache: str | None, milliseconds: int) -> Measured:
    """Synfire, as a user writes it."""
    if cache is not None:
        os.environ["SYNFIRE_CACHE"] = cache
    from ... import __version__
    from ...neurons import Current, Exponential, Izhikevich
    from ...plasticity import ThreeFactor
    from ...reservoirs import Network, Pairs, Spikes, Teaching

    imported = time.time()
    x = arrays(milliseconds)
    network = Network(dt=DT)
    cells = network.population(NEURONS, Izhikevich(a=x.a, b=x.b, c=x.c, d=x.d))
    network.connect(cells, cells, Pairs(x.pre, x.post), weight=x.weight, synapse=Exponential(tau_syn=TAU_SYN), delay=DT)
    network.drive(cells, Current(amplitude=x.drive))
    readout = network.readout(cells, CHANNELS, ThreeFactor(learning_rate=LEARNING_RATE), tau_trace=TAU_TRACE, every=1.0)
    teach = {readout: Teaching(x.target, np.ones_like(x.target))}
    network.run(1.0, record=[Spikes(cells)], teach=teach, progress=False)
    ready = time.time()
    began = time.perf_counter()
    result = network.run(milliseconds, record=[Spikes(cells)], teach=teach, progress=False)
    run_s = time.perf_counter() - began
    spikes = result.spikes(cells)
    return Measured(
        imported,
        ready,
        time.time(),
        run_s,
        (spikes.times, spikes.neurons),
        _rate(len(spikes.times), milliseconds),
        _error(result.outputs[0], x.target),
        __version__,
    )


def run_numpy(cache: str | None, milliseconds: int) -> Measured:
    """Plain NumPy, vectorised over neurons, in place.

    The rows of the neurons that fired are added up from a dense matrix: at ten a step that takes half the time of the
    best sparse form tried, a `bincount` over the rows' entries.
    """
    imported = time.time()
    x = arrays(milliseconds)
    a, b, c, d, drive, target = x.a, x.b, x.c, x.d, x.drive, x.target
    weights = np.zeros((NEURONS, NEURONS))
    weights[x.pre, x.post] = x.weight
    v = np.full(NEURONS, -65.0)
    u = b * v
    synaptic, arriving, current, slope = (np.zeros(NEURONS) for _ in range(4))
    trace, readout, outer = np.zeros(NEURONS), np.zeros((CHANNELS, NEURONS)), np.zeros((CHANNELS, NEURONS))
    decay_syn, decay_trace = np.exp(-DT / TAU_SYN), np.exp(-DT / TAU_TRACE)
    steps = round(milliseconds / DT)
    outputs = np.zeros((milliseconds, CHANNELS))
    fired: list[NDArray[np.int64]] = []
    ready = time.time()
    began = time.perf_counter()
    for t in range(steps):
        np.add(drive, synaptic, out=current)
        synaptic *= decay_syn
        for _ in range(2):
            np.multiply(v, v, out=slope)
            slope *= 0.04
            slope += 5.0 * v
            slope += 140.0
            slope -= u
            slope += current
            slope *= DT / 2.0
            v += slope
        np.multiply(b, v, out=slope)
        slope -= u
        slope *= a
        slope *= DT
        u += slope
        spiked = np.flatnonzero(v >= 30.0)
        fired.append(spiked)
        synaptic += arriving
        trace *= decay_trace
        if spiked.size:
            weights.take(spiked, axis=0).sum(axis=0, out=arriving)
            trace[spiked] += 1.0
            v[spiked] = c[spiked]
            u[spiked] += d[spiked]
        else:
            arriving.fill(0.0)
        if t % EVERY == EVERY - 1:
            row = t // EVERY
            outputs[row] = readout @ trace
            rate = LEARNING_RATE * 2.0 / (1.0 + (trace @ trace) / NEURONS)
            np.multiply.outer(rate * (target[row] - outputs[row]), trace, out=outer)
            readout += outer
    run_s = time.perf_counter() - began
    neurons = np.concatenate(fired)
    times = np.repeat(np.arange(steps), [len(spiked) for spiked in fired]) * DT
    return Measured(
        imported,
        ready,
        time.time(),
        run_s,
        (times, neurons),
        _rate(len(neurons), milliseconds),
        _error(outputs, target),
        np.__version__,
    )


def run_brian2(cache: str | None, milliseconds: int) -> Measured:
    """Brian2 with its Cython target; the readouts, for which it has no rule, are a NumPy operation each millisecond."""
    import brian2
    from brian2 import Network, NeuronGroup, SpikeMonitor, Synapses, defaultclock, ms, network_operation, prefs

    imported = time.time()
    prefs.codegen.target = BRIAN2_TARGET
    if cache is not None:
        prefs.codegen.runtime.cython.cache_dir = cache
    x = arrays(milliseconds)
    defaultclock.dt = DT * ms
    cells = NeuronGroup(
        NEURONS,
        """
        v : 1
        u : 1
        synaptic : 1
        trace : 1
        a : 1 (constant)
        b : 1 (constant)
        c : 1 (constant)
        d : 1 (constant)
        drive : 1 (constant)
        """,
        threshold="v >= 30",
        reset="v = c; u += d; trace += 1",
        namespace={},
    )
    for name in ("a", "b", "c", "d", "drive"):
        setattr(cells, name, getattr(x, name))
    cells.v = -65.0
    cells.u = x.b * -65.0
    cells.namespace.update(step=DT, decay_syn=float(np.exp(-DT / TAU_SYN)), decay_trace=float(np.exp(-DT / TAU_TRACE)))
    cells.run_regularly(
        """
        current = drive + synaptic
        synaptic *= decay_syn
        trace *= decay_trace
        v += step / 2 * (0.04 * (v * v) + 5 * v + 140 - u + current)
        v += step / 2 * (0.04 * (v * v) + 5 * v + 140 - u + current)
        u += step * (a * (b * v - u))
        """,
        when="groups",
    )
    synapses = Synapses(cells, cells, "weight : 1 (constant)", on_pre="synaptic_post += weight", delay=DT * ms)
    synapses.connect(i=x.pre, j=x.post)
    synapses.weight = x.weight
    readout, outer = np.zeros((CHANNELS, NEURONS)), np.zeros((CHANNELS, NEURONS))
    outputs = np.zeros((milliseconds, CHANNELS))
    features = cells.variables["trace"].get_value()
    clock: dict[str, float] = {}

    def update(row: int) -> None:
        outputs[row] = readout @ features
        rate = LEARNING_RATE * 2.0 / (1.0 + (features @ features) / NEURONS)
        np.multiply.outer(rate * (x.target[row] - outputs[row]), features, out=outer)
        np.add(readout, outer, out=readout)

    def at_start(t: Any) -> None:  # the millisecond that ends now
        row = round(float(t / ms))
        if row == 0:
            clock["ready"], clock["began"] = time.time(), time.perf_counter()
        else:
            update(row - 1)

    operation = network_operation(dt=1.0 * ms, when="start")(at_start)
    monitor = SpikeMonitor(cells)
    Network(cells, synapses, operation, monitor).run(milliseconds * ms)
    update(milliseconds - 1)
    run_s = time.perf_counter() - clock["began"]
    return Measured(
        imported,
        clock["ready"],
        time.time(),
        run_s,
        (np.asarray(monitor.t / ms), np.asarray(monitor.i, dtype=np.int64)),
        _rate(len(monitor.i), milliseconds),
        _error(outputs, x.target),
        str(brian2.__version__),
    )


def _rate(spikes: int, milliseconds: int) -> float:
    return spikes / NEURONS / (milliseconds * 1e-3)


def _error(outputs: Floats, target: Floats) -> float:
    last = max(1, len(target) // 10)
    return float(np.sqrt(np.mean((outputs - target)[-last:] ** 2)))


SIMULATORS = {"synfire": run_synfire, "numpy": run_numpy, "brian2": run_brian2}
