"""Means and 95 % bootstrap intervals over seeds, the same for the same numbers every time."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from ..neurons import InvalidValue

__all__ = ["mean_interval"]

RESAMPLES = 9999
# The acceleration of BCa takes the mean of every leave-one-out sample: n² numbers, and no use for so many values.
LARGEST_BCA = 1000


def mean_interval(values: ArrayLike, confidence: float = 0.95) -> tuple[float, float, float]:
    """Mean of `values`, and the low and high end of its bootstrap confidence interval.

    Parameters   values       numbers, one per seed, any shape; flattened
                 confidence   coverage of the interval, in (0, 1)
    Raises       InvalidValue if there are no values, or the confidence is outside (0, 1)

    Bias-corrected and accelerated (BCa) where it exists, percentile where it does not. One value, or values that are
    all equal, have no spread to resample: low = high = mean. A value that is not finite makes both ends NaN, since
    leaving it out would flatter the mean. The resampling has its own fixed seed, so results are repeatable.
    """
    flat = np.asarray(values, dtype=np.float64).ravel()
    if flat.size == 0:
        raise InvalidValue("values", [], "at least one number", "give one value per seed")
    if not 0.0 < confidence < 1.0:
        raise InvalidValue("confidence", confidence, "in (0, 1)")
    with np.errstate(invalid="ignore"):
        mean = float(flat.mean())
    if not np.isfinite(flat).all():
        return mean, float("nan"), float("nan")
    if np.ptp(flat) == 0.0:
        constant = float(flat[0])  # the mean of equal numbers may differ from them in its last bit
        return constant, constant, constant
    low, high = _bootstrap(flat, confidence, "BCa" if flat.size <= LARGEST_BCA else "percentile")
    if not (np.isfinite(low) and np.isfinite(high)):
        low, high = _bootstrap(flat, confidence, "percentile")
    return mean, low, high


def _bootstrap(values: np.ndarray, confidence: float, method: Literal["BCa", "percentile"]) -> tuple[float, float]:
    from scipy import stats  # 0.3 s, which `synfire list` need not pay

    with warnings.catch_warnings():
        # SciPy warns of degenerate data; the caller looks at the result and falls back.
        warnings.simplefilter("ignore")
        interval = stats.bootstrap(
            (values,),
            np.mean,
            n_resamples=RESAMPLES,
            batch=max(1, 2_000_000 // values.size),  # at most 16 MB of resampled values at a time
            confidence_level=confidence,
            method=method,
            rng=np.random.default_rng(20_250_101),
        ).confidence_interval
    return float(interval.low), float(interval.high)
