"""A run that writes its spikes to disk while it goes on, is stopped, and continues as if it had not been.

The network is the current-based benchmark of Brette et al. 2007, J. Computational Neuroscience 23,
doi:10.1007/s10827-007-0038-6 (benchmark 2, after Vogels & Abbott 2005), with 1,000 neurons for 4,000 and in-degrees kept.

`result.state` is everything that the future depends on. Noise is a function of seed, neuron and step, so two halves make
the whole run, spike for spike.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import synfire as sf


def network() -> tuple[sf.Network, sf.Population]:
    """1,000 leaky integrate-and-fire neurons, a fifth of them inhibitory, in balance."""
    net = sf.Network(dt=0.1, seed=7)
    model = sf.LIF(tau_m=20.0, v_rest=-49.0, v_reset=-60.0, v_threshold=-50.0, t_refractory=5.0)
    cells = net.population(1000, model, name="cells", initial={"v": sf.uniform(-60.0, -50.0)})
    # r_m = 1 MOhm: a current in nA is the same number in mV
    net.connect(cells[:800], cells, sf.FixedInDegree(64), weight=1.62, synapse=sf.Exponential(tau_syn=5.0), delay=0.1)
    net.connect(cells[800:], cells, sf.FixedInDegree(16), weight=-9.0, synapse=sf.Exponential(tau_syn=10.0), delay=0.1)
    return net, cells


net, cells = network()
whole = net.run(400.0, record=[sf.Spikes(cells)])

with tempfile.TemporaryDirectory() as folder:
    first = net.run(150.0, record=[sf.Spikes(cells)], stream=str(Path(folder) / "first.h5"))
    first.save(Path(folder) / "run.h5")  # a file that any HDF5 reader opens; spikes in the SONATA layout

    again, same = network()  # another day, another process
    second = again.run(250.0, record=[sf.Spikes(same)], state=first.state)
    times = np.concatenate([first.spikes(cells).times, second.spikes(same).times])
    neurons = np.concatenate([first.spikes(cells).neurons, second.spikes(same).neurons])

assert np.array_equal(times, whole.spikes(cells).times)
assert np.array_equal(neurons, whole.spikes(cells).neurons)
print(f"{len(times)} spikes in one run and in two halves: the same")

with sf.plot.style():
    figure = Figure(figsize=(7.0, 4.5), layout="constrained")
    above, below = figure.subplots(2, sharex=True, height_ratios=[2, 1])
    sf.plot.raster(whole, above)
    sf.plot.rates(whole, below, width=5.0)
    for axes in (above, below):
        axes.axvline(first.stop, color="black", linewidth=1.0, linestyle="--")
    above.set_xlabel("")
    above.set_title("dashed: where the second half took over")
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "stream_and_resume.png")
