"""What modifiers that remember are for: of two tasks, permuted digits, learned one after the other the first is kept."""

import functools

import numpy as np
import pytest
import torch
from digits_training import digits

import synfire as sf


def permuted(seed, task):
    order = torch.from_numpy(np.random.default_rng((seed, task)).permutation(64))
    return tuple((x[..., order], target) for x, target in digits())


def trained(network, rule, samples, state=None):
    settings = {"epochs": 6, "batch": 50, "optimisers": sf.sgd(0.3), "progress": False}
    return sf.fit(network, rule, samples, state=state, **settings).network


@functools.cache
def after_the_first_task(seed):
    network = sf.perceptron([64, 32, 10], activation=sf.Relu(), seed=seed)
    return trained(network, sf.BPTT(), permuted(seed, 0)[0])


@functools.cache
def sequential(seed):
    return accuracies(after_the_first_task(seed), sf.BPTT(), None, seed)


def accuracies(network, rule, state, seed):
    """Of both tasks, after the second."""
    network = trained(network, rule, permuted(seed, 1)[0], state)
    return np.array([sf.evaluate(network, permuted(seed, task)[1])[1] for task in (0, 1)])


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    "modifier", [sf.GradientProjectionMemory(), sf.ElasticWeightConsolidation(5.0, samples=200)], ids=["GPM", "EWC"]
)
def test_two_tasks_are_known_better_than_without_memory_and_the_first_is_forgotten_less(modifier, seed):
    network, rule = after_the_first_task(seed), sf.chain(sf.BPTT(), modifier)
    learned = sf.evaluate(network, permuted(seed, 0)[1])[1]
    state = rule.end_task(network, [sf.Batch(*permuted(seed, 0)[0])], rule.init(network))
    found, without = accuracies(network, rule, state, seed), sequential(seed)
    assert learned - without[0] > 0.12  # otherwise there is nothing to prevent
    assert learned - found[0] < 0.6 * (learned - without[0])
    assert found.mean() > without.mean() + 0.03
