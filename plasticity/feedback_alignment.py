"""Feedback alignment: backpropagation whose error goes back through fixed random weights."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from ..neurons.errors import InvalidValue
from ..neurons.randomness import check_seed, setup_generator
from .credit import Batch, Credit, LayeredNetwork
from .transport import Place, carriers, transported

__all__ = ["FeedbackAlignment"]

_STREAM = 211


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeedbackAlignment:
    """Each layer's error is the one above it, carried down by fixed random weights instead of the forward ones.

        delta_l = gain (delta_{l+1} B_{l+1}.T) f'(z_l),   dL/dW_l := gain h_{l-1}.T delta_l;   the last layer has its own error

    Parameters   seed   of B; each matrix is a pure function of the seed and its layer's place
    Factors      presynaptic activity; postsynaptic derivative, through the neurons' own time; third: the carried error. With
                 the weights for B it is `BPTT`
    State        B, of its weight's shape, by the place of its layer, for all connections with parameters below them
    Memory       as `BPTT`
    Raises       InvalidValue for a network without connections, with delayed ones, with some inside a layer other than
                 `Residual`, or with weights that are all 0 at first
    Source       Lillicrap et al. 2016, doi:10.1038/ncomms13276
    Deviations   B is normal, of the root mean square of the layer's own weights at first; the source takes a uniform one whose
                 scale it searches. Recurrent weights within a layer carry its error through time themselves
    """

    seed: int = 0

    def __post_init__(self) -> None:
        check_seed("FeedbackAlignment.seed", self.seed)

    def init(self, network: LayeredNetwork) -> dict[Place, Tensor]:
        matrices = dict[Place, Tensor]()
        for k, layer in carriers("FeedbackAlignment", network).items():
            weight = layer.weight.detach()
            scale = float(weight.square().mean().sqrt())
            if scale == 0.0:
                fix = "B takes its scale from them; start from small random ones"
                raise InvalidValue(f"FeedbackAlignment: layer {k}", "weights that are all 0", "some other than 0", fix)
            place = (k,) if isinstance(k, int) else k
            draw = setup_generator(self.seed, _STREAM, *place).standard_normal(tuple(weight.shape))
            matrices[k] = scale * torch.from_numpy(draw).to(weight)
        return matrices

    def gradients(self, network: LayeredNetwork, batch: Batch, state: dict[Place, Tensor]) -> Credit:
        return transported(network, batch, state, state)
