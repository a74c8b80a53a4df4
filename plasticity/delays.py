"""Connections whose synapses each have a delay, learned together with their weight.

What kind of delay a connection has is a value: `LearnableDelay` (a Gaussian that shrinks while it learns), `TwoTapDelay`
(linear interpolation), `RandomDelay` (drawn once, and kept). All are whole steps in evaluation.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import torch
from torch import Tensor, nn

from ..neurons.dense import initial_weight
from ..neurons.errors import InvalidValue
from ..neurons.layer import Layer, check_features, check_gain, generator, selected, size
from ..neurons.parameters import Parameters, parameter
from .delay_kernels import gaussian_delays, integer_delays, interpolated_delays

__all__ = ["Delay", "DelayedDense", "LearnableDelay", "RandomDelay", "TwoTapDelay"]

_OFFSET = 0.27  # what DCLS adds to its sigma to have the Gaussian's standard deviation


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Delay(Parameters):
    """Base of kinds of delays.

    Parameters   max_delay   the longest delay, ms, a whole number of steps of the network
    """

    max_delay: float = parameter(250.0, "ms", at_least=0.0)

    def connections(self, n_in: int, n_out: int, **options: Any) -> DelayedDense:
        """A `DelayedDense` of this kind, with its options."""
        return DelayedDense(n_in, n_out, self, **options)

    def width(self, progress: float, steps: int) -> float:
        """The standard deviation of a synapse's kernel at a share of the training, in steps; 0: it has none."""
        return 0.0

    def frozen(self, progress: float) -> bool:
        """Whether delays are whole steps and stay so at a share of the training."""
        raise NotImplementedError

    def delayed(
        self, x: Tensor, weight: Tensor, delay: Tensor, progress: float, steps: int, history: Tensor | None
    ) -> Tensor:
        """The currents (time, batch, n_out) while delays are learned."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class LearnableDelay(Delay):
    """Delays learned through a Gaussian over the steps around each, which shrinks as training goes on (DCLS).

        tap_n = exp(-(n - delay)² / 2 s²) / (Σ_m exp(-(m - delay)² / 2 s²) + 1e-7),   n, m = 0 .. max_delay in steps
        s = sigma + 0.27;  sigma falls exponentially from sigma_start to sigma_end during the first `shrink` of the training

    Parameters   max_delay     the longest delay, ms
                 sigma_start   in steps; 0: half of max_delay, as the source
                 sigma_end     in steps, > 0
                 shrink        share of the training in which sigma falls, in (0, 1]
                 whole         share of the training from which the forward pass reads whole steps, as evaluation does, and the
                               Gaussian (then at least one step wide) only guides the delays; 1: never, as the source
                 freeze        share of the training after which delays are rounded and only weights go on; 1: never
    Source       Hammouamri, Khalfaoui-Hassani & Masquelier 2024, arXiv 2306.17670; kernel: Khalfaoui-Hassani, Pellegrini &
                 Masquelier 2023, arXiv 2112.03740, version 'gauss' of its program
    Deviations   stated as a delay, (taps - 1) / 2 - P for the source's position P. `whole` and `freeze` are ours: through
                 blurred delays small networks learn what rounding then destroys (docs/experiments/delays.md)
    """

    sigma_start: float = parameter(0.0, "1", at_least=0.0)
    sigma_end: float = parameter(0.23, "1", above=0.0)
    shrink: float = parameter(0.25, "1", above=0.0, at_most=1.0)
    whole: float = parameter(1.0, "1", above=0.0, at_most=1.0)
    freeze: float = parameter(1.0, "1", above=0.0, at_most=1.0)

    def width(self, progress: float, steps: int) -> float:
        start = max(self.sigma_start or float(steps // 2), self.sigma_end)
        return start * (self.sigma_end / start) ** min(1.0, progress / self.shrink) + _OFFSET

    def frozen(self, progress: float) -> bool:
        return self.freeze < 1.0 and progress >= self.freeze - 1e-9  # shares of epochs, which round

    def delayed(
        self, x: Tensor, weight: Tensor, delay: Tensor, progress: float, steps: int, history: Tensor | None
    ) -> Tensor:
        width = self.width(progress, steps)
        if self.whole == 1.0 or progress < self.whole - 1e-9:
            return gaussian_delays(x, weight, delay, width, steps, history)
        guide = gaussian_delays(x.detach(), weight.detach(), delay, max(width, 1.0), steps, history)
        return integer_delays(x, weight, delay.detach().round().long(), steps, history) + (guide - guide.detach())


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class TwoTapDelay(Delay):
    """Delays learned through linear interpolation between the two steps around each.

        tap_floor(d) = 1 - f,  tap_floor(d)+1 = f,  f = d - floor(d)

    Parameters   max_delay   the longest delay, ms
                 freeze      as `LearnableDelay`
    Source       version 'v0' of DCLS, arXiv 2112.03740
    Deviations   none
    """

    freeze: float = parameter(1.0, "1", above=0.0, at_most=1.0)

    def frozen(self, progress: float) -> bool:
        return self.freeze < 1.0 and progress >= self.freeze - 1e-9  # shares of epochs, which round

    def delayed(
        self, x: Tensor, weight: Tensor, delay: Tensor, progress: float, steps: int, history: Tensor | None
    ) -> Tensor:
        return interpolated_delays(x, weight, delay, steps, history)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class RandomDelay(Delay):
    """Delays drawn at random, rounded to steps and never changed: the control of learned ones.

    Parameters   max_delay   the longest delay, ms
    Source       the fixed-delay ablation of Hammouamri et al. 2024, arXiv 2306.17670
    Deviations   none
    """

    def frozen(self, progress: float) -> bool:
        return True


class DelayedDense(Layer):
    """All-to-all connections, each with a weight and a delay of its own.

        current[t, i] = gain Σ_j weight[j, i] Σ_n tap_n(delay[j, i]) x[t - n, j]

    In training the taps are those of the kind of delay; in evaluation, and once frozen, there is one: the delay rounded.

    Parameters   n_in, n_out   units, >= 1
                 delays        the kind
                 dt            step, ms, > 0
                 synapses      connections of each pair of units, each with its own weight and delay, >= 1
                 gain, seed    as `Dense`; delays start uniform over the range
    Weights      weight, and delay in steps, both (synapses n_in, n_out); delays keep to [0, max_delay]
    State        the last max_delay steps of the input
    Raises       InvalidValue
    Source, Deviations   of the kind of delay
    """

    delay: Tensor

    def __init__(
        self, n_in: int, n_out: int, delays: Delay, *, dt: float = 1.0, synapses: int = 1, gain: float = 1.0, seed: int = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.n_in, self.n_out = size("DelayedDense.n_in", n_in), size("DelayedDense.n_out", n_out)
        self.synapses = size("DelayedDense.synapses", synapses)
        if not isinstance(delays, Delay):
            raise InvalidValue("DelayedDense.delays", delays, "a kind of delay", "e.g. LearnableDelay(max_delay=25.0)")
        if isinstance(dt, bool) or not isinstance(dt, int | float) or not 0.0 < dt < math.inf:
            raise InvalidValue("DelayedDense.dt", dt, "> 0 ms")
        self.delays, self.dt, self.gain = delays, float(dt), check_gain("DelayedDense.gain", gain)
        self.max_delay = round(delays.max_delay / dt)
        if abs(self.max_delay * dt - delays.max_delay) > 1e-6 * dt:
            legal = f"a whole number of steps of dt = {dt:g} ms"
            raise InvalidValue(f"{type(delays).__name__}.max_delay", delays.max_delay, legal)
        shape = (synapses * n_in, n_out)
        self.weight = initial_weight(shape, synapses * n_in, seed)
        draw = torch.rand(shape, generator=generator(seed).manual_seed(seed + 1)) * (self.max_delay + 1)
        draw.clamp_(max=self.max_delay)
        if delays.frozen(0.0):
            self.register_buffer("delay", draw.round())
        else:
            self.delay = nn.Parameter(draw)
        self._thaws = False  # whether it is the schedule that keeps the delays from learning
        self.advance(0.0)

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        check_features("DelayedDense: x", x, self.n_in)
        if self.synapses > 1:
            x = x.repeat(1, 1, self.synapses)
        weight = self.gain * self.weight
        if self.training and self.delay.requires_grad:
            delay = self.delay.clamp(0.0, self.max_delay)  # an optimiser may have left the range since `constrain`
            made = self.delays.delayed(x, weight, delay, self.progress, self.max_delay, state)
        else:
            made = integer_delays(x, weight, self.delay_steps(), self.max_delay, state)
        return made, self._remembered(x, state)

    def select(self, state: Tensor | None, samples: Tensor) -> Any:
        return selected(state, samples, axis=1)

    def _remembered(self, x: Tensor, state: Tensor | None) -> Tensor:
        if self.max_delay <= len(x):
            return x[len(x) - self.max_delay :].clone()  # the caller may use the memory of x again
        before = x.new_zeros((self.max_delay, *x.shape[1:])) if state is None else state
        return torch.cat([before, x])[-self.max_delay :]

    @property
    def width(self) -> float:
        """The standard deviation of each synapse's kernel at this point of the training, steps; 0 for kinds without."""
        return self.delays.width(self.progress, self.max_delay)

    def delay_steps(self) -> Tensor:
        """The delays of evaluation, whole steps, int64, (synapses n_in, n_out)."""
        return self.delay.detach().round().clamp(0, self.max_delay).long()

    def delay_ms(self) -> Tensor:
        """The delays of evaluation, ms, (synapses n_in, n_out)."""
        return self.delay_steps() * self.dt

    def set_delays(self, milliseconds: Tensor) -> None:
        """Put these delays, ms, in place of the present ones. Raises InvalidValue outside [0, max_delay] or of another shape."""
        given = torch.as_tensor(milliseconds, dtype=self.delay.dtype)
        if given.shape != self.delay.shape:
            raise InvalidValue("set_delays", f"shape {tuple(given.shape)}", f"shape {tuple(self.delay.shape)}")
        outside = ~((given >= 0.0) & (given <= self.delays.max_delay * (1 + 1e-6)))
        if bool(outside.any()):
            raise InvalidValue("set_delays", float(given[outside][0]), f"0 to max_delay = {self.delays.max_delay:g} ms")
        with torch.no_grad():
            self.delay.copy_((given / self.dt).clamp(max=self.max_delay))

    def constrain(self) -> None:
        with torch.no_grad():
            self.delay.clamp_(0.0, self.max_delay)

    def advance(self, progress: float) -> None:
        self.progress = progress
        frozen = self.delays.frozen(progress)
        if frozen and self.delay.requires_grad:
            with torch.no_grad():
                self.delay.round_()
            self.delay.requires_grad_(False)
            self._thaws = True
        elif not frozen and self._thaws:  # another training begins
            self.delay.requires_grad_(True)
            self._thaws = False

    def extra_repr(self) -> str:
        kind = type(self.delays).__name__
        return (
            f"{self.n_in}, {self.n_out}, {kind}({self.delays.max_delay:g} ms), dt={self.dt:g}, synapses={self.synapses}"
        )
