"""Layers whose output is added to what they were given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .errors import InvalidValue
from .layer import Layer, as_input
from .normalise import Extend

__all__ = ["Residual"]


class Residual(Layer):
    """Two ways from input to output, whose results are added, step by step.

        y = branch(x) + shortcut(x),   each a sequence of layers

    Parameters   branch     layers, at least one
                 shortcut   layers; none: y = branch(x) + x
    Input        what the first layers take; both ways must give one shape
    State        (states of the branch, states of the shortcut), one for each layer
    Raises       InvalidValue; also for delays and `Extend`, after which steps of the two ways would not be the same ones, and
                 for one layer in two places
    Source       He et al. 2016, arXiv 1512.03385; with activation first: arXiv 1603.05027
    Deviations   none
    """

    def __init__(self, branch: Sequence[Layer], shortcut: Sequence[Layer] = ()) -> None:
        super().__init__()
        if not len(branch):
            raise InvalidValue("Residual.branch", "none", "at least one layer")
        for name, layers in (("branch", branch), ("shortcut", shortcut)):
            for k, layer in enumerate(layers):
                if not isinstance(layer, Layer):
                    raise InvalidValue(f"Residual.{name}[{k}]", type(layer).__name__, "a layer", "e.g. Conv(16, 16, 3)")
                if hasattr(layer, "max_delay") or isinstance(layer, Extend):
                    raise InvalidValue(f"Residual.{name}[{k}]", type(layer).__name__, "a layer without delays")
        self.branch, self.shortcut = nn.ModuleList(branch), nn.ModuleList(shortcut)
        places = [module for _, module in self.named_modules(remove_duplicate=False)]
        if len({id(module) for module in places}) < len(places):
            raise InvalidValue("Residual", "one layer in two places", "each layer once")

    def begin(self, samples: Tensor) -> Any:
        ways: Any = (self.branch, self.shortcut)
        return tuple(tuple(layer.begin(samples) for layer in layers) for layers in ways)

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        first, second = (None, None) if state is None else state
        made, first = _through(self.branch, x, first)
        kept, second = _through(self.shortcut, x, second)
        if made.shape != kept.shape:
            found = f"{tuple(made.shape)} of the branch, {tuple(kept.shape)} of the shortcut"
            raise InvalidValue(
                "Residual: shapes", found, "the same one", "let the shortcut change it too: Conv(n, m, 1)"
            )
        return made + as_input(kept, torch.empty(0)), (first, second)


def _through(layers: nn.ModuleList, x: Tensor, states: Any) -> tuple[Tensor, tuple[Any, ...]]:
    found = []
    for layer, state in zip(layers, (None,) * len(layers) if states is None else states, strict=True):
        x, state = layer(x, state)
        found.append(state)
    return x, tuple(found)
