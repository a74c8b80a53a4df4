"""What a network refuses, when it refuses it, and what its draws depend on."""

import math
import time

import numpy as np
import pytest

import synfire as sf
from synfire.neurons.lif import LIFState, LIFStep


@pytest.fixture
def net():
    return sf.Network(dt=0.5, seed=1)


@pytest.fixture
def cells(net):
    return net.population(5, sf.LIF(), name="cells")


@pytest.mark.parametrize("dt", [0.0, -0.1, math.nan, math.inf, "0.1", None, True])
def test_a_clock_that_cannot_tick_is_refused(dt):
    with pytest.raises(sf.InvalidValue, match=r"Network\.dt: must be > 0 ms"):
        sf.Network(dt=dt)


@pytest.mark.parametrize("seed", [-1, 0.5, "1", None])
def test_a_seed_that_is_none_is_refused(seed):
    with pytest.raises(sf.InvalidValue, match=r"Network\.seed: must be a whole number from 0"):
        sf.Network(dt=0.1, seed=seed)


@pytest.mark.parametrize("n", [0, -1, 2.0, "5", None, True])
def test_a_population_that_is_empty_or_no_number_is_refused(net, n):
    with pytest.raises(sf.InvalidValue, match=r"population: n: must be a whole number >= 1"):
        net.population(n, sf.LIF())
    assert net.populations == []


@pytest.mark.parametrize("model", [sf.LIF, "LIF", None, sf.Current()])
def test_what_is_no_model_is_refused(net, model):
    with pytest.raises(sf.InvalidValue, match="population: model"):
        net.population(5, model)


@pytest.mark.parametrize("name", ["cells", "a/b"])
def test_a_name_that_is_taken_or_would_be_a_path_is_refused(net, cells, name):
    with pytest.raises(sf.InvalidValue, match="population: name"):
        net.population(5, sf.LIF(), name=name)


