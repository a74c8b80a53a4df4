"""What `early-exit` trains and how its exits are measured: spikes from intensities, a network, policies, wall time."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..neurons import LIF, setup_generator
from ..plasticity import BPTT, CosineToFinal, MeanCrossEntropy, StepCrossEntropy
from ..reservoirs import (
    ConfidenceExit,
    DynamicConfidence,
    ExitPolicy,
    Feedforward,
    FixedExit,
    MarginCutoff,
    accuracy_latency,
    adam,
    exit_bounds,
    exit_early,
    exit_steps,
    feedforward,
    running_scores,
)
from .digits_baselines import one_torch_thread
from .digits_liquid import divide
from .whole_fit import whole_fit

__all__ = ["RateCoded", "early_exit_trial"]

_SPIKES, _ORDER, _WEIGHTS = 286, 287, 288  # streams of what pixels fire, of the order of samples, of initial weights
_HELD = 1 << 20  # epochs never come to it: spikes of the held-out sets, and of training images for fitting margins
CLASSES = 10
REPEATS = 3  # of each wall time, of which the least counts
TIMED = 1000  # samples whose wall time is measured


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class RateCoded:
    """`Samples` of images as spikes: at each step a pixel fires with probability `most` times its intensity.

    What a sample fires is a pure function of (seed, part, epoch, its number), so it does not depend on batches or their order.

    Parameters   images   (n, pixels), 0..1
                 labels   (n,) int64
                 steps    length of a sequence
                 most     probability at intensity 1, in (0, 1]
                 part     number of the set, so that sets do not share their draws
                 number   of the epoch: other spikes in each
    """

    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    steps: int
    most: float
    part: int
    seed: int
    number: int = 0

    def __len__(self) -> int:
        return len(self.labels)

    def epoch(self, number: int) -> RateCoded:
        """The same images with spikes of their own."""
        return dataclasses.replace(self, number=number)

    def batch(self, indices: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        x = np.zeros((self.steps, len(indices), self.images.shape[1]), np.bool_)
        for place, index in enumerate(indices):
            lit = np.flatnonzero(self.images[index])
            draw = setup_generator(self.seed, _SPIKES, self.part, self.number, int(index))
            drawn = draw.random((self.steps, len(lit)), dtype=np.float32)
            x[:, place, lit] = drawn < self.most * self.images[index, lit]
        return torch.from_numpy(x), torch.from_numpy(self.labels[indices])


def _parts(config: Any, seed: int) -> tuple[RateCoded, RateCoded, RateCoded]:
    images = divide(
        config.dataset, 5 * config.validation_size, config.test_size, seed
    )  # of which a fifth is for validation
    labels = images.train_labels, images.validation_labels, images.test_labels
    coded = [
        RateCoded(
            images=pixels, labels=own, steps=config.steps, most=config.most, part=k, seed=seed, number=_HELD
        )
        for k, (pixels, own) in enumerate(zip(images.parts, labels, strict=True))
    ]  # fmt: skip
    kept = slice(config.train_size or None)
    trained = dataclasses.replace(coded[0], images=coded[0].images[kept], labels=coded[0].labels[kept])
    return trained, coded[1], coded[2]


def _objective(variant: str, config: Any) -> Any:
    return {
        "mean": MeanCrossEntropy(),
        "cosine": CosineToFinal(strength=config.strength),
        "cosine_strong": CosineToFinal(strength=config.strong),
        "step": StepCrossEntropy(),
    }[variant]


def early_exit_trial(variant: str, config: Any, seed: int) -> dict[str, Any]:
    """One way of training on the images of one seed: its exits on the test images by every policy."""
    with one_torch_thread():
        train, validation, test = _parts(config, seed)
        network = feedforward(
            [train.images.shape[1], config.hidden, CLASSES], neuron=LIF(tau_m=config.tau_m), tau_readout=config.tau_readout,
            objective=_objective(variant, config), seed=int(setup_generator(seed, _WEIGHTS).integers(2**31)),
        )  # fmt: skip
        began = time.perf_counter()
        fitted = whole_fit(
            network, BPTT(), train, epochs=config.epochs, batch=config.batch, optimisers=adam(config.learning_rate),
            seed=int(setup_generator(seed, _ORDER).integers(2**31)),
        )  # fmt: skip
        seconds = time.perf_counter() - began
        found = _measured(fitted.network, train, validation, test, config)
        return found | {"cost/train_s": seconds}


def _measured(network: Feedforward, train: Any, validation: Any, test: Any, config: Any) -> dict[str, Any]:
    """Policies fitted without the test samples, then what they do to those."""
    kept, (scores, target, operations) = running_scores(network, validation), _with_operations(network, test)
    learned = running_scores(network, train)
    margins = [MarginCutoff(epsilon=share).fit(*learned) for share in config.epsilons]
    fixed = [FixedExit(step=step) for step in range(1, config.steps + 1)]
    right = (scores.argmax(-1) == target).double()
    found: dict[str, Any] = {"accuracy": 100.0 * float(right[-1].mean()), "operations": float(operations[-1].mean())}
    families: dict[str, Sequence[ExitPolicy]] = {"margin": margins, "fixed": fixed}
    fitted: dict[str, ExitPolicy] = {}
    for tolerance in config.tolerances:
        chosen = {name: _fastest(family, kept, tolerance, config.steps) for name, family in families.items()}
        chosen["confidence"] = DynamicConfidence(tolerance=tolerance).fit(*kept)
        for name, policy in chosen.items():
            found.setdefault(f"{name}/points", []).append(_point(policy, scores, right, operations))
        if tolerance == config.tolerance:
            fitted = chosen
    sure: Any = fitted["confidence"]
    found |= {"temperature": sure.temperature, "threshold": sure.threshold}
    levels = 1.0 - np.logspace(-0.02, -5.0, config.thresholds)
    families["confidence"] = [ConfidenceExit(temperature=sure.temperature, threshold=level) for level in levels]
    for name, family in families.items():
        found[f"{name}/curve"] = np.stack([np.asarray(part) for part in accuracy_latency(scores, target, family)])
        steps = exit_steps(fitted[name].stops(scores))
        found[f"{name}/histogram"] = np.bincount(steps.numpy(), minlength=config.steps + 1)[1:]
    bounds = exit_bounds(scores, target)
    found["bounds"] = np.array([float(steps.double().mean()) for steps in bounds])
    found["ever_right"] = 100.0 * float(right.amax(0).mean())
    return found | _examples(sure, scores, target, test) | _timed(network, test, scores, fitted, config)


def _with_operations(network: Feedforward, test: RateCoded) -> tuple[Tensor, Tensor, Tensor]:
    """Accumulated scores, classes, and synaptic operations up to each step (time, sample): spikes times their targets."""
    objective: Any = network.objective
    layers: list[Any] = list(network.layers)
    found = []
    for chosen in np.split(np.arange(len(test)), range(250, len(test), 250)):
        x, target = test.batch(chosen)
        activity = network.activity(x)
        done = x.double().sum(-1) * layers[0].n_out + activity[1].double().sum(-1) * layers[2].n_out
        found.append((objective.so_far(activity[-1])[0], target, done.cumsum(0)))
    scores, targets, operations = zip(*found, strict=True)
    return torch.cat(scores, 1), torch.cat(targets), torch.cat(operations, 1)


def _fastest(family: Any, kept: tuple[Tensor, Tensor], tolerance: float, steps: int) -> ExitPolicy:
    """Of some policies and never stopping, that with the fewest steps whose accuracy on the kept samples is good enough."""
    family = [*family, FixedExit(step=steps)]
    accuracy, mean_steps = accuracy_latency(*kept, family)
    good = accuracy >= accuracy[-1] - tolerance - 1e-12  # as `DynamicConfidence` rounds
    best: ExitPolicy = family[int(torch.where(good, mean_steps, math.inf).argmin())]
    return best


def _point(policy: ExitPolicy, scores: Tensor, right: Tensor, operations: Tensor) -> list[float]:
    """Mean steps, points of accuracy lost, and synaptic operations saved in %."""
    steps = exit_steps(policy.stops(scores))
    lost = float((right[-1] - right.gather(0, steps[None] - 1)[0]).mean())
    done = operations.gather(0, steps[None] - 1).sum() / operations[-1].sum()
    return [float(steps.double().mean()), 100.0 * lost, 100.0 * (1.0 - float(done))]


def _examples(policy: ConfidenceExit, scores: Tensor, target: Tensor, test: RateCoded) -> dict[str, Any]:
    """A sample that is answered soonest and one that is answered last, both right in the end: images and confidence."""
    steps = exit_steps(policy.stops(scores))
    right = scores[-1].argmax(-1) == target
    easy = int(torch.where(right, steps, len(scores) + 1).argmin())
    hard = int(torch.where(right, steps, 0).argmax())
    side = math.isqrt(test.images.shape[1])
    two = torch.tensor([easy, hard])
    return {
        "example/image": test.images[two.numpy()].reshape(2, side, side),
        "example/label": target[two],
        "example/confidence": policy.confidence(scores[:, two]).T,
        "example/answer": scores[:, two].argmax(-1).T,
        "example/steps": steps[two],
    }


def _timed(network: Feedforward, test: RateCoded, scores: Tensor, fitted: Any, config: Any) -> dict[str, Any]:
    """Wall time of whole sequences and of early exit in pieces, of the same samples; whether answers are the same."""
    x, _ = test.batch(np.arange(min(TIMED, len(test))))
    scores = scores[:, : x.shape[1]]
    found: dict[str, Any] = {}

    def least(call: Any) -> float:
        seconds = []
        for _ in range(REPEATS):
            began = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - began)
        return min(seconds)

    whole = least(lambda: network.scores(x))
    same = []
    for name in ("confidence", "margin"):
        policy = fitted[name]
        steps = exit_steps(policy.stops(scores))
        answers = scores.argmax(-1).gather(0, steps[None] - 1)[0]
        saved = []
        for every in config.pieces:
            made = exit_early(network, x, policy, every=every)
            same.append(float(((made.answers == answers) & (made.steps == steps)).double().mean()))
            saved.append(100.0 * (1.0 - least(lambda every=every: exit_early(network, x, policy, every=every)) / whole))  # noqa: B023
            found.setdefault(f"{name}/run", []).append(float(made.steps_run.double().mean()))
        found[f"cost/saved_{name}"] = np.array(saved)
    return found | {"same": 100.0 * min(same), "cost/whole_s": whole}
