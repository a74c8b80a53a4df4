"""The product by events: against a plain sum, against torch, and the same however it is shared out."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import synfire as sf
from synfire.neurons.dense_product import dense_product
from synfire.neurons.spike_product import DENSE, full_product, same_at_every_step, spike_product

some = settings(deadline=None, max_examples=40)  # the first example compiles
shapes = st.tuples(
    st.integers(1, 7), st.integers(1, 20), st.sampled_from([1, 5, 63, 64, 65, 130]), st.sampled_from([1, 3, 32, 50])
)
FILLED = [0.0, 0.02, 0.1, 0.24, 0.5, 1.0]


def spikes(shape, density, seed, dtype=torch.float64):
    return (torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < density).to(dtype)


def weights(n_in, n_out, seed=0, dtype=torch.float64):
    return torch.randn(n_in, n_out, generator=torch.Generator().manual_seed(seed), dtype=dtype).requires_grad_()


def one_by_one(x, weight):
    """Each row's weights in order, summed in plain Python order."""
    out = np.zeros((*x.shape[:2], weight.shape[1]), weight.dtype)
    for t, b, j in np.argwhere(x != 0):
        out[t, b] = out[t, b] + x[t, b, j].astype(weight.dtype) * weight[j]
    return out


@some
@given(shape=shapes, density=st.sampled_from(FILLED), seed=st.integers(0, 1000))
def test_a_sum_of_rows_in_order_bit_for_bit(shape, density, seed):
    x, weight = spikes(shape[:3], density, seed), weights(*shape[2:])
    made = spike_product(x, weight).detach().numpy()
    expected = one_by_one(x.numpy(), weight.detach().numpy())
    if x.mean() <= DENSE:
        np.testing.assert_array_equal(made, expected)
    np.testing.assert_allclose(made, expected, rtol=1e-12, atol=1e-12)


@some
@given(
    shape=shapes, density=st.sampled_from(FILLED), seed=st.integers(0, 1000), single=st.booleans(), ones=st.booleans()
)
def test_value_and_gradients_are_torchs(shape, density, seed, single, ones):
    dtype = torch.float32 if single else torch.float64
    x = spikes(shape[:3], density, seed, dtype)
    if not ones:
        x = x * torch.linspace(-2.0, 2.0, x.numel(), dtype=dtype).view(x.shape)
    weight, grad = weights(*shape[2:], dtype=dtype), torch.randn(*shape[:2], shape[3], dtype=dtype)
    found = []
    for product in (spike_product, torch.matmul):
        given_x, given_weight = x.clone().requires_grad_(), weight.detach().clone().requires_grad_()
        made = product(given_x, given_weight)
        made.backward(grad)
        found.append((made.detach(), given_x.grad, given_weight.grad))
    for a, b in zip(*found, strict=True):
        assert a.dtype == dtype
        assert float((a - b).abs().max()) <= (1e-5 if single else 1e-12) * max(1.0, float(b.abs().max()))


