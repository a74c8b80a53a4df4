"""Layers between connections and neurons that help training: normalisation, dropout, extension, counting."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from .errors import InvalidValue
from .layer import Layer, as_input, check_features, check_gain, check_sequence, selected, size

__all__ = ["BatchNorm", "Count", "Dropout", "Extend", "FixedNorm", "Flatten", "fixed_norms"]

Module = TypeVar("Module", bound=nn.Module)


class BatchNorm(Layer):
    """Currents standardised per unit over all steps and samples of a batch, then scaled and shifted.

        y = gain (scale (x - mean) / sqrt(variance + 1e-5) + shift)

    In evaluation the running mean and variance (momentum 0.1) take the batch's place. In maps, all pixels of a channel are one
    unit.

    Parameters   n        units, or channels of maps
                 gain     nA to one unit of scale and shift, as `Dense` has it
                 affine   whether scale and shift are learned; without, they are 1 and 0
    Weights      norm.weight (scale, at first 1), norm.bias (shift, 0), (n,); running statistics are buffers
    Input        (time, batch, n) or (time, batch, n, height, width); output of the same shape
    Raises       InvalidValue
    Source       Ioffe & Szegedy 2015, arXiv 1502.03167; over time as Hammouamri et al. 2024, arXiv 2306.17670
    Deviations   none
    """

    def __init__(self, n: int, *, gain: float = 1.0, affine: bool = True) -> None:
        super().__init__()
        self.n = self.n_in = self.n_out = size("BatchNorm.n", n)
        self.gain = check_gain("BatchNorm.gain", gain)
        if not isinstance(affine, bool):
            raise InvalidValue("BatchNorm.affine", affine, "True or False")
        self.affine = affine
        self.norm = nn.BatchNorm1d(n, affine=affine)

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        if isinstance(x, Tensor) and x.ndim == 5 and x.shape[2] == self.n:
            check_sequence("BatchNorm: x", x)
        else:
            check_features("BatchNorm: x", x, self.n)
        mean: Any = self.norm.running_mean  # torch types it as one that may be missing
        given = as_input(x, mean).flatten(0, 1)
        made: Tensor = self.norm(given.flatten(2) if x.ndim == 5 else given).view(x.shape)
        return made if self.gain == 1.0 else made * self.gain, None

    def extra_repr(self) -> str:
        return f"{self.n}, gain={self.gain:g}, affine={self.affine}"


class FixedNorm(BatchNorm):
    """`BatchNorm` that has learned enough: always in evaluation mode, its scale, shift and running statistics stay as they are.

    Parameters   as `BatchNorm`
    Source       as `BatchNorm`; held after a first task: Xiao et al. 2024, arXiv 2402.11984
    Deviations   none
    """

    def __init__(self, n: int, *, gain: float = 1.0, affine: bool = True) -> None:
        super().__init__(n, gain=gain, affine=affine)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> FixedNorm:
        return super().train(False)


def fixed_norms(network: Module) -> Module:
    """A copy of a network, or of any module, in which each `BatchNorm` is a `FixedNorm` with its weights and statistics."""
    network = copy.deepcopy(network)
    for module in list(network.modules()):
        for name, layer in module.named_children():
            if type(layer) is BatchNorm:
                fixed = FixedNorm(layer.n, gain=layer.gain, affine=layer.affine).to(layer.norm.running_mean)
                fixed.load_state_dict(layer.state_dict())
                module.register_module(name, fixed)
    return network


class Dropout(Layer):
    """In training each unit of each sample is silent for the whole sequence with this probability; the others count more.

    Parameters   probability   in [0, 1); what is left is divided by 1 - probability
    State        the mask (batch, features), so that pieces of a sequence lose the same units
    Source       Srivastava et al. 2014, JMLR 15:1929; one mask a sequence as Hammouamri et al. 2024, arXiv 2306.17670
    Deviations   drawn from torch's default generator, which `fit` seeds for every batch
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        if isinstance(probability, bool) or not isinstance(probability, int | float) or not 0.0 <= probability < 1.0:
            raise InvalidValue("Dropout.probability", probability, "in [0, 1)")
        self.probability = float(probability)

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        check_sequence("Dropout: x", x)
        if not self.training or self.probability == 0.0:
            return x, None
        x = as_input(x, torch.empty(0))
        mask = functional.dropout(x.new_ones(x.shape[1:]), self.probability) if state is None else state
        return x * mask, mask

    def extra_repr(self) -> str:
        return f"{self.probability}"


class Extend(Layer):
    """Appends steps of silence, in which late spikes can still be heard. Not for sequences given in pieces.

    Parameters   steps   >= 0
    """

    def __init__(self, steps: int) -> None:
        super().__init__()
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 0:
            raise InvalidValue("Extend.steps", steps, "a whole number >= 0")
        self.steps = steps

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        check_sequence("Extend: x", x)
        return torch.cat([x, x.new_zeros((self.steps, *x.shape[1:]))]), None

    def extra_repr(self) -> str:
        return f"{self.steps}"


class Flatten(Layer):
    """(time, batch, channels, height, width) to (time, batch, features), as `Dense` takes it."""

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        check_sequence("Flatten: x", x)
        return x.flatten(2), None


class Count(Layer):
    """Sum over time: spikes (time, batch, n) to counts (1, batch, n), or, in pieces, to the counts so far.

    State        the counts so far
    """

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        check_sequence("Count: x", x)
        total = as_input(x, torch.empty(0)).sum(0, keepdim=True)
        total = total if state is None else total + state
        return total, total.clone()

    def select(self, state: Any, samples: Tensor) -> Any:
        return selected(state, samples, axis=1)
