"""What tests of target propagation share: small networks of rate neurons, and the rule's definition in NumPy."""

from itertools import pairwise

import numpy as np
import torch

import synfire as sf
from synfire.neurons.dense import Dense


def network_of(*n, activation=None, bias=True, gain=1.0, seed=0):
    """Dense and Rate for each hidden size and a Dense at the end, in float64, with biases that are not 0."""
    draw = torch.Generator().manual_seed(seed)
    layers = []
    for k, (n_in, n_out) in enumerate(pairwise(n)):
        layers += [Dense(n_in, n_out, bias=bias, gain=gain, seed=seed + k), sf.Rate(activation or sf.Tanh())]
        if bias:
            torch.nn.init.normal_(layers[-2].bias, std=0.3, generator=draw)
    return sf.Feedforward(layers[:-1]).double()


def linear(x):
    return x


def batch_of(samples=8, n_in=5, n_out=4, seed=1):
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn((1, samples, n_in), generator=draw, dtype=torch.float64)
    return sf.Batch(x, torch.arange(samples) % n_out)


def in_numpy(network, feedback, batch, step, gain):
    """(loss, gradients) by the definition, sample by sample: forward, targets from the top, each layer towards its own."""
    p = {name: value.detach().numpy() for name, value in network.named_parameters()}
    places = sorted({int(name.split(".")[1]) for name in p})
    back = {name: value.detach().numpy() for name, value in feedback.named_parameters()}
    depth, x, target, total = len(places), batch.x[0].numpy(), batch.target.numpy(), 0.0
    found = {name: np.zeros_like(value) for name, value in p.items()}
    inverse = {f"rule.{name}": np.zeros_like(value) for name, value in back.items()}

    def g(k, h):  # from layer k + 1 to layer k, layers counted from 0 at the bottom
        return np.tanh(h @ back[f"{k}.0.weight"] + back[f"{k}.0.bias"])

    for sample, label in zip(x, target, strict=True):
        h = [sample]
        for k in places:
            h.append(gain * (h[-1] @ p[f"layers.{k}.weight"] + p[f"layers.{k}.bias"]))
            h[-1] = np.tanh(h[-1]) if k != places[-1] else h[-1]
        share = np.exp(h[-1] - h[-1].max())
        share /= share.sum()
        total -= np.log(share[label])
        error = share - np.eye(len(share))[label]
        found[f"layers.{places[-1]}.weight"] += gain * np.outer(h[-2], error)
        found[f"layers.{places[-1]}.bias"] += gain * error
        goal = h[-2] - step * gain * p[f"layers.{places[-1]}.weight"] @ error
        for k in range(depth - 2, -1, -1):
            off = gain * (h[k + 1] - goal) * (1.0 - h[k + 1] ** 2) / step  # the derivative of |h - goal|² / (2 step)
            found[f"layers.{places[k]}.weight"] += np.outer(h[k], off)
            found[f"layers.{places[k]}.bias"] += off
            if k:
                goal = h[k] + g(k - 1, goal) - g(k - 1, h[k + 1])
                made = g(k - 1, h[k + 1])
                off = 2.0 * (made - h[k]) * (1.0 - made**2)
                inverse[f"rule.{k - 1}.0.weight"] += np.outer(h[k + 1], off)
                inverse[f"rule.{k - 1}.0.bias"] += off
    return total / len(x), {name: value / len(x) for name, value in (found | inverse).items()}
