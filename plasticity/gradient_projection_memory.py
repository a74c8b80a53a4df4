"""Gradient projection memory: weights change only where finished tasks had no activity, whose directions an exact SVD finds."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..neurons.dense import Conv, Dense
from ..neurons.errors import InvalidValue
from ..neurons.randomness import check_seed, setup_generator
from .activity_rows import TimeMean, once
from .factors import Factors, as_matrix, as_weight, connections_of, heard
from .modifier import FinishedTask, Modifier

__all__ = ["Energy", "GradientProjectionMemory", "ProjectionMemory", "Ranks"]

_STREAM = 264


class ProjectionMemory(NamedTuple):
    """tasks: how many are finished; bases: by the weight's name, orthonormal directions (n, k) that it must not answer anew."""

    tasks: int
    bases: dict[str, Tensor]


@dataclasses.dataclass(frozen=True)
class Energy:
    """As few directions as make the memory hold a share of the finished task's energy, what it held before included.

    Parameters   first    share after the first task, in (0, 1]
                 growth   by which it is larger after each later one, up to 1; >= 0
    Raises       InvalidValue
    Source       Saha, Garg & Roy 2021, arXiv 2103.09762, eq. 9; 0.95 and 0.003 as for its permuted MNIST and CIFAR-100
    Deviations   one share for all connections
    """

    first: float = 0.95
    growth: float = 0.003

    def __post_init__(self) -> None:
        for name, value, most in (("first", self.first, 1.0), ("growth", self.growth, math.inf)):
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not 0.0 <= value <= most or math.isinf(value) or (name == "first" and not value):
                raise InvalidValue(f"Energy.{name}", value, "in (0, 1]" if name == "first" else ">= 0 and finite")

    def check(self, connections: int) -> None:
        """Suits any number of connections."""

    def count(self, task: int, connection: int, held: float, energies: Tensor) -> int:
        """How many more directions; `energies` of the residual, descending, and `held` by the memory, in the same unit."""
        wanted = min(self.first + self.growth * task, 1.0) * (held + float(energies.sum()))
        return 0 if held >= wanted else int((held + energies.cumsum(0) < wanted).sum()) + 1


@dataclasses.dataclass(frozen=True)
class Ranks:
    """So many directions for each connection after each task.

    Parameters   per_task   for each task one number >= 0 per connection, in the network's order; the last one goes on
    Raises       InvalidValue; also when a network has another number of connections
    """

    per_task: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        rows = self.per_task
        whole = isinstance(rows, Sequence) and all(isinstance(row, Sequence) for row in rows) and len(rows) > 0
        if not whole or any(isinstance(k, bool) or not isinstance(k, int) or k < 0 for row in rows for k in row):
            raise InvalidValue("Ranks.per_task", rows, "for each task whole numbers >= 0", "e.g. ((80, 60), (50, 35))")
        if len({len(row) for row in rows}) > 1:
            raise InvalidValue("Ranks.per_task", [len(row) for row in rows], "as many numbers for each task")

    def check(self, connections: int) -> None:
        """Raises InvalidValue for another number of connections than these are for."""
        if len(self.per_task[0]) != connections:
            found = f"{len(self.per_task[0])} numbers"
            raise InvalidValue("Ranks.per_task", found, f"{connections}, one per connection")

    def count(self, task: int, connection: int, held: float, energies: Tensor) -> int:
        """How many more directions."""
        return self.per_task[min(task, len(self.per_task) - 1)][connection]


