"""What `snn-training` trains: a small spiking network on volleys of spikes, by rules of which one is snnTorch's."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..neurons import LIF
from ..plasticity import (
    BPTT,
    OTTT,
    SLTT,
    AdaptiveFeedback,
    Batch,
    Credit,
    CreditRule,
    DirectFeedback,
    EProp,
    RandomFeedback,
    SymmetricFeedback,
    angle,
)
from ..reservoirs import Diverged, Feedforward, adam, evaluate, feedforward
from .digits_baselines import one_torch_thread
from .digits_liquid import divide, encode
from .whole_fit import whole_fit

__all__ = ["RULES", "Parts", "SnnTorch", "load", "network_of", "train"]

CLASSES = 10
HIDDEN, RECURRENT, READOUT = "layers.0.weight", "layers.1.weight", "layers.2.weight"


class Parts(NamedTuple):
    """(x, labels) to train on, to choose by, to report; x (time, sample, inputs), true where there is a spike."""

    train: tuple[Tensor, Tensor]
    validation: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]


def load(dataset: str, *, steps: int, latency: float, train_size: int, seed: int) -> Parts:
    """The data of one trial at steps of 1 ms: each pixel that is not black fires once, the earlier the brighter."""
    parts = divide(dataset, train_size, 0, seed)

    def volleys(images: Any, labels: Any) -> tuple[Tensor, Tensor]:
        x = torch.zeros((steps, len(images), images[0].size), dtype=torch.bool)
        for sample, spikes in enumerate(encode(images.reshape(len(images), -1), latency, 1.0)):
            when = np.asarray(spikes.times).astype(int)
            kept = when < steps
            x[when[kept], sample, np.asarray(spikes.neurons)[kept]] = True
        return x, torch.as_tensor(labels)

    return Parts(
        volleys(parts.train, parts.train_labels),
        volleys(parts.validation, parts.validation_labels),
        volleys(parts.test, parts.test_labels),
    )


def network_of(
    inputs: int, hidden: int, *, recurrent: float | None, tau_m: float, tau_readout: float, seed: int
) -> Feedforward:
    """Inputs, one hidden layer of LIF, leaky readout; in steps of 1 ms.

    Parameters   recurrent   what recurrent weights at first are multiplied by; None: there are none
    """
    network = feedforward(
        [inputs, hidden, CLASSES], neuron=LIF(tau_m=tau_m), recurrent=recurrent is not None, tau_readout=tau_readout,
        seed=seed,
    )  # fmt: skip
    if recurrent is not None:
        with torch.no_grad():
            dict(network.named_parameters())[RECURRENT].mul_(recurrent)
    return network


@dataclasses.dataclass(frozen=True)
class ReadoutOnly:
    """The control: hidden weights stay random, the readout's get their exact gradient."""

    def init(self, network: Any) -> None:
        return None

    def gradients(self, network: Any, batch: Batch, state: None) -> Credit:
        credit = BPTT().gradients(network, batch, None)
        return credit._replace(gradients={READOUT: credit.gradients[READOUT]})


@dataclasses.dataclass(frozen=True)
class SnnTorch:
    """The same network in snnTorch, by its `Leaky` neurons, its surrogate and torch's autograd, from the same weights.

    Potentials are counted from rest in units of the distance to threshold, in which a weight of 1 is a jump of 1.
    """

    def init(self, network: Any) -> None:
        return None

    def gradients(self, network: Any, batch: Batch, state: None) -> Credit:
        import snntorch

        parameters = dict(network.named_parameters())
        decays = [float(network.layers[k].neuron().discretise(network.layers[k].dt).decay_m) for k in (1, 3)]
        hidden = snntorch.Leaky(beta=decays[0], reset_mechanism="zero", spike_grad=snntorch.surrogate.atan(alpha=2.0))
        readout = snntorch.Leaky(beta=decays[1], reset_mechanism="none")
        x = batch.x.to(parameters[HIDDEN].dtype)
        v, y = hidden.init_leaky(), readout.init_leaky()
        spiked, outputs = x.new_zeros((x.shape[1], parameters[HIDDEN].shape[1])), []
        for given in x:
            current = functional.linear(given, parameters[HIDDEN].T)
            if RECURRENT in parameters:
                current = current + functional.linear(spiked, parameters[RECURRENT].T)
            spiked, v = hidden(current, v)
            _, y = readout(functional.linear(spiked, parameters[READOUT].T), y)
            outputs.append(y)
        made = torch.stack(outputs)
        loss = network.objective.loss(made, batch.target)
        found = torch.autograd.grad(loss, list(parameters.values()))
        scores = network.objective.scores(made.detach())
        return Credit(loss.detach(), scores, dict(zip(parameters, found, strict=True)), None)


