"""Layers, models and surrogates as plain data, and back, by classes that are known beforehand.

A layer is its class's name and its constructor's arguments; a model, surrogate, kind of delay or objective is its class's name
and its fields; arrays are set aside as tensors. Classes are looked up among this package's and those that the caller hands
over, so that nothing in a file can name another.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .. import neurons
from ..neurons.dense import Conv, Dense
from ..neurons.errors import InvalidValue, UnknownName
from ..neurons.goodness import Goodness
from ..neurons.layer import Layer
from ..neurons.maps import AveragePool, Maps, MaxPool, Unflatten, Upsample
from ..neurons.model import Neuron
from ..neurons.normalise import BatchNorm, Count, Dropout, Extend, FixedNorm, Flatten
from ..neurons.rate import Elu, Rate, Relu, Tanh
from ..neurons.represented_spiking import RepresentedSpiking
from ..neurons.residual import Residual
from ..neurons.source import Source
from ..neurons.spiking import Membrane, Recurrent, Spiking
from ..neurons.surrogate import Surrogate
from ..plasticity.cosine import CosineToFinal
from ..plasticity.delays import DelayedDense, LearnableDelay, RandomDelay, TwoTapDelay
from ..plasticity.head import HeadCrossEntropy
from ..plasticity.objective import (
    CountCrossEntropy,
    MaxCrossEntropy,
    MeanCrossEntropy,
    MeanSquaredError,
    SquaredError,
    StepCrossEntropy,
    SummedSoftmax,
)
from ..plasticity.tempotron_loss import TempotronLoss

__all__ = ["Described", "described_layer", "described_value", "known_classes", "layer_from", "value_from"]

Described = dict[str, Any]

_ARGUMENTS: dict[type[Layer], str] = {
    AveragePool: "factor",
    BatchNorm: "n gain affine",
    Conv: "channels_in channels_out kernel stride padding bias gain",
    Count: "",
    DelayedDense: "n_in n_out delays dt synapses gain",
    Dense: "n_in n_out bias gain",
    Dropout: "probability",
    Extend: "steps",
    FixedNorm: "n gain affine",
    Flatten: "",
    Goodness: "sizes classes strength",
    Maps: "neurons",
    MaxPool: "factor",
    Membrane: "n neuron dt learn",
    Rate: "activation",
    Recurrent: "n neuron dt surrogate scale learn gain",
    RepresentedSpiking: "n neuron dt",
    Residual: "branch shortcut",
    Spiking: "n neuron dt surrogate scale learn",
    Unflatten: "channels height width",
    Upsample: "factor",
}
_LAYERS = {kind.__name__: kind for kind in _ARGUMENTS}
_OTHERS = (
    Elu, Relu, Tanh, LearnableDelay, RandomDelay, TwoTapDelay,
    CosineToFinal, CountCrossEntropy, HeadCrossEntropy, MaxCrossEntropy, MeanCrossEntropy, MeanSquaredError, SquaredError,
    StepCrossEntropy, SummedSoftmax, TempotronLoss,
)  # fmt: skip


def known_classes(own: Iterable[type]) -> dict[str, type]:
    """This package's models, surrogates, delays and objectives by name, and a caller's own.

    Raises       InvalidValue for what is no dataclass, or has the name of one of this package's
    """
    public = (getattr(neurons, name) for name in neurons.__all__)
    models = (each for each in public if inspect.isclass(each) and issubclass(each, Neuron | Surrogate))
    known: dict[str, type] = {kind.__name__: kind for kind in (*models, *_OTHERS) if not issubclass(kind, Source)}
    for kind in own:
        if not inspect.isclass(kind) or not dataclasses.is_dataclass(kind):
            raise InvalidValue("classes", kind, "classes of models, surrogates or objectives, each a dataclass")
        if known.get(kind.__name__, kind) is not kind:
            raise InvalidValue("classes", kind.__name__, "a name that no class of Synfire has", "rename the class")
        known[kind.__name__] = kind
    return known


def described_layer(layer: Any, name: str, tensors: dict[str, Tensor]) -> Described:
    """A layer's class and arguments; `tensors` takes the arrays among its model's parameters, under `name`.

    Raises       InvalidValue for a layer or a value that has no description
    """
    if type(layer) not in _ARGUMENTS:
        raise InvalidValue(name, type(layer).__name__, "one of Synfire's layers: " + ", ".join(sorted(_LAYERS)))
    arguments: Described = {}
    for field in _ARGUMENTS[type(layer)].split():
        value = getattr(layer, "_neuron" if field == "neuron" else field)
        if field == "bias":
            value = value is not None
        arguments[field] = _described(value, f"{name}.{field}", tensors)
    return {"layer": type(layer).__name__, **arguments}


def _described(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """An argument of a layer, which may be another layer or several."""
    if isinstance(value, Layer):
        return described_layer(value, name, tensors)
    if isinstance(value, nn.ModuleList):
        return [described_layer(each, f"{name}.{k}", tensors) for k, each in enumerate(value)]
    return described_value(value, name, tensors)


def described_value(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """A number, name, list of names, array, dataclass or None as plain data. Raises InvalidValue for anything else."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray) and value.dtype.kind in "fi":
        tensors[name] = torch.from_numpy(value.copy())
        return {"tensor": name}
    if isinstance(value, tuple | list) and all(isinstance(each, str | int) for each in value):
        return list(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        raise InvalidValue(name, type(value).__name__, "a number, an array or a dataclass of such")
    kind = type(value)
    if known_classes(()).get(kind.__name__, kind) is not kind:
        raise InvalidValue(name, f"another class called {kind.__name__}", "a class with a name of its own", "rename it")
    fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.init}
    described = {field: described_value(each, f"{name}.{field}", tensors) for field, each in fields.items()}
    return {"class": kind.__name__, **described}


