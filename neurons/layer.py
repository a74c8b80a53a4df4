"""What a layer is: a torch module over whole sequences whose state is passed in and out.

    output, state = layer(x, state)        x: (time, batch, features...), state: what an earlier call returned, or None

A sequence may be given in pieces: the state that one call returns makes the next go on where it stopped, with the same
result. A layer keeps nothing between calls but its parameters.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .errors import InvalidValue

__all__ = ["Layer", "as_input", "check_features", "check_gain", "check_sequence", "generator", "selected", "size"]


class Layer(nn.Module):
    """Base of layers. A subclass has `forward(x, state=None) -> (output, state)`.

    Two hooks for `fit`, which most layers leave empty: `constrain()` puts parameters back into their legal ranges after
    each step of the optimiser, `advance(progress)` is told after each epoch which share of the training is over.
    """

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        raise NotImplementedError

    def begin(self, samples: Tensor) -> Any:
        """The state before a sequence of the samples with these numbers, (batch,), for layers that draw; else None."""
        return None

    def constrain(self) -> None:
        """Bring parameters that must keep to a range back into it, in place."""

    def advance(self, progress: float) -> None:
        """Move what follows a schedule to this share of the training, 0 to 1."""

    def select(self, state: Any, samples: Tensor) -> Any:
        """The state of these samples alone, a truth value for each: what the layer goes on from when the others are done.

        Here for states whose tensors have the samples in dimension 0; a layer whose states have not says where they are.
        """
        return selected(state, samples)


def selected(state: Any, samples: Tensor, axis: int = 0) -> Any:
    """A state, of tensors in tuples, lists, dictionaries and NamedTuples to any depth, with some samples alone.

    Parameters   samples   truth values (batch,): which are kept
                 axis      the dimension of every tensor in which samples lie
    Raises       InvalidValue for a tensor with another number of samples, and for what is neither a tensor nor a number
    """
    if isinstance(state, Tensor):
        if state.ndim <= axis or state.shape[axis] != len(samples):
            legal = f"{len(samples)} samples in dimension {axis}"
            raise InvalidValue(
                "state", f"a tensor of shape {tuple(state.shape)}", legal, "let the layer override `select`"
            )
        return state[(slice(None),) * axis + (samples,)]
    if state is None or isinstance(state, bool | int | float | str):
        return state
    if isinstance(state, dict):
        return {name: selected(part, samples, axis) for name, part in state.items()}
    if isinstance(state, tuple | list):
        parts = [selected(part, samples, axis) for part in state]
        return type(state)(*parts) if hasattr(state, "_fields") else type(state)(parts)
    raise InvalidValue("state", type(state).__name__, "tensors, in tuples", "let the layer override `select`")


def size(field: str, value: Any) -> int:
    """`value` as a number of units. Raises InvalidValue unless it is a whole number >= 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidValue(field, value, "a whole number >= 1")
    return value


def check_sequence(name: str, x: Any) -> None:
    """Raises InvalidValue unless x is a tensor of shape (time, batch, features...) with at least one step and sample."""
    if not isinstance(x, Tensor):
        raise InvalidValue(name, type(x).__name__, "a torch tensor (time, batch, features)", "torch.as_tensor(x)")
    if x.ndim < 3 or 0 in x.shape[:2]:
        raise InvalidValue(
            name, f"shape {tuple(x.shape)}", "(time, batch, features) with at least one step and one sample"
        )
    if x.is_complex():
        raise InvalidValue(name, x.dtype, "real numbers, whole numbers or truth values")


def check_features(name: str, x: Tensor, n: int) -> None:
    """Raises InvalidValue unless x has shape (time, batch, n); both shapes are named."""
    check_sequence(name, x)
    if x.ndim != 3 or x.shape[2] != n:
        fix = f"the layer before gives {x.shape[-1]} features" if x.ndim == 3 else "flatten it, or use Conv"
        raise InvalidValue(name, f"shape {tuple(x.shape)}", f"(time, batch, {n})", fix)


def check_gain(field: str, gain: Any) -> float:
    """`gain` as a float. Raises InvalidValue unless it is > 0 and finite."""
    if isinstance(gain, bool) or not isinstance(gain, int | float) or not 0.0 < gain < float("inf"):
        raise InvalidValue(field, gain, "> 0 and finite")
    return float(gain)


def as_input(x: Tensor, like: Tensor) -> Tensor:
    """x in the floating type of the parameters `like`, where it is whole numbers or truth values."""
    return x if x.is_floating_point() else x.to(like.dtype)


def generator(seed: int) -> torch.Generator:
    """Torch's generator for initial weights on the CPU, started at `seed`."""
    return torch.Generator().manual_seed(seed)
