"""Hebbian orthogonal projection against its equations in NumPy, and what they promise: the subspace, outputs that stay."""

import dataclasses
import itertools
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rate_networks import clusters, map_network, tanh_network

import synfire as sf
from synfire.neurons.dense import Dense
from synfire.plasticity.activity_rows import once, traces
from synfire.plasticity.factors import Factors, as_matrix, connections_of, recorded, rows_of
from synfire.plasticity.hebbian_subspace import Hebbian, from_second_moments, learned, residual
from synfire.plasticity.subspace import Subspace, random_rows

LATERALS = {"linear": sf.LinearLateral(), "spiking": sf.SpikingLateral(steps=40, ceiling=5.0)}


def spiking_network():
    snn = sf.feedforward([6, 8, 7, 3], neuron=sf.SoftResetLIF(tau_m=5.0), seed=1)
    return sf.Feedforward(list(snn.layers)[:-1]).double()


def spiking_batch(seed=0):
    x = (torch.rand(5, 4, 6, generator=torch.Generator().manual_seed(seed)) < 0.4).double()
    return sf.Batch(x, torch.arange(4) % 3)


def images(seed=0):
    x = torch.randn((1, 6, 2, 9, 9), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return sf.Batch(x, torch.arange(6) % 3)


def rates(seed=0):
    x = torch.randn((1, 8, 5), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return sf.Batch(x, torch.arange(8) % 3)


def by_hand(x, errors, frozen, rows, velocity, rate, lateral):
    """Section by section as the source has it: projection by old rows, then five iterations of new ones. x: gain activity."""

    def answer(h, x):
        y = np.einsum("kn,bn->bk", h, x)
        if isinstance(lateral, sf.SpikingLateral):
            s, steps = lateral.ceiling, lateral.steps
            y = np.round(np.clip(y, -s, s) / s * steps) / steps * s
        return y

    gradient = (x - answer(frozen, x) @ frozen).T @ errors
    for _ in range(5):
        h = np.concatenate([frozen, rows])
        y = answer(h, x)
        back = np.einsum("bk,kn->bn", y, h)
        change = np.clip(np.einsum("bk,bn->kn", y, x - back) / len(x), -10.0, 10.0)[len(frozen) :]
        velocity = 0.9 * velocity + 0.1 * change
        rows = rows + rate * velocity
    return gradient, rows, velocity


@pytest.mark.filterwarnings("ignore:OrthogonalProjection")  # the equations hold of rows that grow, too
@pytest.mark.parametrize("lateral", LATERALS.values(), ids=LATERALS)
@pytest.mark.parametrize(
    ("make", "batch"), [(tanh_network, rates), (map_network, images), (spiking_network, spiking_batch)],
    ids=["rates", "maps", "spiking"],
)  # fmt: skip
def test_equals_the_equations_over_batches_and_two_tasks(make, batch, lateral):
    network = make()
    names = list(connections_of(network).values())
    ranks = [[2 + (k + 1) % 2 for k in range(len(names))], [2] * len(names)]
    learning_rate = [0.02 / (k + 1) for k in range(len(names))]
    projection = sf.OrthogonalProjection(ranks=ranks, learning_rate=learning_rate, lateral=lateral, seed=5)
    rule = sf.chain(sf.BPTT(), projection)
    state = rule.init(network)
    expected = {name: [part.numpy() for part in s] for name, s in sf.subspaces(state).items()}
    for task in range(2):
        for number in range(3):
            given = batch(10 * task + number)
            with recorded(network) as record:
                sf.BPTT().gradients(network, given, None)
            credit = rule.gradients(network, given, state)
            state = credit.state
            for k, (name, (connections, presynaptic, error, _)) in enumerate(record.factors().items()):
                x = connections.gain * rows_of(connections, presynaptic).numpy()
                errors = error.flatten(0, 1)
                errors = errors if errors.ndim == 2 else errors.flatten(2).transpose(1, 2).flatten(0, 1)
                gradient, rows, velocity = by_hand(x, errors.numpy(), *expected[name], learning_rate[k], lateral)
                expected[name][1:] = rows, velocity
                np.testing.assert_allclose(as_matrix(credit.gradients[name]), gradient, atol=1e-9)
                for found, wanted in zip(sf.subspaces(state)[name], expected[name], strict=True):
                    np.testing.assert_allclose(found, wanted, atol=1e-9)
        state = rule.end_task(network, [], state)
        for name, subspace in sf.subspaces(state).items():
            np.testing.assert_allclose(subspace.frozen, np.concatenate(expected[name][:2]), atol=1e-9)
            assert not len(subspace.rows) or sf.orthonormality_error(subspace.rows) < 1e-9
            assert not subspace.velocity.any()
            expected[name] = [part.numpy() for part in subspace]


def anisotropic(n, spread, samples=4000):
    """Gaussian activity whose principal directions are no axes, and the first of them in order."""
    draw = np.random.default_rng(2)
    directions = np.linalg.qr(draw.standard_normal((n, n)))[0].T
    x = draw.standard_normal((samples, n)) * np.resize(spread, n) @ directions
    return torch.from_numpy(x), torch.from_numpy(directions)


def taught(x, k, *, rate=0.02, iterations=1500):
    n = x.shape[1]
    start = random_rows(k, torch.empty(n, 0, dtype=x.dtype), np.random.default_rng(0))
    subspace = Subspace(x.new_empty(0, n), start, torch.zeros_like(start))
    return from_second_moments(subspace, x.t(), Hebbian(sf.LinearLateral(), rate, iterations, 0.9))


def test_stationary_activity_of_low_rank_is_captured_by_rows_that_become_orthonormal():  # section 7, item 1
    x, directions = anisotropic(12, [2.0] * 4 + [0.0] * 8)
    rows = taught(x, 6).rows
    assert sf.captured_energy(rows, x) > 0.99
    active = rows @ directions[:4].t() @ directions[:4]  # what they hold in the space of the activity
    kept = torch.linalg.svdvals(active)
    np.testing.assert_allclose(kept[:4], 1.0, atol=1e-3)
    four = taught(x, 4).rows
    assert sf.captured_energy(four, x) > 0.99
    assert sf.orthonormality_error(four) < 0.01


def test_the_learned_span_is_that_of_the_first_singular_vectors():  # section 7, item 2
    x, _ = anisotropic(12, [3.0, 2.5, 2.0, *[0.5] * 9])
    first = torch.linalg.svd(x, full_matrices=False).Vh[:3]
    assert float(sf.principal_angles(taught(x, 3).rows, first).max()) < 0.5
    assert float(sf.principal_angles(random_rows(3, x.t(), np.random.default_rng(0)), first).max()) > 45.0


def continued(network, rule, tasks, *, optimisers=None, epochs=2):
    """(network, state) before the last task and after it."""
    state = None
    for task in tasks:
        before, was = network, state
        options = {"epochs": epochs, "batch": 20, "optimisers": optimisers or sf.sgd(0.1), "progress": False}
        fitted = sf.fit(network, rule, (task.x, task.target), state=state, **options)
        network, state = fitted.network, rule.end_task(fitted.network, [task], fitted.state)
    return before, was, network, state


@pytest.mark.parametrize("after", [(), (sf.Clip(0.01),)], ids=["alone", "clipped after"])
def test_weights_do_not_change_on_what_lies_in_the_frozen_span(after):  # section 7, item 3
    first = sf.Batch(clusters(60).x.double(), clusters(60).target)
    second = sf.Batch(first.x.flip(-1), first.target)
    projection = sf.OrthogonalProjection(ranks=[[8, 6], [3, 3]], orthonormal=True)
    network = sf.perceptron([20, 12, 5], activation=sf.Relu(), bias=True, seed=0).double()
    before, was, now, _ = continued(network, sf.chain(sf.BPTT(), projection, *after), [first, second])
    for k, subspace in zip((0, 2), sf.subspaces(was).values(), strict=True):
        changed = (now.layers[k].weight - before.layers[k].weight).detach()
        assert float(changed.norm()) > 1e-3
        assert float((subspace.frozen @ changed).norm()) < 1e-10 * float(changed.norm())
        assert torch.equal(now.layers[k].bias, before.layers[k].bias)


@pytest.mark.parametrize(
    ("make", "batch"), [(tanh_network, rates), (map_network, images), (spiking_network, spiking_batch)]
)
def test_projection_of_traces_and_of_weights_give_the_same_gradient(make, batch):  # section 7, item 4
    network, given = make(), batch()
    with recorded(network) as record:
        plain = sf.BPTT().gradients(network, given, None)
    for name, factors in record.factors().items():
        gradient = plain.gradients[name]
        frozen = random_rows(3, as_matrix(gradient), np.random.default_rng(1)) * 1.1  # no projection, as rows in use
        made = traces(factors, once(factors.presynaptic))
        x = factors.connections.gain * rows_of(factors.connections, made.presynaptic)
        errors = made.error.flatten(0, 1)
        errors = errors if errors.ndim == 2 else errors.flatten(2).transpose(1, 2).flatten(0, 1)
        by_traces = residual(frozen, x.t(), sf.LinearLateral()) @ errors
        matrix = as_matrix(gradient)
        np.testing.assert_allclose(by_traces, matrix - frozen.t() @ (frozen @ matrix), atol=1e-12)
        projection = sf.OrthogonalProjection(ranks=1)
        found = projection._projected(gradient, factors, frozen, made, None, None)
        np.testing.assert_allclose(as_matrix(found), by_traces, atol=1e-12)


def test_without_rows_training_is_the_plain_rules_bit_for_bit():  # section 7, item 5
    first = clusters(60)
    tasks = [first, sf.Batch(first.x.flip(-1), first.target)]
    network = sf.perceptron([20, 12, 5], bias=True, seed=0)
    plain = continued(network, sf.chain(sf.BPTT()), tasks)[2]
    for ranks in (0, [[0, 0]]):
        found = continued(network, sf.chain(sf.BPTT(), sf.OrthogonalProjection(ranks=ranks)), tasks)[2]
        for (name, a), b in zip(plain.named_parameters(), found.parameters(), strict=True):
            assert torch.equal(a, b), name


RULES = {
    "bptt": (tanh_network, rates, sf.BPTT()),
    "feedback alignment": (tanh_network, rates, sf.FeedbackAlignment()),
    "sign-symmetric": (map_network, images, sf.SignSymmetric()),
    "spiking, bptt": (spiking_network, spiking_batch, sf.BPTT()),
    "spiking, feedback alignment": (spiking_network, spiking_batch, sf.FeedbackAlignment()),
    "spiking, ottt": (spiking_network, spiking_batch, sf.OTTT()),
    "spiking, sltt": (spiking_network, spiking_batch, sf.SLTT()),
}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("rows", [sf.EachStep(), sf.TimeMean(tau_steps=3.0)], ids=["each step", "time mean"])
def test_gradients_of_every_rule_leave_the_frozen_span(name, rows):
    make, batch, inner = RULES[name]
    network, projection = make(), sf.OrthogonalProjection(ranks=2, learning_rate=0.01, rows=rows, orthonormal=True)
    rule = sf.chain(inner, projection)
    state = rule.gradients(network, batch(0), rule.init(network)).state
    state = rule.end_task(network, [], state)
    credit = rule.gradients(network, batch(1), state)
    plain = inner.gradients(network, batch(1), state[0])
    assert float(credit.loss) == float(plain.loss)
    for weight, subspace in sf.subspaces(state).items():
        given, found = as_matrix(plain.gradients[weight]), as_matrix(credit.gradients[weight])
        assert float((subspace.frozen @ given).norm()) > 1e-4 * float(given.norm()) > 0.0
        assert float((subspace.frozen @ found).norm()) < 1e-9 * float(given.norm())
        span = torch.eye(len(given), dtype=given.dtype) - subspace.frozen.t() @ subspace.frozen
        np.testing.assert_allclose(found, span @ given, atol=1e-10 * float(given.norm()) + 1e-14)
    assert all(g.ndim > 1 for g in credit.gradients.values())  # biases stay put after the first task


def test_an_input_or_an_error_that_stands_still_is_taken_once():
    draw = torch.Generator().manual_seed(4)
    layer = Dense(6, 4, gain=1.5).double()
    moving_x, moving_error = (torch.randn(7, 5, n, generator=draw, dtype=torch.float64) for n in (6, 4))
    for x, error in itertools.product(
        (moving_x, moving_x[:1].expand(7, 5, 6)), (moving_error, moving_error[:1].expand(7, 5, 4))
    ):
        made = traces(Factors(layer, x, error), once(x))
        assert len(made.presynaptic) == (7 if x.stride(0) and error.stride(0) else 1)
        whole = x.flatten(0, 1).t() @ error.flatten(0, 1)
        np.testing.assert_allclose(made.presynaptic.flatten(0, 1).t() @ made.error.flatten(0, 1), whole, atol=1e-12)


@pytest.mark.parametrize("tau", [None, 2.5])
def test_time_means_weigh_late_steps_more(tau):
    x = torch.rand(6, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weights = np.exp(-(6 - np.arange(1, 7)) / tau) if tau else np.ones(6)
    wanted = np.einsum("t,tbn->bn", weights, x.numpy()) / weights.sum()
    np.testing.assert_allclose(sf.TimeMean(tau_steps=tau).of(x)[0], wanted, atol=1e-12)
    assert sf.EachStep().of(x) is x


@settings(max_examples=25, deadline=None)
@given(
    k_old=st.integers(0, 6), k=st.integers(1, 6), n=st.integers(12, 20), samples=st.integers(1, 40),
    scale=st.floats(0.1, 8.0), seed=st.integers(0, 1000),
)  # fmt: skip
def test_learning_from_rows_and_from_second_moments_is_the_same(k_old, k, n, samples, scale, seed):
    draw = np.random.default_rng(seed)
    x = torch.from_numpy(scale * draw.standard_normal((n, samples)))
    like = torch.empty(n, 0, dtype=torch.float64)
    rows = random_rows(k, like, draw)
    subspace = Subspace(random_rows(k_old, like, draw), rows, 0.1 * rows)
    constants = Hebbian(sf.LinearLateral(), 0.01, 4, 0.9)
    one = learned(subspace, x, residual(subspace.frozen, x, constants.lateral), constants)
    two = from_second_moments(subspace, x, constants)
    for a, b in zip(one, two, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-9 * scale**2)


def test_spiking_lateral_neurons_come_to_answer_as_linear_ones_with_more_steps():
    drive = torch.linspace(-15.0, 15.0, 101, dtype=torch.float64)
    distance = [float((sf.SpikingLateral(steps=n).respond(drive) - drive).abs().max()) for n in (40, 400, 4000)]
    assert all(far <= 20.0 / n / 2 + 1e-12 for far, n in zip(distance, (40, 400, 4000), strict=True))
    assert distance[0] > 0.1
    beyond = sf.SpikingLateral(steps=40).respond(torch.tensor([25.0, -1e9]))
    assert beyond.tolist() == [20.0, -20.0]


def test_rows_come_while_there_is_room_and_are_pure_functions_of_the_seed():
    network = tanh_network()
    rule = sf.chain(sf.BPTT(), sf.OrthogonalProjection(ranks=[[3, 0, 4], [1, 2, 4]], seed=9))
    state = rule.init(network)
    shapes = []
    for task in range(3):
        shapes.append([(len(s.frozen), len(s.rows)) for s in sf.subspaces(state).values()])
        state = rule.end_task(network, [], rule.gradients(network, rates(task), state).state)
    assert shapes == [[(0, 3), (0, 0), (0, 4)], [(3, 1), (0, 2), (4, 2)], [(4, 1), (2, 2), (6, 0)]]
    drawn = [
        sf.OrthogonalProjection(ranks=3, seed=seed).init(dict(network.named_parameters())).each["layers.0.weight"].rows
        for seed in (8, 8, 9)
    ]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_state_is_not_changed_in_place():
    network = tanh_network()
    rule = sf.chain(sf.BPTT(), sf.OrthogonalProjection(ranks=2))
    state = rule.end_task(network, [], rule.gradients(network, rates(), rule.init(network)).state)
    kept = {name: [part.clone() for part in s] for name, s in sf.subspaces(state).items()}
    rule.gradients(network, rates(1), state)
    for name, subspace in sf.subspaces(state).items():
        assert all(torch.equal(a, b) for a, b in zip(subspace, kept[name], strict=True))


@pytest.mark.parametrize("lateral", LATERALS.values(), ids=LATERALS)
def test_a_changed_gradient_is_projected_by_linear_neurons_and_refused_by_spiking_ones(lateral):
    network = tanh_network()
    projection = sf.OrthogonalProjection(ranks=2, lateral=lateral, orthonormal=True)
    rule = sf.chain(sf.BPTT(), sf.Clip(1e-3), projection)
    state = rule.end_task(network, [], rule.gradients(network, rates(), rule.init(network)).state)
    if lateral.linear:
        credit = rule.gradients(network, rates(1), state)
        clipped = sf.chain(sf.BPTT(), sf.Clip(1e-3))
        given = clipped.gradients(network, rates(1), clipped.init(network)).gradients
        for name, subspace in sf.subspaces(state).items():
            wanted = given[name] - subspace.frozen.t() @ (subspace.frozen @ given[name])
            np.testing.assert_allclose(credit.gradients[name], wanted, atol=1e-12)
    else:
        with pytest.raises(sf.InvalidValue, match="put the modifier after"):
            rule.gradients(network, rates(1), state)


def test_result_does_not_depend_on_the_number_of_threads():
    x = torch.randn(90, 150, generator=torch.Generator().manual_seed(0))
    rows = random_rows(60, torch.empty(90, 0), np.random.default_rng(0))
    subspace, before, found = Subspace(rows[:25], rows[25:], torch.zeros(35, 90)), torch.get_num_threads(), []
    constants = Hebbian(sf.LinearLateral(), 0.01, 5, 0.9)
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            left = residual(subspace.frozen, x, constants.lateral)
            found.append((learned(subspace, x, left, constants), from_second_moments(subspace, x, constants)))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a.rows, b.rows) for a, b in zip(*found, strict=True))


def test_outputs_of_an_old_task_stay_where_the_plain_rule_forgets():
    first = clusters(100)
    moved = first.x[..., torch.randperm(20, generator=torch.Generator().manual_seed(1))]
    second = sf.Batch(0.6 * first.x + 0.8 * moved, first.target.roll(1))  # much the same input, other answers
    network, lost = sf.perceptron([20, 24, 5], activation=sf.Relu(), seed=0), {}
    for name, ranks in (("plain", 0), ("projected", [[10, 12], [5, 5]])):
        projection = sf.OrthogonalProjection(ranks=ranks, learning_rate=0.02)
        before, _, now, _ = continued(network, sf.chain(sf.BPTT(), projection), [first, second], epochs=6)
        lost[name] = [sf.evaluate(each, (first.x, first.target))[1] for each in (before, now)]
        assert lost[name][0] > 0.9
    assert lost["plain"][1] < 0.6
    assert lost["projected"][1] > lost["plain"][1] + 0.2


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"ranks": -1}, "ranks"), ({"ranks": True}, "ranks"), ({"ranks": []}, "ranks"), ({"ranks": [3, 4]}, "ranks"),
        ({"ranks": 2.5}, "ranks"), ({"ranks": 1, "learning_rate": 0.0}, "learning_rate"),
        ({"ranks": 1, "learning_rate": [0.1, float("inf")]}, "learning_rate"),
        ({"ranks": 1, "learning_rate": []}, "learning_rate"), ({"ranks": 1, "iterations": 0}, "iterations"),
        ({"ranks": 1, "momentum": 1.0}, "momentum"), ({"ranks": 1, "learning_rate": "0.1"}, "learning_rate"),
        ({"ranks": 1, "lateral": "linear"}, "lateral"), ({"ranks": 1, "rows": None}, "rows"), ({"ranks": 1, "seed": -1}, "seed"),
    ],
)  # fmt: skip
def test_constants_that_make_no_sense_are_refused(fields, said):
    with pytest.raises(sf.InvalidValue, match=rf"OrthogonalProjection\.{said}"):
        sf.OrthogonalProjection(**fields)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: sf.SpikingLateral(steps=0), "steps"),
        (lambda: sf.SpikingLateral(ceiling=0.0), "ceiling"),
        (lambda: sf.TimeMean(tau_steps=-1.0), "tau_steps"),
        (lambda: sf.chain(sf.BPTT(), sf.OrthogonalProjection(ranks=[[1, 1]])).init(tanh_network()), "one for each of"),
        (
            lambda: sf.chain(sf.BPTT(), sf.OrthogonalProjection(ranks=[[6, 1, 1]])).init(tanh_network()),
            "<= 5, the inputs",
        ),
        (
            lambda: sf.chain(sf.BPTT(), sf.OrthogonalProjection(ranks=1, learning_rate=[0.1] * 2)).init(tanh_network()),
            "learning_rate",
        ),
    ],
)
def test_what_does_not_suit_the_network_is_refused(make, said):
    with pytest.raises(sf.InvalidValue, match=said):
        make()


