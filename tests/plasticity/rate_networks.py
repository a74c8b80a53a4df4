"""What the tests of rules on rate networks share: small networks and batches in float64, and backpropagation written out."""

import numpy as np
import torch

import synfire as sf
from synfire.neurons.dense import Conv, Dense
from synfire.neurons.maps import MaxPool
from synfire.neurons.normalise import BatchNorm, Dropout, Flatten
from synfire.neurons.rate import Rate

SIZES = [5, 7, 6, 3]


def tanh_network(gains=(0.7, 1.3, 0.9)):
    """Three layers of connections with biases and gains, all of which a rule has to get right."""
    layers = []
    for k, gain in enumerate(gains):
        layers.append(Dense(SIZES[k], SIZES[k + 1], bias=True, gain=gain, seed=k))
        torch.nn.init.normal_(layers[-1].bias, std=0.3, generator=torch.Generator().manual_seed(k))
        layers.append(Rate(sf.Tanh()))
    return sf.Feedforward(layers[:-1]).double()


def rate_batch(samples=8, shape=(5,), classes=3):
    x = torch.randn((1, samples, *shape), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return sf.Batch(x, torch.arange(samples) % classes)


def map_network(*, two=True, drop=0.0):
    """One or two convolutional blocks with pooling and a readout, for maps (2, 9, 9)."""
    layers = [Conv(2, 3, 3, padding=1, bias=True, gain=1.2, seed=1), Rate(sf.Elu()), MaxPool(2)]
    if two:
        layers += [Conv(3, 4, 3, stride=2, gain=0.8, seed=2), Rate(sf.Tanh())]
    n = 4 if two else 48
    return sf.Feedforward([*layers, Flatten(), BatchNorm(n), Dropout(drop), Dense(n, 3, gain=0.5, seed=3)]).double()


def by_hand(network, batch, below):
    """Gradients of `tanh_network` by the chain rule in NumPy.

    below(l, current_error, error, one_hot) gives dL/dh of hidden layer l (0, 1), where current_error is dL/dcurrent of the
    layer above it and error that of the output, both (batch, units).
    """
    connections = [layer for layer in network.layers if isinstance(layer, Dense)]
    weights, biases = ([getattr(c, name).detach().numpy() for c in connections] for name in ("weight", "bias"))
    gains, activity = [c.gain for c in connections], [batch.x[0].numpy()]
    for w, b, gain in zip(weights, biases, gains, strict=True):
        current = gain * (activity[-1] @ w + b)
        activity.append(np.tanh(current))
    one_hot = np.eye(3)[batch.target.numpy()]
    share = np.exp(current) / np.exp(current).sum(1, keepdims=True)
    found = {}
    now = error = (share - one_hot) / len(one_hot)
    for k in (2, 1, 0):
        if k < 2:
            now = below(k, now, error, one_hot) * (1.0 - activity[k + 1] ** 2)
        found[f"layers.{2 * k}.weight"] = torch.from_numpy(gains[k] * activity[k].T @ now)
        found[f"layers.{2 * k}.bias"] = torch.from_numpy(gains[k] * now.sum(0))
    return {name: found[name] for name, _ in network.named_parameters()}


def clusters(samples=300, n=20, classes=5):
    """Noisy copies of random patterns, one for each class: a task that needs little time."""
    draw = torch.Generator().manual_seed(3)
    centres = torch.randn((classes, n), generator=draw)
    target = torch.arange(samples) % classes
    return sf.Batch((centres[target] + 0.7 * torch.randn((samples, n), generator=draw))[None], target)
