"""Train by gradients, run by events: digits as single spikes, through a network of LIF neurons that learned to read them.

Neftci, Mostafa & Zenke 2019, doi:10.1109/MSP.2019.2931595 (surrogate gradients); Thorpe, Delorme & Van Rullen 2001,
doi:10.1016/S0893-6080(01)00083-1 (one spike a pixel, the brighter the earlier)

The event loop fires the very spikes that torch does, in double precision; a file of the network gives the same again.
"""

import tempfile
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

import synfire as sf

torch.set_num_threads(1)
STEPS = 25
images, labels = load_digits(return_X_y=True)
spikes = np.zeros((STEPS, len(images), 64), np.float32)
for k, image in enumerate(images / 16.0):
    code = sf.encode_latency(image, duration=STEPS - 5.0, threshold=0.05)
    spikes[code.times.astype(int), k, code.neurons] = 1.0
x, target = torch.from_numpy(spikes), torch.from_numpy(labels)

network = sf.feedforward([64, 100, 10], neuron=sf.LIF(tau_m=10.0), tau_readout=10.0, seed=1)
fitted = sf.fit(
    network, sf.BPTT(), (x[:, :1400], target[:1400]), (x[:, 1400:], target[1400:]),
    epochs=8, batch=64, optimisers=sf.adam(3e-3), seed=1, progress=False,
)  # fmt: skip
print(
    f"{100 * fitted.history.test_accuracy[-1]:.1f} % of 397 unseen digits read after {len(fitted.history.seconds)} epochs"
)

trained = fitted.network.double()
with tempfile.TemporaryDirectory() as folder:
    again = sf.load_network(sf.save_network(trained, Path(folder) / "digits.safetensors"))
shown = [1400 + int(np.flatnonzero(labels[1400:] == digit)[0]) for digit in (0, 3, 7)]
figure = Figure(figsize=(11, 6), layout="constrained")
axes = figure.subplots(3, len(shown), sharex=True, sharey="row", height_ratios=[1, 2, 1])
for column, k in enumerate(shown):
    sample = x[:, k : k + 1].double()
    expected = again.activity(sample)
    event = sf.event_network(trained, sample[:, 0])
    hidden, membranes = event.activity(event.run()).values()
    assert np.array_equal(hidden, expected[1][:, 0].numpy())
    assert np.allclose(membranes, expected[3][:, 0].numpy(), rtol=1e-9, atol=1e-9)
    answer = int(again.scores(sample).argmax())
    print(f"a {labels[k]}: {int(sample.sum())} spikes in, {hidden.sum()} in between, read as {answer}")
    for axis, fired in zip(axes[:2, column], (sample[:, 0].numpy(), hidden), strict=True):
        axis.plot(*np.nonzero(fired), ".", color="black", markersize=3)
    axes[2, column].plot(membranes, color="0.8", linewidth=0.8)
    axes[2, column].plot(membranes[:, answer], color="C3", label=str(answer))
    axes[2, column].legend(frameon=False)
    axes[0, column].set_title(f"a {labels[k]}")
    axes[2, column].set_xlabel("time (ms)")
for axis, name in zip(axes[:, 0], ("pixel", "hidden neuron", "output (mV)"), strict=True):
    axis.set_ylabel(name)
figure.savefig("train_then_simulate.png", dpi=150)
