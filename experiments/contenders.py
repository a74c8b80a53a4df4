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
                 source     of the rule
    """

    label: str
    build: Callable[[Sequence[int], int, tuple[float, ...]], Trainee]
    settings: tuple[tuple[float, ...], ...]
    second: str = ""
    source: str = ""


BACKWARD = ((0.05,), (0.1,), (0.2,), (0.4,), (0.8,))  # the paper's range of rates, by factors of two
LOCAL = ((0.2,), (0.5,), (1.0,), (1.5,), (2.0,))  # the paper's own grid for counter-current learning
CLIP = 1.0  # largest norm of a gradient; of the paper's two, and for all contenders


def _with_errors(make: Callable[[int], Any]) -> Callable[[Sequence[int], int, tuple[float, ...]], Trainee]:
    """A rule that sends errors back, on tanh neurons, as the paper's baselines."""

    def build(sizes: Sequence[int], seed: int, setting: tuple[float, ...]) -> Trainee:
        from ..neurons import Tanh
        from ..plasticity import Clip, chain
        from ..reservoirs import perceptron, sgd

        network = perceptron(sizes, activation=Tanh(), seed=seed)
        return Trainee(network, chain(make(seed), Clip(CLIP)), sgd(setting[0]))

    return build


def _backprop(seed: int) -> Any:
    from ..plasticity import BPTT

    return BPTT()


def _feedback_alignment(seed: int) -> Any:
    from ..plasticity import FeedbackAlignment

    return FeedbackAlignment(seed=seed)


def _direct_feedback(seed: int) -> Any:
    from ..plasticity import DirectFeedback, RandomFeedback

    return DirectFeedback(feedback=RandomFeedback(seed=seed))


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
    from ..neurons import Tanh
    from ..plasticity import BPTT, Clip, chain
    from ..reservoirs import perceptron, sgd

    network = perceptron(sizes, activation=Tanh(), seed=seed)
    for value in list(network.parameters())[:-1]:
        value.requires_grad_(False)
    return Trainee(network, chain(BPTT(), Clip(CLIP)), sgd(setting[0]))


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
    "frozen": Contender(label="readout of frozen random features", build=_frozen_features, settings=BACKWARD),
}  # fmt: skip
