"""Layers made of neurons: any model of `neurons/`, with its own parameters learned where asked."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from . import lif_scan, meta_scan
from .chance import Stochastic
from .errors import InvalidValue, UnknownName
from .layer import Layer, check_features, check_gain, generator, size
from .model import Neuron
from .randomness import check_seed
from .surrogate import ArcTan, Surrogate

__all__ = ["Membrane", "NeuronLayer", "Recurrent", "Spiking", "spike"]

_SCANS: tuple[Any, ...] = lif_scan, meta_scan  # the loops below, fused, for the models that they know


class _Spike(torch.autograd.Function):
    """1 where the excess is >= 0; backward, the surrogate's derivative."""

    @staticmethod
    def forward(ctx: Any, excess: Tensor, surrogate: Surrogate, scale: float) -> Tensor:
        ctx.save_for_backward(excess)
        ctx.surrogate, ctx.scale = surrogate, scale
        return (excess >= 0.0).to(excess.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (excess,) = ctx.saved_tensors
        return grad * ctx.surrogate.derivative(excess / ctx.scale) / ctx.scale, None, None


def spike(excess: Tensor, surrogate: Surrogate, scale: float = 1.0) -> Tensor:
    """1.0 where the excess (any shape) is >= 0, else 0.0, with the surrogate's derivative at excess / scale.

    Parameters   scale   what the surrogate counts as one unit of excess, in the excess's unit (mV)
    """
    made: Tensor = _Spike.apply(excess, surrogate, scale)  # type: ignore[no-untyped-call]
    return made


class Began(NamedTuple):
    """The state of neurons that fire by chance before a sequence: samples, the number of each, (batch,)."""

    samples: Tensor


class NeuronLayer(Layer):
    """Base of layers of n neurons of one model: holds the model and those of its parameters that are learned.

    Neurons that fire by chance draw by the numbers of the samples, which `begin` takes. Where none are given they are, in
    evaluation, the samples' places in the batch, and in training drawn from torch's generator, which `fit` seeds.

    Parameters   n         neurons, >= 1
                 neuron    any model; its distributions are drawn with `seed`
                 dt        step, ms, > 0
                 learn     names of the model's parameters to train, one value per neuron each; they keep to their range
    Raises       InvalidValue, UnknownName for a parameter that the model does not have
    """

    def __init__(self, n: int, neuron: Neuron, *, dt: float = 1.0, learn: Sequence[str] = (), seed: int = 0) -> None:
        super().__init__()
        name = type(self).__name__
        self.n = self.n_in = self.n_out = size(f"{name}.n", n)
        if not isinstance(neuron, Neuron):
            raise InvalidValue(f"{name}.neuron", neuron, "a neuron model", "e.g. LIF()")
        if isinstance(dt, bool) or not isinstance(dt, int | float) or not 0.0 < dt < float("inf"):
            raise InvalidValue(f"{name}.dt", dt, "> 0 ms")
        self.dt = float(dt)
        self._neuron = neuron.sample(n, np.random.default_rng(check_seed(f"{name}.seed", seed)))
        if isinstance(self._neuron, Stochastic):
            self._neuron = self._neuron.keyed(n, seed)
        known = {field.name: field for field in dataclasses.fields(neuron) if "unit" in field.metadata}
        self.learn = tuple(learn)
        self.learned = nn.ParameterDict()
        for field in self.learn:
            if field not in known:
                raise UnknownName(f"{name}.learn", field, known)
            value = torch.as_tensor(getattr(self._neuron, field), dtype=torch.get_default_dtype())
            self.learned[field] = nn.Parameter(value.expand(n).clone())
        self._range = {field: dict(known[field].metadata) for field in self.learn}
        self._step = self._neuron.discretise(self.dt)  # once, so that a warning about dt is given once

    def neuron(self) -> Any:
        """The model as it is now: learned parameters are tensors of shape (n,), through which gradients flow."""
        like = next(iter(self.learned.values()), None)
        if like is None:
            return self._neuron
        return dataclasses.replace(self._neuron, **dict(self.learned))

    def step(self, like: Tensor) -> Any:
        """The model's step, arrays as tensors of like's type and device."""
        step = self.neuron().discretise(self.dt) if self.learn else self._step
        return type(step)(*(_as_tensor(value, like) for value in step))

    def initial_state(self, like: Tensor, batch: int, samples: Tensor | None = None) -> Any:
        """The model's initial state, a NamedTuple of tensors (batch, n); whole numbers stay whole."""
        state = self.neuron().initial_state()
        if isinstance(self._neuron, Stochastic):
            if samples is None:
                samples = torch.randint(2**62, (batch,)) if self.training else torch.arange(batch)
            state = state._replace(sample=samples.to(like.device).view(batch, 1))
        return type(state)(*(_as_tensor(value, like).expand(batch, self.n) for value in state))

    def begin(self, samples: Tensor) -> Any:
        return Began(samples) if isinstance(self._neuron, Stochastic) else None

    def started(self, x: Tensor, state: Any) -> Any:
        """The model's state at the first step of x."""
        if state is None or isinstance(state, Began):
            return self.initial_state(x, x.shape[1], None if state is None else state.samples)
        return state

    def _currents(self, x: Tensor, state: Any) -> Tensor:
        """x as floats, in which the model computes. Raises InvalidValue for a state of another number of samples."""
        shape = x.shape[1:2] if isinstance(state, Began) else x.shape[1:]
        if state is not None and state[0].shape != shape:
            found = f"of shape {tuple(state[0].shape)}"
            raise InvalidValue(f"{type(self).__name__}: state", found, f"{tuple(shape)}, as the steps of x")
        return x if x.is_floating_point() else x.to(torch.get_default_dtype())

    def constrain(self) -> None:
        with torch.no_grad():
            for field, limits in self._range.items():
                usual = abs(float(np.mean(getattr(self._neuron, field))))
                # a time constant below a step is not resolved: none learns its way there
                margin = min(self.dt, usual) if limits["unit"] == "ms" else 1e-3 * max(usual, 1e-3)
                low = max(limits["above"] + margin, limits["at_least"])
                if limits["at_least"] == 0.0 and limits["unit"] != "ms":
                    low = 1e-3 * usual  # a width that came to 0 would have no gradient that leads away from it
                self.learned[field].clamp_(low, limits["at_most"])
            for low, high in self._neuron.ordered:
                self._keep_below(low, high)

    def _keep_below(self, low: str, high: str) -> None:
        """As the model asks; of the two fields that which is learned gives way, the upper one if both are."""
        if low not in self.learned and high not in self.learned:
            return
        first = [getattr(self._neuron, name) for name in (low, high)]
        gap = 1e-3 * float(np.mean(np.abs(np.subtract(*first))))
        like = next(iter(self.learned.values()))
        below, above = (
            self.learned[name] if name in self.learned else _as_tensor(value, like)
            for name, value in zip((low, high), first, strict=True)
        )
        if high in self.learned:
            above.clamp_(min=below + gap)
        else:
            below.clamp_(max=above - gap)

    def extra_repr(self) -> str:
        return f"{self.n}, {type(self._neuron).__name__}, dt={self.dt}, learn={self.learn}"


class Spiking(NeuronLayer):
    """n neurons, each driven by its own current: (time, batch, n) currents to spikes of the same shape.

        state <- integrate(state, current[t]); spikes[t] = excess(state) >= 0; state <- reset(state, spikes[t])

    Parameters   n, neuron, dt, learn, seed   as `NeuronLayer`
                 surrogate   the derivative of a spike; default ArcTan()
                 scale       its unit of excess, mV; default: the distance from the initial state to threshold
    State        the model's, (batch, n)
    Source       the models' own; surrogate gradients: Neftci, Mostafa & Zenke 2019, doi:10.1109/MSP.2019.2931595
    Deviations   all that a spike does to its own neuron is constant to the gradient (detached): the reset, as in DCLS, snnTorch
                 and e-prop, and a rise of adaptation too, through which only `EProp` assigns credit
    """

    def __init__(
        self, n: int, neuron: Neuron, *, dt: float = 1.0, surrogate: Surrogate | None = None, scale: float | None = None,
        learn: Sequence[str] = (), seed: int = 0,
    ) -> None:  # fmt: skip
        super().__init__(n, neuron, dt=dt, learn=learn, seed=seed)
        self.surrogate = surrogate or ArcTan()
        if not isinstance(self.surrogate, Surrogate):
            raise InvalidValue(f"{type(self).__name__}.surrogate", surrogate, "a surrogate gradient", "e.g. ArcTan()")
        self.scale = float(np.mean(-self._step.excess(self._neuron.initial_state()))) if scale is None else float(scale)
        if not 0.0 < self.scale < float("inf"):
            raise InvalidValue(
                f"{type(self).__name__}.scale", self.scale, "> 0 mV", "say what distance to threshold is usual"
            )

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        check_features(f"{type(self).__name__}: x", x, self.n)
        x = self._currents(x, state)
        step = self.step(x)
        state = self.started(x, state)
        if type(self).one_step is Spiking.one_step:
            for scan in _SCANS:
                if scan.can_fire(step, state, x):
                    return scan.fire(step, state, x, self.surrogate, self.scale)
        spikes = []
        for current in x:
            state, spiked = self.one_step(step, state, current)
            spikes.append(spiked)
        return torch.stack(spikes), state

    def one_step(self, step: Any, state: Any, current: Tensor) -> tuple[Any, Tensor]:
        """One step of the schedule: (state, spikes), each (batch, n)."""
        state = step.integrate(state, current)
        spiked = self.fired(step, state)
        return step.reset(state, spiked.detach()), spiked

    def fired(self, step: Any, state: Any) -> Tensor:
        """Spikes (batch, n) of a state before reset, with the derivative that training takes: of a chance its own."""
        certain = spike(step.excess(state), self.surrogate, self.scale)
        if not isinstance(self._neuron, Stochastic) or not bool((step.width > 0.0).any()):
            return certain
        likely = step.probability(state)
        by_chance = certain.detach() + (likely - likely.detach())
        noisy = step.width > 0.0
        return by_chance if bool(noisy.all()) else torch.where(noisy, by_chance, certain)


class Recurrent(Spiking):
    """`Spiking` neurons that also hear one another's spikes of the step before, through weights.

        current[t] = x[t] + gain spikes[t-1] @ weight

    Parameters   as `Spiking`, and gain as `Dense`; seed is also of the weights, at first of variance 1 / n
    Weights      weight (n, n), from rows to columns; its diagonal stays 0
    State        (the model's state, spikes of the last step), each (batch, n)
    Source       Bellec et al. 2020, doi:10.1038/s41467-020-17236-y
    Deviations   as `Spiking`
    """

    def __init__(self, n: int, neuron: Neuron, *, gain: float = 1.0, seed: int = 0, **options: Any) -> None:
        super().__init__(n, neuron, seed=seed, **options)
        draw = torch.randn((n, n), generator=generator(check_seed("Recurrent.seed", seed)))
        self.weight = nn.Parameter(draw / n**0.5)
        self.gain = check_gain("Recurrent.gain", gain)
        self.constrain()

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        check_features("Recurrent: x", x, self.n)
        inner = state[0] if type(state) is tuple else state
        x = self._currents(x, inner)
        step = self.step(x)
        if inner is state:
            state = self.started(x, inner), x.new_zeros(x.shape[1:])
        inner, spiked = state
        weight = self.gain * self.weight
        if type(self).one_step is Spiking.one_step and lif_scan.can_recur(step, inner, x, spiked, weight):
            made, inner = lif_scan.fire_recurrent(step, inner, x, spiked, weight, self.surrogate, self.scale)
            return made, (inner, made[-1])
        spikes = []
        for current in x:
            inner, spiked = self.one_step(step, inner, current + spiked @ weight)
            spikes.append(spiked)
        return torch.stack(spikes), (inner, spiked)

    def constrain(self) -> None:
        super().constrain()
        with torch.no_grad():
            self.weight.fill_diagonal_(0.0)


class Membrane(NeuronLayer):
    """n neurons that never fire: currents (time, batch, n) to membrane potentials, mV.

    Parameters   as `NeuronLayer`; as a readout a model with v_rest = 0
    State        the model's, (batch, n)
    Source       the leaky readout of Bellec et al. 2020, doi:10.1038/s41467-020-17236-y
    Deviations   none
    """

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        check_features("Membrane: x", x, self.n)
        x = self._currents(x, state)
        step = self.step(x)
        state = self.started(x, state)
        for scan in _SCANS:
            if scan.can_integrate(step, state, x):
                return scan.integrate(step, state, x)
        potentials = []
        for current in x:
            state = step.integrate(state, current)
            potentials.append(state.v)
        return torch.stack(potentials), state


def _as_tensor(value: Any, like: Tensor) -> Tensor:
    """Of like's type and device; keys and other whole numbers stay whole."""
    value = torch.as_tensor(value, dtype=torch.float64 if isinstance(value, float) else None)  # no rounding on the way
    return value.to(dtype=like.dtype if value.is_floating_point() else value.dtype, device=like.device)
