"""A linear readout that learns from samples one at a time, by the rules that the event loop runs."""

from __future__ import annotations

from functools import cache
from typing import Any

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..neurons import InvalidValue
from ..neurons.randomness import check_seed, setup_generator
from ..plasticity.contract import Floats, ReadoutRule, learn
from ..plasticity.linear import dot

__all__ = ["learn_online", "sample_order"]


def sample_order(samples: int, epoch: int, seed: int) -> NDArray[np.int64]:
    """The order in which an epoch shows its samples: a permutation, a pure function of (seed, epoch)."""
    return setup_generator(check_seed("sample_order: seed", seed), epoch).permutation(samples)


def learn_online(
    rule: ReadoutRule, features: ArrayLike, targets: ArrayLike, *, attention: ArrayLike, seed: int
) -> Floats:
    """Teach prediction = weight features by `rule`, from weight 0, one update per sample.

    Parameters   rule        e.g. ThreeFactor(learning_rate=0.1 / n)
                 features    shape (samples, n), standardised; append a column of ones for a bias
                 targets     shape (samples, channels)
                 attention   of all channels in each epoch, >= 0, shape (epochs,): as long as there are epochs to run;
                             a falling one is a falling step size
                 seed        of the order of the samples
    Returns      the weights after each epoch, shape (epochs, channels, n)
    Raises       InvalidValue for shapes that do not fit, a negative attention, or values that are not finite
    """
    x, y = (np.ascontiguousarray(a, dtype=np.float64) for a in (features, targets))
    gate = np.asarray(attention, dtype=np.float64)
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y):
        legal = f"(samples, channels) to fit features {x.shape}"
        raise InvalidValue("learn_online: targets", f"shape {y.shape}", legal)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InvalidValue("learn_online: features, targets", "a NaN or infinity", "finite")
    if gate.ndim != 1 or not np.isfinite(gate).all() or (gate < 0).any():
        raise InvalidValue("learn_online: attention", attention, "finite and >= 0, one number per epoch")
    step, state = rule.discretise(1.0), rule.initial_state(y.shape[1], x.shape[1])
    weight = np.zeros((y.shape[1], x.shape[1]))
    history = np.empty((len(gate), *weight.shape))
    for epoch, strength in enumerate(gate):
        order = sample_order(len(x), epoch, seed)
        _compiled()(step, state, weight, x, y, order, np.full(y.shape[1], strength))
        history[epoch] = weight
    return history


def show(
    step: Any,
    state: Any,
    weight: Floats,
    features: Floats,
    targets: Floats,
    order: NDArray[np.int64],
    attention: Floats,
) -> None:
    """Show each sample once, in this order: predict, then learn. Changes `weight` and `state`."""
    prediction = np.zeros(weight.shape[0])
    for sample in order:
        for c in range(prediction.size):
            prediction[c] = dot(weight[c], features[sample])
        learn(step, state, weight, features[sample], prediction, targets[sample], attention)


@cache
def _compiled() -> Any:
    """`show` compiled, at its first use; not cached on disk, where an edited rule would run stale."""
    return numba.njit(show)
