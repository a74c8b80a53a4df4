"""Counter-based random numbers on Python integers, for the plain-Python simulator: slow and obvious."""

# mypy: ignore-errors

import math

__all__ = ["normals", "philox", "uniforms", "word_of"]

_WORD = 2**32


def philox(counter, key):
    """Philox4x32-10 on Python integers."""
    c, k = list(counter), list(key)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 % _WORD, (p0 >> 32) ^ c[3] ^ k[1], p0 % _WORD]
        k = [(k[0] + 0x9E3779B9) % _WORD, (k[1] + 0xBB67AE85) % _WORD]
    return c


def uniforms(seed, stream, pair, step):
    """The two uniforms of a pair of neurons in a step."""
    words = philox((pair, step % _WORD, step >> 32, stream), (seed % _WORD, seed >> 32))
    return [((words[i] << 32 | words[i + 1]) >> 11) / 2**53 for i in (0, 2)]


def word_of(seed, stream, p, step):
    """The 32 bits of the p-th neuron in a step: word p % 64 of block p // 64, where word j of counter c stands at 16 j + c."""
    block, within = divmod(p, 64)
    word, counter = divmod(within, 16)
    return philox((16 * block + counter, step % _WORD, step >> 32, stream), (seed % _WORD, seed >> 32))[word]


def normals(seed, stream, pair, step):
    """The two normals of a pair of neurons in a step."""
    first, second = uniforms(seed, stream, pair, step)
    radius = math.sqrt(-2.0 * math.log(1.0 - first))
    return [radius * math.cos(2.0 * math.pi * second), radius * math.sin(2.0 * math.pi * second)]
