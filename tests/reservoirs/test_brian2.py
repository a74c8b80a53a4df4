"""LIF and Izhikevich networks equal Brian2 spike by spike, on 20 random networks each."""

import numpy as np
import pytest

import synfire as sf

brian2 = pytest.importorskip("brian2", reason="brian2 is not installed: pip install synfire[brian2]")

DT, DURATION, N = 0.5, 200.0, 40

LIF = """
dv/dt = (v_rest - v + r_m * (bias + i_slow + i_fast)) / tau_m : 1 (unless refractory)
di_slow/dt = -i_slow / tau_slow : 1
di_fast/dt = -i_fast / tau_fast : 1
tau_m : second
v_rest : 1
v_reset : 1
v_threshold : 1
t_refractory : second
bias : 1
"""
IZHIKEVICH = """
v : 1
u : 1
i_slow : 1
i_fast : 1
jump : 1
a : 1
b : 1
c : 1
d : 1
bias : 1
"""
# two half-steps of v, then u with the new v; then the currents decay: as Izhikevich's docstring says. One operation a
# line, because Brian2 reorders what stands in one expression
HALF_STEP = """
square{n} = v * v
slope{n} = 0.04 * square{n}
slope{n} += 5.0 * v
slope{n} += 140.0
slope{n} -= u
slope{n} += i_all
v += h_half * slope{n}
"""
IZHIKEVICH_STEP = f"""
i_all = bias + i_slow
i_all += i_fast
{HALF_STEP.format(n=1)}
{HALF_STEP.format(n=2)}
fall = b * v
fall -= u
fall = a * fall
u += h * fall
i_slow = i_slow * keep_slow
i_fast = i_fast * keep_fast
"""


@pytest.fixture(autouse=True)
def plain_numpy():
    """Brian2 without compilation, and with expressions left as they are written."""
    before = brian2.prefs.codegen.target, brian2.prefs.codegen.loop_invariant_optimisations
    brian2.prefs.codegen.target, brian2.prefs.codegen.loop_invariant_optimisations = "numpy", False
    yield
    brian2.prefs.codegen.target, brian2.prefs.codegen.loop_invariant_optimisations = before


def wiring(rng, scale):
    """Three projections onto "v", "i_slow" and "i_fast": (pre, post, weight, delay in steps), with multapses.

    Weights are multiples of 2**-10, whose sums are exact: Brian2 adds what arrives at once in an order of its own, and
    an Izhikevich network amplifies a rounding of 1e-16 to another spike within 200 ms.
    """
    found = {}
    for variable, factor in (("v", 1.0), ("i_slow", 0.7), ("i_fast", 1.5)):
        count = rng.binomial(N * N, 0.1)
        pre, post = rng.integers(0, N, count), rng.integers(0, N, count)
        weight = rng.gamma(2.0, scale * factor / 2.0, count) * np.where(pre < 0.8 * N, 1.0, -2.0)
        weight = np.round(weight * 1024.0) / 1024.0
        found[variable] = pre, post, weight, rng.integers(0, 21, count)
    return found


def ours(model, bias, synapses, initial, tau_slow, tau_fast):
    net = sf.Network(dt=DT)
    cells = net.population(N, model, initial=initial)
    net.drive(cells, sf.Current(amplitude=bias))
    kinds = {"v": sf.Delta(), "i_slow": sf.Exponential(tau_syn=tau_slow), "i_fast": sf.Exponential(tau_syn=tau_fast)}
    for variable, (pre, post, weight, delay) in synapses.items():
        net.connect(cells, cells, sf.Pairs(pre, post), weight=weight, delay=DT * delay, synapse=kinds[variable])
    times, neurons = net.run(DURATION, record=[sf.Spikes(cells)]).spikes(cells)
    return sorted(zip(np.round(times / DT).astype(int).tolist(), neurons.tolist(), strict=True))


