"""Optimisers as `fit` takes them: functions of what is trained and the number of epochs to torch optimisers and schedulers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from ..neurons.errors import InvalidValue
from .layered import Feedforward

__all__ = ["Learner", "Optimisers", "adam", "sgd"]


class Learner(nn.Module):
    """What `fit` trains: a network's layers under their own names, and what the rule itself learns as "rule.NAME"."""

    def __init__(self, network: Feedforward, rule: nn.Module | None) -> None:
        super().__init__()
        self.layers = network.layers
        if rule is not None:
            self.rule = rule


Optimisers = Callable[[Any, int], Sequence[Any]]


def adam(
    learning_rate: float = 1e-3,
    *,
    delay_learning_rate: float = 0.1,
    rule_learning_rate: float | None = None,
    weight_decay: float = 0.0,
) -> Optimisers:
    """Adam as `fit` takes it, with a step that suits each kind of parameter.

    Parameters   learning_rate         of weights; learned parameters of neurons take it times their own size
                 delay_learning_rate   of delays, in steps; without weight decay
                 rule_learning_rate    of weights that the rule itself learns, >= 0; 0 freezes all of it; default: the same
                 weight_decay          L2, as torch's Adam has it; of weights only
    Raises       InvalidValue
    Source       Kingma & Ba 2015, arXiv 1412.6980; two rates: Hammouamri et al. 2024, arXiv 2306.17670
    """
    for name, value in (("learning_rate", learning_rate), ("delay_learning_rate", delay_learning_rate)):
        if not 0.0 < value < math.inf:
            raise InvalidValue(f"adam: {name}", value, "> 0 and finite")
    for name, rate in (("rule_learning_rate", rule_learning_rate), ("weight_decay", weight_decay)):
        if rate is not None and not 0.0 <= rate < math.inf:
            raise InvalidValue(f"adam: {name}", rate, ">= 0 and finite")

    def make(network: Learner, epochs: int) -> list[torch.optim.Optimizer]:
        groups = []
        for name, value in network.named_parameters():
            of_rule = name.startswith("rule.") and rule_learning_rate is not None
            usual = rule_learning_rate if of_rule and rule_learning_rate is not None else learning_rate
            rate, decay = usual, weight_decay
            if name.endswith(".delay"):
                rate, decay = delay_learning_rate, 0.0
            elif ".learned." in name:
                rate, decay = usual * (float(value.detach().abs().mean()) or 1.0), 0.0
            if usual:
                groups.append({"params": [value], "lr": rate, "weight_decay": decay})
        return [torch.optim.Adam(groups, fused=True)]

    return make


def sgd(
    learning_rate: float,
    *,
    rule_learning_rate: float | None = None,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    final_learning_rate: float | None = None,
    warm_up_epochs: int = 0,
) -> Optimisers:
    """Stochastic gradient descent as `fit` takes it.

        w <- w - learning_rate (gradient + weight_decay w),   with momentum: torch's form, its velocity holds gradients

    Parameters   learning_rate         of the network, > 0
                 rule_learning_rate    of what the rule itself learns, >= 0; 0 freezes it; default: as the network's
                 momentum              in [0, 1)
                 weight_decay          >= 0
                 final_learning_rate   reached along half a cosine, epoch by epoch (a frozen rule stays frozen); default: the
                                       rates stay as they are
                 warm_up_epochs        W >= 0 in which rates rise first, epoch by epoch: 1 / (W + 1) of them, ..., W / (W + 1);
                                       the cosine has the epochs that are left
    Raises       InvalidValue
    Source       cosine: Loshchilov & Hutter 2017, arXiv 1608.03983, without restarts
    """
    both = {"rule_learning_rate": rule_learning_rate, "final_learning_rate": final_learning_rate}
    given = {"weight_decay": weight_decay} | {name: value for name, value in both.items() if value is not None}
    for name, value in given.items():
        if isinstance(value, bool) or not 0.0 <= value < math.inf:
            raise InvalidValue(f"sgd: {name}", value, ">= 0 and finite")
    if isinstance(learning_rate, bool) or not 0.0 < learning_rate < math.inf:
        raise InvalidValue("sgd: learning_rate", learning_rate, "> 0 and finite")
    if isinstance(momentum, bool) or not 0.0 <= momentum < 1.0:
        raise InvalidValue("sgd: momentum", momentum, "in [0, 1)")
    if isinstance(warm_up_epochs, bool) or not isinstance(warm_up_epochs, int) or warm_up_epochs < 0:
        raise InvalidValue("sgd: warm_up_epochs", warm_up_epochs, "a whole number >= 0")

    def make(network: Learner, epochs: int) -> list[Any]:
        own = learning_rate if rule_learning_rate is None else rule_learning_rate
        rates = {False: learning_rate, True: own}
        parts: dict[bool, list[nn.Parameter]] = {False: [], True: []}
        for name, value in network.named_parameters():
            parts[name.startswith("rule.")].append(value)
        moving = [part for part in parts if parts[part] and rates[part]]
        groups: list[dict[str, Any]] = [{"params": parts[part], "lr": rates[part]} for part in moving]
        optimiser = torch.optim.SGD(groups, lr=learning_rate, momentum=momentum, weight_decay=weight_decay)
        if final_learning_rate is None and not warm_up_epochs:
            return [optimiser]

        def course(rate: float) -> Callable[[int], float]:
            end = 1.0 if final_learning_rate is None else final_learning_rate / rate
            return lambda epoch: _warm_up_then_cosine(epoch, epochs, warm_up_epochs, end)

        return [optimiser, torch.optim.lr_scheduler.LambdaLR(optimiser, [course(group["lr"]) for group in groups])]

    return make


def _warm_up_then_cosine(epoch: int, epochs: int, warm_up: int, end: float) -> float:
    """The share of a learning rate at an epoch, counted from 0."""
    if epoch < warm_up:
        return (epoch + 1) / (warm_up + 1)
    passed = min((epoch - warm_up) / max(epochs - warm_up, 1), 1.0)
    return end + (1.0 - end) * 0.5 * (1.0 + math.cos(math.pi * passed))