@pytest.mark.parametrize(
    "initial", [{"w": 0.0}, {"v": math.nan}, {"v": [1.0, 2.0]}, {"v": sf.uniform(0, 1) / 0.0}, {"v": "high"}]
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_an_initial_state_that_does_not_exist_or_fit_is_refused(net, initial):
    with pytest.raises(sf.InvalidValue, match="population: initial"):
        net.population(5, sf.LIF(), initial=initial)
    assert net.populations == []


def test_dt_above_a_time_constant_warns(net):
    with pytest.warns(RuntimeWarning, match="LIF.tau_m = 0.2 ms is shorter than dt = 0.5 ms"):
        net.population(5, sf.LIF(tau_m=0.2))


def test_a_population_too_large_for_memory_is_refused_before_it_is_made(net):
    began = time.perf_counter()
    with pytest.raises(sf.TooLarge, match=r"population .*needs about .* GiB, .* GiB are free; make it smaller"):
        net.population(10**13, sf.LIF())
    assert time.perf_counter() - began < 1.0  # refused from an estimate; making it would take hours


@pytest.mark.parametrize(
    "how", [sf.FixedProbability(1.0), sf.AllToAll(), sf.FixedInDegree(10**6), sf.FixedProbability(0.5)]
)
def test_a_projection_too_large_for_memory_is_refused_before_it_is_made(net, how):
    large = net.population(10**6, sf.Izhikevich())
    began = time.perf_counter()
    with pytest.raises(sf.TooLarge, match=r"connect .*needs about .* GiB.*lower p or the in-degree") as caught:
        net.connect(large, large, how, weight=1.0)
    assert time.perf_counter() - began < 1.0
    assert isinstance(caught.value, MemoryError)
    assert net.projections == []


@pytest.mark.parametrize(
    "weight, match",
    [
        (math.nan, "NaN or infinity"),
        (math.inf, "NaN or infinity"),
        (np.full((5, 5), np.nan), "NaN or infinity"),
        (np.zeros((4, 5)), r"of shape \(5, 5\)"),
        (np.zeros(7), r"of shape \(25,\) \(synapses\)"),
        ("heavy", "a number, an array or a Distribution"),
        ("1.0", "a number, an array or a Distribution"),
        (None, "a number, an array or a Distribution"),
        (sf.uniform(1.0, 2.0) * math.inf, "NaN or infinity"),
    ],
)
def test_a_weight_that_is_not_finite_or_does_not_fit_is_refused(net, cells, weight, match):
    with pytest.raises(sf.InvalidValue, match=f"connect: weight.*{match}"):
        net.connect(cells, cells, sf.AllToAll(), weight=weight)
    assert net.projections == []


@pytest.mark.parametrize(
    "delay, match",
    [
        (-0.5, ">= 0 ms"),
        (-0.1, "."),
        (0.3, r"a multiple of dt = 0\.5 ms.*use 0 or 0\.5, or lower dt"),
        (math.nan, "NaN"),
        (math.inf, "NaN or infinity"),
        (0.5 * 65_536, "65535 steps"),
        (np.full((5, 5), 0.7), r"multiple of dt.*use 0\.5 or 1"),
        (sf.uniform(-3.0, -1.0), ">= 0 ms.*clip the distribution"),
    ],
)
def test_a_delay_that_is_negative_or_off_the_grid_is_refused(net, cells, delay, match):
    with pytest.raises(sf.InvalidValue, match=f"connect: delay.*{match}"):
        net.connect(cells, cells, sf.AllToAll(), weight=1.0, delay=delay)
    assert net.projections == []


def test_a_drawn_delay_is_rounded_to_the_grid(net, cells):
    (made,) = net.connect(cells, cells, sf.AllToAll(), weight=1.0, delay=sf.uniform(1.0, 3.0))
    assert set(np.unique(made.delay)) <= {2, 3, 4, 5, 6}
    assert len(np.unique(made.delay)) > 2


@pytest.mark.parametrize("tau", [0.0, -5.0, math.nan, math.inf])
def test_a_time_constant_that_is_none_is_refused(tau):
    with pytest.raises(sf.InvalidValue, match=r"LIF\.tau_m: must be > 0 ms"):
        sf.LIF(tau_m=tau)
    with pytest.raises(sf.InvalidValue, match=r"Exponential\.tau_syn: must be > 0 ms"):
        sf.Exponential(tau_syn=tau)


def test_connect_wants_exactly_one_way_to_connect(net, cells):
    for options in ({}, {"p": 0.1, "how": sf.AllToAll()}):
        with pytest.raises(sf.InvalidValue, match="exactly one of a rule and p="):
            net.connect(cells, cells, weight=1.0, **options)
    with pytest.raises(sf.InvalidValue, match="connect: how"):
        net.connect(cells, cells, "all", weight=1.0)


def test_parts_of_other_networks_and_empty_parts_are_refused(net, cells):
    other = sf.Network(dt=0.5).population(5, sf.LIF(), name="stranger")
    for pre, post in ((other, cells), (cells, other), (cells, [cells, other]), (cells, 3), (cells[:0], cells)):
        with pytest.raises(sf.InvalidValue, match=r"connect: p(re|ost)"):
            net.connect(pre, post, sf.AllToAll(), weight=1.0)
    assert net.projections == []
    with pytest.raises(sf.InvalidValue, match="drive: target"):
        net.drive(other, sf.Current())
    with pytest.raises(sf.InvalidValue, match="readout: source"):
        net.readout(other, 1, sf.ThreeFactor())


def test_sources_do_not_listen(net, cells):
    source = net.population(5, sf.Poisson())
    with pytest.raises(sf.InvalidValue, match="a source does not"):
        net.connect(cells, source, sf.AllToAll(), weight=1.0)
    with pytest.raises(sf.InvalidValue, match="a source does not"):
        net.drive(source, sf.Current())
    with pytest.raises(sf.InvalidValue, match="a source is a population"):
        net.drive(cells, sf.Poisson())


@pytest.mark.parametrize(
    "options, field",
    [
        ({"channels": 0}, "channels"), ({"channels": 1.5}, "channels"), ({"channels": True}, "channels"),
        ({"rule": "FORCE"}, "rule"), ({"tau_trace": 0.0}, "tau_trace"), ({"tau_trace": math.nan}, "tau_trace"),
        ({"every": 0.0}, "every"), ({"every": 0.3}, "every"), ({"every": -1.0}, "every"),
        ({"mean": math.nan}, "mean"), ({"mean": np.zeros(4)}, "mean"), ({"std": -1.0}, "std"),
        ({"weight": np.zeros((5, 2))}, "weight"), ({"weight": math.inf}, "weight"),
        ({"feedback": np.zeros((2, 5))}, "feedback"), ({"feedback": "strong"}, "feedback"),
    ],
)  # fmt: skip
def test_a_readout_that_does_not_fit_is_refused(net, cells, options, field):
    with pytest.raises(sf.InvalidValue, match=f"readout: {field}"):
        net.readout(cells, **{"channels": 2, "rule": sf.ThreeFactor(), **options})
    assert net.readouts == []


def test_a_readout_reads_one_model_and_every_neuron_once(net, cells):
    with pytest.raises(sf.InvalidValue, match="several neuron models"):
        net.readout([cells, net.population(3, sf.Izhikevich())], 1, sf.ThreeFactor())
    with pytest.raises(sf.InvalidValue, match="each neuron once"):
        net.readout([cells[:3], cells[2:]], 1, sf.ThreeFactor())
    assert net.readouts == []


def test_a_network_without_populations_is_refused(net):
    with pytest.raises(sf.InvalidValue, match="no populations"):
        net.run(1.0)


@pytest.mark.parametrize("duration", [-1.0, 0.3, math.nan, math.inf, "10"])
def test_a_duration_that_is_no_whole_number_of_steps_is_refused(net, cells, duration):
    with pytest.raises(sf.InvalidValue, match="run: duration"):
        net.run(duration)


@pytest.mark.parametrize(
    "teaching, field",
    [
        (sf.Teaching(np.zeros((9, 2)), np.zeros((10, 2))), "target"),
        (sf.Teaching(np.zeros((10, 1)), np.zeros((10, 2))), "target"),
        (sf.Teaching(np.full((10, 2), np.nan), np.zeros((10, 2))), "target"),
        (sf.Teaching(np.zeros((10, 2)), np.full((10, 2), -1.0)), "attention"),
        (sf.Teaching(np.zeros((10, 2)), np.full((10, 2), np.inf)), "attention"),
        (sf.Teaching(np.zeros((10, 2)), np.zeros((10, 2)), np.ones(9, bool)), "on"),
    ],
)
def test_teaching_that_does_not_fit_the_run_is_refused(net, cells, teaching, field):
    readout = net.readout(cells, 2, sf.ThreeFactor())
    with pytest.raises(sf.InvalidValue, match=rf"Teaching\.{field}"):
        net.run(10.0, teach={readout: teaching})


def test_state_of_another_network_is_refused(net, cells):
    state = net.simulation().initial_state()
    for broken in ({}, {**state, "lif.v": np.zeros(4)}):
        with pytest.raises(sf.InvalidValue, match=r"state\['.*another network's state"):
            net.run(1.0, state=broken)


def test_weights_of_a_matrix_go_to_the_pairs_that_exist(net):
    pre, post = net.population(3, sf.LIF()), net.population(4, sf.LIF())
    table = np.arange(12.0).reshape(3, 4)
    (made,) = net.connect(pre, post, sf.Pairs([2, 0, 2], [1, 3, 1]), weight=table, delay=table * 0.5)
    assert made.weight.tolist() == [9.0, 3.0, 9.0]
    assert made.delay.tolist() == [9, 3, 9]


def test_draws_of_one_population_or_projection_do_not_depend_on_the_others_sizes():
    found = []
    for n in (3, 30):
        net = sf.Network(dt=0.5, seed=9)
        first = net.population(n, sf.LIF(tau_m=sf.uniform(10.0, 20.0)))
        second = net.population(8, sf.LIF(tau_m=sf.uniform(10.0, 20.0)))
        net.connect(first, second, p=0.5, weight=sf.uniform(0.0, 1.0))
        (made,) = net.connect(second, second, p=0.5, weight=sf.uniform(0.0, 1.0))
        found.append((second.model.tau_m, made.pre, made.post, made.weight))
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_is_shown_to_a_network_is_not_changed(net):
    values, table = np.full(4, 20.0), np.ones((4, 4))
    cells = net.population(4, sf.LIF(tau_m=values), initial={"v": values - 80.0})
    net.connect(cells, cells, sf.AllToAll(), weight=table)
    values[:], table[:] = -1.0, np.nan
    assert cells.model.tau_m.tolist() == [20.0] * 4
    assert cells.initial["v"].tolist() == [-60.0] * 4
    assert np.isfinite(net.projections[0].weight).all()


@pytest.mark.parametrize("part", [20, [1, 20], 1.5, "a", -11, None, True, [[0, 1], [2, 3]]])
def test_a_part_that_a_population_does_not_have_is_refused(part):
    cells = sf.Network(dt=0.5).population(10, sf.LIF(), name="ten")
    with pytest.raises(sf.InvalidValue, match=r"part of population 'ten': must be a whole number from -10 to 9"):
        cells[part]


def test_a_run_refuses_records_that_are_no_list_and_lessons_for_another_networks_readout(net, cells):
    """Regression: what was taught to another network's readout was ignored without a word."""
    with pytest.raises(sf.InvalidValue, match="run: record: must be a list"):
        net.run(1.0, record=sf.Spikes(cells))
    other = sf.Network(dt=net.dt)
    stranger = other.readout(other.population(3, sf.LIF()), 1, sf.ThreeFactor())
    for key in (stranger, "readout0"):
        with pytest.raises(sf.InvalidValue, match="run: teach"):
            net.run(1.0, teach={key: sf.Teaching(np.zeros((9, 1)), np.zeros((9, 1)))})


def test_a_modulator_acts_on_the_population_that_it_is_over():
    net = sf.Network(dt=0.5)
    source, a, b = net.population(3, sf.Poisson()), net.population(5, sf.LIF()), net.population(5, sf.LIF())
    with pytest.raises(sf.InvalidValue, match="modulator"):
        net.connect(source, b, p=1.0, weight=0.5, plasticity=sf.RewardModulated(), modulator=net.modulator(over=a))
    with pytest.raises(sf.InvalidValue, match="whole population"):
        net.modulator(over=a[:2])


class RunawayStep(LIFStep):
    """v doubles from step to step, away from the threshold."""

    def integrate(self, state, current):
        return LIFState(2.0 * state.v, state.refractory)


class Runaway(sf.LIF):
    def discretise(self, dt):
        return RunawayStep(*super().discretise(dt))


def test_a_network_that_diverges_is_told():
    net = sf.Network(dt=0.5)
    net.population(3, Runaway(), initial={"v": [0.0, -1.0, 0.0]})
    with pytest.warns(RuntimeWarning, match=r"v of runaway0\[\d\] is -inf"):
        net.run(1000.0, progress=False)


def test_what_is_recorded_belongs_to_the_network():
    first, second = sf.Network(dt=0.5), sf.Network(dt=0.5)
    first.population(3, sf.LIF())
    other = second.population(3, sf.LIF())
    with pytest.raises(sf.InvalidValue, match="another network"):
        first.run(1.0, record=[sf.Spikes(other)])


@pytest.mark.parametrize("options", [{"name": 3}, {"initial": [1.0]}])
def test_names_are_texts_and_initial_states_have_names(options):
    with pytest.raises(sf.InvalidValue, match=next(iter(options))):
        sf.Network(dt=0.5).population(3, sf.LIF(), **options)


@pytest.mark.parametrize("weight", [-1.0, np.array([[1.0, -1.0]]), sf.normal(0.0, 1.0)])
def test_a_negative_conductance_is_refused(weight):
    """Regression: v ran to 1e132 mV without a word."""
    net = sf.Network(dt=0.1)
    pre, post = net.population(1, sf.Poisson()), net.population(2, sf.COBA())
    with pytest.raises(sf.InvalidValue, match=r"connect: weight: must be >= 0 for a Conductance, got -.*e_reversal below rest"):
        for _ in range(20):  # one draw of a distribution in a thousand has no negative number
            net.connect(pre, post, sf.AllToAll(), weight=weight, synapse=sf.Conductance())
    net.connect(pre, post, sf.AllToAll(), weight=0.0, synapse=sf.Conductance(e_reversal=-80.0))
    net.connect(pre, post, sf.AllToAll(), weight=weight, synapse=sf.Exponential())


@pytest.mark.parametrize("weight", [5.0, np.array([[0.05, 5.0]]), sf.uniform(4.0, 5.0), -1.0])
def test_weights_outside_the_bounds_of_their_rule_are_refused(weight):
    """Regression: they were clipped at their first spike, and not before."""
    net = sf.Network(dt=0.1)
    pre, post = net.population(1, sf.Poisson()), net.population(2, sf.LIF())
    rule = sf.STDP(bounds=sf.HardBounds(high=0.1))
    with pytest.raises(sf.InvalidValue, match=r"connect: weight: .*HardBounds from 0 to 0\.1, got .*; clip the weights or widen"):
        net.connect(pre, post, sf.AllToAll(), weight=weight, plasticity=rule)
    net.connect(pre, post, sf.AllToAll(), weight=weight, plasticity=sf.STDP(bounds=sf.Unbounded()))
    net.connect(pre, post, sf.AllToAll(), weight=0.2 - 0.1 + 1e-17, plasticity=rule)
    net.connect(pre, post, sf.AllToAll(), weight=0.1 * 3, plasticity=sf.STDP(bounds=sf.HardBounds(high=0.3)))  # rounded


@pytest.mark.parametrize("release", [[1], "a", {"m": 3.0}])
def test_a_release_of_another_kind_is_refused(net, release):
    modulator = net.modulator(tau=10.0)
    net.population(1, sf.LIF())
    given = {modulator: release["m"]} if isinstance(release, dict) else release
    with pytest.raises(sf.InvalidValue, match="run: release: must be a"):
        net.run(1.0, release=given)
