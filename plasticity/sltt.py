"""Spatial learning through time: at each step backpropagation through the layers, never through time."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from ..neurons.errors import InvalidValue
from ..neurons.layer import size
from ..neurons.randomness import check_seed, setup_generator
from .credit import Batch, Credit, LayeredNetwork, trainable
from .stepwise import check_stepwise, detached, stepwise_target

__all__ = ["SLTT"]

_STREAM = 202


@dataclasses.dataclass(frozen=True, kw_only=True)
class SLTT:
    """The gradient of each step's loss through the layers of that step; what a state owes to earlier steps is constant.

        dL/dw = (1/T) Σ_t dL[t]/dw with every state of step t-1 held

    Parameters   steps   of the T steps of a batch, how many are drawn to learn from (SLTT-K); None: all
                 seed    of the draw, a pure function of (seed, number of the batch)
    Factors      presynaptic: the input of this step; postsynaptic: the surrogate derivative; third: the error of this step
                 sent back through the layers. It is `BPTT` for a single step, and `OTTT` with a leak of 0
    State        number of batches met
    Memory       flat in time: each step's graph is freed before the next
    Raises       InvalidValue for an objective without `step_loss` or a layer that cannot go step by step
    Source       Meng et al. 2023, arXiv 2302.14311
    Deviations   the time path of the readout's membranes and of recurrent spikes is cut too; the loss is the objective's
                 own, without a squared error; with `steps` the gradient is scaled by T/steps, so that its mean is SLTT's
    """

    steps: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps is not None:
            size("SLTT.steps", self.steps)
        check_seed("SLTT.seed", self.seed)

    def init(self, network: LayeredNetwork) -> int:
        check_stepwise("SLTT", network)
        return 0

    def gradients(self, network: LayeredNetwork, batch: Batch, state: int) -> Credit:
        check_stepwise("SLTT", network)
        parameters = trainable(network)
        learnt = self.drawn(len(batch.x), state)
        target, inner = batch.target, (None,) * len(network.layers)
        outputs, total = [], dict[str, Tensor]()
        for t in range(len(batch.x)):
            with torch.set_grad_enabled(t in learnt):
                output, inner = network(batch.x[t : t + 1], detached(inner))
                outputs.append(output.detach())
                target = stepwise_target(network, batch, output) if t == 0 else target
                if t not in learnt:
                    continue
                loss = network.objective.step_loss(output[0], target, t) / len(learnt)
                found = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
            for name, gradient in zip(parameters, found, strict=True):
                if gradient is not None:
                    total[name] = total[name].add_(gradient) if name in total else gradient.clone()
        made = torch.cat(outputs)
        return Credit(network.objective.loss(made, batch.target), network.objective.scores(made), total, state + 1)

    def drawn(self, time: int, batch: int) -> frozenset[int]:
        """Which steps of so many batch number `batch` learns from. Raises InvalidValue if there are fewer than `steps`."""
        if self.steps is None:
            return frozenset(range(time))
        if self.steps > time:
            raise InvalidValue("SLTT.steps", self.steps, f"<= {time}, the steps of the batch")
        return frozenset(setup_generator(self.seed, _STREAM, batch).choice(time, self.steps, replace=False).tolist())
