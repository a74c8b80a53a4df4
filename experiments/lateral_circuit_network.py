"""The lateral circuit of the experiment `lateral-circuit`: its input, its spiking network, its rate versions, its measures.

Rates are in Hz about their base, x is in mV, weights of synapses in mV at the moment of arrival.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..neurons import LIF, Current, Exponential, GaussianNoise, Waveform, setup_generator, uniform
from ..plasticity import Covariance, InhibitorySTDP, Unbounded
from ..reservoirs import AllToAll, Network, OneToOne, Population, Projection

__all__ = [
    "BASE", "CHUNK", "TAU", "TAU_MEAN", "Circuit", "Input", "angles", "build", "captured", "chance", "draw_input",
    "effective_dimension", "expected_lengths", "initial_weights", "oja_course", "rate_course", "seen",
]  # fmt: skip

Floats = NDArray[np.float64]

_INPUT, _WEIGHTS = 273, 274  # streams of randomness
BASE = 50.0  # Hz, to which the tonic input holds every neuron
GAIN = 3.2  # Hz per mV, measured: slope of the neurons' rate between 15 and 90 Hz
TAU_SYN, TAU, TAU_MEAN = 10.0, 30.0, 1000.0  # ms: of synapses between the two kinds of neurons; of the rule's traces
LOOP = GAIN * TAU_SYN * 1e-3  # Hz of the target per Hz of the source and mV of weight
CHUNK = 20  # samples to a step of the rate versions: their weights hardly change meanwhile


class Input(NamedTuple):
    """samples: (samples, n), mV; principal: orthonormal columns (n, k) that span the best subspace, by SVD of the samples."""

    samples: Floats
    principal: Floats


def draw_input(n: int, strong: tuple[float, ...], weak: float, std: float, samples: int, seed: int) -> Input:
    """Gaussian samples with variances `strong` along some orthogonal directions and `weak` along all others, scaled so that
    neurons have the standard deviation `std` on average."""
    rng = setup_generator(seed, _INPUT)
    directions = np.linalg.qr(rng.standard_normal((n, n)))[0]
    variance = np.full(n, weak)
    variance[: len(strong)] = strong
    variance *= n * std**2 / variance.sum()
    drawn = (rng.standard_normal((samples, n)) * np.sqrt(variance)) @ directions.T
    return Input(drawn, np.linalg.svd(drawn, full_matrices=False)[2][: len(strong)].T)


def initial_weights(n: int, k: int, size: float, seed: int) -> tuple[Floats, Floats]:
    """H (k, n), and what stands for its transpose in the inhibition (k, n): two draws that know nothing of each other."""
    first, second = setup_generator(seed, _WEIGHTS).normal(0.0, size, (2, k, n))
    return first, second


class Circuit(NamedTuple):
    """The spiking network; `forward` holds H from residual to subspace neurons, `back` minus its transpose."""

    net: Network
    residual: Population
    subspace: Population
    forward: Projection
    back: Projection

    def weights(self, result: Any) -> tuple[Floats, Floats]:
        """H and what stands for it in the inhibition, both (k, n), from a result of `net.run`."""
        n, k = self.residual.size, self.subspace.size
        return result.weights(self.forward).reshape(n, k).T, -result.weights(self.back).reshape(k, n)


def build(
    samples: Floats,
    start: tuple[Floats, Floats],
    hold_ms: float,
    learning_rate: tuple[float, float],
    decay: float,
    seed: int,
) -> Circuit:
    """LIF neurons on both sides, held at BASE by a tonic input each; learning rates are those of H and of the inhibition."""
    (k, n), neuron = start[0].shape, LIF(tau_m=20.0, v_rest=0.0, v_reset=0.0, v_threshold=15.0)
    net = Network(dt=1.0, seed=seed)
    residual, subspace = net.population(n, neuron, name="residual"), net.population(k, neuron, name="subspace")
    tonic = net.population(n + k, neuron, name="tonic")
    net.drive(tonic, Current(amplitude=uniform(21.0, 27.0)))  # 40 to 60 Hz, each at its own rate
    for cells in (residual, subspace):
        net.drive(cells, GaussianNoise(std=20.0, mean=24.0))  # about BASE, with a CV of 0.3
    net.drive(residual, Waveform(values=samples, weight=np.eye(n), every=hold_ms))
    held = InhibitorySTDP(tau=20.0, rate=BASE, learning_rate=-3e-3, bounds=Unbounded())  # mV; within about 10 s
    for cells, source in ((residual, tonic[:n]), (subspace, tonic[n:])):
        net.connect(source, cells, OneToOne(), weight=0.0, synapse=Exponential(tau_syn=100.0), plasticity=held)
    hebb, anti = (
        Covariance(tau=TAU, tau_mean=TAU_MEAN, learning_rate=sign * rate, decay=decay if rate else 0.0)
        for sign, rate in zip((1.0, -1.0), learning_rate, strict=True)
    )
    synapse = Exponential(tau_syn=TAU_SYN)
    (forward,) = net.connect(residual, subspace, AllToAll(), weight=start[0].T, synapse=synapse, plasticity=hebb)
    (back,) = net.connect(subspace, residual, AllToAll(), weight=-start[1], synapse=synapse, plasticity=anti)
    return Circuit(net, residual, subspace, forward, back)


def seen(hold_ms: float) -> float:
    """Which part of the covariance of two rates that follow samples held for `hold_ms` the rule's traces see."""
    kept = [tau / hold_ms * -math.expm1(-hold_ms / tau) for tau in (TAU, TAU_MEAN)]
    return kept[1] - kept[0]


