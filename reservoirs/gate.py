"""Where threads wait for one another inside compiled code.

A block of steps takes about a millisecond; handing control back to Python after each, or forking and joining, would cost
a good part of that. So each thread runs the whole loop, and meets the others at a gate: a counter of arrivals and a
number that goes up when all have come. A thread that waits long gives its core away, so that more threads than cores
still go on.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload, register_jitable
from numpy.typing import NDArray

__all__ = ["meet", "new_gate"]

_ARRIVED, _OPENED = 0, 8  # places in the array, a cache line apart
_SPINS = 4000
_give_way = types.ExternalFunction("SwitchToThread" if os.name == "nt" else "sched_yield", types.int32())


def new_gate() -> NDArray[np.int64]:
    """A gate that nobody has come to."""
    return np.zeros(_OPENED + 8, np.int64)


@intrinsic
def _atomic_add(typing_context, array, place, amount):  # type: ignore[no-untyped-def]
    """Add to array[place] as one indivisible action; returns what was there."""

    def code(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.atomic_rmw("add", _pointer(context, builder, signature, arguments), arguments[2], "seq_cst")

    return types.int64(array, types.intp, types.int64), code


@intrinsic
def _atomic_load(typing_context, array, place):  # type: ignore[no-untyped-def]
    """array[place] as other threads left it, and with it all that they wrote before."""

    def code(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.load_atomic(_pointer(context, builder, signature, arguments), "seq_cst", 8)

    return types.int64(array, types.intp), code


_add: Any = _atomic_add
_look: Any = _atomic_load


def _pointer(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    assert isinstance(array.data.type, ir.PointerType)
    pointer: Any = cgutils.gep_inbounds(builder, array.data, arguments[1])  # type: ignore[no-untyped-call]
    return pointer


def meet(gate: Any, threads: int) -> None:
    """Return once `threads` threads have called this; at once if there is only one."""
    if threads > 1:
        raise RuntimeError("threads meet in compiled code only")


@register_jitable
def _wait(gate, threads):  # type: ignore[no-untyped-def]
    opened = _look(gate, _OPENED)
    if _add(gate, _ARRIVED, 1) == threads - 1:
        _add(gate, _ARRIVED, -threads)
        _add(gate, _OPENED, 1)
        return
    spins = 0
    while _look(gate, _OPENED) == opened:
        spins += 1
        if spins > _SPINS:
            _give_way()


@overload(meet)
def _meet(gate, threads):  # type: ignore[no-untyped-def]
    def implementation(gate, threads):  # type: ignore[no-untyped-def]
        if threads > 1:
            _wait(gate, threads)  # type: ignore[no-untyped-call]

    return implementation
