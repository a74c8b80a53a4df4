"""Rules of credit assignment that are compared on one network, each with the settings that it may choose from.

Every contender has as many settings as every other, so that none is tuned more than another. A setting is a learning rate and,
where the rule has a second constant that matters, that.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["CONTENDERS", "Contender", "Trainee"]


@dataclasses.dataclass(frozen=True)
class Trainee:
    """network; rule; optimisers: what `fit` takes."""

    network: Any
    rule: Any
    optimisers: Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contender:
    """A rule on perceptrons.

    Parameters   label      in tables and figures
                 build      from (sizes, seed, setting) to a `Trainee`
                 settings   to choose from, on validation
                 second     what a setting's second number is, if it has one
                 optimiser  that takes the gradients
                 source     of the rule
    """

    label: str
    build: Callable[[Sequence[int], int, tuple[float, ...]], Trainee]
    settings: tuple[tuple[float, ...], ...]
    second: str = ""
    optimiser: str = "sgd"
    source: str = ""


BACKWARD = ((0.05,), (0.1,), (0.2,), (0.4,), (0.8,))  # the paper's range of rates, by factors of two
LOCAL = ((0.2,), (0.5,), (1.0,), (1.5,), (2.0,))  # the paper's own grid for counter-current learning
READOUT = ((0.5,), (2.0,), (8.0,), (32.0,), (128.0,))  # deep random features are small, and bear large steps
CLIP = 1.0  # largest norm of a gradient; of the paper's two, and for all contenders but forward-forward
VALUES = 0.3  # rate of their values in the incremental kind, which has two rates besides
SETTLING = 8  # steps of predictive coding for a batch, both kinds, or more where an error has further to go


def _with_errors(make: Callable[[int], Any]) -> Callable[[Sequence[int], int, tuple[float, ...]], Trainee]:
    """A rule of nothing but a seed, on tanh neurons, as the paper's baselines."""

    def build(sizes: Sequence[int], seed: int, setting: tuple[float, ...]) -> Trainee:
        return _on_tanh(make(seed), sizes, seed, setting[0])

    return build


def _on_tanh(rule: Any, sizes: Sequence[int], seed: int, rate: float, rule_rate: float | None = None) -> Trainee:
    from ..plasticity import Clip, chain
    from ..reservoirs import sgd

    return Trainee(_tanh(sizes, seed), chain(rule, Clip(CLIP)), sgd(rate, rule_learning_rate=rule_rate))


def _tanh(sizes: Sequence[int], seed: int) -> Any:
    from ..neurons import Tanh
    from ..reservoirs import perceptron

    return perceptron(sizes, activation=Tanh(), seed=seed)


def _backprop(seed: int) -> Any:
    from ..plasticity import BPTT

    return BPTT()


def _feedback_alignment(seed: int) -> Any:
    from ..plasticity import FeedbackAlignment

    return FeedbackAlignment(seed=seed)


def _direct_feedback(seed: int) -> Any:
    from ..plasticity import DirectFeedback, RandomFeedback

    return DirectFeedback(feedback=RandomFeedback(seed=seed))


def _sign_symmetric(seed: int) -> Any:
    from ..plasticity import SignSymmetric

    return SignSymmetric()


def _random_target(sizes: Sequence[int], seed: int, setting: tuple[float, ...]) -> Trainee:
    from ..plasticity import DirectRandomTarget

    return _on_tanh(DirectRandomTarget(scale=setting[1], seed=seed), sizes, seed, setting[0])


def _difference_target(sizes: Sequence[int], seed: int, setting: tuple[float, ...]) -> Trainee:
    from ..plasticity import DifferenceTarget

    return _on_tanh(DifferenceTarget(seed=seed), sizes, seed, *setting)


def _fixed_weight_target(sizes: Sequence[int], seed: int, setting: tuple[float, ...]) -> Trainee:
    from ..plasticity import FixedWeightDifferenceTarget

    return _on_tanh(FixedWeightDifferenceTarget(step=setting[1], seed=seed), sizes, seed, setting[0])


def _predictive_coding(sizes: Sequence[int], seed: int, setting: tuple[float, ...]) -> Trainee:
    from ..plasticity import PredictiveCoding

    return _on_tanh(PredictiveCoding(steps=_settling(sizes), rate=setting[1]), sizes, seed, setting[0])


def _settling(sizes: Sequence[int]) -> int:
    """Steps in which an error reaches the lowest layer, and three more."""
    return max(SETTLING, len(sizes) + 1)


def _incremental(sizes: Sequence[int], seed: int, setting: tuple[float, ...]) -> Trainee:
    """With the step of the others, clipped: the source's own, as large as what the weights did meanwhile, diverges or is slow."""
    from ..plasticity import IncrementalPredictiveCoding

    rule = IncrementalPredictiveCoding(steps=_settling(sizes), rate=VALUES, learning_rate=setting[1])
    return _on_tanh(rule, sizes, seed, setting[0])


def _forward_forward(sizes: Sequence[int], seed: int, setting: tuple[float, ...]) -> Trainee:
    """Rectified layers as wide as the others' hidden ones, without clipping, to whose scale Adam is blind."""
    from ..neurons import Goodness
    from ..plasticity import ForwardForward
    from ..reservoirs import Feedforward, adam

    network = Feedforward([Goodness(sizes[:-1], classes=sizes[-1], seed=seed)])
    return Trainee(network, ForwardForward(threshold=setting[1], seed=seed), adam(setting[0]))


def _exponentiated(sizes: Sequence[int], seed: int, setting: tuple[float, ...]) -> Trainee:
    from ..plasticity import ExponentiatedGradient

    return _signed(ExponentiatedGradient(), sizes, seed, setting[0])


