"""What one spike does to a membrane through each kind of synapse, simulated and on paper.

Roth & van Rossum 2009, Modeling synapses, doi:10.7551/mitpress/9780262013277.003.0007

Three neurons hear the same two spikes, each through a synapse kind of its own; a list of pairs says who hears whom.
LIF membranes are exact on the grid, whatever dt: dots lie on the curves.
"""

import sys

import numpy as np
from matplotlib.figure import Figure

import synfire as sf

TAU_M, TAU_SYN, TAU_RISE, DT = 20.0, 8.0, 2.0, 0.5
kinds = {
    "Delta, 1 mV": (sf.Delta(), 1.0),
    "Exponential, 0.3 nA": (sf.Exponential(tau_syn=TAU_SYN), 0.3),
    "DoubleExponential, 0.3 nA": (sf.DoubleExponential(tau_rise=TAU_RISE, tau_syn=TAU_SYN), 0.3),
}
spikes = np.array([10.0, 35.0])  # ms

net = sf.Network(dt=DT)
source = net.population(2, sf.SpikeList(times=spikes, neurons=[0, 1]))  # each source neuron fires once
cells = net.population(3, sf.LIF(tau_m=TAU_M, r_m=10.0))
for k, (synapse, weight) in enumerate(kinds.values()):
    net.connect(source, cells, sf.Pairs([0, 1], [k, k]), weight=weight, synapse=synapse)
result = net.run(100.0, record=[sf.Trace(cells, "v")])
times, v, _ = result.trace(cells, "v")


def response(t, tau):
    """Of a membrane with r_m / tau_m = 0.5 mV/(nA ms) to a current of 1 nA that decays with tau; 0 before t = 0."""
    t = np.maximum(t, 0.0)
    return 0.5 * TAU_M * tau / (TAU_M - tau) * (np.exp(-t / TAU_M) - np.exp(-t / tau))


late = times[:, None] - (spikes + DT)  # a spike in the step that starts at 10 ms is felt when that step has ended
slow, fast = 0.3 * response(late, TAU_SYN), 0.3 * response(late, TAU_RISE)
jumps = np.where(late >= 0.0, np.exp(-np.maximum(late, 0.0) / TAU_M), 0.0)
rising = TAU_SYN / (TAU_SYN - TAU_RISE) * (slow - fast)
expected = -65.0 + np.stack([jumps.sum(axis=1), slow.sum(axis=1), rising.sum(axis=1)], axis=1)
print(f"largest difference: {np.abs(v - expected).max():.1e} mV")

with sf.plot.style():
    figure = Figure(figsize=(5.6, 3.4), layout="constrained")
    axes = figure.subplots()
    for k, name in enumerate(kinds):
        axes.plot(times, expected[:, k], color=f"C{k}")
        axes.plot(times[::3], v[::3, k], "o", markersize=3.0, color=f"C{k}", label=name)
    axes.set_xlabel("time (ms)")
    axes.set_ylabel("membrane (mV); lines: on paper")
    axes.legend()
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "synaptic_currents.png")
