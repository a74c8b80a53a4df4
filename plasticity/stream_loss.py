"""How far two streams that run against each other are apart: the local losses of counter-current learning.

Each is told all levels at once, a_l of the forward stream and b_l of the feedback stream, (rows, features...) with l = 0 the
input; features over time are their means. Only products between rows of one level are taken, so that every level's loss is its
own.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from ..neurons.errors import InvalidValue
from .credit import Batch
from .objective import class_numbers

__all__ = ["ClassMembership", "NormalisedMembership", "Reconstruction", "StreamLoss"]

_WIDTH = 256.0  # the width at which the source's scale of the losses is 1
_LEAST = 1e-8  # added to norms


class StreamLoss(Protocol):
    """What the feedback stream is given, and what the two streams' levels are worth."""

    def teacher(self, batch: Batch, outputs: Tensor) -> Tensor:
        """(time, rows, ...), for outputs (time, batch, ...)."""
        ...

    def levels(self, a: Sequence[Tensor], b: Sequence[Tensor], batch: Batch, outputs: Tensor) -> Tensor:
        """The sum over levels of their losses, a scalar; outputs are detached."""
        ...

    def weight(self, outputs: Tensor) -> float:
        """Of the network's objective beside these losses."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassMembership:
    """Forward activity of a sample should have product 1 with the feedback activity of its class and 0 with the others'.

        loss_l = (256 scale / d_l) mean_{i,c} (a_l[i] · b_l[c] - [y_i = c])²        d_l: features of level l

    The feedback stream is given the codebook of all classes, not the labels of the batch.

    Parameters   scale   > 0
    Source       Kao & Hariharan 2024, arXiv 2409.19841, as its published program has it (multilayer perceptrons)
    Deviations   none from the program; the text normalises the activities and compares with the identity
    """

    scale: float = 0.5

    def __post_init__(self) -> None:
        _check("ClassMembership.scale", self.scale, least_is_legal=False)

    def teacher(self, batch: Batch, outputs: Tensor) -> Tensor:
        return _codebook(outputs)

    def levels(self, a: Sequence[Tensor], b: Sequence[Tensor], batch: Batch, outputs: Tensor) -> Tensor:
        member = _membership(batch, outputs)
        losses = [
            (_WIDTH * self.scale / a_l[0].numel()) * functional.mse_loss(a_l.flatten(1) @ b_l.flatten(1).T, member)
            for a_l, b_l in zip(a, b, strict=True)
        ]
        return torch.stack(losses).sum()

    def weight(self, outputs: Tensor) -> float:
        return 1.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class NormalisedMembership:
    """The same of activities of length 1, with terms that keep the rows of one stream apart.

        A, B: rows of a_l, b_l divided by their lengths
        loss_l = scale MSE(A B', [y_i = c]) + gram MSE(A A', I) + gram MSE(B B', I)

    Parameters   scale   > 0
                 gram    >= 0, of the terms against collapse
                 flood   samples whose class has a probability above 1 - flood already are left out (their rows are 0),
                         in [0, 1); 0: none
    Source       Kao & Hariharan 2024, arXiv 2409.19841, section 6.1 and its published program (convolutional networks)
    Deviations   the text floods at 0.2 where the program has 0.1
    """

    scale: float = 1.0
    gram: float = 0.5
    flood: float = 0.0

    def __post_init__(self) -> None:
        _check("NormalisedMembership.scale", self.scale, least_is_legal=False)
        _check("NormalisedMembership.gram", self.gram)
        if isinstance(self.flood, bool) or not 0.0 <= self.flood < 1.0:
            raise InvalidValue("NormalisedMembership.flood", self.flood, "in [0, 1)")

    def teacher(self, batch: Batch, outputs: Tensor) -> Tensor:
        return _codebook(outputs)

    def levels(self, a: Sequence[Tensor], b: Sequence[Tensor], batch: Batch, outputs: Tensor) -> Tensor:
        member, total = _membership(batch, outputs), outputs.new_zeros(())
        kept = None
        if self.flood:
            right = functional.softmax(outputs.mean(0), -1).gather(1, batch.target.long()[:, None])
            kept = (1.0 - right >= self.flood).to(outputs.dtype)  # (batch, 1)
        samples, classes = (torch.eye(n, dtype=outputs.dtype, device=outputs.device) for n in member.shape)
        for a_l, b_l in zip(a, b, strict=True):
            forward = a_l.flatten(1) if kept is None else kept * a_l.flatten(1)
            one, other = _unit(forward), _unit(b_l.flatten(1))
            total = total + self.scale * functional.mse_loss(one @ other.T, member)
            if self.gram:
                total = total + self.gram * functional.mse_loss(one @ one.T, samples)
                total = total + self.gram * functional.mse_loss(other @ other.T, classes)
        return total

    def weight(self, outputs: Tensor) -> float:
        return 1.0


@dataclasses.dataclass(frozen=True)
class Reconstruction:
    """For targets that are images: each sample's two streams should agree, in value and in the pattern of each channel.

        loss_l = H (MSE(a_l, b_l) + MSE(ã_l, b̃_l))        H: height of the map; ã: each channel less its mean, by its length
        loss_0 = H MSE(x, b_0);  the objective is counted H times

    The feedback stream is given the target itself.

    Source       Kao & Hariharan 2024, arXiv 2409.19841 and its published program (autoencoder)
    Deviations   none known
    """

    def teacher(self, batch: Batch, outputs: Tensor) -> Tensor:
        if batch.target.shape != outputs.shape or outputs.ndim != 5:
            found = f"shape {tuple(batch.target.shape)}"
            raise InvalidValue(
                "target", found, f"{tuple(outputs.shape)}, as the outputs, (1, batch, channels, height, width)"
            )
        return batch.target.to(outputs.dtype)

    def levels(self, a: Sequence[Tensor], b: Sequence[Tensor], batch: Batch, outputs: Tensor) -> Tensor:
        for k, level in enumerate(a):
            if level.ndim != 4:
                found = f"level {k} of shape {tuple(level.shape)}"
                raise InvalidValue("Reconstruction", found, "maps (samples, channels, height, width) at every level")
        total = a[0].shape[2] * functional.mse_loss(b[0], a[0])
        for a_l, b_l in zip(a[1:], b[1:], strict=True):
            apart = functional.mse_loss(a_l, b_l) + functional.mse_loss(_pattern(a_l), _pattern(b_l))
            total = total + a_l.shape[2] * apart
        return total

    def weight(self, outputs: Tensor) -> float:
        return float(outputs.shape[3])


def _codebook(outputs: Tensor) -> Tensor:
    """The code of every class at every step, (time, classes, classes)."""
    codes = torch.eye(outputs.shape[2], dtype=outputs.dtype, device=outputs.device)
    return codes.expand(len(outputs), -1, -1)


def _membership(batch: Batch, outputs: Tensor) -> Tensor:
    """(batch, classes): 1 at each sample's class."""
    return functional.one_hot(class_numbers(batch.target, *outputs.shape[1:]), outputs.shape[2]).to(outputs.dtype)


def _unit(rows: Tensor) -> Tensor:
    return _divided(rows, rows.norm(dim=1, keepdim=True))


def _divided(values: Tensor, lengths: Tensor) -> Tensor:
    """By their lengths; what has none stays 0 and sends no gradient, which would be huge."""
    return torch.where(lengths > 0.0, values / (lengths + _LEAST), 0.0)


def _pattern(maps: Tensor) -> Tensor:
    """(rows, channels, pixels): each channel less its mean, divided by its length."""
    flat = maps.flatten(2)
    flat = flat - flat.mean(2, keepdim=True)
    return _divided(flat, flat.norm(dim=2, keepdim=True))


def _check(field: str, value: float, *, least_is_legal: bool = True) -> None:
    if isinstance(value, bool) or not 0.0 <= value < math.inf or (value == 0.0 and not least_is_legal):
        raise InvalidValue(field, value, ">= 0 and finite" if least_is_legal else "> 0 and finite")
