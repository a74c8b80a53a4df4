"""Loss of plasticity: a network that learns one task after the other, without end, learns each new one a little worse.

A task is a set of images with its pixels in an order of its own; the network passes once through its images, is never told that
a task has begun, and what counts is how many images it gets right before it learns them. So this asks whether a network
*goes on learning*, not whether it forgets.

    backprop             plain gradient descent
    l2                   weights decay
    shrink_perturb       weights decay and are jittered, at every step
    continual_backprop   the least useful units are drawn anew
    hlop                 weights change only where the activity of earlier tasks has no part

`hlop` is made to remember, and it alone is told when a task ends: with each one there is less left in which weights may change.
Each method chooses among equally many settings on tasks of a seed that is not reported: backprop and hlop their learning rate,
the others, at one learning rate, a constant of their own.

Source       Dohare et al. 2024, doi:10.1038/s41586-024-07711-7, arXiv 2306.13812; effective rank: Roy & Vetterli 2007, EUSIPCO
Deviations   the source shows every setting, here one is chosen. But for the preset `paper`: a smaller network, fewer and shorter
             tasks, batches of 16, and constants per step larger by as much as a task has fewer steps
"""

from __future__ import annotations

import dataclasses
import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ..neurons import InvalidValue, check_seed, setup_generator
from .plasticity_loss_figures import figures
from .registry import unknown

if TYPE_CHECKING:
    from ..reservoirs import Feedforward

__all__ = ["PRESETS", "SUMMARY", "Config", "figures", "run", "trial"]

SUMMARY = "loss of plasticity over permuted images without end, and continual backprop against it (Dohare et al. 2024)"

METHODS = {
    "backprop": "backprop",
    "l2": "weight decay",
    "shrink_perturb": "shrink and perturb",
    "continual_backprop": "continual backprop",
    "hlop": "orthogonal projection",
}
OWN = {  # the field of what each method chooses from
    "backprop": "learning_rates",
    "l2": "weight_decays",
    "shrink_perturb": "noises",
    "continual_backprop": "replacement_rates",
    "hlop": "learning_rates",
}
DATASETS = ("digits", "mnist", "fashion_mnist", "kmnist")
MEASURES = {"accuracy": "%", "dead": "%", "rank": "", "weight": ""}
TUNING = 1000  # the seed that settings are chosen on lies this far from those that are reported
FALL = 1.0  # points; means over a tenth of the tasks scatter by a few tenths
_STREAM = 266


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Tasks, network, what methods choose from, repetitions."""

    methods: tuple[str, ...] = tuple(METHODS)
    """Which are compared."""
    dataset: str = "mnist"
    """Images whose pixels are put in other orders. The source's: mnist."""
    tasks: int = 800
    """One after the other, in one training. The source's."""
    tune_tasks: int = 100
    """Of a training that a setting is chosen by: the one that learns the last half of them best. Ours."""
    task_size: int = 0
    """Images of a task; 0: all, as in the source."""
    probe_size: int = 2000
    """Images of each task, not trained on, on which units are watched after it; 0: all. The source's."""
    hidden: tuple[int, ...] = (2000, 2000, 2000)
    """Units of the hidden layers, rectified, with biases. The source's."""
    batch: int = 1
    """Images to a step. The source's."""
    learning_rates: tuple[float, ...] = (0.01, 0.003, 0.001)
    """From which `backprop` and `hlop` choose. The source's."""
    learning_rate: float = 0.003
    """Of the other methods. The source's."""
    weight_decays: tuple[float, ...] = (1e-3, 1e-4, 1e-5)
    """From which `l2` chooses. The source's."""
    noises: tuple[float, ...] = (1e-4, 1e-5, 1e-6)
    """Standard deviation of what a step adds to every weight and bias, from which `shrink_perturb` chooses. The source's."""
    shrink: float = 1e-4
    """Weight decay of `shrink_perturb`. The source's."""
    replacement_rates: tuple[float, ...] = (1e-4, 1e-5, 1e-6)
    """Share of mature units replaced per step, from which `continual_backprop` chooses. The source's."""
    maturity: int = 100
    """Steps after which a unit may be replaced. The source's."""
    protected: float = 0.5
    """Share of the dimensions of each layer's input that `hlop` has frozen after the last task, as many with each. Ours."""
    lateral_learning_rate: float = 1e-3
    """Of the subspaces of `hlop`; that of Xiao et al. 2024, arXiv 2402.11984, for MNIST."""
    seeds: int = 5
    """Trainings that are reported, each with its own orders of pixels and images and its own weights."""
    seed: int = 0
    """Of the first; training k has seed + k."""

    def __post_init__(self) -> None:
        if not self.methods or len(set(self.methods)) < len(self.methods):
            raise InvalidValue("methods", self.methods, "at least one, none twice")
        for field, values, known in (("methods", self.methods, METHODS), ("dataset", (self.dataset,), DATASETS)):
            for value in values:
                if value not in known:
                    raise unknown(field, value, known)
        least = {"tasks": 2, "tune_tasks": 1, "task_size": 0, "probe_size": 0, "batch": 1, "maturity": 0, "seeds": 1}
        for name, low in least.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < low:
                raise InvalidValue(name, value, f"a whole number >= {low}")
        if not self.hidden or any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in self.hidden):
            raise InvalidValue("hidden", self.hidden, "at least one width, each a whole number >= 1")
        if not 0.0 < self.learning_rate < math.inf:
            raise InvalidValue("learning_rate", self.learning_rate, "> 0 and finite")
        if not 0.0 <= self.shrink < math.inf:
            raise InvalidValue("shrink", self.shrink, ">= 0 and finite")
        if not 0.0 < self.protected <= 1.0:
            raise InvalidValue("protected", self.protected, "> 0 and at most 1")
        if not 0.0 < self.lateral_learning_rate < math.inf:
            raise InvalidValue("lateral_learning_rate", self.lateral_learning_rate, "> 0 and finite")
        for name in OWN.values():
            values = getattr(self, name)
            most = 1.0 if name == "replacement_rates" else math.inf
            if not values or not all(0.0 < value < most for value in values):
                raise InvalidValue(name, values, f"at least one number, each > 0 and < {most:g}")
            if len(values) != len(self.learning_rates):
                raise InvalidValue(name, values, f"{len(self.learning_rates)} numbers, as `learning_rates` has")
        check_seed("seed", self.seed)
        check_seed("seed + seeds", self.seed + self.seeds + TUNING)


