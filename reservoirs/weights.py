"""Trained networks in files that hold numbers and a description, and nothing that is executed.

The file is safetensors: any program that knows the format reads its weights, under torch's names. Its metadata hold the
description of the layers as JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torch import Tensor

from ..neurons.errors import InvalidValue, SynfireError, UnreadableFile
from ..neurons.layer import Layer
from .description import described_layer, described_value, known_classes, layer_from, value_from
from .layered import Feedforward

__all__ = ["load_network", "save_network"]

_FORMAT = 1
_KEY = "synfire"


def save_network(network: Feedforward, path: str | os.PathLike[str]) -> Path:
    """Write a network to a safetensors file, moved into place when it is whole.

    Parameters   network   of Synfire's layers; models, surrogates and objectives may be the caller's own dataclasses
    Raises       InvalidValue for a layer or a value that has no description; SynfireError if the file cannot be written

    Kept bit for bit: weights, delays, learned parameters, running statistics, the models' parameters, which weights are frozen.
    Not kept: seeds, the mode (training or evaluation), the device.
    """
    from safetensors.torch import save

    if not isinstance(network, Feedforward):
        raise InvalidValue("save_network: network", type(network).__name__, "a Feedforward network")
    places = [layer for _, layer in network.named_modules(remove_duplicate=False) if isinstance(layer, Layer)]
    if len({id(layer) for layer in places}) < len(places):
        raise InvalidValue("save_network: network", "one layer in two places", "each layer once")
    kept = network.state_dict()
    tensors: dict[str, Tensor] = {}
    description = {
        "format": _FORMAT,
        "layers": [described_layer(layer, f"layers.{k}", tensors) for k, layer in enumerate(network.layers)],
        "objective": described_value(network.objective, "objective", tensors),
        "frozen": [name for name, value in network.named_parameters() if not value.requires_grad],
    }
    tensors |= {name: value.detach().cpu().contiguous().clone() for name, value in kept.items()}
    path = Path(path)
    _write_whole(path, save(tensors, metadata={_KEY: json.dumps(description)}))
    return path


def load_network(path: str | os.PathLike[str], *, classes: Iterable[type] = ()) -> Feedforward:
    """Read a network that `save_network` wrote, in evaluation mode, on the CPU.

    Parameters   classes   the caller's own models, surrogates and objectives, which the file may name
    Raises       UnreadableFile for a file that is missing, damaged, foreign, of another version, or says what cannot be;
                 InvalidValue for `classes`
    """
    path, known = Path(path), known_classes(classes)
    text, tensors = _read(path)
    place = "its description"
    try:
        description = json.loads(text)
        if description["format"] != _FORMAT:
            raise UnreadableFile(
                f"{path}: format {description['format']!r}, but this Synfire reads {_FORMAT}; update it"
            )
        layers = []
        for k, described in enumerate(description["layers"]):
            place = f"layer {k}"
            layers.append(layer_from(described, f"layers.{k}", tensors, known))
        place = "its objective"
        objective = value_from(description["objective"], tensors, known)
        if not (callable(getattr(objective, "loss", None)) and callable(getattr(objective, "scores", None))):
            raise TypeError(f"{type(objective).__name__} is no objective")
        place = "its layers"
        network = Feedforward(layers, objective)
        place = "its tensors"
        _fill(network, tensors, _arrays(description))
        for name, value in network.named_parameters():
            value.requires_grad_(name not in description["frozen"])
    except KeyError as error:
        raise UnreadableFile(f"{path}: {place}: {error} is missing") from error
    except (InvalidValue, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise UnreadableFile(f"{path}: {place}: {error}") from error
    return network.eval()


def _read(path: Path) -> tuple[str, dict[str, Tensor]]:
    """The description and the tensors of a file."""
    from safetensors import SafetensorError, safe_open

    try:
        if not path.is_file():
            raise UnreadableFile(f"{path}: no such file")
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if _KEY not in metadata:
                raise UnreadableFile(f"{path}: not written by save_network; only such files say what the layers are")
            return metadata[_KEY], {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise UnreadableFile(f"{path}: damaged, or no safetensors file ({error})") from error
    except OSError as error:
        if isinstance(error, UnreadableFile):
            raise
        raise UnreadableFile(f"{path}: cannot be read ({error.strerror or error})") from error


def _arrays(description: Any) -> set[str]:
    """The tensors that a description refers to."""
    if isinstance(description, dict):
        if set(description) == {"tensor"}:
            return {description["tensor"]}
        description = list(description.values())
    return set().union(*map(_arrays, description)) if isinstance(description, list) else set()


def _fill(network: Feedforward, tensors: dict[str, Tensor], apart: set[str]) -> None:
    """Put the tensors into the network, in their own type. Raises InvalidValue where they do not fit."""
    wanted = network.state_dict()
    given = {name: value for name, value in tensors.items() if name not in apart}
    missing, extra = sorted(wanted.keys() - given.keys()), sorted(given.keys() - wanted.keys())
    if missing or extra:
        found = f"without {missing}" if missing else f"with {extra}, which no layer has"
        raise InvalidValue("tensors", found, "those of the layers")
    for name, value in given.items():
        if value.shape != wanted[name].shape:
            raise InvalidValue(name, f"shape {tuple(value.shape)}", f"of shape {tuple(wanted[name].shape)}")
        if value.is_floating_point() != wanted[name].is_floating_point():
            raise InvalidValue(name, value.dtype, f"numbers like {wanted[name].dtype}")
    network.load_state_dict(given, assign=True)


def _write_whole(path: Path, content: bytes) -> None:
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with open(partial, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        reason = error.strerror or str(error)
        raise SynfireError(
            f"save_network: cannot write {path}: {reason}; free some space or choose another place"
        ) from error
