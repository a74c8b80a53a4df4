"""The Hodgkin-Huxley neuron against an adaptive solver of its equations."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import synfire as sf


def slope(t, y, current):
    v, m, h, n = y
    x = v + 63.0

    def linoid(z, s):
        return s if abs(z) < 1e-9 else z / np.expm1(z / s)

    sodium, potassium = 20000.0 * m**3 * h * (v - 50.0), 6000.0 * n**4 * (v + 90.0)
    return [
        (-10.0 * (v + 60.0) - sodium - potassium + current) / 200.0,
        0.32 * linoid(13.0 - x, 4.0) * (1 - m) - 0.28 * linoid(x - 40.0, 5.0) * m,
        0.128 * np.exp((17.0 - x) / 18.0) * (1 - h) - 4.0 / (1 + np.exp((40.0 - x) / 5.0)) * h,
        0.032 * linoid(15.0 - x, 5.0) * (1 - n) - 0.5 * np.exp((10.0 - x) / 40.0) * n,
    ]


def trace(dt, current, duration):
    net = sf.Network(dt=dt)
    cell = net.population(1, sf.HodgkinHuxley())
    net.drive(cell, sf.Current(amplitude=current))
    result = net.run(duration + dt, record=[sf.Trace(cell, "v"), sf.Spikes(cell)], progress=False)
    return result.trace(cell, "v").values[:, 0], result.spikes(cell).times


def test_the_membrane_converges_to_the_solution_of_its_equations_at_first_order():
    exact = solve_ivp(slope, (0.0, 2.0), [-60.0, 0.0, 1.0, 0.0], args=(150.0,), rtol=1e-10, atol=1e-10, max_step=0.05).y[0, -1]
    errors = np.array([trace(dt, 150.0, 2.0)[0][round(2.0 / dt)] - exact for dt in (0.02, 0.01, 0.005)])
    np.testing.assert_allclose(errors[:-1] / errors[1:], 2.0, atol=0.25)
    assert abs(errors[-1]) < 0.05


def test_it_fires_repetitively_above_rheobase_and_each_spike_is_counted_once():
    v, times = trace(0.01, 300.0, 200.0)
    crossings = np.flatnonzero((v[1:] >= -20.0) & (v[:-1] < -20.0))
    assert len(times) > 5
    assert len(times) == len(crossings)


@pytest.mark.parametrize("v", [-63.0 + 13.0, -63.0 + 15.0, -63.0 + 40.0])
def test_the_holes_of_the_rate_functions_are_filled(v):
    step = sf.HodgkinHuxley().discretise(0.01)
    at, beside = (
        step.integrate(type(sf.HodgkinHuxley().initial_state())(x, 0.1, 0.6, 0.3, 0.0), 0.0) for x in (v, v + 1e-4)
    )
    assert np.isfinite(np.array(at)).all()
    np.testing.assert_allclose(at, beside, rtol=1e-4)


@pytest.mark.parametrize(("hole", "gate"), [(13.0, "m"), (40.0, "m"), (15.0, "n")])
def test_single_precision_keeps_the_rates_beside_their_holes(hole, gate):
    """After a step of a second a gate is at a / (a + b), so m / (1 - m) is a / b; one of the two has the hole."""
    rng = np.random.default_rng(0)
    near = [[0.0], *(rng.uniform(-far, far, 300) for far in (1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 3.0))]
    v = (-63.0 + hole + np.concatenate(near)).astype(np.float32).astype(np.float64)
    ratios = []
    for precision in ("double", "single"):
        net = sf.Network(dt=1000.0, precision=precision)
        cells = net.population(len(v), sf.HodgkinHuxley(), initial={"v": v})
        result = net.run(2000.0, record=[sf.Trace(cells, gate)], progress=False)
        settled = result.trace(cells, gate).values[1].astype(np.float64)
        ratios.append(settled / (1.0 - settled))
    # a dozen roundings of 6e-8, some divided by 1 - m or by exp(1/5) - 1: 1e-6 measured; without the series 1e-3 to 1.6e-2
    np.testing.assert_allclose(ratios[1], ratios[0], rtol=3e-6)