# A task has 96 times fewer steps than the source's, each of a ten times larger learning rate. So that as much happens in a task,
# replacement rates, and weight decays times learning rate, are 100 times the source's; noise, whose variance adds up, 10 times.
_SMALLER: dict[str, Any] = {
    "batch": 16, "hidden": (100, 100, 100), "learning_rates": (0.1, 0.03, 0.01), "learning_rate": 0.03,
    "weight_decays": (1e-2, 1e-3, 1e-4), "noises": (1e-3, 1e-4, 1e-5), "shrink": 1e-3,
    "replacement_rates": (1e-2, 1e-3, 1e-4), "probe_size": 1000,
}  # fmt: skip
PRESETS = {
    "smoke": Config(
        **_SMALLER
        | {"dataset": "digits", "hidden": (16, 16), "tasks": 4, "tune_tasks": 1, "task_size": 200, "probe_size": 50,
           "learning_rates": (0.1,), "weight_decays": (1e-4,), "noises": (1e-4,), "replacement_rates": (1e-2,),
           "maturity": 5, "seeds": 1}
    ),
    "laptop": Config(
        **_SMALLER, methods=("backprop", "l2", "continual_backprop", "hlop"), tasks=50, tune_tasks=25, task_size=10_000, seeds=3
    ),
    "paper": Config(),
}  # fmt: skip


