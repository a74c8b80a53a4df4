"""Connections without delays: every unit to every unit, and the same small kernel everywhere."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .errors import InvalidValue
from .layer import Layer, as_input, check_features, check_gain, check_sequence, generator, size
from .randomness import check_seed
from .spike_product import same_at_every_step, spike_product

__all__ = ["Conv", "Dense", "initial_weight"]


def initial_weight(shape: tuple[int, ...], fan_in: int, seed: int, bound: float | None = None) -> nn.Parameter:
    """Weights uniform within ± bound, drawn on the CPU by `seed`; without a bound ± sqrt(6 / fan_in), variance 2 / fan_in.

    Source       He et al. 2015, arXiv 1502.01852
    """
    if bound is not None and (isinstance(bound, bool) or not 0.0 <= bound < float("inf")):
        raise InvalidValue("bound", bound, ">= 0 and finite")
    bound = (6.0 / fan_in) ** 0.5 if bound is None else bound
    return nn.Parameter((2.0 * torch.rand(shape, generator=generator(check_seed("seed", seed))) - 1.0) * bound)


class Dense(Layer):
    """All-to-all connections: current[t] = gain (x[t] @ weight + bias).

    Parameters   n_in, n_out   units, >= 1
                 bias          whether each unit has a constant current besides, at first 0
                 gain          nA to one unit of weight, so that weights are near 1 and one learning rate suits any units;
                               not trained
                 bound         of the initial weights, uniform within ± bound; default sqrt(6 / n_in)
                 seed          of the initial weights
    Weights      weight (n_in, n_out), bias (n_out,); a spike's current is gain weight, in nA on LIF
    Input        (time, batch, n_in), spikes or numbers; output (time, batch, n_out)
    Raises       InvalidValue naming both shapes
    """

    def __init__(
        self, n_in: int, n_out: int, *, bias: bool = False, gain: float = 1.0, bound: float | None = None, seed: int = 0
    ) -> None:
        super().__init__()
        self.n_in, self.n_out = size("Dense.n_in", n_in), size("Dense.n_out", n_out)
        self.weight = initial_weight((n_in, n_out), n_in, seed, bound)
        self.bias = nn.Parameter(torch.zeros(n_out)) if bias else None
        self.gain = check_gain("Dense.gain", gain)

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        check_features("Dense: x", x, self.n_in)
        current = spike_product(x, self.weight if self.gain == 1.0 else self.gain * self.weight)
        return current if self.bias is None else current + self.gain * self.bias, None

    def extra_repr(self) -> str:
        return f"{self.n_in}, {self.n_out}, bias={self.bias is not None}, gain={self.gain:g}"


class Conv(Layer):
    """Two-dimensional convolution of every step on its own.

    Parameters   channels_in, channels_out   >= 1
                 kernel       height and width of the kernel, in pixels
                 stride, padding   as torch's conv2d
                 bias, gain, bound, seed   as `Dense`; n_in is channels_in kernel²
    Weights      weight (channels_out, channels_in, kernel, kernel); bias (channels_out,)
    Input        (time, batch, channels_in, height, width); output (time, batch, channels_out, ...)
    Raises       InvalidValue naming both shapes
    """

    def __init__(
        self, channels_in: int, channels_out: int, kernel: int, *, stride: int = 1, padding: int = 0, bias: bool = False,
        gain: float = 1.0, bound: float | None = None, seed: int = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.channels_in, self.channels_out = (
            size("Conv.channels_in", channels_in),
            size("Conv.channels_out", channels_out),
        )
        self.kernel, self.stride = size("Conv.kernel", kernel), size("Conv.stride", stride)
        if isinstance(padding, bool) or not isinstance(padding, int) or padding < 0:
            raise InvalidValue("Conv.padding", padding, "a whole number >= 0")
        self.padding = padding
        fan_in = channels_in * kernel * kernel
        self.weight = initial_weight((channels_out, channels_in, kernel, kernel), fan_in, seed, bound)
        self.bias = nn.Parameter(torch.zeros(channels_out)) if bias else None
        self.gain = check_gain("Conv.gain", gain)

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        check_sequence("Conv: x", x)
        least = self.kernel - 2 * self.padding
        if x.ndim != 5 or x.shape[2] != self.channels_in or min(x.shape[3:]) < least:
            legal = f"(time, batch, {self.channels_in}, height, width), height and width >= {least}"
            raise InvalidValue("Conv: x", f"shape {tuple(x.shape)}", legal)
        once = same_at_every_step(x) and not x.requires_grad  # whose gradient is one of each step
        images = as_input(x[:1] if once else x, self.weight).flatten(0, 1)
        made = functional.conv2d(images, self.gain * self.weight, stride=self.stride, padding=self.padding)
        made = made if self.bias is None else made + self.gain * self.bias[:, None, None]
        made = made.view(-1, x.shape[1], *made.shape[1:])
        return made.expand(len(x), *made.shape[1:]) if once else made, None

    def extra_repr(self) -> str:
        return f"{self.channels_in}, {self.channels_out}, {self.kernel}, stride={self.stride}, padding={self.padding}"
