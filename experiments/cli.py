"""The command line: `synfire list | run | show | plot | resume | bench | verify`.

What is asked for goes to standard output; progress, advice and errors to standard error. Exit code 0: done; 2: what was
asked for cannot be done, and the message says why; 130: interrupted, and the message says what was kept.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import errno
import importlib
import importlib.metadata
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from ..neurons import InvalidValue, SynfireError

__all__ = ["main"]

EXIT_REFUSED = 2
EXIT_INTERRUPTED = 130


class _Usage(SynfireError):
    """The arguments make no sense."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _Usage(f"{message}; see: {self.prog} --help")


def main(argv: list[str]) -> int:
    """Run the command line on `argv` (without the program's name) and return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal without Unicode shows a question mark instead of failing
            stream.reconfigure(errors="replace")
    try:
        # `run` is taken apart by itself: its options are the fields of the experiment's config.
        if argv[:1] == ["run"] and len(argv) > 1 and not argv[1].startswith("-"):
            code = _run(argv[1], argv[2:])
        else:
            arguments = _parser().parse_args(argv)
            code = int(arguments.verb(arguments))
        sys.stdout.flush()  # here, where a reader that is gone or a full disk can still be answered
        return code
    except SynfireError as error:
        _say(str(error))
        return EXIT_REFUSED
    except SystemExit as leaving:  # argparse and tyro leave so after --help and after a usage message
        return leaving.code if isinstance(leaving.code, int) else 0
    except KeyboardInterrupt:
        _say("interrupted")
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of our output, as `head`, has seen enough
        _discard_output()
        return 0
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _discard_output()
        _say("standard output: no room left on the disk")
        return EXIT_REFUSED


def _discard_output() -> None:
    """Send what is still buffered nowhere, or Python would complain about it when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(message: str) -> None:
    print(f"synfire: {message}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="synfire", description="Experiments with spiking networks.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"synfire {importlib.metadata.version('synfire')}")
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB", parser_class=_Parser)

    verb = verbs.add_parser("list", help="the experiments, what they are about, their presets")
    verb.set_defaults(verb=_list)

    verb = verbs.add_parser(
        "run",
        help="run an experiment",
        usage="synfire run NAME [--preset P] [--seed N] [--out DIR] [--jobs N] [any config field]",
        description="Run an experiment; `synfire list` names them, `synfire run NAME --help` shows its config fields.",
    )
    verb.set_defaults(verb=_run_what)

    verb = verbs.add_parser("show", help="metrics of a result beside the paper's numbers")
    verb.add_argument("file", type=Path, help="a result")
    verb.add_argument("--json", action="store_true", help="as one JSON object")
    verb.set_defaults(verb=_show)

    verb = verbs.add_parser("plot", help="draw the figures of a result, and write its tables")
    verb.add_argument("file", type=Path, help="a result")
    verb.add_argument("--out", type=Path, metavar="DIR", help="folder for the figures; default: beside the result")
    verb.set_defaults(verb=_plot)

    verb = verbs.add_parser("resume", help="continue a run that was stopped")
    verb.add_argument("file", type=Path, help="the result it would have become, or its .partial folder")
    _add_jobs(verb)
    verb.set_defaults(verb=_resume)

    verb = verbs.add_parser("bench", help="measure speed, against peers in the same run")
    verb.add_argument("workload")
    verb.add_argument("--peers", default="", metavar="A,B", help="who else runs it, separated by commas")
    verb.add_argument("--json", type=Path, metavar="FILE", help="write the rows to this file too")
    verb.add_argument("--repeats", type=int, default=5, metavar="N", help="runs per peer (default: 5)")
    verb.set_defaults(verb=_bench)

    verb = verbs.add_parser("verify", help="compare random networks with Brian2 and with plain Python")
    verb.add_argument("--networks", type=int, default=40, metavar="N", help="how many, all kinds together (default: 40)")
    verb.add_argument("--kinds", default="", metavar="A,B", help="only these kinds, separated by commas")
    verb.add_argument("--seed", type=int, default=0, metavar="N", help="of the first network (default: 0)")
    verb.set_defaults(verb=_verify)
    return parser


def _add_jobs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--jobs", type=int, metavar="N", help="worker processes; default: one per processor core")


def _list(arguments: argparse.Namespace) -> int:
    from .registry import EXPERIMENTS, experiment

    for name in sorted(EXPERIMENTS):
        module = experiment(name)
        print(f"{name}: {module.SUMMARY}\n    presets: {', '.join(module.PRESETS)}")
    return 0


def _run_what(arguments: argparse.Namespace) -> int:
    from .registry import EXPERIMENTS

    raise _Usage(f"run: name an experiment, one of {', '.join(sorted(EXPERIMENTS))}; see: synfire list")


def _run(name: str, rest: list[str]) -> int:
    from .registry import EXPERIMENTS, experiment, preset, unknown

    own = _Parser(prog=f"synfire run {name}", add_help=False, allow_abbrev=False)
    own.add_argument("--preset", default="laptop")
    own.add_argument("--out", type=Path, default=Path("results"))
    _add_jobs(own)
    arguments, fields = own.parse_known_args(rest)
    if name not in EXPERIMENTS:  # both names are looked at before anything heavy is imported
        raise unknown("experiment", name, EXPERIMENTS)
    preset(arguments.preset)
    module = experiment(name)
    config = _config(name, module, arguments.preset, fields)

    from .execute import start

    jobs = _jobs(arguments)
    return _to_the_end(lambda announce: start(name, config, arguments.preset, arguments.out, jobs, announce))


