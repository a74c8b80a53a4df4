"""Networks of layers, trained on batches of whole sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..neurons.chance import Stochastic
from ..neurons.dense import Dense
from ..neurons.errors import InvalidValue
from ..neurons.layer import Layer
from ..neurons.lif import LIF
from ..neurons.model import Neuron
from ..neurons.normalise import BatchNorm, Dropout, Extend
from ..neurons.rate import Rate
from ..neurons.source import Source
from ..neurons.spiking import Membrane, NeuronLayer, Recurrent, Spiking
from ..neurons.surrogate import Surrogate
from ..plasticity.credit import Objective
from ..plasticity.objective import StepCrossEntropy

__all__ = ["Feedforward", "feedforward", "response"]


class Feedforward(nn.Module):
    """Layers one after the other, and the objective that says what their output is worth.

        outputs, state = network(x)                (time, batch, features) to (time, batch, n)
        outputs, state = network(more, state)      goes on where that sequence stopped; `begin()` is before any
        outputs, state = network(x, samples=[7])   says which sample it is, for neurons that fire by chance

    Parameters   layers      in order; where a layer says how many features it takes, the one before must give as many
                 objective   of the outputs; default: cross-entropy at each step
    State        one entry for each layer; None: x is a whole sequence, at least as long as the longest delay
    Raises       InvalidValue naming both layers that do not fit
    """

    def __init__(self, layers: Sequence[Layer], objective: Objective | None = None) -> None:
        super().__init__()
        if not layers:
            raise InvalidValue("Feedforward.layers", "none", "at least one layer")
        given, giver = None, ""
        for k, layer in enumerate(layers):
            if not isinstance(layer, Layer):
                raise InvalidValue(f"Feedforward.layers[{k}]", type(layer).__name__, "a layer", "e.g. Dense(700, 256)")
            name, wanted = f"{k} ({type(layer).__name__})", getattr(layer, "n_in", None)
            if given is not None and wanted is not None and given != wanted:
                raise InvalidValue(
                    "Feedforward.layers", f"layer {giver} gives {given} features, layer {name} takes {wanted}",
                    "layers that fit",
                )  # fmt: skip
            given, giver = getattr(layer, "n_out", given if wanted is None and _keeps(layer) else None), name
        self.layers = nn.ModuleList(layers)
        self._check_draws()
        self.objective = objective or StepCrossEntropy()

    def forward(
        self, x: Tensor, state: Sequence[Any] | None = None, *, samples: Any = None
    ) -> tuple[Tensor, tuple[Any, ...]]:
        if state is None:
            self._check_length(x)
            state = self.begin(samples)
        elif samples is not None:
            found, fix = "numbers beside a state, which has them", "give them at first: state=network.begin(samples)"
            raise InvalidValue("samples", found, "None where a state is given", fix)
        states = list(state)
        if len(states) != len(self.layers):
            raise InvalidValue("state", f"{len(states)} entries", f"{len(self.layers)}, one for each layer")
        for k, layer in enumerate(self.layers):
            x, states[k] = layer(x, states[k])
        return x, tuple(states)

    def begin(self, samples: Any = None) -> tuple[Any, ...]:
        """The state before the first piece of a sequence that is given in pieces; samples: their numbers, (batch,), if known.

        Raises       InvalidValue for numbers that are not whole or below 0
        """
        if samples is None:
            return (None,) * len(self.layers)
        numbers = torch.as_tensor(samples)
        if numbers.ndim != 1 or numbers.is_floating_point() or numbers.is_complex() or bool((numbers < 0).any()):
            raise InvalidValue("samples", samples, "whole numbers >= 0, one for each sample of the batch")
        layers: Any = self.layers
        return tuple(layer.begin(numbers.long()) for layer in layers)

    def _check_draws(self) -> None:
        every = (each for _, each in self.named_modules(remove_duplicate=False))  # one in two places is there twice
        models = [each._neuron for each in every if isinstance(each, NeuronLayer)]
        keys = [np.unique(model.keys) for model in models if isinstance(model, Stochastic)]
        if keys and len(np.unique(np.concatenate(keys))) < sum(map(len, keys)):
            raise InvalidValue(
                "Feedforward.layers", "two layers of neurons that fire by chance, some of which draw the same",
                "layers with seeds of their own, and keys", "e.g. Spiking(64, neuron, seed=1)",
            )  # fmt: skip

    def select(self, state: Sequence[Any], samples: Tensor) -> tuple[Any, ...]:
        """The state of some samples alone, truth values (batch,), from which the network goes on with pieces of those."""
        return tuple(layer.select(part, samples) for layer, part in zip(self.layers, state, strict=True))  # type: ignore[operator]

    def _check_length(self, x: Tensor) -> None:
        if not isinstance(x, Tensor) or not len(x):
            return  # the first layer says what is wrong
        steps = len(x)
        for layer in self.layers:
            steps += layer.steps if isinstance(layer, Extend) else 0
            longest = getattr(layer, "max_delay", 0)
            if steps <= longest:
                raise InvalidValue(
                    "x", f"{steps} steps", f"more than {longest} steps, the longest delay",
                    "pad it, shorten max_delay, or give it in pieces, starting from state=network.begin()",
                )  # fmt: skip

    def activity(self, x: Tensor, *, samples: Any = None) -> list[Tensor]:
        """What each layer gives, in order, without gradients; samples as `begin`."""
        found = []
        with torch.no_grad():
            for layer, state in zip(self.layers, self.begin(samples), strict=True):
                x, _ = layer(x, state)
                found.append(x)
        return found

    def scores(self, x: Tensor, *, samples: Any = None) -> Tensor:
        """(batch, n) scores of a batch, without gradients; their argmax is the answer. As `eval()` or `train()` has set it.

        Parameters   samples   their numbers, (batch,), as `begin`
        """
        with torch.no_grad():
            return self.objective.scores(self(x, samples=samples)[0])

    @property
    def n_parameters(self) -> int:
        """How many numbers are trained."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)


