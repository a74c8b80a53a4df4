"""The compiled event loop, cached on disk so that only the first run of a network's type pays for compilation.

Numba's cache notices a change of the cached function's own file only. Here the folder's name is a hash of all of
Synfire's sources and of the files that define the classes in the network, so an edited equation never runs stale.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numba

from .program import Program

__all__ = ["compiled_run", "kernel"]

_LAYERS = ("neurons", "plasticity", "reservoirs")  # whose sources are part of every fingerprint
_HASHED = tuple(f"synfire.{layer}." for layer in _LAYERS)


def compiled_run(program: Program) -> Any:
    """`loop.run` compiled for programs of this type; cached on disk if all its classes have source files."""
    return _compiled(frozenset(_foreign_files(program)))


@cache
def _compiled(foreign: frozenset[str | None]) -> Any:
    from .loop import run

    if None in foreign:  # typed at a prompt: nothing to tell a changed class by
        return _jit(run, None, _nrt=False, error_model="numpy")
    return _jit(run, _fingerprint(sorted(str(name) for name in foreign)), _nrt=False, error_model="numpy")


@cache
def kernel(function: Any) -> Any:
    """A function of Synfire's own, compiled without the GIL and cached on disk as the loop is."""
    return _jit(function, _fingerprint([]))


def _jit(function: Any, folder: str | None, **options: Any) -> Any:
    """Compiled in `folder` of the cache, or not cached at all."""
    if folder is None:
        return numba.njit(nogil=True, **options)(function)
    before = numba.config.CACHE_DIR
    try:
        (_cache_root() / folder).mkdir(parents=True, exist_ok=True)
        numba.config.CACHE_DIR = str(_cache_root() / folder)
        return numba.njit(cache=True, nogil=True, **options)(function)
    except OSError:  # nowhere to write: slower starts, same results
        return numba.njit(nogil=True, **options)(function)
    finally:
        numba.config.CACHE_DIR = before


def _foreign_files(item: Any) -> set[str | None]:
    """Files of the classes in a program that no fingerprint has by itself; None for one without a file."""
    found: set[str | None] = set()
    if isinstance(item, tuple):
        kind = type(item)
        if kind is not tuple and not kind.__module__.startswith(_HASHED):
            for base in kind.__mro__:
                if base not in (tuple, object):
                    found.add(_file_of(base))
        for each in item:
            found |= _foreign_files(each)
    return found


def _file_of(kind: type) -> str | None:
    try:
        name = inspect.getsourcefile(kind)
    except (TypeError, OSError):
        return None
    return name if name and os.path.exists(name) else None


def _fingerprint(foreign: list[str]) -> str:
    digest = hashlib.sha256(f"{sys.version}{numba.__version__}".encode())
    package = Path(__file__).resolve().parent.parent
    for layer in _LAYERS:
        for source in sorted((package / layer).glob("*.py")):
            digest.update(source.read_bytes())
    for name in foreign:
        digest.update(Path(name).read_bytes())
    return digest.hexdigest()[:24]


def _cache_root() -> Path:
    """$SYNFIRE_CACHE, or the user's cache folder, or a temporary one where that cannot be written."""
    if os.environ.get("SYNFIRE_CACHE"):
        return Path(os.environ["SYNFIRE_CACHE"])
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "synfire"
    try:
        home.mkdir(parents=True, exist_ok=True)
        if os.access(home, os.W_OK):
            return home
    except OSError:
        pass
    return Path(tempfile.gettempdir()) / f"synfire-{os.getuid() if hasattr(os, 'getuid') else 'cache'}"
