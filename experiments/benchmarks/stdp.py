"""The workload `stdp`: a million plastic synapses, 1,000 Poisson inputs of 15 Hz onto each of 1,000 neurons, dt 0.1 ms.

All programs get the same input spikes and the same weights to start with: every neuron hears every input, so its rate depends on
the draw.

Neurons and rule are those of Song, Miller & Abbott 2000 as Brian2's example states them: conductance synapses of 5 ms, pair
STDP of 20 ms, all pairs, hard bounds. A plastic event is a spike at one synapse, from either side.
"""

from __future__ import annotations

from typing import Any

from .workload import Work, Workload, run_brian2_standalone, run_nest, stretched, synfire_rows

__all__ = ["workload"]

INPUTS, OUTPUTS, RATE, SECONDS = 1000, 1000, 15.0, 2.0
G_MAX = 0.01  # in units of the leak
ADAPTIVE = "iaf_cond_exp solves with an adaptive step, and a spike delivers its weight after the depression it causes"
UP, DOWN = 0.01, 0.0105  # of G_MAX


def workload(argument: str) -> Workload:
    """The only one there is; the argument says how the synapses are connected: `all`."""
    simulators: dict[str, Any] = {
        **synfire_rows(_ours),
        "brian2": lambda cache, ms: run_brian2_standalone(_brians, ms),
        "nest": lambda cache, ms: run_nest(_nests, 1, ms, ADAPTIVE),
        "nest-2threads": lambda cache, ms: run_nest(_nests, 2, ms, ADAPTIVE),
    }
    summary = f"STDP, {INPUTS:,} x {OUTPUTS:,} plastic synapses, dt 0.1 ms, 2 s"
    return Workload(summary, SECONDS, simulators, Work(OUTPUTS, 10_000, OUTPUTS, "plastic"))


def _inputs() -> tuple[Any, Any]:
    """(steps, inputs): Bernoulli trains, ascending."""
    import numpy as np

    rng = np.random.default_rng(1)
    steps, which = np.nonzero(rng.random((round(SECONDS * 1e4), INPUTS), dtype=np.float32) < RATE * 1e-4)
    return steps, which


def _start() -> Any:
    import numpy as np

    return np.random.default_rng(2).uniform(0.0, G_MAX, (INPUTS, OUTPUTS))


def _account(spikes: dict[str, int]) -> tuple[float, float]:
    return spikes["outputs"] / OUTPUTS, float(spikes["inputs"] * OUTPUTS + spikes["outputs"] * INPUTS)


def _ours(precision: str) -> Any:
    from ...neurons import COBA, Conductance, SpikeList
    from ...plasticity import STDP, HardBounds
    from ...reservoirs import AllToAll, Network

    network = Network(dt=0.1, seed=1, precision=precision)
    steps, which = _inputs()
    inputs = network.population(INPUTS, SpikeList(times=steps * 0.1, neurons=which), name="inputs")
    leak = 10.0  # nS
    model = COBA(c_m=100.0, g_leak=leak, v_rest=-74.0, v_reset=-60.0, v_threshold=-54.0, t_refractory=0.0)
    outputs = network.population(OUTPUTS, model, name="outputs")
    most = G_MAX * leak
    rule = STDP(potentiation=UP * most, depression=DOWN * most, bounds=HardBounds(high=most))
    options: dict[str, Any] = {"synapse": Conductance(tau_syn=5.0), "plasticity": rule}
    network.connect(inputs, outputs, AllToAll(), weight=_start() * leak, **options)
    return network, [inputs, outputs], _account


def _brians(brian2: Any) -> Any:
    """Event-driven traces, as in Brian2's example; the inputs are played, so they cannot carry the trace themselves."""
    ms = brian2.ms
    brian2.defaultclock.dt = 0.1 * ms
    names = {"g_max": G_MAX, "up": UP * G_MAX, "down": -DOWN * G_MAX}
    names |= {"tau_g": stretched(5.0) * ms, "tau_y": stretched(20.0) * ms}
    steps, which = _inputs()
    inputs = brian2.SpikeGeneratorGroup(INPUTS, which, steps * 0.1 * ms)
    outputs = brian2.NeuronGroup(
        OUTPUTS,
        """
        dv/dt = (g * (0 - v) + (-74 - v)) / (10*ms) : 1
        dg/dt = -g / tau_g : 1
        dy/dt = -y / tau_y : 1
        """,
        threshold="v > -54", reset="v = -60; y += down", method="euler", namespace=names,
    )  # fmt: skip
    outputs.v = -74.0
    synapses = brian2.Synapses(
        inputs, outputs,
        """
        w : 1
        dx/dt = -x / (20*ms) : 1 (event-driven)
        """,
        on_pre="g_post += w; w = clip(w + y_post, 0, g_max); x += up", on_post="w = clip(w + x, 0, g_max)", namespace=names,
    )  # fmt: skip
    synapses.connect()
    synapses.w = _start().ravel()
    monitors = {"inputs": brian2.SpikeMonitor(inputs, record=False), "outputs": brian2.SpikeMonitor(outputs, record=False)}
    return brian2.Network(inputs, outputs, synapses, *monitors.values()), monitors, _account


def _nests(nest: Any) -> Any:
    """stdp_synapse with exponents of 0 is the additive rule with hard bounds."""
    import numpy as np

    leak = 10.0  # nS
    steps, which = _inputs()
    generators = nest.Create("spike_generator", INPUTS)
    order = np.argsort(which, kind="stable")
    times = np.split((steps[order] + 1) * 0.1, np.searchsorted(which[order], np.arange(1, INPUTS)))
    for generator, own in zip(generators, times, strict=True):
        generator.spike_times = np.round(own, 1)
    inputs = nest.Create("parrot_neuron", INPUTS)
    nest.Connect(generators, inputs, "one_to_one", {"delay": 0.1})
    values = {"C_m": 100.0, "g_L": leak, "E_L": -74.0, "V_m": -74.0, "V_reset": -60.0, "V_th": -54.0, "t_ref": 0.0,
              "E_ex": 0.0, "tau_syn_ex": 5.0, "tau_minus": 20.0}  # fmt: skip
    outputs = nest.Create("iaf_cond_exp", OUTPUTS, params=values)
    rule = {"synapse_model": "stdp_synapse", "tau_plus": 20.0, "lambda": UP, "alpha": DOWN / UP, "mu_plus": 0.0,
            "mu_minus": 0.0, "Wmax": G_MAX * leak, "delay": 0.1, "weight": (_start() * leak).T}  # fmt: skip
    nest.Connect(inputs, outputs, "all_to_all", rule)
    return {"inputs": inputs, "outputs": outputs}, _account
