"""The folder of an unfinished run: a header, and one small file for every finished task."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import shutil
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..neurons import SynfireError, UnreadableFile
from .disk import TEMPORARY, explained, write_whole

__all__ = ["SUFFIX", "Header", "Partial", "partial_of"]

SUFFIX = ".partial"
HEADER = "header.json"
LOCK = "lock"
BLOCK = ".npz"

# experiment, preset, config, seed, versions, commit
Header = dict[str, Any]


def partial_of(result: Path) -> Path:
    """The folder in which the run that will become `result` is kept while it lasts."""
    return result.with_name(result.name + SUFFIX)


class Partial:
    """An unfinished run on disk, owned by this process until `close` or `remove`.

    A finished task is one file, written whole (see `disk`), so a kill at any moment loses at most the tasks that
    were under way. A file that cannot be read back counts as a task not done.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock: IO[bytes] | None = None

    @classmethod
    def create(cls, folder: Path, header: Header) -> Partial | None:
        """Start a run in a new `folder`; None if the folder is there already. Raises SynfireError if it cannot.

        The folder appears with its header in it: the rename is indivisible, and refused where a run is already, so
        two runs started together get different names.
        """
        started = cls(folder)
        temporary = folder.with_name(f".{folder.name}.{os.getpid()}{TEMPORARY}")
        with explained(folder):
            temporary.mkdir(parents=True, exist_ok=True)
            try:
                started._take_lock(temporary)
                write_whole(temporary / HEADER, json.dumps(header, indent=2).encode())
                os.rename(temporary, folder)
            except BaseException as error:
                started.close()
                shutil.rmtree(temporary, ignore_errors=True)
                if isinstance(error, OSError) and error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                    return None
                raise
        return started

    @classmethod
    def open(cls, folder: Path) -> tuple[Partial, Header]:
        """Continue the run in `folder`. Raises UnreadableFile without a header, SynfireError if it is still running."""
        header = cls.header(folder)
        partial = cls(folder)
        with explained(folder):
            partial._take_lock(folder)
        for leftover in folder.glob("*" + TEMPORARY):
            leftover.unlink(missing_ok=True)
        return partial, header

    @staticmethod
    def header(folder: Path) -> Header:
        """What the run in `folder` was started with. Raises UnreadableFile."""
        try:
            header = json.loads((folder / HEADER).read_bytes())
        except (OSError, ValueError) as error:
            raise UnreadableFile(
                f"{folder}: not an unfinished Synfire run ({HEADER} is missing or damaged); "
                "if a run was stopped while it started, delete the folder and run again"
            ) from error
        if not isinstance(header, dict) or not {"experiment", "preset", "config", "seed"} <= set(header):
            raise UnreadableFile(f"{folder}: {HEADER} was not written by Synfire; delete the folder and run again")
        return header

    def done(self) -> int:
        """How many tasks have a file, readable or not."""
        return sum(1 for _ in self.folder.glob("*" + BLOCK))

    def write(self, task: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep the arrays of a finished `task`. Raises SynfireError if the disk is full or not writable."""
        packed = io.BytesIO()
        # Entries are numbered and named apart: an array called "file" would clash with an argument of savez.
        np.savez(packed, names=np.array(sorted(arrays), dtype=np.str_), **_numbered(arrays))
        with explained(self.folder, f"what is finished is kept: synfire resume {self.folder}"):
            write_whole(self._file(task), packed.getvalue())

    def read(self, task: str) -> dict[str, np.ndarray] | None:
        """The arrays of a finished `task`; None if it is not done or its file is damaged."""
        try:
            content = io.BytesIO(self._file(task).read_bytes())  # np.load leaves open the files that it cannot read
            with np.load(content, allow_pickle=False) as packed:
                names = [str(name) for name in packed["names"]]
                return {name: packed[f"array{number}"] for number, name in enumerate(names)}
        except Exception:  # a damaged archive has no error of its own: zipfile, zlib, struct and NumPy all show through
            return None

    def close(self) -> None:
        """Let go of the folder and leave it for a later resume."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def remove(self) -> None:
        """Delete the folder; what cannot be deleted stays and does no harm."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _file(self, task: str) -> Path:
        return self.folder / (urllib.parse.quote(task, safe="") + BLOCK)

    def _take_lock(self, folder: Path) -> None:
        """Hold the folder alone; the system lets go when this process ends, however it ends."""
        if os.name == "nt":
            return
        import fcntl

        lock = open(folder / LOCK, "wb")  # noqa: SIM115 - held until close()
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise SynfireError(f"{self.folder}: this run is still going on in another process; wait for it") from None
        except OSError:
            # Some network file systems have no locks; resuming the same run twice at once is then on the user.
            with contextlib.suppress(OSError):
                lock.close()
            return
        self._lock = lock


def _numbered(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    return {f"array{number}": arrays[name] for number, name in enumerate(sorted(arrays))}
