"""Networks to snnTorch and back: the layers that both have, with equal outputs and equal gradients.

snnTorch's neuron is U[t] = beta U[t-1] + I[t], with threshold and reset in the step after a spike. In its units a LIF has
U = (v - v_rest) / scale, beta = exp(-dt / tau_m) and weights times r_m (1 - beta) / scale, where `scale` is the layer's unit of
excess, so that surrogate gradients mean the same.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..neurons.dense import Conv, Dense
from ..neurons.errors import InvalidValue
from ..neurons.layer import Layer
from ..neurons.lif import LIF
from ..neurons.normalise import Flatten
from ..neurons.soft_reset_lif import SoftResetLIF
from ..neurons.spiking import Membrane, NeuronLayer, Recurrent, Spiking, spike
from ..neurons.surrogate import ArcTan, FastSigmoid, Sigmoid, StraightThrough, Surrogate
from ..plasticity.credit import Objective
from .layered import Feedforward
from .stages import Affine, Connection, Flat, Image, Stage, model_of, size_of_input, stages_of

__all__ = ["from_snntorch", "to_snntorch"]

Floats = NDArray[np.float64]
_PLAIN = {"inhibition": False, "state_quant": False, "surrogate_disable": False, "reset_delay": True}


class SpikeFunction:
    """A surrogate as snnTorch takes it (`spike_grad`): a spike at threshold and above, of the membrane's type."""

    def __init__(self, surrogate: Surrogate) -> None:
        self.surrogate = surrogate

    def __call__(self, excess: Tensor) -> Tensor:
        return spike(excess, self.surrogate)


def to_snntorch(network: Feedforward, *, size: Sequence[int] | None = None) -> nn.Sequential:
    """A network as snnTorch's user writes it, whose modules keep their state: one call is one step.

        module = to_snntorch(trained)
        snntorch.utils.reset(module)
        outputs = [module(step) for step in x]        x (time, batch, n)

    Parameters   network   `LIF` that resets to rest becomes Leaky(reset_mechanism="zero"); `SoftResetLIF` whose
                           v_drop exp(-dt / tau_m) is the distance to threshold, Leaky("subtract"), and in a Recurrent RLeaky;
                           a Membrane at the end, Leaky("none", output=True), whose calls give (spikes, membrane)
                 size      of one step of the input, (channels, height, width), where it is images
    Raises       InvalidValue naming the layer and what has no counterpart: other models, other resets, refractory times, delays

    Spikes, membranes and gradients are equal up to rounding; weights are in snnTorch's units, and so are their gradients. The
    modules take the layers' own surrogates along as `spike_grad`, which needs Synfire to be there.
    """
    if not isinstance(network, Feedforward):
        raise InvalidValue("to_snntorch: network", type(network).__name__, "a Feedforward network")
    layers = dict(enumerate(network.layers))
    shape = size_of_input(network.layers, size, "to_snntorch")
    stages, rest = stages_of(layers, shape, "to_snntorch")  # type: ignore[arg-type]
    modules: list[nn.Module] = []
    for k, stage in enumerate(stages):
        name = f"to_snntorch: layer {stage.place} ({type(stage.neurons).__name__})"
        if isinstance(stage.neurons, Membrane) and (k < len(stages) - 1 or rest):
            raise InvalidValue(name, "one of those between", "the last layer")
        factor, neurons = _their_neurons(stage.neurons, name)
        modules += [*_their_connections(stage, factor, name), neurons]
    modules += [_their_connection(each, None, "to_snntorch: the last layer") for each in rest]
    made = nn.Sequential(*modules)
    return made.to(next((p.dtype for p in network.parameters()), torch.get_default_dtype()))


def _their_connections(stage: Stage, factor: Floats, name: str) -> list[nn.Module]:
    """Modules for connections, the last weights times `factor` (n,), which turns currents into snnTorch's units."""
    weighted = [k for k, each in enumerate(stage.connections) if not isinstance(each, Flat)]
    if not weighted:
        raise InvalidValue(name, "neurons driven by the input itself", "connections before it", "put a Dense there")
    return [
        _their_connection(each, factor if k == weighted[-1] else None, name) for k, each in enumerate(stage.connections)
    ]


