"""What is true of every neuron model, in one table: a new model adds a row."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numba import njit

from synfire import (
    COBA,
    LIF,
    AdaptiveCOBA,
    AdaptiveLIF,
    AdEx,
    HodgkinHuxley,
    Izhikevich,
    Izhikevich2007,
    MetaNeuron,
    Neuron,
    Poisson,
    ProbabilisticLIF,
    SoftResetAdaptiveLIF,
    SoftResetLIF,
    SpikeList,
)
from synfire.neurons.model import excess, integrate, receive, reset

N = 64


@dataclasses.dataclass
class Row:
    """A model, how to draw its parameters, states and currents, and how fast it converges as dt -> 0."""

    model: type[Neuron]
    parameters: Callable[[np.random.Generator], dict[str, Any]]
    state: Callable[[np.random.Generator], tuple[Any, ...]]
    current: Callable[[np.random.Generator], Any]
    firing: tuple[float, float] = (10.0, 30.0)  # currents at which it fires at rest's parameters
    order: int | None = None  # of convergence; 0: exact at any dt; None: has no dynamics of its own
    held: tuple[str, ...] = ()  # parameters that are whole numbers of steps, or have no effect: no gradient
    exact: bool = True  # False: it takes exponentials, whose last bit differs between NumPy, libm and torch

    @property
    def differentiable(self) -> bool:
        return self.order is not None


ROWS = [
    Row(
        LIF,
        lambda rng: {
            "tau_m": rng.uniform(1.0, 50.0, N), "r_m": rng.uniform(0.1, 10.0, N),
            "v_rest": rng.uniform(-80.0, -55.0, N),
            "v_reset": rng.uniform(-80.0, -55.0, N), "v_threshold": rng.uniform(-54.0, -40.0, N),
            "t_refractory": rng.uniform(0.0, 5.0, N),
        },
        lambda rng: (rng.uniform(-90.0, -30.0, N), rng.integers(0, 4, N).astype(float)),
        lambda rng: rng.normal(0.0, 20.0, N),
        order=0,
        held=("t_refractory",),
    ),
    Row(
        COBA,
        lambda rng: {
            "c_m": rng.uniform(100.0, 400.0, N), "g_leak": rng.uniform(5.0, 20.0, N), "v_rest": rng.uniform(-80.0, -55.0, N),
            "v_reset": rng.uniform(-80.0, -55.0, N), "v_threshold": rng.uniform(-54.0, -40.0, N),
            "t_refractory": rng.uniform(0.0, 5.0, N),
        },
        lambda rng: (rng.uniform(-90.0, -30.0, N), rng.integers(0, 4, N).astype(float)),
        lambda rng: rng.normal(0.0, 200.0, N),
        firing=(200.0, 600.0),
        order=1,
        held=("t_refractory",),
    ),
    Row(
        AdaptiveCOBA,
        lambda rng: {
            "c_m": rng.uniform(100.0, 400.0, N), "g_leak": rng.uniform(5.0, 20.0, N), "v_rest": rng.uniform(-80.0, -55.0, N),
            "v_reset": rng.uniform(-80.0, -55.0, N), "v_threshold": rng.uniform(-54.0, -40.0, N),
            "t_refractory": rng.uniform(0.0, 5.0, N), "t_silent": rng.uniform(0.0, 9.0, N),
            "theta_plus": rng.uniform(0.0, 2.0, N), "tau_theta": rng.uniform(10.0, 1e4, N),
        },
        lambda rng: (rng.uniform(-90.0, -30.0, N), rng.integers(0, 4, N).astype(float), rng.uniform(0.0, 20.0, N)),
        lambda rng: rng.normal(0.0, 200.0, N),
        firing=(30.0, 100.0),
        order=1,
        held=("t_refractory", "t_silent"),
    ),
    Row(
        AdaptiveLIF,
        lambda rng: {
            "tau_m": rng.uniform(1.0, 50.0, N), "r_m": rng.uniform(0.1, 10.0, N),
            "v_rest": rng.uniform(-80.0, -55.0, N), "v_reset": rng.uniform(-80.0, -55.0, N),
            "v_threshold": rng.uniform(-54.0, -40.0, N), "t_refractory": rng.uniform(0.0, 5.0, N),
            "tau_a": rng.uniform(50.0, 500.0, N), "beta": rng.uniform(0.0, 3.0, N),
        },
        lambda rng: (rng.uniform(-90.0, -30.0, N), rng.integers(0, 4, N).astype(float), rng.uniform(0.0, 5.0, N)),
        lambda rng: rng.normal(0.0, 20.0, N),
        firing=(40.0, 80.0),
        order=0,
        held=("t_refractory",),
    ),
    Row(
        AdEx,
        lambda rng: {
            "c_m": rng.uniform(100.0, 300.0, N), "g_leak": rng.uniform(5.0, 30.0, N), "e_leak": rng.uniform(-75.0, -55.0, N),
            "v_threshold": rng.uniform(-52.0, -48.0, N), "slope": rng.uniform(1.0, 3.0, N), "v_cut": rng.uniform(-40.0, 0.0, N),
            "v_reset": rng.uniform(-75.0, -46.0, N), "a": rng.uniform(-10.0, 10.0, N), "b": rng.uniform(0.0, 500.0, N),
            "tau_w": rng.uniform(20.0, 300.0, N),
        },
        lambda rng: (rng.uniform(-90.0, 10.0, N), rng.uniform(-100.0, 300.0, N)),
        lambda rng: rng.normal(0.0, 500.0, N),
        firing=(800.0, 1500.0),
        order=1,
        exact=False,
    ),
    Row(
        HodgkinHuxley,
        lambda rng: {
            "c_m": rng.uniform(100.0, 300.0, N), "g_leak": rng.uniform(5.0, 20.0, N), "g_sodium": rng.uniform(1e4, 3e4, N),
            "g_potassium": rng.uniform(3e3, 9e3, N), "e_leak": rng.uniform(-65.0, -55.0, N), "v_t": rng.uniform(-65.0, -60.0, N),
            "t_refractory": rng.uniform(0.0, 5.0, N),
        },
        lambda rng: (
            rng.uniform(-90.0, 40.0, N), rng.random(N), rng.random(N), rng.random(N), rng.integers(0, 4, N).astype(float),
        ),
        lambda rng: rng.normal(0.0, 200.0, N),
        firing=(300.0, 600.0),
        order=1,
        exact=False,
        held=("t_refractory",),
    ),
    Row(
        Izhikevich,
        lambda rng: {
            "a": rng.uniform(0.01, 0.2, N), "b": rng.uniform(0.1, 0.3, N), "c": rng.uniform(-70.0, -45.0, N),
            "d": rng.uniform(0.0, 10.0, N), "v_threshold": rng.uniform(20.0, 40.0, N),
        },
        lambda rng: (rng.uniform(-90.0, 40.0, N), rng.uniform(-20.0, 10.0, N)),
        lambda rng: rng.normal(0.0, 20.0, N),
        order=1,
    ),
    Row(
        Izhikevich2007,
        lambda rng: {
            "c_m": rng.uniform(50.0, 300.0, N), "k": rng.uniform(0.5, 5.0, N), "v_rest": rng.uniform(-80.0, -50.0, N),
            "v_instant": rng.uniform(-45.0, -15.0, N), "v_threshold": rng.uniform(20.0, 40.0, N),
            "v_reset": rng.uniform(-70.0, -45.0, N), "a": rng.uniform(0.005, 0.2, N), "b": rng.uniform(-5.0, 10.0, N),
            "d": rng.uniform(0.0, 300.0, N),
        },
        lambda rng: (rng.uniform(-90.0, 40.0, N), rng.uniform(-100.0, 300.0, N)),
        lambda rng: rng.normal(0.0, 1000.0, N),
        firing=(3000.0, 6000.0),
        order=1,
    ),
    Row(
        SoftResetLIF,
        lambda rng: {
            "tau_m": rng.uniform(1.0, 50.0, N), "r_m": rng.uniform(0.1, 10.0, N),
            "v_rest": rng.uniform(-80.0, -55.0, N), "v_drop": rng.uniform(1.0, 30.0, N),
            "v_threshold": rng.uniform(-54.0, -40.0, N), "t_refractory": rng.uniform(0.0, 5.0, N),
        },
        lambda rng: (rng.uniform(-90.0, -30.0, N), rng.integers(0, 4, N).astype(float)),
        lambda rng: rng.normal(0.0, 20.0, N),
        order=0,
        held=("t_refractory", "v_reset"),
    ),
    Row(
        SoftResetAdaptiveLIF,
        lambda rng: {
            "tau_m": rng.uniform(1.0, 50.0, N), "r_m": rng.uniform(0.1, 10.0, N),
            "v_rest": rng.uniform(-80.0, -55.0, N), "v_drop": rng.uniform(1.0, 30.0, N),
            "v_threshold": rng.uniform(-54.0, -40.0, N), "t_refractory": rng.uniform(0.0, 5.0, N),
            "tau_a": rng.uniform(50.0, 500.0, N), "beta": rng.uniform(0.0, 3.0, N),
        },
        lambda rng: (rng.uniform(-90.0, -30.0, N), rng.integers(0, 4, N).astype(float), rng.uniform(0.0, 5.0, N)),
        lambda rng: rng.normal(0.0, 20.0, N),
        firing=(40.0, 80.0),
        order=0,
        held=("t_refractory", "v_reset"),
    ),
    Row(
        ProbabilisticLIF,
        lambda rng: {
            "tau_m": rng.uniform(1.0, 50.0, N), "r_m": rng.uniform(0.1, 10.0, N),
            "v_rest": rng.uniform(-80.0, -55.0, N),
            "v_reset": rng.uniform(-80.0, -55.0, N), "v_threshold": rng.uniform(-54.0, -40.0, N),
            "t_refractory": rng.uniform(0.0, 5.0, N), "width": rng.uniform(0.0, 5.0, N) * (rng.random(N) < 0.8),
            "keys": rng.integers(2**63, size=N),
        },
        lambda rng: (
            rng.uniform(-90.0, -30.0, N), rng.integers(0, 4, N).astype(float), rng.integers(2**62, size=N),
            rng.integers(-3, 50, N),
        ),
        lambda rng: rng.normal(0.0, 20.0, N),
        order=0,
        held=("t_refractory", "keys"),
    ),
    Row(
        MetaNeuron,
        lambda rng: {
            "a": rng.uniform(-0.2, 0.5, N), "b": rng.uniform(-0.5, 0.5, N), "c": rng.uniform(-0.5, 0.4, N),
            "d": rng.uniform(-0.2, 0.3, N), "v_threshold": rng.uniform(0.45, 0.9, N),
            "width": rng.uniform(0.0, 0.2, N) * (rng.random(N) < 0.8), "keys": rng.integers(2**63, size=N),
        },
        lambda rng: (
            rng.uniform(-9.0, 9.0, N), rng.uniform(-1.0, 1.0, N), rng.integers(2**62, size=N), rng.integers(-3, 50, N),
        ),
        lambda rng: rng.normal(0.0, 3.0, N),
        exact=False,
    ),
    Row(
        Poisson,
        lambda rng: {"rate": rng.uniform(0.0, 2000.0, N)},
        lambda rng: (rng.uniform(-1.0, 1.0, N),),
        lambda rng: rng.random(N),
    ),
    Row(
        SpikeList,
        lambda rng: {"times": rng.uniform(0.0, 50.0, N), "neurons": rng.integers(0, N, N)},
        lambda rng: (rng.uniform(-1.0, 1.0, N),),
        lambda rng: rng.integers(0, 2, N).astype(float),
    ),
]  # fmt: skip

every_model = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.model.__name__)
every_dynamics = pytest.mark.parametrize(
    "row", [row for row in ROWS if row.differentiable], ids=lambda row: row.model.__name__
)


def drawn(row, seed):
    """(step, state, current, jump, spiked) as float64 arrays of shape (N,)."""
    rng = np.random.default_rng(seed)
    model = row.model(**row.parameters(rng))
    state = type(model.initial_state())(*row.state(rng))
    return model.discretise(0.5), state, row.current(rng), rng.normal(0.0, 5.0, N), rng.random(N) < 0.5


def all_methods(step, state, current, jump, spiked):
    """Everything that a step can do, each on the same state."""
    return (
        step.integrate(state, current),
        step.excess(state),
        step.reset(state, spiked),
        step.receive(state, jump),
    )


@njit
def compiled_methods(step, state, current, jump, spiked):
    """The same for one neuron, as the event loop finds them: by the type of `step`."""
    return (
        integrate(step, state, current),
        excess(step, state),
        reset(step, state, spiked),
        receive(step, state, jump),
    )


def flat(results):
    """All arrays of nested tuples, side by side."""
    for item in results:
        if isinstance(item, tuple):
            yield from flat(item)
        else:
            yield np.asarray(item)


def one(bundle, k):
    """The scalar NamedTuple of neuron k; what counts (the numbers of samples and steps, keys) stays whole."""
    values = zip(bundle._fields, (np.broadcast_to(np.asarray(x), (N,))[k] for x in bundle), strict=True)
    return type(bundle)(*(int(x) if name in ("sample", "count", "key") else float(x) for name, x in values))


@every_model
@pytest.mark.parametrize("seed", range(5))
def test_numpy_and_numba_give_the_same_bits(row, seed):
    step, state, current, jump, spiked = drawn(row, seed)
    expected = [np.broadcast_to(x, (N,)) for x in flat(all_methods(step, state, current, jump, spiked))]
    for k in range(N):
        found = compiled_methods(one(step, k), one(state, k), current[k], jump[k], bool(spiked[k]))
        if row.exact:
            assert [float(x).hex() for x in flat(found)] == [float(x[k]).hex() for x in expected]
        np.testing.assert_allclose([float(x) for x in flat(found)], [float(x[k]) for x in expected], rtol=1e-11)


@every_model
@pytest.mark.parametrize("seed", range(5))
def test_numpy_and_torch_give_the_same_bits(row, seed):
    numbers = drawn(row, seed)
    in_torch = [type(x)(*map(torch.as_tensor, x)) if isinstance(x, tuple) else torch.as_tensor(x) for x in numbers]
    for found, expected in zip(flat(all_methods(*in_torch)), flat(all_methods(*numbers)), strict=True):
        if row.exact:
            np.testing.assert_array_equal(found.view(np.int64), np.asarray(expected).view(np.int64))
        np.testing.assert_allclose(found, expected, rtol=1e-11)


@every_model
def test_a_surrogates_float_spikes_reset_as_bools_do(row):
    step, state, _, _, spiked = drawn(row, 0)
    step, state = (type(x)(*map(torch.as_tensor, x)) for x in (step, state))
    mask = torch.as_tensor(spiked)
    for found, expected in zip(step.reset(state, mask.double()), step.reset(state, mask), strict=True):
        assert torch.equal(found, expected)


@every_model
def test_methods_are_pure(row):
    numbers = drawn(row, 1)
    before = [x.copy() for x in flat(numbers)]
    first = [x.copy() for x in flat(all_methods(*numbers))]
    second = list(flat(all_methods(*numbers)))
    for x, y in zip(before, flat(numbers), strict=True):
        np.testing.assert_array_equal(x, y)
    for x, y in zip(first, second, strict=True):
        np.testing.assert_array_equal(x, y)


@every_model
def test_numpy_keeps_shapes_and_float64(row):
    step, state, current, jump, spiked = drawn(row, 2)
    batch = type(state)(*(np.stack([x, x, x]) for x in state))
    new, margin, after, received = all_methods(step, batch, np.stack([current] * 3), np.stack([jump] * 3), spiked)
    for result in (*new, margin, *after, *received):
        assert result.shape == (3, N)
    for result in (new, after, received):
        assert [x.dtype for x in result] == [x.dtype for x in state]
    assert margin.dtype == np.float64
    assert type(new) is type(after) is type(received) is type(state)


@every_model
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_torch_keeps_shapes_and_precision(row, dtype):
    _, state, current, jump, _ = drawn(row, 3)
    step = row.model().discretise(0.5)  # default parameters: plain numbers, which must not promote
    batch = type(state)(*(torch.as_tensor(x, dtype=dtype if x.dtype.kind == "f" else None).expand(2, N) for x in state))
    current, jump = torch.as_tensor(current, dtype=dtype), torch.as_tensor(jump, dtype=dtype)
    new, margin, after, received = all_methods(step, batch, current.expand(2, N), jump.expand(2, N), batch[0] > 0)
    for result in (*new, margin, *received, *after):
        assert result.shape == (2, N)
    for result in (new, received, after):
        assert [x.dtype for x in result] == [x.dtype for x in batch]
    assert batch[0].dtype == margin.dtype == dtype


def surrogate(margin):
    """1 where margin >= 0, with the gradient of a steep sigmoid."""
    soft = torch.sigmoid(margin)
    return (margin >= 0).double() + soft - soft.detach()


@every_dynamics
def test_gradients_are_finite_and_reach_current_and_every_parameter(row):
    rng = np.random.default_rng(4)
    names = [f.name for f in dataclasses.fields(row.model)]
    learned = {
        name: torch.tensor(float(getattr(row.model(), name)), dtype=torch.float64, requires_grad=True)
        for name in names
        if name not in row.held
    }
    model = row.model(**learned)
    step, state = model.discretise(0.5), model.initial_state()
    state = type(state)(*(torch.as_tensor(x, dtype=None if type(x) is int else torch.float64).expand(N) for x in state))
    current = torch.tensor(rng.uniform(*row.firing, (100, N)), requires_grad=True)
    loss, count = torch.zeros(()), 0.0
    for t in range(100):
        state = step.integrate(state, current[t])
        spiked = surrogate(step.excess(state))
        state = step.reset(state, spiked)
        count += float((spiked > 0.5).sum())
        loss = loss + spiked.sum() + 0.01 * state[0].sum()
    loss.backward()
    assert count > N  # so that resets take part
    for name, tensor in {**learned, "current": current}.items():
        assert tensor.grad is not None, name
        assert torch.isfinite(tensor.grad).all(), name
        assert (tensor.grad != 0).any(), name


@every_dynamics
def test_result_converges_as_dt_goes_to_zero(row):
    """Below threshold, under a constant current: exact at every dt, or the error halves with dt."""
    model, current, duration = row.model(), 2.0, 16.0

    def end(dt):
        step, state = model.discretise(dt), model.initial_state()
        for _ in range(round(duration / dt)):
            state = step.integrate(state, current)
        return float(state[0])

    reference = end(2.0**-14)
    errors = np.array([abs(end(dt) - reference) for dt in (2.0**-2, 2.0**-3, 2.0**-4, 2.0**-5)])
    if row.order == 0:
        # 2**18 roundings of a number of size 65, mostly of random sign: far below 1e-9
        assert errors.max() < 1e-9
    else:
        # the ratio tends to 2**order; 5 % covers the next order in dt and the reference's own error
        np.testing.assert_allclose(errors[2] / errors[3], 2.0**row.order, rtol=0.05)
        assert errors[0] > errors[1] > errors[2] > errors[3] > 0.0
