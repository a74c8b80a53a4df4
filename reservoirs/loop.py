"""The event loop. One step of the clock, in the order of Brian2's default schedule:

    sample    state variables, at the start of the step
    integrate every group over the step, then threshold and record
    deliver   what is due in this step arrives (delay 0: within the step, after threshold)
    learn     synapses see this step's spikes, after what arrived; readouts too
    reset     the neurons that fired

What arrives at a receptor in one step is summed in this order: synapses with delays that differ (by step of emission, then
link, then presynaptic neuron, then the order of `connect`), then those with one delay for all, then plastic ones (earliest
emission first), then input from outside. No sum is ever split between threads, so their number does not change a bit.

Synapses take what arrived at the beginning of the next step, in the pass that integrates; before a sample, and when the
loop ends, at once.

Stages are functions of one element; `for_each` walks a tuple of them at compile time.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import overload, register_jitable

from ..neurons.poisson_input import supply
from ..neurons.source import apply
from ..plasticity.contract import learn
from ..plasticity.linear import dot
from .gate import meet
from .plastic import fire_back, rescale, spread, tidy
from .sweep import accumulate_arrivals, advance, deliver_jumps, reset_spiked
from .walk import for_each

__all__ = ["run"]


def pick(value: Any, pre: int, e: int) -> Any:
    """A link's value for synapse e of presynaptic neuron pre; decided by type when compiled."""
    raise NotImplementedError


@overload(pick)
def _pick(value, pre, e):  # type: ignore[no-untyped-def]
    if isinstance(value, types.Array):
        return lambda value, pre, e: value[e]
    if isinstance(value, types.BaseNamedTuple):
        return lambda value, pre, e: value.values[pre]
    return lambda value, pre, e: value


def scatter(arriving: Any, target: Any, first: Any, last: Any, weight: Any, pre: int) -> None:
    """Add the weights of synapses first..last to what arrives at their targets."""
    raise NotImplementedError


@overload(scatter, jit_options={"forceinline": True})
def _scatter(arriving, target, first, last, weight, pre):  # type: ignore[no-untyped-def]
    if isinstance(weight, types.Array):

        def each(arriving, target, first, last, weight, pre):  # type: ignore[no-untyped-def]
            for e in range(first, last):
                arriving[target[e]] += weight[e]

        return each

    def one(arriving, target, first, last, weight, pre):  # type: ignore[no-untyped-def]
        same = pick(weight, pre, 0)  # read before the loop, whose writes might change it for all that LLVM knows
        for e in range(first, last):
            arriving[target[e]] += same

    return one


