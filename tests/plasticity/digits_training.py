"""What tests of learning share: scikit-learn's digits, networks of rate neurons, and their accuracy after a short training."""

import functools

import numpy as np
import torch
from sklearn.datasets import load_digits

import synfire as sf


@functools.cache
def digits():
    """((x, target) to train, (x, target) to test): 1400 and 397 images of 8 x 8, pixels 0 to 1, as sequences of one step."""
    bundled = load_digits()
    x, target = torch.from_numpy(bundled.data / 16.0).float()[None], torch.from_numpy(bundled.target)
    order = np.random.default_rng(0).permutation(1797)
    return tuple((x[:, part], target[part]) for part in (order[:1400], order[1400:]))


def accuracy(rule, network, optimisers, epochs=3):
    train, test = digits()
    fitted = sf.fit(network, rule, train, epochs=epochs, batch=32, optimisers=optimisers, progress=False)
    return sf.evaluate(fitted.network, test)[1]


def readout_alone(network):
    """The network with all layers but the last held as they are."""
    for layer in list(network.layers)[:-1]:
        layer.requires_grad_(False)
    return network
