"""Functions of Synfire's own that are compiled when first called and kept on disk, by a hash of the package's sources."""

from __future__ import annotations

from functools import cache
from typing import Any

import numba

from . import fingerprint
from .compile_cache import DiskCache, cache_root

__all__ = ["compiled", "kernel"]


@cache
def kernel(function: Any) -> Any:
    """A function of Synfire's own, compiled without the GIL, so that threads can share its work.

    Division by zero gives infinity, as in NumPy: a check at every division would keep loops from being vectorised.
    """
    return compiled(function, f"{function.__module__}.{function.__qualname__}", error_model="numpy")


def compiled(function: Any, depends: str, **options: Any) -> Any:
    """The same for a function that also depends on what `depends` is a hash of; options are Numba's."""
    dispatcher = numba.njit(nogil=True, **options)(function)
    dispatcher._cache = DiskCache(cache_root() / fingerprint.of_package(), function.__name__, depends)
    return dispatcher
