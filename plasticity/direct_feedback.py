"""Direct feedback alignment: the output's error reaches every hidden layer at once, through random matrices."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..neurons.errors import InvalidValue
from .credit import Batch, Credit, LayeredNetwork
from .direct import AtFirstBatch, features, readout, run_apart
from .feedback import Feedback, RandomFeedback

__all__ = ["DirectFeedback"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class DirectFeedback:
    """Each hidden block takes a random image of the output's error for the derivative of its activity, and learns on its own.

        error[t] = dL/d current[t] into the output;   dL/dh_l[t] := gain B_l error[t]
        dL/dw_l = Σ_t (dL/dh_l[t]) dh_l[t]/dw_l,   through the time of block l's own neurons, its input held

    for any neurons, spiking or rates. A block is one layer of connections and all up to the next, its activity h_l what the
    next connections hear: behind pooling and dropout, maps flattened.

    Parameters   feedback   B: `RandomFeedback()`, or for one hidden block another; with `SymmetricFeedback()` that is `BPTT`
    Factors      presynaptic activity; postsynaptic: derivative of the rate, or surrogate through the neuron's own time; third:
                 B error
    State        the feedback's; where convolutions take maps, made at the first batch, which says how large those are
    Memory       grows with time, as each block's own past is kept until the error is known
    Raises       InvalidValue for a network whose last connections are not Dense, or whose hidden blocks have other numbers of
                 steps than its output
    Source       Nokland 2016, arXiv 1609.01596; Launay et al. 2020, arXiv 2006.12878; in time as each layer's own part of
                 backpropagation: ours
    Deviations   the sources' networks have no time; the scale of B is that of the readout's weights at first. The error is
                 taken at the output's current, so that a leaky readout's memory is its own, not the hidden layers'
    """

    feedback: Feedback = dataclasses.field(default_factory=RandomFeedback)

    def __post_init__(self) -> None:
        if not (hasattr(self.feedback, "start") and hasattr(self.feedback, "matrices")):
            raise InvalidValue("DirectFeedback.feedback", self.feedback, "a feedback", "e.g. RandomFeedback(seed=1)")

    def init(self, network: LayeredNetwork) -> Any:
        weight = readout("DirectFeedback", network).weight
        sizes = features("DirectFeedback", network)
        return AtFirstBatch() if sizes is None else self.feedback.start(sizes, weight)

    def gradients(self, network: LayeredNetwork, batch: Batch, state: Any) -> Credit:
        last = readout("DirectFeedback", network)
        ran = run_apart("DirectFeedback", network, batch)
        if isinstance(state, AtFirstBatch):
            state = self.feedback.start(ran.sizes(), last.weight)
        matrices, state = self.feedback.matrices(state, last.weight)
        error = last.gain * ran.error
        return ran.credit("DirectFeedback", [error @ matrix.T for matrix in matrices], state)
