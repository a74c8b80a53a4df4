"""Training a network of layers on batches, by any rule of credit assignment."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import math
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..neurons.errors import InvalidValue, SynfireError
from ..neurons.layer import Layer
from ..neurons.randomness import check_seed, setup_generator
from ..neurons.spike_product import same_at_every_step
from ..plasticity.credit import Batch, Credit, CreditRule, learned_by, settle
from .interrupt import interruptible
from .layered import Feedforward
from .optimisers import Learner, Optimisers, adam

__all__ = ["Diverged", "Fitted", "History", "Samples", "evaluate", "fit"]

_ORDER, _NOISE = 101, 102  # streams of the order of samples, and of what layers draw for one batch


class Samples(Protocol):
    """A data set: as many samples as its length, of which `batch` gives some.

    One that changes from epoch to epoch, by augmentation, has a third method: `epoch(k) -> Samples`, as epoch k sees it.
    """

    def __len__(self) -> int: ...
    def batch(self, indices: NDArray[np.int64]) -> tuple[Any, Any]:
        """(x, target) of these samples: x (time, sample, features...), target (sample,) class numbers."""
        ...


@dataclasses.dataclass(frozen=True)
class _Tensors:
    """`Samples` of tensors or arrays held in memory."""

    x: Any
    target: Any

    def __len__(self) -> int:
        return int(self.x.shape[1])

    def batch(self, indices: NDArray[np.int64]) -> tuple[Any, Any]:
        x, target = torch.as_tensor(self.x), torch.as_tensor(self.target)
        chosen = torch.from_numpy(indices)
        taken = x[0, chosen].expand(len(x), -1, *x.shape[2:]) if same_at_every_step(x) else x[:, chosen]
        return taken, target[chosen] if target.ndim == 1 else target[:, chosen]


@dataclasses.dataclass(frozen=True, kw_only=True)
class History:
    """What training did: one value for each finished epoch; NaN where there was no such set, or no classes.

    train_loss, train_accuracy             means over the epoch's batches, as they were met
    validation_loss, validation_accuracy   after the epoch, in evaluation mode; accuracies in 0..1
    test_loss, test_accuracy               likewise
    seconds                                wall time of the epoch's training, without evaluation
    """

    train_loss: NDArray[np.float64]
    train_accuracy: NDArray[np.float64]
    validation_loss: NDArray[np.float64]
    validation_accuracy: NDArray[np.float64]
    test_loss: NDArray[np.float64]
    test_accuracy: NDArray[np.float64]
    seconds: NDArray[np.float64]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fitted:
    """network: trained, in evaluation mode; history; interrupted: whether Ctrl-C ended it early; state: the rule's at the end."""

    network: Feedforward
    history: History
    interrupted: bool = False
    state: Any = None

    def __iter__(self) -> Any:
        """`network, history = fit(...)`."""
        return iter((self.network, self.history))


class Diverged(SynfireError, ArithmeticError):
    """Training met a number that is not finite; `fitted` holds the network and the rule's state as the last good epoch left them.

    Parameters   place    the first layer, parameter or set where it showed
                 fitted   what was done before
    """

    def __init__(self, place: str, epoch: int, fitted: Fitted) -> None:
        self.place, self.epoch, self.fitted = place, epoch, fitted
        super().__init__(
            f"fit: not finite in epoch {epoch}: {place}; lower the learning rate. "
            f"`error.fitted.network` is as epoch {epoch - 1} left it"
        )


