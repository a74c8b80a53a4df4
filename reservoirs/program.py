"""What the event loop walks: a lowered network as tuples of NamedTuples of arrays.

The *class* of an element's `step` says which model or rule it is, so the type of a program is the network's program,
and Numba compiles one loop per type. Elements name the arrays that they read and write directly: a link holds the
spikes of its presynaptic group and the ring of its receptor, and needs to know nothing else.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["DriveSlot", "Events", "FeedbackStep", "Group", "Jump", "Link", "Program", "ReadoutSlot", "Receptor", "Tap"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Group(NamedTuple):
    """All neurons of one model. Arrays are of shape (n,) unless said."""

    step: Any
    state: Any
    bias: Floats  # constant current
    current: Floats  # scratch: the input of the coming step, begun with `bias`
    flags: NDArray[np.bool_]  # scratch: who fired in this step
    eights: NDArray[np.uint64]  # the same bytes, eight flags to a word, padded with zeros
    spikes: NDArray[np.uint32]  # scratch: the same as a list, ascending
    count: Ints  # (1,): how long that list is
    first: int  # its first neuron's number among all neurons if its spikes are kept, -1 if they are not


class Events(NamedTuple):
    """The spikes kept by one call of the loop; full when less than `reserve` (one step's worst case) is left."""

    step: Ints  # (capacity,)
    neuron: Ints  # (capacity,): number among all neurons
    count: Ints  # (1,)
    reserve: int


class DriveSlot(NamedTuple):
    """A drive and the array of currents it adds to."""

    drive: Any
    current: Floats


class Receptor(NamedTuple):
    """A synapse kind on a group: its state, its ring of arriving weight (slots, n), the current it adds to."""

    step: Any
    state: Any
    ring: Floats
    v: Floats  # membrane potential of the group
    current: Floats


class Jump(NamedTuple):
    """Delta synapses on a group: what arrives is received by the neuron's own state."""

    step: Any
    state: Any
    ring: Floats  # (slots, n)


class Link(NamedTuple):
    """Synapses from one group to one receptor, by presynaptic neuron (CSR)."""

    spikes: NDArray[np.uint32]  # of the presynaptic group
    count: Ints
    ring: Floats  # of the receptor, (slots, n_post)
    indptr: Ints  # (n_pre + 1,)
    target: Any  # (synapses,) uint16 or uint32
    weight: Any  # (synapses,) or one number
    delay: Any  # steps: (synapses,) uint8 or uint16, or one number


class ReadoutSlot(NamedTuple):
    """A linear readout of filtered spikes, its rule, and what it is taught in this stretch of the run."""

    spikes: NDArray[np.uint32]
    count: Ints
    feature: NDArray[np.int32]  # (n_group,): which feature a neuron feeds, -1 for none
    every: int  # steps per update
    decay: float  # of the trace over one update
    late: Floats  # (every,): what a spike at this phase has decayed to by the update
    mean: Floats  # (features,)
    scale: Floats  # (features,): 1 / standard deviation, 0 for a feature left out
    trace: Floats  # (features,)
    trace_sum: Floats  # (features,)
    features: Floats  # scratch (features,)
    weight: Floats  # (channels, features)
    prediction: Floats  # (channels,)
    step: Any
    state: Any
    feedback: Floats  # (channels, n_group), or (0, n_group) for none
    feedback_current: Floats  # (n_group,)
    first: int  # number of the first update of this stretch
    on: NDArray[np.bool_]  # (updates,)
    target: Floats  # (updates, channels)
    attention: Floats  # (updates, channels)
    output: Floats  # (updates, channels)


class Tap(NamedTuple):
    """Samples one state variable at the start of every `every`-th step (0: never) into rows of `samples`."""

    values: Floats  # (n_group,)
    every: int
    first: int  # number of the first sample of this stretch
    index: NDArray[np.int32]  # (recorded,)
    samples: Floats  # (rows, recorded)


class Program(NamedTuple):
    """A whole network, ready to run."""

    groups: Any
    drives: Any
    receptors: Any
    jumps: Any
    links: Any
    readouts: Any
    taps: Any
    events: Events


class FeedbackStep(NamedTuple):
    """A readout's feedback as a drive: whatever the readout last wrote."""

    value: Floats  # (n_group,)

    def apply(self, current: Floats, step: int) -> None:
        for k in range(current.size):
            current[k] += self.value[k]
