"""LIF against its closed form: membrane, first spike, rate, refractoriness, and synaptic currents."""

import math

import numpy as np
import pytest
from scipy.integrate import quad

import synfire as sf

N, DT, R_M, V_RESET, V_THRESHOLD = 40, 0.1, 2.0, -70.0, -50.0


def cells():
    """Neurons that differ in everything, each under a constant current above its rheobase."""
    rng = np.random.default_rng(7)
    tau_m, v_rest = rng.uniform(5.0, 40.0, N), rng.uniform(-68.0, -60.0, N)
    t_refractory = np.round(rng.uniform(0.0, 5.0, N) / DT) * DT
    t_refractory[:4] = 0.0, DT, 2 * DT, 3 * DT
    current = (V_THRESHOLD - v_rest) / R_M * rng.uniform(1.05, 4.0, N)
    return tau_m, v_rest, t_refractory, current


def simulated(duration, record):
    """The cells as a network; v(0) = v_rest."""
    tau_m, v_rest, t_refractory, current = cells()
    net = sf.Network(dt=DT)
    levels = {"v_rest": v_rest, "v_reset": V_RESET, "v_threshold": V_THRESHOLD}
    population = net.population(N, sf.LIF(tau_m=tau_m, r_m=R_M, t_refractory=t_refractory, **levels))
    net.drive(population, sf.Current(amplitude=current))
    return population, net.run(duration, record=record(population))


def steps_to_threshold(start, v_rest, tau_m, current):
    """In how many steps the closed form first reaches the threshold from `start`."""
    v_inf = v_rest + R_M * current
    crossing = tau_m * np.log((v_inf - start) / (v_inf - V_THRESHOLD))
    return np.ceil(crossing / DT).astype(int)


def test_membrane_follows_the_closed_form_until_the_first_spike():
    tau_m, v_rest, _, current = cells()
    population, result = simulated(20.0, lambda p: [sf.Trace(p, "v")])
    trace = result.trace(population, "v")
    first = steps_to_threshold(v_rest, v_rest, tau_m, current)
    v_inf = v_rest + R_M * current
    expected = v_inf + (v_rest - v_inf) * np.exp(-trace.times[:, None] / tau_m)
    before = np.arange(len(trace.times))[:, None] < first
    assert before.sum() > 1000
    # the step contracts, so that roundings of 1e-16 do not pile up beyond tau_m / dt = 400 of them
    np.testing.assert_allclose(trace.values[before], expected[before], rtol=1e-12)


def test_every_spike_falls_on_the_step_that_the_closed_form_says():
    tau_m, v_rest, t_refractory, current = cells()
    population, result = simulated(200.0, lambda p: [sf.Spikes(p)])
    times, neurons = result.spikes(population)
    first = steps_to_threshold(v_rest, v_rest, tau_m, current)
    again = steps_to_threshold(V_RESET, v_rest, tau_m, current)
    for k in range(N):
        # after a spike in step s the membrane moves again in step s + refractory, at the earliest in s + 1
        pause = max(round(t_refractory[k] / DT), 1) - 1
        expected = np.arange(first[k] - 1, 2000, again[k] + pause)
        np.testing.assert_array_equal(np.round(times[neurons == k] / DT), expected)


def test_rate_matches_the_closed_form_and_is_zero_below_rheobase():
    model = sf.LIF(tau_m=20.0, r_m=10.0, v_rest=-65.0, v_reset=-65.0, v_threshold=-50.0, t_refractory=2.0)
    dt, rheobase = 0.01, 1.5
    current = np.array([0.5, 1.0, 1.49, 1.6, 2.0, 3.0, 5.0, 10.0])
    step, state = model.discretise(dt), model.initial_state()
    state = type(state)(np.full(current.shape, state.v), np.zeros(current.shape))
    last, gap = np.full(current.shape, -1), np.zeros(current.shape)
    for t in range(20_000):
        state = step.integrate(state, current)
        spiked = step.excess(state) >= 0.0
        gap = np.where(spiked & (last >= 0), t - last, gap)
        last = np.where(spiked, t, last)
        state = step.reset(state, spiked)
    above = current > rheobase
    assert (last[~above] == -1).all()
    interval = model.t_refractory + model.tau_m * np.log(current[above] * 10.0 / (current[above] * 10.0 - 15.0))
    # the threshold is tested on the grid and t_refractory counts its own step: at most one dt either way
    np.testing.assert_allclose(gap[above] * dt, interval, atol=1.001 * dt, rtol=0.0)


