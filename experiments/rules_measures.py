"""How far a rule's gradient points from backpropagation's, on the network that the rule is training."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["angle_to_backprop"]

SAMPLES = 256


def angle_to_backprop(network: Any, rule: Any, state: Any, batch: Any) -> dict[str, Any]:
    """The angle on the first 256 samples of a batch, over the parameters that both rules have a gradient for.

    Returns      angle   degrees; NaN where it says nothing: for `Goodness`, whose rule descends no loss of the outputs, and
                         where layers are frozen, so that the readout alone would be compared, and where a modifier makes
                         another step of the gradient, as `ExponentiatedGradient` and `Dale` do
    """
    from ..neurons import Goodness
    from ..plasticity import BPTT, Batch, Modifier, angle

    steps_otherwise = any(type(each).settle is not Modifier.settle for each in getattr(rule, "modifiers", ()))
    partly_frozen = not all(value.requires_grad for value in network.parameters())
    if steps_otherwise or partly_frozen or isinstance(network.layers[0], Goodness):
        return {"angle": math.nan}
    some = Batch(batch.x[:, :SAMPLES], batch.target[:SAMPLES])
    backprop = BPTT().gradients(network, some, None).gradients
    found = angle(rule.gradients(network, some, state).gradients, backprop).overall
    return {"angle": round(found, 3)}  # beyond that it is single precision's own