def trial(method: str, setting: int, tasks: int, config: Config, seed: int) -> dict[str, Any]:
    """One training over so many tasks: (tasks,) for each of `MEASURES`, NaN after numbers were not finite."""
    from ..reservoirs import Diverged, sgd
    from .continual_tasks import permuted
    from .digits_baselines import one_torch_thread
    from .whole_fit import whole_fit

    sequence = permuted(
        config.dataset, tasks=tasks, seed=seed, train_size=config.task_size, test_size=config.probe_size
    )
    inputs = sequence[0].train.batch(np.arange(1))[0].shape[-1]
    sizes = [inputs, *config.hidden, 10]
    network, rule = _network(sizes, seed), _rule(method, setting, sizes, config, seed)
    own, state = getattr(config, OWN[method])[setting], None
    decay = {"l2": own, "shrink_perturb": config.shrink}.get(method, 0.0)
    optimisers = sgd(own if OWN[method] == "learning_rates" else config.learning_rate, weight_decay=decay)
    found = {name: np.full(tasks, math.nan) for name in MEASURES}
    seconds = []
    with one_torch_thread():
        for k, task in enumerate(sequence):
            order = int(setup_generator(seed, _STREAM, 0, k).integers(2**63))
            try:
                fitted = whole_fit(
                    network, rule, task.train, epochs=1, batch=config.batch, optimisers=optimisers, state=state, seed=order,
                )  # fmt: skip
            except Diverged:
                break
            network, state = fitted.network, fitted.state
            if method == "hlop":
                state = rule.end_task(network, [], state)
            found["accuracy"][k] = 100.0 * fitted.history.train_accuracy[0]  # each batch's before it is learned
            seconds.append(fitted.history.seconds[0])
            for name, value in _watched(network, task.test.batch(np.arange(len(task.test)))[0]).items():
                found[name][k] = value
    return {**found, "cost/task_s": np.array(np.mean(seconds) if seconds else math.nan)}


def _network(sizes: list[int], seed: int) -> Feedforward:
    """Rectified units with biases, weights from Kaiming's range; the same for all methods of a seed."""
    from ..neurons import Dense, Rate, Relu
    from ..reservoirs import Feedforward

    layers: list[Any] = []
    for k, (n, units) in enumerate(pairwise(sizes)):
        drawn = int(setup_generator(seed, _STREAM, 1, k).integers(2**63))
        layers += [Dense(n, units, bias=True, seed=drawn), Rate(Relu())]
    return Feedforward(layers[:-1])


def _rule(method: str, setting: int, sizes: list[int], config: Config, seed: int) -> Any:
    from ..plasticity import BPTT, ContinualBackprop, OrthogonalProjection, chain

    if method == "continual_backprop":
        rate = config.replacement_rates[setting]
        return chain(BPTT(), ContinualBackprop(replacement_rate=rate, maturity=config.maturity, seed=seed))
    if method == "shrink_perturb":
        return Perturbed(BPTT(), config.noises[setting], seed)
    if method == "hlop":
        until = [[int(config.protected * n * k / config.tasks) for n in sizes[:-1]] for k in range(config.tasks + 1)]
        ranks = tuple(tuple(int(n) for n in np.subtract(after, before)) for before, after in pairwise(until))
        return chain(BPTT(), OrthogonalProjection(ranks=ranks, learning_rate=config.lateral_learning_rate, seed=seed))
    return BPTT()


@dataclasses.dataclass(frozen=True)
class Perturbed:
    """A rule after whose every step normal noise is added to all weights and biases. State: how many steps were done."""

    rule: Any
    noise: float
    seed: int

    def init(self, network: Any) -> int:
        return 0

    def gradients(self, network: Any, batch: Any, state: int) -> Any:
        return self.rule.gradients(network, batch, None)._replace(state=state)

    def settle(self, network: Any, state: int) -> int:
        import torch

        draw = torch.Generator().manual_seed(int(setup_generator(self.seed, _STREAM, 2, state).integers(2**63)))
        with torch.no_grad():
            for value in network.parameters():
                value.add_(torch.randn(value.shape, generator=draw), alpha=self.noise)
        return state + 1


def _watched(network: Any, x: Any) -> dict[str, float]:
    """Share of hidden units that are silent for all of x, in %; effective rank of the last ones; mean size of weights."""
    import torch

    hidden = [made[0] for made in network.activity(x)[1::2]]
    silent = torch.cat([(made == 0.0).all(0) for made in hidden]).float()
    size = torch.linalg.svdvals(hidden[-1].double())
    share = size / size.sum()
    weights = torch.cat([value.detach().flatten() for name, value in network.named_parameters() if "weight" in name])
    return {
        "dead": 100.0 * float(silent.mean()),
        "rank": float(torch.exp(torch.special.entr(share).sum())) if float(size.sum()) > 0.0 else 0.0,
        "weight": float(weights.abs().mean()),
    }