def _sign_constrained(sizes: Sequence[int], seed: int, setting: tuple[float, ...]) -> Trainee:
    from ..plasticity import Dale

    return _signed(Dale(), sizes, seed, setting[0])


def _signed(law: Any, sizes: Sequence[int], seed: int, rate: float) -> Trainee:
    """Backprop on weights of Dale's law, the same at first for both ways of keeping it."""
    from ..plasticity import BPTT, Clip, chain, dale_weights
    from ..reservoirs import sgd

    return Trainee(dale_weights(_tanh(sizes, seed), seed=seed), chain(BPTT(), Clip(CLIP), law), sgd(rate))


def _counter_current(sizes: Sequence[int], seed: int, setting: tuple[float, ...]) -> Trainee:
    return _streams(sizes, seed, setting[0], setting[0])


def _frozen_feedback(sizes: Sequence[int], seed: int, setting: tuple[float, ...]) -> Trainee:
    return _streams(sizes, seed, setting[0], 0.0)


def _streams(sizes: Sequence[int], seed: int, rate: float, feedback_rate: float) -> Trainee:
    from ..neurons import Elu
    from ..plasticity import Clip, CounterCurrent, Mirror, chain
    from ..reservoirs import perceptron, sgd

    network = perceptron(sizes, activation=Elu(), seed=seed)
    rule = chain(CounterCurrent(feedback=Mirror(seed=seed)), Clip(CLIP))
    return Trainee(network, rule, sgd(rate, rule_learning_rate=feedback_rate))


def _frozen_features(sizes: Sequence[int], seed: int, setting: tuple[float, ...]) -> Trainee:
    trainee = _on_tanh(_backprop(seed), sizes, seed, setting[0])
    for value in list(trainee.network.parameters())[:-1]:
        value.requires_grad_(False)
    return trainee


CONTENDERS: dict[str, Contender] = {
    "backprop": Contender(label="backprop", build=_with_errors(_backprop), settings=BACKWARD),
    "ccl": Contender(
        label="counter-current", build=_counter_current, settings=LOCAL, source="Kao & Hariharan 2024, arXiv 2409.19841"
    ),
    "ccl_frozen": Contender(label="counter-current, frozen feedback", build=_frozen_feedback, settings=LOCAL),
    "fa": Contender(
        label="feedback alignment", build=_with_errors(_feedback_alignment), settings=BACKWARD,
        source="Lillicrap et al. 2016, doi:10.1038/ncomms13276",
    ),
    "dfa": Contender(
        label="direct feedback alignment", build=_with_errors(_direct_feedback), settings=BACKWARD,
        source="Nøkland 2016, arXiv 1609.01596",
    ),
    "sign_symmetric": Contender(
        label="sign-symmetric feedback", build=_with_errors(_sign_symmetric), settings=BACKWARD,
        source="Liao et al. 2016, arXiv 1510.05067",
    ),
    "drtp": Contender(
        label="direct random target projection", build=_random_target, second="scale of the random targets",
        settings=((0.3, 0.3), (0.6, 0.3), (1.0, 0.3), (1.0, 1.0), (2.0, 1.0)),
        source="Frenkel et al. 2021, doi:10.3389/fnins.2021.629892",
    ),
    "dtp": Contender(
        label="difference target propagation", build=_difference_target, second="learning rate of the inverses",
        settings=((0.1, 0.1), (0.2, 0.01), (0.2, 0.1), (0.2, 0.5), (0.4, 0.1)),
        source="Lee et al. 2015, arXiv 1412.7525",
    ),
    "fw_dtp": Contender(
        label="fixed-weight difference targets", build=_fixed_weight_target, second="step to the target",
        settings=((0.1, 0.1), (0.2, 0.01), (0.2, 0.1), (0.2, 1.0), (0.4, 0.1)),
        source="Shibuya et al. 2023, arXiv 2212.10352",
    ),
    "pc": Contender(
        label="predictive coding", build=_predictive_coding, second="rate of the values",
        settings=((0.1, 0.3), (0.1, 0.5), (0.2, 0.3), (0.2, 0.5), (0.2, 0.8)),
        source="Whittington & Bogacz 2017, doi:10.1162/NECO_a_00949",
    ),
    "ipc": Contender(
        label="incremental predictive coding (a variant)", build=_incremental, second="learning rate within a batch",
        settings=((0.1, 0.001), (0.1, 0.003), (0.2, 0.001), (0.2, 0.003), (0.4, 0.001)),
        source="Salvatori et al. 2024, arXiv 2212.00720",
    ),
    "ff": Contender(
        label="forward-forward", build=_forward_forward, second="threshold of goodness", optimiser="adam",
        settings=((1e-3, 0.5), (1e-3, 1.0), (2e-3, 0.5), (2e-3, 1.0), (4e-3, 0.5)),
        source="Hinton 2022, arXiv 2212.13345",
    ),
    "eg": Contender(
        label="backprop, exponentiated gradient", build=_exponentiated, settings=((2.0,), (5.0,), (10.0,), (20.0,), (50.0,)),
        source="Cornford et al. 2024, doi:10.1101/2024.10.25.620272",
    ),
    "dale": Contender(
        label="backprop, clamped to its signs", build=_sign_constrained, settings=BACKWARD,
        source="Song et al. 2016, doi:10.1371/journal.pcbi.1004792",
    ),
    "frozen": Contender(label="readout of frozen random features", build=_frozen_features, settings=READOUT),
}  # fmt: skip
