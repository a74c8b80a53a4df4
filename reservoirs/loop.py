"""The event loop. One step of the clock, in the order of Brian2's default schedule:

    sample    state variables, at the start of the step
    integrate every group over the step, then threshold and record
    deliver   spikes to rings; what is due in this step arrives (delay 0: within the step, after threshold)
    learn     readouts see this step's spikes
    reset     the neurons that fired

Stages are functions of one element; `for_each` walks a tuple of them at compile time.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import overload, register_jitable

from ..neurons.source import apply
from ..plasticity.contract import learn
from ..plasticity.linear import dot
from .sweep import accumulate_arrivals, accumulate_current, advance, deliver_jumps, reset_spiked

__all__ = ["run"]


def for_each(stage: Any) -> Any:
    """The function that calls `stage(item, *args)` for every item of a tuple, unrolled where the types differ."""
    stage = register_jitable(forceinline=True)(stage)

    def each(items: Any, *args: Any) -> None:
        for item in items:
            stage(item, *args)

    @overload(each, jit_options={"forceinline": True})
    def _each(items, *args):  # type: ignore[no-untyped-def]
        if len(items) == 0:
            return lambda items, *args: None
        if len(items) == 1:
            return lambda items, *args: stage(items[0], *args)
        if isinstance(items, types.UniTuple):

            def loop(items, *args):  # type: ignore[no-untyped-def]
                for item in items:
                    stage(item, *args)

            return loop

        def unroll(items, *args):  # type: ignore[no-untyped-def]
            stage(items[0], *args)
            each(items[1:], *args)

        return unroll

    return each


def pick(value: Any, k: int) -> Any:
    """value[k] of an array, the value itself of a number; decided by type when compiled."""
    return value[k] if hasattr(value, "ndim") and value.ndim else value


@overload(pick)
def _pick(value, k):  # type: ignore[no-untyped-def]
    if isinstance(value, types.Array):
        return lambda value, k: value[k]
    return lambda value, k: value


@for_each
def sample(tap: Any, t: int) -> None:
    if tap.every > 0 and t % tap.every == 0:
        row = t // tap.every - tap.first
        for i in range(tap.index.size):
            tap.samples[row, i] = tap.values[tap.index[i]]


@for_each
def drive(slot: Any, t: int) -> None:
    apply(slot.drive, slot.current, t)


@for_each
def conduct(receptor: Any) -> None:
    accumulate_current(receptor.step, receptor.state, receptor.v, receptor.current)


@register_jitable(forceinline=True)
def collect(flags: Any, eights: Any, spikes: Any) -> int:
    """Write the indices of the set flags to `spikes`, ascending; returns how many. Looks at eight flags at a time."""
    n = 0
    for i in range(eights.size):
        if eights[i] != 0:
            for k in range(8 * i, min(8 * i + 8, flags.size)):
                if flags[k]:
                    spikes[n] = k
                    n += 1
    return n


@for_each
def fire(group: Any, events: Any, t: int) -> None:
    flags, spikes = group.flags, group.spikes
    advance(group.step, group.state, group.current, group.bias, flags)
    n = collect(flags, group.eights, spikes)
    group.count[0] = n
    if group.first >= 0:
        kept = events.count[0]
        for i in range(n):
            events.step[kept + i] = t
            events.neuron[kept + i] = group.first + spikes[i]
        events.count[0] = kept + n


@for_each
def deliver(link: Any, t: int) -> None:
    spikes, ring, indptr, target, weight, delay = link.spikes, link.ring, link.indptr, link.target, link.weight, link.delay
    slots = ring.shape[0]
    now = t % slots
    for i in range(link.count[0]):
        pre = spikes[i]
        for e in range(indptr[pre], indptr[pre + 1]):
            slot = now + pick(delay, e)
            if slot >= slots:
                slot -= slots
            ring[slot, target[e]] += pick(weight, e)


@for_each
def land(receptor: Any, t: int) -> None:
    accumulate_arrivals(receptor.step, receptor.state, receptor.ring[t % receptor.ring.shape[0]])


@for_each
def strike(jump: Any, t: int) -> None:
    deliver_jumps(jump.step, jump.state, jump.ring[t % jump.ring.shape[0]])


@for_each
def read_out(slot: Any, t: int) -> None:
    trace = slot.trace
    phase = t % slot.every
    if phase == 0:
        for f in range(trace.size):
            trace[f] *= slot.decay
    spikes, feature, late = slot.spikes, slot.feature, slot.late[phase]
    for i in range(slot.count[0]):
        f = feature[spikes[i]]
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
def reset(group: Any) -> None:
    reset_spiked(group.step, group.state, group.spikes, group.count[0])


def run(program: Any, first: int, steps: int, sampling: bool) -> int:
    """Run up to `steps` steps from step number `first`; returns how many were run.

    Fewer than asked for means that the list of events is full: empty it and go on. `sampling` says that a tap is open.
    """
    events = program.events
    for i in range(steps):
        t = first + i
        if events.step.size - events.count[0] < events.reserve:
            return i
        if sampling:
            sample(program.taps, t)
        drive(program.drives, t)
        conduct(program.receptors)
        fire(program.groups, events, t)
        deliver(program.links, t)
        land(program.receptors, t)
        strike(program.jumps, t)
        read_out(program.readouts, t)
        reset(program.groups)
    return steps
