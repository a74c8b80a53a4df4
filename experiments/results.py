"""Read a result: everything that an experiment recorded, from its HDF5 file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..neurons import SynfireError, UnknownName, UnreadableFile
from .layout import FORMAT, decoded
from .partial import SUFFIX, partial_of

__all__ = ["LoadedRecord", "load"]

T = TypeVar("T")


class LoadedRecord:
    """A finished result, read-only. The file is open only while something is read from it.

    Attributes   path, experiment, preset, config (dict), seed, versions (dict), commit
                 metrics   {name: {value, low, high, paper, values, note}}, as the experiment ordered them; values is a
                           list, one number per seed; paper is None where the paper gives no number
                 checks    {name: {claim, holds, detail}}
                 cost      {name: {value, low, high, values, note}}: wall times and the like
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._read(self._load_head)
        except (KeyError, ValueError, AttributeError) as error:
            raise UnreadableFile(f"{path}: damaged ({error}); run the experiment again") from error

    def __getitem__(self, name: str) -> np.ndarray:
        """The series `name`. Raises UnknownName."""
        return self.series(name)

    def __contains__(self, name: str) -> bool:
        return name in self.series_names

    def series(self, name: str) -> np.ndarray:
        """The array that the experiment stored as the series `name`. Raises UnknownName."""
        self._known_series(name)
        return self._read(lambda file: decoded(file["series"][name]))

    def series_attributes(self, name: str) -> dict[str, Any]:
        """The attributes (units, …) of the series `name`. Raises UnknownName."""
        self._known_series(name)
        attributes = self._read(lambda file: dict(file["series"][name].attrs))
        return {key: _plain(value) for key, value in attributes.items() if key != "utf8"}

    def _known_series(self, name: str) -> None:
        if name not in self.series_names:
            raise UnknownName("series", name, self.series_names, f"{self.path.name} holds no other")

    @property
    def blocks(self) -> Mapping[str, Mapping[str, np.ndarray]]:
        """Blocks by task, arrays by key; costs are in `block_cost`."""
        return _Blocks(self)

    def block_cost(self, task: str) -> dict[str, Any]:
        """What the task reported under `cost/…` (wall time), without that prefix."""
        attributes = self._read(lambda file: dict(file["blocks"][self._known_task(task)].attrs))
        return {key.removeprefix("cost/"): _plain(value) for key, value in attributes.items() if key != "task"}

    def spikes(self, population: str) -> tuple[np.ndarray, np.ndarray]:
        """Times in ms, ascending, and neuron numbers of the recorded spikes of a population. Raises UnknownName."""
        if population not in self.populations:
            raise UnknownName("population", population, self.populations)

        def read(file: Any) -> tuple[np.ndarray, np.ndarray]:
            group = file["spikes"][population]
            return decoded(group["timestamps"]), decoded(group["node_ids"])

        return self._read(read)

    def _known_task(self, task: str) -> str:
        if task not in self.tasks:
            raise UnknownName("blocks", task, self.tasks)
        return task

    def _read(self, read: Callable[[Any], T]) -> T:
        with _opened(self.path) as file:
            try:
                return read(file)
            except (OSError, RuntimeError) as error:  # h5py raises either for a damaged inside
                if isinstance(error, SynfireError):
                    raise
                raise UnreadableFile(f"{self.path}: damaged ({error}); run the experiment again") from error

    def _load_head(self, file: Any) -> None:
        written = file.attrs.get("synfire_format")
        if written is None:
            raise UnreadableFile(f"{self.path}: an HDF5 file, but not a Synfire result; give a file that `run` wrote")
        if int(written) != FORMAT:
            raise UnreadableFile(
                f"{self.path}: a result of format {int(written)}, this version of Synfire reads format {FORMAT}; "
                "run the experiment again or use the version that wrote it"
            )
        self.experiment = str(file.attrs["experiment"])
        self.preset = str(file.attrs["preset"])
        self.seed = int(file.attrs["seed"])
        self.commit = str(file.attrs["commit"])
        self.config: dict[str, Any] = json.loads(file.attrs["config"])
        self.versions: dict[str, str] = json.loads(file.attrs["versions"])
        self.metrics: dict[str, dict[str, Any]] = {}
        for name, attributes, group in _in_order(file["metrics"]):
            values = decoded(group["values"]).tolist()
            self.metrics[name] = {"paper": None, **attributes, "values": values}
        self.checks = {name: attributes for name, attributes, _ in _in_order(file["checks"])}
        self.cost = {name: attributes for name, attributes, _ in _in_order(file["cost"])}
        self.series_names: list[str] = []
        self.tasks: dict[str, list[str]] = {}
        self.populations = list(file["spikes"])
        _visit(file["series"], lambda name, item: self.series_names.append(name))
        self._list_tasks(file["blocks"])

    def _list_tasks(self, blocks: Any) -> None:
        def enter(name: str, item: Any) -> None:
            if "task" in item.attrs:
                keys: list[str] = []
                _visit(item, lambda key, _: keys.append(key))
                self.tasks[name] = keys

        blocks.visititems(enter)


class _Blocks(Mapping[str, Mapping[str, np.ndarray]]):
    def __init__(self, record: LoadedRecord) -> None:
        self._record = record

    def __getitem__(self, task: str) -> Mapping[str, np.ndarray]:
        record = self._record
        keys = record.tasks[record._known_task(task)]
        return record._read(lambda file: {key: decoded(file["blocks"][task][key]) for key in keys})

    def __contains__(self, task: object) -> bool:
        return task in self._record.tasks

    def __iter__(self) -> Iterator[str]:
        return iter(self._record.tasks)

    def __len__(self) -> int:
        return len(self._record.tasks)


def load(path: Path | str) -> LoadedRecord:
    """Read the result at `path`.

    Raises UnreadableFile if it is missing, unfinished, a folder, not permitted, truncated, not HDF5, not from Synfire
    or of another format.
    """
    return LoadedRecord(Path(path))


def _opened(path: Path) -> Any:
    import h5py

    try:
        if path.is_dir():
            unfinished = f"an unfinished run; continue it with: synfire resume {path}"
            raise UnreadableFile(f"{path}: {unfinished if path.suffix == SUFFIX else 'a folder, not a result'}")
        with open(path, "rb"):  # says what is the matter more clearly than HDF5 does
            pass
        return h5py.File(path, "r")
    except UnreadableFile:
        raise
    except FileNotFoundError as error:
        partial = partial_of(path)
        hint = f"; unfinished, continue it with: synfire resume {path}" if partial.is_dir() else ""
        raise UnreadableFile(f"{path}: no such file{hint}") from error
    except PermissionError as error:
        raise UnreadableFile(f"{path}: may not be read by you; change its permissions") from error
    except (OSError, ValueError) as error:
        raise UnreadableFile(f"{path}: not an HDF5 file, or a truncated one; give a file that `run` wrote") from error


def _visit(group: Any, found: Callable[[str, Any], None]) -> None:
    """Call `found(name, dataset)` for every dataset below the group, in the order of their names."""

    def enter(name: str, item: Any) -> None:
        if hasattr(item, "dtype"):
            found(name, item)

    group.visititems(enter)


def _in_order(group: Any) -> list[tuple[str, dict[str, Any], Any]]:
    """Sub-groups with their attributes, in the order in which the experiment made them."""
    rows = [(name, {key: _plain(value) for key, value in item.attrs.items()}, item) for name, item in group.items()]
    rows.sort(key=lambda row: row[1].pop("order"))
    return rows


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
