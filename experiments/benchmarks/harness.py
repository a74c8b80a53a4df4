"""`synfire bench WORKLOAD`: how fast Synfire is, against peers measured in the same minutes.

Every run is a process of its own, on one thread; the runs of the programs take turns, so that a machine that slows down
slows all of them. The firing rate stands beside every time: programs that do not compute the same dynamics cannot be
compared.

A workload is a module, or what a module's `workload` makes, with SUMMARY, SECONDS (simulated), WORK (what its lower bound
is computed from, see `floor`; None where that says nothing, as of training) and SIMULATORS, `{name: function(cache folder or
None, milliseconds) -> Measured}`, "synfire" among them.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import importlib
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...neurons import InvalidValue, SynfireError
from ..disk import write_whole
from ..markdown import replaced, table
from ..provenance import machine
from ..registry import unknown
from .floor import lower_bound
from .workload import Work

__all__ = ["WORKLOADS", "as_markdown", "as_text", "load", "main", "measure", "refresh", "run_apart"]

WORKLOADS: dict[str, str] = {
    "brunel": "brunel:homogeneous",
    "brunel-heterogeneous": "brunel:heterogeneous",
    "coba-20000": "coba:20000",
    "coba-4000": "coba:4000",
    "complexity": "complexity",
    "continual": "continual:spiking",
    "continual-rate": "continual:rate",
    "delay-training": "delay_training:0.5",
    "delay-training-middle": "delay_training:2",
    "delay-training-wide": "delay_training:12.27",
    "growth": "growth",
    "izhikevich-reservoir": "izhikevich_reservoir",
    "microcircuit-10": "microcircuit:10",
    "microcircuit-100": "microcircuit:100",
    "reward-stdp": "reward_stdp",
    "rule-training-backprop": "rule_training:backprop",
    "rule-training-ccl": "rule_training:ccl",
    "rule-training-dfa": "rule_training:dfa",
    "rule-training-fa": "rule_training:fa",
    "snn-training": "snn_training:2",
    "snn-training-5": "snn_training:5",
    "snn-training-10": "snn_training:10",
    "snn-training-25": "snn_training:25",
    "snn-training-50": "snn_training:50",
    "stdp": "stdp:all",
}
"""Name on the command line -> module in this package; after a colon, what its function `workload` is asked for.
`growth` is a sweep, and has no peers."""

# These keep compiled code in a folder, where the next run finds it.
COMPILED = ("synfire", "synfire-single", "synfire-2threads", "synfire-million", "synfire-hlop", "brian2")
COLD = ("synfire", "brian2")  # whose first start, from an empty folder, has a row of its own
COLD_STARTS, COLD_SECONDS = 3, 15.0  # a cold start is repeated up to so often, unless it takes long
SAME_DYNAMICS = 0.05  # as a workload's SPREAD, for one that does not say
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
NUMBERS = ("run_s", "build_s", "first_s", "import_s", "rss_mb", "rate_hz", "events", "error")


def main(workload: str, peers: list[str], json_path: Path | None, repeats: int = 5) -> int:
    """Measure Synfire and the peers, print the table, and write it to `json_path` if there is one.

    Returns      the exit code, 0; a peer that cannot run is a row that says why
    Raises       UnknownName for a workload or peer that does not exist, InvalidValue for repeats < 1,
                 SynfireError if Synfire itself cannot run or the file cannot be written
    """
    if workload not in WORKLOADS:
        raise unknown("workload", workload, WORKLOADS)
    simulators = {} if workload == "growth" else load(WORKLOADS[workload]).SIMULATORS
    for peer in peers:
        if peer not in simulators or peer.startswith("synfire"):
            raise unknown("--peers", peer, [name for name in simulators if not name.startswith("synfire")])
    if repeats < 1:
        raise InvalidValue("--repeats", repeats, ">= 1")
    if json_path is not None:  # what cannot be written is said before minutes are spent
        with _written(json_path):
            json_path.parent.mkdir(parents=True, exist_ok=True)
            if json_path.is_dir():
                raise IsADirectoryError(errno.EISDIR, "it is a folder")
    if workload == "growth":
        sweep = importlib.import_module(".growth", __package__)
        report = sweep.measure(repeats)
        print(sweep.as_text(report))
    else:
        own = [name for name in simulators if name.startswith("synfire")]
        report = measure(workload, [*own, *dict.fromkeys(peers)], repeats)
        print(as_text(report))
    if json_path is not None:
        with _written(json_path):
            write_whole(json_path, json.dumps(report, indent=2, allow_nan=False).encode())
    return 0


@contextlib.contextmanager
def _written(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SynfireError(f"--json: {path} cannot be written: {error.strerror}; choose another file") from error


def load(where: str) -> Any:
    """What has the workload's SUMMARY, SECONDS and SIMULATORS: a module, or what its `workload` makes."""
    name, _, argument = where.partition(":")
    module = importlib.import_module(f".{name}", __package__)
    return module.workload(argument) if argument else module


