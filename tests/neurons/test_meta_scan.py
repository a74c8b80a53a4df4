"""Fused scans of neurons that fire by chance: against the plain loop of the models' own methods, values and gradients."""

import dataclasses

import numpy as np
import pytest
import torch

import synfire as sf
from synfire.neurons import meta_scan

LEARNED = {
    sf.MetaNeuron: ("a", "b", "c", "d", "v_threshold", "width"),
    sf.ProbabilisticLIF: ("tau_m", "r_m", "v_rest", "v_reset", "v_threshold", "width"),
}
FREE = {sf.MetaNeuron: ("a", "b"), sf.ProbabilisticLIF: ("tau_m", "r_m", "v_rest")}  # of those, what a Membrane has
every_model = pytest.mark.parametrize("model", LEARNED)
every_kind = pytest.mark.parametrize("kind", [sf.Spiking, sf.Membrane])


def plainly(call):
    """Its result where no scan is taken."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("can_fire", "can_integrate"):
            patch.setattr(meta_scan, name, lambda *a: False)
        return call()


def currents(model, shape, seed=3, dtype=torch.float64):
    made = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (2.0 * made if model is sf.MetaNeuron else 200.0 * made + 150.0).to(dtype)


def heterogeneous(model, n, noise, seed=0):
    """noise: how wide it is at each neuron: none, everywhere, or at every other one."""
    rng = np.random.default_rng(seed)
    width = rng.uniform(0.02, 0.1, n) * {"none": 0.0, "some": np.arange(n) % 2, "all": 1.0}[noise]
    if model is sf.MetaNeuron:
        return model(
            a=rng.uniform(-0.1, 0.3, n), b=rng.uniform(-0.3, 0.3, n), c=rng.uniform(-0.3, 0.3, n),
            d=rng.uniform(-0.1, 0.2, n), v_threshold=rng.uniform(0.4, 0.6, n), width=width,
        )  # fmt: skip
    return model(
        tau_m=rng.uniform(2.0, 40.0, n), r_m=rng.uniform(0.5, 3.0, n), v_rest=rng.uniform(-70.0, -60.0, n),
        v_reset=rng.uniform(-75.0, -60.0, n), v_threshold=rng.uniform(-58.0, -45.0, n), width=30.0 * width,
    )  # fmt: skip


def gradients(layer, x):
    """Output, state at the end, and gradients by currents, initial state and parameters of a loss that weighs all of it."""
    layer.zero_grad()
    x = x.clone().requires_grad_()
    start = layer.initial_state(x.detach(), x.shape[1], torch.arange(x.shape[1]) + 5)
    v, u = (each.detach().clone().requires_grad_() for each in start[:2])
    recovers = "u" in start._fields
    start = start._replace(v=v, **({"u": u} if recovers else {}))
    output, after = layer(x, start)
    weights = torch.linspace(-1.0, 1.0, output.numel(), dtype=x.dtype).view(output.shape)
    (weights * output).sum().add((torch.cos(after[0]) * 0.3 + torch.sin(after[1])).sum()).backward()
    learned = [p.grad.clone() for p in layer.parameters()]
    assert torch.equal(after.count, torch.full_like(after.count, len(x)))
    return (
        output.detach(),
        after[0].detach(),
        after[1].detach(),
        x.grad,
        v.grad,
        *([u.grad] if recovers else []),
        *learned,
    )


def assert_close(found, expected, tolerance):
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        assert float((a - b).abs().max()) <= tolerance * max(1e-3, float(b.abs().max()))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 2e-5)])
@pytest.mark.parametrize("noise", ["none", "all"])
@every_kind
@every_model
def test_spikes_and_gradients_are_those_of_the_plain_loop(model, kind, noise, dtype, tolerance):
    """Of currents, initial state and every parameter; rounding grows over the steps."""
    learn = LEARNED[model][: -1 if noise == "none" else None] if kind is sf.Spiking else FREE[model]
    layer = kind(70, heterogeneous(model, 70, noise), learn=learn).to(dtype)
    x = currents(model, (25, 4, 70), dtype=dtype)
    fused = gradients(layer, x)
    expected = plainly(lambda: gradients(layer, x))
    if kind is sf.Spiking:
        assert torch.equal(fused[0], expected[0])
        assert 0.01 < fused[0].mean() < 0.9
    assert all((each != 0).any() for each in fused[3:])
    assert_close(fused, expected, tolerance)


@every_model
def test_where_some_have_no_width_each_neuron_has_its_own_gradient(model):
    """Neurons do not hear one another: those with noise learn as in a layer of such, those without as in one of LIF's kind."""
    x, noisy = currents(model, (12, 3, 20)), np.arange(20) % 2 == 1
    all_of_them = heterogeneous(model, 20, "all")
    widths = {"some": np.where(noisy, all_of_them.width, 0.0), "none": np.zeros(20), "all": all_of_them.width}
    found = {}
    for name, width in widths.items():
        neuron = dataclasses.replace(all_of_them, width=width, keys=np.arange(20))
        layer = sf.Spiking(20, neuron, learn=["v_threshold"]).double()
        found[name] = [each[..., noisy] if name == "all" else each[..., ~noisy] for each in gradients(layer, x)]
        if name == "some":
            found["noisy"] = [each[..., noisy] for each in gradients(layer, x)]
            with torch.no_grad():  # the scan's, but for gradients
                spikes, expected = layer.eval()(x)[0], plainly(lambda layer=layer: layer(x)[0])
            assert torch.equal(spikes, expected)
    assert all((each != 0).any() for each in found["some"][3:])
    assert_close(found["some"], found["none"], 1e-10)
    assert_close(found["noisy"], found["all"], 1e-10)


