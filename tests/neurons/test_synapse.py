"""Synapses: what arrives, how it decays, and which share one state."""

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
    rng = np.random.default_rng(11)
    for _ in range(n):
        synapse = sf.Exponential(tau_syn=rng.uniform(0.5, 50.0))
        neuron = rng.choice([sf.LIF(tau_m=rng.uniform(1.0, 50.0)), sf.Izhikevich()])
        step = synapse.discretise(0.5, neuron)
        step = type(step)(*map(float, step))
        yield step, type(synapse.initial_state())(rng.normal(0.0, 5.0)), rng.normal(0.0, 5.0)


def test_numpy_and_numba_give_the_same_bits():
    for step, state, weight in random_cases():
        in_python = step.current(state, 0.0), step.decay(state), step.arrive(state, weight)
        assert compiled_methods(step, state, weight) == in_python


def test_numpy_and_torch_give_the_same_bits():
    torch = pytest.importorskip("torch")
    for step, state, weight in random_cases():
        tensor = type(state)(torch.tensor(state.current, dtype=torch.float64))
        assert float(step.current(tensor, 0.0)) == step.current(state, 0.0)
        assert float(step.decay(tensor).current) == step.decay(state).current
        assert float(step.arrive(tensor, weight).current) == step.arrive(state, weight).current


@pytest.mark.parametrize("dt", [0.1, 1.0])
def test_current_decays_exponentially_whatever_dt(dt):
    synapse = sf.Exponential(tau_syn=5.0)
    step = synapse.discretise(dt, sf.Izhikevich())
    state = step.arrive(synapse.initial_state(), 3.0)
    for k in range(1, round(20.0 / dt) + 1):
        state = step.decay(state)
        assert state.current == pytest.approx(
            3.0 * math.exp(-k * dt / 5.0), rel=1e-13
        )  # at most 200 roundings of 1e-16


def test_arriving_weights_add_up():
    synapse = sf.Exponential()
    step = synapse.discretise(0.5, sf.LIF())
    state = step.arrive(step.arrive(synapse.initial_state(), 2.0), -0.5)
    assert state.current == 1.5


def test_gain_is_the_neurons_own_and_one_where_the_neuron_has_none():
    synapse = sf.Exponential(tau_syn=3.0)
    lif = sf.LIF(tau_m=8.0)
    assert synapse.discretise(0.5, lif).gain == lif.exponential_gain(0.5, 3.0)
    assert synapse.discretise(0.5, sf.Izhikevich()).gain == 1.0


def test_gain_tends_to_one_as_dt_goes_to_zero():
    error = [abs(1.0 - float(sf.LIF().exponential_gain(dt, 5.0))) for dt in (0.1, 0.05, 0.025)]
    # first order in dt: the gain is 1 - dt (1/tau_syn) / 2 + O(dt^2); 2 % for the second order at dt / tau_syn = 0.02
    np.testing.assert_allclose([error[0] / error[1], error[1] / error[2]], 2.0, rtol=0.02)


def test_equal_synapses_share_a_key_and_different_ones_do_not():
    assert sf.Exponential(tau_syn=5.0).key == sf.Exponential(tau_syn=5.0).key
    assert sf.Delta().key == sf.Delta().key
    assert len({sf.Exponential(tau_syn=5.0).key, sf.Exponential(tau_syn=6.0).key, sf.Delta().key}) == 3


def test_delta_has_no_dynamics_of_its_own():
    assert sf.Delta().discretise(0.5, sf.LIF()) is None
    assert sf.Delta().initial_state() == ()


def test_a_tau_below_dt_warns():
    with pytest.warns(RuntimeWarning, match=r"Exponential\.tau_syn = 0\.2 ms is shorter than dt = 0\.5 ms"):
        sf.Exponential(tau_syn=0.2).discretise(0.5, sf.Izhikevich())