def measure(workload: str, names: list[str], repeats: int, milliseconds: int | None = None) -> dict[str, Any]:
    """The report of a workload: what the JSON file holds."""
    module = load(WORKLOADS[workload])
    simulated = round(module.SECONDS * 1e3) if milliseconds is None else milliseconds
    runs: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory(prefix="synfire-bench-") as folder:
        for kind, name, cache in _turns(names, repeats, Path(folder), runs):
            _say(f"{kind}: run {len(runs.get(kind, [])) + 1}")
            runs.setdefault(kind, []).append(run_apart(WORKLOADS[workload], name, cache, simulated))
    for name in names:
        if name not in runs:  # it failed at its first cold start
            runs[name] = runs.pop(f"{name}-cold")
    rows = [_row(name, found) for name, found in sorted(runs.items(), key=lambda item: _place(item[0], names))]
    own = next(row for row in rows if row["name"] == "synfire")
    if own["run_s"] is None:
        raise SynfireError(f"bench: synfire itself failed: {own['note']}")
    cost = None
    if module.WORK is not None:
        _say("the machine's own costs")
        cost = _costs(module.WORK)
    spread = getattr(module, "SPREAD", SAME_DYNAMICS)
    for row in rows:
        row["ratio"] = row["run_s"] / own["run_s"] if row["run_s"] is not None else None
        row["floor_s"] = None if cost is None else _floor(row, cost, module.WORK, simulated * 1e-3)
        if row["rate_hz"] is not None and abs(row["rate_hz"] / own["rate_hz"] - 1.0) > spread:
            told = "another firing rate than synfire's: the times cannot be compared"
            row["note"] = "; ".join(part for part in (row["note"], told) if part)
    return {
        "workload": workload,
        "summary": module.SUMMARY,
        "simulated_s": simulated * 1e-3,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": machine(),
        "work": None if module.WORK is None else module.WORK._asdict(),
        "costs": cost,
        "versions": {"python": platform.python_version()} | {row["name"]: row.pop("version") for row in rows},
        "rows": rows,
    }


def _costs(work: Work) -> dict[str, float]:
    """What an event and an update cost on this machine, in a process of its own."""
    command = [sys.executable, "-m", f"{__package__}.floor", str(work.neurons), str(work.targets), work.kind]
    environment = os.environ | dict.fromkeys(THREADS, "1")
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _floor(row: Mapping[str, Any], cost: dict[str, float], work: Work, seconds: float) -> float | None:
    """The lower bound of a row's time on one thread, for the spikes that it had."""
    if row["rate_hz"] is None:  # it failed, or nothing fires
        return None
    events = row["events"] if row["events"] is not None else row["rate_hz"] * seconds * work.neurons * work.targets
    return lower_bound(cost, events, work.neurons, seconds * work.steps)


def _turns(
    names: list[str], repeats: int, folder: Path, runs: Mapping[str, list[dict[str, Any]]]
) -> Iterator[tuple[str, str, str | None]]:
    """(row, simulator, cache folder) of each run: A B A B …, after cold starts, each from an empty cache folder.

    A simulator that failed once is not tried again.
    """
    for name in names:
        for attempt in range(COLD_STARTS if name in COLD else 0):
            before = runs.get(f"{name}-cold", [])
            if before and ("note" in before[-1] or before[-1]["build_s"] > COLD_SECONDS):
                break
            cache = folder / name / str(attempt)
            cache.mkdir(parents=True)
            yield f"{name}-cold", name, str(cache)
    for _ in range(repeats):
        for name in names:
            if not any("note" in run for row in (name, f"{name}-cold") for run in runs.get(row, [])):
                yield name, name, str(folder / name / "0") if name in COMPILED else None


def run_apart(where: str, name: str, cache: str | None, milliseconds: int) -> dict[str, Any]:
    """One run in a new process: its measurements, or {"note": why not}."""
    command = [
        sys.executable,
        "-m",
        f"{__package__}.child",
        where,
        name,
        cache or "",
        str(milliseconds),
    ]
    began = time.time()
    child = subprocess.run(command, capture_output=True, text=True, env=os.environ | dict.fromkeys(THREADS, "1"))
    lines = child.stdout.strip().splitlines()
    if child.returncode != 0 or not lines:
        said = child.stderr.strip().splitlines()
        missing = [line for line in said if line.startswith("ModuleNotFoundError")]
        return {"note": "not installed" if missing else said[-1] if said else f"exit code {child.returncode}"}
    found: dict[str, Any] = json.loads(lines[-1])
    found["import_s"] = found.pop("imported") - began
    found["first_s"] = found["finished"] - began - found["import_s"]
    found["build_s"] = found.pop("finished") - began - found["run_s"]
    return found