def _config(name: str, module: Any, preset: str, fields: list[str]) -> Any:
    """The preset's config with the fields given on the command line."""
    import tyro

    default = {field.name: getattr(module.PRESETS[preset], field.name) for field in dataclasses.fields(module.Config)}
    # tyro would answer a value out of range with a usage message; without the check, the error is ours to report.
    unchecked = type(module.Config.__name__, (module.Config,), {"__post_init__": lambda self: None})
    parsed = tyro.cli(
        unchecked,
        default=unchecked(**default),
        args=fields,
        prog=f"synfire run {name}",
        description=f"{module.SUMMARY}\n\nOptions beside the fields of the config, "
        f"whose defaults below are those of the preset {preset}:\n"
        "  --preset P   smoke, laptop or paper (default: laptop)\n"
        "  --out DIR    folder for results (default: results)\n"
        "  --jobs N     worker processes (default: one per processor core)",
    )
    return module.Config(**{field: getattr(parsed, field) for field in default})


def _resume(arguments: argparse.Namespace) -> int:
    from .execute import finished, resume

    if (result := finished(arguments.file)) is not None:
        _say("this run is finished; nothing to resume")
        print(result)
        return 0
    jobs = _jobs(arguments)
    return _to_the_end(lambda announce: resume(arguments.file, jobs, announce))


def _to_the_end(run: Any) -> int:
    """Run or resume, draw, and print the tables, the figures' paths and, as the last line, the result's path."""
    from .execute import draw, tabulate
    from .results import load
    from .table import as_text
    from .tables import in_columns

    records: list[Any] = []

    def announce(record: Any) -> None:
        records.append(record)
        _announce(record)

    try:
        with _terminate_like_interrupt():
            result = run(announce)
    except KeyboardInterrupt:
        for record in records:
            _say(f"interrupted; {record.done()} finished tasks are kept, continue with:\n    {_resume_command(record)}")
        return EXIT_INTERRUPTED
    except Exception:
        for record in records:
            if record.partial.is_dir():
                _say(f"stopped by an error; {record.done()} finished tasks are kept: {_resume_command(record)}")
        raise
    print(as_text(load(result), config=False))
    try:
        made, written = tabulate(result)
        for name, table in made.items():
            print(f"\n{name}\n{in_columns(table)}")
        written += draw(result)
    except BaseException:
        _say(f"the result is safe, but its figures could not be drawn; try again with: synfire plot {result}")
        raise
    for path in written:
        print(path)
    print(result)
    return 0


def _announce(record: Any) -> None:
    from .partial import Partial
    from .provenance import commit, versions

    _say(f"the result will be {record.path}\n    if this is stopped, continue with: {_resume_command(record)}")
    header = record.header
    now = {"commit": commit(), "versions": versions()}
    changed = [name for name in now if header.get(name) != now[name]]
    if changed:  # only a resumed run can differ; the tasks of both sides stand in one result
        _say(
            f"this run was started with another {' and other '.join(changed)}; results may differ from an unbroken run"
        )
    for folder in sorted(record.partial.parent.glob(f"{header['preset']}-seed{header['seed']}*.partial")):
        with contextlib.suppress(SynfireError):
            if folder != record.partial and Partial.header(folder)["config"] == header["config"]:
                _say(f"an unfinished run of the same config is there already; to continue it: synfire resume {folder}")
                return  # one is enough to know


def _resume_command(record: Any) -> str:
    import shlex

    return f"synfire resume {shlex.quote(str(record.path))}"


@contextlib.contextmanager
def _terminate_like_interrupt() -> Iterator[None]:
    """A polite end from outside (a batch system, `kill`) stops a run the way Ctrl-C does."""

    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not the main thread: signals are somebody else's
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _jobs(arguments: argparse.Namespace) -> int:
    if arguments.jobs is None:
        import joblib

        return int(joblib.cpu_count())
    if arguments.jobs < 1:
        raise InvalidValue("--jobs", arguments.jobs, ">= 1", "leave it out for one per processor core")
    return int(arguments.jobs)


def _show(arguments: argparse.Namespace) -> int:
    from .results import load
    from .table import as_json, as_text

    record = load(arguments.file)
    print(as_json(record) if arguments.json else as_text(record))
    return 0


def _plot(arguments: argparse.Namespace) -> int:
    from .execute import draw, tabulate

    for path in [*tabulate(arguments.file, arguments.out)[1], *draw(arguments.file, arguments.out)]:
        print(path)
    return 0


def _bench(arguments: argparse.Namespace) -> int:
    bench = importlib.import_module(".benchmarks.harness", __package__)  # brings numba, and peers as they are asked for
    from .registry import unknown

    if arguments.workload not in bench.WORKLOADS:
        raise unknown("workload", arguments.workload, bench.WORKLOADS)
    if arguments.repeats < 1:
        raise InvalidValue("--repeats", arguments.repeats, ">= 1")
    peers = [peer for peer in arguments.peers.split(",") if peer]
    return int(bench.main(arguments.workload, peers, arguments.json, arguments.repeats))


def _verify(arguments: argparse.Namespace) -> int:
    if arguments.networks < 1:
        raise InvalidValue("--networks", arguments.networks, ">= 1")
    if arguments.seed < 0:
        raise InvalidValue("--seed", arguments.seed, ">= 0")
    verify = importlib.import_module(".verify", __package__)
    return int(verify.main(arguments.networks, [kind for kind in arguments.kinds.split(",") if kind], arguments.seed))
