"""A network run in stretches that answer to what it does."""

import numpy as np
import pytest

import synfire as sf


def small(threads=1):
    net = sf.Network(dt=0.5, seed=4)
    source = net.population(30, sf.Poisson(rate=100.0))
    cells = net.population(20, sf.LIF())
    net.connect(source, cells, p=0.5, weight=1.0, delay=1.5, synapse=sf.Exponential(tau_syn=3.0))
    noise = net.drive(cells, sf.PoissonInput(rate=20.0, n=50, weight=0.4))
    hum = net.drive(cells, sf.GaussianNoise(std=3.0, mean=12.0))
    return net.simulation(threads=threads), source, noise, hum


@pytest.mark.parametrize("threads", [1, 2])
def test_played_inputs_are_those_of_a_stretch_begun_anew(threads):
    """One running whose inputs change is bit-equal to stretches that copy the state."""
    simulation, source, noise, hum = small(threads)
    other = {source: sf.Poisson(rate=np.linspace(0.0, 900.0, 30)), noise: sf.PoissonInput(rate=90.0, n=50, weight=0.4)}
    louder = {hum: sf.GaussianNoise(std=9.0, mean=15.0)}
    running = simulation.start()
    state = simulation.initial_state()
    for inputs, steps in ((None, 33), (other, 50), (louder, 20), ({}, 41)):
        if inputs is not None:
            running.play(inputs)
        running.advance(steps)
        state, _ = simulation.advance(state, steps, inputs=inputs)
    for name, array in running.state().items():
        np.testing.assert_array_equal(array, state[name], err_msg=name)


def test_a_stretch_may_begin_from_a_state_which_stays_as_it_was():
    simulation, *_ = small()
    first = simulation.start()
    first.advance(10)
    kept = first.state()
    before = {name: array.copy() for name, array in kept.items()}
    again = simulation.start(kept)
    first.advance(25)
    again.advance(25)
    for name, array in first.state().items():
        np.testing.assert_array_equal(array, again.state()[name], err_msg=name)
        np.testing.assert_array_equal(before[name], kept[name])


def test_what_cannot_be_played_is_refused():
    simulation, source, noise, _ = small()
    running = simulation.start()
    for inputs in (
        {source: sf.SpikeList()},
        {noise: sf.Current(amplitude=1.0)},
        {sf.Network(dt=0.5).population(1, sf.Poisson()): sf.Poisson()},
        {source: sf.Poisson(rate=5000.0)},
    ):
        with pytest.raises(sf.InvalidValue):
            running.play(inputs)