def run(config: Config, record: Any) -> None:
    """Choose a setting for every method, train, and write what was measured after every task."""
    settings = range(len(config.learning_rates))
    tuned = record.map(
        trial,
        {
            f"tune/{m}/setting{k}": (m, k, config.tune_tasks, config, config.seed + TUNING)
            for m in config.methods
            for k in settings
        },
    )
    late = config.tune_tasks // 2  # what is learned fast at first is not what goes on being learned
    reached = {
        m: [float(np.nan_to_num(tuned[f"tune/{m}/setting{k}"]["accuracy"][late:]).mean()) for k in settings]
        for m in config.methods
    }
    setting = {m: int(np.argmax(values)) for m, values in reached.items()}
    trained = record.map(
        trial,
        {
            f"train/{m}/seed{k}": (m, setting[m], config.tasks, config, config.seed + k)
            for k in range(config.seeds)
            for m in config.methods
        },
    )
    found = {
        m: {name: np.array([trained[f"train/{m}/seed{k}"][name] for k in range(config.seeds)]) for name in MEASURES}
        for m in config.methods
    }
    for m in config.methods:
        tenths = {name: _tenths(values) for name, values in found[m].items()}
        last, peak = tenths["accuracy"][:, -1], tenths["accuracy"].max(1)
        record.metric(f"accuracy_last.{m}", last, note=METHODS[m], unit="%")
        record.metric(f"accuracy_peak.{m}", peak, note="the best tenth of the tasks", unit="%")
        record.metric(f"drop.{m}", peak - last, note="points from there to the last tenth")
        record.metric(f"dead.{m}", tenths["dead"][:, -1], note="of hidden units, last tenth of the tasks", unit="%")
        record.metric(f"rank.{m}", tenths["rank"][:, -1], note="effective, of the last hidden layer's activity")
        record.metric(f"weight.{m}", tenths["weight"][:, -1], note="mean size")
        chose = getattr(config, OWN[m])
        record.metric(f"setting.{m}", chose[setting[m]], note=f"{OWN[m]}: {', '.join(f'{v:g}' for v in chose)}")
        record.series(f"tuning/{m}", np.array(reached[m]), units="%", axes="setting")
        for name, units in MEASURES.items():
            record.series(f"{name}/{m}", found[m][name], units=units, axes="seed, task")
        costs = [trained[f"train/{m}/seed{k}"]["cost/task_s"] for k in range(config.seeds)]
        record.cost(f"task_s.{m}", costs, note="training alone")
    _check(record, {m: {name: _tenths(values) for name, values in found[m].items()} for m in config.methods})


def _tenths(values: Any) -> Any:
    """Means over ten equal parts of the tasks, as far as they are equal: (seed, task) to (seed, part)."""
    return np.stack([part.mean(1) for part in np.array_split(values, min(10, values.shape[1]), axis=1)], 1)


def _check(record: Any, tenths: dict[str, dict[str, Any]]) -> None:
    def said(name: str, claim: str, gain: Any, holds: Any) -> None:
        detail = f"{gain.mean():+.3g}, in {int(np.sum(holds))} of {len(gain)} seeds"
        record.check(name, claim, bool(np.all(holds)), detail)

    if "backprop" in tenths:
        plain = tenths["backprop"]
        fall = plain["accuracy"][:, -1] - plain["accuracy"].max(1)
        claim = f"backprop: the last tasks are learned more than {FALL:g} point worse than the best, on every seed"
        said("backprop_falls", claim, fall, fall < -FALL)
        for name, what, sign in (
            ("dead", "more units are dead", 1), ("weight", "weights are larger", 1), ("rank", "the rank is lower", -1)
        ):  # fmt: skip
            change = plain[name][:, -1] - plain[name][:, 0]
            said(
                f"backprop_{name}",
                f"backprop: {what} at the end than at first, on every seed",
                change,
                sign * change > 0,
            )
    for m in tenths:
        if m != "backprop" and "backprop" in tenths:
            gain = tenths[m]["accuracy"][:, -1] - tenths["backprop"]["accuracy"][:, -1]
            said(
                f"{m}_keeps_learning",
                f"{METHODS[m]}: learns the last tasks better than backprop, on every seed",
                gain,
                gain > 0,
            )
    if "continual_backprop" in tenths:
        change = tenths["continual_backprop"]["accuracy"][:, -1] - tenths["continual_backprop"]["accuracy"].max(1)
        claim = (
            f"continual backprop: the last tasks are learned at most {FALL:g} point worse than the best, on every seed"
        )
        said("continual_backprop_stays", claim, change, change >= -FALL)
