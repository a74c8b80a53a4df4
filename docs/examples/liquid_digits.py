"""Handwritten digits through a liquid of spiking neurons: two codes, two ways of training the readout.

Maass, Natschlaeger & Markram 2002, doi:10.1162/089976602760407955 (the liquid); Thorpe, Delorme & Van Rullen 2001,
doi:10.1016/S0893-6080(01)00083-1 (one spike a pixel, the brighter the earlier)

A small version of `synfire run digits`: 400 digits of 8 x 8 pixels, half of them to learn from, and one seed, so an
accuracy is good to about three points.
"""

import sys

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

import synfire as sf

images, labels = load_digits(return_X_y=True)
images, labels = images[:400] / 16.0, labels[:400]
targets = np.where(labels[:, None] == np.arange(10), 1.0, -1.0)
train, test = slice(0, 200), slice(200, 400)

liquid = sf.Reservoir(inputs=64, n=200, seed=1)
codes = {
    "latency": [sf.encode_latency(x, duration=20.0, threshold=0.05) for x in images],
    "rate": [sf.encode_rate(x, duration=20.0, max_rate=150.0, seed=1, sample=k) for k, x in enumerate(images)],
}


def standardised(features):
    """By the mean and spread of the training half; a constant 1 at the end."""
    mean, std = features[train].mean(axis=0), features[train].std(axis=0)
    return np.column_stack([(features - mean) / np.maximum(std, 0.05), np.ones(len(features))])


def accuracy(weight, features):
    return 100.0 * float(np.mean(np.argmax(features[test] @ weight.T, axis=1) == labels[test]))


scores = {}
for code, samples in codes.items():
    state = liquid.states(samples)  # a LiquidState: traces at three moments, and rates
    for name, raw in (
        ("liquid", state.trace.reshape(len(samples), -1)),
        ("input spikes alone", liquid.input_features(samples)),
    ):
        x = standardised(raw)
        local = sf.ThreeFactor(learning_rate=0.1 / x.shape[1])
        online = sf.learn_online(local, x[train], targets[train], attention=np.linspace(1.0, 0.1, 20), seed=1)[-1]
        batch = sf.ridge(x[train], targets[train], penalty=30.0)
        scores[code, name] = accuracy(online, x), accuracy(batch, x)
        print(f"{code:8} {name:19} three-factor {scores[code, name][0]:.1f} %, ridge {scores[code, name][1]:.1f} %")
    print(f"{code:8} the core fires at {state.rate.mean():.0f} Hz")

one = liquid.respond(codes["latency"][0])
seen = sf.filtered_spikes(one.times, one.neurons, liquid.n, duration=liquid.duration, windows=45, tau_trace=30.0)
with sf.plot.style():
    figure = Figure(figsize=(9.6, 3.4), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    left.plot(one.times, one.neurons, ".", markersize=2.0)
    left.set(xlabel="time (ms)", ylabel="neuron", title=f"spikes for a {labels[0]}")
    middle.plot(np.arange(1, 46), seen[:, :5])
    middle.set(xlabel="time (ms)", ylabel="trace", title="five of them, filtered")
    for shift, label in ((0.2, "three-factor"), (-0.2, "ridge")):
        values = [pair[label == "ridge"] for pair in scores.values()]
        right.barh(np.arange(len(scores)) + shift, values, height=0.4, label=label)
    right.set_yticks(range(len(scores)), [", ".join(key) for key in scores])
    right.set(xlabel="accuracy (%)", xlim=(0.0, 100.0))
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower right", ncols=2)
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "liquid_digits.png")
