"""Layers of rate neurons: units without spikes or memory, the neurons of ordinary deep networks."""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from .errors import InvalidValue
from .layer import Layer, as_input, check_sequence

__all__ = ["Activation", "Elu", "Rate", "Relu", "Tanh"]


class Activation(Protocol):
    """What a rate neuron makes of its input: a frozen dataclass that is called with a tensor, entry by entry."""

    def __call__(self, x: Tensor) -> Tensor: ...


@dataclasses.dataclass(frozen=True)
class Elu:
    """x where x > 0, exp(x) - 1 elsewhere.

    Source       Clevert, Unterthiner & Hochreiter 2016, arXiv 1511.07289
    Deviations   none
    """

    def __call__(self, x: Tensor) -> Tensor:
        return functional.elu(x)


@dataclasses.dataclass(frozen=True)
class Relu:
    """max(x, 0).

    Source       Nair & Hinton 2010, ICML 807
    Deviations   none
    """

    def __call__(self, x: Tensor) -> Tensor:
        return functional.relu(x)


@dataclasses.dataclass(frozen=True)
class Tanh:
    """The hyperbolic tangent.

    Source       textbook
    Deviations   none
    """

    def __call__(self, x: Tensor) -> Tensor:
        return torch.tanh(x)


class Rate(Layer):
    """Rate neurons: each step's output is the activation of that step's input alone, of any shape.

    A network of rate neurons has no time: it is given sequences of one step, (1, batch, features).

    Parameters   activation   `Elu()`, `Relu()`, `Tanh()`, or the caller's own
    Input        (time, batch, features...); output of the same shape
    Raises       InvalidValue
    """

    def __init__(self, activation: Activation) -> None:
        super().__init__()
        if isinstance(activation, type) or not callable(activation):
            raise InvalidValue("Rate.activation", activation, "an activation", "e.g. Tanh()")
        self.activation = activation

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        check_sequence("Rate: x", x)
        return self.activation(as_input(x, torch.empty(0))), None

    def extra_repr(self) -> str:
        return f"{self.activation}"
