"""One run of a benchmark in a process of its own: `python -m synfire.experiments.benchmarks.child MODULE NAME CACHE MS`.

It imports the workload and nothing else of Synfire, so that a peer's memory and start are the peer's.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

__all__ = ["main"]

KEPT = ("imported", "finished", "run_s", "rate_hz", "events", "error", "version", "remark")


def main(module: str, name: str, cache: str, milliseconds: str) -> None:
    """Run the workload's simulator `name` and print one line of JSON; an empty `cache` is none."""
    file, _, argument = module.partition(":")
    loaded = importlib.import_module(f".{file}", __package__)
    simulators = (loaded.workload(argument) if argument else loaded).SIMULATORS
    measured = simulators[name](cache or None, int(milliseconds))
    print(json.dumps({key: getattr(measured, key, None) for key in KEPT} | {"rss_mb": _peak_memory()}))


def _peak_memory() -> float:
    """The most memory this process has held, MB; not that of the process it was forked from, as getrusage may tell."""
    status = Path("/proc/self/status")
    if status.exists():
        peak = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM")), None)
        if peak is not None:
            return int(peak.split()[1]) * 1024 / 1e6
    import psutil

    memory = psutil.Process().memory_info()
    return float(getattr(memory, "peak_wset", memory.rss)) / 1e6


if __name__ == "__main__":
    main(*sys.argv[1:])