@for_each
def sample(tap: Any, t: int) -> None:
    for k in range(tap.every.size):
        if t % tap.every[k] == 0:
            begin, end = tap.begin[k], tap.begin[k + 1]
            at = tap.at[k] + (t // tap.every[k] - tap.first[k]) * (end - begin) - begin
            for i in range(begin, end):
                tap.samples[at + i] = tap.values[tap.index[i]]


@for_each
def drive(slot: Any, t: int) -> None:
    apply(slot.drive, slot.current, t)


@register_jitable(forceinline=True)
def collect(flags: Any, eights: Any, spikes: Any, low: int) -> int:
    """Write `low` plus the indices of the set flags to `spikes`, ascending; returns how many.

    Looks at 64 flags at a time: most are silent.
    """
    n = 0
    words = eights.size
    for block in range(0, words, 8):
        last = min(block + 8, words)
        some = eights[block]
        for i in range(block + 1, last):
            some |= eights[i]
        if some != 0:
            for k in range(8 * block, min(8 * last, flags.size)):
                if flags[k]:
                    spikes[n] = low + k
                    n += 1
    return n


@for_each
def fire(group: Any, events: Any, me: int, t: int) -> None:
    advance(group.step, group.state, group.receptors, group.current, group.bias, group.flags, t)
    queue = group.queue
    row = t % queue.count.shape[0]
    spikes = queue.neuron[row, group.low :]
    n = collect(group.flags, group.eights, spikes, group.low)
    queue.count[row, me] = n
    if group.first >= 0:
        kept = events.count[0]
        offset = group.first - group.low
        for i in range(n):
            events.step[kept + i] = t
            events.neuron[kept + i] = offset + spikes[i]
        events.count[0] = kept + n


@for_each
def deliver(link: Any, emitted: int) -> None:
    """Write the spikes of step `emitted` into the ring, ahead."""
    queue, ring, indptr, target, weight, delay = link.queue, link.ring, link.indptr, link.target, link.weight, link.delay
    slots = ring.shape[0]
    now = emitted % slots
    row = emitted % queue.count.shape[0]
    for section in range(queue.count.shape[1]):
        begin = queue.cuts[section]
        for i in range(begin, begin + queue.count[row, section]):
            pre = queue.neuron[row, i]
            for e in range(indptr[pre], indptr[pre + 1]):
                slot = now + pick(delay, pre, e)
                if slot >= slots:
                    slot -= slots
                ring[slot, target[e]] += pick(weight, pre, e)


@for_each
def deliver_late(link: Any, t: int) -> None:
    """Deliver the spikes emitted `delay` steps ago."""
    emitted = t - link.delay
    if emitted < 0:
        return
    queue, indptr, target, weight = link.queue, link.indptr, link.target, link.weight
    arriving = link.ring[t % link.ring.shape[0]]
    row = emitted % queue.count.shape[0]
    for section in range(queue.count.shape[1]):
        begin = queue.cuts[section]
        for i in range(begin, begin + queue.count[row, section]):
            pre = queue.neuron[row, i]
            scatter(arriving, target, indptr[pre], indptr[pre + 1], weight, pre)


@for_each
def bring(slot: Any, t: int) -> None:
    supply(slot.drive, slot.ring[t % slot.ring.shape[0]], t)


@for_each
def land(receptor: Any, t: int) -> None:
    accumulate_arrivals(receptor.step, receptor.state, receptor.ring[t % receptor.ring.shape[0]])


@for_each
def strike(jump: Any, t: int) -> None:
    deliver_jumps(jump.step, jump.state, jump.ring[t % jump.ring.shape[0]])


@for_each
def read_out(slot: Any, me: int, t: int) -> None:
    if slot.owner != me:
        return
    trace = slot.trace
    phase = t % slot.every
    if phase == 0:
        for f in range(trace.size):
            trace[f] *= slot.decay
    queue, feature, late = slot.queue, slot.feature, slot.late[phase]
    row = t % queue.count.shape[0]
    for section in range(queue.count.shape[1]):
        begin = queue.cuts[section]
        for i in range(begin, begin + queue.count[row, section]):
            f = feature[queue.neuron[row, i]]
            if f >= 0:
                trace[f] += late
    if phase == slot.every - 1:
        update(slot, t // slot.every - slot.first)


@register_jitable(forceinline=True)
def update(slot: Any, row: int) -> None:
    """One update of a readout: features, prediction, learning, feedback."""
    prediction, features, weight, feedback = slot.prediction, slot.features, slot.weight, slot.feedback
    if slot.on[row]:
        trace, trace_sum, mean, scale = slot.trace, slot.trace_sum, slot.mean, slot.scale
        for f in range(features.size):
            features[f] = (trace[f] - mean[f]) * scale[f]
            trace_sum[f] += trace[f]
        attended = False
        for c in range(prediction.size):
            prediction[c] = dot(weight[c], features)
            attended |= slot.attention[row, c] != 0.0
        if attended:
            learn(slot.step, slot.state, weight, features, prediction, slot.target[row], slot.attention[row])
    else:
        for c in range(prediction.size):
            prediction[c] = 0.0
    for c in range(prediction.size):
        slot.output[row, c] = prediction[c]
    if feedback.shape[0]:
        back = slot.feedback_current
        for k in range(back.size):
            back[k] = 0.0
        for c in range(feedback.shape[0]):
            z = prediction[c]
            for k in range(back.size):
                back[k] += feedback[c, k] * z


@for_each
def reset(group: Any, me: int, t: int) -> None:
    queue = group.queue
    row = t % queue.count.shape[0]
    reset_spiked(group.step, group.state, queue.neuron[row, group.low :], queue.count[row, me], group.low)


@register_jitable(forceinline=True)
def must_stop(program: Any) -> bool:
    """Whether this thread cannot run another block."""
    events = program.events
    full = events.step.size - events.count[0] < events.reserve * program.team.block
    for link in range(program.faults.shape[0]):
        full |= program.faults[link, 2] != 0
    return full


def run(program: Any, first: int, steps: int, sampling: bool) -> int:
    """Run up to `steps` steps from step number `first`; returns how many were run, the same for every thread.

    Fewer than asked for means that a thread's list of events is full, or that a rule gave a NaN. `sampling` says that a
    tap is open.
    """
    events, team = program.events, program.team
    me, parity, handed, done = team.me, 0, first, steps
    for i in range(steps):
        t = first + i
        if sampling:
            if i > 0:
                land(program.receptors, t - 1)
            sample(program.taps, t)
        drive(program.drives, t)
        fire(program.groups, events, me, t)
        ends = (i + 1) % team.block == 0 or i == steps - 1
        if ends:
            parity = 1 - parity
            team.votes[parity, me, 0] = must_stop(program)
            meet(team.gate, team.threads)
            for emitted in range(handed, t + 1):
                deliver(program.links, emitted)
            handed = t + 1
        deliver_late(program.late_links, t)
        spread(program.plastic_links, t)
        bring(program.inputs, t)
        strike(program.jumps, t)
        fire_back(program.plastic_links, me, t)
        read_out(program.readouts, me, t)
        if team.fed_back:
            meet(team.gate, team.threads)
        reset(program.groups, me, t)
        stop = False
        if ends:
            for thread in range(team.threads):
                stop |= team.votes[parity, thread, 0] != 0
        tidy(program.plastic_links, t + 1, stop or i == steps - 1)
        rescale(program.scalings, t + 1)
        if stop:
            done = i + 1
            break
    if done > 0:
        land(program.receptors, first + done - 1)
    return done
