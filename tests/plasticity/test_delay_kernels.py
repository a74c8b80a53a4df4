"""Kernels of learnable delays: against loops that spell the definition out, against plain torch, against differences.

Every way of computing (events, reads, spectrum) is forced in turn, since small sizes would all take the same one.
"""

import math

import numba
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from synfire.plasticity import delay_kernels
from synfire.plasticity.delay_definition import delayed_sum, gaussian_taps, integer_taps, interpolated_taps
from synfire.plasticity.delay_kernels import gaussian_delays, integer_delays, interpolated_delays

WIDTHS = [0.5, 1.0, 2.0, 5.0, 12.27]
COSTS = {"events": (1e-9, 1.0, 1.0), "reads": (1e9, 1e-9, 1.0), "spectrum": (1e9, 1e9, 1.0)}


@pytest.fixture(params=COSTS)
def way(request, monkeypatch):
    """Makes one way of computing a Gaussian look cheapest."""
    force(monkeypatch, request.param)
    return request.param


@pytest.fixture(
    params=[("gaussian", way) for way in COSTS]
    + [(kind, way) for kind in ("interpolated", "integer") for way in ("events", "reads")],
    ids="-".join,
)
def kind(request, monkeypatch):
    """Every kind of delay, the Gaussian in every way."""
    force(monkeypatch, request.param[1])
    return request.param[0]


def force(monkeypatch, way):
    for name, cost in zip(("_BY_EVENTS", "_BY_READS", "_BY_SPECTRUM"), COSTS[way], strict=True):
        monkeypatch.setattr(delay_kernels, name, cost)


def spelt_out(x, weight, tap, max_delay, history=None):
    """The definition as loops; tap(n, j, i) is a synapse's tap."""
    time, batch, n_in = x.shape
    y = np.zeros((time, batch, weight.shape[1]))
    for t in range(time):
        for b in range(batch):
            for i in range(weight.shape[1]):
                for j in range(n_in):
                    for n in range(max_delay + 1):
                        if t >= n:
                            y[t, b, i] += weight[j, i] * tap(n, j, i) * x[t - n, b, j]
                        elif history is not None:
                            y[t, b, i] += weight[j, i] * tap(n, j, i) * history[max_delay + t - n, b, j]
    return y


def problem(time=9, batch=2, n_in=3, n_out=4, max_delay=6, dtype=torch.float64, density=0.3, seed=0):
    """Activity, weights, delays with both ends among them, and a history."""
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(n_in, n_out, generator=generator, dtype=dtype)
    delay = torch.rand(n_in, n_out, generator=generator, dtype=dtype) * max_delay
    delay.view(-1)[0], delay.view(-1)[-1] = 0, max_delay
    activity = [
        (torch.rand(steps, batch, n_in, generator=generator) < density)
        * torch.randn(steps, batch, n_in, generator=generator, dtype=dtype)
        for steps in (time, max_delay)
    ]
    return activity[0], weight, delay, activity[1]


def assert_close(found, wanted, scale=1.0):
    """Errors of a float32 sum of some hundred terms and of a transform are below 1e-5 of the largest value."""
    bound = 1e-5 if found.dtype == torch.float32 else 1e-11
    found, wanted = found.detach(), wanted.detach()
    largest = max(float(wanted.abs().max()) if wanted.numel() else 0.0, scale)
    assert found.shape == wanted.shape
    torch.testing.assert_close(found, wanted, rtol=0, atol=bound * largest)


@pytest.mark.parametrize("width", [0.5, 2.0])
@pytest.mark.parametrize("past", [False, True])
def test_gaussian_delays_are_the_sum_spelt_out(way, width, past):
    x, weight, delay, history = problem()

    def tap(n, j, i):
        e = [math.exp(-((m - float(delay[j, i])) ** 2) / (2 * width**2)) for m in range(7)]
        return e[n] / (sum(e) + 1e-7)

    history = history if past else None
    found = gaussian_delays(x, weight, delay, width, 6, history)
    assert_close(found, torch.from_numpy(spelt_out(x, weight, tap, 6, history)))


@pytest.mark.parametrize("past", [False, True])
def test_interpolated_delays_are_the_sum_spelt_out(past):
    x, weight, delay, history = problem()
    history = history if past else None

    def tap(n, j, i):
        return max(0.0, 1 - abs(n - float(delay[j, i])))

    assert_close(
        interpolated_delays(x, weight, delay, 6, history), torch.from_numpy(spelt_out(x, weight, tap, 6, history))
    )


@pytest.mark.parametrize("past", [False, True])
def test_integer_delays_are_the_sum_spelt_out(past):
    x, weight, delay, history = problem()
    history, delay = history if past else None, delay.round().long()

    def tap(n, j, i):
        return float(n == int(delay[j, i]))

    assert_close(integer_delays(x, weight, delay, 6, history), torch.from_numpy(spelt_out(x, weight, tap, 6, history)))


