"""One sequence of tasks learned by one learner with one method: what `continual` repeats over seeds."""

from __future__ import annotations

import copy
import dataclasses
import math
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ..neurons import Conv, InvalidValue, setup_generator
from ..plasticity import Batch, HeadCrossEntropy, captured_energy, chain, orthonormality_error, principal_angles
from ..reservoirs import Diverged, evaluate, sgd
from .continual_measures import activity, principal_directions, shares, touched
from .continual_methods import LEARNERS, METHODS, bases
from .continual_sequences import sequence
from .continual_tasks import ContinualTask, Repeated
from .digits_baselines import one_torch_thread
from .whole_fit import whole_fit

__all__ = ["Chosen", "Course", "check", "facing", "rehearse", "sequence_of", "stored", "trial"]

_ORDER, _STORE, _REHEARSAL = 270, 271, 272  # streams of the order of samples, of what is stored, and of its order
WATCHED = 1000  # training images of each task by which activity is known


@dataclasses.dataclass(frozen=True, eq=False)
class Chosen:
    """`Samples` that are some of others.

    Parameters   samples   any
                 which     (n,) their numbers
    """

    samples: Any
    which: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.which)

    def batch(self, indices: Any) -> tuple[Any, Any]:
        """(x, labels) of these samples."""
        found: tuple[Any, Any] = self.samples.batch(self.which[indices])
        return found


def stored(samples: Any, per_class: int, *, seed: int, task: int) -> Chosen:
    """So many samples of each class, drawn at random; all of a class that has fewer."""
    order = setup_generator(seed, _STORE, task).permutation(len(samples))
    parts = np.split(order, range(1000, len(order), 1000))
    labels = np.concatenate([np.asarray(samples.batch(part)[1]) for part in parts])
    which = np.concatenate([order[labels == label][:per_class] for label in np.unique(labels)])
    return Chosen(samples, np.sort(which))


def rehearse(
    network: Any,
    rule: Any,
    state: Any,
    tasks: Sequence[ContinualTask],
    *,
    batch: int,
    updates: int,
    learning_rate: float,
    steps: int,
    seed: int,
) -> Any:
    """A copy of the network after training on several tasks at once: each update sums their gradients.

        w <- w - learning_rate Σ_task gradient of the mean loss over `batch` of its samples

    Parameters   rule, state     whose gradients are taken, without modifiers
                 batch           samples of each task to an update; every task's are gone through in an order of its own, again
                                 and again
                 learning_rate   of the sum
                 steps           for which each sample is shown
    """
    network = copy.deepcopy(network).train()
    order = [_rounds(len(task.train), batch * updates, seed, k).reshape(updates, batch) for k, task in enumerate(tasks)]
    heads = {task.outputs: [k for k, other in enumerate(tasks) if other.outputs == task.outputs] for task in tasks}
    for update in range(updates):
        total = dict[str, torch.Tensor]()
        for outputs, members in heads.items():  # tasks with the same outputs go through the network together
            parts = [tasks[k].train.batch(order[k][update]) for k in members]
            x = torch.cat([torch.as_tensor(part[0]) for part in parts], dim=1)
            target = torch.cat([torch.as_tensor(part[1]) for part in parts])
            credit = rule.gradients(facing(network, outputs), Batch(x.expand(steps, *x.shape[1:]), target), state)
            state = credit.state
            for name, gradient in credit.gradients.items():
                total[name] = total.get(name, 0.0) + len(members) * gradient
        with torch.no_grad():
            for name, weight in network.named_parameters():
                if name in total:
                    weight -= learning_rate * total[name]
    return network.eval()


