"""Three-factor Hebbian learning of a readout: presynaptic activity, error, attention."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np

from ..neurons import parameter
from .contract import Floats, ReadoutRule, learn
from .linear import add_scaled, dot

__all__ = ["PredictionGated", "ThreeFactor"]


class ThreeFactorStep(NamedTuple):
    learning_rate: float

    def learn(
        self, state: Any, weight: Floats, features: Floats, prediction: Floats, target: Floats, attention: Floats
    ) -> None:
        # |features|^2/n is about 1 for standardised features; the divisor bounds the step through transients
        rate = self.learning_rate * 2.0 / (1.0 + dot(features, features) / features.size)
        for c in range(prediction.size):
            if attention[c] != 0.0:
                add_scaled(weight[c], rate * attention[c] * (target[c] - prediction[c]), features)


class NoState(NamedTuple):
    """A rule that remembers nothing but the weights."""

    unused: float = 0.0


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ThreeFactor(ReadoutRule):
    """Error-modulated, attention-gated Hebbian rule, online.

        w_c += learning_rate * attention_c * (target_c - prediction_c) * features * 2 / (1 + |features|^2 / n)

    Factors      presynaptic: the feature (a filtered spike train); postsynaptic: none; third: the error of the channel
                 times its attention. With attention 1 it is the (normalised) delta rule
    Parameters   learning_rate   per update, >= 0; stable below 1 / n for n features of unit variance
    State        none besides the weights, shape (channels, n)
    Source       Yamada & Chao, arXiv 2510.14382 and doi:10.1038/s42003-026-10836-2 (the timing readout)
    Deviations   the normalising last factor is ours: the paper's step size through input transients is not known
    """

    learning_rate: float = parameter(2e-4, "1", at_least=0.0)

    def discretise(self, every: float) -> ThreeFactorStep:
        return ThreeFactorStep(self.learning_rate)

    def initial_state(self, channels: int, features: int) -> NoState:
        return NoState()


class PredictionGatedStep(NamedTuple):
    rule: Any
    threshold: float

    def learn(
        self, state: Any, weight: Floats, features: Floats, prediction: Floats, target: Floats, attention: Floats
    ) -> None:
        for c in range(prediction.size):
            state.attention[c] = attention[c]
            if 0.0 < attention[c] < 1.0 and prediction[c] > self.threshold:
                state.attention[c] = 1.0
        learn(self.rule, state.rule, weight, features, prediction, target, state.attention)


class PredictionGatedState(NamedTuple):
    """rule: the wrapped rule's state; attention: scratch, shape (channels,)."""

    rule: Any
    attention: Floats


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class PredictionGated(ReadoutRule):
    """Full attention wherever an attended channel itself expects something: an expected event that fails to come counts.

        attention_c <- 1 where 0 < attention_c < 1 and prediction_c > threshold; then the wrapped rule

    Parameters   rule        the wrapped rule
                 threshold   of the prediction, its unit
    State        that of the wrapped rule
    Source       a variant of the gate of Yamada & Chao, arXiv 2510.14382
    Deviations   the shape of the paper's gate is not known; give unattended times a small positive attention, not 0
    """

    rule: ReadoutRule = dataclasses.field(default_factory=ThreeFactor)
    threshold: float = parameter(0.1, "1")

    def discretise(self, every: float) -> PredictionGatedStep:
        return PredictionGatedStep(self.rule.discretise(every), self.threshold)

    def initial_state(self, channels: int, features: int) -> PredictionGatedState:
        return PredictionGatedState(self.rule.initial_state(channels, features), np.zeros(channels))
