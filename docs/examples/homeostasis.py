"""Two ways to keep a neuron from firing too much: inhibition that learns, and a threshold that rises.

Left: inhibitory synapses grow until a driven neuron fires at the rate that the rule is given (Vogels et al. 2011,
doi:10.1126/science.1211095). Right: every spike raises the threshold (Diehl & Cook 2015, doi:10.3389/fncom.2015.00099),
and weights that grow by Oja's rule are kept at a sum.
"""

import matplotlib.pyplot as plt
import numpy as np

import synfire as sf

SECONDS, TARGET = 40, 8.0


def rates(result, cells):
    return np.histogram(result.spikes(cells).times, bins=np.arange(0, SECONDS * 1000 + 1, 1000))[0] / len(cells)


net = sf.Network(dt=0.1, seed=1)
cells = net.population(20, sf.COBA(), initial={"v": sf.uniform(-60.0, -50.0)})
brake = net.population(100, sf.Poisson(rate=15.0))
net.drive(cells, sf.PoissonInput(rate=10.0, n=150, weight=0.8, synapse=sf.Conductance(tau_syn=5.0)))
(learnt,) = net.connect(
    brake, cells, sf.AllToAll(), weight=0.0, delay=1.0, synapse=sf.Conductance(tau_syn=10.0, e_reversal=-80.0),
    plasticity=sf.InhibitorySTDP(rate=TARGET, learning_rate=0.02, bounds=sf.HardBounds(high=10.0)),
)  # fmt: skip
balanced = net.run(SECONDS * 1000.0, record=[sf.Spikes(cells)], progress=False)

net = sf.Network(dt=0.5, seed=2)
inputs = net.population(100, sf.Poisson(rate=20.0))
adaptive = net.population(20, sf.AdaptiveCOBA(c_m=100.0, g_leak=5.0, theta_plus=0.05, tau_theta=1e5))
(grown,) = net.connect(
    inputs, adaptive, sf.AllToAll(), weight=sf.uniform(0.0, 0.6), synapse=sf.Conductance(tau_syn=2.0),
    plasticity=sf.Oja(learning_rate=1e-5),
)  # fmt: skip
net.normalise(grown, total=40.0, every=500.0)
adapted = net.run(SECONDS * 1000.0, record=[sf.Spikes(adaptive)], progress=False)
sums = np.bincount(grown.post, adapted.weights(grown))
print(f"inhibition: {rates(balanced, cells)[0]:.1f} Hz at first, {rates(balanced, cells)[-5:].mean():.1f} Hz at last")
print(f"threshold: {rates(adapted, adaptive)[0]:.1f} Hz at first, {rates(adapted, adaptive)[-1]:.1f} Hz at last")
print(f"sums of weights: {sums.min():.3f} to {sums.max():.3f}")

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
left.plot(np.arange(SECONDS) + 0.5, rates(balanced, cells))
left.axhline(TARGET, color="grey", linestyle=":")
left.set(xlabel="time (s)", ylabel="rate (Hz)", title="inhibition that learns")
right.plot(np.arange(SECONDS) + 0.5, rates(adapted, adaptive), color="C1")
right.set(xlabel="time (s)", title="a threshold that rises")
for axis in (left, right):
    axis.set_ylim(0)
figure.savefig("homeostasis.png", dpi=150)
