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


def random_network(seed, n=60, excitatory=48, synapses=15, strong=0.6):
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


def obvious_trial(columns, excitatory, mother, anchors, lags):
    """Every neuron in every step, every arrival in a list; (spikes, span, layers) of the group, or zeros."""
    pre, post, delay, weight, a, d = columns
    n, limit, window = len(a), polychronous_groups.LIMIT, polychronous_groups.WINDOW
    v, u, current = np.full(n, -70.0), np.full(n, -14.0), np.zeros((limit + 30, n))
    spikes, links_to, last = [], {}, -(10**6)
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
    del links_to
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
    answered = any(j == mother and together < t <= together + window + 1 for t, j in spikes)
    if answer is None or not answered or helps != own or max(layer.values()) < polychronous_groups.LAYERS:
        return 0, 0, 0
    return len(layer), max(t for t, _ in layer), max(layer.values())


@pytest.mark.parametrize("seed", [0, 1])
def test_the_search_finds_what_the_obvious_one_finds(seed):
    columns, net = random_network(seed)
    found = polychronous_groups.search(net, 1.0, 0)
    expected, tried = [], 0
    for mother, (pre, delay) in enumerate(polychronous_groups.candidates(net)):
        for chosen in itertools.combinations(range(len(pre)), 3):
            tried += 1
            if tried % 5 == 0:  # the obvious one takes its time
                k = list(chosen)
                lags = delay[k].max() - delay[k]
                group = obvious_trial(columns, 48, mother, pre[k], lags)
                if group[2]:
                    expected.append((mother, *pre[k].tolist(), *group))
    assert found.tried == found.candidates == tried
    rows = np.column_stack([found.mother, found.anchors, found.spikes, found.span, found.layers]).tolist()
    # every fifth triplet in the order of `combinations`, which is not the search's
    every = {tuple(row[:4]): tuple(row[4:]) for row in rows}
    assert len(expected) > 20
    print(len(expected), tried, len(rows))
    for row in expected:
        assert every[row[:4]] == row[4:]
    assert len(rows) < 8 * len(expected)


def test_too_little_input_never_fires_a_neuron():
    """What the search leaves out: neurons at which less than `TOO_LITTLE` arrives, whenever, with inhibition or without."""
    rng, steps = np.random.default_rng(0), 60
    for a, d in ((0.02, 8.0), (0.1, 2.0)):
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
