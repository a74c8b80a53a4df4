"""The workload `continual`: what Hebbian orthogonal projection adds to a step of training, over ten tasks one after the other.

The network and the rows of each task are those of permuted MNIST in Xiao et al. 2024 (arXiv 2402.11984): 784-800-800-10 without
biases, batches of 64; the images are random. `synfire` is the plain rule and `synfire-hlop` the rule with the projection, so that
its ratio is the cost; `torch` and `torch-hlop` do the same steps as one would write them down. Each task is
learned by `fit`, as a user would; what happens between tasks is not counted. Neurons are the paper's, spiking ones that are
differentiated through their rate, or rate neurons.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import time
from itertools import pairwise
from typing import Any

from .workload import Run, Workload

__all__ = ["workload"]

SIZES, BATCH, TASKS, STEPS = (784, 800, 800, 10), 64, 10, 20
BATCHES = 20  # of each task
RATE = 0.1
RANKS = ((80, 200, 100), *((k,) * 3 for k in (70, 70, 50, 50, 50, 30, 30, 30, 10)))
HEBBIAN_RATES = (0.001, 0.01, 0.01)


def workload(argument: str) -> Workload:
    """The argument is "rate", neurons without time, or "spiking", 20 steps of spiking ones."""
    simulators: dict[str, Any] = {
        "synfire": lambda cache, batches: _ours(argument, False, batches, cache),
        "synfire-hlop": lambda cache, batches: _ours(argument, True, batches, cache),
        "torch": lambda cache, batches: _torchs(argument, False, batches),
        "torch-hlop": lambda cache, batches: _torchs(argument, True, batches),
    }
    sizes = "-".join(map(str, SIZES))
    summary = (
        f"projection on {argument} neurons: {sizes}, batch {BATCH}; run is {BATCHES} batches of each of {TASKS} tasks"
    )
    return Workload(summary, TASKS * BATCHES * 1e-3, simulators, None)  # a batch counts as a millisecond


@dataclasses.dataclass(frozen=True)
class _Task:
    """`Samples`: images of no meaning, as normalised ones are spread, shown for so many steps."""

    number: int
    batches: int
    steps: int

    def __len__(self) -> int:
        return self.batches * BATCH

    def batch(self, indices: Any) -> tuple[Any, Any]:
        x, labels = _images(self.number, self.batches)
        return x[:, indices].expand(self.steps, -1, -1), labels[indices]


@functools.cache
def _images(number: int, batches: int) -> tuple[Any, Any]:
    import torch

    draw = torch.Generator().manual_seed(number)
    x = torch.rand(1, batches * BATCH, SIZES[0], generator=draw).sub_(0.5).mul_(12.0**0.5)
    return x, torch.randint(0, SIZES[-1], (batches * BATCH,), generator=draw)


def _setting(kind: str) -> tuple[Any, Any]:
    """(network, modifier)."""
    from ...neurons import Relu
    from ...plasticity import EachStep, OrthogonalProjection, TimeMean
    from ...reservoirs import dsr_network, perceptron

    rows: Any = EachStep() if kind == "rate" else TimeMean(tau_steps=float(STEPS))
    modifier = OrthogonalProjection(ranks=RANKS, learning_rate=HEBBIAN_RATES, rows=rows)
    if kind == "rate":
        return perceptron(SIZES, activation=Relu(), seed=0), modifier
    return dsr_network(SIZES, seed=0), modifier


def _ours(kind: str, projects: bool, batches: int, cache: str | None) -> Run:
    if cache is not None:
        os.environ["SYNFIRE_CACHE"] = cache
    import torch

    from ... import __version__
    from ...plasticity import BPTT, chain
    from ...reservoirs import fit, sgd

    torch.set_num_threads(1)
    network, modifier = _setting(kind)
    rule = chain(BPTT(), *([modifier] if projects else []))
    steps = 1 if kind == "rate" else STEPS
    state, options = rule.init(network), {"epochs": 1, "batch": BATCH, "optimisers": sgd(RATE), "progress": False}
    imported = time.time()
    fit(network, rule, _Task(0, 1, steps), **options)  # type: ignore[arg-type]  # it compiles
    finished, seconds = time.time(), 0.0
    for number in range(TASKS):
        trained = fit(network, rule, _Task(number, _each(batches), steps), state=state, **options)  # type: ignore[arg-type]
        seconds += float(trained.history.seconds[0])
        network, state = trained.network, rule.end_task(trained.network, [], trained.state)
    return Run(imported, finished + seconds, seconds, None, 0.0, __version__)


def _each(batches: int) -> int:
    return max(batches // TASKS, 1)


def _torchs(kind: str, projects: bool, batches: int) -> Run:
    import torch

    from .continual_peer import Peer, peer_gradients

    torch.set_num_threads(1)
    draw = torch.Generator().manual_seed(0)
    weights = [(2.0 * torch.rand(n, m, generator=draw) - 1.0).div_(n**0.5) for n, m in pairwise(SIZES)]
    subspaces = [Peer(torch.empty(0, n), rate) for n, rate in zip(SIZES, HEBBIAN_RATES, strict=False)]
    imported, seconds = time.time(), 0.0
    for number in range(TASKS):
        for subspace, rank in zip(subspaces, RANKS[number], strict=True):
            if projects:
                subspace.begin(rank, draw)
        x, labels = _images(number, _each(batches))
        began = time.perf_counter()
        for at in range(0, len(labels), BATCH):
            chosen = slice(at, at + BATCH)
            steps = 0 if kind == "rate" else STEPS
            found = peer_gradients(weights, subspaces, x[0, chosen], labels[chosen], steps, projects)
            for weight, gradient in zip(weights, found, strict=True):
                weight.sub_(gradient, alpha=RATE)
        seconds += time.perf_counter() - began
    return Run(imported, imported + seconds, seconds, None, 0.0, torch.__version__)
