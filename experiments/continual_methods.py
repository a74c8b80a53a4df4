"""Who learns a sequence of tasks (networks, and how error is carried in them), and by what forgetting is to be prevented."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from ..neurons import LIF, Rate, Relu, Sigmoid, SoftResetLIF, Spiking
from ..plasticity import (
    BPTT,
    OTTT,
    EachStep,
    ElasticWeightConsolidation,
    Energy,
    FeedbackAlignment,
    GradientProjectionMemory,
    LinearLateral,
    MeanCrossEntropy,
    Modifier,
    OrthogonalProjection,
    Ranks,
    SignSymmetric,
    SpikingLateral,
    StepCrossEntropy,
    TimeMean,
    subspaces,
)
from ..reservoirs import Feedforward, dsr_network, perceptron

__all__ = ["LEARNERS", "METHODS", "Learner", "Method", "bases"]

TAU_M, DT, V_THRESHOLD, FIRE_AT = (
    1.0,
    0.05,
    0.3,
    0.3,
)  # ms, ms, mV and a share, of networks of spike representation (paper)
AS_RATES = TimeMean(tau_steps=TAU_M / DT)

HALF = 1.0 / math.log(2.0)  # a time constant, in steps, with which a membrane keeps half of what it has


def _dsr(sizes: Sequence[int], seed: int) -> Feedforward:
    return dsr_network(sizes, tau_m=TAU_M, dt=DT, v_threshold=V_THRESHOLD, fire_at=FIRE_AT, seed=seed)


def _spiking(sizes: Sequence[int], seed: int, neuron: Any, objective: Any) -> Feedforward:
    """The perceptron's connections and first weights, with spiking neurons between them."""
    layers: list[Any] = list(perceptron(sizes, seed=seed).layers)
    for k, layer in enumerate(layers):
        if isinstance(layer, Rate):
            layers[k] = Spiking(sizes[k // 2 + 1], neuron, dt=1.0, surrogate=Sigmoid(slope=4.0))
    return Feedforward(layers, objective)


def _hard_reset(sizes: Sequence[int], seed: int) -> Feedforward:
    # half of v stays and half of the current comes in: a decaying input
    neuron = LIF(tau_m=HALF, r_m=1.0, v_rest=0.0, v_reset=0.0, v_threshold=1.0)
    return _spiking(sizes, seed, neuron, MeanCrossEntropy())


def _soft_reset(sizes: Sequence[int], seed: int) -> Feedforward:
    # r_m = 2 undoes the half that a step lets in: the input is not scaled
    neuron = SoftResetLIF(tau_m=HALF, r_m=2.0, v_rest=0.0, v_drop=1.0, v_threshold=1.0)
    return _spiking(sizes, seed, neuron, StepCrossEntropy())


@dataclasses.dataclass(frozen=True, kw_only=True)
class Learner:
    """A network and a rule.

    Parameters   label     in figures and tables
                 network   of ([inputs, hidden..., outputs], seed)
                 rule      of a seed, for what it draws
                 rows      what of a sequence the lateral neurons learn from
                 learning_rate   the field of `Config` that gives it
                 steps     of an image: the field of `Config` that gives their number; "": one
                 epochs    the field of `Config` that gives them
    """

    label: str
    network: Callable[[Sequence[int], int], Feedforward]
    rule: Callable[[int], Any]
    rows: EachStep | TimeMean = EachStep()
    learning_rate: str = "learning_rate"
    steps: str = ""
    epochs: str = "epochs"


_SPIKE_RATES: dict[str, Any] = {"network": _dsr, "rows": AS_RATES, "steps": "steps"}
_SURROGATES: dict[str, Any] = {"learning_rate": "surrogate_learning_rate", "steps": "surrogate_steps"}
LEARNERS = {
    "bp": Learner(label="DSR, backprop", rule=lambda seed: BPTT(), **_SPIKE_RATES),
    "fa": Learner(
        label="DSR, feedback alignment",
        rule=lambda seed: FeedbackAlignment(seed=seed),
        epochs="feedback_epochs",
        **_SPIKE_RATES,
    ),
    "ss": Learner(label="DSR, sign-symmetric", rule=lambda seed: SignSymmetric(), **_SPIKE_RATES),
    "bptt": Learner(label="surrogates, BPTT", network=_hard_reset, rule=lambda seed: BPTT(), **_SURROGATES),
    "ottt": Learner(label="surrogates, OTTT", network=_soft_reset, rule=lambda seed: OTTT(), **_SURROGATES),
    "rate": Learner(
        label="rate neurons, backprop",
        network=lambda sizes, seed: perceptron(sizes, activation=Relu(), seed=seed),
        rule=lambda seed: BPTT(),
        learning_rate="rate_learning_rate",
    ),
}
"""Networks without biases, weights at first uniform within ± 1 / sqrt(inputs)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Method:
    """What is done against forgetting.

    Parameters   label           in figures and tables
                 modifier        of gradients: of (config, learner, setting, seed); None: there is none
                 settings        that it chooses from; one: it is not tuned
                 setting         what they are
                 learning_rate   of (the learner's, setting)
                 rehearsal_rate  that of rehearsal, of (the learner's, setting)
                 shows           training images that its modifier is shown at the end of a task
                 jointly         whether all tasks are learned at once
                 rehearses       whether stored images are rehearsed after each task
    """

    label: str
    modifier: Callable[[Any, Learner, float, int], Modifier] | None = None
    settings: tuple[float, ...] = (math.nan,)
    setting: str = ""
    learning_rate: Callable[[float, float], float] = lambda usual, setting: usual
    rehearsal_rate: Callable[[float, float], float] = lambda usual, setting: usual * setting
    shows: int = 0
    jointly: bool = False
    rehearses: bool = False

    def modifiers(self, config: Any, learner: Learner, setting: float, seed: int) -> tuple[Modifier, ...]:
        """None or one."""
        return () if self.modifier is None else (self.modifier(config, learner, setting, seed),)


def _hebbian(**changed: Any) -> Callable[[Any, Learner, float, int], Modifier]:
    def made(config: Any, learner: Learner, setting: float, seed: int) -> Modifier:
        first, others = config.lateral_rates
        rates = (first, *(others for _ in config.ranks[0][1:]))
        return OrthogonalProjection(
            ranks=config.ranks, learning_rate=rates, rows=learner.rows, seed=seed,
            **({"lateral": LinearLateral()} | changed),
        )  # fmt: skip

    return made


def _memory(keep: Callable[[Any, float], Energy | Ranks]) -> Callable[[Any, Learner, float, int], Modifier]:
    def made(config: Any, learner: Learner, setting: float, seed: int) -> Modifier:
        tau = learner.rows.tau_steps if isinstance(learner.rows, TimeMean) else None
        kept, heads = keep(config, setting), not any(row[-1] for row in config.ranks)
        free = (f"layers.{2 * len(config.ranks[0]) - 2}.weight",) if heads and isinstance(kept, Energy) else ()
        return GradientProjectionMemory(keep=kept, tau_steps=tau, free=free, seed=seed)

    return made


# A grid of 10 to 5000 is meant for learning rates near 0.01: at 0.3 1000 diverges.
STRENGTHS = (1.0, 3.0, 10.0, 30.0)
REHEARSAL = (0.03, 0.1, 0.3, 1.0)
METHODS = {
    "hlop": Method(label="HLOP", modifier=_hebbian()),
    "sequential": Method(label="nothing"),
    "svd": Method(
        label="projection by SVD, HLOP's ranks", modifier=_memory(lambda config, _: Ranks(config.ranks)), shows=5000
    ),
    "gpm": Method(
        label="gradient projection memory", modifier=_memory(lambda _, setting: Energy(first=setting)), shows=5000,
        settings=(0.9, 0.95, 0.97, 0.99), setting="share of energy kept after the first task",
    ),
    "ewc": Method(
        label="elastic weight consolidation", shows=1000, settings=STRENGTHS, setting="strength",
        modifier=lambda config, learner, setting, seed: ElasticWeightConsolidation(setting, samples=1000, seed=seed),
    ),
    "replay": Method(
        label="rehearsal of stored images", rehearses=True, settings=REHEARSAL,
        setting="learning rate of rehearsal, in units of the learner's",
    ),
    "careful": Method(
        label="a learning rate for the final accuracy", settings=(0.03, 0.1, 0.3, 1.0),
        setting="learning rate, in units of the learner's", learning_rate=lambda usual, setting: usual * setting,
    ),
    "multitask": Method(label="all tasks at once", jointly=True),
    "hlop_qr": Method(label="HLOP, orthonormalised after each task", modifier=_hebbian(orthonormal=True)),
    "hlop_spiking": Method(label="HLOP, spiking lateral neurons", modifier=_hebbian(lateral=SpikingLateral())),
    "hlop_replay": Method(
        label="HLOP and rehearsal", modifier=_hebbian(), rehearses=True, settings=REHEARSAL,
        setting="learning rate of rehearsal, in units of the learner's",
    ),
}  # fmt: skip
"""By name; beside HLOP, controls and baselines. Multitask sees all tasks at once: what there is to be reached."""


def bases(rule: Any, state: Any) -> dict[str, Tensor]:
    """What the modifiers of a chain keep of tasks so far, as rows (k, n) by the weight's name; nothing of other methods."""
    for modifier, own in zip(rule.modifiers, state[1], strict=True):
        if isinstance(modifier, OrthogonalProjection):
            return {name: found.frozen for name, found in subspaces(own).items()}
        if isinstance(modifier, GradientProjectionMemory):
            return {name: basis.t() for name, basis in own.bases.items()}
    return {}
