"""What an experiment writes its results to: tasks run in parallel, kept one by one, gathered into one file at the end.

A run that is killed, interrupted or out of disk leaves the folder `<result>.partial` with every finished task; resuming
calls the experiment again, and tasks that are kept are read back instead of run. The result itself appears in one
indivisible step when all is done.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..neurons import InvalidValue, UnreadableFile
from .disk import NotWritten, explained, write_whole
from .layout import FORMAT, SONATA_MAGIC, SONATA_VERSION, checked_array, checked_name, write_array, write_group
from .partial import SUFFIX, Header, Partial, partial_of
from .progress import Progress
from .results import LoadedRecord, load
from .statistics import mean_interval
from .tasks import Task, run_tasks

__all__ = ["LoadedRecord", "Record", "load"]

COST = "cost/"


class Record:
    """The results of one run, being written. Made by `create` or `resume`, ended by `finish`; a context manager that
    leaves an unfinished run on disk, to be resumed, unless it failed before any task was finished.

    Attributes   path      where the result will be
                 partial   the folder that holds the run until then
                 header    experiment, preset, config, seed, versions, commit
                 jobs      number of worker processes
    """

    def __init__(self, path: Path, partial: Partial, header: Header, jobs: int) -> None:
        self.path = path
        self.partial = partial.folder
        self.header = header
        self.jobs = jobs
        self._kept = partial
        self._start = time.perf_counter()
        self._tasks: set[str] = set()
        self._series: dict[str, tuple[np.ndarray, dict[str, Any]]] = {}
        self._metrics: dict[str, tuple[np.ndarray, dict[str, Any]]] = {}
        self._checks: dict[str, dict[str, Any]] = {}
        self._cost: dict[str, dict[str, Any]] = {}
        self._spikes: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    @classmethod
    def create(cls, folder: Path, header: Header, jobs: int = 1) -> Record:
        """Start a run whose result will be `<folder>/<experiment>/<preset>-seed<seed>.h5`, or the next free name with
        -2, -3…: neither a result nor an unfinished run is ever overwritten.

        Raises SynfireError if the folder cannot be written, InvalidValue if jobs < 1.
        """
        _checked_jobs(jobs)
        header = json.loads(json.dumps(header))  # as it will be read back, so that a resumed run has the same
        names = _names(folder, header)
        while True:
            path = next(names)
            if not path.exists() and (partial := Partial.create(partial_of(path), header)) is not None:
                return cls(path, partial, header, jobs)

    @classmethod
    def resume(cls, path: Path, jobs: int = 1) -> Record:
        """Continue the unfinished run of the result `path` (or of its `.partial` folder).

        Raises UnreadableFile if there is none, SynfireError if it is still running, InvalidValue if jobs < 1.
        """
        _checked_jobs(jobs)
        folder = path if path.suffix == SUFFIX else partial_of(path)
        if not folder.is_dir():
            raise UnreadableFile(f"{path}: no such result, and no unfinished run {folder.name} beside it")
        partial, header = Partial.open(folder)
        return cls(folder.with_name(folder.name.removesuffix(SUFFIX)), partial, header, jobs)

    def __enter__(self) -> Record:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        # What is wrong with the config will be wrong next time too: such a run leaves no empty folder to be resumed.
        if isinstance(error, Exception) and not isinstance(error, NotWritten) and not self.done():
            self._kept.remove()
        self._kept.close()

    def done(self) -> int:
        """How many tasks are finished and kept."""
        return self._kept.done()

    def map(self, function: Task, tasks: Mapping[str, tuple[Any, ...]]) -> dict[str, dict[str, np.ndarray]]:
        """Run `function(*arguments) -> {key: array}` for every task that is not kept yet, and return them all.

        Parameters   function   defined at the top of a module; the same arguments must give the same arrays
                     tasks      arguments by task name; names are unique within a run, and none is the folder of
                                another ("a" and "a/b")
        Keys that start with "cost/" hold what differs between two runs, as wall times; they are kept beside the
        arrays, as attributes, and may be given to `cost`, never to `metric` or `series`.
        Raises InvalidValue for a name or an array that cannot be kept, SynfireError if the disk is full, and whatever
        the function raises; the tasks finished until then are kept.
        """
        for name in tasks:
            _check_path("record.map: task", name, self._tasks)
            self._tasks.add(name)
        blocks: dict[str, dict[str, np.ndarray]] = {}
        for name in tasks:
            if (kept := self._kept.read(name)) is not None:
                blocks[name] = kept
        missing = {name: arguments for name, arguments in tasks.items() if name not in blocks}
        with Progress(total=len(tasks), kept=len(blocks), jobs=self.jobs) as progress:
            for name, arrays, seconds in run_tasks(function, missing, self.jobs):
                for key in arrays:
                    _check_path(f"record.map: key of {name}", key, set(arrays) - {key})
                self._kept.write(name, arrays)
                blocks[name] = arrays
                progress.finished(name, seconds)
        return {name: blocks[name] for name in tasks}

    def series(self, name: str, array: ArrayLike, **attributes: str | float | bool) -> None:
        """Store an array that figures are drawn from; attributes say its units. Raises InvalidValue."""
        self._check_new("series", name, self._series)
        self._series[name] = (checked_array(f"series {name}", array), attributes)

    def metric(self, name: str, values: ArrayLike, paper: float | None = None, note: str = "", unit: str = "") -> None:
        """Store a measured number: its mean and 95 % bootstrap interval over `values`, one per seed.

        Parameters   name    "measure.method", as accuracy.ridge
                     paper   the paper's number, None if it gives none
                     note    one line for the reader of the table
        Raises InvalidValue
        """
        self._check_new("metric", name, self._metrics)
        array = np.atleast_1d(np.asarray(values, dtype=np.float64))
        value, low, high = mean_interval(array)
        paper = None if paper is None else float(paper)
        attributes = {"value": value, "low": low, "high": high, "paper": paper, "note": note, "unit": unit}
        self._metrics[name] = (array, attributes)

    def check(self, name: str, claim: str, holds: bool, detail: str = "") -> None:
        """Store whether a claim of the paper was seen here. Raises InvalidValue."""
        self._check_new("check", name, self._checks)
        self._checks[name] = {"claim": claim, "holds": bool(holds), "detail": detail}

    def cost(self, name: str, values: ArrayLike, note: str = "") -> None:
        """Store what something cost (wall time in s, memory): numbers that differ between runs. Raises InvalidValue."""
        self._check_new("cost", name, self._cost)
        array = np.atleast_1d(np.asarray(values, dtype=np.float64))
        value, low, high = mean_interval(array)
        self._cost[name] = {"value": value, "low": low, "high": high, "values": array, "note": note}

    def spikes(self, population: str, timestamps_ms: ArrayLike, node_ids: ArrayLike) -> None:
        """Store spikes in the layout of SONATA, sorted by time, then by neuron.

        Parameters   timestamps_ms   (spikes,), ms
                     node_ids        (spikes,), number of the neuron within its population, >= 0
        Raises InvalidValue
        """
        self._check_new("spikes", population, self._spikes)
        times = np.asarray(timestamps_ms, dtype=np.float64)
        nodes = np.asarray(node_ids)
        if times.ndim != 1 or times.shape != nodes.shape:
            raise InvalidValue(f"spikes {population}", f"{times.shape} and {nodes.shape}", "two arrays of one length")
        if nodes.size and (nodes.dtype.kind not in "iu" or nodes.min() < 0):
            raise InvalidValue(f"spikes {population}: node_ids", nodes, "whole numbers >= 0")
        order = np.lexsort((nodes, times))
        self._spikes[population] = (times[order], nodes[order].astype(np.uint64))

    def finish(self) -> Path:
        """Gather everything into the result, put it in place in one step, and remove the partial folder.

        Raises SynfireError if the disk is full or not writable; the run then stays resumable.
        """
        if "wall_s.run" not in self._cost:
            self.cost("wall_s.run", time.perf_counter() - self._start, note="this run, without what was resumed")
        image = self._image()
        with explained(self.path, f"all tasks are kept: synfire resume {self.partial}"):
            write_whole(self.path, image)
        self._kept.remove()
        return self.path

    def _image(self) -> bytes:
        """The HDF5 file as bytes. It is made in memory because HDF5 does not recover from a disk that fills up."""
        import h5py

        with h5py.File("result", "w", driver="core", backing_store=False, libver=("v110", "v110")) as file:
            self._write_head(file)
            blocks = file.create_group("blocks")
            for task in sorted(self._tasks):
                self._write_block(blocks, task)
            for name, (array, attributes) in sorted(self._series.items()):
                write_array(file["series"], name, array, attributes)
            metrics = {name: attributes for name, (_, attributes) in self._metrics.items()}
            for kind, rows in (("metrics", metrics), ("checks", self._checks), ("cost", self._cost)):
                order = {name: number for number, name in enumerate(rows)}
                for name in sorted(rows):
                    group = write_group(file[kind], name, {"order": order[name], **rows[name]})
                    if kind == "metrics":
                        write_array(group, "values", self._metrics[name][0])
            for population, (times, nodes) in sorted(self._spikes.items()):
                _write_spikes(file["spikes"], population, times, nodes)
            file.flush()
            image: bytes = file.id.get_file_image()
        return image

    def _write_head(self, file: Any) -> None:
        for key in ("experiment", "preset", "seed", "commit"):
            file.attrs[key] = self.header[key]
        for key in ("config", "versions"):
            file.attrs[key] = json.dumps(self.header[key])
        file.attrs["synfire_format"] = FORMAT
        file.attrs["magic"] = np.uint32(SONATA_MAGIC)
        file.attrs["version"] = np.array(SONATA_VERSION, dtype=np.uint32)
        for group in ("series", "metrics", "checks", "cost", "spikes"):
            file.create_group(group)

    def _write_block(self, blocks: Any, task: str) -> None:
        arrays = self._kept.read(task)
        if arrays is None:
            raise UnreadableFile(
                f"{self.partial}: the kept result of task {task} vanished; synfire resume {self.partial}"
            )
        costs = {key: array for key, array in arrays.items() if key.startswith(COST)}
        group = write_group(blocks, task, {"task": task, **costs})
        for key in sorted(set(arrays) - set(costs)):
            write_array(group, key, arrays[key])

    def _check_new(self, kind: str, name: str, known: Mapping[str, Any]) -> None:
        _check_path(f"record.{kind}", name, known)
        if "/" in name and kind != "series":
            raise InvalidValue(f"record.{kind}", name, "a name without /", "separate with a full stop")


def _check_path(field: str, name: str, others: Collection[str]) -> None:
    """A name that can stand beside `others` in the file: a place holds either an array or a folder of them."""
    checked_name(field, name)
    if name in others:
        raise InvalidValue(field, name, "a name not used before in this run")
    around = [other for other in others if other.startswith(name + "/") or name.startswith(other + "/")]
    if around:
        raise InvalidValue(field, name, f"neither inside nor around another one ({around[0]})")


def _write_spikes(spikes: Any, population: str, times: np.ndarray, nodes: np.ndarray) -> None:
    import h5py

    group = spikes.create_group(population)
    sorting = h5py.enum_dtype({"none": 0, "by_id": 1, "by_time": 2}, basetype="u1")
    group.attrs.create("sorting", 2, dtype=sorting)
    write_array(group, "timestamps", times, {"units": "ms"})
    write_array(group, "node_ids", nodes)


def _names(folder: Path, header: Header) -> Iterator[Path]:
    stem = f"{header['preset']}-seed{header['seed']}"
    number = 1
    while True:
        suffix = "" if number == 1 else f"-{number}"
        yield folder / str(header["experiment"]) / f"{stem}{suffix}.h5"
        number += 1


def _checked_jobs(jobs: int) -> None:
    if jobs < 1:
        raise InvalidValue("--jobs", jobs, ">= 1", "leave it out for one per processor core")
