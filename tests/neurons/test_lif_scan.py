"""Fused scans over time: first against the model's own methods step by step, then against autograd through the plain loop."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import synfire as sf
from synfire.neurons import lif_scan
from synfire.neurons.spiking import Spiking

MODELS = [sf.LIF, sf.SoftResetLIF]
SURROGATES = [sf.ArcTan, sf.FastSigmoid, sf.Gaussian, sf.Sigmoid, sf.StraightThrough, sf.Triangular]
LEARNED = {
    sf.LIF: ("tau_m", "r_m", "v_rest", "v_reset", "v_threshold"),
    sf.SoftResetLIF: ("tau_m", "r_m", "v_rest", "v_drop", "v_threshold"),
}
shapes = st.tuples(st.integers(1, 12), st.integers(1, 5), st.sampled_from([1, 3, 16, 65, 130]))
some = settings(deadline=None, max_examples=25)  # the first example compiles


class Own(sf.Surrogate):
    """A user's surrogate, which is nothing that a compiler could take."""

    def derivative(self, excess):
        return torch.special.i0e(excess) * self.height


@pytest.fixture
def plain(monkeypatch):
    """Makes layers take the loop of plain torch operations."""

    def switch():
        for name in ("can_fire", "can_integrate", "can_recur"):
            monkeypatch.setattr(lif_scan, name, lambda *a: False)

    yield switch
    monkeypatch.undo()


def currents(shape, seed, dtype=torch.float64):
    made = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 200.0 + 150.0
    return made.to(dtype)


def heterogeneous(model, n, rng):
    """A model each of whose neurons has parameters of its own."""
    values = {
        "tau_m": rng.uniform(2.0, 40.0, n), "r_m": rng.uniform(0.5, 3.0, n), "v_rest": rng.uniform(-70.0, -60.0, n),
        "v_threshold": rng.uniform(-58.0, -45.0, n),
    }  # fmt: skip
    own = (
        {"v_drop": rng.uniform(5.0, 20.0, n)} if model is sf.SoftResetLIF else {"v_reset": rng.uniform(-75.0, -60.0, n)}
    )
    return model(**values, **own)


def by_the_models_own_methods(neuron, x, dt=1.0):
    step, state = neuron.discretise(dt), neuron.initial_state()
    state = type(state)(*(np.broadcast_to(value, x.shape[1:]) for value in state))
    spikes = []
    for current in x:
        state = step.integrate(state, current)
        spikes.append(step.excess(state) >= 0.0)
        state = step.reset(state, spikes[-1])
    return np.array(spikes), state.v


@pytest.mark.parametrize("model", MODELS)
@some
@given(shape=shapes, seed=st.integers(0, 2**31))
def test_spikes_are_those_of_the_models_methods_bit_for_bit(model, shape, seed):
    neuron, x = heterogeneous(model, shape[2], np.random.default_rng(seed)), currents(shape, seed)
    spikes, state = Spiking(shape[2], neuron)(x)
    expected, v = by_the_models_own_methods(neuron, x.numpy())
    np.testing.assert_array_equal(spikes.numpy() == 1.0, expected)
    np.testing.assert_array_equal(state.v.numpy(), v)
    assert set(np.unique(spikes.numpy())) <= {0.0, 1.0}


def gradients(layer, x, state=None):
    """Output, final potential and all gradients of a loss that weighs every output and the last state differently."""
    layer.zero_grad()
    x = x.clone().requires_grad_()
    output, after = layer(x, state)
    v = after[0].v if isinstance(layer, sf.Recurrent) else after.v
    weights = torch.linspace(-1.0, 1.0, output.numel(), dtype=x.dtype).view(output.shape)
    (weights * output).sum().add((torch.cos(v) * 0.3).sum()).backward()
    return output.detach(), v.detach(), x.grad, *(p.grad.clone() for p in layer.parameters())


def assert_close(found, expected, tolerance):
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert float((a - b).abs().max()) <= tolerance * max(1e-3, float(b.abs().max()))


@pytest.mark.parametrize("surrogate", [*SURROGATES, Own])
@pytest.mark.parametrize("kind", [sf.Spiking, sf.Recurrent])
@pytest.mark.parametrize("model", MODELS)
def test_gradients_are_those_of_the_plain_loop(plain, model, kind, surrogate):
    """Also of every parameter of the model, where each neuron has its own."""
    rng = np.random.default_rng(5)
    layer = kind(70, heterogeneous(model, 70, rng), surrogate=surrogate(), learn=LEARNED[model]).double()
    x = currents((9, 4, 70), 3)
    fused = gradients(layer, x)
    plain()
    expected = gradients(layer, x)
    assert torch.equal(fused[0], expected[0])
    assert 0.01 < fused[0].mean() < 0.9
    assert_close(fused, expected, 1e-9)


@pytest.mark.parametrize("kind", [sf.Spiking, sf.Recurrent])
@pytest.mark.parametrize("model", MODELS)
def test_single_precision_gradients_are_within_a_hundred_thousandth(plain, model, kind):
    layer = kind(33, model(), learn=["tau_m"])
    x = currents((20, 6, 33), 1, torch.float32)
    fused = gradients(layer, x)
    plain()
    expected = gradients(layer, x)
    assert torch.equal(fused[0], expected[0])
    assert_close(fused, expected, 1e-5)


