"""The Tempotron against its closed forms, a potential on a dense grid, and finite differences."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import synfire as sf

RULE = sf.Tempotron()


def one_sample(times, neurons, n_in):
    return sf.SpikeTrains(n_in=n_in, offsets=[0, len(times)], times=times, neurons=neurons)


def random_trains(samples, n_in, spikes, seed=0, window=100.0):
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0.0, window, (samples, spikes)), 1).ravel()
    return sf.SpikeTrains(
        n_in=n_in, offsets=np.arange(samples + 1) * spikes, times=times, neurons=rng.integers(0, n_in, samples * spikes)
    )


def potential(state, trains, sample, t, unit=0):
    """V by its definition, in plain loops."""
    tau, tau_s = math.exp(state.log_tau[unit]), math.exp(state.log_tau_s[unit])
    top = tau * tau_s / (tau - tau_s) * math.log(tau / tau_s)
    v_0 = 1.0 / (math.exp(-top / tau) - math.exp(-top / tau_s))
    v = 0.0
    for i in range(trains.offsets[sample], trains.offsets[sample + 1]):
        x = t - trains.times[i]
        if x > 0.0:
            v += state.weight[trains.neurons[i], unit] * v_0 * (math.exp(-x / tau) - math.exp(-x / tau_s))
    return v


def only(weight):
    return RULE.init(len(weight), 1, seed=0)._replace(weight=np.array(weight, dtype=float)[:, None])


def test_the_kernels_peak_is_one_at_five_ln_four():
    v_max, t_max = RULE.peaks(only([1.0]), one_sample([3.0], [0], 1))
    assert v_max[0, 0] == pytest.approx(1.0, abs=1e-12)
    assert t_max[0, 0] == pytest.approx(3.0 + 5.0 * math.log(4.0), abs=1e-12)


def test_peaks_are_those_of_a_dense_grid():
    trains = random_trains(12, 10, 25)
    state = RULE.init(10, 3, seed=1)._replace(log_tau=np.log([15.0, 15.0, 7.0]), log_tau_s=np.log([3.75, 1.0, 3.0]))
    v_max, t_max = RULE.peaks(state, trains)
    grid = np.arange(0.0, 160.0, 0.01)
    for s in range(12):
        v = RULE.trace(state, trains, s, grid)
        assert potential(state, trains, s, 57.0, 2) == pytest.approx(v[5700, 2], abs=1e-12)  # the grid's own oracle
        assert (v_max[s] >= np.maximum(v.max(0), 0.0) - 1e-12).all()
        np.testing.assert_allclose(v_max[s], np.maximum(v.max(0), 0.0), atol=3e-4)  # a kink's slope times half a step
        there = np.diag(RULE.trace(state, trains, s, t_max[s]))
        np.testing.assert_allclose(there[v_max[s] > 0.0], v_max[s][v_max[s] > 0.0], atol=1e-12)
    assert (v_max > 0.1).mean() > 0.8


def test_v_is_never_above_rest_where_all_weights_are_negative_and_a_miss_still_teaches():
    trains = one_sample([1.0, 9.0], [0, 1], 2)
    v_max, t_max = RULE.peaks(only([-1.0, -2.0]), trains)
    assert v_max[0, 0] == 0.0
    assert t_max[0, 0] == pytest.approx(9.0 + 5.0 * math.log(4.0))
    learned, errors = RULE.epoch(only([-1.0, -2.0]), trains, [1], [0])
    assert errors == 1
    assert (learned.weight > [[-1.0], [-2.0]]).all()


def test_a_sample_without_spikes_has_no_peak_and_never_fires():
    trains = sf.SpikeTrains(n_in=2, offsets=[0, 0, 1], times=[4.0], neurons=[1])
    v_max, t_max = RULE.peaks(only([1.0, 2.0]), trains)
    assert (v_max[0, 0], t_max[0, 0]) == (0.0, 0.0)
    assert RULE.answers(only([1.0, 2.0]), trains).tolist() == [0, 1]
    assert np.isinf(RULE.first_spikes(only([1.0, 2.0]), trains)[0, 0])
    _, errors = RULE.epoch(only([1.0, 2.0]), trains, [1, 1], [0, 1, 0])
    assert errors == 2


def test_the_first_spike_is_the_first_moment_at_the_threshold():
    trains = random_trains(40, 10, 60)
    state = RULE.init(10, 2, seed=3)
    state = state._replace(weight=0.6 * state.weight)
    crossing, v_max = RULE.first_spikes(state, trains), RULE.peaks(state, trains)[0]
    np.testing.assert_array_equal(np.isfinite(crossing), v_max >= 1.0)
    assert 10 < np.isfinite(crossing).sum() < 70
    for s, k in np.argwhere(np.isfinite(crossing)):
        assert potential(state, trains, s, crossing[s, k], k) == pytest.approx(1.0, abs=1e-9)
        assert RULE.trace(state, trains, s, np.arange(0.0, crossing[s, k], 0.02))[:, k].max() < 1.0


def test_a_maximum_at_a_spike_is_at_that_spike_however_times_are_rounded():
    """first + (second - first) is above second here: the crossing was sought after the second spike, 13 ms late."""
    first, second = 13.499096952073819, 30.09621789929061
    assert first + (second - first) > second
    rule = sf.Tempotron(tau=37.054, tau_s=18.847, v_threshold=0.3909)
    trains = one_sample([first, second], [0, 1], 2)
    state = rule.init(2, 1, seed=0)._replace(weight=np.array([[1.1107], [-2.0196]]))
    assert rule.peaks(state, trains)[1][0, 0] == second
    crossing = rule.first_spikes(state, trains)[0, 0]
    assert first < crossing < 17.5
    assert potential(state, trains, 0, crossing) == pytest.approx(0.3909, abs=1e-9)


@pytest.mark.parametrize(("target", "weight", "sign"), [(1, 0.2, 1.0), (0, 2.0, -1.0)])
def test_an_error_moves_weights_by_the_trace_at_the_maximum(target, weight, sign):
    """A miss up, a false alarm down, a second error with the first one's momentum; spikes after t_max do not count."""
    trains = one_sample([0.0, 2.0, 90.0], [0, 2, 1], 3)
    state = only([weight, 0.1 * weight, weight])
    (t_max,) = RULE.peaks(state, trains)[1].ravel()
    assert t_max < 90.0
    shape = [potential(only(np.eye(3)[i]), trains, 0, t_max) for i in range(3)]
    learned, errors = RULE.epoch(state, trains, [target], [0])
    expected = sign * 0.01 / math.sqrt(3.0) * np.array(shape)
    assert errors == 1
    assert shape[1] == 0.0
    np.testing.assert_allclose(learned.weight[:, 0] - state.weight[:, 0], expected, rtol=1e-9, atol=1e-15)
    again, _ = RULE.epoch(learned, trains, [target], [0])
    (t_max,) = RULE.peaks(learned, trains)[1].ravel()
    shape = np.array([potential(only(np.eye(3)[i]), trains, 0, t_max) for i in range(3)])
    expected = 0.9 * expected + sign * 0.01 / math.sqrt(3.0) * shape
    np.testing.assert_allclose(again.weight[:, 0] - learned.weight[:, 0], expected, rtol=1e-9, atol=1e-15)
    assert again.log_tau == state.log_tau  # internal_rate is 0


