"""How far a rule's gradient points from backpropagation's, on the network that the rule is training."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["angle_to_backprop"]

SAMPLES = 256


def angle_to_backprop(network: Any, rule: Any, state: Any, batch: Any) -> dict[str, Any]:
    """The angle on the first 256 samples of a batch, over the parameters that both rules have a gradient for.

    Returns      angle   degrees; NaN where it says nothing: for `Goodness`, whose rule descends no loss of the outputs, and
                         where layers are frozen, so that the readout alone would be compared
    """
    from ..neurons import Goodness
    from ..plasticity import BPTT, Batch, angle

    if isinstance(network.layers[0], Goodness) or not all(value.requires_grad for value in network.parameters()):
        return {"angle": math.nan}
    some = Batch(batch.x[:, :SAMPLES], batch.target[:SAMPLES])
    backprop = BPTT().gradients(network, some, None).gradients
    found = angle(rule.gradients(network, some, state).gradients, backprop).overall
    return {"angle": round(found, 3)}  # beyond that it is single precision's own
