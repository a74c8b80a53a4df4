"""The synapse whose spike is a current of one step."""

import numpy as np
import pytest
from numba import njit

import synfire as sf
from synfire.neurons.synapse import arrive, current, decay


@njit
def compiled_methods(step, state, weight):
    return current(step, state, 0.0), decay(step, state), arrive(step, state, weight)


def test_numpy_numba_and_torch_give_the_same_bits():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(13)
    step = sf.Pulse().discretise(0.5, sf.LIF())
    for value, weight in rng.normal(0.0, 5.0, (20, 2)):
        state = type(sf.Pulse().initial_state())(value)
        in_python = step.current(state, 0.0), step.decay(state), step.arrive(state, weight)
        assert compiled_methods(step, state, weight) == in_python
        tensor = type(state)(torch.tensor(value, dtype=torch.float64))
        assert float(step.arrive(tensor, weight).current) == in_python[2].current


def test_weights_of_one_step_add_up_and_nothing_is_left_of_them_in_the_next():
    synapse = sf.Pulse()
    step = synapse.discretise(0.5, sf.LIF())
    state = step.arrive(step.arrive(synapse.initial_state(), 2.0), -0.5)
    assert step.current(state, 0.0) == 1.5
    assert step.decay(state) == synapse.initial_state()


@pytest.mark.parametrize("delay", [0.0, 1.5])
def test_a_spike_is_a_current_in_the_step_after_it_arrives_and_in_no_other(delay):
    dt, weight = 0.5, 3.0
    net = sf.Network(dt=dt)
    source = net.population(1, sf.SpikeList(times=[2.0], neurons=[0]))
    cell = net.population(1, sf.LIF(tau_m=10.0))
    net.connect(source, cell, sf.OneToOne(), weight=weight, delay=delay, synapse=sf.Pulse())
    trace = net.run(10.0, record=[sf.Trace(cell, "v")], progress=False).trace(cell, "v")
    felt = round((2.0 + delay) / dt) + 2  # the sample after the step that it acts in
    step = sf.LIF(tau_m=10.0).discretise(dt)
    assert (trace.values[:felt] == -65.0).all()
    assert trace.values[felt, 0] == step.integrate(sf.LIF().initial_state(), weight).v
    np.testing.assert_allclose(
        trace.values[felt + 1, 0] + 65.0, (trace.values[felt, 0] + 65.0) * step.decay_m, rtol=1e-13
    )


def test_all_pulses_share_one_state():
    assert sf.Pulse().key == sf.Pulse().key
