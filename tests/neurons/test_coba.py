"""Conductances and the neurons that feel them, against solutions of their equations."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import synfire as sf


def membrane(net, cell, duration, variable="v"):
    return net.run(duration, record=[sf.Trace(cell, variable)], progress=False).trace(cell, variable).values[:, 0]


def test_a_synaptic_potential_converges_to_the_solution_of_its_equation():
    """One spike of 6 nS at 5 ms, tau 5 ms, onto 200 pF and 10 nS: Euler's error halves with dt."""

    def slope(t, y):
        v, g = y
        return [(10.0 * (-60.0 - v) + g * (0.0 - v)) / 200.0, -g / 5.0]

    exact = solve_ivp(slope, (0.0, 25.0), [-60.0, 6.0], rtol=1e-11, atol=1e-11).y[0, -1]
    errors = []
    for dt in (0.2, 0.1, 0.05):
        net = sf.Network(dt=dt)
        cell = net.population(1, sf.COBA())
        source = net.population(1, sf.SpikeList(times=[5.0], neurons=[0]))
        net.connect(source, cell, sf.OneToOne(), weight=6.0, synapse=sf.Conductance(tau_syn=5.0, e_reversal=0.0))
        # the spike lands at the end of its step, so the decay begins dt later
        errors.append(membrane(net, cell, 30.0 + 2 * dt)[round(30.0 / dt) + 1] - exact)
    ratios = np.array(errors[:-1]) / np.array(errors[1:])
    assert abs(errors[-1]) < 0.02
    np.testing.assert_allclose(ratios, 2.0, atol=0.1)


def test_conductances_balance_at_the_weighted_mean_of_their_reversal_potentials():
    net = sf.Network(dt=0.05)
    cell = net.population(1, sf.COBA(v_threshold=0.0))
    for number, (reversal, weight) in enumerate(((0.0, 5.0), (-80.0, 15.0))):
        source = net.population(1, sf.SpikeList(times=[0.0], neurons=[0]), name=f"source{number}")
        synapse = sf.Conductance(tau_syn=1e9, e_reversal=reversal)  # opens and stays open
        net.connect(source, cell, sf.OneToOne(), weight=weight, synapse=synapse)
    v = membrane(net, cell, 300.0)[-1]
    assert v == pytest.approx((10.0 * -60.0 + 5.0 * 0.0 + 15.0 * -80.0) / 30.0, abs=1e-6)


def test_an_alpha_current_has_its_peak_at_tau_and_the_height_of_its_weight():
    net = sf.Network(dt=0.01)
    cell = net.population(1, sf.LIF())
    source = net.population(1, sf.SpikeList(times=[0.0], neurons=[0]))
    net.connect(source, cell, sf.OneToOne(), weight=3.0, synapse=sf.Alpha(tau_syn=2.0))
    current = membrane(net, cell, 20.0, "current")
    t = 0.01 * (np.arange(len(current)) - 1)  # it arrives at the end of step 0
    np.testing.assert_allclose(current[1:], 3.0 * (t / 2.0 * np.exp(1.0 - t / 2.0))[1:], rtol=1e-9, atol=1e-12)
    assert current.max() == pytest.approx(3.0, rel=1e-6)


@pytest.mark.parametrize("dt", [1.0, 0.1])
def test_alpha_on_lif_is_exact_at_any_step(dt):
    net = sf.Network(dt=dt)
    cell = net.population(1, sf.LIF(tau_m=20.0, r_m=2.0))
    source = net.population(1, sf.SpikeList(times=[0.0], neurons=[0]))
    net.connect(source, cell, sf.OneToOne(), weight=1.0, synapse=sf.Alpha(tau_syn=2.0))
    found = membrane(net, cell, 31.0)[round(30.0 / dt)] + 65.0

    def slope(t, y):
        return [(-y[0] + 2.0 * (t / 2.0 * np.exp(1.0 - t / 2.0))) / 20.0]

    exact = solve_ivp(slope, (0.0, 30.0 - dt), [0.0], rtol=1e-11, atol=1e-12).y[0, -1]
    assert found == pytest.approx(exact, rel=1e-7)


def test_every_spike_raises_the_threshold_of_an_adaptive_neuron():
    net = sf.Network(dt=0.5)
    cell = net.population(1, sf.AdaptiveCOBA(theta_plus=2.0, tau_theta=1e7, c_m=100.0, g_leak=5.0))
    net.drive(cell, sf.Current(amplitude=150.0))
    result = net.run(1000.0, record=[sf.Spikes(cell), sf.Trace(cell, "theta")], progress=False)
    times = result.spikes(cell).times
    assert result.state["adaptivecoba.theta"][0] == pytest.approx(2.0 * len(times), rel=1e-3)
    # fired while v_inf = -65 + 150/5 = -35 lies above -52 + theta
    assert len(times) == 9
    assert (np.diff(np.diff(times)) > 0).all()


def test_an_adaptive_neuron_may_move_before_it_may_fire():
    """t_silent: v is held at reset for 2 ms, rises above the threshold after, and fires when 10 ms are over."""
    net = sf.Network(dt=0.5)
    model = sf.AdaptiveCOBA(c_m=100.0, g_leak=5.0, t_refractory=2.0, t_silent=10.0, theta_plus=0.0, v_threshold=-60.0)
    cell = net.population(1, model)
    net.drive(cell, sf.Current(amplitude=300.0))
    result = net.run(100.0, record=[sf.Spikes(cell), sf.Trace(cell, "v")], progress=False)
    times, v = result.spikes(cell).times, result.trace(cell, "v").values[:, 0]
    np.testing.assert_allclose(np.diff(times), 10.0)
    after = v[round(times[0] / 0.5) + 1 :]  # v at the start of each step after the first spike
    assert (after[:4] == -65.0).all() and after[4] > -65.0
    assert after[15] > -60.0  # above the threshold, in silence


def test_adaptive_lif_without_adaptation_is_lif():
    trains = []
    for model in (sf.LIF(), sf.AdaptiveLIF(beta=0.0)):
        net = sf.Network(dt=0.1)
        cell = net.population(1, model)
        net.drive(cell, sf.Current(amplitude=20.0))
        trains.append(net.run(300.0, record=[sf.Spikes(cell)], progress=False).spikes(cell).times)
    assert len(trains[0]) > 5
    np.testing.assert_array_equal(*trains)


def test_the_threshold_of_adaptive_lif_decays_with_its_time_constant():
    net = sf.Network(dt=0.1)
    cell = net.population(1, sf.AdaptiveLIF(tau_a=50.0), initial={"a": 4.0})
    a = membrane(net, cell, 100.1, "a")
    np.testing.assert_allclose(a, 4.0 * np.exp(-0.1 * np.arange(len(a)) / 50.0), rtol=1e-10)
