"""Depressing and facilitating synapses: what a train of spikes does to the membrane.

The three panels of figure 1 of Tsodyks, Pawelzik & Markram 1998 (doi:10.1162/089976698300017502).
"""

import matplotlib.pyplot as plt
import numpy as np

import synfire as sf

PANELS = {  # tau_mem (ms), R (MOhm), A (nA), rule, rate (Hz), end of the train (ms)
    "depressing, 20 Hz": (40.0, 100.0, 0.25, sf.TsodyksMarkram(utilisation=0.6, tau_rec=800.0, tau_in=3.0), 20.0, 1100.0),
    "facilitating, 20 Hz": (
        60.0, 1000.0, 1.54, sf.TsodyksMarkram(utilisation=0.03, tau_rec=130.0, tau_fac=530.0, tau_in=1.5), 20.0, 1100.0,
    ),
    "facilitating, 70 Hz": (
        60.0, 1000.0, 1.54, sf.TsodyksMarkram(utilisation=0.03, tau_rec=130.0, tau_fac=530.0, tau_in=1.5), 70.0, 375.0,
    ),
}  # fmt: skip

figure, axes = plt.subplots(1, 3, figsize=(11, 3.2), layout="constrained")
for axis, (name, (tau_m, r_m, strength, rule, rate, end)) in zip(axes, PANELS.items(), strict=True):
    net = sf.Network(dt=0.1)
    train = np.arange(100.0, end, 1e3 / rate)
    source = net.population(1, sf.SpikeList(times=train, neurons=np.zeros(len(train), int)))
    cell = net.population(1, sf.LIF(tau_m=tau_m, r_m=r_m, v_rest=0.0, v_reset=-1.0, v_threshold=1e6))
    synapse = sf.Exponential(tau_syn=rule.tau_in)
    net.connect(source, cell, sf.OneToOne(), weight=strength, synapse=synapse, plasticity=rule)
    trace = net.run(end + 200.0, record=[sf.Trace(cell, "v")], progress=False).trace(cell, "v")
    v = trace.values[:, 0]
    peaks = [v[round(a / 0.1) : round(min(a + 1e3 / rate, end + 100.0) / 0.1)].max() for a in train]
    print(f"{name}: peaks {peaks[0]:.3f}, {peaks[1]:.3f}, {peaks[2]:.3f} ... {peaks[-1]:.3f} mV")
    axis.plot(trace.times, v, color="C0")
    axis.set(title=name, xlabel="time (ms)", ylabel="potential (mV)")
figure.savefig("short_term.png", dpi=150)
