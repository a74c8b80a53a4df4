"""`synfire bench growth`: how Synfire's time and memory grow with neurons, with synapses and with threads.

LIF neurons with a Poisson input of their own and delta synapses drawn by in-degree, so weak that rates stay the same at every
size: what grows is the work alone. dt 0.1 ms, single precision, one weight, one delay of 1.5 ms. Every point is a process of
its own; threads take turns.
"""

from __future__ import annotations

import datetime
import json
import statistics
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from ..provenance import machine
from .harness import run_apart
from .workload import Work, Workload, run_synfire

__all__ = ["as_text", "figure", "measure", "workload"]

MILLISECONDS = 200
IN_DEGREE, NEURONS = 100, 20_000  # of the points where the other grows
SIZES = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000)
IN_DEGREES = (10, 30, 100, 300, 1_000, 3_000)
THREADS = (1, 2)


def workload(argument: str) -> Workload:
    """`neurons x inputs of each`, as "20000x100"; the simulators are numbers of threads."""
    n, k = (int(part) for part in argument.split("x"))
    rows: dict[str, Any] = {
        str(threads): partial(run_synfire, partial(_ours, n, k), "single", threads) for threads in THREADS
    }
    return Workload(f"{n:,} neurons, {k:,} inputs each", MILLISECONDS * 1e-3, rows, Work(n, 10_000, k, "constant"))


def _ours(n: int, k: int, precision: str) -> Any:
    from ...neurons import LIF, PoissonInput, uniform
    from ...reservoirs import FixedInDegree, Network

    network = Network(dt=0.1, seed=1, precision=precision)
    model = LIF(tau_m=20.0, v_rest=0.0, v_reset=10.0, v_threshold=20.0, t_refractory=2.0)
    cells = network.population(n, model, initial={"v": uniform(0.0, 20.0)})
    network.connect(cells, cells, FixedInDegree(k), weight=1e-6, delay=1.5)
    network.drive(cells, PoissonInput(rate=10.0, n=1000, weight=0.1))
    return network, [cells], partial(_account, n, k)


def _account(n: int, k: int, spikes: dict[str, int]) -> tuple[float, float]:
    total = sum(spikes.values())
    return total / n, float(total * k)


def measure(repeats: int) -> dict[str, Any]:
    """The report: a list of points, each with the medians of its runs."""
    sizes = list(dict.fromkeys([(n, IN_DEGREE) for n in SIZES] + [(NEURONS, k) for k in IN_DEGREES]))
    points = []
    with tempfile.TemporaryDirectory(prefix="synfire-bench-") as cache:
        for threads in THREADS:  # compiles, which takes memory
            run_apart("growth:1000x10", str(threads), cache, MILLISECONDS)
        for n, k in sizes:
            runs: dict[int, list[dict[str, Any]]] = {threads: [] for threads in THREADS}
            for _ in range(repeats):
                for threads in THREADS:
                    print(f"bench: {n:,} neurons, {k:,} inputs, {threads} threads", file=sys.stderr, flush=True)
                    runs[threads].append(run_apart(f"growth:{n}x{k}", str(threads), cache, MILLISECONDS))
            for threads, found in runs.items():
                good = [run for run in found if "note" not in run]
                if not good:
                    points.append({"neurons": n, "in_degree": k, "threads": threads, "note": found[-1]["note"]})
                    continue
                point = {key: statistics.median(run[key] for run in good) for key in ("run_s", "rss_mb", "rate_hz", "events")}
                points.append({"neurons": n, "in_degree": k, "threads": threads, **point})
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    return {"workload": "growth", "date": date, "machine": machine(), "simulated_s": MILLISECONDS * 1e-3, "points": points}


def as_text(report: dict[str, Any]) -> str:
    """A line for each point."""
    lines = [f"growth: {report['machine']}; {report['date']}", "", "neurons  inputs  threads  run (s)  memory (MB)  rate (Hz)"]
    for p in report["points"]:
        start = f"{p['neurons']:7d}  {p['in_degree']:6d}  {p['threads']:7d}"
        end = p.get("note") or f"{p['run_s']:7.3f}  {p['rss_mb']:11.0f}  {p['rate_hz']:9.2f}"
        lines.append(f"{start}  {end}")
    return "\n".join(lines)


def figure(report: dict[str, Any]) -> Any:
    """Time of a simulated second, and memory, against neurons and against synapses, a line for each number of threads."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import ScalarFormatter

    drawn, axes = plt.subplots(2, 2, figsize=(9, 6.5), layout="constrained", sharey="row")
    points = [point for point in report["points"] if "note" not in point]
    for column, (fixed, value, grows) in enumerate((("in_degree", IN_DEGREE, "neurons"), ("neurons", NEURONS, "synapses"))):
        for threads in sorted({point["threads"] for point in points}):
            line = [p | {"synapses": p["neurons"] * p["in_degree"]} for p in points if p["threads"] == threads]
            line = sorted((p for p in line if p[fixed] == value), key=lambda p: p[grows])
            x = [p[grows] for p in line]
            time = [p["run_s"] / report["simulated_s"] for p in line]
            label = f"{threads} thread{'s' if threads > 1 else ''}"
            axes[0, column].loglog(x, time, "o-", markersize=4, label=label)
            axes[1, column].loglog(x, [p["rss_mb"] for p in line], "o-", markersize=4, label=label)
        said = {"in_degree": f"{value} inputs each", "neurons": f"{value:,} neurons"}[fixed]
        axes[0, column].set_title(said)
        axes[1, column].set_xlabel(grows)
    axes[0, 0].set_ylabel("run (s per simulated second)")
    axes[1, 0].set_ylabel("memory of the process (MB)")
    axes[0, 0].legend(frameon=False)
    for axis in axes.flat:
        axis.grid(alpha=0.3)
    for axis in axes[1]:
        axis.yaxis.set_major_formatter(ScalarFormatter())
        axis.yaxis.set_minor_formatter(ScalarFormatter())
    return drawn


if __name__ == "__main__":  # python -m synfire.experiments.benchmarks.growth growth.json docs/performance-growth.png
    figure(json.loads(Path(sys.argv[1]).read_text("utf-8"))).savefig(sys.argv[2], dpi=130)
