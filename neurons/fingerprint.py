"""What compiled code depends on: Synfire's sources, and the methods of a user's classes with all that they read."""

from __future__ import annotations

import dis
import hashlib
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numba
import numpy as np

__all__ = ["foreign_classes", "of_class", "of_package"]

_LAYERS = ("neurons", "plasticity", "reservoirs")  # whose sources are part of every fingerprint; those of experiments are not
_INSTALLED = tuple({sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")})


@cache
def of_package() -> str:
    """A hash of Synfire's sources that compiled code is made from, and of the versions of Python and Numba."""
    digest = hashlib.sha256(f"{sys.version}{numba.__version__}".encode())
    package = Path(__file__).resolve().parent.parent
    for layer in _LAYERS:
        for source in sorted((package / layer).glob("*.py")):
            digest.update(source.read_bytes())
    return digest.hexdigest()[:24]


def foreign_classes(item: Any) -> Iterator[type]:
    """The classes of tuples within a tuple that are not Synfire's, bases included; some of them more than once."""
    if isinstance(item, tuple):
        if type(item) is not tuple:
            yield from (base for base in type(item).__mro__ if base not in (tuple, object) and not _ours(base.__module__))
        for each in item:
            yield from foreign_classes(each)


def of_class(kind: type) -> str:
    """A hash of a class's methods: their code, and the functions and values that they read, wherever those are defined."""
    return hashlib.sha256("\n".join(_class(kind, set())).encode()).hexdigest()[:24]


def _ours(module: str) -> bool:
    return module == "synfire" or any(f"{module}.".startswith(f"synfire.{layer}.") for layer in _LAYERS)


def _class(kind: type, seen: set[Any]) -> Iterator[str]:
    yield f"class {kind.__module__}.{kind.__qualname__}"
    for name, value in sorted(vars(kind).items()):
        plain = getattr(value, "__func__", getattr(value, "fget", value))
        if not name.startswith("__") or isinstance(plain, FunctionType):
            yield from (f"{name}: {line}" for line in _value(plain, (), seen))


def _function(function: FunctionType, seen: set[Any]) -> Iterator[str]:
    if function in seen or _ours(function.__module__ or ""):
        yield f"{function.__module__}.{function.__qualname__}"
        return
    seen.add(function)
    read, attributes = _names(function.__code__)
    yield from _code(function.__code__)
    yield repr(function.__defaults__)
    for name in read:
        if name in function.__globals__:
            yield from (f"{name} = {line}" for line in _value(function.__globals__[name], attributes, seen))
    for cell in function.__closure__ or ():
        yield from _value(cell.cell_contents, attributes, seen)


def _value(value: Any, names: Iterable[str], seen: set[Any]) -> Iterator[str]:
    """What a hook sees of a value; `names` are the attributes that it may read of a module."""
    value = getattr(value, "py_func", value)  # a function that the user compiled
    if isinstance(value, FunctionType):
        yield from _function(value, seen)
    elif isinstance(value, np.ndarray):
        yield f"{value.dtype}{value.shape}{hashlib.sha256(value.tobytes()).hexdigest()}"
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _value(each, names, seen)
    elif isinstance(value, ModuleType):
        yield value.__name__
        installed = _ours(value.__name__) or (getattr(value, "__file__", None) or "").startswith(_INSTALLED)
        if value not in seen and not installed:
            seen.add(value)
            for name in names:
                if hasattr(value, name):
                    yield from (f"{name} = {line}" for line in _value(getattr(value, name), names, seen))
    elif isinstance(value, type):
        if value in seen or _ours(value.__module__) or value.__module__ in sys.builtin_module_names:
            yield f"{value.__module__}.{value.__qualname__}"
        else:
            seen.add(value)
            yield from _class(value, seen)
    elif isinstance(value, int | float | complex | str | bytes | np.generic | None):
        yield repr(value)
    else:
        yield type(value).__name__


def _code(code: CodeType) -> Iterator[str]:
    yield code.co_code.hex()
    yield repr((code.co_names, code.co_varnames))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _code(constant)
        else:
            yield repr(sorted(constant, key=repr) if isinstance(constant, frozenset) else constant)


@cache
def _names(code: CodeType) -> tuple[list[str], list[str]]:
    """The global names that some code reads, and the attributes: a field may be called as a global that changes."""
    found: dict[bool, set[str]] = {True: set(), False: set()}
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_ATTR", "LOAD_METHOD"):
            found[instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME")].add(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            for place, names in zip((True, False), _names(constant), strict=True):
                found[place].update(names)
    return sorted(found[True]), sorted(found[False])
