"""Four learning rules side by side on the spikes of one reservoir, before and after what they are taught changes.

Sussillo & Abbott 2009, doi:10.1016/j.neuron.2009.07.018 (FORCE: recursive least squares); Yamada & Chao, arXiv
2510.14382 (the three-factor rule and its gate)

A network may have many readouts, each with a rule of its own. All hear the same cue every second and are taught a bump
300 ms after it; from the sixteenth second on the bump comes at 600 ms. Every second is one call of `advance`, which
takes a state and hands one back; the cue resets the reservoir, because every second begins from the same state.
"""

import sys

import numpy as np
from matplotlib.figure import Figure

import synfire as sf

SECONDS, SWITCH, UPDATES = 30, 15, 200  # an update every 5 ms

local = sf.ThreeFactor(learning_rate=1e-3)
rules = {
    "three-factor": local,
    "three-factor, prediction gate": sf.PredictionGated(rule=local, threshold=0.1),
    "FORCE": sf.RecursiveLeastSquares(alpha=10.0),
    "FORCE that forgets, a P per channel": sf.ChannelwiseRecursiveLeastSquares(alpha=10.0, forgetting=0.8),
}

net = sf.Network(dt=0.5, seed=2)
exc = net.population(240, sf.Izhikevich.heterogeneous_excitatory(), initial={"v": sf.uniform(-70.0, -55.0)})
inh = net.population(60, sf.Izhikevich.heterogeneous_inhibitory())
some, current = sf.FixedProbability(0.1, autapses=False), sf.Exponential(tau_syn=5.0)
net.connect(exc, [exc, inh], some, weight=sf.uniform(0.0, 0.5), synapse=current)
net.connect(inh, [exc, inh], some, weight=sf.uniform(-1.0, 0.0), synapse=current)
for part in (exc, inh):
    net.drive(part, sf.Current(amplitude=sf.uniform(3.0, 8.0)))
net.drive(exc, sf.Current(amplitude=sf.uniform(0.0, 10.0), start=0.0, stop=50.0))  # the cue
readouts = [net.readout([exc, inh], 1, rule, every=5.0, mean=0.5, std=0.5) for rule in rules.values()]

ms = 5.0 * np.arange(UPDATES)
bumps = [np.exp(-((ms - peak) ** 2) / (2.0 * 50.0**2))[:, None] for peak in (300.0, 600.0)]
near = [np.where(np.abs(ms - peak) <= 150.0, 1.0, 0.1)[:, None] for peak in (300.0, 600.0)]  # the gate of attention

simulation = net.simulation()
start = simulation.initial_state()
learned, errors, shown = {}, np.zeros((SECONDS, len(rules))), []
for second in range(SECONDS):
    now = int(second >= SWITCH)
    lesson = sf.Teaching(bumps[now], near[now])
    always = sf.Teaching(bumps[now], np.ones((UPDATES, 1)))
    teach = {r: lesson if "three" in name else always for name, r in zip(rules, readouts, strict=True)}
    state, seen = simulation.advance(start | learned, 2000, teach=teach)
    learned = {name: value for name, value in state.items() if ".weight" in name or ".rule" in name}
    errors[second] = [np.sqrt(np.mean((output - bumps[now]) ** 2)) for output in seen.outputs]
    shown = seen.outputs
for name, column in zip(rules, errors.T, strict=True):
    print(f"{name:36} error in second {SWITCH}: {column[SWITCH - 1]:.3f}, in second {SECONDS}: {column[-1]:.3f}")

with sf.plot.style():
    figure = Figure(figsize=(9.0, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, column, output in zip(rules, errors.T, shown, strict=True):
        left.plot(np.arange(SECONDS) + 1, column, label=name)
        right.plot(ms, output[:, 0])
    right.plot(ms, bumps[1], color="0.75", linewidth=4.0, zorder=0)
    left.axvline(SWITCH + 0.5, color="0.6", linestyle="--")
    left.set(xlabel="time (s)", ylabel="error while taught", ylim=(0.0, 0.45))
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    right.set(xlabel="time after the cue (ms)", title="the last second; grey: what is taught")
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "four_rules.png")