def _keeps(layer: Layer) -> bool:
    """Whether a layer that does not say its features gives as many as it takes."""
    return isinstance(layer, Dropout | Rate)


def feedforward(
    sizes: Sequence[int],
    *,
    neuron: Neuron | None = None,
    dt: float = 1.0,
    surrogate: Surrogate | None = None,
    learn: Sequence[str] = (),
    delays: Any = None,
    recurrent: bool = False,
    batch_norm: bool = False,
    dropout: float = 0.0,
    tau_readout: float = 20.0,
    objective: Objective | None = None,
    seed: int = 0,
) -> Feedforward:
    """The usual stack: for each hidden size connections and neurons, at the end connections and leaky membranes.

    Parameters   sizes         [inputs, hidden..., outputs]
                 neuron        of the hidden layers; default LIF(tau_m=20). Weights start at a scale that suits its units
                 dt            step, ms
                 surrogate, learn   as `Spiking`
                 delays        what `plasticity` makes delayed connections of (`LearnableDelay(...)`); None: no delays
                 recurrent     whether hidden neurons also hear one another
                 batch_norm    whether currents are standardised over each batch
                 dropout       probability, in [0, 1)
                 tau_readout   time constant of the output membranes, ms
                 objective     default: cross-entropy at each step
                 seed          of all initial weights
    Raises       InvalidValue naming the field
    """
    if len(sizes) < 2:
        raise InvalidValue("feedforward: sizes", sizes, "at least [inputs, outputs]")
    neuron = LIF(tau_m=20.0) if neuron is None else neuron
    if not isinstance(neuron, Neuron) or isinstance(neuron, Source):
        raise InvalidValue("feedforward: neuron", neuron, "a neuron model", "make one: LIF()")
    if isinstance(dt, bool) or not isinstance(dt, int | float) or not 0.0 < dt < float("inf"):
        raise InvalidValue("feedforward: dt", dt, "> 0 ms")
    layers: list[Layer] = []

    def drawn(*place: int) -> int:
        return int(np.random.SeedSequence((seed, *place)).generate_state(1)[0])

    def connect(k: int, gain: float) -> None:
        place = drawn(k)
        if delays is None:
            layers.append(Dense(sizes[k], sizes[k + 1], gain=gain, seed=place))
        else:
            layers.append(delays.connections(sizes[k], sizes[k + 1], dt=dt, gain=gain, seed=place))

    kind = Recurrent if recurrent else Spiking
    for k in range(len(sizes) - 2):
        felt = response(neuron, dt)
        connect(k, 1.0 / felt)
        if batch_norm:
            layers.append(BatchNorm(sizes[k + 1], gain=1.0 / felt))
        options: dict[str, Any] = {"gain": 1.0 / felt} if recurrent else {}
        layers.append(kind(sizes[k + 1], neuron, dt=dt, surrogate=surrogate, learn=learn, seed=drawn(k, 1), **options))
        if dropout:
            layers.append(Dropout(dropout))
    readout = LIF(tau_m=tau_readout, v_rest=0.0, v_reset=-1.0, v_threshold=1.0)
    connect(len(sizes) - 2, 1.0 / response(readout, dt))
    layers.append(Membrane(sizes[-1], readout, dt=dt))
    return Feedforward(layers, objective)


def response(neuron: Neuron, dt: float) -> float:
    """How far one unit of current moves a neuron at its start in one step, in units of its distance to threshold."""
    sampled = neuron.sample(1, np.random.default_rng(0))
    step, state = sampled.discretise(dt), sampled.initial_state()
    still, moved = (float(np.mean(step.excess(step.integrate(state, current)))) for current in (0.0, 1.0))
    distance = float(np.mean(-step.excess(state)))
    if not moved - still > 0.0 or not distance > 0.0:
        raise InvalidValue("neuron", type(neuron).__name__, "a model that a current brings nearer to its threshold")
    return (moved - still) / distance
