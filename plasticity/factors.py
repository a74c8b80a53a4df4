"""What the gradient of a weight is a product of: the presynaptic activity and the error of the current that it makes.

    gradient = gain Σ presynaptic[row] error[row],   rows: steps and samples, and positions of a kernel

Rules need not know of it: what their connections hear, and which error comes back to them, is written down while they work.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..neurons.dense import Conv, Dense

__all__ = ["Factors", "Recorded", "as_matrix", "as_weight", "connections_of", "heard", "recorded", "rows_of", "tell"]


class Factors(NamedTuple):
    """Of one weight, for one batch; detached.

    connections   the layer, Dense or Conv
    presynaptic   what it heard: (time, batch, features...); for rules with traces, the traces
    error         dL/dcurrent, (time, batch, ...) as the layer's output. As the rule gave it, before any modifier
    gradient      that the rule itself gave, if any: a modifier that finds another tensor in its place knows that it was changed

    Presynaptic activity or error may have stride 0 along time, where all steps are the same.
    """

    connections: Dense | Conv
    presynaptic: Tensor
    error: Tensor
    gradient: Tensor | None = None


class Recorded:
    """Fills up while a rule works: pieces of activity and error of each connection, in the order in which they were heard."""

    def __init__(self, names: Mapping[nn.Module, str]) -> None:
        self._names = names
        self._pieces: dict[nn.Module, list[list[Tensor | None]]] = {}

    def factors(self) -> dict[str, Factors]:
        """By the weight's name. Connections to which no error came back are left out."""
        found = {}
        for layer, pieces in self._pieces.items():
            whole = [(x, error) for x, error in pieces if x is not None and error is not None]
            if whole:
                x, error = (_joined([piece[k] for piece in whole]) for k in (0, 1))
                found[self._names[layer]] = Factors(layer, x, error)  # type: ignore[arg-type]
        return found

    def hear(self, layer: nn.Module, given: tuple[Any, ...], made: Any) -> None:
        """A forward hook: what came in, and a place for the error of what goes out."""
        current = made[0]
        if not current.requires_grad:
            return
        piece: list[Tensor | None] = [given[0].detach(), None]
        self._pieces.setdefault(layer, []).append(piece)

        def answer(error: Tensor) -> None:
            piece[1] = error.detach()

        current.register_hook(answer)


@contextlib.contextmanager
def recorded(network: Any) -> Iterator[Recorded]:
    """While it is open, what connections of the network hear and the errors that come back to them are written down."""
    names = connections_of(network)
    record = Recorded(names)
    handles = [layer.register_forward_hook(record.hear) for layer in names]
    try:
        yield record
    finally:
        for handle in handles:
            handle.remove()


def connections_of(network: Any) -> dict[nn.Module, str]:
    """The names of the weights of all connections, in order, those within other layers among them."""
    layers = {layer: name for name, layer in network.named_modules() if isinstance(layer, Dense | Conv)}
    return {layer: f"{name}.weight" for layer, name in layers.items()}


def heard(network: Any, x: Tensor) -> dict[str, Tensor]:
    """What each connection of a network hears of a whole sequence, (time, batch, features...), by its weight's name."""
    found, names = dict[str, Tensor](), connections_of(network)

    def listen(layer: nn.Module, given: tuple[Any, ...], made: Any) -> None:
        found[names[layer]] = given[0].detach()

    handles = [layer.register_forward_hook(listen) for layer in names]
    try:
        with torch.no_grad():
            network(x)
    finally:
        for handle in handles:
            handle.remove()
    return found


def tell(layer: Dense | Conv, presynaptic: Tensor, current: Tensor) -> None:
    """For a rule that gives its own current in place of the layer's: whoever listens to the layer is told of it."""
    for hook in layer._forward_hooks.values():
        hook(layer, (presynaptic,), (current, None))


def rows_of(connections: Dense | Conv, x: Tensor) -> Tensor:
    """x as rows (rows, n), n the inputs that each unit of these connections sums; a kernel's patches, one for each position.

    Parameters   x   (time, batch, features...)
    """
    if isinstance(connections, Dense):
        return x.flatten(0, 1).to(connections.weight.dtype)
    images = x.flatten(0, 1).to(connections.weight.dtype)
    size, padding, stride = connections.kernel, connections.padding, connections.stride
    patches = functional.unfold(images, size, padding=padding, stride=stride)
    return patches.transpose(1, 2).flatten(0, 1)


def as_matrix(gradient: Tensor) -> Tensor:
    """A weight, or its gradient, as (n, units): what each unit sums in its column."""
    return gradient if gradient.ndim == 2 else gradient.flatten(1).t()


def as_weight(matrix: Tensor, like: Tensor) -> Tensor:
    """What `as_matrix` made of a tensor of like's shape, back in that shape."""
    return matrix if like.ndim == 2 else matrix.t().reshape(like.shape)


def _joined(pieces: list[Any]) -> Tensor:
    return pieces[0] if len(pieces) == 1 else torch.cat(pieces)
