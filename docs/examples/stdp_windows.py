"""Four rules, one protocol: how far a synapse changes with the lag between spikes, and with their frequency.

Left: pairs at 1 Hz, 60 of them, under three bounds of the weight (Morrison, Diesmann & Gerstner 2008,
doi:10.1007/s00422-008-0233-1). Right: triplets make a pair of +10 or -10 ms potentiate at high frequency whatever its order
(Pfister & Gerstner 2006, doi:10.1523/JNEUROSCI.1425-06.2006), pairs alone do not.
"""

import matplotlib.pyplot as plt
import numpy as np

import synfire as sf


def change(rule, lag, frequency, start=0.5, pairs=60):
    """Of one weight, by `pairs` of a presynaptic spike and one `lag` ms later."""
    net = sf.Network(dt=0.1)
    first = 200.0 + np.arange(pairs) * round(1e4 / frequency) / 10.0
    pre = net.population(1, sf.SpikeList(times=first, neurons=np.zeros(pairs, int)))
    kick = net.population(1, sf.SpikeList(times=first + lag - 0.1, neurons=np.zeros(pairs, int)))  # fires a step later
    post = net.population(1, sf.LIF())
    net.connect(kick, post, sf.OneToOne(), weight=1000.0)
    options = {"synapse": sf.Exponential(tau_syn=1.0), "plasticity": rule}
    (synapse,) = net.connect(pre, post, sf.OneToOne(), weight=start, **options)
    return net.run(first[-1] + 500.0, progress=False).weights(synapse)[0] - start


size = {"potentiation": 0.005, "depression": 0.00525}
rules = {
    "hard bounds": sf.STDP(bounds=sf.HardBounds(), **size),
    "soft bounds": sf.STDP(bounds=sf.SoftBounds(), **size),
    "power 0.2": sf.STDP(bounds=sf.PowerBounds(mu=0.2), **size),
    "nearest pairs": sf.STDP(bounds=sf.HardBounds(), pairing=sf.NearestPair(), **size),
}
lags = np.array([-80, -50, -30, -20, -10, -5, -2, 2, 5, 10, 20, 30, 50, 80])
frequencies = np.array([0.1, 5.0, 10.0, 20.0, 30.0, 40.0, 50.0])
triplet = sf.TripletSTDP(bounds=sf.Unbounded(), pairing=sf.EveryPair())
pair = sf.STDP(tau_plus=16.8, tau_minus=33.7, potentiation=5e-3, depression=7e-3, bounds=sf.Unbounded())

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for name, rule in rules.items():
    left.plot(lags, [change(rule, lag, 1.0) for lag in lags], ".-", label=name)
left.set(xlabel="post minus pre (ms)", ylabel="change of the weight", title="60 pairs at 1 Hz")
for rule, name, style in ((triplet, "triplets", "-"), (pair, "pairs", ":")):
    for lag, colour in ((10.0, "C3"), (-10.0, "C0")):
        curve = [change(rule, lag, f, start=0.0) for f in frequencies]
        right.plot(frequencies, curve, style, color=colour, label=f"{name}, {lag:+.0f} ms")
        if name == "triplets":
            print(f"{lag:+.0f} ms: " + ", ".join(f"{f:g} Hz {x:+.3f}" for f, x in zip(frequencies, curve, strict=True)))
right.set(xlabel="frequency of pairs (Hz)", title="60 pairs")
for axis in (left, right):
    axis.axhline(0.0, color="grey", linewidth=0.5)
    axis.legend(frameon=False, fontsize=8)
figure.savefig("stdp_windows.png", dpi=150)
