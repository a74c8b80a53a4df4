"""The workload `snn-training`: one step of learning (forward, backward, Adam) of a network 700-256-256-20 on a batch of 128
sequences of 100 steps.

All programs start from the same weights and learn the same batch: leaky integrate-and-fire neurons of 20 ms that a spike
sets to 0, the derivative of an arctangent, leaky membranes as output, the mean over time of the cross-entropy. Weights are
such that as many hidden neurons fire in a step as inputs do. The time is the median of several steps after two.
"""

from __future__ import annotations

import math
import os
import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from .workload import Run, Workload, sleeping_threads

__all__ = ["workload"]

SIZES, STEPS, BATCH = (700, 256, 256, 20), 100, 128
DECAY = math.exp(-1.0 / 20.0)
MEASURED = 7  # steps of learning
DRIVES = {2: (0.0, 0.0), 5: (0.055, 0.046), 10: (0.129, 0.119), 25: (0.336, 0.320), 50: (0.727, 0.719)}
"""Percent of the inputs -> mean current of a step in the two hidden layers (threshold 1) with which as many neurons fire."""
DEVIATION = 0.28  # of that current

Built = tuple[
    Callable[[Any], tuple[Any, list[Any]]], list[Any], str
]  # batch -> (output, hidden spikes); parameters; version
REMARKS = {"_norses": "its spike's derivative is a fast sigmoid's, for it has no arctangent"}


def workload(argument: str) -> Workload:
    """The argument is the share of inputs that fire in a step, in percent."""
    percent = int(argument)
    builds = {
        "torch": _torchs, "torch-compile": _compileds, "snntorch": _snntorchs, "spikingjelly": _spikingjellys,
        "norse": _norses,
    }  # fmt: skip
    simulators: dict[str, Any] = {
        "synfire": lambda cache, ms: _learn(_ours, percent, 1, ms, cache),
        "synfire-2threads": lambda cache, ms: _learn(_ours, percent, 2, ms, cache),
    }
    for name, build in builds.items():
        simulators[name] = lambda cache, ms, build=build: _learn(build, percent, 1, ms)
        simulators[f"{name}-2threads"] = lambda cache, ms, build=build: _learn(build, percent, 2, ms)
    sizes = "-".join(map(str, SIZES))
    summary = f"{sizes}, {STEPS} steps, batch {BATCH}, {percent} % of inputs fire per step; run is one step of learning"
    return Workload(summary, STEPS * 1e-3, simulators, None)


def _learn(build: Callable[..., Built], percent: int, threads: int, steps: int, cache: str | None = None) -> Run:
    """Steps of learning from sequences of `steps` steps, as a user writes them."""
    if cache is not None:
        os.environ["SYNFIRE_CACHE"] = cache
    sleeping_threads()
    import torch

    torch.set_num_threads(threads)
    generator = torch.Generator().manual_seed(1)
    x = torch.rand((steps, BATCH, SIZES[0]), generator=generator) < percent / 100.0
    if build is not _ours:
        x = x.float()  # truth values are spikes to Synfire; peers take floats only
    target = torch.randint(SIZES[-1], (BATCH,), generator=generator)
    network, parameters, version = build(_weights(percent))
    imported = time.time()
    optimiser = torch.optim.Adam(parameters, lr=1e-4)
    fired: list[int] = []

    def step() -> float:
        began = time.perf_counter()
        optimiser.zero_grad()
        output, hidden = network(x)
        loss = torch.nn.functional.cross_entropy(output.flatten(0, 1), target.repeat(steps))
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        took = time.perf_counter() - began
        if not fired:
            fired.extend(int(spikes.detach().sum()) for spikes in hidden)
        return took

    step()
    finished = time.time()
    step()
    run_s = statistics.median(step() for _ in range(MEASURED))
    events = sum(n * width for n, width in zip((int(x.sum()), *fired), SIZES[1:], strict=True))
    rate = sum(fired) / (BATCH * sum(SIZES[1:-1]) * steps * 1e-3)
    return Run(imported, finished, run_s, rate, float(events), version, remark=REMARKS.get(build.__name__, ""))


def _weights(percent: int) -> list[Any]:
    """(inputs, outputs) tensors, with which as large a share of the neurons fires as of the inputs."""
    import torch

    generator, made = torch.Generator().manual_seed(2), []
    for n_in, n_out, mean in zip(SIZES[:-1], SIZES[1:], (*DRIVES[percent], 0.0), strict=True):
        heard = n_in * percent / 100.0
        draw = torch.randn(n_in, n_out, generator=generator)
        made.append(torch.nn.Parameter(mean / heard + DEVIATION * draw / heard**0.5))
    return made