def test_connections_without_factors_are_refused_at_the_first_batch_unless_they_have_no_rows():
    network = sf.feedforward([6, 8, 3], neuron=sf.SoftResetLIF(tau_m=5.0), recurrent=True, seed=1).double()
    names = [name for name, w in network.named_parameters() if w.ndim > 1]
    recurrent = [name not in connections_of(network).values() for name in names]
    assert any(recurrent)
    rule = sf.chain(sf.BPTT(), sf.OrthogonalProjection(ranks=1))
    with pytest.raises(sf.InvalidValue, match="Dense or Conv"):
        rule.gradients(network, spiking_batch(), rule.init(network))
    rule = sf.chain(sf.BPTT(), sf.OrthogonalProjection(ranks=[[0 if r else 1 for r in recurrent]]))
    rule.gradients(network, spiking_batch(), rule.init(network))


def noise(shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def test_rows_that_grow_instead_of_converging_are_told():
    network, batch = sf.perceptron([6, 4, 3], seed=0), sf.Batch(3.0 * noise((1, 40, 6)), torch.arange(40) % 3)
    for rate, told in ((1e-3, ()), (3.0, ("rows of layers.0.weight have grown",))):
        rule = sf.chain(sf.BPTT(), sf.OrthogonalProjection(ranks=((2, 0),), learning_rate=rate))
        state = rule.init(network)
        for _ in range(4):
            state = rule.gradients(network, batch, state).state
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            rule.end_task(network, [], state)
        assert len(found) == len(told)
        assert all(
            said in str(each.message) and each.filename == __file__ for said, each in zip(told, found, strict=True)
        )


def test_a_change_too_small_to_be_seen_in_numbers_is_still_a_change():
    @dataclasses.dataclass(frozen=True)
    class Nudge(sf.Modifier):
        size: float

        def update(self, gradients, state, *, weights, activity):
            return {name: g * (1.0 + self.size) for name, g in gradients.items()}, state

    network, batch = sf.perceptron([6, 4, 3], seed=0), sf.Batch(noise((1, 40, 6)), torch.arange(40) % 3)
    rule = sf.chain(sf.BPTT(), Nudge(1e-6), sf.OrthogonalProjection(ranks=1, lateral=sf.SpikingLateral()))
    state = rule.end_task(network, [], rule.init(network))
    with pytest.raises(sf.InvalidValue, match="lateral"):
        rule.gradients(network, batch, state)


def test_a_state_of_another_network_or_chain_is_refused():
    rule = sf.chain(sf.BPTT(), sf.OrthogonalProjection(ranks=2))
    network, batch = sf.perceptron([6, 4, 3], seed=0), sf.Batch(noise((1, 40, 6)), torch.arange(40) % 3)
    for other in (rule.init(sf.perceptron([5, 4, 3])), sf.chain(sf.BPTT()).init(network), (None, None), None):
        with pytest.raises(sf.InvalidValue, match="state"):
            rule.gradients(network, batch, other)
