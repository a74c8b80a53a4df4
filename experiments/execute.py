"""Run an experiment into a result, continue an unfinished one, draw figures, write tables: what the command line calls."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..neurons import InvalidValue, SynfireError
from .disk import explained, write_whole
from .partial import SUFFIX, Partial, partial_of
from .provenance import as_config, as_plain, commit, versions
from .record import Record
from .registry import experiment
from .results import load
from .tables import Table, as_csv, as_markdown

__all__ = ["draw", "finished", "resume", "start", "tabulate"]

DOTS_PER_INCH = 150
# Told where the result will be and how many finished tasks are kept already, before anything runs.
Announce = Callable[[Record], None]


def start(
    name: str, config: Any, preset: str, folder: Path, jobs: int = 1, announce: Announce = lambda record: None
) -> Path:
    """Run the experiment `name` with `config` and return the path of its result, `<folder>/<name>/<preset>-seed<n>.h5`.

    Raises UnknownName, InvalidValue for a negative seed or jobs < 1, SynfireError if the folder cannot be written.
    """
    module = experiment(name)
    header = {
        "experiment": name,
        "preset": preset,
        "config": as_plain(config),
        "seed": _checked_seed(config.seed),
        "versions": versions(),
        "commit": commit(),
    }
    with Record.create(folder, header, jobs) as record:
        announce(record)
        module.run(config, record)
        return record.finish()


def resume(path: Path, jobs: int = 1, announce: Announce = lambda record: None) -> Path:
    """Continue the unfinished run of the result `path`, or of its partial folder; a finished one is left as it is.

    Raises UnreadableFile if there is neither a result nor an unfinished run, SynfireError if it is still running.
    """
    done = finished(path)
    if done is not None:
        return done
    with Record.resume(path, jobs) as record:
        module = experiment(record.header["experiment"])
        config = as_config(module.Config, record.header["config"], record.partial)
        announce(record)
        module.run(config, record)
        return record.finish()


def finished(path: Path) -> Path | None:
    """The result, if the run of `path` (a result or a partial folder) is finished, else None.

    A kill between the last two acts of a run leaves a result and its partial folder; the folder is removed here.
    Raises UnreadableFile if what stands in the result's place is not a result.
    """
    result = path.with_name(path.name.removesuffix(SUFFIX))
    if not result.exists():
        return None
    load(result)
    Partial(partial_of(result)).remove()
    return result


def draw(path: Path, folder: Path | None = None) -> list[Path]:
    """Draw the figures of the result as PNG, into `folder` or beside the result, and return their paths.

    Raises UnreadableFile, UnknownName if this version does not have the experiment, SynfireError if the folder cannot
    be written.
    """
    record = load(path)
    module = experiment(record.experiment)
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    into = folder or path.parent
    paths = []
    for name, figure in module.figures(record).items():
        drawn = io.BytesIO()
        figure.savefig(drawn, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
        pyplot.close(figure)
        target = into / f"{path.stem}-{name}.png"
        with explained(target):
            into.mkdir(parents=True, exist_ok=True)
            write_whole(target, drawn.getvalue())
        paths.append(target)
    return paths


def tabulate(path: Path, folder: Path | None = None) -> tuple[dict[str, Table], list[Path]]:
    """The result's tables, if its experiment makes any, by name, and where they were written, as Markdown and as CSV.

    Raises       as `draw`
    """
    record = load(path)
    made: dict[str, Table] = getattr(experiment(record.experiment), "tables", lambda _: {})(record)
    into, paths = folder or path.parent, []
    for name, each in made.items():
        for ending, text in (("md", as_markdown(each) + "\n"), ("csv", as_csv(each))):
            paths.append(into / f"{path.stem}-{name}.{ending}")
            with explained(paths[-1]):
                into.mkdir(parents=True, exist_ok=True)
                write_whole(paths[-1], text.encode())
    return made, paths


def _checked_seed(seed: int) -> int:
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise SynfireError(f"seed: must be a whole number, got {seed!r}")
    if seed < 0:
        raise InvalidValue("seed", seed, ">= 0")
    return seed
