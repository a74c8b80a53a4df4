"""A page of docs/results from a result file: what was run, what holds, the numbers, the figures.

    python -m synfire.experiments.report results/what-when/paper-seed0.h5 docs/results

writes docs/results/what-when.md and its figures. In a page that exists only what stands between the marks is replaced. A
third argument names the part of a page that shows several results.
"""

from __future__ import annotations

import datetime
import sys
from pathlib import Path
from typing import Any

from .execute import draw
from .markdown import replaced, table
from .provenance import as_plain
from .registry import experiment
from .results import LoadedRecord, load
from .tables import Table, as_markdown

__all__ = ["report", "write"]


def report(record: LoadedRecord, figures: dict[str, str]) -> str:
    """Markdown; `figures` says under which path each figure lies."""
    parts = [_made(record), *(f"![{name.replace('_', ' ')}]({path})" for name, path in figures.items())]
    made: dict[str, Table] = getattr(experiment(record.experiment), "tables", lambda _: {})(record)
    for name, each in made.items():
        parts += [f"### {name.replace('_', ' ').capitalize()}", as_markdown(each)]
    if record.checks:
        rows = [[f"`{name}`", c["claim"], "yes" if c["holds"] else "**no**", c["detail"]] for name, c in record.checks.items()]
        parts += ["### What holds", table(["check", "claim", "holds", "found"], rows)]
    paper = {name: m for name, m in record.metrics.items() if m["paper"] is not None}
    if paper:
        rows = [[f"`{name}`", _value(m), f"{m['paper']:.4g}"] for name, m in paper.items()]
        parts += ["### Beside the paper", table(["metric", "here", "paper"], rows)]
    return "\n\n".join([*parts, "### All numbers", *_by_method(record)])


def write(result: Path, folder: Path, part: str = "") -> Path:
    """Write the page and the figures of a result into a folder; returns the page's path.

    Parameters   part   of a page that shows several results of one experiment: its name, in its marks and figures

    Raises       UnreadableFile, SynfireError for a page without marks
    """
    record = load(result)
    folder.mkdir(parents=True, exist_ok=True)
    figures, mark = {}, "-".join(filter(None, (record.experiment, part)))
    for drawn in draw(result, folder):
        name = drawn.stem.removeprefix(f"{result.stem}-")
        figures[name] = f"{mark}-{name}.png"
        drawn.replace(folder / figures[name])
    path = folder / f"{record.experiment}.md"
    page = path.read_text("utf-8") if path.exists() else f"# {mark}\n\n<!-- {mark}: begin -->\n<!-- {mark}: end -->\n"
    path.write_text(replaced(page, mark, report(record, figures)), "utf-8")
    return path


def _made(record: LoadedRecord) -> str:
    wall = record.cost.get("wall_s.run")
    took = f", {wall['value']:.0f} s of wall time" if wall else ""
    day = datetime.date.fromtimestamp(record.path.stat().st_mtime).isoformat()
    libraries = ", ".join(f"{k} {v}" for k, v in record.versions.items() if v and k not in ("platform", "machine"))
    command = f"synfire run {record.experiment} --preset {record.preset} --seed {record.seed}{_changed(record)}"
    return (
        f"`{command}`; {day}; {record.versions['machine']}{took}; commit {record.commit[:12] or 'unknown'}; {libraries}.\n\n"
        "Values are means over seeds with 95 % bootstrap intervals."
    )


def _changed(record: LoadedRecord) -> str:
    """The options, other than the seed, in which a run differs from its preset."""
    usual = as_plain(experiment(record.experiment).PRESETS[record.preset])
    found = ""
    for name, value in record.config.items():
        if name != "seed" and value != usual.get(name):
            values = value if isinstance(value, list) else [value]
            found += f" --{name.replace('_', '-')} " + " ".join(str(each) for each in values)
    return found


def _by_method(record: LoadedRecord) -> list[str]:
    """Methods by measures, a table for each group of measures that share their methods; measures of one method in one."""
    found: dict[str, dict[str, str]] = {}
    for name, metric in record.metrics.items():
        measure, _, method = name.partition(".")
        found.setdefault(measure, {})[method] = _value(metric)
    groups: dict[tuple[str, ...], list[str]] = {}
    for measure, values in found.items():
        groups.setdefault(tuple(values), []).append(measure)
    tables, alone = [], []
    for methods, measures in groups.items():
        if len(methods) == 1:
            alone += [[f"`{measure}`", f"`{methods[0]}`", found[measure][methods[0]]] for measure in measures]
            continue
        for some in (measures[at : at + 6] for at in range(0, len(measures), 6)):
            rows = [[f"`{method}`", *(found[m][method] for m in some)] for method in methods]
            tables.append(table(["", *(f"`{m}`" for m in some)], rows))
    return [*tables, table(["", "", ""], alone)] if alone else tables


def _value(metric: dict[str, Any]) -> str:
    value, low, high = (f"{metric[key]:.4g}" for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]" if len(metric["values"]) > 1 else value


if __name__ == "__main__":
    print(write(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]))
