"""Gradient projection memory: against an SVD of all samples, and by what it promises of old inputs."""

import numpy as np
import pytest
import torch
from rate_networks import map_network, rate_batch
from torch.nn import functional

import synfire as sf
from synfire.neurons.dense import Dense
from synfire.plasticity.factors import heard, rows_of


def low_rank(rank, samples=60, n=12, seed=0):
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn((samples, rank), generator=draw, dtype=torch.float64)
    x = x @ torch.randn((rank, n), generator=draw, dtype=torch.float64)
    return sf.Batch(x[None], torch.arange(samples) % 3)


def halves(batch):
    half = len(batch.target) // 2
    return [sf.Batch(batch.x[:, :half], batch.target[:half]), sf.Batch(batch.x[:, half:], batch.target[half:])]


def network_of(n=12):
    return sf.perceptron([n, 8, 3], activation=sf.Tanh(), bias=True, seed=0).double()


def remembered(memory, *batches, network=None):
    """The rule and its state after tasks of these batches, the network unchanged in between."""
    network = network_of() if network is None else network
    rule = sf.chain(sf.BPTT(), memory)
    state = rule.init(network)
    for batch in batches:
        state = rule.end_task(network, halves(batch), state)
    return rule, state


def oracle(tasks, first, growth):
    """Saha, Garg & Roy's algorithm on stored samples, each task (n, samples): the basis after all of them."""
    basis = np.zeros((len(tasks[0]), 0))
    for k, samples in enumerate(tasks):
        held = basis @ basis.T @ samples
        u, s, _ = np.linalg.svd(samples - held, full_matrices=False)
        wanted, energy, count = (first + growth * k) * (samples**2).sum(), (held**2).sum(), 0
        while energy < wanted:
            energy += s[count] ** 2
            count += 1
        basis = np.hstack([basis, u[:, :count]])
    return basis


def test_memory_spans_the_activity_and_a_second_task_changes_nothing_there():
    first, second = low_rank(4), low_rank(12, seed=1)
    rule, state = remembered(sf.GradientProjectionMemory(keep=sf.Energy(first=1.0)), first)
    basis = state[1][0].bases["layers.0.weight"]
    assert basis.shape == (12, 4)
    held = first.x[0] @ basis @ basis.T
    assert held.numpy() == pytest.approx(first.x[0].numpy(), abs=1e-12)

    network = network_of()
    fitted = sf.fit(network, rule, second, epochs=2, batch=20, optimisers=sf.sgd(0.5), state=state, progress=False)
    change = fitted.network.layers[0].weight - network.layers[0].weight
    assert float((first.x[0] @ change).detach().abs().max()) < 1e-13
    assert float((second.x[0] @ change).detach().abs().max()) > 0.1
    for name, value in fitted.network.named_parameters():
        if name.endswith("bias"):
            assert torch.equal(value, network.get_parameter(name))


@pytest.mark.parametrize(("first", "growth"), [(0.9, 0.0), (0.8, 0.06)])
def test_memory_is_that_of_an_svd_of_all_samples(first, growth):
    batches = [low_rank(12, seed=k) for k in range(3)]
    batches = [batch._replace(x=batch.x * torch.linspace(2.0, 0.1, 12).double()) for batch in batches]
    _, state = remembered(sf.GradientProjectionMemory(keep=sf.Energy(first=first, growth=growth)), *batches)
    network = network_of()
    for name in ("layers.0.weight", "layers.2.weight"):
        expected = oracle([heard(network, b.x)[name][0].numpy().T for b in batches], first, growth)
        found = state[1][0].bases[name].numpy()
        assert found.shape == expected.shape
        assert found @ found.T == pytest.approx(expected @ expected.T, abs=1e-8)
        assert found.T @ found == pytest.approx(np.eye(found.shape[1]), abs=1e-12)


def test_ranks_are_how_many_directions_each_connection_gets_up_to_all_there_are():
    batches = [low_rank(9, seed=k) for k in range(3)]
    _, state = remembered(sf.GradientProjectionMemory(keep=sf.Ranks(((3, 2), (4, 1)))), *batches)
    assert [basis.shape[1] for basis in state[1][0].bases.values()] == [3 + 4 + 4, 2 + 1 + 1]
    _, state = remembered(sf.GradientProjectionMemory(keep=sf.Ranks(((9, 9),))), low_rank(4), low_rank(4))
    assert [basis.shape for basis in state[1][0].bases.values()] == [(12, 4), (8, 8)]


def test_single_precision_does_not_take_rounding_for_activity():
    network, batch = network_of().float(), low_rank(4)
    _, state = remembered(
        sf.GradientProjectionMemory(keep=sf.Ranks(((9, 0),))), batch._replace(x=batch.x.float()), network=network
    )
    assert state[1][0].bases["layers.0.weight"].shape == (12, 4)


def test_before_the_end_of_a_task_gradients_are_the_rules():
    rule, state = remembered(sf.GradientProjectionMemory())
    plain, found = (each.gradients(network_of(), low_rank(4), s) for each, s in ((sf.BPTT(), None), (rule, state)))
    assert all(torch.equal(plain.gradients[name], found.gradients[name]) for name in plain.gradients)


