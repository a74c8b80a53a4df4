"""Writing files so that a reader finds the old one or the new one, never a part, whatever happens in between."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from ..neurons import SynfireError

__all__ = ["NotWritten", "explained", "write_whole"]

TEMPORARY = ".tmp"
# EFBIG: a limit on file size (ulimit -f); EDQUOT: a quota; to the user both are a disk without room.
NO_ROOM = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}


class NotWritten(SynfireError):
    """A file could not be written; nothing of it is left under its name."""


@contextlib.contextmanager
def explained(path: Path, advice: str = "") -> Iterator[None]:
    """Turn an operating-system error while `path` is written into a NotWritten that says what to do."""
    try:
        yield
    except OSError as error:
        if isinstance(error, SynfireError):
            raise
        if error.errno in NO_ROOM:
            message = f"{path}: no room left on the disk; free some space or choose another folder with --out"
        else:
            reason = error.strerror or str(error)
            message = f"{path}: cannot be written ({reason}); choose another folder with --out"
        raise NotWritten(message + (f"; {advice}" if advice else "")) from error


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` to `path` in one indivisible step, and wait until it is on the disk.

    The bytes go to a temporary name in the same folder first, because a rename is indivisible only within a file
    system; then file and folder are flushed, so that a power cut cannot leave a name without its content.
    Raises OSError; the temporary file is removed.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows opens no folders, and orders renames by itself
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
