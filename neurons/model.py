"""What a neuron model is, and how compiled code finds its methods.

A model is a `Neuron` (parameters), a NamedTuple of state, and a NamedTuple of coefficients, the *step*, whose methods
are the definition:

    integrate(state, current) -> state     one step of the dynamics
    excess(state) -> value                 the neuron fires where this is >= 0
    reset(state, spiked) -> state          what a spike does to the neuron itself
    receive(state, jump) -> state          an instantaneous input (a `Delta` synapse), between threshold and reset

They are arithmetic and `where`: no loops, no writes. Compiled code finds them by the type of the step, so a user's
subclass that overrides one of them compiles like ours.
"""

from __future__ import annotations

import dataclasses
import warnings
from types import FunctionType
from typing import Any, ClassVar, Protocol

import numpy as np
from numba import types
from numba.extending import overload, register_jitable

from .maths import Value
from .parameters import Parameters

__all__ = ["Neuron", "Step", "excess", "integrate", "receive", "reset", "warn_if_coarse"]


class Step(Protocol):
    """The coefficients of a model at one dt, and the four methods that define it. State is a NamedTuple."""

    def integrate(self, state: Any, current: Value) -> Any: ...
    def excess(self, state: Any) -> Value: ...
    def reset(self, state: Any, spiked: Value) -> Any: ...
    def receive(self, state: Any, jump: Value) -> Any: ...


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Neuron(Parameters):
    """Base of neuron models. A subclass adds its fields, `discretise` and `initial_state`.

    ordered   pairs of fields of which the first must stay below the second, as `check` demands; training keeps to it
    """

    ordered: ClassVar[tuple[tuple[str, str], ...]] = ()

    def discretise(self, dt: float) -> Any:
        """The step of this model at `dt` ms: where exponentials are taken, once."""
        raise NotImplementedError

    def initial_state(self) -> Any:
        """The state at time 0, a NamedTuple of numbers or of arrays of one value per neuron."""
        raise NotImplementedError

    def exponential_gain(self, dt: float, tau_syn: Value) -> Value:
        """The constant current over a step of dt that moves the neuron as far as one that starts at 1 and decays.

        1 for models integrated by Euler's method, which read a current at the start of the step.
        """
        return 1.0


def warn_if_coarse(field: str, tau: Value, dt: float) -> None:
    """Warn when dt exceeds a time constant: the result is stable but its time course is not resolved."""
    smallest = float(np.min(tau.detach().cpu().numpy() if hasattr(tau, "detach") else tau))
    if dt > smallest:
        warnings.warn(
            f"{field} = {smallest:g} ms is shorter than dt = {dt:g} ms: its time course is not resolved; lower dt",
            RuntimeWarning,
            stacklevel=3,
        )


def method_of(step_type: Any, name: str) -> Any:
    """The jitable method `name` of the NamedTuple class behind a Numba type, or None for other types.

    Where the coefficients are float32, so are the method's literals: as in NumPy, a written 0.5 takes the precision of
    what it meets, and does not turn the arithmetic around it into float64.
    """
    if not isinstance(step_type, types.BaseNamedTuple):
        return None
    method = getattr(step_type.instance_class, name)
    return register_jitable(_with_single_literals(method) if _is_single(step_type) else method)


def _is_single(kind: Any) -> bool:
    if isinstance(kind, types.BaseTuple):
        return any(_is_single(field) for field in kind)
    return getattr(kind, "dtype", kind) == types.float32


def _with_single_literals(method: Any) -> Any:
    code = method.__code__
    constants = tuple(np.float32(c) if isinstance(c, float) else c for c in code.co_consts)
    made = FunctionType(
        code.replace(co_consts=constants), method.__globals__, method.__name__, method.__defaults__, method.__closure__
    )
    return made


def integrate(step: Any, state: Any, current: Value) -> Any:
    """`step.integrate(state, current)`, in compiled code too."""
    return step.integrate(state, current)


@overload(integrate)
def _integrate(step, state, current):  # type: ignore[no-untyped-def]
    method = method_of(step, "integrate")
    return lambda step, state, current: method(step, state, current)


def excess(step: Any, state: Any) -> Value:
    """`step.excess(state)`, in compiled code too."""
    return step.excess(state)


@overload(excess)
def _excess(step, state):  # type: ignore[no-untyped-def]
    method = method_of(step, "excess")
    return lambda step, state: method(step, state)


def reset(step: Any, state: Any, spiked: Value) -> Any:
    """`step.reset(state, spiked)`, in compiled code too."""
    return step.reset(state, spiked)


@overload(reset)
def _reset(step, state, spiked):  # type: ignore[no-untyped-def]
    method = method_of(step, "reset")
    return lambda step, state, spiked: method(step, state, spiked)


def receive(step: Any, state: Any, jump: Value) -> Any:
    """`step.receive(state, jump)`, in compiled code too."""
    return step.receive(state, jump)


@overload(receive)
def _receive(step, state, jump):  # type: ignore[no-untyped-def]
    method = method_of(step, "receive")
    return lambda step, state, jump: method(step, state, jump)
