"""Spikes of trained Tempotrons whose potential begins anew after each spike, for readouts of whole trains."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..neurons.kernel import kernel

__all__ = ["spikes_of_tempotrons"]

Floats = NDArray[np.float64]


def spikes_of_tempotrons(
    spikes: NDArray[np.uint8], weight: Floats, tau: Floats, tau_s: Floats, v_threshold: Floats, dt: float
) -> NDArray[np.uint8]:
    """A unit fires in a step at whose end its potential is at threshold; then both its sums are 0 again.

    Parameters   spikes    0 or 1, (time, sample, channel)
                 weight    (channel, unit)
                 tau, tau_s, v_threshold   of each unit, ms, ms, units of weight, (unit,)
                 dt        ms
    Returns      (time, sample, unit) of 0 and 1
    """
    ratio = tau / tau_s
    peak = np.exp(-np.log(ratio) / (ratio - 1.0)) - np.exp(-ratio * np.log(ratio) / (ratio - 1.0))
    fired = np.zeros((*spikes.shape[:2], weight.shape[1]), np.uint8)
    step = np.stack([np.exp(-dt / tau), np.exp(-dt / tau_s), 1.0 / peak, v_threshold])
    kernel(_run)(spikes, np.ascontiguousarray(weight), step, fired)
    return fired


def _run(spikes, weight, step, fired):  # type: ignore[no-untyped-def]
    time, samples, channels = spikes.shape
    units = weight.shape[1]
    slow, fast = np.zeros((samples, units)), np.zeros((samples, units))
    for t in range(time):
        for s in range(samples):
            for j in range(units):
                slow[s, j] *= step[0, j]
                fast[s, j] *= step[1, j]
                if step[2, j] * (slow[s, j] - fast[s, j]) >= step[3, j]:
                    fired[t, s, j] = 1
                    slow[s, j] = 0.0
                    fast[s, j] = 0.0
            for i in range(channels):
                if spikes[t, s, i]:
                    for j in range(units):
                        slow[s, j] += weight[i, j]
                        fast[s, j] += weight[i, j]
