"""The kernels of synapses with Gaussian delays, and their gradients, in one pass over the synapses.

The exponentials are a polynomial of the argument divided by 256, in float64, squared eight times: plain arithmetic, which
becomes vector instructions. Its relative error is below 1e-13, and what is below e^-60 counts as zero.
"""

from typing import Any

import numpy as np

from ..neurons.kernel import kernel
from ..neurons.threads import shared

__all__ = ["fill_kernel", "gradients"]

_TOGETHER = 1024  # synapses whose taps stay in the first caches


def fill_kernel(weight: Any, delay: Any, width: float, floor: float, taps: Any, made: Any) -> None:
    """Normalised Gaussians into `taps` and these times the weights into `made`, both (max_delay + 1, synapse).

    `floor` is added to the sum of a synapse's taps.
    """
    run = kernel(_fill_kernel)
    shared(lambda start, stop: run(weight, delay, width, floor, taps, made, start, stop), -(-taps.shape[1] // _TOGETHER))


def gradients(
    weight: Any, delay: Any, width: float, taps: Any, error: Any, along_weight: Any, along_delay: Any
) -> None:
    """Gradients from that of the kernel; d tap_n / d delay = tap_n (n - delay - mean) / width², mean = Σ tap_n (n - delay)."""
    given, run = (weight, delay, width, taps, error, along_weight, along_delay), kernel(_gradients)
    shared(lambda start, stop: run(*given, start, stop), -(-taps.shape[1] // _TOGETHER))


def _fill_kernel(weight, delay, width, floor, taps, made, start, stop):  # type: ignore[no-untyped-def]
    number, synapses = taps.shape
    scale = -0.5 / (width * width) / 256
    for part in range(start, stop):
        first = part * _TOGETHER
        size = min(_TOGETHER, synapses - first)
        total = np.full(size, floor)
        for n in range(number):
            tap = taps[n, first : first + size]
            for k in range(size):
                offset = n - np.float64(delay[first + k])
                z = scale * offset * offset
                p = 1 + z / 7 * (1 + z / 8 * (1 + z / 9 * (1 + z / 10 * (1 + z / 11))))
                p = 1 + z * (1 + z / 2 * (1 + z / 3 * (1 + z / 4 * (1 + z / 5 * (1 + z / 6 * p)))))
                p *= p
                p *= p
                p *= p
                p *= p
                p *= p
                p *= p
                p *= p
                p *= p
                p = 0.0 if z < -60 / 256 else p  # so that a delay that is not a number stays one
                tap[k] = p
                total[k] += p
        for k in range(size):
            total[k] = 1 / total[k]
        for n in range(number):
            tap = taps[n, first : first + size]
            product = made[n, first : first + size]
            for k in range(size):
                value = tap[k] * total[k]
                tap[k] = value
                product[k] = value * weight[first + k]


def _gradients(  # type: ignore[no-untyped-def]
    weight, delay, width, taps, error, along_weight, along_delay, start, stop
):
    number, synapses = taps.shape
    for part in range(start, stop):
        first = part * _TOGETHER
        size = min(_TOGETHER, synapses - first)
        share, slope, mean = np.zeros(size), np.zeros(size), np.zeros(size)
        for n in range(number):
            tap = taps[n, first : first + size]
            row = error[n, first : first + size]
            for k in range(size):
                offset = n - np.float64(delay[first + k])
                product = np.float64(tap[k]) * row[k]
                share[k] += product
                slope[k] += product * offset
                mean[k] += tap[k] * offset
        for k in range(size):
            along_weight[first + k] = share[k]
            along_delay[first + k] = weight[first + k] * (slope[k] - mean[k] * share[k]) / (width * width)
