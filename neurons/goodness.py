"""A stack of layers that each score how well an input and a label go together: the network of the forward-forward rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .dense import Dense
from .errors import InvalidValue
from .layer import Layer, as_input, check_features, check_gain, size
from .randomness import check_seed

__all__ = ["Goodness"]


class Goodness(Layer):
    """Rectified layers that are shown an input with a label written into it; their goodness says how well the two agree.

        h_1 = relu(W_1 [label, the other features] + b_1),  h_k = relu(W_k (h_{k-1} / rms(h_{k-1})) + b_k)
        goodness_k = mean_j h_kj²

    Called as a layer, it tries every class as the label and gives for each the goodness summed over all layers but the first,
    or of the first if it is alone. The length of h is left out of what the next layer hears, so that no layer can read its
    goodness off the one before.

    Parameters   sizes      [features, hidden...]; the first `classes` features are overwritten by the label
                 classes    >= 2
                 strength   value of the label's entry, the others 0; > 0
                 seed       of the initial weights; each layer's are a pure function of the seed and its place
    Weights      layers.K.weight (sizes[K], sizes[K+1]), uniform within ± sqrt(6 / sizes[K]); layers.K.bias, at first 0
    Input        (1, batch, features); output (1, batch, classes)
    Raises       InvalidValue
    Source       Hinton 2022, arXiv 2212.13345
    Deviations   goodness is a mean of squares where the text has a sum, and h is brought to root mean square 1 where it has
                 length 1: one threshold and one learning rate then suit layers of any size
    """

    def __init__(self, sizes: Sequence[int], *, classes: int = 10, strength: float = 3.0, seed: int = 0) -> None:
        super().__init__()
        if len(sizes) < 2:
            raise InvalidValue("Goodness.sizes", sizes, "at least [features, hidden]")
        self.sizes = [size(f"Goodness.sizes[{k}]", n) for k, n in enumerate(sizes)]
        self.classes, self.strength = size("Goodness.classes", classes), check_gain("Goodness.strength", strength)
        if not 2 <= classes <= sizes[0]:
            raise InvalidValue("Goodness.classes", classes, f"from 2 to {sizes[0]}, the features that can hold a label")
        self.n_in, self.n_out = sizes[0], classes
        check_seed("Goodness.seed", seed)
        drawn = [int(np.random.SeedSequence((seed, k)).generate_state(1)[0]) for k in range(len(sizes) - 1)]
        stack = [Dense(sizes[k], sizes[k + 1], bias=True, seed=place) for k, place in enumerate(drawn)]
        self.layers = nn.ModuleList(stack)

    def first(self, x: Tensor, labels: Tensor) -> Tensor:
        """h_1 (tries, batch, n) of x (1, batch, features) under labels (tries, batch): the input's part is found once."""
        self._check(x)
        connections = self._connections[0]
        blank = as_input(x, connections.weight).clone()
        blank[..., : self.classes] = 0.0
        written = functional.embedding(labels, connections.weight[: self.classes])
        return functional.relu(connections(blank)[0] + self.strength * written)

    def goodness(self, h: Tensor) -> Tensor:
        """(tries, batch): how sure a layer with these h is that input and label go together."""
        return h.square().mean(-1)

    def above(self, k: int, h: Tensor) -> Tensor:
        """h of layer k, counted from 0, from that of the layer below."""
        length = (h.square().mean(-1, keepdim=True) + 1e-8).sqrt()
        return functional.relu(self._connections[k](h / length)[0])

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        self._check(x)
        h = self.first(x, torch.arange(self.classes, device=x.device)[:, None].expand(-1, x.shape[1]))
        found = [self.goodness(h)]
        for k in range(1, len(self.layers)):
            h = self.above(k, h)
            found.append(self.goodness(h))
        return torch.stack(found[1:] or found).sum(0).T[None], None

    @property
    def _connections(self) -> list[Dense]:
        return [layer for layer in self.layers if isinstance(layer, Dense)]

    def _check(self, x: Tensor) -> None:
        check_features("Goodness: x", x, self.n_in)
        if len(x) != 1:
            raise InvalidValue("Goodness: x", f"{len(x)} steps", "of one step")

    def extra_repr(self) -> str:
        return f"{self.sizes}, classes={self.classes}, strength={self.strength:g}"
