"""The workload `delay-training`: one step of learning (forward, backward, Adam) of a network 140-256-256-20 whose synapses
each have a delay of 0 to 24 steps, on a batch of 128 sequences of 100 steps with 2 % of the inputs active.

All programs start from the same weights and delays and learn the same batch; they differ in the connections alone. Neurons
and readout are Synfire's fused ones in every row, so what a peer's own neurons would cost on top is not counted. The
argument is the standard deviation of the Gaussian kernels, in steps: 12.27 at the start of the paper's schedule, 0.5 in its
last three quarters. Thresholds are set so that 5 % of the hidden neurons fire in a step.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

from .workload import Run, Workload, sleeping_threads

__all__ = ["workload"]

SIZES, STEPS, BATCH, LONGEST = (140, 256, 256, 20), 100, 128, 24
DENSITY, ACTIVE = 0.02, 0.05
DECAY = 0.5
MEASURED = 5  # steps of learning
SPREAD = 0.25  # of the rate: two-tap and fixed delays are not blurred, so that other neurons fire

Connection = Callable[[Any], Any]
Built = tuple[list[Connection], list[Any], str]  # connections, their trained tensors, version


def workload(argument: str) -> Workload:
    """The argument is the width of the Gaussians, in steps."""
    width = float(argument)
    builds = {
        "synfire": _gaussian,
        "synfire-two-tap": _two_tap,
        "synfire-fixed": _fixed,
        "dcls": _dcls,
        "conv1d": _conv,
    }
    simulators: dict[str, Any] = {}
    for name, build in builds.items():
        for threads in (1, 2):
            own = name if threads == 1 else f"{name}-2threads"
            simulators[own] = partial(_learn, build, width, threads)
    sizes = "-".join(map(str, SIZES))
    summary = (
        f"one step of learning, {sizes}, delays of 0 to {LONGEST} steps, Gaussians {width:g} steps wide, {STEPS} steps, "
        f"batch {BATCH}; run is per step"
    )
    return Workload(summary, STEPS * 1e-3, simulators, None, SPREAD)


def _learn(build: Callable[..., Built], width: float, threads: int, cache: str | None, steps: int) -> Run:
    """Steps of learning from sequences of `steps` steps."""
    if cache is not None:
        os.environ["SYNFIRE_CACHE"] = cache
    sleeping_threads()
    import torch

    from ...neurons import LIF, Membrane, Spiking

    torch.set_num_threads(threads)
    generator = torch.Generator().manual_seed(1)
    x = (torch.rand((steps, BATCH, SIZES[0]), generator=generator) < DENSITY).float()
    target = torch.randint(SIZES[-1], (BATCH,), generator=generator)
    parameters = [_parameters(n_in, n_out, generator) for n_in, n_out in pairwise(SIZES)]
    connections, trained, version = build(parameters, width)

    def neuron(v_threshold: float) -> Any:
        tau_m = -1.0 / torch.log(torch.tensor(DECAY)).item()
        return LIF(tau_m=tau_m, r_m=1.0 / (1.0 - DECAY), v_rest=0.0, v_reset=0.0, v_threshold=v_threshold)

    layers, spikes = [], x
    with torch.no_grad():  # thresholds at which the wanted share fires
        for connect, n in zip(connections[:2], SIZES[1:3], strict=True):
            current = connect(spikes)
            potential = Membrane(n, neuron(1.0))(current)[0].flatten()
            threshold = float(potential[:: max(1, potential.numel() // 100_000)].quantile(1.0 - ACTIVE))
            layers.append(Spiking(n, neuron(max(threshold, 1e-3)), scale=1.0))
            spikes, _ = layers[-1](current)
    readout = Membrane(SIZES[-1], neuron(1.0))
    imported = time.time()
    optimiser = torch.optim.Adam(trained, lr=1e-5)
    fired: list[int] = []

    def step() -> float:
        began = time.perf_counter()
        optimiser.zero_grad()
        one, _ = layers[0](connections[0](x))
        two, _ = layers[1](connections[1](one))
        output, _ = readout(connections[2](two))
        torch.nn.functional.cross_entropy(output.flatten(0, 1), target.repeat(steps)).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        took = time.perf_counter() - began
        if not fired:
            fired.extend(int(spikes.detach().sum()) for spikes in (one, two))
        return took

    step()
    finished = time.time()
    run_s = statistics.median(step() for _ in range(MEASURED))
    events = sum(n * wide for n, wide in zip((int(x.sum()), *fired), SIZES[1:], strict=True))
    rate = sum(fired) / (BATCH * sum(SIZES[1:-1]) * steps * 1e-3)
    return Run(imported, finished, run_s, rate, float(events), version)


def _parameters(n_in: int, n_out: int, generator: Any) -> tuple[Any, Any]:
    """(weight, delay), each (n_in, n_out) and trained."""
    import torch

    weight = (torch.randn(n_in, n_out, generator=generator) + 0.5) * (2.0 / n_in) ** 0.5
    return weight.requires_grad_(), (torch.rand(n_in, n_out, generator=generator) * LONGEST).requires_grad_()


def _ours(parameters: list[Any], kind: Any) -> Built:
    """DelayedDense of this kind, holding these parameters."""
    import torch

    from ... import __version__
    from ...plasticity import DelayedDense

    made: list[Connection] = []
    trained: list[Any] = []
    for weight, delay in parameters:
        layer = DelayedDense(weight.shape[0], weight.shape[1], kind)
        layer.weight = torch.nn.Parameter(weight.detach())
        if layer.delay.requires_grad:
            layer.delay = torch.nn.Parameter(delay.detach())
        else:
            layer.delay = delay.detach().round()
        trained += layer.parameters()
        made.append(partial(_current, layer))
    return made, trained, __version__


def _gaussian(parameters: list[Any], width: float) -> Built:
    from ...plasticity import LearnableDelay

    sigma = width - 0.27  # what the schedule adds
    return _ours(parameters, LearnableDelay(max_delay=float(LONGEST), sigma_start=sigma, sigma_end=min(sigma, 0.23)))


def _two_tap(parameters: list[Any], width: float) -> Built:
    from ...plasticity import TwoTapDelay

    return _ours(parameters, TwoTapDelay(max_delay=float(LONGEST)))


def _fixed(parameters: list[Any], width: float) -> Built:
    from ...plasticity import RandomDelay

    return _ours(parameters, RandomDelay(max_delay=float(LONGEST)))


def _dcls(parameters: list[Any], width: float) -> Built:
    """Its position is half the range minus the delay; its kernel lies along the last axis."""
    import importlib.metadata

    import torch
    from DCLS.construct.modules import Dcls1d

    made: list[Connection] = []
    trained: list[Any] = []
    for weight, delay in parameters:
        layer = Dcls1d(
            weight.shape[0],
            weight.shape[1],
            kernel_count=1,
            dilated_kernel_size=LONGEST + 1,
            bias=False,
            version="gauss",
        )
        with torch.no_grad():
            layer.weight.copy_(weight.T.unsqueeze(-1))
            layer.P.copy_((LONGEST / 2 - delay).T.reshape(layer.P.shape))
            layer.SIG.fill_(width - 0.27)
        layer.SIG.requires_grad_(False)
        trained += [layer.weight, layer.P]
        made.append(partial(_convolved, layer))
    return made, trained, importlib.metadata.version("DCLS")


def _conv(parameters: list[Any], width: float) -> Built:
    """A dense convolution with the kernels that weights and delays make, in plain torch."""
    import torch

    steps = torch.arange(LONGEST, -1, -1.0)

    def connect(weight: Any, delay: Any, x: Any) -> Any:
        taps = torch.exp(-((steps - delay.T.unsqueeze(-1)) ** 2) / (2.0 * width**2))
        kernel = weight.T.unsqueeze(-1) * (taps / (taps.sum(-1, keepdim=True) + 1e-7))
        return torch.nn.functional.conv1d(_padded(x), kernel).permute(2, 0, 1)

    trained = [value for pair in parameters for value in pair]
    return [partial(connect, *pair) for pair in parameters], trained, str(torch.__version__)


def _current(layer: Any, x: Any) -> Any:
    return layer(x)[0]


def _convolved(layer: Any, x: Any) -> Any:
    return layer(_padded(x)).permute(2, 0, 1)


def _padded(x: Any) -> Any:
    """(time, batch, n) as (batch, n, time) with silence before it."""
    import torch

    return torch.nn.functional.pad(x.permute(1, 2, 0), (LONGEST, 0))