def _their_connection(connection: Connection, factor: Floats | None, name: str) -> nn.Module:
    if isinstance(connection, Flat):
        return nn.Flatten()
    times = np.ones(1) if factor is None else np.array(factor)
    if isinstance(connection, Image):
        if (times != times[0]).any():
            raise InvalidValue(name, "neurons that differ after a convolution", "neurons with one tau_m, r_m and scale")
        times = times[:1]
    elif connection.delay is not None:
        raise InvalidValue(name, "delays", "connections without delays", "snnTorch has no layer with delays")
    scale = torch.as_tensor(times, dtype=connection.weight.dtype, device=connection.weight.device)
    bias = None if connection.bias is None else connection.bias * scale
    weight = connection.weight * scale
    made: nn.Linear | nn.Conv2d
    if isinstance(connection, Affine):
        weight = weight.T
        made = nn.Linear(connection.n_in, len(weight), bias=bias is not None)
    else:
        n_out, n_in, kernel, _ = weight.shape
        made = nn.Conv2d(n_in, n_out, kernel, connection.stride, connection.padding, bias=bias is not None)
    made.weight = nn.Parameter(weight.clone())
    made.bias = None if bias is None else nn.Parameter(bias.clone())
    return made


def _their_neurons(layer: NeuronLayer, name: str) -> tuple[Floats, nn.Module]:
    """What a current is multiplied by in snnTorch's units, (n,), and its module."""
    import snntorch

    model = model_of(layer)
    if not isinstance(model, LIF):
        raise InvalidValue(name, type(model).__name__, "LIF or SoftResetLIF", "snnTorch has no such neuron")
    step: Any = model.discretise(layer.dt)
    beta = np.broadcast_to(step.decay_m, (layer.n,)).astype(np.float64)
    distance = np.broadcast_to(step.v_threshold - step.v_rest, (layer.n,)).astype(np.float64)
    options: dict[str, Any] = {"beta": _number(beta), "init_hidden": True}
    if isinstance(layer, Membrane):
        if np.any(step.v_rest != 0.0):
            raise InvalidValue(name, f"v_rest = {model.v_rest} mV", "v_rest = 0: snnTorch's membranes rest there")
        return np.broadcast_to(step.r_m * (1.0 - beta), (layer.n,)), snntorch.Leaky(
            **options, reset_mechanism="none", output=True
        )
    if not isinstance(layer, Spiking):
        legal = "Spiking or Membrane: snnTorch's spikes have surrogate gradients"
        raise InvalidValue(name, type(layer).__name__, legal)
    if np.any(step.refractory_steps > 1.0):
        raise InvalidValue(name, f"t_refractory = {model.t_refractory} ms", "0: snnTorch has no refractory time")
    options |= {"threshold": _number(distance / layer.scale), "spike_grad": SpikeFunction(layer.surrogate)}
    factor = np.broadcast_to(step.r_m * (1.0 - beta) / layer.scale, (layer.n,))
    if isinstance(model, SoftResetLIF):
        if not np.allclose(step.v_drop * beta, distance, rtol=1e-9, atol=0.0):
            fix = f"snnTorch subtracts after the leak: v_drop = {distance / beta} mV"
            raise InvalidValue(
                name, f"v_drop = {model.v_drop} mV", "the distance to threshold divided by exp(-dt / tau_m)", fix
            )
        options["reset_mechanism"] = "subtract"
    elif type(model) is not LIF:
        raise InvalidValue(name, type(model).__name__, "LIF or SoftResetLIF", "snnTorch has no such neuron")
    elif np.any(step.v_reset != step.v_rest):
        raise InvalidValue(
            name, f"v_reset = {model.v_reset} mV", f"v_rest = {model.v_rest} mV: snnTorch resets to rest"
        )
    else:
        options["reset_mechanism"] = "zero"
    if not isinstance(layer, Recurrent):
        return factor, snntorch.Leaky(**options)
    if not isinstance(model, SoftResetLIF):
        fix = "snnTorch's RLeaky also forgets the input of the step after a spike, unless it resets by subtraction"
        raise InvalidValue(name, type(model).__name__, "SoftResetLIF in a Recurrent", fix)
    made = snntorch.RLeaky(**options, linear_features=layer.n)
    weight = layer.gain * layer.weight.detach()
    made.recurrent.weight = nn.Parameter((weight * torch.as_tensor(np.array(factor), dtype=weight.dtype)).T.clone())
    nn.init.zeros_(made.recurrent.bias)
    return factor, made


