"""The covariance rule's arithmetic against closed forms; test_lateral_circuit.py has it in the event loop."""

import numpy as np
import pytest

import synfire as sf


def learnt(rule, pre, post, start=0.0):
    """The weight after arrivals at `pre` and postsynaptic spikes at `post`, ms, in this order where they coincide."""
    step, weight, now = rule.discretise(0.1), start, 0.0
    here, there = (type(traces)(*np.zeros(len(traces))) for traces in (rule.pre_traces(), rule.post_traces()))
    for time, arrives in sorted(
        [(t, True) for t in pre] + [(t, False) for t in post], key=lambda event: (event[0], not event[1])
    ):
        here, there = (
            type(tau)(*(value * np.exp((now - time) / constant) for value, constant in zip(traces, tau, strict=True)))
            for traces, tau in ((here, rule.pre_traces()), (there, rule.post_traces()))
        )
        if arrives:
            weight, here = step.on_pre(weight, here, there), step.spike_pre(here)
        else:
            weight, there = step.on_post(weight, here, there), step.spike_post(there)
        now = time
    return weight


@pytest.mark.parametrize("lag", [-40.0, -5.0, 0.0, 5.0, 40.0])
def test_a_pair_counts_for_what_is_left_of_the_present_rate_less_the_usual_one(lag):
    rule = sf.Covariance(tau=20.0, tau_mean=500.0, learning_rate=1e-3, decay=0.0)
    expected = np.exp(-abs(lag) / 20.0) * 1e3 / 20.0 - np.exp(-abs(lag) / 500.0) * 1e3 / 500.0
    assert learnt(rule, [100.0], [100.0 + lag]) == pytest.approx(1e-3 * expected, rel=1e-12)


def test_each_spike_of_either_neuron_takes_its_part_of_the_weight():
    rule = sf.Covariance(learning_rate=0.0, decay=0.01)
    assert learnt(rule, [1.0, 5.0, 9.0], [2.0, 5.0], start=2.0) == pytest.approx(2.0 * 0.99**5, rel=1e-12)


def test_two_neurons_change_both_ways_alike():
    rng = np.random.default_rng(0)
    first, second = np.flatnonzero(rng.random(800) < 0.1), np.flatnonzero(rng.random(800) < 0.1)
    together = np.intersect1d(first, second)
    assert len(together) > 3
    rule, opposite = (sf.Covariance(learning_rate=sign * 1e-3, decay=1e-3) for sign in (1.0, -1.0))
    apart = np.setdiff1d(second, together)
    assert learnt(rule, first, apart) == pytest.approx(-learnt(opposite, apart, first), rel=1e-9)
    # where they fire in one step, what the first of the two adds loses its part to the second
    assert learnt(rule, first, second) == pytest.approx(-learnt(opposite, second, first), rel=1e-3)


def test_weights_follow_the_covariance_of_rates_and_not_the_rates():
    rng = np.random.default_rng(1)
    rule, change = sf.Covariance(tau=30.0, tau_mean=400.0, learning_rate=1.0, decay=0.0), []
    for shared in (True, False):
        rates = np.repeat(rng.choice([0.01, 0.09], (240, 2)), 50, axis=0)  # 10 or 90 Hz, anew every 50 ms
        fired = rng.random(rates.shape) < (rates[:, :1] if shared else rates)
        fired[:, 1] |= rng.random(len(rates)) < 0.03  # another base for one of them
        early = [np.flatnonzero(column[:2000]) for column in fired.T]  # while usual rates still rise from 0
        change.append(learnt(rule, *(np.flatnonzero(column) for column in fired.T)) - learnt(rule, *early))
    seen = (400.0 * -np.expm1(-50.0 / 400.0) - 30.0 * -np.expm1(-50.0 / 30.0)) / 50.0
    expected = 2.0 * 40.0 * (40.0 * 0.97) * seen * 10.0  # twice the covariance, Hz^2, over 10 s
    assert change[0] == pytest.approx(expected, rel=0.3)  # spikes of 10 s: a tenth of noise or more
    assert abs(change[1]) < 0.3 * expected


def test_bounds_stop_the_weight():
    rule = sf.Covariance(learning_rate=1.0, decay=0.0, bounds=sf.HardBounds(low=-0.5, high=0.5))
    opposite = sf.Covariance(learning_rate=-1.0, decay=0.0, bounds=rule.bounds)
    assert learnt(rule, [1.0], [2.0]) == 0.5
    assert learnt(opposite, [1.0], [2.0]) == -0.5


@pytest.mark.parametrize(
    ("options", "field"),
    [({"tau": 0.0}, "tau"), ({"tau": 50.0, "tau_mean": 50.0}, "tau_mean"), ({"decay": -0.1}, "decay"),
     ({"decay": 1.5}, "decay"), ({"learning_rate": float("nan")}, "learning_rate"), ({"bounds": sf.HardBounds}, "bounds")],
)  # fmt: skip
def test_a_field_outside_its_range_is_refused(options, field):
    with pytest.raises(sf.InvalidValue, match=rf"Covariance\.{field}"):
        sf.Covariance(**options)
