"""Counter-based randomness: a draw is a pure function of (seed, stream, entity, step).

Philox4x32-10 turns the counter (entity, step, stream) under the key (seed) into 128 random bits, so no draw depends
on how many were made before it: not on threads, chunks, recording or resuming.

Source       Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3, doi:10.1145/2063384.2063405
Deviations   none; the published known answers are in the tests
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba.extending import register_jitable

from .errors import InvalidValue

__all__ = ["check_seed", "philox", "setup_generator", "two_normals", "two_uniforms"]

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW, _SHIFT = np.uint64(0xFFFFFFFF), np.uint64(32)
_TO_UNIT = 2.0**-53
_SHIFT_11 = np.uint64(11)
_TWO_PI = 2.0 * math.pi


@register_jitable
def philox(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> Any:
    """Four 32-bit words (held in uint64) from four counter words and two key words, all uint64 below 2**32."""
    for _ in range(10):
        p0, p1 = _M0 * c0, _M1 * c2
        c0, c1, c2, c3 = (p1 >> _SHIFT) ^ c1 ^ k0, p1 & _LOW, (p0 >> _SHIFT) ^ c3 ^ k1, p0 & _LOW
        k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    return c0, c1, c2, c3


@register_jitable
def two_uniforms(seed: Any, stream: Any, entity: Any, step: Any) -> Any:
    """Two independent floats in [0, 1), 53 bits each."""
    seed, step = np.uint64(seed), np.uint64(step)
    x0, x1, x2, x3 = philox(
        np.uint64(entity), step & _LOW, step >> _SHIFT, np.uint64(stream), seed & _LOW, seed >> _SHIFT
    )
    first, second = ((x0 << _SHIFT) | x1) >> _SHIFT_11, ((x2 << _SHIFT) | x3) >> _SHIFT_11
    return np.float64(first) * _TO_UNIT, np.float64(second) * _TO_UNIT


@register_jitable
def two_normals(seed: Any, stream: Any, entity: Any, step: Any) -> Any:
    """Two independent standard normal floats (Box-Muller)."""
    first, second = two_uniforms(seed, stream, entity, step)
    radius = math.sqrt(-2.0 * math.log(1.0 - first))
    return radius * math.cos(_TWO_PI * second), radius * math.sin(_TWO_PI * second)


def setup_generator(seed: int, *stream: int) -> np.random.Generator:
    """NumPy's Philox generator for draws made before a run (parameters, connectivity), one per stream."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=stream)))


def check_seed(field: str, seed: Any) -> int:
    """The seed as an int.

    Raises       InvalidValue unless it is a whole number from 0 to 2**63 - 1
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63:
        raise InvalidValue(field, seed, "a whole number from 0 to 2**63 - 1", "for example seed=0")
    return int(seed)
