"""Who connects to whom: each rule draws its pairs without ever making a table of all neurons by all neurons."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..neurons import InvalidValue

__all__ = [
    "AllToAll", "Connectivity", "FixedInDegree", "FixedOutDegree", "FixedProbability", "FixedTotal", "OneToOne", "Pairs",
]  # fmt: skip

_BLOCK = 1 << 20  # pairs drawn at a time

Pre = NDArray[np.int64]
Post = NDArray[np.int64]


class Connectivity:
    """Base of connection rules: how many synapses to expect, and the pairs, sorted by pre, then post."""

    def expected(self, n_pre: int, n_post: int) -> float:
        """How many synapses between n_pre and n_post neurons, about; asked before anything is allocated."""
        raise NotImplementedError

    def blocks(self, n_pre: int, n_post: int) -> int:
        """In how many parts the pairs are drawn: enough that each has about a million."""
        return max(1, min(n_pre, math.ceil(self.expected(n_pre, n_post) / _BLOCK)))

    def pairs(self, n_pre: int, n_post: int, itself: Pre, rng: np.random.Generator, block: int = 0) -> tuple[Pre, Post]:
        """One part of the pairs: indices (synapses,) of both ends, ascending by pre.

        `itself` (n_post,) tells which presynaptic neuron each postsynaptic one is itself, or -1; `rng` is the part's own.
        """
        raise NotImplementedError

    def _share(self, n_pre: int, n_post: int, n: int, block: int) -> tuple[int, int]:
        """The part of n neurons that a block is about: first and last + 1."""
        blocks = self.blocks(n_pre, n_post)
        return n * block // blocks, n * (block + 1) // blocks


@dataclasses.dataclass(frozen=True)
class FixedProbability(Connectivity):
    """Every ordered pair is connected with probability p, independently.

    Parameters   p          in [0, 1]
                 autapses   whether a neuron may connect to itself
    """

    p: float
    autapses: bool = True

    def __post_init__(self) -> None:
        if not (isinstance(self.p, int | float | np.number) and 0.0 <= self.p <= 1.0):
            raise InvalidValue("connect: p", self.p, "in [0, 1]")

    def expected(self, n_pre: int, n_post: int) -> float:
        return self.p * n_pre * n_post

    def pairs(self, n_pre: int, n_post: int, itself: Pre, rng: np.random.Generator, block: int = 0) -> tuple[Pre, Post]:
        first, last = self._share(n_pre, n_post, n_pre, block)
        cells = (last - first) * n_post
        if self.p == 0.0 or cells == 0:
            flat = np.zeros(0, np.int64)
        elif self.p == 1.0:
            flat = np.arange(cells, dtype=np.int64)
        else:  # gaps between successes of a Bernoulli sequence are geometric: cost follows synapses, not pairs
            blocks, last = [], -1
            while last < cells:
                left = (cells - last) * self.p
                gaps = rng.geometric(self.p, int(left + 4.0 * math.sqrt(left) + 16))
                blocks.append(last + np.cumsum(np.minimum(gaps, cells + 1)))  # of a tiny p the sum would overflow
                last = int(blocks[-1][-1])
            flat = np.concatenate(blocks)
            flat = flat[flat < cells]
        pre, post = np.divmod(flat, n_post)
        pre += first
        return (pre, post) if self.autapses else _without_autapses(pre, post, itself)


@dataclasses.dataclass(frozen=True)
class FixedInDegree(Connectivity):
    """Every postsynaptic neuron gets exactly `k` inputs, drawn evenly from the presynaptic side.

    Parameters   k           whole number >= 0
                 autapses    whether a neuron may connect to itself
                 multapses   whether the same pair may be drawn twice
    """

    k: int
    autapses: bool = True
    multapses: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.k, bool) or not isinstance(self.k, int | np.integer) or self.k < 0:
            raise InvalidValue("connect: in-degree k", self.k, "a whole number >= 0")

    def expected(self, n_pre: int, n_post: int) -> float:
        return float(self.k * n_post)

    def pairs(self, n_pre: int, n_post: int, itself: Pre, rng: np.random.Generator, block: int = 0) -> tuple[Pre, Post]:
        first, last = self._share(n_pre, n_post, n_post, block)
        pre, post = self._drawn(n_pre, itself[first:last], rng)
        return _sorted(pre.ravel(), (post + first).ravel())

    def _drawn(
        self, n_pre: int, itself: Pre, rng: np.random.Generator, names: tuple[str, str] = ("in-degree", "presynaptic")
    ) -> tuple[Pre, Post]:
        """Both ends of the synapses onto len(itself) neurons, shape (neurons, k); `names` are for the error."""
        n_post = len(itself)
        barred = (itself >= 0) & (not self.autapses)  # who has a presynaptic neuron that it must not hear
        choices = n_pre - int(barred.any())
        if self.k > 0 and (choices < 1 or (not self.multapses and self.k > choices)):
            raise InvalidValue(f"connect: {names[0]} k", self.k, f"<= {choices} distinct {names[1]} neurons")
        if self.multapses:
            others = max(choices, 1) if barred.all() or not barred.any() else (n_pre - barred)[:, None]
            pre = rng.integers(0, others, (n_post, self.k))
            pre = pre + (barred[:, None] & (pre >= itself[:, None]))  # the draw was over the others: step over oneself
        else:
            rows = max(1, 4_000_000 // n_pre)
            parts = [self._distinct(itself[at : at + rows], barred[at : at + rows], n_pre, rng)
                     for at in range(0, n_post, rows)]  # fmt: skip
            pre = np.concatenate(parts)
        return pre, np.broadcast_to(np.arange(n_post)[:, None], pre.shape)

    def _distinct(self, itself: Pre, barred: NDArray[np.bool_], n_pre: int, rng: np.random.Generator) -> Pre:
        """The k presynaptic neurons with the smallest of n_pre random numbers, for each of some postsynaptic ones."""
        if self.k == 0:
            return np.zeros((len(itself), 0), np.int64)
        lots = rng.random((len(itself), n_pre))
        lots[barred, itself[barred]] = 2.0  # never among the smallest
        return np.argpartition(lots, self.k - 1, axis=1)[:, : self.k]


@dataclasses.dataclass(frozen=True)
class FixedOutDegree(Connectivity):
    """Every presynaptic neuron makes exactly `k` synapses, drawn evenly from the postsynaptic side.

    Parameters   k           whole number >= 0
                 autapses    whether a neuron may connect to itself
                 multapses   whether the same pair may be drawn twice
    """

    k: int
    autapses: bool = True
    multapses: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.k, bool) or not isinstance(self.k, int | np.integer) or self.k < 0:
            raise InvalidValue("connect: out-degree k", self.k, "a whole number >= 0")

    def expected(self, n_pre: int, n_post: int) -> float:
        return float(self.k * n_pre)

    def pairs(self, n_pre: int, n_post: int, itself: Pre, rng: np.random.Generator, block: int = 0) -> tuple[Pre, Post]:
        first, last = self._share(n_pre, n_post, n_pre, block)
        own = np.full(n_pre, -1, np.int64)  # which postsynaptic neuron each presynaptic one is itself
        own[itself[itself >= 0]] = np.flatnonzero(itself >= 0)
        mirrored = FixedInDegree(self.k, self.autapses, self.multapses)
        post, pre = mirrored._drawn(n_post, own[first:last], rng, ("out-degree", "postsynaptic"))
        return (pre + first).ravel(), np.sort(post, axis=1).ravel()


@dataclasses.dataclass(frozen=True)
class FixedTotal(Connectivity):
    """Exactly `k` synapses, each between a pair drawn evenly from all pairs, with replacement.

    Parameters   k   whole number >= 0

    Autapses and multapses occur, as in Potjans & Diesmann 2014, doi:10.1093/cercor/bhs358.
    """

    k: int

    def __post_init__(self) -> None:
        if isinstance(self.k, bool) or not isinstance(self.k, int | np.integer) or self.k < 0:
            raise InvalidValue("connect: total k", self.k, "a whole number >= 0")

    def expected(self, n_pre: int, n_post: int) -> float:
        return float(self.k)

    def pairs(self, n_pre: int, n_post: int, itself: Pre, rng: np.random.Generator, block: int = 0) -> tuple[Pre, Post]:
        # which block a synapse falls into must not depend on who draws it: blocks have equal numbers of synapses
        first, last = self._share(n_pre, n_post, int(self.k), block)
        pre = rng.integers(0, n_pre, last - first, dtype=np.int32)
        return np.sort(pre).astype(np.int64), rng.integers(0, n_post, last - first)


@dataclasses.dataclass(frozen=True)
class OneToOne(Connectivity):
    """Neuron i connects to neuron i; both sides must be of one size."""

    def expected(self, n_pre: int, n_post: int) -> float:
        return float(n_pre)

    def blocks(self, n_pre: int, n_post: int) -> int:
        return 1

    def pairs(self, n_pre: int, n_post: int, itself: Pre, rng: np.random.Generator, block: int = 0) -> tuple[Pre, Post]:
        if n_pre != n_post:
            raise InvalidValue("connect: one to one", f"{n_pre} to {n_post} neurons", "the same number on both sides")
        return np.arange(n_pre), np.arange(n_post)


@dataclasses.dataclass(frozen=True)
class AllToAll(Connectivity):
    """Every neuron connects to every neuron.

    Parameters   autapses   whether a neuron connects to itself too
    """

    autapses: bool = True

    def expected(self, n_pre: int, n_post: int) -> float:
        return float(n_pre * n_post)

    def pairs(self, n_pre: int, n_post: int, itself: Pre, rng: np.random.Generator, block: int = 0) -> tuple[Pre, Post]:
        first, last = self._share(n_pre, n_post, n_pre, block)
        pre, post = np.divmod(np.arange(first * n_post, last * n_post), max(n_post, 1))
        return (pre, post) if self.autapses else _without_autapses(pre, post, itself)


class Pairs(Connectivity):
    """An explicit list of synapses; a pair that stands twice is two synapses.

    Parameters   pre, post   whole numbers within their populations, shape (synapses,)
    """

    def __init__(self, pre: ArrayLike, post: ArrayLike) -> None:
        first, second = np.asarray(pre), np.asarray(post)
        if first.ndim != 1:
            raise InvalidValue("Pairs.pre", f"shape {first.shape}", "of shape (synapses,)")
        if first.shape != second.shape:
            raise InvalidValue("Pairs.post", f"shape {second.shape}", f"pre's shape {first.shape}")
        for name, index in (("pre", first), ("post", second)):
            if index.size and not np.issubdtype(index.dtype, np.integer):
                raise InvalidValue(f"Pairs.{name}", f"{index.dtype} {index.flat[0]}", "whole numbers >= 0")
            if index.size and index.min() < 0:
                raise InvalidValue(f"Pairs.{name}", int(index.min()), "whole numbers >= 0")
        self.pre, self.post = first.astype(np.int64), second.astype(np.int64)

    def expected(self, n_pre: int, n_post: int) -> float:
        return float(self.pre.size)

    def blocks(self, n_pre: int, n_post: int) -> int:
        return 1

    def pairs(self, n_pre: int, n_post: int, itself: Pre, rng: np.random.Generator, block: int = 0) -> tuple[Pre, Post]:
        for name, index, n in (("pre", self.pre, n_pre), ("post", self.post, n_post)):
            if index.size and index.max() >= n:
                raise InvalidValue(f"Pairs.{name}", int(index.max()), f"< {n}, the size of the population")
        return self.pre, self.post  # in the user's order, which is also that of the user's weights


def _without_autapses(pre: Pre, post: Post, itself: Pre) -> tuple[Pre, Post]:
    keep = pre != itself[post]
    return pre[keep], post[keep]


def _sorted(pre: Pre, post: Post) -> tuple[Pre, Post]:
    order = np.lexsort((post, pre))
    return pre[order], post[order]
