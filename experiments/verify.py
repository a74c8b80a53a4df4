"""`synfire verify`: random networks against Brian2, against plain Python, and against themselves on other threads.

One row per kind of network:

    lif, izhikevich, coba   static, delays per synapse: every spike equal to Brian2's
    stdp, three-factor      the same, and every weight within 1e-9 of Brian2's
    python                  STDP network, noise, Poisson input: every spike and weight equal, bit for bit, to the oracle's
    threads                 the final state's bytes on 1, 2, 3 and 4 threads, in stretches of three lengths: one hash
    chaos                   COBA networks that amplify any rounding: rates, CVs and correlations of neurons no farther from
                            Brian2's than seeds are from one another (Kolmogorov-Smirnov)
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from tqdm import tqdm

from ..neurons import LIF, Exponential, GaussianNoise, InvalidValue, PoissonInput, uniform
from ..plasticity import STDP
from ..reservoirs import Network, Pairs, Spikes
from .registry import unknown
from .verify_brian2 import KINDS, Compared

__all__ = ["ALL", "main"]

DT, STEPS = 0.5, 160


def _network(seed: int) -> tuple[Network, Any]:
    """Driven LIF with learning synapses, noise and input from outside; the same type of network for every seed."""
    rng = np.random.default_rng([6, seed])
    n = int(rng.integers(10, 150))
    net = Network(dt=DT, seed=seed)
    cells = net.population(n, LIF(t_refractory=1.0, tau_m=rng.uniform(5.0, 20.0, n)), initial={"v": uniform(-70, -45)})
    how = Pairs(rng.integers(0, n, 5 * n), rng.integers(0, n, 5 * n))
    delay = DT * rng.integers(0, 12, 5 * n)
    net.connect(cells, cells, how, weight=rng.uniform(0.0, 1.0, 5 * n), delay=delay, plasticity=STDP(potentiation=0.1))
    net.connect(cells, cells, p=0.1, weight=-0.5, delay=uniform(0.5, 4.0), synapse=Exponential(tau_syn=3.0))
    net.connect(cells, cells, p=0.05, weight=1.5, delay=1.0)
    net.drive(cells, GaussianNoise(std=30.0, mean=12.0))
    net.drive(cells[n // 3 :], PoissonInput(rate=100.0, n=10, weight=0.3))
    return net, cells


def _python(seed: int) -> Compared:
    from .oracle import simulate

    net, cells = _network(seed)
    expected = simulate(net, STEPS)  # type: ignore[no-untyped-call]
    result = net.run(DT * STEPS, record=[Spikes(cells)], progress=False)
    times, neurons = result.spikes(cells)
    spikes = list(zip(np.round(times / DT).astype(int).tolist(), neurons.tolist(), strict=True))
    learnt = net.projections[0]
    same = spikes == expected.spikes[0] and result.weights(learnt).tolist() == expected.plastic[learnt]
    return Compared(len(spikes), same, 0.0)


def _threads(seed: int) -> Compared:
    net, _ = _network(seed)
    hashes, spikes = set(), 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # more threads than cores is what is tried here
        for threads in (1, 2, 3, 4):
            for length in (1, 13, STEPS):
                simulation = net.simulation(threads=threads)
                state, counted = simulation.initial_state(), 0
                while state["step"][0] < STEPS:
                    left = min(length, STEPS - int(state["step"][0]))
                    state, seen = simulation.advance(state, left, spikes_of=frozenset([0]))
                    counted += len(seen.spikes[0][0])
                whole = hashlib.sha256(str(counted).encode())
                for name in sorted(state):
                    whole.update(np.ascontiguousarray(state[name]).tobytes())
                hashes.add(whole.hexdigest())
                spikes = counted
    return Compared(spikes, len(hashes) == 1, 0.0)


def _chaos(seed: int) -> Compared:
    from .verify_chaos import compared

    return compared(seed)


ALL: dict[str, Callable[[int], Compared]] = KINDS | {"python": _python, "threads": _threads, "chaos": _chaos}
"""Kind -> one comparison, a function of a seed."""


def main(networks: int, kinds: list[str] | None = None, first: int = 0) -> int:
    """Compare `networks` random networks, shared out among the kinds, print the table; seeds count from `first`.

    Returns      the exit code: 0 if every comparison passed, 1 if one did not
    Raises       UnknownName for a kind that does not exist, InvalidValue for networks < 1
    """
    chosen = kinds or list(ALL)
    for kind in chosen:
        if kind not in ALL:
            raise unknown("--kinds", kind, ALL)
    if networks < 1:
        raise InvalidValue("--networks", networks, ">= 1")
    if importlib.util.find_spec("brian2") is None:
        left_out = [kind for kind in chosen if kind in KINDS or kind == "chaos"]
        chosen = [kind for kind in chosen if kind not in left_out]
        print(f"verify: brian2 is not installed (pip install 'synfire[brian2]'): no {', '.join(left_out)}", file=sys.stderr)
    share = _shares(networks, chosen)
    print(f"{'kind':14}{'networks':>9}{'passed':>8}{'spikes':>9}  {'largest difference':20}{'seconds':>8}")
    failures = []
    total = passed = 0
    for kind in chosen:
        began, found = time.perf_counter(), []
        for seed in tqdm(range(first, first + share[kind]), desc=kind, leave=False, disable=None):
            found.append(ALL[kind](seed))
            if not found[-1].same:
                failures.append((kind, seed, found[-1]))
        good = sum(each.same for each in found)
        total, passed = total + len(found), passed + good
        worst = max((each.difference for each in found), default=0.0)
        spikes, spent = sum(each.spikes for each in found), time.perf_counter() - began
        print(f"{kind:14}{len(found):9d}{good:8d}{spikes:9d}  {worst:<20.2g}{spent:8.1f}", flush=True)
    for kind, seed, each in failures:
        print(f"missed: {kind}, seed {seed}: {each.spikes} spikes, largest difference {each.difference:.3g}")
    print(f"{passed} of {total} passed")
    return 0 if passed == total else 1


def _shares(networks: int, kinds: list[str]) -> dict[str, int]:
    """Equal shares; of the slow comparison of chaotic networks at most ten."""
    share = dict.fromkeys(kinds, 0)
    most = {"chaos": 10}
    k = 0
    while networks > 0 and any(share[kind] < most.get(kind, networks + share[kind]) for kind in kinds):
        kind = kinds[k % len(kinds)]
        if share[kind] < most.get(kind, networks + share[kind]):
            share[kind] += 1
            networks -= 1
        k += 1
    return share
