"""How fast a leaky integrate-and-fire neuron fires under a constant current, simulated and on paper.

Gerstner, Kistler, Naud & Paninski 2014, Neuronal Dynamics, section 1.3, doi:10.1017/CBO9781107447615

From reset, v rises towards v_rest + r_m I and meets the threshold after T = tau_m ln((v_inf - v_reset)/(v_inf -
v_threshold)), so the rate is 1/(T + t_refractory). A population is a sweep here: every neuron has a current of its own.
On the grid an interval can differ by one dt, which at 130 Hz is a rate of 1.7 Hz.
"""

import sys

import numpy as np
from matplotlib.figure import Figure

import synfire as sf

model = sf.LIF(tau_m=20.0, r_m=10.0, v_rest=-65.0, v_reset=-65.0, v_threshold=-50.0, t_refractory=2.0)
currents = np.linspace(1.0, 6.0, 101)  # nA
seconds = 5.0

net = sf.Network(dt=0.1)
cells = net.population(len(currents), model)
net.drive(cells, sf.Current(amplitude=currents))
result = net.run(seconds * 1e3, record=[sf.Spikes(cells)])
simulated = np.bincount(result.spikes(cells).neurons, minlength=len(currents)) / seconds

above = model.r_m * currents > model.v_threshold - model.v_rest
v_inf = model.v_rest + model.r_m * currents[above]
interval = model.t_refractory + model.tau_m * np.log((v_inf - model.v_reset) / (v_inf - model.v_threshold))
expected = np.zeros(len(currents))
expected[above] = 1e3 / interval
print(f"largest difference: {np.abs(simulated - expected).max():.2f} Hz")

with sf.plot.style():
    figure = Figure(figsize=(5.0, 3.4), layout="constrained")
    axes = figure.subplots()
    axes.plot(currents, expected, color="0.6", linewidth=3.0, label="on paper")
    axes.plot(currents, simulated, ".", markersize=4.0, label="simulated, dt = 0.1 ms")
    axes.set_xlabel("current (nA)")
    axes.set_ylabel("rate (Hz)")
    axes.legend()
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "lif_rate.png")
