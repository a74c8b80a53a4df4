"""Neurons that fire by chance: logistic noise at the threshold, drawn by counters.

A neuron of margin m = v - v_threshold that fires with probability sigmoid(m / width) fires where m + width L >= 0 and L is
drawn from the standard logistic distribution. So a stochastic model is a deterministic one whose `excess` has a noise term,
and everything that runs models runs it.

The draw is a pure function of the neuron's key, the number of the sample and the number of the step: of nothing that depends
on threads, on the order of samples, or on what was drawn before.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Self

import numpy as np
from numba import types
from numba.extending import overload, register_jitable
from numpy.typing import NDArray

from .errors import InvalidValue
from .kernel import kernel
from .maths import Value, exp, is_tensor, where
from .model import Neuron
from .randomness import philox_bits, setup_generator

__all__ = ["Stochastic", "chance", "logistic_noise", "noisy", "odds"]

_KEYS = 280  # stream of neurons' keys
_TO_UNIT = 2.0**-53


@register_jitable
def odds(key: int, sample: int, count: int) -> float:
    """u / (1 - u) of a draw u from between 0 and 1, in compiled code."""
    uniform = (np.float64(philox_bits(count, sample, key)) + 0.5) * _TO_UNIT  # never 0 nor 1
    return uniform / (1.0 - uniform)


@register_jitable
def _logistic(key: int, sample: int, count: int) -> float:
    return math.log(odds(key, sample, count))


def logistic_noise(key: Value, sample: Value, count: Value) -> Value:
    """A draw from the standard logistic distribution for each neuron; 0 where count < 1, before the neuron's first step.

    Parameters   key      of each neuron, whole numbers, (n,)
                 sample   number of the sample, whole, (...) or (..., 1)
                 count    number of the step, whole, from 1 on, (..., n)
    """
    if is_tensor(count):
        import torch

        tensors = torch.broadcast_tensors(torch.as_tensor(key), sample, count)
        whole = (each.cpu().numpy() for each in tensors)
        return torch.from_numpy(_noise_of(*whole)).to(count.device)
    return _noise_of(*np.broadcast_arrays(key, sample, count))


@overload(logistic_noise)
def _logistic_noise(key, sample, count):  # type: ignore[no-untyped-def]
    return lambda key, sample, count: _logistic(key, sample, count) if count > 0 else 0.0


def noisy(margin: Value, width: Value, key: Value, sample: Value, count: Value) -> Value:
    """margin + width L, with L from `logistic_noise`, in the margin's precision: draws are made in float64."""
    noise = width * logistic_noise(key, sample, count)
    return margin + (noise.to(margin.dtype) if is_tensor(noise) else noise)


@overload(noisy)
def _noisy(margin, width, key, sample, count):  # type: ignore[no-untyped-def]
    kind = np.float32 if margin == types.float32 else np.float64
    return lambda margin, width, key, sample, count: margin + kind(width * logistic_noise(key, sample, count))


def _noise_of(key: Any, sample: Any, count: Any) -> NDArray[np.float64]:
    made = np.empty(count.shape)
    whole = (np.array(each, np.int64, order="C").reshape(-1) for each in (key, sample, count))
    kernel(_fill)(*whole, made.reshape(-1))
    return made


def _fill(key, sample, count, made):  # type: ignore[no-untyped-def]
    for i in range(made.size):
        made[i] = _logistic(key[i], sample[i], count[i]) if count[i] > 0 else 0.0


def chance(margin: Value, width: Value) -> Value:
    """The probability of a spike, sigmoid(margin / width); a step at 0 where width is 0. Differentiable in both."""
    noisy = width > 0.0
    scaled = margin / where(noisy, width, 1.0 + 0.0 * width)
    small = exp(where(scaled < 0.0, scaled, -scaled))  # never above 1
    smooth = where(scaled < 0.0, small, 1.0 + 0.0 * small) / (1.0 + small)
    sharp = where(margin >= 0.0, 1.0 + 0.0 * margin, 0.0 * margin)
    return where(noisy, smooth, sharp)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Stochastic(Neuron):
    """Base of models that fire by chance: their state counts steps, their step has a key, and says how likely a spike is.

    A subclass has fields `width` and `keys`; its state the whole numbers `sample` and `count`, of which `integrate` moves
    `count` on by one, and nothing else while it is below 0; its step `key`, `width`, and beside the methods of any model

        probability(state) -> value in 0..1     of which training takes the derivative

    Parameters   keys   what each neuron's draws are keyed by, whole numbers from 0 to 2**63 - 1, shape (n,); None: the
                        network, or the layer, gives every neuron one, from its seed
    Source       escape noise: Gerstner et al. 2014, Neuronal Dynamics, ch. 9, doi:10.1017/CBO9781107447615; draws by counters:
                 Salmon et al. 2011, doi:10.1145/2063384.2063405
    Deviations   the chance of a spike belongs to a step: it is not scaled with dt
    """

    keys: Any = None

    def __post_init__(self) -> None:
        if self.keys is not None:
            legal = "whole numbers from 0 to 2**63 - 1, one for each neuron"
            keys = np.asarray(self.keys)
            if keys.dtype.kind not in "iu" or keys.ndim != 1 or (keys < 0).any() or (keys >= 2**63).any():
                raise InvalidValue(f"{type(self).__name__}.keys", self.keys, legal, "leave it out")
            object.__setattr__(self, "keys", keys.astype(np.int64))
        super().__post_init__()

    def keyed(self, n: int, seed: int, *place: int) -> Self:
        """The same model with a key for each of n neurons, a pure function of seed and place; as it is if it has keys.

        Raises       InvalidValue if it has keys of another number of neurons
        """
        if self.keys is None:
            return dataclasses.replace(self, keys=setup_generator(seed, _KEYS, *place).integers(2**63, size=n))
        if len(self.keys) != n:
            raise InvalidValue(f"{type(self).__name__}.keys", f"{len(self.keys)} keys", f"{n}, one for each neuron")
        return self