def test_nothing_changes_without_an_error():
    trains = random_trains(20, 10, 40)
    rule = sf.Tempotron(internal_rate=0.01)
    state = rule.init(10, 1, seed=3)._replace(velocity=np.ones((10, 1)))
    learned, errors = rule.epoch(state, trains, rule.answers(state, trains), np.arange(20))
    assert errors == 0
    assert len(set(rule.answers(state, trains).tolist())) == 2
    for before, after in zip(state, learned, strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("target", [0, 1])
def test_internal_parameters_move_along_the_derivative_of_the_maximum(target):
    """Central differences of max V itself, in which t_max is free to move."""
    step, rate = 1e-5, 1e-3
    rule = sf.Tempotron(internal_rate=rate)
    for seed in range(5):
        trains = random_trains(1, 8, 20, seed)
        state = rule.init(8, 1, seed)
        state = state._replace(weight=state.weight + 0.2)
        v_max = rule.peaks(state, trains)[0][0, 0]
        assert v_max > 0.1
        state = state._replace(v_threshold=np.array([v_max + (0.01 if target else -0.01)]))
        sign = 1.0 if target else -1.0
        learned, errors = rule.epoch(state, trains, [target], [0])
        assert errors == 1
        for name in ("log_tau", "log_tau_s"):
            value = getattr(state, name)
            ends = [rule.peaks(state._replace(**{name: value + d}), trains)[0][0, 0] for d in (step, -step)]
            moved = (getattr(learned, name) - value)[0]
            assert moved == pytest.approx(sign * rate * (ends[0] - ends[1]) / (2.0 * step), rel=1e-4, abs=1e-9)
        assert learned.v_threshold[0] == pytest.approx(state.v_threshold[0] - sign * rate)


def test_internal_parameters_stay_where_the_kernel_has_a_peak():
    rule = sf.Tempotron(tau=4.2, internal_rate=0.5)
    trains, target = random_trains(30, 8, 30, seed=2), np.arange(30) % 2
    state, _ = rule.fit(rule.init(8, 1, seed=0), trains, target, epochs=20, seed=0)
    assert state.log_tau[0] - state.log_tau_s[0] >= math.log(1.1) - 1e-12
    assert state.v_threshold[0] >= 0.05
    assert all(np.isfinite(part).all() for part in state)


@pytest.mark.parametrize("classes", [2, 3])
def test_learns_random_patterns_without_error(classes):
    trains, target = random_trains(30, 40, 40, seed=5, window=300.0), np.arange(30) % classes
    rule = sf.Tempotron(internal_rate=1e-4)
    state, errors = rule.fit(rule.init(40, 1 if classes == 2 else 3, seed=0), trains, target, epochs=300, seed=0)
    assert errors[0] > 5
    assert errors[-1] == 0
    np.testing.assert_array_equal(rule.answers(state, trains), target)
    assert rule.epoch(state, trains, target, np.arange(30))[1] == 0


def test_units_learn_alone_and_time_constants_of_one_do_not_reach_another():
    """Three units together are three single units, each against the rest; also where they differ in tau."""
    trains, target = random_trains(20, 12, 30, seed=6), np.arange(20) % 3
    rule = sf.Tempotron(internal_rate=1e-2)
    state = rule.init(12, 3, seed=0)._replace(log_tau=np.log([15.0, 10.0, 20.0]))
    order = np.random.default_rng(0).permutation(20)
    together, errors = rule.epoch(state, trains, target, order)
    alone = []
    for k in range(3):
        single = sf.TempotronState(*(part[..., k : k + 1] for part in state))
        learned, count = rule.epoch(single, trains, (target == k).astype(int), order)
        alone.append(count)
        for part, mine in zip(together, learned, strict=True):
            np.testing.assert_array_equal(part[..., k : k + 1], mine)
    assert sum(alone) == errors > 0


def test_result_does_not_depend_on_how_an_epoch_is_cut_nor_on_threads():
    trains, target = random_trains(30, 12, 30, seed=7), np.arange(30) % 2
    rule = sf.Tempotron(internal_rate=1e-3)
    start = rule.init(12, 1, seed=0)
    first, again = (rule.fit(start, trains, target, epochs=5, seed=4) for _ in range(2))
    with ThreadPoolExecutor(4) as pool:  # several callers at once: nothing is shared
        others = [
            job.result() for job in [pool.submit(rule.fit, start, trains, target, epochs=5, seed=4) for _ in range(4)]
        ]
    for state, errors in (again, *others):
        np.testing.assert_array_equal(errors, first[1])
        for part, mine in zip(first[0], state, strict=True):
            np.testing.assert_array_equal(part, mine)
    order = np.random.default_rng(1).permutation(30)
    whole, errors = rule.epoch(start, trains, target, order)
    half, some = rule.epoch(start, trains, target, order[:11])
    rest, more = rule.epoch(half, trains, target, order[11:])
    assert some + more == errors
    np.testing.assert_array_equal(whole.weight, rest.weight)
    shuffled = sf.SpikeTrains(
        n_in=12, offsets=trains.offsets, times=trains.times.reshape(30, 30)[order].ravel(),
        neurons=trains.neurons.reshape(30, 30)[order].ravel(),
    )  # fmt: skip
    np.testing.assert_array_equal(rule.peaks(start, trains)[0][order], rule.peaks(start, shuffled)[0])


def test_dense_arrays_become_the_same_events():
    spiked = np.zeros((5, 3, 2))
    spiked[1, 0, 1] = spiked[3, 0, 0] = spiked[3, 0, 1] = spiked[0, 2, 1] = 1.0
    trains = sf.SpikeTrains.from_dense(spiked, 0.5)
    assert (trains.n_in, trains.samples) == (2, 3)
    assert trains.offsets.tolist() == [0, 3, 3, 4]
    assert trains.times.tolist() == [0.5, 1.5, 1.5, 0.0]
    assert trains.neurons.tolist() == [1, 0, 1, 1]


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("n_in", {"n_in": 0}), ("n_in", {"n_in": True}), ("offsets", {"offsets": [0, 1]}), ("offsets", {"offsets": [0, 3, 2]}),
        ("offsets", {"offsets": [0.0, 2.0]}), ("offsets", {"offsets": []}), ("times", {"times": [2.0, 1.0]}),
        ("times", {"times": [0.0, math.nan]}), ("times", {"times": ["a", "b"]}), ("neurons", {"neurons": [0, 2]}),
        ("neurons", {"neurons": [0, -1]}), ("neurons", {"neurons": [0]}), ("neurons", {"neurons": [0.0, 1.0]}),
    ],
)  # fmt: skip
def test_events_that_are_none_are_refused(field, change):
    good = {"n_in": 2, "offsets": [0, 2], "times": [1.0, 2.0], "neurons": [0, 1]}
    with pytest.raises(sf.InvalidValue, match=rf"^SpikeTrains\.{field}: "):
        sf.SpikeTrains(**good | change)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("n_in", lambda state, trains: RULE.init(0, 1, seed=0)),
        ("n_out", lambda state, trains: RULE.init(3, 1.0, seed=0)),
        ("seed", lambda state, trains: RULE.init(3, 1, seed=-1)),
        ("trains", lambda state, trains: RULE.peaks(state, np.zeros((2, 2, 2)))),
        ("state.weight", lambda state, trains: RULE.peaks(RULE.init(4, 1, seed=0), trains)),
        ("state.log_tau", lambda state, trains: RULE.peaks(state._replace(log_tau=np.zeros(2)), trains)),
        ("target", lambda state, trains: RULE.epoch(state, trains, [0], [0])),
        ("target", lambda state, trains: RULE.epoch(state, trains, [0, 2], [0])),
        ("target", lambda state, trains: RULE.epoch(state, trains, [0.0, 1.0], [0])),
        ("order", lambda state, trains: RULE.epoch(state, trains, [0, 1], [2])),
        ("order", lambda state, trains: RULE.epoch(state, trains, [0, 1], [0.5])),
        ("epochs", lambda state, trains: RULE.fit(state, trains, [0, 1], epochs=0, seed=0)),
        ("sample", lambda state, trains: RULE.trace(state, trains, 2, [0.0])),
        ("times", lambda state, trains: RULE.trace(state, trains, 0, 1.0)),
        ("spiked", lambda state, trains: sf.SpikeTrains.from_dense(np.zeros((2, 2)), 1.0)),
        ("dt", lambda state, trains: sf.SpikeTrains.from_dense(np.zeros((2, 2, 2)), 0.0)),
        ("tau", lambda state, trains: sf.Tempotron(tau=4.0)),
        ("momentum", lambda state, trains: sf.Tempotron(momentum=1.0)),
    ],
)
def test_what_does_not_fit_is_refused(name, call):
    trains = random_trains(2, 3, 4)
    with pytest.raises(sf.InvalidValue, match=rf"^(Tempotron|SpikeTrains)(: |\.){name}: "):
        call(RULE.init(3, 1, seed=0), trains)