@pytest.mark.parametrize("kind", [sf.Spiking, sf.Recurrent])
@some
@given(shape=shapes, seed=st.integers(0, 2**31))
def test_fused_and_plain_agree_for_every_shape(kind, shape, seed):
    layer, x = kind(shape[2], sf.LIF(tau_m=7.0), seed=seed).double(), currents(shape, seed)
    fused = gradients(layer, x)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("can_fire", "can_recur"):
            patch.setattr(lif_scan, name, lambda *a: False)
        expected = gradients(layer, x)
    assert torch.equal(fused[0], expected[0])
    assert_close(fused, expected, 1e-9)


@pytest.mark.parametrize("model", MODELS)
def test_gradients_of_the_membrane_are_true_derivatives(model):
    layer = sf.Membrane(5, model(), learn=["tau_m", "r_m", "v_rest"]).double()
    names, values = zip(*layer.named_parameters(), strict=True)
    v = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)

    def scan(x, v, *learned):
        state = sf.neurons.lif.LIFState(v, torch.zeros(3, 5, dtype=torch.float64))
        output, after = torch.func.functional_call(layer, dict(zip(names, learned, strict=True)), (x, state))
        return output, after.v

    x = torch.randn(4, 3, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(scan, (x, v, *values))


@pytest.mark.parametrize("model", MODELS)
def test_membrane_is_that_of_the_models_method_bit_for_bit(plain, model):
    layer, x = sf.Membrane(70, heterogeneous(model, 70, np.random.default_rng(0))), currents((9, 4, 70), 0)
    fused, state = layer(x)
    plain()
    expected, after = layer(x)
    assert torch.equal(fused, expected)
    assert torch.equal(state.v, after.v)


@pytest.mark.parametrize("kind", [sf.Spiking, sf.Recurrent, sf.Membrane])
def test_pieces_equal_the_whole_with_their_gradients(kind):
    layer, x = kind(20, sf.LIF(), learn=["tau_m"]).double(), currents((12, 3, 20), 4)

    def run(pieces):
        layer.zero_grad()
        given_x, state, outputs = x.clone().requires_grad_(), None, []
        for piece in given_x.split(pieces):
            output, state = layer(piece, state)
            outputs.append(output)
        output = torch.cat(outputs)
        (output * torch.linspace(-1, 1, output.numel(), dtype=torch.float64).view(output.shape)).sum().backward()
        return output.detach(), given_x.grad, *(p.grad for p in layer.parameters())

    whole, pieces = run([12]), run([5, 1, 6])
    assert torch.equal(whole[0], pieces[0])
    assert_close(pieces, whole, 1e-12)


@pytest.mark.parametrize("kind", [sf.Spiking, sf.Recurrent, sf.Membrane])
def test_result_does_not_depend_on_the_number_of_threads(kind):
    layer, x = kind(256, sf.LIF(), learn=["tau_m"]), currents((40, 64, 256), 2, torch.float32)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(gradients(layer, x))
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


def test_currents_that_are_not_contiguous_are_taken_as_they_are():
    layer, x = sf.Spiking(6, sf.LIF()), currents((6, 4, 9), 0).transpose(0, 2)[:, :, ::1]
    assert torch.equal(layer(x)[0], layer(x.contiguous())[0])


@pytest.mark.parametrize(
    "neuron", [sf.LIF(t_refractory=3.0), sf.AdaptiveLIF(), sf.Izhikevich()], ids=lambda n: type(n).__name__
)
def test_other_models_take_the_plain_loop(neuron, monkeypatch):
    monkeypatch.setattr(lif_scan, "fire", lambda *a: pytest.fail("fused"))
    spikes, _ = sf.Spiking(4, neuron)(currents((6, 2, 4), 0))
    assert spikes.shape == (6, 2, 4)


def test_a_refractory_state_is_kept_to():
    layer = sf.Spiking(1, sf.LIF())
    held = sf.neurons.lif.LIFState(torch.full((1, 1), -65.0), torch.full((1, 1), 3.0))
    spikes, _ = layer(torch.full((4, 1, 1), 1000.0), held)
    assert spikes.flatten().tolist() == [0.0, 0.0, 1.0, 1.0]


def test_a_subclass_with_a_step_of_its_own_is_asked_for_every_step():
    class Silent(Spiking):
        def one_step(self, step, state, current):
            return step.integrate(state, current), torch.zeros_like(current)

    assert Silent(3, sf.LIF())(torch.full((5, 2, 3), 1000.0))[0].sum() == 0.0


def test_without_gradients_potentials_are_not_kept(monkeypatch):
    made = []
    monkeypatch.setattr(lif_scan, "empty", lambda shape, dtype: made.append(shape) or np.empty(shape, dtype))
    with torch.no_grad():
        sf.Spiking(4, sf.LIF())(currents((6, 2, 4), 0))
    assert made == [(1, 2, 4), (6, 2, 4)]
