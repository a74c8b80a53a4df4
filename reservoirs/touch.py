"""Source for the loops over plastic synapses, written from the fields of the NamedTuples that a rule names.

Like `sweep.py`, whose reason is the same: arrays are taken out of their tuples before the loop. Three functions do all the
work, because every function that takes a link costs compile time: `arrive` (a step's presynaptic arrivals), `note` (its
postsynaptic spikes, and the end of the step) and `settle`. `show(link_type, name)` returns what was written.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload, register_jitable

from ..plasticity.local import (
    Moment,
    after_post,
    after_pre,
    consolidate,
    fade,
    has_method,
    spike_post,
    spike_pre,
    transmitted,
)

__all__ = ["arrive", "note", "settle", "show"]


@register_jitable(forceinline=True)
def _faded(value: Any, table: Any, rate: Any, steps: int) -> Any:
    """value exp(-rate steps), by table where it reaches."""
    if steps < table.size:
        return value * table[steps]
    return value * _as(table, math.exp(-rate * steps))


def _as(table: Any, value: float) -> Any:
    """The value in the precision of the table."""
    return table.dtype.type(value)


@overload(_as)
def _as_overload(table, value):  # type: ignore[no-untyped-def]
    kind = table.dtype
    return lambda table, value: kind(value)


@register_jitable(forceinline=True)
def _bound(delay: Any, begin: int, end: int, d: int) -> int:
    """The first of the ascending delay[begin:end] that is >= d."""
    while begin < end:
        middle = (begin + end) // 2
        if delay[middle] < d:
            begin = middle + 1
        else:
            end = middle
    return begin


@register_jitable(forceinline=True)
def _lost(value: Any) -> bool:
    """Whether a value is NaN or infinite: then what it differs from itself by is NaN. Two instructions, also on vectors."""
    nothing = value - value
    return nothing != nothing


@register_jitable
def _blame(fault: Any, e: int, when: int) -> None:
    """Keep the earliest fault, of the first synapse: what came of it later says nothing."""
    if when < fault[1] or (when == fault[1] and e < fault[0]):
        fault[0] = e
        fault[1] = when
        fault[2] = 1


@register_jitable
def _blame_onto(fault: Any, target: Any, j: int, when: int) -> None:
    """A fault of neuron j's own traces is laid to the first synapse onto it, if there is one."""
    for e in range(target.size):
        if target[e] == j:
            _blame(fault, e, when)
            return


