"""How long a network of the experiment `meta-neurons` takes for one sample, with complexity as its readout."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..neurons import complexity
from .complexity import NearestMean
from .digits_baselines import one_torch_thread
from .meta_neuron_learners import Setting, backprop
from .meta_neuron_tasks import sets

__all__ = ["latency"]

WARM = 100  # calls before those that count
NEURONS = 64  # a layer


def latency(neuron: str, calls: int, seed: int) -> NDArray[np.float64]:
    """Milliseconds of each call: a train of 1 s through two layers of 64 neurons, complexity of each output, the answer.

    On one thread; the network is trained for one epoch, so that it is about as active as those of the grid.
    """
    config: Any = SimpleNamespace(train_size=100, validation_size=10, test_size=50, epochs=1, batch=50)
    given = sets("standard", config, seed)
    with one_torch_thread():
        learnt = backprop(neuron, False, Setting(NEURONS, 0.01), given.train, given.classes, config, seed)
        readout = NearestMean().fit(complexity(learnt.respond(given.train).spikes), given.train.target)
        singles = [torch.from_numpy(given.test.spikes[:, [k]]).float() for k in range(given.test.spikes.shape[1])]
        taken = np.empty(calls)
        with torch.inference_mode():
            for k in range(-WARM, calls):
                x = singles[k % len(singles)]
                began = time.perf_counter()
                readout.predict(complexity(learnt.network(x)[0].numpy().astype(np.uint8)))
                if k >= 0:
                    taken[k] = 1e3 * (time.perf_counter() - began)
    return taken