def brians(group, synapses, names, *more):
    """`names`: the variable of the group to which the weights of a projection are added, where it is another."""
    monitor = brian2.SpikeMonitor(group)
    network = brian2.Network(group, monitor, *more)
    for variable, (pre, post, weight, delay) in synapses.items():
        made = brian2.Synapses(group, group, "w : 1", on_pre=f"{names.get(variable, variable)}_post += w")
        made.connect(i=pre, j=post)
        made.w, made.delay = weight, delay * DT * brian2.ms
        network.add(made)
    network.run(DURATION * brian2.ms)
    steps = np.round(np.asarray(monitor.t / brian2.ms) / DT).astype(int)
    return sorted(zip(steps.tolist(), np.asarray(monitor.i).tolist(), strict=True))


@pytest.mark.parametrize("seed", range(20))
def test_lif_network_equals_brian2_spike_by_spike(seed):
    rng = np.random.default_rng([1, seed])
    tau_m, v_rest, v_reset = rng.uniform(8.0, 30.0, N), rng.uniform(-68.0, -62.0, N), rng.uniform(-75.0, -65.0, N)
    v_threshold, t_refractory = rng.uniform(-55.0, -48.0, N), DT * rng.integers(0, 10, N)
    start, bias = rng.uniform(-75.0, -50.0, N), rng.uniform(5.0, 20.0, N)
    synapses, tau_slow, tau_fast = wiring(rng, 1.0), rng.uniform(5.0, 20.0), rng.uniform(1.0, 4.0)
    levels = {"v_rest": v_rest, "v_reset": v_reset, "v_threshold": v_threshold}
    model = sf.LIF(tau_m=tau_m, r_m=1.5, t_refractory=t_refractory, **levels)
    found = ours(model, bias, synapses, {"v": start}, tau_slow, tau_fast)

    brian2.defaultclock.dt = DT * brian2.ms
    group = brian2.NeuronGroup(
        N, LIF, threshold="v >= v_threshold", reset="v = v_reset", refractory="t_refractory", method="exact",
        namespace={"r_m": 1.5, "tau_slow": tau_slow * brian2.ms, "tau_fast": tau_fast * brian2.ms},
    )  # fmt: skip
    group.set_states({"v": start, "bias": bias, **levels})
    group.tau_m, group.t_refractory = tau_m * brian2.ms, t_refractory * brian2.ms
    expected = brians(group, synapses, {})
    assert len(expected) > 100
    assert found == expected


@pytest.mark.parametrize("seed", range(20))
def test_izhikevich_network_equals_brian2_spike_by_spike(seed):
    rng = np.random.default_rng([2, seed])
    square = rng.random(N) ** 2
    published = {"a": rng.uniform(0.02, 0.1, N), "b": np.full(N, 0.2), "c": -65 + 15 * square, "d": 8 - 6 * square}
    start, bias = rng.uniform(-75.0, -55.0, N), rng.uniform(3.0, 12.0, N)
    synapses, tau_slow, tau_fast = wiring(rng, 1.0), rng.uniform(5.0, 20.0), rng.uniform(1.0, 4.0)
    found = ours(sf.Izhikevich(**published), bias, synapses, {"v": start}, tau_slow, tau_fast)

    brian2.defaultclock.dt = DT * brian2.ms
    constants = {"h": DT, "h_half": DT / 2.0, "keep_slow": np.exp(-DT / tau_slow), "keep_fast": np.exp(-DT / tau_fast)}
    group = brian2.NeuronGroup(N, IZHIKEVICH, threshold="v >= 30.0", reset="v = c; u = u + d", namespace=constants)
    group.set_states({"v": start, "u": published["b"] * -65.0, "bias": bias, **published})
    step = group.run_regularly(IZHIKEVICH_STEP, dt=DT * brian2.ms, when="groups")
    strike = group.run_regularly("v = v + jump; jump = 0", dt=DT * brian2.ms, when="after_synapses")
    expected = brians(group, synapses, {"v": "jump"}, step, strike)
    assert len(expected) > 100
    assert found == expected