@pytest.mark.parametrize("steps", [0, 1, 2, 5])
def test_membrane_is_held_and_deaf_for_the_refractory_period(steps):
    model = sf.LIF(t_refractory=steps * 0.5)
    step = model.discretise(0.5)
    state = step.reset(step.integrate(model.initial_state(), 1000.0), True)
    held = 0
    while True:
        moved = step.integrate(state, 5.0)
        received = step.receive(moved, 3.0)
        if moved.v != model.v_reset:
            assert received.v == moved.v + 3.0
            break
        assert received.v == moved.v  # a jump is lost on a refractory neuron
        state, held = moved, held + 1
    assert held == max(steps - 1, 0)


@pytest.mark.parametrize(
    "tau_m, tau_syn", [(20.0, 5.0), (5.0, 20.0), (10.0, 0.5), (1.0, 100.0), (7.0, 7.0), (7.0, 7.0001)]
)
@pytest.mark.parametrize("dt", [0.01, 0.1, 1.0])
def test_exponential_gain_is_the_integral(tau_m, tau_syn, dt):
    gain = float(sf.LIF(tau_m=tau_m).exponential_gain(dt, tau_syn))
    integral = quad(lambda s: math.exp(-(dt - s) / tau_m - s / tau_syn), 0.0, dt, epsabs=0.0, epsrel=1e-13)[0]
    constant = -tau_m * math.expm1(-dt / tau_m)
    assert gain == pytest.approx(integral / constant, rel=1e-12)  # quad's own tolerance, times ten


@pytest.mark.parametrize("tau_syn", [2.0, 7.0, 30.0])
def test_exponential_current_is_integrated_exactly(tau_syn):
    """The joint solution of membrane and current, at dt = 2 ms, coarse enough that any lower order would show."""
    tau_m, dt, start = 7.0, 2.0, 3.0
    model = sf.LIF(tau_m=tau_m, r_m=R_M, v_threshold=1e3)
    step, synapse = model.discretise(dt), sf.Exponential(tau_syn=tau_syn)
    syn = synapse.discretise(dt, model)
    state, current = model.initial_state(), type(synapse.initial_state())(start)
    for k in range(1, 21):
        state = step.integrate(state, syn.current(current, 0.0))
        current = syn.decay(current)
        t = k * dt
        if tau_syn == tau_m:
            response = t / tau_m * math.exp(-t / tau_m)
        else:
            response = tau_syn / (tau_syn - tau_m) * (math.exp(-t / tau_syn) - math.exp(-t / tau_m))
        # 1e-13 of v itself, which is of size 65: a few roundings a step
        assert state.v - model.v_rest == pytest.approx(R_M * start * response, abs=65 * 1e-13)


def test_one_field_per_neuron_equals_one_neuron_per_field():
    taus = np.array([5.0, 10.0, 20.0])
    together = sf.LIF(tau_m=taus).discretise(0.1)
    for k, tau in enumerate(taus):
        alone = sf.LIF(tau_m=tau).discretise(0.1)
        assert together.decay_m[k] == alone.decay_m


def test_reset_at_or_above_threshold_is_refused():
    for v_reset in (-50.0, -40.0, np.array([-60.0, -50.0])):
        with pytest.raises(sf.InvalidValue, match=r"LIF\.v_reset.*v_threshold"):
            sf.LIF(v_reset=v_reset, v_threshold=-50.0)


def test_a_drawn_reset_above_threshold_is_refused_when_drawn():
    model = sf.LIF(v_reset=sf.uniform(-60.0, -20.0))
    with pytest.raises(sf.InvalidValue, match=r"LIF\.v_reset"):
        sf.Network(dt=0.1).population(100, model)


def test_dt_above_tau_m_warns():
    with pytest.warns(RuntimeWarning, match=r"LIF\.tau_m = 0\.5 ms is shorter than dt = 1 ms"):
        sf.LIF(tau_m=0.5).discretise(1.0)
