"""A thousand spontaneously active cortical neurons: the network of the paper's figure 3.

Izhikevich 2003, Simple model of spiking neurons, IEEE Trans. Neural Networks 14(6), doi:10.1109/TNN.2003.820440

800 excitatory neurons spread from regular spiking to chattering, 200 inhibitory ones from low-threshold to fast spiking,
all connected to all, each kicked by noise at every millisecond. They settle into rhythms of about 8 Hz (alpha), now and
then about 40 Hz (gamma). One deviation: a spike moves v at once, where the paper adds it to the next step's current.
"""

import sys

import synfire as sf

net = sf.Network(dt=1.0, seed=1)
exc = net.population(800, sf.Izhikevich.heterogeneous_excitatory(), name="excitatory")
inh = net.population(200, sf.Izhikevich.heterogeneous_inhibitory(), name="inhibitory")
net.connect(exc, [exc, inh], sf.AllToAll(), weight=sf.uniform(0.0, 0.5), delay=0.0)
net.connect(inh, [exc, inh], sf.AllToAll(), weight=sf.uniform(-1.0, 0.0), delay=0.0)
net.drive(exc, sf.GaussianNoise(std=5.0))
net.drive(inh, sf.GaussianNoise(std=2.0))

result = net.run(1000.0, record=[sf.Spikes(exc), sf.Spikes(inh)])

for population in (exc, inh):
    print(f"{population.name}: {len(result.spikes(population).times) / len(population):.1f} Hz")
sf.plot.raster(result).savefig(sys.argv[1] if len(sys.argv) > 1 else "izhikevich_2003.png")