def rate_course(
    samples: Floats, start: tuple[Floats, Floats], hold_ms: float, learning_rate: float, decay: float
) -> Iterator[tuple[Floats, Floats]]:
    """The circuit of linear rates without spikes, noise or lags: H and the inhibition before each chunk and after the last.

    r = GAIN x - LOOP D y,  y = LOOP H r;  dH/dt = dD'/dt = 2 learning_rate seen y r' - 2 BASE decay H (or D')
    """
    forward, back = (weight.copy() for weight in start)
    step, loss = 2e-3 * learning_rate * seen(hold_ms) * hold_ms, 2e-3 * BASE * decay * hold_ms
    yield forward.copy(), back.copy()
    for begin in range(0, len(samples), CHUNK):
        x = GAIN * samples[begin : begin + CHUNK].T
        y = np.linalg.solve(np.eye(len(forward)) + LOOP**2 * forward @ back.T, LOOP * forward @ x)
        change = step * y @ (x - LOOP * back.T @ y).T
        forward, back = (weight + change - loss * x.shape[1] * weight for weight in (forward, back))
        yield forward, back


def expected_lengths(given: Input, hold_ms: float, learning_rate: float, decay: float) -> Floats:
    """Singular values of H (k,), mV, descending, at which `rate_course` comes to rest.

    In a direction of variance c the loop gain L = (LOOP h)^2 divides the residual by 1 + L, and learning meets decay at
    (1 + L)^2 = learning_rate seen LOOP GAIN^2 c / (BASE decay); directions for which that is below 1 die out.
    """
    variance = ((given.samples @ given.principal) ** 2).mean(0)
    squared = learning_rate * seen(hold_ms) * LOOP * GAIN**2 * variance / (BASE * decay)
    return np.sqrt(np.maximum(np.sqrt(squared) - 1.0, 0.0)) / LOOP


def oja_course(samples: Floats, start: Floats, hold_ms: float, learning_rate: float) -> Iterator[Floats]:
    """Oja's subspace rule as hebbian orthogonal projection has it, dH = y (x - H'y)' with y = H x, growing as fast at first."""
    weight = LOOP * start
    step = 2e-3 * learning_rate * seen(hold_ms) * hold_ms * LOOP
    yield weight
    for begin in range(0, len(samples), CHUNK):
        x = GAIN * samples[begin : begin + CHUNK].T
        y = weight @ x
        weight = weight + step * y @ (x - weight.T @ y).T
        yield weight


def angles(weight: Floats, principal: Floats) -> Floats:
    """Principal angles between the rows of a weight (k, n) and orthonormal columns (n, k), degrees, ascending."""
    cosines = np.linalg.svd(np.linalg.qr(weight.T)[0].T @ principal, compute_uv=False)
    return np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0)))


def captured(weight: Floats, given: Input) -> float:
    """The samples' energy within the span of the rows, relative to that within the principal subspace."""
    within, best = given.samples @ np.linalg.qr(weight.T)[0], given.samples @ given.principal
    return float((within**2).sum() / (best**2).sum())


def effective_dimension(weight: Floats) -> float:
    """(sum s^2)^2 / sum s^4 of the singular values: k where all directions weigh the same, 1 where one is all."""
    energy = np.linalg.svd(weight, compute_uv=False) ** 2
    return float(energy.sum() ** 2 / (energy**2).sum())


def chance(n: int, k: int, seed: int, draws: int = 2000) -> Floats:
    """Principal angles (draws, k) of random subspaces to a given one, degrees."""
    bases = np.linalg.qr(setup_generator(seed, _WEIGHTS, 1).standard_normal((draws, n, k)))[0]
    return np.degrees(np.arccos(np.clip(np.linalg.svd(bases[:, :k], compute_uv=False), -1.0, 1.0)))