def _number(values: Floats) -> Tensor:
    """One number where all are equal, else (n,)."""
    return torch.tensor(values[0] if (values == values[0]).all() else values, dtype=torch.float64)


def from_snntorch(
    module: nn.Sequential, *, dt: float = 1.0, size: Sequence[int] | None = None, objective: Objective | None = None
) -> Feedforward:
    """A network of snnTorch's modules as one of Synfire's, in their units: LIF with v_rest = 0 and r_m = 1 / (1 - beta).

    Parameters   module      nn.Sequential, in the order of their work: Linear, Conv2d, Flatten, Leaky, RLeaky; a Leaky without
                             reset at the end is a Membrane
                 dt          ms that one of their steps stands for; tau_m = -dt / ln(beta)
                 size        of one step of the input, (channels, height, width), where it begins with Conv2d
                 objective   as `Feedforward`
    Raises       InvalidValue naming the module and what has no counterpart

    Spikes, membranes and gradients are equal up to rounding, which in snnTorch is that of float32; where a membrane is exactly at
    threshold, Synfire fires and snnTorch does not. beta and threshold become constants, also where snnTorch learns them.
    """
    import snntorch

    if not isinstance(module, nn.Sequential):
        fix = "nn.Sequential(net.fc1, net.lif1, ...) in the order of `forward`"
        raise InvalidValue("from_snntorch: module", type(module).__name__, "nn.Sequential", fix)
    layers: list[Layer] = []
    shape = None if size is None else tuple(size)
    for k, each in enumerate(module):
        name = f"from_snntorch: module {k} ({type(each).__name__})"
        if isinstance(each, nn.Linear):
            layers.append(_dense(each))
            shape = (each.out_features,)
        elif isinstance(each, nn.Conv2d):
            layers.append(_conv(each, name))
            shape = shape and _after(layers[-1], shape, each.weight)
        elif isinstance(each, nn.Flatten) and (each.start_dim, each.end_dim) == (1, -1):
            layers.append(Flatten())
            shape = shape and (math.prod(shape),)
        elif type(each) in (snntorch.Leaky, snntorch.RLeaky):
            if shape is None or len(shape) != 1:
                raise InvalidValue(
                    name, f"an input of shape {shape}", "features", "add nn.Flatten before it, and give size="
                )
            _fold_bias(layers, each, name)
            layers.append(_neurons(each, shape[0], dt, k == len(module) - 1, name))
        else:
            raise InvalidValue(
                name, each, "Linear, Conv2d, Flatten(), Leaky or RLeaky", "Synfire has no exact counterpart"
            )
    return Feedforward(layers, objective)


def _dense(module: nn.Linear) -> Dense:
    made = Dense(module.in_features, module.out_features, bias=module.bias is not None)
    made.weight = nn.Parameter(module.weight.detach().T.clone())
    made.bias = None if module.bias is None else nn.Parameter(module.bias.detach().clone())
    return made


def _conv(module: nn.Conv2d, name: str) -> Conv:
    square = [len(set(each)) == 1 for each in (module.kernel_size, module.stride, module.padding)]
    plain = module.dilation == (1, 1) and module.groups == 1 and module.padding_mode == "zeros"
    if not all(square) or not plain or isinstance(module.padding, str):
        raise InvalidValue(name, module, "one kernel size, stride and padding in numbers, without dilation or groups")
    made = Conv(
        module.in_channels, module.out_channels, module.kernel_size[0], stride=module.stride[0],
        padding=module.padding[0], bias=module.bias is not None,
    )  # fmt: skip
    made.weight = nn.Parameter(module.weight.detach().clone())
    made.bias = None if module.bias is None else nn.Parameter(module.bias.detach().clone())
    return made


def _after(layer: Layer, shape: tuple[int, ...], like: Tensor) -> tuple[int, ...]:
    with torch.no_grad():
        return tuple(layer(like.new_zeros((1, 1, *shape)))[0].shape[2:])