def layer_from(described: Any, name: str, tensors: Mapping[str, Tensor], known: Mapping[str, type]) -> Layer:
    """The layer that `described_layer` described; its weights are at their start.

    Raises       InvalidValue, KeyError, TypeError or ValueError for what is none, or does not fit the tensors; no memory is
                 taken before sizes were compared with theirs
    """
    arguments = dict(described)
    kind = _LAYERS.get(arguments.pop("layer"))
    if kind is None:
        raise UnknownName("layer", described["layer"], _LAYERS)
    if kind is BatchNorm:
        arguments.setdefault("affine", True)  # files written before there was a choice do not say it
    if sorted(arguments) != sorted(_ARGUMENTS[kind].split()):
        raise InvalidValue(kind.__name__, sorted(arguments), _ARGUMENTS[kind])
    made = {field: _argument_from(value, f"{name}.{field}", tensors, known) for field, value in arguments.items()}
    for part, shape in _shapes(kind, made).items():
        found = tuple(tensors[f"{name}.{part}"].shape)
        if found != shape:
            raise InvalidValue(f"{kind.__name__}: tensor {name}.{part}", f"shape {found}", f"of shape {shape}")
    return kind(**made)


def _argument_from(described: Any, name: str, tensors: Mapping[str, Tensor], known: Mapping[str, type]) -> Any:
    """What `_described` described."""
    if isinstance(described, dict) and "layer" in described:
        return layer_from(described, name, tensors, known)
    if isinstance(described, list) and any(isinstance(each, dict) for each in described):
        return [layer_from(each, f"{name}.{k}", tensors, known) for k, each in enumerate(described)]
    return value_from(described, tensors, known)


def value_from(described: Any, tensors: Mapping[str, Tensor], known: Mapping[str, type]) -> Any:
    """What `described_value` described. Raises as `layer_from`."""
    if not isinstance(described, dict):
        return described
    if set(described) == {"tensor"}:
        return tensors[described["tensor"]].numpy()
    fields = dict(described)
    name = fields.pop("class")
    if name not in known:
        raise UnknownName("class", name, known, "hand your own over: load_network(path, classes=[...])")
    return known[name](**{field: value_from(value, tensors, known) for field, value in fields.items()})


def _shapes(kind: type[Layer], made: Described) -> dict[str, tuple[int, ...]]:
    """The tensors whose size follows from a constructor's arguments."""
    if issubclass(kind, Dense):
        return {"weight": (made["n_in"], made["n_out"])}
    if issubclass(kind, DelayedDense):
        shape = (made["synapses"] * made["n_in"], made["n_out"])
        return {"weight": shape, "delay": shape}
    if issubclass(kind, Conv):
        return {"weight": (made["channels_out"], made["channels_in"], made["kernel"], made["kernel"])}
    if issubclass(kind, BatchNorm):
        return {"norm.running_mean": (made["n"],)}
    if issubclass(kind, Goodness):
        return {f"layers.{k}.weight": (n, made["sizes"][k + 1]) for k, n in enumerate(made["sizes"][:-1])}
    found: dict[str, tuple[int, ...]] = {f"learned.{field}": (made["n"],) for field in made.get("learn", ())}
    return found | ({"weight": (made["n"], made["n"])} if issubclass(kind, Recurrent) else {})
