"""One neuron model, eight firing patterns: constant currents into the neurons of Naud et al. 2008.

doi:10.1007/s00422-008-0264-7; the equations are those of Brette & Gerstner 2005, doi:10.1152/jn.00686.2005.
"""

import matplotlib.pyplot as plt
import numpy as np

import synfire as sf

CURRENTS = {
    "tonic": 500.0, "adapting": 500.0, "initial_burst": 400.0, "regular_bursting": 210.0,
    "delayed_accelerating": 300.0, "delayed_regular_bursting": 110.0, "transient": 180.0, "irregular": 160.0,
}  # fmt: skip

figure, axes = plt.subplots(4, 2, figsize=(9, 8), sharex=True, layout="constrained")
for axis, (name, current) in zip(axes.flat, CURRENTS.items(), strict=True):
    net = sf.Network(dt=0.1)
    cell = net.population(1, getattr(sf.AdEx, name)())
    net.drive(cell, sf.Current(amplitude=current))
    result = net.run(600.0, record=[sf.Spikes(cell), sf.Trace(cell, "v")], progress=False)
    trace, spikes = result.trace(cell, "v"), result.spikes(cell).times
    v = np.minimum(trace.values[:, 0], 0.0)
    axis.plot(trace.times, v, linewidth=0.7)
    axis.set(title=f"{name.replace('_', ' ')}, {len(spikes)} spikes", ylim=(-80.0, 5.0))
    print(f"{name}: {len(spikes)} spikes, the first at {spikes[0]:.1f} ms")
for axis in axes[-1]:
    axis.set_xlabel("time (ms)")
figure.savefig("adex_patterns.png", dpi=150)