class _Writer:
    """What the source needs to know of a link's type.

    A link keeps the postsynaptic spikes that its synapses have not seen in one of two forms. `Beside`: every row's targets
    stand side by side (all to all), and a log in order of time is walked for each row, which finds its synapse by counting.
    Else each neuron has a history of its own, and each synapse looks into that of its target.
    """

    def __init__(self, link: Any) -> None:
        at = dict(zip(link.fields, link.types, strict=True))
        self.step, self.synapse, self.pre, self.post = at["step"], at["synapse"], at["pre"], at["post"]
        self.modulated = len(at["third"]) > 0
        self.beside = isinstance(at["who"], types.Array)
        # what is delivered can be lost only where a rule has a say in it; else it is the weight, which is looked at
        self.delivers = has_method(self.step, "transmitted") or has_method(self.step, "transmit")

    @staticmethod
    def each(count: Any, pattern: str) -> str:
        """The pattern with # as 0, 1, 2 ... for every field of a bundle."""
        return "".join(pattern.replace("#", str(k)) for k in range(len(count)))

    @property
    def arrays(self) -> str:
        """Lines that take the arrays of a link out of their tuples."""
        third = "third = link.third; integral = third.integral; many = integral.size > 1; " if self.modulated else ""
        return (
            "step = link.step; target = link.target; delay = link.delay; delays = link.delays; indptr = link.indptr; "
            "who = link.who; newest = link.newest; written = link.written; at = link.at; fault = link.fault; "
            "settled = link.settled; "
            + third
            + self.each(self.synapse, "y# = link.synapse[#]; ")
            + self.each(self.post, "p# = link.post[#]; h# = link.seen[#]; ")
            + self.each(self.pre, "X# = link.pre[#]; r# = link.pre_rate[#]; T# = link.pre_table[#]; ")
        )

    @property
    def traces_of_row(self) -> str:
        """Lines that read what a presynaptic neuron left at its last arrival over the d-th delay, and cut its row out.

        An index that begins with 0 needs no test for negative numbers.
        """
        return (
            "last = link.last[d, i]; since = max(last, settled[0]); some = target[begin:end]; "
            + self.each(self.pre, "x# = X#[d, i]; ")
            + self.each(self.synapse, "Y# = y#[begin:end]; ")
        )

    def pre_after(self, steps: str) -> str:
        """The presynaptic traces so many steps after the last arrival."""
        if has_method(self.step, "decay"):
            return f"fade(step, P({self.each(self.pre, 'x#, ')}), {steps})"
        return f"P({self.each(self.pre, f'faded(x#, T#, r#, {steps}), ')})"

    def moment(self, integral: str, step: str) -> str:
        if not self.modulated:
            return f"Moment(0.0, 1.0, {step})"
        return f"Moment({integral}, exp(({step} - third.begun[0]) * third.rate), {step})"

    def read(self) -> str:
        return f"s = S({self.each(self.synapse, 'Y#[e], ')})"

    @staticmethod
    def lost(count: Any, pattern: str) -> str:
        """Whether any field of a bundle is."""
        return " | ".join(f"lost({pattern.replace('#', str(k))})" for k in range(len(count)))

    def store(self) -> str:
        return self.each(self.synapse, "Y#[e] = s[#]; ")

    def replay_history(self, indent: int) -> str:
        """The noted spikes of neuron j since `since` act on synapse s, in the order in which they happened.

        What `blame` does stands here in full: half of a run can be this loop, and a call in it costs a tenth.
        """
        return _indented(
            f"""n = written[j]; k = n - 1
while k > 0 and at[j, k - 1] >= since:
    k -= 1
while k < n:
    when = at[j, k]
    s = after_post(step, s, {self.pre_after("when - last")}, Q({self.each(self.post, "h#[j, k], ")}),
                   {self.moment("third.kept[j, k]", "when")})
    if {self.lost(self.synapse, "s[#]")} and when < fault[1]:
        fault[0] = begin + e; fault[1] = when; fault[2] = 1
    k += 1
""",
            indent,
        )

    def replay_log(self, indent: int) -> str:
        """All noted spikes since `since` act on the synapses of a row, in the order in which they happened."""
        return _indented(
            f"""if some.size > 0:
    base = np.int64(some[0])
    n = written[0]; k = bound(at, 0, n, since); then = last - 1
    faint = {self.pre_after("then - last + 1")}
    while k < n:
        when = at[k]
        if when != then:
            then = when
            faint = {self.pre_after("when - last")}
            grown = {"exp((when - third.begun[0]) * third.rate)" if self.modulated else "1.0"}
        j = who[k]
        e = j - base
        if 0 <= e < some.size:
            {self.read()}
            s = after_post(step, s, faint, Q({self.each(self.post, "h#[k], ")}),
                           Moment({"third.kept[k]" if self.modulated else "0.0"}, grown, when))
            if {self.lost(self.synapse, "s[#]")} and when < fault[1]:
                fault[0] = begin + e; fault[1] = when; fault[2] = 1
            {self.store()}
        k += 1
""",
            indent,
        )

    def source(self, name: str) -> str:
        return {"arrive": self._arrive, "note": self._note, "settle": self._settle}[name]()

    def _arrive(self) -> str:
        growth = "growth = exp((t - third.begun[0]) * third.rate)" if self.modulated else "now = Moment(0.0, 1.0, t)"
        now = "now = Moment(integral[j if many else 0], growth, t)" if self.modulated else "pass"
        after = "pass"
        if len(self.pre):
            after = f"""after = spike_pre(step, before)
                if ({self.lost(self.pre, "after[#]")}) and some.size > 0:
                    blame(fault, begin, t)"""
        first = self.replay_log(16) if self.beside else ""
        replay = "" if self.beside else f"if newest[j] >= since:\n{self.replay_history(24)}"
        place = "j = base + e" if self.beside else "j = some[e]"
        broken, found = self.lost(self.synapse, "s[#]"), self.lost(self.synapse, "Y#[e]")
        if self.delivers:
            broken, found = f"lost(amount) | {broken}", f"lost(row[{place[4:]}]) | {found}"
        return f"""
def loop(link, t):
    {self.arrays}
    queue = link.queue
    row = link.ring[t % link.ring.shape[0]]
    {growth}
    for d in range(delays.size):
        emitted = t - delays[d]
        if emitted < 0:
            continue
        slot = emitted % queue.count.shape[0]
        for section in range(queue.count.shape[1]):
            first = queue.cuts[section]
            for q in range(first, first + queue.count[slot, section]):
                i = queue.neuron[slot, q]
                begin = indptr[i]; end = indptr[i + 1]
                if delays.size > 1:
                    begin = bound(delay, begin, end, delays[d])
                    end = bound(delay, begin, end, delays[d] + 1)
                {self.traces_of_row}
                before = {self.pre_after("t - last")}
                bad = False
                base = 0
{first}
                for e in range(some.size):
                    {place}
                    {self.read()}
                    {replay}
                    {now}
                    amount = transmitted(step, s, before, now)
                    row[j] += amount
                    s = after_pre(step, s, before, Q({self.each(self.post, "p#[j], ")}), now)
                    bad |= {broken}
                    {self.store()}
                if bad:
                    e = 0
                    while not ({found}):
                        e += 1
                    blame(fault, begin + e, t)
                {after}
                {self.each(self.pre, "X#[d, i] = after[#]; ")}
                link.last[d, i] = t
"""

    def _note(self) -> str:
        index = "k" if self.beside else "j, k"
        lines = [
            "def loop(link, me, t):",
            "    " + self.arrays,
            "    fired = link.fired; low = link.low; slot = t % fired.count.shape[0]; full = False",
            "    for q in range(low, low + fired.count[slot, me]):",
            "        j = fired.neuron[slot, q] - low",
        ]
        if self.beside:
            lines += ["        k = written[0]; at[k] = t; who[k] = j; written[0] = k + 1"]
        else:
            lines += ["        k = written[j]; at[j, k] = t; written[j] = k + 1; newest[j] = t; full |= k + 1 == at.shape[1]"]
        if len(self.post):
            lines += [f"        {self.each(self.post, f'h#[{index}] = p#[j]; ')}"]
            lines += [f"        after = spike_post(step, Q({self.each(self.post, 'p#[j], ')}))"]
            lines += [f"        {self.each(self.post, 'p#[j] = after[#]; ')}"]
            lines += [f"        if {self.lost(self.post, 'after[#]')}:", "            blame_onto(fault, target, j, t)"]
        if self.modulated:
            lines += [f"        third.kept[{index}] = integral[j if many else 0]"]
        if self.beside:
            lines += ["    full = at.size - written[0] < newest.size  # a step may bring as many spikes as neurons"]
        for k in range(len(self.post)):
            lines += [f"    c = link.post_decay[{k}]", "    for j in range(newest.size):", f"        p{k}[j] *= c"]
        if self.modulated:
            lines += ["    over_step = exp(-(t - third.begun[0]) * third.rate) * third.over_step"]
            lines += ["    for m in range(integral.size):"]
            lines += ["        integral[m] += (third.baseline + third.level[m]) * over_step; third.level[m] *= third.decay"]
        lines += ["    return full"]
        return "\n".join(lines) + "\n"

    def _settle(self) -> str:
        each = f"""for e in range(some.size):
    j = some[e]
    if newest[j] >= since:
        {self.read()}
{self.replay_history(8)}
        {self.store()}
"""
        text = f"""
def loop(link, t):
    {self.arrays}
    waiting = False
    for j in range(written.size):
        waiting |= written[j] > 0
    if waiting:
        for i in range(indptr.size - 1):
            begin = indptr[i]
            d = delays.size - 1
            while begin < indptr[i + 1]:
                end = indptr[i + 1]
                if delays.size > 1:
                    while delays[d] != delay[begin]:
                        d -= 1
                    end = bound(delay, begin, end, delays[d] + 1)
                {self.traces_of_row}
{self.replay_log(16) if self.beside else _indented(each, 16)}
                begin = end
        for j in range(written.size):
            written[j] = 0
    settled[0] = t
"""
        if has_method(self.step, "consolidate"):
            now = self.moment("integral[target[e] if many else 0]", "t")
            again = "third.begun[0] = t; integral[:] = 0.0" if self.modulated else "pass"
            text += f"""    if t % link.consolidates == 0:
        {self.each(self.synapse, "Y# = y#; ")}
        for e in range(target.size):
            {self.read()}
            s = consolidate(step, s, {now})
            if {self.lost(self.synapse, "s[#]")}:
                blame(fault, e, t)
            {self.store()}
        {again}
"""
        return text

    def write(self, name: str) -> Any:
        names: dict[str, Any] = {
            "S": self.synapse.instance_class, "P": self.pre.instance_class, "Q": self.post.instance_class, "faded": _faded,
            "fade": fade, "after_pre": after_pre, "after_post": after_post, "transmitted": transmitted, "bound": _bound,
            "spike_pre": spike_pre, "spike_post": spike_post, "consolidate": consolidate, "Moment": Moment, "exp": math.exp,
            "np": np, "lost": _lost, "blame": _blame, "blame_onto": _blame_onto,
        }  # fmt: skip
        exec(self.source(name), names)
        return names["loop"]


def _indented(text: str, by: int) -> str:
    return "".join(" " * by + line + "\n" for line in text.splitlines())


def show(link: Any, name: str) -> str:
    """The source of `arrive`, `note` or `settle` for a Numba type of link."""
    return _Writer(link).source(name)


def arrive(link: Any, t: int) -> None:
    """The spikes that arrive at step t are delivered, the earliest emitted first, and act on their synapses.

    At each synapse the postsynaptic spikes since its last arrival act first.
    """


@overload(arrive)
def _arrive(link, t):  # type: ignore[no-untyped-def]
    return _Writer(link).write("arrive")


def note(link: Any, me: int, t: int) -> bool:
    """Note the postsynaptic spikes of step t; traces and modulator end the step. Returns whether a history is full."""
    raise NotImplementedError


@overload(note)
def _note(link, me, t):  # type: ignore[no-untyped-def]
    return _Writer(link).write("note")


def settle(link: Any, t: int) -> None:
    """Let every noted spike act on the synapses that have not seen it; consolidate if it is time. Step t begins."""


@overload(settle)
def _settle(link, t):  # type: ignore[no-untyped-def]
    return _Writer(link).write("settle")