# name: from (steps of a sequence, seed) to the rule
RULES: dict[str, Callable[[int, int], CreditRule]] = {
    "snntorch": lambda steps, seed: SnnTorch(),
    "bptt": lambda steps, seed: BPTT(),
    "sltt": lambda steps, seed: SLTT(),
    "sltt_fifth": lambda steps, seed: SLTT(steps=max(1, steps // 5), seed=seed),
    "ottt": lambda steps, seed: OTTT(),
    "eprop_symmetric": lambda steps, seed: EProp(feedback=SymmetricFeedback()),
    "eprop_adaptive": lambda steps, seed: EProp(feedback=AdaptiveFeedback(seed=seed)),
    "eprop_random": lambda steps, seed: EProp(feedback=RandomFeedback(seed=seed)),
    "direct_feedback": lambda steps, seed: DirectFeedback(feedback=RandomFeedback(seed=seed)),
    "readout_only": lambda steps, seed: ReadoutOnly(),
}


class _Watched:
    """A rule whose state after the last batch can be seen."""

    def __init__(self, rule: CreditRule) -> None:
        self.rule = rule
        self.state: Any = None

    def init(self, network: Any) -> Any:
        self.state = self.rule.init(network)
        return self.state

    def gradients(self, network: Any, batch: Batch, state: Any) -> Credit:
        credit = self.rule.gradients(network, batch, state)
        self.state = credit.state
        return credit


def train(name: str, parts: Parts, network: Feedforward, config: Any, seed: int) -> dict[str, Any]:
    """One rule with every learning rate; the one that is best on the validation samples is tested, once."""
    make = RULES[name]
    some = Batch(parts.train[0][:, : config.batch], parts.train[1][: config.batch])
    found: dict[str, Any] = {}
    with one_torch_thread():
        runs = []
        for rate in config.learning_rates:
            watched = _Watched(make(len(parts.train[0]), seed))
            try:
                fitted = whole_fit(
                    network, watched, parts.train, validation=parts.validation, epochs=config.epochs, batch=config.batch,
                    optimisers=adam(rate), seed=seed,
                )  # fmt: skip
            except Diverged as error:
                fitted = error.fitted
            curve = np.full(config.epochs, np.nan)
            curve[: len(fitted.history.validation_accuracy)] = 100.0 * fitted.history.validation_accuracy
            runs.append((fitted, watched.state, curve))
        validation = np.array([run[2][-1] for run in runs])
        best = int(np.nan_to_num(validation, nan=-1.0).argmax())
        fitted, state, curve = runs[best]
        rule = make(len(parts.train[0]), seed)
        before = _angle(rule, network, some, rule.init(network))
        found |= {
            "accuracy": 100.0 * evaluate(fitted.network, parts.test)[1],
            "validation": validation,
            "learning_rate": config.learning_rates[best],
            "curve": curve,
            "angle": np.array([before, _angle(rule, fitted.network, some, state)]),
            "rate": 1e3 * float(fitted.network.activity(some.x)[1].mean()),
            "cost/wall_s": float(np.nansum([run[0].history.seconds.sum() for run in runs])),
        }
    return found


def _angle(rule: CreditRule, network: Feedforward, batch: Batch, state: Any) -> float:
    """Between the rule's gradient of the weights into the hidden layer and backpropagation's, degrees."""
    exact = BPTT().gradients(network, batch, None).gradients
    own = rule.gradients(network, batch, state).gradients
    return angle(own, exact).by_parameter[HIDDEN] if HIDDEN in own else float("nan")