KINDS = {
    "gaussian": (
        lambda x, w, d, s, m, h: gaussian_delays(x, w, d, s, m, h),
        lambda x, w, d, s, m, h: delayed_sum(x, w * gaussian_taps(d, s, m), h),
    ),
    "interpolated": (
        lambda x, w, d, s, m, h: interpolated_delays(x, w, d, m, h),
        lambda x, w, d, s, m, h: delayed_sum(x, w * interpolated_taps(d, m), h),
    ),
    "integer": (
        lambda x, w, d, s, m, h: integer_delays(x, w, d.detach().round().long(), m, h),
        lambda x, w, d, s, m, h: delayed_sum(x, w * integer_taps(d.detach().round().long(), m, w.dtype), h),
    ),
}


def assert_equals_definition(kind, x, weight, delay, width, max_delay, history, scale=1.0):
    """Outputs and the gradients of all that has one, for a random error."""
    results = []
    error = torch.randn(
        len(x), x.shape[1], weight.shape[1], dtype=weight.dtype, generator=torch.Generator().manual_seed(1)
    )
    for function in KINDS[kind]:
        inputs = [each if each is None else each.detach().clone() for each in (x, weight, delay, history)]
        leaves = [each.requires_grad_() for each in inputs if each is not None and each.is_floating_point()]
        y = function(*inputs[:3], width, max_delay, inputs[3])
        results.append([y, *torch.autograd.grad(y, leaves, error, allow_unused=True)])
    for found, wanted in zip(*results, strict=True):
        assert (found is None) == (wanted is None)
        if found is not None:
            assert_close(found, wanted, scale)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("width", WIDTHS)
def test_values_and_gradients_equal_plain_torch(kind, width, dtype):
    x, weight, delay, history = problem(60, 19, 7, 35, 24, dtype, density=0.1)
    assert_equals_definition(kind, x, weight, delay, width, 24, None)
    assert_equals_definition(kind, x, weight, delay, width, 24, history)


@settings(deadline=None, max_examples=40)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    forced=st.sampled_from(sorted(COSTS)),
    width=st.floats(0.3, 15),
    sizes=st.tuples(st.integers(1, 130), st.integers(1, 18), st.integers(1, 9), st.integers(1, 40), st.integers(0, 30)),
    density=st.sampled_from([0.0, 0.05, 1.0]),
    past=st.booleans(),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    seed=st.integers(0, 2**31),
)
def test_any_shape_equals_plain_torch(kind, forced, width, sizes, density, past, dtype, seed):
    with pytest.MonkeyPatch.context() as patch:
        force(patch, forced)
        x, weight, delay, history = problem(*sizes, dtype=dtype, density=density, seed=seed)
        assert_equals_definition(kind, x, weight, delay, width, sizes[4], history if past else None)


def test_long_signals_are_cut_and_joined(kind):
    x, weight, delay, history = problem(700, 2, 4, 3, 8)
    assert_equals_definition(kind, x, weight, delay, 1.0, 8, history)


@pytest.mark.parametrize("past", [False, True])
def test_gradients_equal_finite_differences(kind, past):
    x, weight, delay, history = problem(density=1.0)
    delay = delay * 0.9 + 0.23  # away from whole steps, where an interpolated delay has a corner
    delay = torch.where((delay - delay.round()).abs() < 0.02, delay + 0.05, delay).clamp(0, 6)
    leaves = [x, weight, delay, history] if past else [x, weight, delay]
    if kind == "integer":
        leaves.pop(2)

    def function(*given):
        given = list(given)
        if kind == "integer":
            given.insert(2, delay)
        return KINDS[kind][0](*given[:3], 0.8, 6, given[3] if past else None)

    assert torch.autograd.gradcheck(function, [leaf.clone().requires_grad_() for leaf in leaves])


def test_gradients_are_the_published_formula(way):
    """dL/dW = Σ g G and dL/dP = W Σ G g ((n - c) / s² - Σ g (m - c) / s²), of DCLS; a later position is a longer delay here."""
    width = 1.3
    x, weight, delay, _ = problem()
    steps = torch.arange(7.0, dtype=torch.float64).view(-1, 1, 1)
    taps = torch.exp(-((steps - delay) ** 2) / (2 * width**2))
    taps = taps / (taps.sum(0) + 1e-7)
    kernel = (weight * taps).requires_grad_()
    y = delayed_sum(x, kernel)
    error = torch.randn(y.shape, dtype=y.dtype, generator=torch.Generator().manual_seed(3))
    (along_kernel,) = torch.autograd.grad(y, kernel, error)
    pull = (steps - delay) / width**2
    wanted = (taps * along_kernel).sum(0), weight * (along_kernel * taps * (pull - (taps * pull).sum(0))).sum(0)
    weight.requires_grad_(), delay.requires_grad_()
    found = torch.autograd.grad(gaussian_delays(x, weight, delay, width, 6), (weight, delay), error)
    for one, other in zip(found, wanted, strict=True):
        assert_close(one, other)