def test_spikes_that_go_on_are_those_of_a_loop_with_a_reset():
    """The potential by its definition, of the spikes since the last reset; a spike is heard from the next step on."""
    dt = 0.5
    rng = np.random.default_rng(4)
    spiked = (rng.random((50, 4, 6)) < 0.08).astype(np.uint8)
    state = RULE.init(6, 3, seed=0)._replace(
        weight=rng.normal(0.6, 0.6, (6, 3)), log_tau=np.log([15.0, 8.0, 15.0]), v_threshold=np.array([1.0, 1.0, 0.4])
    )
    found = RULE.spikes(state, spiked, dt)
    expected = np.zeros_like(found)
    for s in range(4):
        for k in range(3):
            since = 0
            for t in range(50):
                step, channel = np.nonzero(spiked[since:t, s])
                heard = one_sample((since + step) * dt, channel, 6)
                if potential(state, heard, 0, t * dt, k) >= state.v_threshold[k]:
                    expected[t, s, k] = 1
                    since = t  # what arrives in the step of a spike comes after the reset
    assert found.dtype == np.uint8 and found.sum(0).max() > 3 and (found.sum(0) == 0).sum() < 6
    np.testing.assert_array_equal(found, expected)


def test_the_first_of_them_is_the_first_spike_rounded_up_to_the_grid():
    spiked = (np.random.default_rng(5).random((200, 6, 6)) < 0.04).astype(np.uint8)
    state = RULE.init(6, 2, seed=1)._replace(weight=np.full((6, 2), 0.7))
    trains = sf.SpikeTrains.from_dense(spiked, 0.25)
    first = RULE.first_spikes(state, trains)
    fired = RULE.spikes(state, spiked, 0.25)
    fires = fired.any(0)
    assert fires.all()
    late = fired.argmax(0) * 0.25 - first
    assert (late[fires] >= -1e-9).all() and np.median(late) < 0.25  # a crossing that ends within a step is not seen


def test_a_unit_hears_a_spike_only_after_its_step():
    spiked = np.zeros((30, 1, 1), np.uint8)
    spiked[0] = 1
    fired = RULE.spikes(only([1.0 / 0.99]), spiked, 1.0)[:, 0, 0]
    assert fired.tolist()[:4] == [0, 0, 0, 0] and fired.sum() == 1  # nothing is left after the reset
    assert not RULE.spikes(only([0.99]), spiked, 1.0).any()  # the kernel's peak is 1
