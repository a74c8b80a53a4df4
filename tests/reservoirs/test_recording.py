"""Recording sees and does not touch: whatever is kept, wherever it goes and however a run is cut: the same bits."""

import signal

import h5py
import numpy as np
import pytest

import synfire as sf
from synfire.reservoirs.running import Running


def network():
    """Two merged populations of LIF, noise, delays, a readout that learns and feeds back. Returns it and its parts."""
    rng = np.random.default_rng(0)
    net = sf.Network(dt=0.5, seed=3)
    cells = net.population(30, sf.LIF(t_refractory=2.0), name="cells")
    others = net.population(10, sf.LIF(t_refractory=2.0), name="others")
    net.drive(cells, sf.GaussianNoise(mean=18.0, std=20.0))
    net.drive(others, sf.Current(amplitude=15.5))
    weights = {"weight": sf.uniform(-1.0, 3.0), "delay": sf.uniform(0.0, 9.0)}
    net.connect(cells, [cells, others], p=0.3, **weights)
    net.connect(others, [cells, others], p=0.3, synapse=sf.Exponential(tau_syn=4.0), **weights)
    feedback = rng.normal(0.0, 1.0, (30, 2))
    readout = net.readout(cells, 2, sf.ThreeFactor(learning_rate=0.01), every=1.5, feedback=feedback)
    teaching = sf.Teaching(rng.normal(size=(200, 2)), rng.choice([0.0, 1.0], (200, 2)), rng.random(200) < 0.9)
    return net, cells, others, readout, teaching


def everything(cells, others):
    return [
        sf.Spikes(cells), sf.Spikes(others), sf.Trace(cells, "v"), sf.Trace(others[2:5], "refractory", every=1.0),
        sf.Trace(others, "current", every=2.5),
    ]  # fmt: skip


def observed(result, cells, others):
    """All that was recorded, as a list of arrays."""
    spikes = [array for part in (cells, others) for array in result.spikes(part)]
    traces = [result.trace(cells, "v"), result.trace(others[2:5], "refractory"), result.trace(others, "current")]
    return [*spikes, *(array for trace in traces for array in trace), *result.outputs]


def assert_same(first, second):
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def assert_same_state(first, second):
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


@pytest.fixture(scope="module")
def whole():
    """The unbroken run that others are compared with: 151 ms, which is no multiple of any period."""
    net, cells, others, readout, teaching = network()
    result = net.run(151.0, record=everything(cells, others), teach={readout: teaching})
    assert len(result.spikes(cells).times) > 200
    assert len(result.spikes(others).times) > 0
    return observed(result, cells, others), result.state


def test_what_is_recorded_changes_no_result(whole):
    for record in (lambda c, o: [], lambda c, o: [sf.Spikes(c[:3])], lambda c, o: [sf.Trace(o, "v", every=5.0)]):
        net, cells, others, readout, teaching = network()
        result = net.run(151.0, record=record(cells, others), teach={readout: teaching})
        assert_same_state(result.state, whole[1])
        np.testing.assert_array_equal(result.outputs[0], whole[0][-1])


