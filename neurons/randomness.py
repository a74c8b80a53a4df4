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

__all__ = ["check_seed", "philox", "philox_bits", "philox_words", "setup_generator", "two_normals", "two_uniforms"]

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_W0_32, _W1_32 = np.uint32(0x9E3779B9), np.uint32(0xBB67AE85)
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


@register_jitable
def philox_bits(low: Any, high: Any, key: Any) -> Any:
    """53 random bits (in uint64) from two counters and a key of 64 bits: the top of the first two words of `philox`.

    On 32-bit words, so that a loop over keys becomes vector instructions: 1 ns a draw in place of 9.
    """
    low_, high_, key_ = np.uint64(low), np.uint64(high), np.uint64(key)
    c0, c1 = np.uint32(low_ & _LOW), np.uint32(low_ >> _SHIFT)
    c2, c3 = np.uint32(high_ & _LOW), np.uint32(high_ >> _SHIFT)
    k0, k1 = np.uint32(key_ & _LOW), np.uint32(key_ >> _SHIFT)
    for _ in range(10):
        p0, p1 = _M0 * np.uint64(c0), _M1 * np.uint64(c2)
        c0, c1, c2, c3 = (
            np.uint32(p1 >> _SHIFT) ^ c1 ^ k0, np.uint32(p1 & _LOW), np.uint32(p0 >> _SHIFT) ^ c3 ^ k1, np.uint32(p0 & _LOW),
        )  # fmt: skip
        k0, k1 = np.uint32(k0 + _W0_32), np.uint32(k1 + _W1_32)
    return ((np.uint64(c0) << _SHIFT) | np.uint64(c1)) >> _SHIFT_11


@register_jitable
def philox_words(words: Any, block: int, step: int, stream: int, seed: int) -> None:
    """Fill `words`, 64 of uint32, from the counters 16 block .. 16 block + 15: word j of counter c stands at 16 j + c.

    The same function as `philox`, on 32-bit words: sixteen counters at a time become vector instructions.
    """
    step64, seed64 = np.uint64(step), np.uint64(seed)
    low, high, third = np.uint32(step64 & _LOW), np.uint32(step64 >> _SHIFT), np.uint32(stream)
    first_key, second_key = np.uint32(seed64 & _LOW), np.uint32(seed64 >> _SHIFT)
    for i in range(16):
        c0, c1, c2, c3 = np.uint32(16 * block + i), low, high, third
        k0, k1 = first_key, second_key
        for _ in range(10):
            p0, p1 = _M0 * np.uint64(c0), _M1 * np.uint64(c2)
            c0, c1, c2, c3 = (
                np.uint32(p1 >> _SHIFT) ^ c1 ^ k0, np.uint32(p1 & _LOW), np.uint32(p0 >> _SHIFT) ^ c3 ^ k1, np.uint32(p0 & _LOW),
            )  # fmt: skip
            k0, k1 = np.uint32(k0 + _W0_32), np.uint32(k1 + _W1_32)
        words[i], words[16 + i], words[32 + i], words[48 + i] = c0, c1, c2, c3


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
