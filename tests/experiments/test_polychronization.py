"""Izhikevich 2006: the network against its published program, and the search for groups against an obvious one."""

import itertools

import numpy as np
import pytest

import synfire as sf
from synfire.experiments import polychronization, polychronous_groups


def published_program(pre, post, delay, weight, plastic, kicked, excitatory, a, d):
    """Spikes (step, neuron) and excitatory weights, in the program's order, with a list for everything.

    Its second ends one step later here, where the event loop's does: after the spikes that step 1000 of it finds.
    """
    n, steps = len(a), len(kicked)
    weight, change = weight.copy(), np.zeros(len(weight))
    v, u = np.full(n, -65.0), np.full(n, -13.0)
    due = [[] for _ in range(steps + 50)]  # synapses that deliver in a step
    trace = np.zeros((steps + 2, n))  # 0.1 in the step of a spike, then 0.95 of it in each step
    spikes = []
    for step in range(steps):
        fired = np.flatnonzero(v >= 30.0)
        trace[step] = 0.95 * trace[step - 1] if step else 0.0
        trace[step, fired] = 0.1
        spikes += [(step, int(k)) for k in fired]
        v[fired], u[fired] = -65.0, u[fired] + d[fired]
        for k in fired:
            for e in np.flatnonzero(plastic & (post == k)):
                change[e] += trace[step - delay[e], pre[e]] if step >= delay[e] else 0.0
            for e in np.flatnonzero(pre == k):
                due[step + delay[e] - 1].append(e)
        current = np.zeros(n)
        if kicked[step] >= 0:
            current[kicked[step]] = 20.0
        for e in due[step]:
            current[post[e]] += weight[e]
            if plastic[e]:
                change[e] -= 1.2 * trace[step, post[e]]
        if step and step % 1000 == 0:
            weight[plastic] = np.clip(weight[plastic] + 0.01 + change[plastic], 0.0, 10.0)
            change *= 0.9
        for _ in range(2):
            v = v + 0.5 * (0.04 * v**2 + 5.0 * v + 140.0 - u + current)
        u = u + a * (0.2 * v - u)
    return spikes, weight[plastic]


def test_network_and_learning_are_the_published_program():
    net, cells, learnt, fixed = polychronization.network(1, 2100, excitatory=40, inhibitory=10, synapses=12)
    result = net.run(2100.0, record=[sf.Spikes(cells)], progress=False)
    kicks = np.asarray(net.populations[1].model.neurons)
    plastic = np.arange(len(learnt) + len(fixed)) < len(learnt)
    expected, weights = published_program(
        np.concatenate([learnt.pre, fixed.pre]), np.concatenate([learnt.post, fixed.post]),
        np.concatenate([np.asarray(learnt.delay) + 1, np.ones(len(fixed), int)]),
        np.where(plastic, 6.0, -5.0), plastic, np.concatenate([[-1], kicks])[:2100], 40,
        np.asarray(cells.model.a), np.asarray(cells.model.d),
    )  # fmt: skip
    found = [(int(t), int(k)) for t, k in zip(*result.spikes(cells), strict=True)]
    assert len(found) > 300
    assert weights.std() > 0.1  # something was learnt
    # a kick acts in the step after the one for which it is listed; a spike is labelled by the step that ends with it
    assert sorted((t + 1, k) for t, k in found if t < 2099) == expected
    np.testing.assert_allclose(result.weights(learnt), weights, rtol=0.0, atol=1e-9)  # sums in another order


def random_network(seed, n=100, excitatory=80, synapses=30, strong=0.6):
    """Weights at the two ends, a few between, as after learning."""
    rng = np.random.default_rng(seed)
    pre = np.repeat(np.arange(n), synapses)
    post = np.concatenate([rng.permutation(n if i < excitatory else excitatory)[:synapses] for i in range(n)])
    excites = pre < excitatory
    delay = np.where(excites, rng.integers(1, 21, len(pre)), 1)
    ends = np.where(rng.random(len(pre)) < strong, rng.uniform(9.6, 10.0, len(pre)), rng.uniform(0.0, 6.0, len(pre)))
    fast = np.arange(n) >= excitatory
    columns = pre, post, delay, np.where(excites, ends, -5.0), np.where(fast, 0.1, 0.02), np.where(fast, 2.0, 8.0)
    return columns, polychronous_groups.graph(*columns, excitatory=excitatory, strong=9.5)


