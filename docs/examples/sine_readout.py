"""A readout learns to draw sines from the spikes of a reservoir, with a rule that needs nothing but what it has at hand.

The task is that of Nicola & Clopath 2017, Nature Communications, doi:10.1038/s41467-017-01827-3; the rule is the
three-factor rule of Yamada & Chao, arXiv 2510.14382: presynaptic trace x error x attention.

The reservoir hears a clock, one pattern of currents after the other, that starts again every second. The readout is
taught for four seconds (attention 1), left alone for one (attention 0), and so on: what it says when nobody corrects it
is what it has learnt.
"""

import sys

import numpy as np
from matplotlib.figure import Figure

import synfire as sf

PERIOD, PERIODS, PATTERNS = 1000, 40, 20  # ms, seconds, patterns a second

net = sf.Network(dt=0.5, seed=4)
exc = net.population(400, sf.Izhikevich.heterogeneous_excitatory(), name="excitatory")
inh = net.population(100, sf.Izhikevich.heterogeneous_inhibitory(), name="inhibitory")
fast = sf.Exponential(tau_syn=5.0)
net.connect(exc, [exc, inh], p=0.1, weight=sf.uniform(0.0, 0.3), delay=sf.uniform(1.0, 10.0), synapse=fast)
net.connect(inh, [exc, inh], p=0.1, weight=sf.uniform(-1.0, 0.0), delay=1.0, synapse=fast)

ms = np.arange(PERIOD * PERIODS)
clock = (ms[:, None] % PERIOD * PATTERNS // PERIOD == np.arange(PATTERNS)).astype(float)  # one row per ms
net.drive(exc, sf.Waveform(values=clock, weight=np.random.default_rng(4).normal(0.0, 5.0, (PATTERNS, len(exc)))))
net.drive(exc, sf.Current(amplitude=3.0))

t = ms / PERIOD
target = np.stack([np.sin(2.0 * np.pi * t), np.sin(4.0 * np.pi * t)], axis=1)
alone = ms // PERIOD % 5 == 4
attention = np.where(alone, 0.0, 1.0)[:, None].repeat(2, axis=1)
readout = net.readout([exc, inh], 2, sf.ThreeFactor(learning_rate=3e-4), tau_trace=30.0, mean=0.4, std=0.5)
result = net.run(PERIOD * PERIODS, teach={readout: sf.Teaching(target, attention)})

prediction = result.outputs[0]
squared = ((prediction - target) ** 2).mean(axis=1)
seconds = np.arange(4, PERIODS, 5)
errors = np.array([np.sqrt(squared[second * PERIOD : (second + 1) * PERIOD].mean()) for second in seconds])
for second, error in zip(seconds, errors, strict=True):
    print(f"after {second + 1 - (second + 1) // 5:2} taught seconds: root mean square error {error:.2f}")

with sf.plot.style():
    figure = Figure(figsize=(8.0, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(seconds + 1, errors, "o-", markersize=4.0)
    left.axhline(np.sqrt(0.5), color="0.6", linestyle="--")
    left.annotate("a readout that says 0", (1.0, np.sqrt(0.5)), xytext=(0, 4), textcoords="offset points", color="0.4")
    left.set_ylim(0.0, 0.8)
    left.set_xlim(0.0, PERIODS + 1)
    left.set_xlabel("time (s)")
    left.set_ylabel("error in the seconds left alone")
    rows = slice((PERIODS - 1) * PERIOD, None)
    for channel, name in enumerate(("1 Hz", "2 Hz")):
        right.plot(t[rows], target[rows, channel] - 3 * channel, color="0.75", linewidth=4.0)
        right.plot(t[rows], prediction[rows, channel] - 3 * channel, label=name)
    right.set_yticks([0, -3], ["1 Hz", "2 Hz"])
    right.set_xlabel("time (s)")
    right.set_title("the last second, alone; grey: what was taught")
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "sine_readout.png")
