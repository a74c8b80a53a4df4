"""The workload `rule-training`: an epoch of learning by a rule of credit assignment, against plain backpropagation in torch.

The network is the one of counter-current learning on Fashion-MNIST, 784-256-256-256-256-256-10 without biases, in batches of 256;
the images are random bytes, normalised batch by batch, as many as are trained on there. Synfire trains as a user would: by `fit`,
with gradients clipped, and OpenMP's threads left to spin as they do by default; torch by the shortest loop that does the same by
backpropagation, without clipping.
"""

from __future__ import annotations

import os
import statistics
import time
from itertools import pairwise
from typing import Any

import numpy as np

from .workload import Run, Workload

__all__ = ["workload"]

SIZES, BATCH, IMAGES = (784, 256, 256, 256, 256, 256, 10), 256, 54_000
MEAN, STD = 0.2860, 0.3530
EPOCHS = 4  # the first compiles, and is not counted
RATE = 0.1


def workload(argument: str) -> Workload:
    """The argument is a contender's name."""
    simulators: dict[str, Any] = {
        "synfire": lambda cache, images: _ours(argument, 1, images, cache),
        "synfire-2threads": lambda cache, images: _ours(argument, 2, images, cache),
        "torch": lambda cache, images: _torchs(1, images),
        "torch-2threads": lambda cache, images: _torchs(2, images),
    }
    sizes = "-".join(map(str, SIZES))
    summary = f"{argument} against torch's backprop: {sizes}, batch {BATCH}; run is an epoch of {IMAGES:,} images"
    return Workload(summary, IMAGES * 1e-3, simulators, None)  # an image counts as a millisecond


def _images(n: int) -> tuple[Any, Any]:
    draw = np.random.default_rng(0)
    return draw.integers(0, 256, (n, 28, 28), dtype=np.uint8), draw.integers(0, SIZES[-1], n)


def _ours(name: str, threads: int, images: int, cache: str | None) -> Run:
    if cache is not None:
        os.environ["SYNFIRE_CACHE"] = cache
    import torch

    from ... import __version__
    from ...reservoirs import fit
    from ..contenders import CONTENDERS
    from ..data import Images

    torch.set_num_threads(threads)
    pixels, labels = _images(images)
    train = Images(images=pixels, labels=labels, mean=MEAN, std=STD)
    contender = CONTENDERS[name]
    trainee = contender.build(SIZES, 0, contender.settings[0])
    imported, after = time.time(), []
    fitted = fit(
        trainee.network, trainee.rule, train, epochs=EPOCHS, batch=BATCH, optimisers=trainee.optimisers, progress=False,
        observe=lambda epoch, network, state: after.append(time.time()),
    )  # fmt: skip
    return Run(imported, after[1], statistics.median(fitted.history.seconds[1:]), None, 0.0, __version__)


def _torchs(threads: int, images: int) -> Run:
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    pixels, labels = (torch.from_numpy(part) for part in _images(images))
    pixels = pixels.flatten(1)
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(SIZES):
        layers += [nn.Linear(n_in, n_out, bias=False), nn.Tanh()]
    network = nn.Sequential(*layers[:-1])
    optimiser = torch.optim.SGD(network.parameters(), lr=RATE)
    imported, seconds, finished = time.time(), [], 0.0
    for epoch in range(EPOCHS):
        began = time.perf_counter()
        order = torch.randperm(images, generator=torch.Generator().manual_seed(epoch))
        for chosen in torch.split(order, BATCH):
            x = pixels[chosen].float().div_(255.0).sub_(MEAN).div_(STD)
            optimiser.zero_grad()
            loss = nn.functional.cross_entropy(network(x), labels[chosen])
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        seconds.append(time.perf_counter() - began)
        finished = finished or time.time()
    return Run(imported, finished, statistics.median(seconds[1:]), None, 0.0, torch.__version__)