@pytest.mark.parametrize("cuts", [(150,), (1, 2, 3), (7, 64, 65), (151, 301)])
def test_stopping_and_going_on_is_the_unbroken_run(whole, cuts):
    net, cells, others, readout, teaching = network()
    parts, state, first = [], None, 0
    for last in (*cuts, 302):
        rest = sf.Teaching(teaching.target[first // 3 :], teaching.attention[first // 3 :], teaching.on[first // 3 :])
        result = net.run(
            (last - first) * 0.5, record=everything(cells, others), teach={readout: rest}, state=state, progress=False
        )
        assert result.start == first * 0.5
        assert result.stop == last * 0.5
        parts.append(observed(result, cells, others))
        state, first = result.state, last
    neurons = {6, 9, 12}  # of traces: the same in every part
    joined = [parts[0][i] if i in neurons else np.concatenate([p[i] for p in parts]) for i in range(len(parts[0]))]
    assert_same(joined, whole[0])
    assert_same_state(state, whole[1])


@pytest.mark.parametrize("size", [1, 5, 100])
def test_the_size_of_chunks_changes_no_result(whole, size, monkeypatch):
    advance = Running.advance
    calls = []

    def smaller(self, steps, **options):
        calls.append(steps)
        return advance(self, min(steps, size), **options)

    monkeypatch.setattr(Running, "advance", smaller)
    net, cells, others, readout, teaching = network()
    result = net.run(151.0, record=everything(cells, others), teach={readout: teaching})
    assert len(calls) >= 302 / size
    assert_same(observed(result, cells, others), whole[0])
    assert_same_state(result.state, whole[1])


def test_a_full_buffer_of_spikes_changes_no_result(whole, monkeypatch):
    import synfire.reservoirs.running as module

    monkeypatch.setattr(module, "_EVENTS", 1)  # room for four steps of all neurons firing
    net, cells, others, readout, teaching = network()
    result = net.run(151.0, record=everything(cells, others), teach={readout: teaching})
    assert_same(observed(result, cells, others), whole[0])


def test_a_file_holds_what_memory_would(whole, tmp_path):
    net, cells, others, readout, teaching = network()
    path = tmp_path / "run.h5"
    result = net.run(151.0, record=everything(cells, others), teach={readout: teaching}, stream=str(path))
    assert_same(observed(result, cells, others), whole[0])
    assert [p.name for p in tmp_path.iterdir()] == ["run.h5"]
    with h5py.File(path) as file:
        assert len(file["spikes/lif/steps"]) == len(whole[0][0]) + len(whole[0][2])


def test_a_file_that_cannot_be_written_is_said_so(tmp_path):
    net, cells, *_ = network()
    with pytest.raises(sf.SynfireError, match="stream: cannot write"):
        net.run(1.0, record=[sf.Spikes(cells)], stream=str(tmp_path / "no such folder" / "run.h5"))


def test_samples_are_taken_at_multiples_of_every_from_the_start_of_time():
    net, cells, *_ = network()
    result = net.run(10.0, record=[sf.Trace(cells[[4, 1]], "v", every=2.5)])
    trace = result.trace(cells[[4, 1]], "v")
    np.testing.assert_array_equal(trace.times, [0.0, 2.5, 5.0, 7.5])
    np.testing.assert_array_equal(trace.neurons, [4, 1])
    np.testing.assert_array_equal(trace.values[0], [-65.0, -65.0])  # before anything happened
    later = net.run(5.0, record=[sf.Trace(cells[[4, 1]], "v", every=2.5)], state=net.run(6.0).state)
    np.testing.assert_array_equal(later.trace(cells[[4, 1]], "v").times, [7.5, 10.0])
    np.testing.assert_array_equal(later.trace(cells[[4, 1]], "v").values[0], trace.values[3])


def test_requests_for_one_variable_at_two_periods_come_back_as_they_were_asked():
    net, cells, *_ = network()
    both = net.run(12.0, record=[sf.Trace(cells[:2], "v", every=1.0), sf.Trace(cells[1:4], "v", every=1.5)])
    alone = net.run(12.0, record=[sf.Trace(cells[:4], "v")]).trace(cells[:4], "v")
    for part, every in ((cells[:2], 1.0), (cells[1:4], 1.5)):
        trace = both.trace(part, "v")
        np.testing.assert_allclose(trace.times, np.arange(0.0, 12.0, every))
        np.testing.assert_array_equal(trace.values, alone.values[:: round(every / 0.5), part.index])
    np.testing.assert_array_equal(both.trace(cells[1], "v", every=1.5).times, both.trace(cells[2], "v").times)
    np.testing.assert_array_equal(both.trace(cells[1], "v").times, both.trace(cells[0], "v").times)
    with pytest.raises(sf.InvalidValue, match="recorded"):
        both.trace(cells[:4], "v")


def test_the_trace_of_one_population_leaves_anothers_alone():
    """Both are of one model, and so of one group."""
    net = sf.Network(dt=0.5)
    slow, fast = net.population(300, sf.LIF()), net.population(2, sf.LIF())
    result = net.run(100.0, record=[sf.Trace(slow, "v", every=50.0), sf.Trace(fast, "v")], progress=False)
    assert result.trace(slow, "v").values.shape == (2, 300)
    assert result.trace(fast, "v").values.shape == (200, 2)


def test_an_interrupt_keeps_what_was_done_and_the_run_can_go_on(whole, monkeypatch):
    from synfire.reservoirs.progress import Progress

    calls, advance = [], Progress.advance

    def pressed(self, steps):
        calls.append(steps)
        advance(self, steps)
        if len(calls) == 1:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Progress, "advance", pressed)
    net, cells, others, readout, teaching = network()
    result = net.run(151.0, record=everything(cells, others), teach={readout: teaching})
    done = int(result.state["step"][0])
    assert result.interrupted
    assert 0 < done < 302
    assert result.stop == done * 0.5
    part = observed(result, cells, others)
    for kept, full in zip(part, whole[0], strict=True):
        np.testing.assert_array_equal(kept, full[: len(kept)])
    before = whole[0][0] < result.stop
    assert len(part[0]) == before.sum()
    rest = sf.Teaching(teaching.target[done // 3 :], teaching.attention[done // 3 :], teaching.on[done // 3 :])
    monkeypatch.undo()
    assert_same_state(net.run(151.0 - result.stop, teach={readout: rest}, state=result.state).state, whole[1])


def test_an_interrupt_while_records_are_kept_cuts_them_all_at_one_step(whole, monkeypatch):
    """Regression: KeyboardInterrupt between two appends left spikes of a chunk without its samples."""
    from synfire.reservoirs.recording import MemorySink

    append, blocks = MemorySink.append, []

    def pressed(self, name, block):
        append(self, name, block)
        blocks.append(name)
        if len(blocks) == 2:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(MemorySink, "append", pressed)
    net, cells, others, readout, teaching = network()
    result = net.run(151.0, record=everything(cells, others), teach={readout: teaching})
    assert result.interrupted
    assert 0.0 < result.stop < 151.0
    trace = result.trace(cells, "v")
    assert trace.times[-1] + net.dt == result.stop
    assert len(result.outputs[0]) == int(result.state["step"][0]) // readout.every


def test_a_second_interrupt_stops_at_once(monkeypatch):
    from synfire.reservoirs.progress import Progress

    def pressed(self, steps):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(Progress, "advance", pressed)
    with pytest.raises(KeyboardInterrupt):
        network()[0].run(151.0)
    assert signal.getsignal(signal.SIGINT) is before


def test_what_was_not_recorded_or_does_not_exist_is_said_so():
    net, cells, others, *_ = network()
    result = net.run(1.0, record=[sf.Spikes(cells[:3]), sf.Trace(cells[:3], "v")])
    for missing in (lambda: result.spikes(others), lambda: result.spikes(cells)):
        with pytest.raises(sf.InvalidValue, match="recorded"):
            missing()
    with pytest.raises(sf.InvalidValue, match="add a Trace"):
        result.trace(cells, "v")
    with pytest.raises(sf.UnknownName, match=r"one of .*refractory.*got 'w'"):
        net.run(1.0, record=[sf.Trace(cells, "w")])
    with pytest.raises(sf.InvalidValue, match=r"Trace\.every"):
        net.run(1.0, record=[sf.Trace(cells, "v", every=0.7)])
    with pytest.raises(sf.InvalidValue, match="record: must be Spikes"):
        net.run(1.0, record=[cells])


def test_running_does_not_change_the_state_it_starts_from():
    net, *_ = network()
    simulation = net.simulation()
    state = simulation.initial_state()
    before = {name: array.copy() for name, array in state.items()}
    simulation.advance(state, 50)
    assert_same_state(state, before)


def learning(seed=1, rule=None, dt=0.5, precision="double", tau_m=20.0):
    net = sf.Network(dt=dt, seed=seed, precision=precision)
    source, cells = net.population(30, sf.Poisson(rate=50.0)), net.population(10, sf.LIF(tau_m=tau_m))
    net.connect(source, cells, sf.FixedInDegree(5), weight=sf.uniform(0.0, 1.0), plasticity=rule or sf.STDP())
    return net


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"seed": 2}, "wiring"),  # the learnt weights would belong to other pairs
        ({"rule": sf.InhibitorySTDP()}, "InhibitorySTDP"),
        ({"dt": 0.25}, "dt = 0.25"),
        ({"precision": "single"}, "float32"),
    ],
)
def test_a_state_of_another_network_is_refused_and_told_apart(other, says):
    state = learning().run(20.0, progress=False).state
    with pytest.raises(sf.InvalidValue, match=says):
        learning(**other).run(5.0, state=state, progress=False)


def test_a_state_may_run_on_with_other_parameters():
    state = learning().run(20.0, progress=False).state
    assert learning(tau_m=10.0).run(5.0, state=state, progress=False).start == 20.0


@pytest.mark.parametrize(("name", "value"), [("lif.v", np.nan), ("step", -5)])
def test_a_state_that_no_run_leaves_is_refused(name, value):
    net = learning()
    state = net.run(20.0, progress=False).state
    state[name][0] = value
    with pytest.raises(sf.InvalidValue, match=name):
        net.run(5.0, state=state, progress=False)


@pytest.mark.parametrize("state", [{"step": 1}, 3, [1.0]])
def test_what_is_no_state_is_refused(state):
    with pytest.raises(sf.InvalidValue, match="state"):
        learning().run(5.0, state=state, progress=False)
