"""Plastic synapses inside the event loop: what is done when, and nothing that knows a rule.

A synapse is touched when a spike arrives at it, and at no other time. The postsynaptic spikes since its last arrival are
then replayed from a short history that each neuron keeps (time, traces just before, the modulator's integral), so a spike
costs its presynaptic row once, in order through memory, and no index from post to pre is needed. Presynaptic traces are
kept for each neuron and delay, as of the last arrival, and decay lazily; postsynaptic traces decay at every step, which is
one multiplication per neuron and cheaper than an exponential per event.

Replaying early or late gives the same bits: `tidy` does it when a history is full and at the end of every stretch.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload
from numpy.typing import NDArray

from .touch import arrive, note, settle
from .walk import for_each

__all__ = ["NEVER", "Third", "fire_back", "rescale", "spread", "tidy"]

NEVER = -(1 << 40)  # the step of something that has not happened: whatever decays since then is 0

Floats = NDArray[np.float64]


class Third(NamedTuple):
    """A modulator as one link's synapses see it: a level that decays, and its integral under their eligibility."""

    level: Floats  # (m,): m is 1 for a modulator that all share, or the number of postsynaptic neurons
    integral: Floats  # (m,): of M(s) exp(-(s - begun) / tau_eligibility), ms
    begun: NDArray[np.int64]  # (1,): step at which the integral began
    kept: Floats  # (n_post, history): the integral at each noted spike
    baseline: float
    decay: float  # exp(-dt / tau) of the level
    rate: float  # dt / tau_eligibility
    over_step: float  # integral of exp(-s / tau_eligibility) over one step, ms
    release_step: NDArray[np.int64]  # (releases,), ascending
    release: Floats  # (releases, m)
    next: NDArray[np.int64]  # (1,): the next release


def release(third: Any, t: int) -> None:
    """The modulator's releases of step t."""


@overload(release)
def _release(third, t):  # type: ignore[no-untyped-def]
    if len(third) == 0:
        return lambda third, t: None

    def implementation(third, t):  # type: ignore[no-untyped-def]
        k = third.next[0]
        while k < third.release_step.size and third.release_step[k] <= t:
            if third.release_step[k] == t:
                for m in range(third.level.size):
                    third.level[m] += third.release[k, m]
            k += 1
        third.next[0] = k

    return implementation


@for_each
def spread(link: Any, t: int) -> None:
    """What arrives now over plastic synapses."""
    release(link.third, t)
    arrive(link, t)


@for_each
def fire_back(link: Any, me: int, t: int) -> None:
    """This step's postsynaptic spikes."""
    link.fault[3] = note(link, me, t)


@for_each
def tidy(link: Any, t: int, ends: bool) -> None:
    """Before step t begins: let synapses take note of spikes where it is time to."""
    if ends or link.fault[3] != 0 or t % link.every == 0:
        settle(link, t)


@for_each
def rescale(scaling: Any, t: int) -> None:
    """Before every `every`-th step, scale the chosen weights onto each neuron to the total."""
    if t % scaling.every != 0:
        return
    sums, chosen, target, weight = scaling.sums, scaling.chosen, scaling.target, scaling.weight
    for j in range(sums.size):
        sums[j] = 0.0
    for e in range(target.size):
        if chosen[e]:
            sums[target[e]] += weight[e]
    for j in range(sums.size):
        if sums[j] != 0.0:
            sums[j] = scaling.total / sums[j]
    for e in range(target.size):
        if chosen[e]:
            weight[e] *= sums[target[e]]
