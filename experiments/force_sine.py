"""FORCE on a spiking network: a chaotic circuit learns, by recursive least squares, to produce a sine by itself.

    current into neuron i   bias + recurrent synapses + encoder_i z;  z = sum over neurons of decoder_i r_i
    r                       spikes filtered with an exponential of 20 ms; r jumps by 1 / (20 ms)
    synaptic current        rises with 2 ms and decays with 20 ms
    chaos                   decoder 0, so that nothing is fed back
    learning                the decoder moves towards the target sine, z is fed back all the while
    free                    learning off: z alone keeps the circuit on the sine, or fails to

Source       Nicola & Clopath 2017, doi:10.1038/s41467-017-01827-3: the constants of the sine on Izhikevich neurons
Deviations   r is filtered with one exponential of 20 ms, where the authors' has a rise of 2 ms too; the weights move
             with the textbook's gain P r / (1 + r' P r), where the authors' program takes P r; v starts below
             threshold. A circuit that goes on by itself keeps the shape, and its phase drifts: within 5 s the
             correlation with the target falls, which a plain program of the authors' recipe shows as well
             (N = 2000, two seeds: 0.76, 0.65 in phase and 0.93, 0.91 at the best delay)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..neurons import (
    Current,
    DoubleExponential,
    InvalidValue,
    Izhikevich2007,
    normal,
    setup_generator,
    steps_in,
    uniform,
)
from ..plasticity import RecursiveLeastSquares
from ..reservoirs import FixedProbability, Network, Teaching

__all__ = ["force_sine", "resemblance"]

Floats = NDArray[np.float64]

TAU = 20.0  # ms, of synapses and of what the readout sees
TAU_RISE = 2.0  # ms, of synapses
SPARSITY = 0.1
BIAS = 1000.0  # pA: the rheobase
_ENCODER = 8  # stream of the draw of the encoder


def force_sine(
    *,
    neurons: int = 2000,
    seed: int = 0,
    chaos: float = 5000.0,
    learning: float = 5000.0,
    free: float = 5000.0,
    frequency: float = 5.0,
    dt: float = 0.04,
    update_every: int = 20,
    gain: float = 5000.0,
    feedback: float = 5000.0,
    alpha: float = 0.5,
    points_every: float = 1.0,
) -> dict[str, NDArray[Any]]:
    """Let a circuit learn a sine and go on alone; a pure function of its arguments.

    Parameters   neurons              how many
                 chaos, learning, free   ms of the three phases, multiples of dt
                 frequency            of the sine, Hz
                 dt, update_every     ms; steps between updates of the decoder. z is fed back at every step
                 gain                 pA ms: a weight is gain N(0, 1) / (0.1 sqrt(neurons)), spread over TAU
                 feedback             pA per unit of z: the encoder is uniform within plus and minus this; 0 is a control
                 alpha                P(0) = identity / alpha
                 points_every         ms between the points of the curves
    Returns      numbers, arrays of shape (): of the free phase `correlation`, `error` (root mean square of output minus
                 target, relative to a silent output's), `best_correlation` at the best delay of the target, `lag` (that
                 delay, ms), `peak` (frequency at the top of the spectrum, Hz); of the last period of learning
                 `learning_error`; in Hz `rate_chaos`, `rate_learning`, `rate_free`.
                 Curves of shape (points,): `times` ms, `output`, `target`; `phase_ends` (3,) ms
    Raises       InvalidValue
    """
    if frequency <= 0.0 or free < 1e3 / frequency or learning < 1e3 / frequency:
        raise InvalidValue("force_sine: frequency", frequency, "> 0 Hz, with a period within learning and within free")
    network = _network(neurons, seed, dt, gain, feedback, alpha)
    simulation, (readout,) = network.simulation(), network.readouts
    phases = {"chaos": chaos, "learning": learning, "free": free}
    steps = {name: steps_in(f"force_sine: {name}", duration, dt) for name, duration in phases.items()}
    times = dt * np.arange(1, sum(steps.values()) + 1, dtype=np.float64)
    target = np.sin(2e-3 * np.pi * frequency * times)
    found: dict[str, Any] = {}
    state, outputs, done = simulation.initial_state(), [], 0
    for name, n in steps.items():
        attention = np.zeros(n)
        if name == "learning":
            attention[::update_every] = 1.0
        lesson = Teaching(target[done : done + n, None], attention[:, None])
        before = state["readout0.trace_sum"].sum()
        state, seen = simulation.advance(state, n, teach={readout: lesson})
        summed = state["readout0.trace_sum"].sum() - before
        found[f"rate_{name}"] = 1e3 * summed * (1.0 - np.exp(-dt / TAU)) / (dt * neurons * n) if n else np.nan
        outputs.append(seen.outputs[0][:, 0])
        done += n
    output, alone = np.concatenate(outputs), done - steps["free"]
    last = slice(alone - round(1e3 / frequency / dt), alone)
    found["learning_error"] = _relative_error(output[last], target[last])
    found |= resemblance(times[alone:], output[alone:], frequency)
    some = slice(None, None, max(1, round(points_every / dt)))
    found |= {"times": times[some], "output": output[some], "target": target[some]}
    found["phase_ends"] = dt * np.cumsum(list(steps.values()))
    return {name: np.asarray(value, dtype=np.float64) for name, value in found.items()}


def resemblance(times: Floats, output: Floats, frequency: float) -> dict[str, float]:
    """How like sin(2 pi frequency t) an output is, in phase and out of it; times ms, evenly spaced, frequency in Hz.

    Returns      correlation, error, best_correlation, lag and peak, as `force_sine` says; a constant output correlates
                 with nothing: 0
    """
    period = 1e3 / frequency
    lags = period * np.arange(-50, 50) / 100.0
    shifted = [_correlation(output, np.sin(2.0 * np.pi * (times - lag) / period)) for lag in lags]
    target, best = np.sin(2.0 * np.pi * times / period), int(np.argmax(shifted))
    padded = 16 * len(output)  # reads the peak between the bins that the duration allows
    power = np.abs(np.fft.rfft(np.hanning(len(output)) * (output - output.mean()), padded))
    return {
        "correlation": _correlation(output, target),
        "error": _relative_error(output, target),
        "best_correlation": shifted[best],
        "lag": float(lags[best]),
        "peak": 1e3 * float(np.argmax(power)) / (padded * float(times[1] - times[0])),
    }


def _correlation(x: Floats, y: Floats) -> float:
    x, y = x - x.mean(), y - y.mean()
    size = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / size) if size > 0.0 else 0.0


def _relative_error(output: Floats, target: Floats) -> float:
    return float(np.sqrt(np.mean((output - target) ** 2) / np.mean(target**2)))


def _network(neurons: int, seed: int, dt: float, gain: float, feedback: float, alpha: float) -> Network:
    network = Network(dt=dt, seed=seed)
    model = Izhikevich2007()
    cells = network.population(neurons, model, initial={"v": uniform(model.v_rest, model.v_threshold)})
    weight = gain / (SPARSITY * np.sqrt(neurons) * TAU) * normal(0.0, 1.0)
    current = DoubleExponential(tau_rise=TAU_RISE, tau_syn=TAU)
    network.connect(cells, cells, FixedProbability(SPARSITY), weight=weight, synapse=current)
    network.drive(cells, Current(amplitude=BIAS))
    encoder = feedback * setup_generator(seed, _ENCODER).uniform(-1.0, 1.0, (neurons, 1))
    rule = RecursiveLeastSquares(alpha=alpha)
    network.readout(cells, 1, rule, tau_trace=TAU, every=dt, std=TAU, feedback=encoder)
    return network