def _row(name: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians over the runs of one program."""
    good = [run for run in runs if "note" not in run]
    row: dict[str, Any] = {"name": name, "repeats": len(good)}
    for key in NUMBERS:
        found = [run[key] for run in good if run.get(key) is not None]
        row[key] = statistics.median(found) if found else None
    row["run_min_s"] = min((run["run_s"] for run in good), default=None)
    row["run_max_s"] = max((run["run_s"] for run in good), default=None)
    row["version"] = good[0]["version"] if good else ""
    row["note"] = next((run["note"] for run in runs if "note" in run), good[0].get("remark") or "" if good else "")
    return row


def _place(row: str, names: list[str]) -> tuple[int, bool]:
    name = row.removesuffix("-cold")
    return names.index(name), row != name


HEADS = [
    "name", "run (s)", "range", "ratio", "floor (s)", "build (s)", "build + run", "memory (MB)", "rate (Hz)", "ns/event", "error"
]  # fmt: skip


def _cells(row: Mapping[str, Any]) -> list[str]:
    if row["run_s"] is None:
        return [row["name"], row["note"], *[""] * (len(HEADS) - 2)]
    return [
        row["name"],
        f"{row['run_s']:.3f}",
        f"{row['run_min_s']:.3f}–{row['run_max_s']:.3f}",
        "" if row["name"].endswith("-cold") else f"{row['ratio']:.1f}",
        f"{row['floor_s']:.3f}" if row["floor_s"] is not None else "",
        f"{row['build_s']:.2f}",
        f"{row['build_s'] + row['run_s']:.2f}",
        f"{row['rss_mb']:.0f}",
        f"{row['rate_hz']:.2f}" if row["rate_hz"] is not None else "",
        f"{row['run_s'] / row['events'] * 1e9:.2f}" if row.get("events") else "",
        f"{row['error']:.3f}" if row["error"] is not None else "",
    ]


def _sentences(report: Mapping[str, Any]) -> list[str]:
    """What the table does not say: how long Synfire takes to start, and which rows cannot be compared."""
    rows = {row["name"]: row for row in report["rows"]}
    warm, cold = rows["synfire"], rows["synfire-cold"]
    total = cold["build_s"] + cold["run_s"]
    said = [
        f"Synfire with a warm cache: {warm['import_s']:.2f} s to start Python and import, then {warm['first_s']:.2f} s "
        "until the result is there.",
        f"Synfire from a cold cache: {total:.2f} s from the start of the process until the result is there.",
    ]
    cost, work = report["costs"], report["work"]
    if work is not None:
        said.append(
            f"Floor: {work['neurons']:,} neurons x {work['steps']:,} steps a second at {cost['update_ns']:.2f} ns, events "
            f"at {cost['event_ns']:.2f} ns (targets: {work['targets']:,} a spike, weight: {work['kind']}); far memory "
            f"{cost['far_gb_s']:.0f} GB/s."
        )
    return said + [
        f"{row['name']}: {row['note']}." for row in report["rows"] if row["note"] and row["run_s"] is not None
    ]


def as_text(report: Mapping[str, Any]) -> str:
    """The table for the terminal."""
    cells_of = [HEADS, *(_cells(row) for row in report["rows"])]
    plain = [cells for cells, row in zip(cells_of[1:], report["rows"], strict=True) if row["run_s"] is not None]
    widths = [max(len(cells[column]) for cells in [HEADS, *plain]) for column in range(len(HEADS))]
    widths[0] = max(len(cells[0]) for cells in cells_of)
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip() for cells in cells_of
    ]
    return "\n".join([_headline(report), "", *lines, "", *_sentences(report)])


def as_markdown(report: Mapping[str, Any]) -> str:
    """The same for the documentation."""
    lines = table(HEADS, [_cells(row) for row in report["rows"]])
    versions = ", ".join(
        f"{name} {version}" for name, version in report["versions"].items() if not name.endswith("-cold")
    )
    return "\n".join([_headline(report), "", lines, "", *_sentences(report), "", f"{versions}."])


def _headline(report: Mapping[str, Any]) -> str:
    repeats = next(row["repeats"] for row in report["rows"] if row["name"] == "synfire")
    return (
        f"{report['workload']}: {report['summary']}. Medians of {repeats} runs, one thread each unless named otherwise; "
        f"{report['machine']}; {report['date']}."
    )


def _say(message: str) -> None:
    print(f"bench: {message}", file=sys.stderr, flush=True)


def refresh(page: str, report: Mapping[str, Any]) -> str:
    """A page of the documentation with the table between the workload's two marks written anew.

    Raises       SynfireError if the page has no such marks
    """
    return replaced(page, report["workload"], as_markdown(report))


if __name__ == "__main__":  # python -m synfire.experiments.benchmarks.harness bench.json docs/performance.md
    _page = Path(sys.argv[2])
    _page.write_text(refresh(_page.read_text("utf-8"), json.loads(Path(sys.argv[1]).read_text("utf-8"))), "utf-8")
