"""The one place that writes source: loops over neurons, written from the fields of NamedTuples.

A model's methods act on scalars. A sweep calls them for every neuron: arrays are taken out of their tuples once, before
the loop, because an array read through its tuple inside it costs reference counting and keeps LLVM from vectorising.
`show(step_type, state_type, …)` returns what was written for those types.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import overload

from ..neurons.model import excess, integrate, receive, reset
from ..neurons.synapse import arrive, current, decay

__all__ = ["accumulate_arrivals", "advance", "deliver_jumps", "reset_spiked", "show"]


def _fields(prefix: str, bundle_name: str, bundle: Any) -> tuple[list[str], str, list[str]]:
    """Lines that unpack a NamedTuple, the arguments that rebuild it for neuron k, lines that store it back."""
    names = [f"{prefix}{i}" for i in range(len(bundle))]
    is_array = [isinstance(field, types.Array) for field in bundle]
    unpack = [f"{name} = {bundle_name}[{i}]" for i, name in enumerate(names)]
    gather = ", ".join(f"{name}[k]" if array else name for name, array in zip(names, is_array, strict=True)) + ","
    store = [f"{name}[k] = q[{i}]" for i, (name, array) in enumerate(zip(names, is_array, strict=True)) if array]
    return unpack, gather, store


def show(step: Any, state: Any, arguments: str, loop: str, body: list[str]) -> str:
    """The source of one sweep. In `body`, STEP and STATE stand for the scalar tuples of neuron k, STORE for q's return."""
    step_unpack, step_gather, _ = _fields("c", "step", step)
    state_unpack, state_gather, store = _fields("s", "state", state)
    lines = [
        f"def sweep(step, state, {arguments}):",
        *(f"    {line}" for line in step_unpack + state_unpack),
        f"    {loop}",
    ]
    for line in body:
        written = line.replace("STEP", f"C({step_gather.rstrip(',')})").replace(
            "STATE", f"S({state_gather.rstrip(',')})"
        )
        indent = " " * (8 + len(line) - len(line.lstrip()))
        if line.strip() == "STORE":
            lines += [indent + each for each in store]
        else:
            lines.append(indent + written.lstrip())
    return "\n".join(lines) + "\n"


def _write(step: Any, state: Any, arguments: str, loop: str, body: list[str]) -> Any:
    names: dict[str, Any] = {
        "C": step.instance_class, "S": state.instance_class, "integrate": integrate, "excess": excess, "reset": reset,
        "receive": receive, "current": current, "decay": decay, "arrive": arrive,
    }  # fmt: skip
    exec(show(step, state, arguments, loop, body), names)
    return names["sweep"]


def advance(step: Any, state: Any, receptors: Any, drive: Any, bias: Any, flags: Any, t: int) -> None:
    """Let synapses take what arrived in the step before t, add their currents to the drive, let them decay and integrate
    over step t, all in one pass: each array is read and written once.

    flags[k] tells whether neuron k fired. Leaves `bias` in `drive`; where bias is () nothing was added to `drive`, which may
    then be one number for all.
    """


@overload(advance)
def _advance(step, state, receptors, drive, bias, flags, t):  # type: ignore[no-untyped-def]
    names = {"C": step.instance_class, "S": state.instance_class, "integrate": integrate, "excess": excess}
    names |= {"current": current, "decay": decay, "arrive": arrive}
    unpack_step, own_step, _ = _fields("c", "step", step)
    unpack_state, own_state, store = _fields("s", "state", state)
    before, inside = unpack_step + unpack_state, ["total = drive[k]" if isinstance(drive, types.Array) else "total = drive"]
    for r, receptor in enumerate(receptors):
        of = dict(zip(receptor.fields, receptor.types, strict=True))
        names |= {f"C{r}": of["step"].instance_class, f"S{r}": of["state"].instance_class}
        unpack, gather_step, _ = _fields(f"a{r}_", f"receptors[{r}].step", of["step"])
        before += unpack
        unpack, gather_state, keep = _fields(f"b{r}_", f"receptors[{r}].state", of["state"])
        before += unpack
        before.append(f"ring{r} = receptors[{r}].ring[(t - 1) % receptors[{r}].ring.shape[0]]")
        inside += [
            f"synapse = arrive(C{r}({gather_step}), S{r}({gather_state}), ring{r}[k])",
            f"ring{r}[k] = 0.0",
            f"total += current(C{r}({gather_step}), synapse, s{state.fields.index('v')}[k])",
            f"q = decay(C{r}({gather_step}), synapse)",
            *keep,
        ]
    inside += [
        f"q = integrate(C({own_step}), S({own_state}), total)", f"flags[k] = excess(C({own_step}), q) >= 0.0", *store,
    ]  # fmt: skip
    if isinstance(bias, types.Array):
        inside.append("drive[k] = bias[k]")
    lines = ["def sweep(step, state, receptors, drive, bias, flags, t):", *(f"    {line}" for line in before)]
    lines += ["    for k in range(flags.size):", *(f"        {line}" for line in inside)]
    exec("\n".join(lines) + "\n", names)
    return names["sweep"]


def reset_spiked(step: Any, state: Any, spikes: Any, count: Any, low: Any) -> None:
    """Reset the first `count` neurons of `spikes`, which are counted from `low`."""


@overload(reset_spiked)
def _reset_spiked(step, state, spikes, count, low):  # type: ignore[no-untyped-def]
    body = ["k = spikes[i] - low", "q = reset(STEP, STATE, True)", "STORE"]
    return _write(step, state, "spikes, count, low", "for i in range(count):", body)


def deliver_jumps(step: Any, state: Any, arriving: Any) -> None:
    """Let every neuron receive its jump and clear it."""


@overload(deliver_jumps)
def _deliver_jumps(step, state, arriving):  # type: ignore[no-untyped-def]
    body = ["q = receive(STEP, STATE, arriving[k])", "STORE", "arriving[k] = 0.0"]
    return _write(step, state, "arriving", "for k in range(arriving.size):", body)


def accumulate_arrivals(step: Any, state: Any, arriving: Any) -> None:
    """Let every neuron's synapse take the spikes that arrive now, and clear them."""


@overload(accumulate_arrivals)
def _accumulate_arrivals(step, state, arriving):  # type: ignore[no-untyped-def]
    body = ["q = arrive(STEP, STATE, arriving[k])", "STORE", "arriving[k] = 0.0"]
    return _write(step, state, "arriving", "for k in range(arriving.size):", body)
