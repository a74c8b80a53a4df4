"""Arithmetic that means the same on Numba scalars, NumPy arrays and torch tensors.

A model's equations use these names, so that one definition runs in the event loop, in the oracle and in training.
Tensors are recognised by a method that only they have: importing torch here would cost every script a second.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba.extending import overload

__all__ = ["Value", "exp", "is_tensor", "where"]

Value = Any  # a float, an array of one value per neuron, or a tensor of shape (..., neurons)


def is_tensor(x: Any) -> bool:
    """Whether x is a torch tensor (answered without importing torch)."""
    return hasattr(x, "new_zeros")


def where(condition: Value, yes: Value, no: Value) -> Value:
    """`yes` where the condition holds, else `no`; a float tensor (a surrogate's spikes) holds above one half."""
    if is_tensor(condition):
        import torch

        return torch.where(condition > 0.5 if condition.is_floating_point() else condition, yes, no)
    return np.where(condition, yes, no)


@overload(where)
def _where(condition, yes, no):  # type: ignore[no-untyped-def]
    return lambda condition, yes, no: yes if condition else no


def exp(x: Value) -> Value:
    """e to the x, elementwise; gradients flow when x is a tensor."""
    return x.exp() if is_tensor(x) else np.exp(x)


@overload(exp)
def _exp(x):  # type: ignore[no-untyped-def]
    return lambda x: math.exp(x)