def _ours(weights: list[Any]) -> Built:
    from ... import __version__
    from ...neurons import LIF, Dense, Membrane, Spiking

    neuron = LIF(tau_m=20.0, r_m=1.0 / (1.0 - DECAY), v_rest=0.0, v_reset=0.0, v_threshold=1.0)
    connections, first, second = [Dense(*pair) for pair in pairwise(SIZES)], *(Spiking(n, neuron) for n in SIZES[1:3])
    for layer, weight in zip(connections, weights, strict=True):
        layer.weight = weight
    readout = Membrane(SIZES[3], neuron)

    def network(x: Any) -> tuple[Any, list[Any]]:
        one, _ = first(connections[0](x)[0])
        two, _ = second(connections[1](one)[0])
        return readout(connections[2](two)[0])[0], [one, two]

    return network, weights, __version__


def _of_layers(weights: list[Any], layer: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, list[Any]]]:
    """A peer's network: `layer(currents)` are its neurons, connections and the leaky membrane are plain torch."""
    import torch

    def network(x: Any) -> tuple[Any, list[Any]]:
        one = layer(x @ weights[0])
        two = layer(one @ weights[1])
        v, potentials = torch.zeros(BATCH, SIZES[3]), []
        for current in two @ weights[2]:
            v = DECAY * v + current
            potentials.append(v)
        return torch.stack(potentials), [one, two]

    return network


def _torchs(weights: list[Any]) -> Built:
    """The loop that everybody writes who uses no library."""
    import torch

    class Spike(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, excess: Any) -> Any:
            ctx.save_for_backward(excess)
            return (excess >= 0.0).to(excess.dtype)

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            (excess,) = ctx.saved_tensors
            return grad / (1.0 + (math.pi * excess) ** 2)

    def layer(currents: Any) -> Any:
        v, spikes = torch.zeros_like(currents[0]), []
        for current in currents:
            v = DECAY * v + current
            spiked = Spike.apply(v - 1.0)  # type: ignore[no-untyped-call]
            v = v * (1.0 - spiked.detach())
            spikes.append(spiked)
        return torch.stack(spikes)

    return _of_layers(weights, layer), weights, str(torch.__version__)


def _compileds(weights: list[Any]) -> Built:
    import torch

    network, parameters, version = _torchs(weights)
    return torch.compile(network), parameters, version


def _snntorchs(weights: list[Any]) -> Built:
    import snntorch
    import torch

    neuron = snntorch.Leaky(beta=DECAY, reset_mechanism="zero", spike_grad=snntorch.surrogate.atan(alpha=2.0))

    def layer(currents: Any) -> Any:
        mem, spikes = neuron.init_leaky(), []
        for current in currents:
            spiked, mem = neuron(current, mem)
            spikes.append(spiked)
        return torch.stack(spikes)

    return _of_layers(weights, layer), weights, str(snntorch.__version__)


def _spikingjellys(weights: list[Any]) -> Built:
    import importlib.metadata

    from spikingjelly.activation_based import functional, neuron, surrogate

    tau = 1.0 / (1.0 - DECAY)  # its decay is 1 - 1 / tau
    cells = neuron.LIFNode(
        tau=tau, decay_input=False, v_threshold=1.0, v_reset=0.0, surrogate_function=surrogate.ATan(alpha=2.0),
        detach_reset=True, step_mode="m",
    )  # fmt: skip

    def layer(currents: Any) -> Any:
        functional.reset_net(cells)
        return cells(currents)

    return _of_layers(weights, layer), weights, importlib.metadata.version("spikingjelly")


def _norses(weights: list[Any]) -> Built:
    """Its arctangent has no derivative; it takes a fast sigmoid's, on which the time does not depend."""
    import importlib.metadata

    import torch
    from norse.torch import LIFBoxCell, LIFBoxParameters

    rate = torch.tensor((1.0 - DECAY) * 1e3)
    cell = LIFBoxCell(LIFBoxParameters(tau_mem_inv=rate, method="super", alpha=torch.tensor(10.0)), dt=1e-3)

    def layer(currents: Any) -> Any:
        state, spikes = None, []
        for current in currents / (1.0 - DECAY):
            spiked, state = cell(current, state)
            spikes.append(spiked)
        return torch.stack(spikes)

    return _of_layers(weights, layer), weights, importlib.metadata.version("norse")