def _rounds(size: int, count: int, seed: int, task: int) -> NDArray[np.int64]:
    """The first `count` of permutations of `size` samples, one after the other."""
    draw = setup_generator(seed, _REHEARSAL, task)
    return np.concatenate([draw.permutation(size) for _ in range(-(-count // size))])[:count]


def facing(network: Any, outputs: tuple[int, int] | None) -> Any:
    """The same network, whose objective hears these outputs alone; None: all of them."""
    if outputs is None:
        return network
    usual, made = network.objective, copy.copy(network)
    inner = usual.inner if isinstance(usual, HeadCrossEntropy) else usual
    made.objective = HeadCrossEntropy(first=outputs[0], last=outputs[1], inner=inner)
    return made


def sequence_of(config: Any, seed: int, validation: bool) -> tuple[list[ContinualTask], list[int]]:
    """The tasks of a config, and the sizes of a perceptron for them: all heads are one layer of outputs."""
    tasks = sequence(
        config.sequence, tasks=config.tasks, seed=seed, train_size=config.train_size, test_size=config.test_size,
        validation=validation,
    )  # fmt: skip
    x, _ = tasks[0].train.batch(np.arange(1))
    if x.ndim != 3:
        legal = "tasks of flat images, as those of permuted or of split grey images"
        raise InvalidValue("sequence", config.sequence, legal, "the experiment `continual-maps` has networks for maps")
    last = [task.outputs[1] if task.outputs else 10 for task in tasks]
    return tasks, [x.shape[2], *config.hidden, max(last)]


def check(learner: str, method: str, config: Any, seed: int, validation: bool = False) -> None:
    """Raises what `trial` would raise before its first batch: for sequences, sizes, ranks and data that do not do."""
    course = _prepared(learner, method, 0, config, seed, validation)
    course.rule.init(course.network)


def trial(learner: str, method: str, setting: int, config: Any, seed: int, validation: bool = False) -> dict[str, Any]:
    """One sequence from beginning to end.

    Parameters   setting      the number of the method's setting
                 config       as `continual` has it
                 seed         of the tasks, the first weights and every order
                 validation   whether tests are made of training images that are not trained on
    Returns      accuracies in %, NaN where training diverged: `before` (task,) untrained, `accuracy` (task learned, task tested),
                 of joint training the last row alone; of networks of all-to-all connections what `_watch` has measured;
                 "cost/batch_s" of training, "cost/end_s" of what is done after a task
    """
    made = _prepared(learner, method, setting, config, seed, validation)
    with one_torch_thread():
        if METHODS[method].jointly:
            return made.course.jointly(made.network, made.rule.rule, made.learning_rate)
        return made.course.in_turn(made.network, made.rule, METHODS[method], made.rehearsal_rate)


class _Prepared(NamedTuple):
    course: Course
    network: Any
    rule: Any
    learning_rate: float
    rehearsal_rate: float


def _prepared(learner: str, method: str, setting: int, config: Any, seed: int, validation: bool) -> _Prepared:
    how, cure = LEARNERS[learner], METHODS[method]
    value = cure.settings[setting]
    tasks, sizes = sequence_of(config, seed, validation)
    if tasks[0].outputs is not None:  # heads of their own need no protection from one another
        config = dataclasses.replace(config, ranks=tuple((*row[:-1], 0) for row in config.ranks))
    config = dataclasses.replace(config, epochs=getattr(config, how.epochs))
    usual = getattr(config, how.learning_rate)
    rate = cure.learning_rate(usual, value)
    course = Course(
        tasks=tasks, steps=getattr(config, how.steps) if how.steps else 1, optimisers=lambda task: sgd(rate), config=config,
        seed=seed,
    )  # fmt: skip
    rule = chain(how.rule(seed), *cure.modifiers(config, how, value, seed))
    return _Prepared(course, how.network(sizes, seed), rule, rate, cure.rehearsal_rate(usual, value))


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Course:
    """A sequence of tasks, and how each is trained on.

    Parameters   tasks        in turn
                 steps        for which each image is shown
                 optimisers   of the task of this number, from 0
                 config       whose epochs, batch, stored_per_class, rehearsal_batch and rehearsals hold
                 seed         of every order and of what is stored
                 after_first  what becomes of the network after the first task
                 test_batch, shown_batch   images at once where nothing is trained: in tests; to modifiers at a task's end
    """

    tasks: list[ContinualTask]
    steps: int
    optimisers: Callable[[int], Any]
    config: Any
    seed: int
    after_first: Callable[[Any], Any] = lambda network: network
    test_batch: int = 500
    shown_batch: int = 250

    def in_turn(self, network: Any, rule: Any, cure: Any, rehearsal_rate: float) -> dict[str, Any]:
        count, config = len(self.tasks), self.config
        found: dict[str, Any] = {"before": self._tested(network), "accuracy": np.full((count, count), math.nan)}
        state, stores, batches = None, list[ContinualTask](), 0
        training, ending, measured = 0.0, 0.0, list[dict[str, Any]]()
        for t, task in enumerate(self.tasks):
            given = network
            try:
                fitted = whole_fit(
                    facing(network, task.outputs), rule, Repeated(task.train, self.steps), epochs=config.epochs,
                    batch=config.batch, optimisers=self.optimisers(t), state=state,
                    seed=int(setup_generator(self.seed, _ORDER, t).integers(2**62)),
                )  # fmt: skip
            except Diverged:
                break
            training += float(fitted.history.seconds.sum())
            batches += config.epochs * -(-len(task.train) // config.batch)
            network, began = fitted.network if t else self.after_first(fitted.network), time.perf_counter()
            with warnings.catch_warnings():  # rows that have grown are measured instead: `longest`
                warnings.filterwarnings("ignore", "OrthogonalProjection: the rows", RuntimeWarning)
                state = rule.end_task(network, self._shown(task, cure.shows), fitted.state)
            if cure.rehearses:
                one = stored(task.train, config.stored_per_class, seed=self.seed, task=t)
                stores.append(dataclasses.replace(task, train=one))
                if t:
                    updates = config.rehearsals * -(-max(len(each.train) for each in stores) // config.rehearsal_batch)
                    network = rehearse(
                        network, rule.rule, state[0], stores, batch=config.rehearsal_batch, updates=updates,
                        learning_rate=rehearsal_rate, steps=self.steps,
                        seed=int(setup_generator(self.seed, _REHEARSAL, t).integers(2**62)),
                    )  # fmt: skip
            ending += time.perf_counter() - began
            found["accuracy"][t] = self._tested(network)
            measured.append(_watch(given, network, bases(rule, state), self._watched(t)))
        for key in {key for each in measured for key in each} if len(measured) == count else ():
            rows = [each[key] for each in measured if key in each]
            found[key] = rows[0] if key.startswith(("angles/", "shares")) else np.array(rows)
        found["cost/batch_s"] = np.array(training / max(batches, 1))
        found["cost/end_s"] = np.array(ending / count)
        return found

    def jointly(self, network: Any, rule: Any, learning_rate: float) -> dict[str, Any]:
        """All tasks at once, in as many updates as one after the other, of as many images as nearly as can be."""
        count, config = len(self.tasks), self.config
        found: dict[str, Any] = {"before": self._tested(network), "accuracy": np.full((count, count), math.nan)}
        updates = sum(config.epochs * -(-len(task.train) // config.batch) for task in self.tasks)
        began = time.perf_counter()
        network = rehearse(
            network, rule, rule.init(network), self.tasks, batch=-(-config.batch // count), updates=updates,
            learning_rate=learning_rate / count, steps=self.steps, seed=self.seed,
        )  # fmt: skip
        found["cost/batch_s"] = np.array((time.perf_counter() - began) / updates)
        found["cost/end_s"] = np.array(0.0)
        found["accuracy"][-1] = self._tested(network)
        return found

    def _tested(self, network: Any) -> NDArray[np.float64]:
        """Accuracy on every task, in %."""
        made = [
            evaluate(facing(network, task.outputs), Repeated(task.test, self.steps), batch=self.test_batch)[1]
            for task in self.tasks
        ]
        return 100.0 * np.array(made)

    def _shown(self, task: ContinualTask, count: int) -> list[Batch]:
        samples = Repeated(task.train, self.steps)
        chosen = _spread(len(samples), count)
        parts = np.split(chosen, range(self.shown_batch, len(chosen), self.shown_batch))
        return [Batch(*samples.batch(part)) for part in parts if len(part)]

    def _watched(self, t: int) -> list[torch.Tensor]:
        """Some images of the tasks up to t."""
        samples = [Repeated(task.train, self.steps) for task in self.tasks[: t + 1]]
        return [torch.as_tensor(each.batch(_spread(len(each), WATCHED))[0]) for each in samples]


def _spread(size: int, count: int) -> NDArray[np.int64]:
    """`count` numbers below `size`, as far apart as they can be."""
    return np.linspace(0, size, min(count, size), endpoint=False).astype(np.int64)


def _watch(before: Any, after: Any, basis: dict[str, Any], x: list[torch.Tensor]) -> dict[str, Any]:
    """What a task did to a network and what is kept of it; nothing of networks with connections that are not all-to-all.

    captured, not_orthonormal, longest   (connection,) of the kept basis H, on the last task's activity; the largest eigenvalue
                                of H H.T
    touched                     (connection,) by how much the change of weights reaches the earlier tasks' activity
    angles/K, shares/K, shares_svd/K   of the first task and connection K: `principal_angles`, and `shares` of the basis and of
                                the principal directions
    """
    if any(isinstance(layer, Conv) for layer in after.modules()):
        return {}
    made: dict[str, Any] = {}
    now, old = activity(after, x[-1]), [activity(before, each) for each in x[:-1]]
    if old:
        was, become = (dict(network.named_parameters()) for network in (before, after))
        change = {name: (become[name] - was[name]).detach().double() for name in now}
        made["touched"] = np.array([touched(change[name], torch.cat([each[name] for each in old])) for name in now])
    kept = {name: basis[name].double() for name in now if name in basis and len(basis[name])}
    if kept:
        heard = {
            name: bool(now[name].any()) for name in kept
        }  # neurons may be silent at first: there is nothing to capture
        energy = [captured_energy(kept[name], now[name]) if heard[name] else math.nan for name in kept]
        made["captured"] = np.array(energy)
        made["not_orthonormal"] = np.array([orthonormality_error(kept[name]) for name in kept])
        made["longest"] = np.array([float(torch.linalg.matrix_norm(kept[name], 2)) ** 2 for name in kept])
        if not old:
            for k, name in enumerate(kept):
                best = principal_directions(now[name], len(kept[name]))
                angles = principal_angles(kept[name], best).numpy()
                made[f"angles/{k}"] = angles if heard[name] else np.full_like(angles, math.nan)
                made[f"shares/{k}"] = shares(now[name], kept[name]).numpy()
                made[f"shares_svd/{k}"] = shares(now[name], best).numpy()
    return made