def obvious_trial(columns, mother, anchors, lags):
    """Every neuron in every step, every arrival in a list; (spikes, span, layers) of the group, or zeros."""
    pre, post, delay, weight, a, d = columns
    n, limit, window = len(a), polychronous_groups.LIMIT, polychronous_groups.WINDOW
    v, u, current = np.full(n, -70.0), np.full(n, -14.0), np.zeros((limit + 30, n))
    spikes, last = [], 0
    for step in range(limit):
        forced = [k for k, lag in zip(anchors, lags, strict=True) if lag == step]
        v[forced] = 30.0
        for j in np.flatnonzero(v >= 30.0):
            spikes.append((step, int(j)))
            last = step
            v[j], u[j] = -65.0, u[j] + d[j]
            for e in np.flatnonzero(pre == j):
                current[step + delay[e] - 1, post[e]] += weight[e]
        for _ in range(2):
            v = v + 0.5 * (0.04 * v**2 + 5.0 * v + 140.0 - u + current[step])
        u = u + a * (0.2 * v - u)
        if step > max(last, max(lags)) + 30:
            break
    arrive = {(int(pre[e]), int(post[e])): (int(delay[e]), weight[e]) for e in range(len(pre))}
    layer, helps = {}, set()
    own = {(int(lag), int(k)) for k, lag in zip(anchors, lags, strict=True)}
    answer = next(((t, j) for t, j in spikes if j == mother and (t, j) not in own), None)
    together = min(lag + arrive[int(k), mother][0] - 1 for k, lag in zip(anchors, lags, strict=True))
    for t, j in spikes:
        if (t, j) in own:
            layer[t, j] = 1
            continue
        before = max([s for s, k in spikes if k == j and s < t], default=-1)
        for s, k in spikes:
            lag, w = arrive.get((k, j), (0, 0.0))
            if w > 9.5 and (s, k) in layer and max(before, t - window) <= s + lag - 1 < t:
                layer[t, j] = max(layer.get((t, j), 0), layer[s, k] + 1)
                if (s, k) in own and (t, j) != answer:
                    helps.add((s, k))
    answered = any(j == mother and together < t <= together + window for t, j in spikes)
    if answer is None or not answered or helps != own or max(layer.values()) < polychronous_groups.LAYERS:
        return 0, 0, 0
    return len(layer), max(t for t, _ in layer), max(layer.values())


@pytest.mark.parametrize("seed", [0, 1])
def test_the_search_finds_what_the_obvious_one_finds(seed):
    """Of one dense network all triplets are searched; of those, some of each kind are tried the obvious way."""
    columns, net = random_network(seed)
    found = polychronous_groups.search(net, 1.0, 0)
    groups = {
        (int(mother), *(int(k) for k in anchors)): (int(spikes), int(span), int(layers))
        for mother, anchors, spikes, span, layers in zip(
            found.mother, found.anchors, found.spikes, found.span, found.layers, strict=True
        )
    }
    there = {
        (mother, *(int(pre[k]) for k in chosen)): delay[list(chosen)].max() - delay[list(chosen)]
        for mother, (pre, delay) in enumerate(polychronous_groups.candidates(net))
        for chosen in itertools.combinations(range(len(pre)), 3)
    }
    assert found.tried == found.candidates == len(there)
    assert 100 < len(groups) < len(there) / 2
    assert set(groups) <= set(there)
    rng = np.random.default_rng(seed)
    some = [*rng.permutation(sorted(there))[:150].tolist(), *rng.permutation(sorted(groups))[:30].tolist()]
    for mother, *anchors in some:
        expected = obvious_trial(columns, mother, anchors, there[mother, *anchors])
        assert groups.get((mother, *anchors), (0, 0, 0)) == expected


def test_a_share_of_the_triplets_is_tried():
    _, net = random_network(2)
    whole, part, again = (polychronous_groups.search(net, share, 7) for share in (1.0, 0.1, 0.1))
    assert part.tried == pytest.approx(0.1 * whole.tried, rel=0.1)  # binomial of thousands
    np.testing.assert_array_equal(part.mother, again.mother)
    assert part.candidates == whole.candidates == whole.tried


def test_an_example_has_the_spikes_and_layers_that_were_counted():
    _, net = random_network(0)
    found = polychronous_groups.search(net, 0.05, 0)
    spikes, links = polychronous_groups.example(net, int(found.mother[0]), found.anchors[0], found.lags[0])
    assert (spikes[:, 2] > 0).sum() == found.spikes[0]
    assert spikes[:, 2].max() == found.layers[0]
    assert (spikes[links[:, 0], 2] < spikes[links[:, 1], 2]).all()
    assert (spikes[links[:, 0], 1] < links[:, 2] + 1).all()
    assert (links[:, 2] < spikes[links[:, 1], 1]).all()


def test_shuffling_keeps_what_every_neuron_hears():
    rng = np.random.default_rng(3)
    post, values = rng.integers(0, 20, 500), rng.random(500)
    shuffled = polychronization._shuffled(values, post, 4)
    assert (shuffled != values).mean() > 0.8
    for neuron in range(20):
        np.testing.assert_array_equal(np.sort(shuffled[post == neuron]), np.sort(values[post == neuron]))


def test_too_little_input_never_fires_a_neuron():
    """What the search leaves out: neurons at which less than `TOO_LITTLE` arrives, whenever, with inhibition or without."""
    rng, steps = np.random.default_rng(0), 60
    for a in (0.02, 0.1):
        current = np.zeros((20_000, steps))
        for _ in range(6):
            np.add.at(current, (np.arange(20_000), rng.integers(0, 20, 20_000)), rng.random(20_000))
        current *= polychronous_groups.TOO_LITTLE / current.sum(axis=1, keepdims=True)
        current[np.arange(10_000), rng.integers(0, 20, 10_000)] -= 5.0
        v, u = np.full(20_000, -70.0), np.full(20_000, -14.0)
        for step in range(steps):
            for _ in range(2):
                v = v + 0.5 * (0.04 * v**2 + 5.0 * v + 140.0 - u + current[:, step])
            u = u + a * (0.2 * v - u)
            assert v.max() < -40.0  # a spike would have come from above -50
