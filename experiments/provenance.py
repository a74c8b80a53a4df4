"""What a result needs to be made again: config, versions, commit."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from ..neurons import UnreadableFile

__all__ = ["as_config", "as_plain", "commit", "machine", "versions"]

PACKAGES = ("synfire", "numpy", "scipy", "numba", "h5py", "scikit-learn", "torch", "snntorch", "matplotlib")


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that results rest on, "" for those not installed; the machine."""
    found = {"python": platform.python_version(), "platform": platform.platform(), "machine": machine()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = ""
    return found


def machine() -> str:
    """The processor's name, how many cores, and the operating system."""
    name, info = platform.processor() or platform.machine(), Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text("utf-8").splitlines()
        name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), name)
    return f"{name}, {os.cpu_count()} cores, {platform.system()}"


def commit() -> str:
    """The git commit of the package's own sources, with "-dirty" if they were edited since; "" if it is not known."""
    root = Path(__file__).resolve().parents[1]
    if not (root / ".git").exists():  # installed from a wheel, perhaps inside somebody else's repository
        return ""
    try:
        head = _git(root, "rev-parse", "HEAD")
        return head + ("-dirty" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return ""


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()


def as_plain(value: Any) -> Any:
    """A config, or a part of one, as dictionaries, lists, strings and numbers, which JSON can hold."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): as_plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [as_plain(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def as_config(config_type: type[Any], plain: dict[str, Any], path: Path) -> Any:
    """The config that `as_plain` made `plain` of. Raises UnreadableFile if `config_type` has other fields now."""
    known = {field.name for field in dataclasses.fields(config_type)}
    if set(plain) != known:
        changed = ", ".join(sorted(known ^ set(plain)))
        raise UnreadableFile(
            f"{path}: written by another version of Synfire, whose config differs in {changed}; "
            "run it anew, or resume it with the commit that its header names"
        )
    return config_type(**{name: _frozen(value) for name, value in plain.items()})


def _frozen(value: Any) -> Any:
    """JSON knows lists only; the fields of a frozen config are tuples."""
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