def _fold_bias(layers: list[Layer], module: Any, name: str) -> None:
    """Put the constant current of an RLeaky's recurrent connections into the connections before it."""
    bias = getattr(getattr(module, "recurrent", None), "bias", None)
    if bias is None or not bool((bias != 0.0).any()):
        return
    before = layers[-1] if layers else None
    if not isinstance(before, Dense):
        raise InvalidValue(name, "recurrent.bias", "0, or a Linear before it, which takes it over")
    before.bias = nn.Parameter(bias.detach().clone() if before.bias is None else before.bias.detach() + bias.detach())


def _neurons(module: Any, n: int, dt: float, last: bool, name: str) -> Layer:
    for field, plain in _PLAIN.items():
        if bool(getattr(module, field)) is not plain:
            raise InvalidValue(f"{name}.{field}", getattr(module, field), f"{plain}: Synfire has no counterpart")
    if bool((module.graded_spikes_factor != 1.0).any()):
        raise InvalidValue(f"{name}.graded_spikes_factor", module.graded_spikes_factor, "1: spikes have no size here")
    beta, threshold = (_values(each, n, name) for each in (module.beta, module.threshold))
    if np.any(beta <= 0.0) or np.any(beta >= 1.0):
        raise InvalidValue(f"{name}.beta", module.beta, "> 0 and < 1", "Synfire's membranes leak, and remember")
    common = {"tau_m": -dt / np.log(beta), "r_m": 1.0 / (1.0 - beta), "v_rest": 0.0, "v_threshold": threshold}
    if module.reset_mechanism == "none":
        if not last or hasattr(module, "recurrent"):
            raise InvalidValue(
                f"{name}.reset_mechanism", "none", "that of the last Leaky only, which is read as a Membrane"
            )
        return Membrane(n, LIF(**{**common, "v_threshold": 1.0, "v_reset": 0.0}), dt=dt)
    options: dict[str, Any] = {"dt": dt, "surrogate": _our_surrogate(module.spike_grad, name), "scale": 1.0}
    if module.reset_mechanism == "subtract":
        model: LIF = SoftResetLIF(**common, v_drop=threshold / beta)
    else:
        model = LIF(**common, v_reset=0.0)
    if not hasattr(module, "recurrent"):
        return Spiking(n, model, **options)
    if not isinstance(module.recurrent, nn.Linear) or module.reset_mechanism != "subtract":
        found = f"{type(module.recurrent).__name__} with reset {module.reset_mechanism!r}"
        raise InvalidValue(name, found, "all-to-all connections and reset by subtraction")
    weight = module.recurrent.weight.detach().T
    if bool((weight.diagonal() != 0.0).any()):
        raise InvalidValue(
            f"{name}.recurrent", "connections of neurons to themselves", "a diagonal of 0", "Recurrent has none"
        )
    made = Recurrent(n, model, **options)
    made.weight = nn.Parameter(weight.clone())
    return made


def _values(value: Tensor, n: int, name: str) -> Any:
    array = value.detach().double().cpu().numpy()
    if array.size not in (1, n) or array.ndim > 1:
        raise InvalidValue(name, f"values of shape {array.shape}", f"one, or of shape ({n},)")
    return float(array.reshape(())) if array.size == 1 else array


def _our_surrogate(function: Any, name: str) -> Surrogate:
    if isinstance(function, SpikeFunction):
        return function.surrogate
    from snntorch import surrogate as theirs

    made_by = getattr(function, "__qualname__", "").split(".")[0]
    inside = inspect.getclosurevars(function).nonlocals if inspect.isfunction(function) else {}
    if getattr(function, "__module__", "") == theirs.__name__:
        if made_by == "atan":
            return ArcTan(slope=math.pi * inside["alpha"] / 2.0, height=inside["alpha"] / 2.0)
        if made_by == "fast_sigmoid":
            return FastSigmoid(slope=inside["slope"], height=1.0)
        if made_by == "sigmoid":
            return Sigmoid(slope=inside["slope"], height=inside["slope"] / 4.0)
        if made_by == "straight_through_estimator":
            return StraightThrough()
    known = "atan, fast_sigmoid, sigmoid or straight_through_estimator of snntorch.surrogate"
    raise InvalidValue(f"{name}.spike_grad", made_by or function, known)
