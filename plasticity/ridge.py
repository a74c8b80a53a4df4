"""Ridge regression: the best a linear readout can do with all the data at hand."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..neurons import InvalidValue
from .contract import Floats

__all__ = ["ridge"]


def ridge(features: ArrayLike, targets: ArrayLike, *, penalty: float) -> Floats:
    """Weights w that minimise |targets - features w'|^2 + penalty |w|^2.

        w' = (X'X + penalty I)^-1 X'Y, or by the dual X'(XX' + penalty I)^-1 Y where there are fewer samples than features

    Parameters   features   X, shape (samples, features); append a column of ones for a bias (it is penalised too)
                 targets    Y, shape (samples, channels)
                 penalty    > 0, in squared units of the features
    Returns      shape (channels, features), as a readout's weights
    Raises       InvalidValue for a penalty <= 0, shapes that do not fit, or values that are not finite
    Source       Hoerl & Kennard 1970, doi:10.1080/00401706.1970.10488634
    Deviations   none
    """
    from scipy import linalg  # here, because a script that only spikes should not wait for it

    x, y = np.asarray(features, dtype=np.float64), np.asarray(targets, dtype=np.float64)
    if not (np.isfinite(penalty) and penalty > 0.0):
        raise InvalidValue("ridge: penalty", penalty, "> 0")
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y):
        raise InvalidValue("ridge: targets", f"shape {y.shape}", f"(samples, channels) to fit features {x.shape}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InvalidValue("ridge: features, targets", "a NaN or infinity", "finite")
    samples, n = x.shape
    if samples < n:
        dual = linalg.solve(x @ x.T + penalty * np.eye(samples), y, assume_a="pos")
        return np.ascontiguousarray((x.T @ dual).T)
    return np.ascontiguousarray(linalg.solve(x.T @ x + penalty * np.eye(n), x.T @ y, assume_a="pos").T)