@dataclasses.dataclass(frozen=True, kw_only=True)
class GradientProjectionMemory(Modifier):
    """Gradients lose their part along the directions of presynaptic activity that finished tasks had.

        G <- G - M Mᵀ G,   G (n, units), M (n, k) with orthonormal columns

    so that what a connection makes of an input in the span of M stays as it is. At the end of a task the activity of each
    connection, rows X (rows, n), loses what M holds already, X - X M Mᵀ; of what is left M gets the first right singular
    vectors, as eigenvectors of Σ xᵀx, which is summed up in float64 batch by batch and needs no samples in store. Directions
    without energy above rounding are never kept, so there may be fewer than `keep` asks for.

    A row is what a unit heard of one sample; of a sequence its mean over time, by weights exp(-(steps left) / tau_steps).
    For a kernel it is one patch of that. From the second task on, parameters with one dimension or none (biases, norms,
    neurons') get no gradients. Weights that the rule itself learns are free.

    The law is on gradients: it holds of weights under SGD, with momentum that starts anew with each task, but not under weight
    decay or optimisers that scale each weight by itself (Adam).

    Parameters   keep        `Energy(...)` or `Ranks(...)`: how many directions after each task; default Energy()
                 tau_steps   of the weights over time, in steps, > 0; None: the plain mean
                 patches     of each sample that a kernel's rows are, at most, drawn at random; >= 1
                 free        names of parameters that are never projected nor held, as those of a head for each task; `Ranks`
                             counts the others
                 seed        of the patches; they are a pure function of the seed, the task's number and the batch's
    State        ProjectionMemory: `state.bases["layers.0.weight"]` (n, k)
    Raises       InvalidValue for names that are no parameters; at the end of the first task for weights that do not belong to
                 Dense or Conv
    Source       Saha, Garg & Roy 2021, arXiv 2103.09762
    Deviations   of sequences in time the mean is what is protected, where the source knows no time; the source takes a few
                 hundred samples of a task, this what it is shown
    """

    keep: Energy | Ranks = dataclasses.field(default_factory=Energy)
    tau_steps: float | None = None
    patches: int = 64
    free: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.keep, Energy | Ranks):
            raise InvalidValue("GradientProjectionMemory.keep", self.keep, "Energy(...) or Ranks(...)")
        tau = self.tau_steps
        number = isinstance(tau, int | float) and not isinstance(tau, bool)
        if tau is not None and (not number or not 0.0 < tau < math.inf):
            raise InvalidValue("GradientProjectionMemory.tau_steps", tau, "> 0 steps and finite, or None")
        if isinstance(self.patches, bool) or not isinstance(self.patches, int) or self.patches < 1:
            raise InvalidValue("GradientProjectionMemory.patches", self.patches, "a whole number >= 1")
        if isinstance(self.free, str) or not all(isinstance(name, str) for name in self.free):
            raise InvalidValue("GradientProjectionMemory.free", self.free, "names", 'e.g. ("layers.4.weight",)')
        check_seed("GradientProjectionMemory.seed", self.seed)

    def init(self, weights: Mapping[str, Tensor]) -> ProjectionMemory:
        for name in self.free:
            if name not in weights:
                raise InvalidValue("GradientProjectionMemory.free", name, "a parameter's name: " + ", ".join(weights))
        bound = {name: weight for name, weight in weights.items() if weight.ndim > 1 and self._binds(name)}
        self.keep.check(len(bound))
        return ProjectionMemory(0, {name: as_matrix(weight.detach())[:, :0].clone() for name, weight in bound.items()})

    @torch.no_grad()
    def update(
        self,
        gradients: dict[str, Tensor],
        state: ProjectionMemory,
        *,
        weights: Mapping[str, Tensor],
        activity: Mapping[str, Factors],
    ) -> tuple[dict[str, Tensor], ProjectionMemory]:
        if state.tasks == 0:
            return gradients, state
        changed = {}
        for name, gradient in gradients.items():
            if not self._binds(name):
                changed[name] = gradient
            elif name in state.bases:
                changed[name] = _without(gradient, state.bases[name])
        return changed, state

    @torch.no_grad()
    def end_task(self, task: FinishedTask, state: ProjectionMemory) -> ProjectionMemory:
        layers: dict[str, Any] = {name: layer for layer, name in connections_of(task.network).items()}
        for name in state.bases:
            if name not in layers:
                raise InvalidValue(
                    "GradientProjectionMemory: network", name, "weights of Dense or Conv alone",
                    "or set requires_grad_(False) on it, or name it in `free`",
                )  # fmt: skip
        if not task.batches:
            raise InvalidValue("GradientProjectionMemory: batches of the task", "none", "at least one")
        sums = {name: basis.new_zeros((len(basis),) * 2, dtype=torch.float64) for name, basis in state.bases.items()}
        mean = TimeMean(tau_steps=self.tau_steps)
        for k, batch in enumerate(task.batches):
            found = heard(task.network, batch.x)
            for j, (name, known) in enumerate(sums.items()):
                draw = setup_generator(self.seed, _STREAM, state.tasks, k, j)
                rows = _rows(layers[name], mean.of(once(found[name]))[0], self.patches, draw).to(known.dtype)
                known.addmm_(rows.t(), rows)
        bases = {}
        for j, (name, basis) in enumerate(state.bases.items()):
            bases[name] = self._extended(basis, sums[name], state.tasks, j)
        return ProjectionMemory(state.tasks + 1, bases)

    def _extended(self, basis: Tensor, energy: Tensor, task: int, connection: int) -> Tensor:
        """The basis with the first directions of what it does not hold of an energy Σ xᵀx (n, n)."""
        old, total = basis.double(), float(energy.trace())
        rest = energy - old @ (old.t() @ energy)
        rest = rest - (rest @ old) @ old.t()
        values, vectors = torch.linalg.eigh(0.5 * (rest + rest.t()))
        values, vectors = values.flip(0).clamp(min=0.0), vectors.flip(1)
        rounding = len(energy) * max(torch.finfo(basis.dtype).eps ** 2, torch.finfo(torch.float64).eps)
        there = int((values > rounding * total).sum())
        room = min(there, len(basis) - basis.shape[1])
        count = min(self.keep.count(task, connection, max(total - float(values.sum()), 0.0), values), room)
        new = vectors[:, :count]
        new = torch.linalg.qr(new - old @ (old.t() @ new))[0]  # weak directions are orthogonal to the old only so far
        return torch.cat([basis, new.to(basis.dtype)], 1)

    def _binds(self, name: str) -> bool:
        return name not in self.free and not name.startswith("rule.")


def _without(gradient: Tensor, basis: Tensor) -> Tensor:
    matrix = as_matrix(gradient)
    return as_weight(matrix - basis @ (basis.t() @ matrix), gradient)


def _rows(connections: Dense | Conv, x: Tensor, patches: int, draw: np.random.Generator) -> Tensor:
    """What units heard, (rows, n): x (batch, n) itself; of images so many patches of each, at different places."""
    if isinstance(connections, Dense):
        return x.to(connections.weight.dtype)
    size, stride = connections.kernel, connections.stride
    padded = functional.pad(x.to(connections.weight.dtype), (connections.padding,) * 4)
    seen = padded.unfold(2, size, stride).unfold(3, size, stride).permute(0, 2, 3, 1, 4, 5)  # a view: nothing is copied
    samples, height, width = seen.shape[:3]
    places = torch.from_numpy(np.argsort(draw.random((samples, height * width)), 1)[:, :patches].copy()).to(x.device)
    sample = torch.arange(samples, device=x.device)[:, None]
    return seen[sample, places // width, places % width].flatten(0, 1).flatten(1)
