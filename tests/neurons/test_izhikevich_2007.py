"""The dimensional Izhikevich neuron: a plain loop, its fixed points, its rheobase."""

import numpy as np
import pytest

import synfire as sf


def plain_loop(current, dt, steps, d):
    """Spike steps of one neuron and v at the start of each step, with the constants of Nicola & Clopath 2017."""
    v, u = -60.0, 0.0
    spikes, trace = [], []
    for t in range(steps):
        trace.append(v)
        above = v - -60.0
        v, u = v + dt / 250.0 * (2.5 * above * (v - -19.2) - u + current), u + dt * 0.01 * (-2.0 * above - u)
        if v >= 30.0:
            spikes.append(t)
            v, u = -65.0, u + d
    return spikes, trace


@pytest.mark.parametrize("dt", [0.04, 0.25])
def test_it_equals_a_plain_loop_bit_for_bit(dt):
    currents, jumps = np.array([900.0, 1100.0, 1500.0, 3000.0]), np.array([200.0, 100.0, 200.0, 50.0])
    steps = round(300.0 / dt)
    net = sf.Network(dt=dt)
    cells = net.population(4, sf.Izhikevich2007(d=jumps))
    net.drive(cells, sf.Current(amplitude=currents))
    result = net.run(300.0, record=[sf.Spikes(cells), sf.Trace(cells, "v")])
    times, neurons = result.spikes(cells)
    for k in range(4):
        spikes, trace = plain_loop(float(currents[k]), dt, steps, float(jumps[k]))
        assert np.round(times[neurons == k] / dt).astype(int).tolist() == spikes
        assert result.trace(cells, "v").values[:, k].tolist() == trace
        assert bool(spikes) == (currents[k] > 1000.0)


def test_it_rests_where_a_quadratic_says_and_fires_above_the_rheobase():
    """dv = du = 0: k (v - v_rest)(v - v_instant) - b (v - v_rest) + I = 0, without a root above k 40^2 / 4 = 1000 pA."""
    model = sf.Izhikevich2007()
    step = model.discretise(0.04)
    for current in (-200.0, 500.0, 990.0, 1010.0):
        state, fired = model.initial_state(), False
        for _ in range(round(5000.0 / 0.04)):
            state = step.integrate(state, current)
            fired |= bool(step.excess(state) >= 0.0)
            if fired:
                break
        assert fired == (current > 1000.0)
        if not fired:
            # x = v - v_rest: 2.5 x (x - 40.8) + 2 x + I = 2.5 x (x - 40) + I; the lower root is stable
            assert state.v == pytest.approx(-60.0 + 20.0 - np.sqrt(400.0 - current / 2.5), abs=1e-6)
            assert state.u == pytest.approx(-2.0 * (state.v + 60.0), abs=1e-6)


@pytest.mark.parametrize(
    ("field", "value"), [("c_m", 0.0), ("k", -1.0), ("v_reset", 40.0), ("v_rest", float("nan")), ("d", float("inf"))]
)
def test_a_bad_parameter_is_refused_by_name(field, value):
    with pytest.raises(sf.InvalidValue, match=rf"Izhikevich2007\.{field}"):
        sf.Izhikevich2007(**{field: value})
