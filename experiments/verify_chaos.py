"""Networks that amplify any rounding cannot agree spike by spike: their neurons' statistics must.

A COBA network runs in both simulators with several seeds. For rate, CV and correlation of the neurons, the distance between
the two simulators' pooled distributions is compared with the distances between two halves of the seeds, ours and Brian2's.
"""

# mypy: ignore-errors

from __future__ import annotations

import itertools

import numpy as np
from scipy.stats import ks_2samp

from ..neurons import COBA, Conductance, Current, uniform
from ..reservoirs import FixedProbability, Network, Spikes
from .verify_brian2 import Compared

__all__ = ["compared"]

N, DT, DURATION, SEEDS = 1000, 0.1, 1000.0, 4
DRIVE = 260.0  # pA: a little above rheobase, so that activity goes on by itself
WEIGHTS = {"excite": (0.0, 5.0, 2.4), "inhibit": (-80.0, 10.0, 26.8)}  # mV, ms, nS: in-degrees of 64 and 16, as the benchmark


def compared(seed: int) -> Compared:
    """One comparison: `difference` is the largest of three distances over what the seeds' own spread allows."""
    ours = [_statistics(*_ours(SEEDS * seed + k)) for k in range(SEEDS)]
    other = [_statistics(*_brians(SEEDS * seed + k)) for k in range(SEEDS)]
    worst = 0.0
    for which in range(3):
        mine, theirs = [s[which] for s in ours], [s[which] for s in other]
        spread = max(ks_2samp(a, b).statistic for runs in (mine, theirs) for a, b in itertools.combinations(runs, 2))
        between = np.mean([ks_2samp(a, b).statistic for a in mine for b in theirs])
        worst = max(worst, between / spread)
    return Compared(round(sum(s[0].sum() for s in ours)), worst <= 1.0, worst)


def _pairs(seed):
    rng = np.random.default_rng([7, seed])
    flat = np.flatnonzero(rng.random(N * N) < 0.08)
    return np.divmod(flat, N)


def _ours(seed):
    net = Network(dt=DT, seed=seed)
    cells = net.population(N, COBA(), initial={"v": uniform(-60.0, -50.0)})
    edge = round(0.8 * N)
    for part, (reversal, tau, weight) in zip((cells[:edge], cells[edge:]), WEIGHTS.values(), strict=True):
        synapse = Conductance(tau_syn=tau, e_reversal=reversal)
        net.connect(part, cells, FixedProbability(0.08), weight=weight, delay=DT, synapse=synapse)
    net.drive(cells, Current(amplitude=DRIVE))
    return net.run(DURATION, record=[Spikes(cells)], progress=False).spikes(cells)


def _brians(seed):
    import brian2
    from brian2 import ms

    brian2.prefs.codegen.target = "numpy"
    brian2.defaultclock.dt = DT * ms
    model = COBA()
    names = {
        "g_leak": model.g_leak, "v_rest": model.v_rest, "bias": DRIVE, "c_m": model.c_m, "tau_e": WEIGHTS["excite"][1] * ms,
        "tau_i": WEIGHTS["inhibit"][1] * ms, "per_ms": 1.0 / ms,
    }  # fmt: skip
    equations = """
    dv/dt = (g_leak * (v_rest - v) + g_e * (0 - v) + g_i * (-80 - v) + bias) / c_m * per_ms : 1 (unless refractory)
    dg_e/dt = -g_e / tau_e : 1
    dg_i/dt = -g_i / tau_i : 1
    """
    group = brian2.NeuronGroup(
        N, equations, threshold="v >= -50", reset="v = -60", refractory=model.t_refractory * ms, method="euler", namespace=names
    )
    group.v = np.random.default_rng([8, seed]).uniform(-60.0, -50.0, N)
    pre, post = _pairs(seed)
    monitor = brian2.SpikeMonitor(group)
    network = brian2.Network(group, monitor)
    for excites, variable, (_, _, weight) in zip((True, False), ("g_e", "g_i"), WEIGHTS.values(), strict=True):
        mine = (pre < 0.8 * N) == excites
        made = brian2.Synapses(group, group, on_pre=f"{variable}_post += {weight}", delay=DT * ms)
        made.connect(i=pre[mine], j=post[mine])
        network.add(made)
    network.run(DURATION * ms)
    return np.asarray(monitor.t / ms), np.asarray(monitor.i)


def _statistics(times, neurons):
    """Rates (N,), CVs of neurons with five intervals or more, correlations of 100 neurons' counts in 5 ms."""
    keep = times > 200.0
    times, neurons = times[keep], neurons[keep]
    rates = np.bincount(neurons, minlength=N) / (DURATION - 200.0) * 1e3
    order = np.lexsort((times, neurons))
    gaps, same = np.diff(times[order]), np.diff(neurons[order]) == 0
    owner = neurons[order][1:][same]
    many = np.bincount(owner, minlength=N)
    mean = np.bincount(owner, gaps[same], N) / np.maximum(many, 1)
    square = np.bincount(owner, gaps[same] ** 2, N) / np.maximum(many, 1)
    some = many >= 5
    cvs = np.sqrt(np.maximum(square - mean**2, 0.0))[some] / mean[some]
    counts = np.histogram2d(neurons, times, bins=(np.arange(101), np.arange(200.0, DURATION + 1.0, 5.0)))[0]
    active = counts[counts.std(axis=1) > 0]
    correlation = np.corrcoef(active)[np.triu_indices(len(active), 1)]
    return rates, cvs, correlation
