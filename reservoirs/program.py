"""What the event loop walks: a lowered network as tuples of NamedTuples of arrays.

The *class* of an element's `step` says which model or rule it is, so the type of a program is the network's program,
and Numba compiles one loop per type. Elements name the arrays that they read and write directly: a link holds the
spikes of its presynaptic group and the ring of its receptor, and needs to know nothing else.

Every thread has a program of its own, of one and the same type, for its section of every group. What threads share are
the queues of spikes, the gate where they wait for one another, and the readouts.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "DriveSlot", "Events", "FeedbackStep", "Group", "InputSlot", "Jump", "LateLink", "Link", "PlasticLink", "Program",
    "Queue", "ReadoutSlot", "Receptor", "Scaling", "Tap", "Team",
]  # fmt: skip

Floats = NDArray[np.float64]  # float32 in a network of single precision
Ints = NDArray[np.int64]


class Queue(NamedTuple):
    """The spikes of a group in the last steps; row t % slots holds those of step t, each thread's in its own section."""

    neuron: NDArray[np.uint32]  # (slots, n_group): numbers within the group, ascending within a section
    count: Ints  # (slots, threads)
    cuts: Ints  # (threads + 1,): where each thread's section begins


class Group(NamedTuple):
    """A thread's section of all neurons of one model. Arrays are of shape (n,) unless said."""

    step: Any
    state: Any
    receptors: Any  # its synapse kinds, each a Receptor
    bias: Any  # constant current (n,); () where no drive changes `current`
    current: Any  # scratch (n,): the input of the coming step, begun with `bias`; without drives (n,) or one number for all
    flags: NDArray[np.bool_]  # scratch: who fired in this step
    eights: NDArray[np.uint64]  # the same bytes, eight flags to a word, padded with zeros
    queue: Queue
    low: int  # the section's first neuron within the group
    first: int  # the section's first neuron's number among all neurons if its spikes are kept, -1 if they are not


class Events(NamedTuple):
    """The spikes kept by one call of the loop; full when less than one block's worst case is left."""

    step: Ints  # (capacity,)
    neuron: Ints  # (capacity,): number among all neurons
    count: Ints  # (1,)
    reserve: int  # how many spikes a step can have


class DriveSlot(NamedTuple):
    """A drive and the array of currents it adds to."""

    drive: Any
    current: Floats


class InputSlot(NamedTuple):
    """An input from outside that arrives at synapses, and the ring it adds to."""

    drive: Any
    ring: Floats


class Receptor(NamedTuple):
    """A synapse kind on a group: its state, its ring of arriving weight (slots, n)."""

    step: Any
    state: Any
    ring: Floats


class Jump(NamedTuple):
    """Delta synapses on a group: what arrives is received by the neuron's own state."""

    step: Any
    state: Any
    ring: Floats  # (slots, n)


class Link(NamedTuple):
    """Synapses from one group to one receptor, by presynaptic neuron (CSR), with delays that differ.

    Spikes are written ahead, into the ring's row of the step in which they arrive.
    """

    queue: Queue  # of the presynaptic group
    ring: Floats  # of the receptor, (slots, n_post)
    indptr: NDArray[np.uint64]  # (n_pre + 1,); without a sign, an index needs no test for negative numbers
    target: Any  # (synapses,) uint16 or uint32
    weight: Any  # one number, a Row, or (synapses,)
    delay: Any  # steps: a Row or (synapses,), uint8 or uint16


class LateLink(NamedTuple):
    """The same with one delay for all: spikes wait in the queue and are delivered when they arrive."""

    queue: Queue
    ring: Floats
    indptr: NDArray[np.uint64]
    target: Any
    weight: Any
    delay: int  # steps


class PlasticLink(NamedTuple):
    """Synapses that a rule changes, delivered when a spike arrives; see `plastic.py`."""

    queue: Queue  # of the presynaptic group
    ring: Floats
    indptr: Ints
    target: Any
    delay: Any  # (synapses,) uint8 or uint16
    delays: Ints  # (d,): the delays that occur, descending
    step: Any  # the rule's coefficients
    synapse: Any  # NamedTuple of arrays (synapses,)
    pre: Any  # NamedTuple of arrays (d, n_pre): traces right after the last arrival over each delay
    pre_rate: Any  # the same NamedTuple of numbers: dt / tau of each trace
    pre_table: Any  # and of arrays: exp(-rate k)
    last: Ints  # (d, n_pre): step of that arrival, or NEVER
    post: Any  # NamedTuple of arrays (n_post,): traces now
    post_decay: Any  # and of numbers: exp(-dt / tau)
    fired: Queue  # of the postsynaptic group
    low: int  # where this thread's section of it begins
    who: Any  # (room,): whose spikes the log holds, if there is one (see touch.py); () if each neuron has a history
    newest: Ints  # (n_post,): step of the last postsynaptic spike, or NEVER
    written: Ints  # (n_post,), or (1,) for a log: how many postsynaptic spikes wait for the synapses to take note
    at: Ints  # (n_post, room), or (room,): their steps
    seen: Any  # NamedTuple of arrays like `at`: traces just before each
    settled: Ints  # (1,): postsynaptic spikes before this step have acted on all synapses
    third: Any  # the modulator, see plastic.py
    consolidates: int  # steps between calls of the rule's `consolidate`
    every: int  # steps between moments when all must be settled: for that, and for `Scaling`
    fault: Ints  # (4,): synapse and step of the first NaN, whether there was one; and whether a history is full


class Scaling(NamedTuple):
    """Keeps the sum of a plastic link's weights onto each neuron: rescales it every `every` steps."""

    target: Any
    weight: Any
    every: int
    chosen: NDArray[np.bool_]  # (synapses,): which synapses count
    total: float
    sums: Floats  # scratch (n_post,)


class ReadoutSlot(NamedTuple):
    """A linear readout of filtered spikes, its rule, and what it is taught in this stretch of the run."""

    queue: Queue
    owner: int  # the thread that works it
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

    values: Floats  # (n,)
    every: int
    first: int  # number of the first sample of this stretch
    index: NDArray[np.int32]  # (recorded,)
    samples: Floats  # (rows, recorded)


class Team(NamedTuple):
    """The threads of a run."""

    gate: Ints  # where they meet
    threads: int
    me: int
    block: int  # steps that a thread may run before it must know the others' spikes
    votes: Ints  # (2, threads, 8): who must stop at the end of a block, by the block's parity
    fed_back: bool  # whether readouts drive neurons, so that all must wait for them


class Program(NamedTuple):
    """A thread's share of a whole network, ready to run."""

    groups: Any
    drives: Any
    inputs: Any
    receptors: Any
    jumps: Any
    links: Any
    late_links: Any
    plastic_links: Any
    scalings: Any
    readouts: Any
    taps: Any
    events: Events
    faults: Ints  # (plastic links, 4): the rows are theirs
    team: Team


class FeedbackStep(NamedTuple):
    """A readout's feedback as a drive: whatever the readout last wrote."""

    value: Floats  # (n,): a view of the section's part

    def apply(self, current: Floats, step: int) -> None:
        for k in range(current.size):
            current[k] += self.value[k]