@every_model
def test_scans_are_taken(model, monkeypatch):
    """Or the comparison above would compare the plain loop with itself."""
    taken = []
    for name in ("fire", "integrate"):
        own = getattr(meta_scan, name)
        monkeypatch.setattr(meta_scan, name, lambda *a, own=own, name=name: taken.append(name) or own(*a))
    for kind in (sf.Spiking, sf.Membrane):
        kind(3, model())(currents(model, (4, 2, 3)))
    assert taken == ["fire", "integrate"]


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 130), (40, 2, 17)])
@every_model
def test_scan_and_plain_loop_agree_for_every_shape(model, shape):
    layer, x = sf.Spiking(shape[2], model(), learn=["width"]).double(), currents(model, shape)
    assert_close(gradients(layer, x), plainly(lambda: gradients(layer, x)), 1e-10)


@every_kind
@every_model
def test_pieces_equal_the_whole_with_their_gradients(model, kind):
    layer, x = kind(20, model(), learn=FREE[model]).double().eval(), currents(model, (12, 3, 20))

    def run(pieces):
        layer.zero_grad()
        given, state, outputs = x.clone().requires_grad_(), None, []
        for piece in given.split(pieces):
            output, state = layer(piece, state)
            outputs.append(output)
        torch.cat(outputs).square().sum().backward()
        return torch.cat(outputs).detach(), given.grad, *(p.grad for p in layer.parameters())

    whole, pieces = run([12]), run([5, 1, 6])
    assert torch.equal(whole[0], pieces[0])
    assert_close(pieces, whole, 1e-12)


@every_kind
@every_model
def test_result_does_not_depend_on_the_number_of_threads(model, kind):
    layer, x = kind(128, model(), learn=FREE[model]), currents(model, (40, 48, 128), dtype=torch.float32)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(gradients(layer, x))
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


@pytest.mark.parametrize("case", ["refractory", "waiting", "out of step", "learned width of 0"])
def test_what_the_scan_does_not_know_takes_the_plain_loop(case, monkeypatch):
    monkeypatch.setattr(meta_scan, "fire", lambda *a: pytest.fail("fused"))
    neuron = sf.ProbabilisticLIF(t_refractory=3.0) if case == "refractory" else sf.ProbabilisticLIF()
    if case == "learned width of 0":
        neuron = sf.ProbabilisticLIF(width=0.0)
    layer, x = sf.Spiking(4, neuron, learn=["width"] if "width" in case else []), currents(type(neuron), (6, 2, 4))
    state = layer.double().initial_state(x, 2)
    if case == "waiting":
        state = state._replace(count=state.count - 2)
    if case == "out of step":
        state = state._replace(count=state.count + torch.arange(4))
    layer(x, state)[0].sum().backward() if layer.learn else layer(x, state)


def test_a_subclass_with_a_step_of_its_own_is_asked_for_every_step():
    class Silent(sf.Spiking):
        def one_step(self, step, state, current):
            return step.integrate(state, current), torch.zeros_like(current)

    assert Silent(3, sf.MetaNeuron())(torch.full((5, 2, 3), 1000.0))[0].sum() == 0.0


def test_without_gradients_potentials_are_not_kept(monkeypatch):
    made = []
    monkeypatch.setattr(meta_scan, "empty", lambda shape, dtype: made.append(shape) or np.empty(shape, dtype))
    with torch.no_grad():
        sf.Spiking(4, sf.MetaNeuron())(currents(sf.MetaNeuron, (6, 2, 4)))
    assert made == [(1, 2, 4), (6, 2, 4)]
