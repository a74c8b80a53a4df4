"""Two networks teach each other to name digits, without an error that runs backward: counter-current learning.

Kao & Hariharan 2024, Counter-Current Learning, arXiv:2409.19841. Left: how well it does beside backprop, and with the second
network frozen. Right: the weights of the two networks, drawn apart, become alike. scikit-learn's digits; a small network.
"""

import numpy as np
import torch
from matplotlib import pyplot
from sklearn.datasets import load_digits

import synfire as sf

EPOCHS = 15
SIZES = [64, 48, 48, 48, 10]

torch.set_num_threads(1)
digits = load_digits()
order = np.random.default_rng(0).permutation(len(digits.target))
x = torch.as_tensor((digits.data[order] / 8.0 - 1.0)[None], dtype=torch.float32)  # (1 step, sample, pixel)
y = torch.as_tensor(digits.target[order])
train, test = (x[:, :1300], y[:1300]), (x[:, 1300:], y[1300:])

cosines = []


def alike(epoch, network, stream):
    """The cosine of each layer's weights and those that lead back over the same step."""
    ahead = [layer.weight for layer in network.layers if isinstance(layer, sf.Dense)]
    back = [layer.weight for layer in stream.layers if isinstance(layer, sf.Dense)][::-1]
    with torch.no_grad():
        pairs = zip(ahead, back, strict=True)
        cosines.append([float(torch.cosine_similarity(u.flatten(), v.T.flatten(), dim=0)) for u, v in pairs])


def learn(rule, activation, optimisers, observe=None):
    network = sf.perceptron(SIZES, activation=activation, seed=0)
    chained = sf.chain(rule, sf.Clip(1.0))
    return sf.fit(network, chained, train, test, epochs=EPOCHS, batch=32, optimisers=optimisers, observe=observe).history


streams = sf.CounterCurrent(feedback=sf.Mirror(seed=1))
curves = {
    "backprop": learn(sf.BPTT(), sf.Tanh(), sf.sgd(0.2)),
    "counter-current": learn(streams, sf.Elu(), sf.sgd(0.6), lambda epoch, network, state: alike(epoch, network, state[0])),
    "second network frozen": learn(streams, sf.Elu(), sf.sgd(0.6, rule_learning_rate=0.0)),
}

with sf.plot.style():
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(8.0, 3.2), layout="constrained")
    for name, history in curves.items():
        left.plot(range(1, EPOCHS + 1), 100.0 * history.test_accuracy, label=name)
        print(f"{name}: {100.0 * history.test_accuracy[-1]:.1f} % of the test digits")
    left.set_xlabel("epoch")
    left.set_ylabel("test accuracy (%)")
    left.legend()
    for layer, course in enumerate(np.transpose(cosines), start=1):
        right.plot(course, label=f"layer {layer}")
    right.set_xlabel("epochs done")
    right.set_ylabel("cosine of the weights, there and back")
    right.legend()
    figure.savefig("counter_current.png")
