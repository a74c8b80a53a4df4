"""Answers before a sequence is over: a network is run in pieces, and samples whose answer is sure enough are dropped."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from ..neurons.errors import InvalidValue
from ..neurons.layer import check_sequence, selected
from ..neurons.normalise import Count, Extend
from .layered import Feedforward
from .training import _on_device, _samples

__all__ = ["EarlyExits", "ExitPolicy", "exit_early", "running_scores"]


class ExitPolicy(Protocol):
    """When a sample is answered: at the first step at which it stops, else at the last."""

    def stops(self, accumulated: Tensor, first: int = 0) -> Tensor:
        """(time, batch) truth values of scores (time, batch, classes) accumulated up to each step, the first of which is step
        `first` of the sequence, counted from 0."""
        ...


class EarlyExits(NamedTuple):
    """What `exit_early` found, each (batch,) int64.

    answers     class numbers
    steps       after how many steps each sample was answered, 1 ... T
    steps_run   for how many steps it was run: to the end of the piece in which it was answered
    """

    answers: Tensor
    steps: Tensor
    steps_run: Tensor


def exit_early(
    network: Feedforward, x: Tensor, policy: ExitPolicy, *, every: int = 1, samples: Any = None
) -> EarlyExits:
    """Run a trained network in pieces; a sample is dropped at the end of the piece in which it was answered.

    Answers and steps are those that the policy gives for the outputs of the whole sequence, but for the rounding of matrix
    products of other sizes. The network runs in evaluation mode, without gradients; its own mode is kept.

    Parameters   network   its objective says what is accumulated, by `so_far`
                 x         (time, batch, features...)
                 policy    fitted: `DynamicConfidence(...).fit(...)`, `MarginCutoff(...).fit(...)`, or the caller's own
                 every     steps to a piece, >= 1: long ones cost less each, short ones waste fewer steps
                 samples   numbers of the samples, (batch,), by which neurons draw that fire by chance; default 0, 1, ...: those
                           that `running_scores` and `evaluate` give the same samples
    Raises       InvalidValue; also for an objective that has no answer before the end (targets in time), and for layers that
                 cannot be given a sequence in pieces
    """
    so_far = _so_far(network)
    _check_pieces(network)
    check_sequence("exit_early: x", x)
    if isinstance(every, bool) or not isinstance(every, int) or every < 1:
        raise InvalidValue("exit_early: every", every, "a whole number of steps >= 1")
    steps, batch = x.shape[:2]
    found = EarlyExits(*(torch.zeros(batch, dtype=torch.int64, device=x.device) for _ in range(3)))
    alive = torch.arange(batch, device=x.device)
    numbers = alive if samples is None else torch.as_tensor(samples)
    if numbers.shape != (batch,):
        raise InvalidValue(
            "exit_early: samples", f"shape {tuple(numbers.shape)}", f"({batch},), a number for each sample"
        )
    state: Any = network.begin(numbers)
    carry: Any = None
    was = network.training
    network.eval()
    try:
        with torch.no_grad():
            for first in range(0, steps, every):
                piece = x[first : first + every]
                outputs, state = network(piece if len(alive) == batch else piece[:, alive], state)
                if len(outputs) != len(piece):
                    legal = "as many outputs as steps, so that a sequence can be given in pieces"
                    raise InvalidValue("exit_early: network", f"{len(outputs)} outputs of {len(piece)} steps", legal)
                accumulated, carry = so_far(outputs, carry)
                stops = policy.stops(accumulated, first)
                done, when = stops.any(0), stops.int().argmax(0)
                if first + len(piece) == steps:
                    when = torch.where(done, when, len(piece) - 1)
                    done = torch.ones_like(done)
                if bool(done.any()):
                    out, at = alive[done], when[done]
                    found.answers[out] = accumulated[at, torch.nonzero(done)[:, 0]].argmax(-1)
                    found.steps[out] = first + 1 + at
                    found.steps_run[out] = first + len(piece)
                    alive = alive[~done]
                    if not len(alive):
                        break
                    state, carry = network.select(state, ~done), selected(carry, ~done)
    finally:
        network.train(was)
    return found


def running_scores(network: Feedforward, data: Any, *, batch: int = 128) -> tuple[Tensor, Tensor]:
    """(accumulated, target) of a data set: what policies are fitted to, and curves are drawn from.

    accumulated (time, sample, classes) are scores of all outputs up to each step, as the network's objective has them; the
    largest at the last step is the network's answer. In evaluation mode; the network's own mode is kept. Neurons that fire by
    chance draw by the number of the sample in the set, whatever the size of a batch, as in `evaluate`.

    Parameters   data    (x, target) or `Samples`, as `fit` takes it
                 batch   samples that are run at a time
    Raises       InvalidValue, as `exit_early`
    """
    so_far, was = _so_far(network), network.training
    samples = _samples("data", data)
    network.eval()
    scores, targets = [], []
    try:
        with torch.no_grad():
            for chosen in np.split(np.arange(len(samples)), range(batch, len(samples), batch)):
                given = _on_device(network, samples.batch(chosen))
                scores.append(so_far(network(given.x, samples=chosen)[0])[0])
                targets.append(given.target)
    finally:
        network.train(was)
    return torch.cat(scores, 1), torch.cat(targets)


def _so_far(network: Any) -> Any:
    if not isinstance(network, Feedforward):
        raise InvalidValue("network", type(network).__name__, "a Feedforward network")
    known = getattr(network.objective, "so_far", None)
    if known is None:
        found = f"{type(network.objective).__name__}, which has no answer before the end"
        legal = "one of classes, with `so_far`"
        raise InvalidValue("network.objective", found, legal, "e.g. MeanCrossEntropy(), StepCrossEntropy()")
    return known


def _check_pieces(network: Feedforward) -> None:
    for name, layer in network.named_modules():
        if isinstance(layer, Extend | Count):
            fix = "give silent steps in x" if isinstance(layer, Extend) else "leave it out and take CountCrossEntropy()"
            legal = "layers that can be given a sequence in pieces"
            raise InvalidValue(f"exit_early: {name}", type(layer).__name__, legal, fix)
