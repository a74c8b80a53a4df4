"""One neuron, twenty firing patterns: figure 1 of Izhikevich 2004, doi:10.1109/TNN.2004.832719.

Some patterns hang on the scheme: v takes one Euler step of dt, then u with the new v. `sf.Izhikevich` moves v in two halves,
by which C, H, P and T get other numbers of spikes and I none; so here it is given a step of our own, whose coefficients
beyond a to d only G, L (class 1) and R (u linear in v) change.
"""

import dataclasses
import sys
from collections import namedtuple

import numpy as np
from matplotlib.figure import Figure

import synfire as sf

State, Halves = (type(x) for x in (sf.Izhikevich().initial_state(), sf.Izhikevich().discretise(1.0)))


class Whole(namedtuple("Whole", "dt a b c d v_threshold slope constant v_u leak")):
    excess, reset, receive = Halves.excess, Halves.reset, Halves.receive

    def integrate(self, state, current):
        v = state.v + self.dt * (0.04 * state.v * state.v + self.slope * state.v + self.constant - state.u + current)
        return State(v, state.u + self.dt * self.a * (self.b * (v - self.v_u) - self.leak * state.u))


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class OneStep(sf.Izhikevich):
    rest: tuple  # slope (1/ms), constant (mV/ms), v_u (mV), leak

    def discretise(self, dt):
        return Whole(dt, self.a, self.b, self.c, self.d, self.v_threshold, *self.rest)


def on(t, *pulses):
    return sum(1.0 * ((t > start) & (t < stop)) for start, stop in pulses)


USUAL, CLASS_1, LINEAR = (5.0, 140.0, 0.0, 1.0), (4.1, 108.0, 0.0, 1.0), (5.0, 140.0, -65.0, 0.0)
PATTERNS = {  # name: a, b, c, d, v at the start, length (ms), dt, current
    "A tonic spiking": (0.02, 0.2, -65, 6, -70, 100, 0.25, lambda t: 14 * (t > 10)),
    "B phasic spiking": (0.02, 0.25, -65, 6, -64, 200, 0.25, lambda t: 0.5 * (t > 20)),
    "C tonic bursting": (0.02, 0.2, -50, 2, -70, 220, 0.25, lambda t: 15 * (t > 22)),
    "D phasic bursting": (0.02, 0.25, -55, 0.05, -64, 200, 0.2, lambda t: 0.6 * (t > 20)),
    "E mixed mode": (0.02, 0.2, -55, 4, -70, 160, 0.25, lambda t: 10 * (t > 16)),
    "F frequency adaptation": (0.01, 0.2, -65, 8, -70, 85, 0.25, lambda t: 30 * (t > 8.5)),
    "G class 1": (0.02, -0.1, -55, 6, -60, 300, 0.25, lambda t: 0.075 * np.maximum(t - 30, 0)),
    "H class 2": (0.2, 0.26, -65, 0, -64, 300, 0.25, lambda t: 0.015 * np.maximum(t - 30, 0) - 0.5),
    "I spike latency": (0.02, 0.2, -65, 6, -70, 100, 0.2, lambda t: 7.04 * on(t, (10, 13))),
    "J oscillation": (0.05, 0.26, -60, 0, -62, 200, 0.25, lambda t: 2 * on(t, (20, 25))),
    "K resonator": (0.1, 0.26, -60, -1, -62, 400, 0.25, lambda t: 0.65 * on(t, (40, 44), (60, 64), (280, 284), (320, 324))),
    "L integrator": (0.02, -0.1, -55, 6, -60, 100, 0.25, lambda t: 9 * on(t, (9.1, 11.1), (14.1, 16.1), (70, 72), (80, 82))),
    "M rebound spike": (0.03, 0.25, -60, 4, -64, 200, 0.2, lambda t: -15 * on(t, (20, 25))),
    "N rebound burst": (0.03, 0.25, -52, 0, -64, 200, 0.2, lambda t: -15 * on(t, (20, 25))),
    "O threshold variability": (0.03, 0.25, -60, 4, -64, 100, 0.25, lambda t: on(t, (10, 15), (80, 85)) - 6 * on(t, (70, 75))),
    "P bistability": (0.1, 0.26, -60, 0, -61, 300, 0.25, lambda t: 0.24 + on(t, (37.5, 42.5), (216, 221))),
    "Q after-potential": (1, 0.2, -60, -21, -70, 50, 0.1, lambda t: 20 * on(t, (9, 11))),
    "R accommodation": (0.02, 1, -55, 4, -65, 400, 0.5, lambda t: t / 25 * (t < 200) + 0.32 * (t - 300) * on(t, (300, 312.5))),
    "S spiking by inhibition": (-0.02, -1, -60, 8, -63.8, 350, 0.5, lambda t: 80 - 5 * ((t >= 50) & (t <= 250))),
    "T bursting by inhibition": (-0.026, -1, -45, -2, -63.8, 350, 0.5, lambda t: 80 - 5 * ((t >= 50) & (t <= 250))),
}  # fmt: skip

with sf.plot.style():
    figure = Figure(figsize=(10, 6.5), layout="constrained")
    for axis, (name, (a, b, c, d, v, length, dt, I)) in zip(figure.subplots(4, 5).flat, PATTERNS.items(), strict=True):
        current = I(dt * np.arange(round(length / dt)))
        model = OneStep(a=a, b=b, c=c, d=d, rest={"G": CLASS_1, "L": CLASS_1, "R": LINEAR}.get(name[0], USUAL))
        net = sf.Network(dt=dt)
        cell = net.population(1, model, initial={"v": v, "u": -16.0 if name[0] == "R" else b * v})
        net.drive(cell, sf.Waveform(values=current, every=dt))
        result = net.run(length, record=[sf.Spikes(cell), sf.Trace(cell, "v")], progress=False)
        spikes, (t, trace, _) = result.spikes(cell).times, result.trace(cell, "v")
        print(f"{name}, {len(spikes)} spikes: {' '.join(f'{time:.2f}' for time in spikes)}")
        trace[np.round(spikes / dt).astype(int)] = 30.0  # the peak, which lies within a step
        axis.plot(t, trace, linewidth=0.8)
        axis.plot(t, 18.0 * (current - current.min()) / np.ptp(current) - 115.0, color="0.5", linewidth=0.8)
        axis.set(title=name, ylim=(-118.0, 35.0), yticks=[], xticks=[0, length], xticklabels=["0", f"{length} ms"])
        axis.spines["left"].set_visible(False)
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "izhikevich_2004.png")
