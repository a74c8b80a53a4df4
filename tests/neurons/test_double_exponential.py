"""The synapse that rises before it decays, against its closed form."""

import math

import numpy as np
import pytest
from numba import njit

import synfire as sf
from synfire.neurons.synapse import arrive, current, decay


@njit
def compiled_methods(step, state, weight):
    return current(step, state, 0.0), decay(step, state), arrive(step, state, weight)


def random_cases(n=50):
    rng = np.random.default_rng(12)
    for _ in range(n):
        rise = rng.uniform(0.5, 5.0)
        synapse = sf.DoubleExponential(tau_rise=rise, tau_syn=rise * rng.uniform(1.1, 20.0))
        neuron = rng.choice([sf.LIF(tau_m=rng.uniform(1.0, 50.0)), sf.Izhikevich()])
        step = synapse.discretise(0.5, neuron)
        yield type(step)(*map(float, step)), type(synapse.initial_state())(*rng.normal(0.0, 5.0, 2)), rng.normal(0.0, 5.0)


def test_numpy_numba_and_torch_give_the_same_bits():
    torch = pytest.importorskip("torch")
    for step, state, weight in random_cases():
        in_python = step.current(state, 0.0), step.decay(state), step.arrive(state, weight)
        assert compiled_methods(step, state, weight) == in_python
        tensor = type(state)(*(torch.tensor(x, dtype=torch.float64) for x in state))
        in_torch = step.current(tensor, 0.0), step.decay(tensor), step.arrive(tensor, weight)
        assert float(in_torch[0]) == in_python[0]
        for a, b in zip(in_torch[1:], in_python[1:], strict=True):
            assert [float(x) for x in a] == list(b)


@pytest.mark.parametrize("dt", [0.1, 1.0])
@pytest.mark.parametrize(("tau_rise", "tau_syn"), [(2.0, 20.0), (4.9, 5.0)])
def test_one_spike_makes_the_closed_form_whatever_dt(dt, tau_rise, tau_syn):
    synapse = sf.DoubleExponential(tau_rise=tau_rise, tau_syn=tau_syn)
    step = synapse.discretise(dt, sf.Izhikevich())
    state = step.arrive(synapse.initial_state(), 3.0)
    for k in range(1, round(60.0 / dt) + 1):
        state = step.decay(state)
        exact = 3.0 * tau_syn / (tau_syn - tau_rise) * (math.exp(-k * dt / tau_syn) - math.exp(-k * dt / tau_rise))
        # 600 roundings, of terms up to 3 tau_syn / (tau_syn - tau_rise) = 150 that nearly cancel
        assert state.current == pytest.approx(exact, abs=1e-11)


def test_the_charge_of_a_spike_is_weight_times_tau_syn():
    synapse = sf.DoubleExponential(tau_rise=2.0, tau_syn=20.0)
    dt = 0.01
    step = synapse.discretise(dt, sf.Izhikevich())
    state, charge = step.arrive(synapse.initial_state(), 3.0), 0.0
    for _ in range(round(600.0 / dt)):
        charge += dt * step.current(state, 0.0)
        state = step.decay(state)
    assert charge == pytest.approx(60.0, rel=1e-5)  # the sum's own error is (dt / tau_rise)^2 / 12 = 2e-6


def test_it_tends_to_an_exponential_as_the_rise_vanishes():
    neuron = sf.LIF()
    slow = sf.Exponential(tau_syn=10.0).discretise(0.5, neuron)
    for tau_rise in (0.1, 0.01):
        with pytest.warns(RuntimeWarning, match="tau_rise"):
            step = sf.DoubleExponential(tau_rise=tau_rise, tau_syn=10.0).discretise(0.5, neuron)
        state = step.decay(step.arrive(sf.DoubleExponential().initial_state(), 1.0))
        expected = slow.current(slow.decay(slow.arrive(sf.Exponential().initial_state(), 1.0)), 0.0)
        assert step.current(state, 0.0) == pytest.approx(expected, rel=2.0 * tau_rise / 10.0)  # first order in the ratio


def test_on_lif_the_membrane_is_exact_at_any_dt():
    """As two exponentials of opposite sign, whose joint integration test_lif.py checks against the closed form."""

    def membrane(dt):
        net = sf.Network(dt=dt)
        source = net.population(1, sf.SpikeList(times=[0.0], neurons=[0]))
        cell = net.population(1, sf.LIF())
        net.connect(source, cell, sf.AllToAll(), weight=1.0, synapse=sf.DoubleExponential(tau_rise=2.0, tau_syn=8.0))
        return net.run(65.0, record=[sf.Trace(cell, "v")]).trace(cell, "v").values[:, 0]

    # a spike at time 0 lands at the end of its step, so a coarse clock is one coarse step late
    coarse, fine = membrane(1.0), membrane(1.0 / 16.0)
    np.testing.assert_allclose(coarse[1:65], fine[1 : 1 + 64 * 16 : 16], rtol=0.0, atol=1e-11)  # 1000 roundings of 65 mV
    assert coarse.max() > -64.9


@pytest.mark.parametrize("taus", [{"tau_rise": 5.0, "tau_syn": 5.0}, {"tau_rise": 0.0}, {"tau_syn": math.nan}])
def test_bad_time_constants_are_refused_by_name(taus):
    with pytest.raises(sf.InvalidValue, match=r"DoubleExponential\.tau_(rise|syn)"):
        sf.DoubleExponential(**taus)


def test_two_rises_are_two_states():
    kinds = [sf.DoubleExponential(tau_rise=r, tau_syn=9.0).key for r in (1.0, 1.0, 2.0)]
    assert kinds[0] == kinds[1] != kinds[2]
