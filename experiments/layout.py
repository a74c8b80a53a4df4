"""The layout of a result: what stands where in the HDF5 file, and how arrays and texts are put there.

    /                 attributes: synfire_format, experiment, preset, config (JSON), seed, versions (JSON), commit,
                      and magic and version, which SONATA asks for
    /blocks/<task>/…  the arrays of every task; attribute `task`, and one attribute `cost/…` for every cost
    /series/<name>    arrays that figures are drawn from; attributes as given (units, …)
    /metrics/<name>   values, one per seed; attributes value, low, high, paper, note
    /checks/<name>    attributes claim, holds, detail
    /cost/<name>      attributes value, low, high, values, note
    /spikes/<population>/{timestamps,node_ids}

Whatever differs between two runs of the same config and seed (wall times) is an attribute, so that every dataset of
the two is the same, byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..neurons import InvalidValue

__all__ = ["FORMAT", "checked_array", "checked_name", "decoded", "write_array", "write_group"]

FORMAT = 1
SONATA_MAGIC = 0x0A7A
SONATA_VERSION = (0, 1)
NAME = re.compile(r"[\w.=+%:\- ]+(/[\w.=+%:\- ]+)*")
# Below this, the bookkeeping of chunks outweighs what compression saves.
SMALL = 4096


def checked_name(field: str, name: str) -> str:
    """`name`, if HDF5 can hold it as it stands. Raises InvalidValue."""
    if not NAME.fullmatch(name) or any(set(part) <= {"."} for part in name.split("/")) or len(name) > 80:
        raise InvalidValue(field, name, "1 to 80 letters, digits, blanks or any of _ . = + % : - and single /")
    return name


def checked_array(field: str, values: Any) -> np.ndarray:
    """`values` as an array that a result can hold. Raises InvalidValue for anything but numbers and strings."""
    try:
        array = np.array(values, order="C")
    except ValueError as error:  # ragged
        raise InvalidValue(field, values, "an array of numbers, booleans or strings") from error
    if array.dtype.kind not in "biufcU":
        raise InvalidValue(field, array.dtype, "an array of numbers, booleans or strings")
    return array


def write_array(group: Any, name: str, array: np.ndarray, attributes: Mapping[str, Any] | None = None) -> None:
    """Create the dataset `name` in an HDF5 `group`; no time stamps, with a checksum and compressed if it is large."""
    text = array.dtype.kind == "U"
    if text:  # HDF5 has no four-byte characters
        array = np.char.encode(array, "utf-8")
        array = array.astype(f"S{max(1, array.dtype.itemsize)}")
    filters: dict[str, Any] = {}
    if array.nbytes > SMALL and array.ndim:
        filters = {"compression": "gzip", "compression_opts": 4, "shuffle": True, "fletcher32": True}
    dataset = group.create_dataset(name, data=array, track_times=False, **filters)
    if text:
        dataset.attrs["utf8"] = True
    for key, value in sorted((attributes or {}).items()):
        dataset.attrs[key] = value


def write_group(parent: Any, name: str, attributes: Mapping[str, Any]) -> Any:
    """Create the group `name` with attributes; those that are None are left out."""
    group = parent.create_group(name)
    for key, value in attributes.items():
        if value is not None:
            group.attrs[key] = value
    return group


def decoded(dataset: Any) -> np.ndarray:
    """The array that `write_array` was given."""
    array: np.ndarray = dataset[()]
    if dataset.attrs.get("utf8", False):
        return np.char.decode(np.asarray(array), "utf-8")
    return np.asarray(array)
