"""The multi-event expectation task: a cue, then event A or event B, each with its own latency and probability.

    a trial      200 ms of silence, the cue, 1,000 ms in which one event is expected; readouts work after the cue
    a block      trials with fixed latencies and probability; at a switch they change without a signal
    the test     the cue alone, learning off; the expectation should be Y_k(t) = p_k g(t - t_k)

Source       Yamada & Chao, arXiv 2510.14382; doi:10.1038/s42003-026-10836-2
Deviations   latencies, durations, the profile g and the exact gate are not known from the paper: they are our choice
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from ..neurons import setup_generator

__all__ = [
    "AFTER", "BEFORE", "BLOCKS", "Block", "amplitude", "attention", "draw_events", "error", "expectation", "peak_times",
    "profile", "recovery",
]  # fmt: skip

Floats = NDArray[np.float64]

BEFORE, AFTER = 200, 1000  # ms before and after the cue's onset
WIDTH = 50.0  # ms, standard deviation of g
WINDOW = 150.0  # ms on either side of the event in which attention is full
_EVENTS = 7  # stream of the draws of events


@dataclasses.dataclass(frozen=True)
class Block:
    """Fixed statistics: p_a is the probability of A, t_a and t_b the latencies in ms."""

    p_a: float
    t_a: float
    t_b: float

    @property
    def probabilities(self) -> tuple[float, float]:
        """Of A and B."""
        return self.p_a, 1.0 - self.p_a

    @property
    def latencies(self) -> tuple[float, float]:
        """Of A and B, ms."""
        return self.t_a, self.t_b


BLOCKS = (Block(0.8, 300, 600), Block(0.8, 500, 800), Block(0.2, 500, 800), Block(0.8, 300, 600))
"""Learning, a switch of timing, a switch of probability, a switch of both."""


def profile(latency: float) -> Floats:
    """g(t - latency) on the 1 ms grid after the cue, peak 1; shape (1000,)."""
    return np.exp(-((np.arange(AFTER) - latency) ** 2) / (2.0 * WIDTH**2))


def expectation(block: Block) -> Floats:
    """What a perfect test would show, Y_k(t) = p_k g(t - t_k); shape (1000, 2)."""
    return np.stack([p * profile(t) for p, t in zip(block.probabilities, block.latencies, strict=True)], axis=1)


def draw_events(block: Block, trials: int, seed: int, stream: int, *, balanced: bool = False) -> NDArray[np.int64]:
    """Which event each trial brings, 0 for A and 1 for B; shape (trials,).

    The same uniform numbers for every p_a, so that conditions differ by their probability alone. `balanced` shuffles
    decks of ten trials that hold p_a's share exactly (p_a a multiple of 0.1).
    """
    rng = setup_generator(seed, _EVENTS, stream)
    if balanced:
        deck = np.arange(10) >= round(10 * block.p_a)
        decks = [rng.permutation(deck) for _ in range(-(-trials // 10))]
        return np.concatenate(decks)[:trials].astype(np.int64)
    return (rng.random(trials) >= block.p_a).astype(np.int64)


def attention(kind: str, event: int, latency: float) -> Floats:
    """The gate of one trial, shape (1000, 2): which channel learns, when, and how much.

    soft         the event's channel: 1 within 150 ms of it, 0.1 elsewhere
    hard         the event's channel: 1 within 250 ms of it, 0 elsewhere
    full         the event's channel: 1 throughout
    prediction   as hard within 150 ms; elsewhere just above 0, for `PredictionGated` to raise
    none         both channels, 1 throughout
    """
    gate = np.zeros((AFTER, 2))
    distance = np.abs(np.arange(AFTER) - latency)
    if kind == "none":
        gate[:] = 1.0
    elif kind == "full":
        gate[:, event] = 1.0
    elif kind == "hard":
        gate[:, event] = distance <= 250.0
    else:
        gate[:, event] = np.where(distance <= WINDOW, 1.0, {"soft": 0.1, "prediction": 1e-9}[kind])
    return gate


def error(shown: Floats, block: Block) -> float:
    """Root mean square of shown - expected over both channels and the 1,000 ms; `shown` of shape (1000, 2)."""
    return float(np.sqrt(np.mean((shown - expectation(block)) ** 2)))


def amplitude(shown: Floats, block: Block) -> Floats:
    """Mean of each channel within 50 ms of its latency; shape (2,)."""
    near = [np.abs(np.arange(AFTER) - latency) <= 50.0 for latency in block.latencies]
    return np.array([shown[window, k].mean() for k, window in enumerate(near)])


def peak_times(shown: Floats) -> Floats:
    """When each channel is largest, ms after the cue; NaN where it shows nothing; shape (2,)."""
    return np.where(shown.max(axis=0) > 0.0, shown.argmax(axis=0), np.nan)


def recovery(errors: Floats, before: float, *, run: int = 5, tolerance: float = 1.25) -> float:
    """Trials after a switch until the error is <= tolerance * before for `run` trials in a row; NaN if it never is.

    `errors` of shape (trials,): after 1, 2, … trials of the new block.
    """
    good = np.convolve(errors <= tolerance * before, np.ones(run), mode="valid") == run
    return float(np.argmax(good) + 1) if good.any() else float("nan")
