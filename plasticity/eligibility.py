"""What each synapse onto a layer of neurons has to do with their spikes, carried forward in time.

For neuron j with state x_j (before the threshold test), input current I_j and spike s_j, at every step

    M_j[t] = dx_j[t]/dx_j[t-1],  g_j[t] = dx_j[t]/dI_j[t],  f_j[t] = ds_j[t]/dx_j[t]

come from the model's own `integrate`, `excess` and `reset`, by automatic differentiation: they are elementwise. Then

    vector_ji[t] = M_j[t] vector_ji[t-1] + g_j[t] pre_i[t]         the eligibility vector, one entry for each state variable
    e_ji[t]      = f_j[t] . vector_ji[t]                           the eligibility trace
    filtered[t]  = decay filtered[t-1] + e_ji[t]                   as a readout that leaks remembers it

and a sum of filtered traces times signals, Σ_t signal_j[t] filtered_ji[t], is computed for a window of steps at a time: within
a window the sum is taken from its end to its beginning, neuron by neuron, and meets the presynaptic activity in one matrix
product; from one window to the next the vectors and the filtered trace of every synapse are carried. That is the same sum,
and what is kept does not grow with time.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..neurons.spiking import Recurrent, Spiking

__all__ = ["Eligibility", "Responses", "Window", "run_window"]

_COUNTERS = ("refractory", "sample", "count")  # state variables that count steps: nothing has a derivative by them


class Responses(NamedTuple):
    """Of n neurons with S differentiable state variables over a window of T steps.

    transition: M, (T, S, S, batch, n), row by column; entry: g, (T, S, batch, n); firing: f, (T, S, batch, n)
    """

    transition: Tensor
    entry: Tensor
    firing: Tensor


class Window(NamedTuple):
    """spikes: (T, batch, n); heard: the spikes of the step before each, (T, batch, n); last: (state before the threshold test,
    state after, spikes), each (batch, n), from which the next window goes on."""

    spikes: Tensor
    heard: Tensor
    last: tuple[Any, Any, Tensor]
    responses: Responses


def run_window(layer: Spiking, current: Tensor, last: tuple[Any, Any, Tensor] | None, *, adaptation: bool) -> Window:
    """A layer's spikes over a window of currents (T, batch, n), its own recurrent ones included, and its responses.

    Parameters   last         of the window before; None at the beginning
                 adaptation   whether a spike's effect on state variables other than v counts as an effect of the state that
                              fired; on v it never does
    """
    step = layer.step(current)
    if last is None:
        rest = layer.initial_state(current, current.shape[1])
        last = rest, rest, torch.zeros_like(current[0])
    with torch.no_grad():
        weight = layer.gain * layer.weight if isinstance(layer, Recurrent) else None
        before, fired, heard, currents = [last[0]], [last[2]], [], []
        state = last[1]
        for given in current:
            heard.append(fired[-1])
            currents.append(given if weight is None else given + fired[-1] @ weight)
            before.append(step.integrate(state, currents[-1]))
            fired.append((step.excess(before[-1]) >= 0.0).to(given.dtype))
            state = step.reset(before[-1], fired[-1])
        states = type(state)(*(torch.stack(each) for each in zip(*before, strict=True)))
        spikes, entered = torch.stack(fired), torch.stack(currents)
    responses = _responses(layer, step, states, spikes, entered, adaptation)
    return Window(spikes[1:], torch.stack(heard), (before[-1], state, fired[-1]), responses)


def _responses(layer: Spiking, step: Any, states: Any, spikes: Tensor, current: Tensor, adaptation: bool) -> Responses:
    """The three derivatives; states and spikes hold one step more than current, the one before the window."""
    names = [name for name in states._fields if name not in _COUNTERS]
    with torch.enable_grad():
        leaves = {name: getattr(states, name).clone().requires_grad_() for name in names}
        state, current = states._replace(**leaves), current.clone().requires_grad_()
        soft = layer.fired(step, state)
        firing = torch.stack(_by(soft, [leaves[name] for name in names]), 1)[1:]
        after = step.reset(state, spikes)
        if adaptation:
            jump = step.reset(state, torch.ones_like(spikes))
            effect = soft - soft.detach()  # zero, with the surrogate's derivative
            moved = {n: getattr(after, n) + effect * (getattr(jump, n) - leaves[n]).detach() for n in names if n != "v"}
            after = after._replace(**moved)
        new = step.integrate(type(after)(*(each[:-1] for each in after)), current)
        rows = [_by(getattr(new, name), [*(leaves[n] for n in names), current]) for name in names]
    entry = torch.stack([row[-1] for row in rows], 1)
    transition = torch.stack([torch.stack([each[:-1] for each in row[:-1]]) for row in rows]).permute(2, 0, 1, 3, 4)
    return Responses(transition, entry, firing)


class Eligibility:
    """Sums of signals times eligibility traces over a sequence, window by window, for all synapses onto one layer.

    Parameters   decay      of the filter, per step; 0: none
                 averaged   whether the unfiltered traces are summed too
    Attributes   by_signal   (n_pre, n): Σ signal filtered, over time and batch
                 by_one      (n_pre, n): Σ e, if `averaged`
    """

    def __init__(self, decay: float, *, averaged: bool = False) -> None:
        self.decay, self.averaged = decay, averaged
        self.by_signal: Any = 0.0
        self.by_one: Any = 0.0
        self._carried: Tensor | None = None  # (batch, S + 1, n, n_pre): the vectors, and the filtered trace
        self._spare: Tensor | None = None  # those of the window before, to be written over

    def add(self, responses: Responses, signal: Tensor, pre: Tensor, *, last: bool) -> None:
        """A window: signal (T, batch, n), pre (T, batch, n_pre). `last`: none follows, so nothing is carried on."""
        transition, entry, firing = responses
        size = entry.shape[1]  # S
        # what is wanted, first to last: the sum with the signal, the plain sum, the vectors and the filtered trace at the end
        sums = 2 if self.averaged else 1
        wanted = sums + (0 if last else size + 1)
        batch, n = signal.shape[1:]
        trace = signal.new_zeros((wanted, batch, n))  # d wanted / d filtered[t]
        vector = signal.new_zeros((wanted, size, batch, n))  # d wanted / d vector[t]
        if not last:
            trace[-1] = 1.0
            vector[sums : sums + size] = torch.eye(size).to(signal)[:, :, None, None]
        drawn = signal.new_empty((len(signal), wanted, batch, n))  # d wanted / d pre[t]
        for t in range(len(signal) - 1, -1, -1):
            trace[0] += signal[t]
            vector = vector + firing[t] * trace[:, None]
            if self.averaged:
                vector[1] += firing[t]
            drawn[t] = (entry[t] * vector).sum(1)
            trace = self.decay * trace
            vector = torch.einsum("xybn,kxbn->kybn", transition[t], vector)
        self.by_signal = self.by_signal + _product(pre, drawn[:, 0])
        if self.averaged:
            self.by_one = self.by_one + _product(pre, drawn[:, 1])
        back = torch.cat([vector, trace[:, None]], 1)  # (wanted, S + 1, batch, n), by what was carried into the window
        if self._carried is not None:
            self.by_signal = self.by_signal + _met(back[0], self._carried)
            if self.averaged:
                self.by_one = self.by_one + _met(back[1], self._carried)
        if last:
            return
        rows = drawn[:, sums:].permute(2, 1, 3, 0).flatten(1, 2)  # (batch, (S + 1) n, T)
        made = self._spare if self._spare is not None else pre.new_empty((batch, size + 1, n, pre.shape[2]))
        torch.bmm(rows, pre.transpose(0, 1), out=made.view(batch, (size + 1) * n, -1))
        if self._carried is not None:
            for k in range(size + 1):
                for x in range(size if k < size else size + 1):  # no vector depends on the filtered trace
                    made[:, k].addcmul_(back[sums + k, x, :, :, None], self._carried[:, x])
        self._carried, self._spare = made, self._carried


def _met(back: Tensor, carried: Tensor) -> Tensor:
    """Σ back (S + 1, batch, n) times carried (batch, S + 1, n, n_pre) over both, sample by sample: (n_pre, n)."""
    total = torch.zeros_like(carried[0, 0])
    for sample, vectors in enumerate(carried):
        for x, each in enumerate(vectors):
            total.addcmul_(back[x, sample, :, None], each)
    return total.T


def _product(pre: Tensor, drawn: Tensor) -> Tensor:
    return pre.flatten(0, 1).T @ drawn.flatten(0, 1)


def _by(value: Tensor, inputs: list[Tensor]) -> list[Tensor]:
    """The derivative of each element by the same element of each input, zeros where there is none."""
    found = torch.autograd.grad(value.sum(), inputs, retain_graph=True, allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for g, x in zip(found, inputs, strict=True)]
