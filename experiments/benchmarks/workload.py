"""What the workloads of whole networks share: what one run tells, and how Synfire, Brian2's C++ and NEST are timed."""

from __future__ import annotations

import math
import os
import tempfile
import time
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = [
    "Run",
    "Work",
    "Workload",
    "run_brian2_standalone",
    "run_nest",
    "run_synfire",
    "sleeping_threads",
    "stretched",
    "synfire_rows",
]


class Run(NamedTuple):
    """What one run tells.

    imported, finished   moments: libraries loaded; the run is over
    run_s                seconds of the run alone
    rate_hz              mean rate of a neuron; None where none fires
    events               synaptic events (plastic ones in a plastic workload): spikes times the synapses they reach
    version              of the simulator
    error                none: nothing is taught
    remark               in what this program's equations are not the others'
    """

    imported: float
    finished: float
    run_s: float
    rate_hz: float | None
    events: float
    version: str
    error: float | None = None
    remark: str = ""


class Work(NamedTuple):
    """What a workload cannot do without, for the lower bound of its time.

    neurons   that are updated every step
    steps     per simulated second
    targets   synapses that a spike reaches
    kind      of its synapses: "constant" weight, a weight for "each", or "plastic"
    """

    neurons: int
    steps: int
    targets: int
    kind: str


class Workload(NamedTuple):
    """What `bench` asks of a workload; see there."""

    SUMMARY: str
    SECONDS: float
    SIMULATORS: dict[str, Callable[[str | None, int], Any]]
    WORK: Work | None
    SPREAD: float = 0.05  # relative difference of rates up to which two runs, each on draws of its own, did the same work


def sleeping_threads() -> None:
    """Have OpenMP's threads sleep while they wait, unless the environment says otherwise; before torch is loaded.

    They spin else, and keep a core from threads of other kinds, Synfire's among them; peers gain or lose less than 5 %.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


Builder = Callable[[str], tuple[Any, list[Any], Callable[[dict[str, int]], tuple[float, float]]]]


def stretched(tau: float, dt: float = 0.1) -> float:
    """The time constant, ms, with which forward Euler decays by exp(-dt / tau) a step, as an exact solution does.

    Peers that solve a whole neuron by Euler get it for their linear decays: 1 % of a conductance is 9 % of a rate where the
    mean input stands at threshold.
    """
    return -dt / math.expm1(-dt / tau)


def run_synfire(build: Builder, precision: str, threads: int, cache: str | None, milliseconds: int) -> Run:
    """Synfire, as a user writes it: `build(precision)` gives the network, the populations to count, and what to make of
    the counts: (neurons' mean rate per spike count, synaptic events)."""
    if cache is not None:
        os.environ["SYNFIRE_CACHE"] = cache
    from ... import __version__
    from ...reservoirs import Running, Spikes

    imported = time.time()
    network, recorded, account = build(precision)
    record = [Spikes(population) for population in recorded]
    network.run(1.0, record=record, progress=False, threads=threads)
    simulation = network.simulation(threads=threads)
    spikes = dict.fromkeys((population.name for population in recorded), 0)
    kept = frozenset(simulation.number_of_group(population) for population in recorded)
    steps = round(milliseconds / network.dt)
    running = Running(simulation, simulation.initial_state(), spikes_of=kept)
    began = time.perf_counter()
    while running.step < steps:  # all spikes are handed over, as to `run`, and counted
        seen = running.advance(steps - running.step)
        for population in recorded:
            g = simulation.number_of_group(population)
            first = simulation.groups[g].offset[population.number]
            neurons = seen.spikes[g][1]
            spikes[population.name] += int(((neurons >= first) & (neurons < first + population.size)).sum())
    run_s = time.perf_counter() - began
    rate, events = account(spikes)
    return Run(imported, time.time(), run_s, rate / (milliseconds * 1e-3), events, __version__)


def synfire_rows(build: Builder) -> dict[str, Callable[[str | None, int], Run]]:
    """The rows of Synfire: in double precision, in single, and in single on two threads."""
    return {
        "synfire": lambda cache, ms: run_synfire(build, "double", 1, cache, ms),
        "synfire-single": lambda cache, ms: run_synfire(build, "single", 1, cache, ms),
        "synfire-2threads": lambda cache, ms: run_synfire(build, "single", 2, cache, ms),
    }


def run_brian2_standalone(build: Callable[[Any], Any], milliseconds: int) -> Run:
    """Brian2's C++: `build(brian2)` makes the objects and returns (network, monitors, account). The time of the run is the one
    that the compiled program itself reports, without loading and saving."""
    import brian2

    imported = time.time()
    with tempfile.TemporaryDirectory(prefix="synfire-bench-brian2-") as folder:
        brian2.set_device("cpp_standalone", directory=folder, build_on_run=False)
        network, monitors, account = build(brian2)
        network.run(milliseconds * brian2.ms)
        brian2.device.build(directory=folder, compile=True, run=True, debug=False)
        run_s = float(brian2.device._last_run_time)
        rate, events = account({name: int(monitor.num_spikes) for name, monitor in monitors.items()})
        return Run(imported, time.time(), run_s, rate / (milliseconds * 1e-3), events, str(brian2.__version__))


def run_nest(
    build: Callable[[Any], tuple[dict[str, Any], Any]], threads: int, milliseconds: int, remark: str = ""
) -> Run:
    """NEST: `build(nest)` makes the network and returns (name -> neurons to count, account). Recorders keep the spikes in
    memory, as Synfire does; one step is run first, which sets up what NEST sets up late."""
    import nest

    imported = time.time()
    nest.set_verbosity("M_ERROR")
    nest.ResetKernel()
    nest.SetKernelStatus({"resolution": 0.1, "local_num_threads": threads, "rng_seed": 1, "print_time": False})
    groups, account = build(nest)
    recorders = {name: nest.Create("spike_recorder") for name in groups}
    for name, cells in groups.items():
        nest.Connect(cells, recorders[name])
    nest.Prepare()
    nest.Run(0.1)
    began = time.perf_counter()
    nest.Run(float(milliseconds))
    run_s = time.perf_counter() - began
    rate, events = account({name: int(recorder.n_events) for name, recorder in recorders.items()})
    return Run(imported, time.time(), run_s, rate / (milliseconds * 1e-3), events, str(nest.__version__), remark=remark)
