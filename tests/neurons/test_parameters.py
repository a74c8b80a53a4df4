"""Every field of every parameter class refuses what is illegal, naming itself, before anything is built of it."""

import dataclasses
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import synfire as sf
from synfire.neurons.surrogate import Surrogate
from synfire.plasticity.delays import Delay

CLASSES = [
    sf.LIF, sf.COBA, sf.AdaptiveCOBA, sf.AdaptiveLIF, sf.AdEx, sf.HodgkinHuxley, sf.Alpha, sf.Conductance,
    sf.Izhikevich, sf.Izhikevich2007, sf.Poisson, sf.Exponential, sf.DoubleExponential, sf.Current,
    sf.GaussianNoise, sf.PoissonInput, sf.Waveform,
    sf.STDP, sf.TripletSTDP, sf.InhibitorySTDP, sf.Oja, sf.Covariance, sf.RewardModulated, sf.Deferred, sf.TsodyksMarkram,
    sf.ProbabilisticRelease,
    sf.HardBounds, sf.SoftBounds, sf.PowerBounds,
    sf.ThreeFactor, sf.PredictionGated, sf.RecursiveLeastSquares, sf.ChannelwiseRecursiveLeastSquares,
    sf.SoftResetLIF, sf.SoftResetAdaptiveLIF, Surrogate, sf.ArcTan, sf.FastSigmoid, sf.Gaussian, sf.Sigmoid, sf.StraightThrough,
    sf.Triangular, Delay, sf.LearnableDelay, sf.TwoTapDelay, sf.RandomDelay, sf.Tempotron, sf.ProbabilisticLIF, sf.MetaNeuron,
]  # fmt: skip
FIELDS = [(c, f) for c in CLASSES for f in dataclasses.fields(c) if "unit" in f.metadata]
PER_NEURON = [(c, f) for c, f in FIELDS if f.type == "Value"]
SINGLE = [(c, f) for c, f in FIELDS if f.type == "float"]

field = st.sampled_from(FIELDS)
not_numbers = st.sampled_from(
    [None, "1.0", "on", True, False, 1j, b"2", object(), [], {}, ["1", "2"], [True, False], [[1.0], [1.0, 2.0]]]
)


def refused(cls, name, value, match=""):
    with pytest.raises(sf.InvalidValue, match=rf"^{cls.__name__}\.{name}: must be .*{match}"):
        cls(**{name: value}).sample(3, np.random.default_rng(0))


def test_every_parameter_class_is_in_the_list():
    def subclasses(cls):
        return {cls}.union(*(subclasses(c) for c in cls.__subclasses__()))

    _ = sf.Network, sf.ThreeFactor  # loads all layers
    ours = {
        c
        for c in subclasses(sf.Parameters)
        if c.__module__.startswith(("synfire.neurons", "synfire.plasticity"))
        and not c.__name__.startswith("_")
        and "<locals>" not in c.__qualname__
        and any("unit" in f.metadata for f in dataclasses.fields(c))
    }
    assert ours == set(CLASSES)


@settings(max_examples=60, deadline=None)
@given(field, st.sampled_from([math.nan, math.inf, -math.inf, np.float32("nan")]))
def test_what_is_not_finite_is_refused(which, value):
    refused(which[0], which[1].name, value, "finite")


@settings(max_examples=80, deadline=None)
@given(field, not_numbers)
def test_what_is_not_a_number_is_refused(which, value):
    refused(which[0], which[1].name, value)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from([w for w in FIELDS if w[1].metadata["above"] > -math.inf]), st.floats(-1e300, 0.0))
def test_what_is_not_above_an_open_limit_is_refused(which, depth):
    refused(which[0], which[1].name, which[1].metadata["above"] + depth)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from([w for w in FIELDS if w[1].metadata["at_least"] > -math.inf]), st.floats(-1e300, -1e-300))
def test_what_is_below_a_closed_limit_is_refused(which, depth):
    limit = which[1].metadata["at_least"]
    refused(which[0], which[1].name, min(limit + depth, math.nextafter(limit, -math.inf)))


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([w for w in FIELDS if w[1].metadata["at_most"] < math.inf]), st.floats(1e-12, 1e300))
def test_what_is_above_a_limit_is_refused(which, height):
    refused(which[0], which[1].name, which[1].metadata["at_most"] + height)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PER_NEURON), st.integers(0, 6).filter(lambda n: n != 3))
