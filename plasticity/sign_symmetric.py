"""Sign-symmetric feedback: backpropagation whose error goes back through the signs of the weights."""

from __future__ import annotations

import dataclasses

from .credit import Batch, Credit, LayeredNetwork
from .transport import carriers, fan_in, transported

__all__ = ["SignSymmetric"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SignSymmetric:
    """The way back knows of each weight only whether it excites or inhibits.

        delta_l = gain (delta_{l+1} B.T) f'(z_l),   B = sign(W_{l+1}) / sqrt(fan_in),   as W_{l+1} is now

    fan_in is how many inputs each unit of W_{l+1} sums on the way forward: n_in of `Dense`, channels_in kernel² of `Conv`.

    Parameters   none
    Factors      as `FeedbackAlignment`; where all weights are ± 1 / sqrt(fan_in) it is `BPTT`
    State        none
    Memory       as `BPTT`
    Raises       InvalidValue for a network without connections, with delayed ones, or with some inside a layer other than
                 `Residual`
    Source       Liao, Leibo & Poggio 2016, arXiv 1510.05067 (uniform sign-concordant feedback)
    Deviations   the source's signs are not divided by sqrt(fan_in), and it normalises updates besides. A weight of 0 carries
                 nothing. Recurrent weights within a layer carry its error through time themselves
    """

    def init(self, network: LayeredNetwork) -> None:
        carriers("SignSymmetric", network)

    def gradients(self, network: LayeredNetwork, batch: Batch, state: None) -> Credit:
        connections = carriers("SignSymmetric", network)
        matrices = {k: layer.weight.detach().sign() / fan_in(layer) ** 0.5 for k, layer in connections.items()}
        return transported(network, batch, matrices, None)