@pytest.mark.parametrize("density", [0.1, 0.6])
def test_gradients_are_true_derivatives(density):
    x = (spikes((3, 4, 7), density, 1) * 1.5).requires_grad_()
    moved = x.detach() != 0  # a zero that gradcheck moves becomes an event, which is right, and slow
    assert torch.autograd.gradcheck(spike_product, (x, weights(7, 5)))
    assert moved.any()


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float32])
@pytest.mark.parametrize("density", [0.05, 0.7])
def test_truth_values_and_bytes_are_as_good_as_floats(dtype, density):
    x, weight = spikes((5, 17, 70), density, 2, dtype), weights(70, 9, dtype=torch.float32)
    made = spike_product(x, weight)
    made.sum().backward()
    np.testing.assert_allclose(made.detach(), x.float() @ weight.detach(), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(weight.grad[:, 0], x.float().sum((0, 1)), rtol=1e-6)


def test_counts_count():
    x = spikes((4, 3, 70), 0.2, 3, torch.uint8) * 3
    weight = weights(70, 4)
    torch.testing.assert_close(spike_product(x, weight), x.double() @ weight, rtol=1e-12, atol=1e-12)


def test_not_a_number_is_no_zero():
    x = torch.zeros(1, 1, 130)
    x[0, 0, 3] = x[0, 0, 129] = torch.nan
    assert spike_product(x, torch.ones(130, 2)).isnan().all()


def test_silence_has_no_gradient_and_no_current():
    weight = weights(70, 4)
    made = spike_product(torch.zeros(3, 2, 70, dtype=torch.float64), weight)
    made.sum().backward()
    assert not made.any()
    assert not weight.grad.any()


@pytest.mark.parametrize("density", [0.05, 0.7])
def test_any_strides_are_taken(density):
    x, weight = spikes((70, 20, 8), density, 5).transpose(0, 2), weights(9, 70).t()
    torch.testing.assert_close(spike_product(x, weight), x @ weight, rtol=1e-12, atol=1e-12)
    grad = torch.ones((), dtype=torch.float64).expand(8, 20, 9)
    spike_product(x, weight).backward(grad)


@pytest.mark.parametrize("density", [0.03, 0.5])
def test_result_does_not_depend_on_the_number_of_threads(density):
    x, before, found = spikes((30, 64, 300), density, 6, torch.float32), torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            weight, given_x = weights(300, 200, dtype=torch.float32), x.clone().requires_grad_()
            made = spike_product(given_x, weight)
            (made * made).sum().backward()
            found.append((made.detach(), weight.grad, given_x.grad))
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


def test_other_types_are_left_to_torch():
    with pytest.raises(RuntimeError, match="dtype"):
        spike_product(torch.zeros(1, 1, 4, dtype=torch.float64), torch.zeros(4, 2))


def test_input_is_kept_as_events_only():
    """What the gradient keeps of a sparse batch is one bit for each entry."""
    x, weight = spikes((50, 10, 640), 0.05, 7, torch.float32), weights(640, 3, dtype=torch.float32)
    made = spike_product(x, weight)
    kept = made.grad_fn.events
    assert kept.words.nbytes == x.numel() // 8
    assert [tuple(t.shape) for t in made.grad_fn.saved_tensors] == [(640, 3)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@some
@given(rows=st.integers(1, 30), depth=st.integers(1, 40), columns=st.integers(1, 70), seed=st.integers(0, 99))
def test_dense_product_is_the_matrix_product(dtype, rows, depth, columns, seed):
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((rows, depth)).astype(dtype), rng.standard_normal((columns, depth)).astype(dtype).T
    tolerance = 1e-5 if dtype is np.float32 else 1e-13
    np.testing.assert_allclose(
        dense_product(a, b), a.astype(float) @ b.astype(float), rtol=tolerance, atol=tolerance * depth
    )


def test_a_layer_of_connections_adds_its_bias():
    layer = sf.Dense(70, 5, bias=True)
    with torch.no_grad():
        layer.bias += 2.0
    x = spikes((3, 4, 70), 0.1, 8, torch.bool)
    torch.testing.assert_close(layer(x)[0], x.float() @ layer.weight + 2.0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_full_product_is_the_matrix_product_in_every_precision(dtype):
    draw = torch.Generator().manual_seed(0)
    x, weight = torch.randn((2, 5, 7), generator=draw).to(dtype), torch.randn((4, 7), generator=draw).to(dtype)
    found = full_product(x, weight.t().requires_grad_())
    assert not found.requires_grad
    torch.testing.assert_close(found, x @ weight.t())


def same_steps(x, steps=6):
    return x[:1].expand(steps, -1, -1)


@pytest.mark.parametrize("kind", ["spikes", "numbers at spikes", "dense numbers", "truth values", "dense truth values"])
@pytest.mark.parametrize("still", ["x", "gradient", "both"])
def test_steps_that_are_all_the_same_have_the_values_and_gradients_of_any_others(kind, still):
    density = 0.7 if "dense" in kind else 0.1
    x = spikes((6, 5, 130), density, 1) * (
        torch.linspace(-2.0, 2.0, 3900).view(6, 5, 130).double() if "numbers" in kind else 1.0
    )
    x = x.bool() if "truth" in kind else x
    grad = torch.randn(6, 5, 9, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    x = same_steps(x) if still != "gradient" else x
    grad = same_steps(grad) if still != "x" else grad
    found = []
    for made_of, back in ((x, grad), (x.clone(memory_format=torch.contiguous_format), grad.contiguous())):
        weight = weights(130, 9)
        given_x = made_of.detach().requires_grad_() if made_of.is_floating_point() else made_of
        made = spike_product(given_x, weight)
        asked = [weight, given_x] if given_x.requires_grad else [weight]
        found.append((made.detach(), *torch.autograd.grad(made, asked, back)))
    (made, _, *for_x), (plain, *_) = found
    assert torch.equal(made, plain)
    assert same_at_every_step(made) == (still != "gradient")
    assert all(same_at_every_step(g) == (still != "x") for g in for_x)
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("density", [0.1, 0.6])
def test_gradients_of_steps_that_are_all_the_same_do_not_depend_on_the_number_of_threads(density):
    x, before, found = spikes((30, 64, 300), density, 6, torch.float32), torch.get_num_threads(), []
    grad = torch.randn(30, 64, 200, generator=torch.Generator().manual_seed(3))
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            each = []
            for given_x, back in ((same_steps(x, 30), grad), (x, same_steps(grad, 30))):
                weight = weights(300, 200, dtype=torch.float32)
                each += torch.autograd.grad(spike_product(given_x, weight), weight, back)
            found.append(each)
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_one_step_is_not_taken_for_many():
    assert not same_at_every_step(torch.zeros(1, 4, 3).expand(1, 4, 3))
    assert not same_at_every_step(torch.zeros(1, 4, 3))
    assert same_at_every_step(torch.zeros(1, 4, 3).expand(2, 4, 3))


def test_the_full_product_of_steps_that_are_all_the_same_is_one_step():
    x, weight = same_steps(torch.randn(1, 5, 7)), torch.randn(7, 4)
    found = full_product(x, weight)
    assert same_at_every_step(found)
    assert torch.equal(found, full_product(x.contiguous(), weight))