def fit(
    network: Feedforward,
    rule: CreditRule,
    train: Any,
    test: Any = None,
    *,
    validation: Any = None,
    epochs: int,
    batch: int = 128,
    optimisers: Optimisers | None = None,
    seed: int = 0,
    state: Any = None,
    progress: bool = True,
    observe: Callable[[int, Feedforward, Any], None] | None = None,
) -> Fitted:
    """Train a copy of the network; the network itself stays as it is.

    Parameters   rule         whose gradients the optimiser takes: BPTT(), EProp(), ...
                 train        (x, target) with x (time, sample, features...) and target (sample,), or any `Samples`
                 test, validation   likewise, evaluated after every epoch; None: not at all
                 epochs       passes over `train`, >= 1
                 batch        samples to a step of the optimiser; the last of an epoch may be smaller
                 optimisers   `adam(...)`, `sgd(...)`, or a function of (network, epochs) to torch optimisers and schedulers;
                              schedulers step after every epoch. What the rule itself learns stands in `network.rule`
                 seed         of the order of samples and of what layers draw; both are pure functions of (seed, epoch)
                 state        the rule's at first, as `Fitted.state` of an earlier training has it; None: `rule.init(network)`
                 progress     whether a bar is shown on a terminal
                 observe      called with (epochs done, network, the rule's state) before the first epoch and after each
    Returns      Fitted; after Ctrl-C one of what was done, with `interrupted` set
    Raises       InvalidValue; Diverged when a loss or gradient is not finite, with the last good network

    With one thread of torch (`torch.set_num_threads(1)`) equal arguments give equal bytes; its matrix products round
    otherwise with other numbers of threads.
    """
    for name, value in (("epochs", epochs), ("batch", batch)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InvalidValue(f"fit: {name}", value, "a whole number >= 1")
    check_seed("fit: seed", seed)
    if not isinstance(network, Feedforward):
        raise InvalidValue(
            "fit: network", type(network).__name__, "a Feedforward network", "e.g. feedforward([700, 256, 20])"
        )
    sets = {name: _samples(name, data) for name, data in (("train", train), ("validation", validation), ("test", test))}
    network = copy.deepcopy(network)
    carried = rule.init(network) if state is None else copy.deepcopy(state)
    learner = Learner(network, learned_by(rule, carried))
    if not any(value.requires_grad for value in learner.parameters()):
        raise InvalidValue("fit: network", "no parameters that ask for a gradient", "at least one to train")
    optimising = list((optimisers or adam())(learner, epochs))
    rows: list[dict[str, float]] = []
    good, good_state = copy.deepcopy(learner.state_dict()), copy.deepcopy(carried)
    named = dict(learner.named_parameters())
    layers = [layer for layer in learner.modules() if isinstance(layer, Layer)]
    optimisers_alone = [each for each in optimising if isinstance(each, torch.optim.Optimizer)]
    schedulers = [each for each in optimising if not isinstance(each, torch.optim.Optimizer)]
    for layer in layers:
        layer.advance(0.0)

    def so_far(interrupted: bool = False) -> Fitted:
        learner.eval()
        return Fitted(network=network.eval(), history=_history(rows), interrupted=interrupted, state=carried)

    def diverged(place: str, epoch: int) -> Diverged:
        learner.load_state_dict(good)
        learner.eval()
        last = Fitted(network=network.eval(), history=_history(rows), state=good_state)
        return Diverged(place, epoch, last)

    def observed(epochs_done: int) -> None:
        if observe is not None:
            learner.eval()
            network.eval()
            observe(epochs_done, network, carried)

    observed(0)
    with interruptible() as pressed, _bar(progress, epochs * -(-len(sets["train"]) // batch)) as bar:
        for epoch in range(epochs):
            order = setup_generator(seed, _ORDER, epoch).permutation(len(sets["train"]))
            seen = sets["train"].epoch(epoch) if hasattr(sets["train"], "epoch") else sets["train"]
            met: list[tuple[int, float, float]] = []
            began = time.perf_counter()
            learner.train()
            network.train()
            for k, chosen in enumerate(np.split(order, range(batch, len(order), batch))):
                if pressed():
                    return so_far(interrupted=True)
                given = _on_device(network, seen.batch(chosen))
                with _drawing(int(setup_generator(seed, _NOISE, epoch, k).integers(2**63))):
                    credit = rule.gradients(network, given, carried)
                place = _unsound(network, given, credit)
                if place:
                    raise diverged(place, epoch + 1)
                carried = credit.state
                for name, weights in named.items():
                    weights.grad = credit.gradients.get(name)
                for optimiser in optimisers_alone:
                    optimiser.step()
                for layer in layers:
                    layer.constrain()
                carried = settle(rule, network, carried)
                met.append((len(chosen), float(credit.loss), _share(credit.scores, given.target)))
                bar.update(1)
            row = {"seconds": time.perf_counter() - began}
            row["train_loss"], row["train_accuracy"] = np.average(
                [m[1:] for m in met], axis=0, weights=[m[0] for m in met]
            )
            for scheduler in schedulers:
                scheduler.step()
            for layer in layers:
                layer.advance((epoch + 1) / epochs)
            for name in ("validation", "test"):
                if sets[name] is not None:
                    row[f"{name}_loss"], row[f"{name}_accuracy"] = evaluate(network, sets[name], batch=batch)
            place = _unsound_after(learner, row)
            if place:
                raise diverged(place, epoch + 1)
            rows.append(row)
            good, good_state = copy.deepcopy(learner.state_dict()), copy.deepcopy(carried)
            observed(epoch + 1)
            bar.set_postfix({name.replace("_accuracy", ""): f"{row[name]:.3f}" for name in row if "accuracy" in name})
    return so_far()


def evaluate(network: Feedforward, data: Any, *, batch: int = 128) -> tuple[float, float]:
    """(loss, accuracy in 0..1) of a network on a data set, in evaluation mode; the network's own mode is kept.

    Neurons that fire by chance draw by the number of the sample in the set, whatever the size of a batch.

    Parameters   data    as `fit` takes it
    """
    samples, was = _samples("data", data), network.training
    network.eval()
    total, right = 0.0, 0.0
    try:
        with torch.no_grad():
            for chosen in np.split(np.arange(len(samples)), range(batch, len(samples), batch)):
                given = _on_device(network, samples.batch(chosen))
                outputs, _ = network(given.x, samples=chosen)
                total += float(network.objective.loss(outputs, given.target)) * len(chosen)
                right += _share(network.objective.scores(outputs), given.target) * len(chosen)
    finally:
        network.train(was)
    return total / len(samples), right / len(samples)


def _samples(name: str, data: Any) -> Any:
    if isinstance(data, tuple) and len(data) == 2:
        data = _Tensors(*data)
        x, target = data.x, data.target
        if x.ndim < 3:
            raise InvalidValue(f"fit: {name}", f"x of shape {tuple(x.shape)}", "x (time, sample, features...)")
        if target.ndim == 1 and len(target) != len(data):
            raise InvalidValue(f"fit: {name}", f"{len(target)} targets", f"{len(data)}, one for each sample of x")
    if data is not None and not (hasattr(data, "batch") and hasattr(data, "__len__")):
        raise InvalidValue(f"fit: {name}", type(data).__name__, "(x, target), or an object with `batch` and a length")
    if data is not None and len(data) == 0:
        raise InvalidValue(f"fit: {name}", "no samples", "at least one sample")
    return data


def _on_device(network: Feedforward, given: tuple[Any, Any]) -> Batch:
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    return Batch(*(torch.as_tensor(part).to(device) for part in given))


def _share(scores: Tensor, target: Tensor) -> float:
    """How many of the answers are right, 0..1; NaN where targets are not classes."""
    if target.is_floating_point() or not bool(torch.isfinite(scores).all()):
        return math.nan
    return float((scores.argmax(-1) == target).float().mean())


def _unsound(network: Feedforward, given: Batch, credit: Credit) -> str:
    """Where a number that is not finite shows first on the way forward, then backward; "" if nowhere."""
    gradients = credit.gradients
    bad = [name for name, g in gradients.items() if not math.isfinite(float(g.sum()))]  # or overflows: looked at below
    if math.isfinite(float(credit.loss)) and not bad:
        return ""
    if given.x.is_floating_point() and not bool(torch.isfinite(given.x).all()):
        return "the input x"
    for k, made in enumerate(network.activity(given.x)):
        if not bool(torch.isfinite(made).all()):
            return f"layer {k} ({type(network.layers[k]).__name__})"
    sick = [name for name in bad if not bool(torch.isfinite(gradients[name]).all())]
    if sick:
        return f"the gradient of {sick[-1]}"
    return "" if math.isfinite(float(credit.loss)) else "the loss"


def _unsound_after(learner: Learner, row: dict[str, float]) -> str:
    """What an epoch has left that is not finite; "" if nothing."""
    for name, value in learner.named_parameters():
        if not bool(torch.isfinite(value).all()):
            return name
    return next((name for name, value in row.items() if name.endswith("_loss") and not math.isfinite(value)), "")


def _history(rows: list[dict[str, float]]) -> History:
    names = [field.name for field in dataclasses.fields(History)]
    return History(**{name: np.array([row.get(name, math.nan) for row in rows], dtype=np.float64) for name in names})


@contextlib.contextmanager
def _drawing(seed: int) -> Iterator[None]:
    """Layers draw what this seed determines, and torch's own generator goes on as if they had not.

    `torch.manual_seed` would also look for GPUs, which takes longer than a small batch.
    """
    before = torch.get_rng_state()
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(before)


def _bar(progress: bool, steps: int) -> Any:
    from tqdm import tqdm

    shown = progress and sys.stderr.isatty()
    return tqdm(total=steps, unit="batch", disable=not shown, delay=0.5, leave=False)
