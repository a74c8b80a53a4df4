"""Continual learning by Hebbian orthogonal projection: weights change only where the activity of earlier tasks has no part."""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from ..neurons.dense import Conv
from ..neurons.errors import InvalidValue
from ..neurons.layer import size
from ..neurons.randomness import check_seed, setup_generator
from .activity_rows import EachStep, Rows, TimeMean, Traces, gained, once, traces
from .factors import Factors, as_matrix, as_weight
from .hebbian_subspace import Hebbian, from_second_moments, learned, residual
from .lateral import Lateral, LinearLateral, SpikingLateral
from .modifier import FinishedTask, Modifier
from .subspace import Subspace, Subspaces, orthonormal_basis, product, random_rows

__all__ = ["OrthogonalProjection"]

_STREAM = 262
_LONGEST = 2.0  # eigenvalue of H H.T, of one task's rows, beyond which a part along them grows by being "taken away"


@dataclasses.dataclass(frozen=True, kw_only=True)
class OrthogonalProjection(Modifier):
    """Hebbian learning based orthogonal projection (HLOP): lateral neurons learn the subspace in which a layer's input lives on a
    task; in later tasks they take that part from the presynaptic trace of every weight's change, so outputs for it stay.

        dW = Σ (x - x̂) δ.T,   x̂ = H_old.T H_old x,   x: gain times presynaptic activity, δ: the rule's own error
        H:  y = H x;   dH = <y (x - H.T y).T>, clipped to ±10;   P <- momentum P + (1 - momentum) dH;   H <- H + learning_rate P

    The rows H_old of earlier tasks are frozen; with each task new ones come, as many as `ranks` says while there is room.
    Activity itself stays as it is. After the first task parameters that are no matrix (biases, gains, thresholds) stay put.
    An optimiser that scales single entries (Adam) or shrinks weights leaves the subspace again: take `sgd`.

    Parameters   ranks          rows that come with a task: one number, of all connections and tasks; or for each task one for
                                each connection in order, 0: it is not projected. The last task's hold for all that follow
                 learning_rate  of H, 1 / activity², > 0: one number, or one for each connection. Needs to be small beside
                                1 / the mean square length of x
                 iterations     of learning H on each batch, >= 1
                 momentum       in [0, 1)
                 lateral        `LinearLateral()` or `SpikingLateral(...)`
                 rows           which activity teaches H: `EachStep()` or `TimeMean(...)`
                 orthonormal    whether the rows of all tasks are made orthonormal when one ends, so that the projection is one
                 seed           of new rows; they are a pure function of (seed, task, connection)
    State        `Subspaces`: frozen rows, new rows and their momentum, by the weight's name
    Warns        at the end of a task if its rows have grown instead of converging
    Raises       InvalidValue; at the first batch for connections that show no factors (Recurrent, delayed). Spiking lateral
                 neurons answer to activity, not to gradients: they are refused for a gradient that is not gain Σ x δ, because
                 of the rule or of a modifier before this one
    Source       Xiao et al. 2024, arXiv 2402.11984, and its authors' code; H: Oja 1989, doi:10.1142/S0129065789000475
    Deviations   `orthonormal` is ours. OTTT's traces teach H alone, where the source stacks spikes on them. Running statistics
                 of normalisation go on. With `TimeMean` and errors that stand still, as of spike representation, the trace is
                 activity's plain mean, as in the source, but not quite what H has learned
    """

    reads_activity: ClassVar[bool] = True

    ranks: int | Sequence[Sequence[int]]
    learning_rate: float | Sequence[float] = 0.01
    iterations: int = 5
    momentum: float = 0.9
    lateral: Lateral = LinearLateral()
    rows: Rows = EachStep()
    orthonormal: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        tasks = [[self.ranks]] if isinstance(self.ranks, int) else self.ranks
        legal = "whole numbers >= 0: one, or for each task one for each connection"
        if not isinstance(tasks, list | tuple) or not tasks:
            raise InvalidValue("OrthogonalProjection.ranks", self.ranks, legal)
        for ranks in tasks:
            if not isinstance(ranks, list | tuple) or any(
                isinstance(k, bool) or not isinstance(k, int) or k < 0 for k in ranks
            ):
                raise InvalidValue("OrthogonalProjection.ranks", self.ranks, legal, "e.g. ((80, 200), (70, 70))")
        rates = self._rates()
        if (
            not isinstance(rates, list | tuple)
            or not rates
            or not all(_number(r) and 0.0 < r < math.inf for r in rates)
        ):
            legal = "> 0 and finite: one number, or one for each connection"
            raise InvalidValue("OrthogonalProjection.learning_rate", self.learning_rate, legal)
        size("OrthogonalProjection.iterations", self.iterations)
        if not _number(self.momentum) or not 0.0 <= self.momentum < 1.0:
            raise InvalidValue("OrthogonalProjection.momentum", self.momentum, "in [0, 1)")
        for field, value, legal_types in (
            ("lateral", self.lateral, (LinearLateral, SpikingLateral)), ("rows", self.rows, (EachStep, TimeMean))
        ):  # fmt: skip
            if not isinstance(value, legal_types):
                either = " or ".join(f"{each.__name__}()" for each in legal_types)
                raise InvalidValue(f"OrthogonalProjection.{field}", value, either)
        check_seed("OrthogonalProjection.seed", self.seed)

    def init(self, weights: Mapping[str, Tensor]) -> Subspaces:
        found = {name: w.detach() for name, w in weights.items() if w.ndim > 1 and not name.startswith("rule.")}
        self._check_connections(found)
        each = {}
        for k, (name, weight) in enumerate(found.items()):
            each[name] = self._grown(weight.new_empty(0, _inputs(weight)), 0, k)
        return Subspaces(0, each)

    @torch.no_grad()
    def update(
        self,
        gradients: dict[str, Tensor],
        state: Subspaces,
        *,
        weights: Mapping[str, Tensor],
        activity: Mapping[str, Factors],
    ) -> tuple[dict[str, Tensor], Subspaces]:
        found, each = dict(gradients), dict(state.each)
        for k, (name, subspace) in enumerate(state.each.items()):
            if name not in gradients or not len(subspace.frozen) + len(subspace.rows):
                continue
            if gradients[name].ndim in (2, 4) and len(as_matrix(gradients[name])) != subspace.frozen.shape[1]:
                found_n, legal = (
                    f"of {subspace.frozen.shape[1]} inputs",
                    f"of {len(as_matrix(gradients[name]))}, as {name}",
                )
                raise InvalidValue(
                    "OrthogonalProjection: state", found_n, legal, "go on with the network that it is of"
                )
            if name not in activity:
                legal = "Dense or Conv, and a rule that sends errors back through them"
                fix = "give it rank 0: its weights then change as if there were no earlier task"
                raise InvalidValue(
                    f"OrthogonalProjection: {name}", "no activity and error of its connections", legal, fix
                )
            found[name], each[name] = self._one(gradients[name], activity[name], subspace, k)
        if state.task and self._projects():
            found = {name: g for name, g in found.items() if g.ndim > 1 or name.startswith("rule.")}
        return found, state._replace(each=each)

    def end_task(self, task: FinishedTask, state: Subspaces) -> Subspaces:
        each = {}
        for k, (name, subspace) in enumerate(state.each.items()):
            _warn_if_unstable(name, subspace.rows)
            frozen = torch.cat([subspace.frozen, subspace.rows])
            if self.orthonormal and len(frozen):
                frozen = orthonormal_basis(frozen)
            each[name] = self._grown(frozen, state.task + 1, k)
        return Subspaces(state.task + 1, each)

    def _one(self, gradient: Tensor, factors: Factors, subspace: Subspace, k: int) -> tuple[Tensor, Subspace]:
        """One connection's gradient, projected, and its subspace after the batch."""
        rates = self._rates()
        hebbian = Hebbian(self.lateral, rates[k % len(rates)], self.iterations, self.momentum)
        seen = once(factors.presynaptic)
        made = traces(factors, seen)
        taught = self.rows.of(seen)
        x = gained(factors.connections, taught) if len(subspace.rows) else None
        left, after = None, subspace
        if x is not None:
            if self.lateral.linear and _moments_are_cheaper(subspace, x.shape[1], self.iterations):
                after = from_second_moments(subspace, x, hebbian)
            else:
                left = residual(subspace.frozen, x, self.lateral)
                after = learned(subspace, x, left, hebbian)
        if not len(subspace.frozen):
            return gradient, after
        if made.presynaptic is not taught:
            x, left = None, None
        return self._projected(gradient, factors, subspace.frozen, made, x, left), after

    def _projected(
        self, gradient: Tensor, factors: Factors, frozen: Tensor, made: Traces, x: Tensor | None, left: Tensor | None
    ) -> Tensor:
        """In whichever of two forms takes fewer multiplications; lateral neurons that are not linear know only that of traces.

        x, left   the traces as columns, and what the frozen rows leave of them, where these are known
        """
        matrix = as_matrix(gradient)
        (k, n), units = frozen.shape, matrix.shape[1]
        by_traces = made.error.numel() * n + (0 if left is not None else 2 * k * n * (made.error.numel() // units))
        if not self.lateral.linear or by_traces < 2 * k * n * units:
            x = gained(factors.connections, made.presynaptic) if x is None else x
            errors = _error_rows(factors, made.error)
            if factors.gradient is gradient and _is_product(matrix, x, errors):
                left = residual(frozen, x, self.lateral) if left is None else left
                return as_weight(product(left, errors), gradient)
        if not self.lateral.linear:
            fix = "put the modifier after this one, or take LinearLateral()"
            raise InvalidValue("OrthogonalProjection.lateral", self.lateral, "LinearLateral() for such a gradient", fix)
        return as_weight(matrix - product(frozen.t(), product(frozen, matrix)), gradient)

    def _grown(self, frozen: Tensor, task: int, k: int) -> Subspace:
        n = frozen.shape[1]
        room = min(self._rank(task, k), n - len(frozen))
        draw = setup_generator(self.seed, _STREAM, task, k)
        rows = random_rows(room, frozen.new_empty(n, 0), draw)
        return Subspace(frozen, rows, torch.zeros_like(rows))

    def _rank(self, task: int, k: int) -> int:
        return self.ranks if isinstance(self.ranks, int) else self.ranks[min(task, len(self.ranks) - 1)][k]

    def _rates(self) -> Sequence[float]:
        """One, or one for each connection."""
        return (self.learning_rate,) if isinstance(self.learning_rate, int | float) else self.learning_rate

    def _projects(self) -> bool:
        return self.ranks > 0 if isinstance(self.ranks, int) else any(any(ranks) for ranks in self.ranks)

    def _check_connections(self, weights: Mapping[str, Tensor]) -> None:
        """Raises InvalidValue for ranks or learning rates that do not suit these weights."""
        names = ", ".join(weights)
        per_task = [] if isinstance(self.ranks, int) else self.ranks
        rates = [] if len(self._rates()) == 1 else [self._rates()]
        given: dict[str, Sequence[Sequence[float]]] = {"ranks": per_task, "learning_rate": rates}
        for field, rows in given.items():
            for numbers in rows:
                if len(numbers) != len(weights):
                    legal = f"{len(weights)} numbers, one for each of {names}"
                    raise InvalidValue(f"OrthogonalProjection.{field}", numbers, legal)
        for k, (name, weight) in enumerate(weights.items()):
            most = max(self._rank(task, k) for task in range(len(per_task) or 1))
            if most and weight.ndim not in (2, 4):
                raise InvalidValue(f"OrthogonalProjection: {name}", f"shape {tuple(weight.shape)}", "Dense or Conv")
            if most > _inputs(weight) and per_task:
                raise InvalidValue("OrthogonalProjection.ranks", most, f"<= {_inputs(weight)}, the inputs of {name}")


def _warn_if_unstable(name: str, rows: Tensor) -> None:
    """Along an eigenvector of H.T H a change is multiplied by 1 - eigenvalue: 0 where rows have converged."""
    longest = float(torch.linalg.eigvalsh(rows.double() @ rows.double().t())[-1]) if len(rows) else 0.0
    if not longest <= _LONGEST:
        warnings.warn(
            f"OrthogonalProjection: the rows of {name} have grown, largest eigenvalue of H H.T {longest:.3g} where 1 is usual: "
            "along it they enlarge what they should take away. Lower learning_rate (small beside 1 / the mean square length of "
            "activity, gain included), set orthonormal=True, or raise the ceiling of SpikingLateral",
            RuntimeWarning,
            stacklevel=5,
        )


def _inputs(weight: Tensor) -> int:
    return len(as_matrix(weight)) if weight.ndim in (2, 4) else len(weight)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _moments_are_cheaper(subspace: Subspace, samples: int, iterations: int) -> bool:
    """Whether H is learned with fewer multiplications from activity's second moments."""
    (k_old, n), k = subspace.frozen.shape, len(subspace.rows)
    by_rows = samples * n * (2 * k_old + 3 * k * iterations)
    return samples * n * n + iterations * k * n * (n + 2 * k_old + 2 * k) < by_rows


def _error_rows(factors: Factors, error: Tensor) -> Tensor:
    """Errors as rows (rows, units), in the order of `rows_of`."""
    rows = error.flatten(0, 1)
    return rows.flatten(2).transpose(1, 2).flatten(0, 1) if isinstance(factors.connections, Conv) else rows


def _is_product(matrix: Tensor, x: Tensor, errors: Tensor) -> bool:
    """Whether a gradient is x errors, up to rounding: as seen along one direction, in which few changes can hide."""
    along = torch.arange(matrix.shape[1], dtype=x.dtype, device=x.device).cos_()
    difference = (matrix @ along).addmv_(x, errors @ along, alpha=-1.0)
    scale = x.norm() * errors.norm() * along.norm()
    return bool(difference.norm() <= 16 * torch.finfo(x.dtype).eps * scale)
