"""Oja's rule on spikes."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from ..neurons import parameter
from .local import SynapticRule
from .stdp import PostTrace, PreTrace

__all__ = ["Oja", "OjaStep"]


class OjaStep(NamedTuple):
    """Coefficients of `Oja`."""

    learning_rate: Any
    pre_gain: Any
    post_gain: Any

    def on_pre(self, weight: Any, pre: PreTrace, post: PostTrace) -> Any:
        return weight

    def on_post(self, weight: Any, pre: PreTrace, post: PostTrace) -> Any:
        return weight + self.learning_rate * (pre.x - (post.y + self.post_gain) * weight)

    def spike_pre(self, pre: PreTrace) -> PreTrace:
        return PreTrace(pre.x + self.pre_gain)

    def spike_post(self, post: PostTrace) -> PostTrace:
        return PostTrace(post.y + self.post_gain)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Oja(SynapticRule):
    """Hebbian growth that each postsynaptic neuron's own activity holds in check: it finds the first principal component.

        rates x, y: traces in Hz (a spike adds 1000 / tau);  postsynaptic spike: w <- w + learning_rate (x - y w)

    Averaged over time this is dw/dt = learning_rate y (x - y w), Oja's rule on rates: the weights' norm comes to 1 where the
    postsynaptic rate is the weighted sum of the presynaptic ones.

    Parameters   tau             of both traces, ms, > 0
                 learning_rate   per Hz, >= 0; stable while learning_rate y << 1
    State        weight per synapse; x per presynaptic neuron and delay; y per postsynaptic neuron, both in Hz
    Raises       InvalidValue for a field outside its range
    Source       Oja 1982, doi:10.1007/BF00275687
    Deviations   the postsynaptic rate outside the bracket is the spike train itself, y inside it a trace with the present
                 spike; the published rule is in rates
    """

    tau: float = parameter(50.0, "ms", above=0.0)
    learning_rate: float = parameter(1e-5, "1/Hz", at_least=0.0)

    def discretise(self, dt: float) -> OjaStep:
        return OjaStep(self.learning_rate, 1e3 / self.tau, 1e3 / self.tau)

    def pre_traces(self) -> PreTrace:
        return PreTrace(self.tau)

    def post_traces(self) -> PostTrace:
        return PostTrace(self.tau)