def test_free_parameters_learn_as_if_there_were_no_memory():
    free = ("layers.2.weight", "layers.2.bias")
    rule, state = remembered(sf.GradientProjectionMemory(keep=sf.Ranks(((2,),)), free=free), low_rank(4))
    plain, found = (each.gradients(network_of(), low_rank(4), s) for each, s in ((sf.BPTT(), None), (rule, state)))
    assert set(found.gradients) == {"layers.0.weight", *free}
    assert all(torch.equal(plain.gradients[name], found.gradients[name]) for name in free)


@pytest.mark.parametrize("tau_steps", [None, 3.0])
def test_sequences_are_remembered_by_their_mean_over_time(tau_steps):
    x = torch.randn((7, 5, 12), generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    share = np.exp(-(7 - np.arange(1, 8)) / (np.inf if tau_steps is None else tau_steps))
    means = np.einsum("t,tbn->bn", share / share.sum(), x.numpy())
    memory = sf.GradientProjectionMemory(keep=sf.Ranks(((5,),)), tau_steps=tau_steps)
    _, state = remembered(memory, sf.Batch(x, torch.arange(5) % 3), network=sf.Feedforward([Dense(12, 3)]).double())
    basis = state[1][0].bases["layers.0.weight"].numpy()
    assert basis.shape == (12, 5)
    assert means @ basis @ basis.T == pytest.approx(means, abs=1e-12)


@pytest.mark.parametrize("patches", [10_000, 5])
def test_kernels_are_remembered_by_patches_and_answer_them_as_before(patches):
    network, batch = map_network(), rate_batch(shape=(2, 9, 9))
    batch.x[:, :, 1] = 0.0  # half of the directions are without activity
    memory = sf.GradientProjectionMemory(keep=sf.Energy(first=1.0), patches=patches)
    rule, state = remembered(memory, batch, network=network.eval())
    for name in ("layers.0.weight", "layers.3.weight"):
        basis, layer = state[1][0].bases[name], network.get_submodule(name.removesuffix(".weight"))
        rows = rows_of(layer, heard(network, batch.x)[name])
        if patches > 81:
            assert basis.shape[1] == np.linalg.matrix_rank(rows.numpy()) < len(basis)
            assert (rows @ basis @ basis.T).numpy() == pytest.approx(rows.numpy(), abs=1e-10)
        else:
            assert 0 < basis.shape[1] <= np.linalg.matrix_rank(rows.numpy())
            inside = np.linalg.matrix_rank(np.vstack([rows.numpy(), basis.numpy().T]), tol=1e-8)
            assert inside == np.linalg.matrix_rank(rows.numpy(), tol=1e-8)
    if patches > 81:
        other = rate_batch(shape=(2, 9, 9))
        gradient = rule.gradients(network, other, state).gradients["layers.0.weight"]
        old, new = (functional.conv2d(b.x[0], gradient, padding=1).abs().max() for b in (batch, other))
        assert float(old) < 1e-12 < 1e-4 < float(new)


def test_patches_are_a_function_of_the_seed():
    batch = rate_batch(shape=(2, 9, 9))
    keep = sf.Ranks(((5, 5, 2),))
    memories = [sf.GradientProjectionMemory(keep=keep, patches=3, seed=seed) for seed in (0, 0, 1)]
    states = [remembered(memory, batch, network=map_network().eval())[1][1][0] for memory in memories]
    first, again, other = (state.bases["layers.0.weight"] for state in states)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_other_weights_than_those_of_dense_and_conv_are_refused():
    network = sf.feedforward([6, 5, 3], recurrent=True, seed=0)
    rule = sf.chain(sf.BPTT(), sf.GradientProjectionMemory())
    with pytest.raises(sf.InvalidValue, match=r"layers\.1\.weight"):
        rule.end_task(network, [sf.Batch(torch.ones(4, 2, 6), torch.tensor([0, 1]))], rule.init(network))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: sf.Energy(first=0.0), "first"),
        (lambda: sf.Energy(first=1.1), "first"),
        (lambda: sf.Energy(growth=-0.1), "growth"),
        (lambda: sf.Ranks(()), "per_task"),
        (lambda: sf.Ranks((3, 4)), "per_task"),
        (lambda: sf.Ranks(((3, 4), (3,))), "per_task"),
        (lambda: sf.Ranks(((3, -4),)), "per_task"),
        (lambda: sf.GradientProjectionMemory(keep=0.95), "keep"),
        (lambda: sf.GradientProjectionMemory(tau_steps=0.0), "tau_steps"),
        (lambda: sf.GradientProjectionMemory(patches=0), "patches"),
        (lambda: sf.GradientProjectionMemory(free="layers.0.weight"), "free"),
        (lambda: remembered(sf.GradientProjectionMemory(free=("head",))), "free"),
        (lambda: remembered(sf.GradientProjectionMemory(keep=sf.Ranks(((3, 4, 5),)))), "per_task"),
        (lambda: remembered(sf.GradientProjectionMemory(), sf.Batch(torch.ones(1, 0, 12), torch.zeros(0))), "one sample"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused(make, said):
    with pytest.raises(sf.InvalidValue, match=said):
        make()