def test_an_interpolated_delay_moves_by_the_difference_of_its_reads():
    x, weight, delay, _ = problem()
    delay.requires_grad_()
    y = interpolated_delays(x, weight, delay, 6)
    (found,) = torch.autograd.grad(y.sum(), delay)
    lower = delay.detach().floor().clamp(max=5).long()
    late, early = (delayed_sum(x, weight * integer_taps(lower + k, 6, x.dtype)).sum() for k in (1, 0))
    assert_close(found.sum(), late - early, scale=10.0)


def test_a_sequence_in_pieces_gives_what_it_gives_whole(kind):
    x, weight, delay, _ = problem(40, 3, 5, 4, 6)
    function = KINDS[kind][0]
    whole = function(x, weight, delay, 1.0, 6, None)
    history, pieces = torch.zeros_like(x[:6]), []
    for piece in x.split([1, 13, 2, 24]):
        pieces.append(function(piece, weight, delay, 1.0, 6, history))
        history = torch.cat([history, piece])[-6:]
    assert_close(torch.cat(pieces), whole)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.bool, torch.int64, torch.float32, torch.float64])
def test_counts_of_any_type_are_read_as_numbers(kind, dtype):
    _, weight, delay, _ = problem()
    counts = torch.randint(0, 4, (9, 2, 3), generator=torch.Generator().manual_seed(2)).to(dtype)
    function = KINDS[kind][0]
    assert_close(function(counts, weight, delay, 1.0, 6, None), function(counts.double(), weight, delay, 1.0, 6, None))
    assert_close(
        function(counts, weight, delay, 1.0, 6, counts[:6]),
        function(counts.double(), weight, delay, 1.0, 6, counts[:6].double()),
    )


def test_no_spikes_give_zero(kind):
    _, weight, delay, _ = problem()
    x = torch.zeros(9, 2, 3, dtype=torch.float64)
    weight.requires_grad_(), delay.requires_grad_()
    y = KINDS[kind][0](x, weight, delay, 1.0, 6, None)
    assert not y.any()
    y.sum().backward()
    assert not weight.grad.any()


def test_result_does_not_depend_on_thread_count(kind):
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("one core")
    x, weight, delay, _ = problem(50, 40, 20, 70, 24, torch.float32, density=0.1)
    leaves = [each.requires_grad_() for each in (x, weight, delay)]
    results, before = [], numba.get_num_threads()
    for threads in (1, 2):
        numba.set_num_threads(threads)
        y = KINDS[kind][0](*leaves, 0.5, 24, None)
        gradients = torch.autograd.grad(y.square().sum(), leaves, allow_unused=True)
        results.append([y, *(each for each in gradients if each is not None)])
    numba.set_num_threads(before)
    assert all(torch.equal(one, two) for one, two in zip(*results, strict=True))


def test_the_first_layer_gets_no_gradient():
    x, weight, delay, _ = problem()
    y = gaussian_delays((x != 0).to(torch.uint8), weight.requires_grad_(), delay.requires_grad_(), 1.0, 6)
    y.sum().backward()
    assert weight.grad.any() and delay.grad.any()


def test_memory_that_is_not_contiguous_is_read_as_it_should_be(way):
    x, weight, delay, _ = problem(60, 19, 7, 35, 24)
    wanted = gaussian_delays(x, weight, delay, 1.0, 24)
    x, weight, delay = (
        each.T.contiguous().T if each.ndim == 2 else each.transpose(0, 2).contiguous().transpose(0, 2)
        for each in (x, weight, delay)
    )
    weight.requires_grad_(), delay.requires_grad_()
    found = gaussian_delays(x, weight, delay, 1.0, 24)
    assert_close(found, wanted)
    found.permute(2, 0, 1).contiguous().sum().backward()
    assert weight.grad.shape == weight.shape


def test_a_history_of_another_length_and_a_delay_outside_are_refused():
    x, weight, delay, history = problem()
    with pytest.raises(ValueError, match="max_delay = 6 steps, got 5"):
        gaussian_delays(x, weight, delay, 1.0, 6, history[1:])
    with pytest.raises(ValueError, match=r"\[0, 6\] steps, got 0 to 7"):
        integer_delays(x, weight, delay.round().long() + (delay == 6), 6)


def test_a_delay_that_is_not_a_number_stays_inside_the_memory():
    x, weight, delay, _ = problem()
    delay[1, 1] = math.nan
    assert interpolated_delays(x, weight, delay, 6).isnan().any()
    assert gaussian_delays(x, weight, delay, 0.5, 6).isnan().any()