def test_an_array_of_another_length_than_the_population_is_refused(which, n):
    refused(which[0], which[1].name, np.full(n, which[1].default), "shape")


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(PER_NEURON), st.sampled_from([(3, 1), (1, 3), (3, 3)]))
def test_a_matrix_is_refused(which, shape):
    refused(which[0], which[1].name, np.full(shape, which[1].default), "shape")


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(SINGLE), st.sampled_from(["array", "distribution"]))
def test_a_field_of_one_number_takes_no_array_and_no_distribution(which, kind):
    low = which[1].default
    refused(which[0], which[1].name, np.full(3, low) if kind == "array" else sf.uniform(low, low))


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(PER_NEURON), st.integers(0, 2), st.sampled_from([math.nan, math.inf]))
def test_one_bad_entry_is_named_by_its_place(which, k, bad):
    values = np.full(3, which[1].default)
    values[k] = bad
    refused(which[0], which[1].name, values, f"at index {k}")


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(PER_NEURON))
def test_legal_numbers_arrays_and_distributions_are_taken(which):
    cls, name, value = which[0], which[1].name, which[1].default
    for given_value in (value, np.full(3, value), [value] * 3, sf.uniform(value, value), np.float64(value)):
        sampled = cls(**{name: given_value}).sample(3, np.random.default_rng(0))
        np.testing.assert_array_equal(np.broadcast_to(getattr(sampled, name), 3), [value] * 3)


def test_arrays_of_different_lengths_in_one_object_are_refused():
    with pytest.raises(sf.InvalidValue, match=r"LIF\.v_threshold: must be a number or of shape \(3,\), as v_reset"):
        sf.LIF(v_reset=np.full(3, -60.0), v_threshold=np.full(4, -50.0))


def test_a_draw_outside_the_range_is_refused_when_drawn():
    model = sf.LIF(tau_m=sf.normal(1.0, 5.0))
    with pytest.raises(sf.InvalidValue, match=r"LIF\.tau_m: must be > 0 ms, got .* at index"):
        model.sample(100, np.random.default_rng(0))


def test_parameters_are_frozen_and_keyword_only():
    model = sf.LIF()
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.tau_m = 5.0
    with pytest.raises(TypeError):
        sf.LIF(20.0)
    with pytest.raises(TypeError, match="tau"):
        sf.LIF(tau=20.0)


def test_an_array_that_the_user_changes_later_changes_nothing():
    values = np.full(3, 20.0)
    model = sf.LIF(tau_m=values)
    values[0] = -1.0
    np.testing.assert_array_equal(model.tau_m, [20.0, 20.0, 20.0])


@pytest.mark.parametrize(
    "make, name",
    [
        (lambda: sf.Current(start=5.0, stop=4.0), "Current.stop"),
        (lambda: sf.Current(stop=math.nan), "Current.stop"),
        (lambda: sf.Current(stop="end"), "Current.stop"),
        (lambda: sf.Current(start=math.inf), "Current.start"),
        (lambda: sf.Waveform(values=[1.0, math.nan]), "Waveform.values"),
        (lambda: sf.Waveform(values=["a"]), "Waveform.values"),
        (lambda: sf.Waveform(values=np.zeros((2, 2, 2))), "Waveform.values"),
        (lambda: sf.Waveform(values=[1.0], weight=[[math.inf]]), "Waveform.weight"),
        (lambda: sf.Waveform(values=[1.0], weight=np.zeros((2, 3))), "Waveform.weight"),
        (lambda: sf.SpikeList(times=[-0.1], neurons=[0]), "SpikeList.times"),
        (lambda: sf.SpikeList(times=[math.nan], neurons=[0]), "SpikeList.times"),
        (lambda: sf.SpikeList(times=["now"], neurons=[0]), "SpikeList.times"),
        (lambda: sf.SpikeList(times=[1.0], neurons=[-1]), "SpikeList.neurons"),
        (lambda: sf.SpikeList(times=[1.0], neurons=[0.5]), "SpikeList.neurons"),
        (lambda: sf.SpikeList(times=[1.0], neurons=[math.nan]), "SpikeList.neurons"),
        (lambda: sf.SpikeList(times=[1.0], neurons=[2**32]), "SpikeList.neurons"),
        (lambda: sf.SpikeList(times=[1.0], neurons=["0"]), "SpikeList.neurons"),
        (lambda: sf.SpikeList(times=[1.0, 2.0], neurons=[0]), "SpikeList.neurons"),
    ],
)
def test_other_fields_refuse_what_is_illegal_too(make, name):
    with pytest.raises(sf.InvalidValue) as caught:
        make()
    assert caught.value.field == name


def test_errors_survive_the_way_home_from_a_worker():
    for error in (sf.InvalidValue("LIF.tau_m", -1, "> 0 ms", "fix it"), sf.UnknownName("name", "x", ["a", "b"], "fix")):
        back = pickle.loads(pickle.dumps(error))
        assert type(back) is type(error)
        assert str(back) == str(error)
        assert isinstance(back, sf.SynfireError)
        assert isinstance(back, ValueError)
