"""Classes read from the complexities of spike trains: a trained network is frozen, and of each of its neurons one number is kept.

    features = sf.complexity(spikes)                          # (time, sample, neuron) -> (sample, neuron)
    readout = NearestMean().fit(features, target)             # or LinearDiscriminant()
    accuracy = (readout.predict(other_features) == other_target).mean()

The same for trains that no network has seen, as a baseline: `sf.complexity(trains)` of shape (sample, channel).

Source       Rudnicka, Szczepanski & Pregowska 2025, arXiv 2508.11674, which reads a spiking network by Lempel-Ziv complexity
Deviations   whose trains are measured and how the decision is taken is not stated there: both readouts are our choice
"""

from __future__ import annotations

import abc
import dataclasses

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..neurons import InvalidValue

__all__ = ["ComplexityReadout", "Cuts", "LinearDiscriminant", "LinearScores", "NearestMean"]

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
_FLOOR = 1e-6  # added to the variance within classes, of features whose variance is 1: none is taken for exact


@dataclasses.dataclass(frozen=True, eq=False)
class ComplexityReadout(abc.ABC):
    """A fitted readout. It is numbers only, and costs microseconds per sample.

    Parameters   n_features   neurons whose complexities it reads
                 labels       of the classes, shape (classes,)
    """

    n_features: int
    labels: Labels

    def predict(self, features: ArrayLike) -> Labels:
        """The label of each sample; features of shape (samples, neurons).

        Raises       InvalidValue for another shape, or values that are not finite
        """
        found = _features(features)
        if found.shape[1] != self.n_features:
            legal = f"of shape (samples, {self.n_features}), as those it was fitted to"
            raise InvalidValue("predict: features", f"shape {found.shape}", legal)
        return self.labels[self.places(found)]

    @abc.abstractmethod
    def places(self, features: Floats) -> NDArray[np.intp]:
        """Which of the labels each sample has."""


@dataclasses.dataclass(frozen=True, eq=False)
class Cuts(ComplexityReadout):
    """Intervals of the mean complexity, one for each class.

    Parameters   cuts   ends of the intervals, rising, shape (classes - 1,); labels are in the order of the intervals
    """

    cuts: Floats

    def places(self, features: Floats) -> NDArray[np.intp]:
        return np.searchsorted(self.cuts, features.mean(axis=1), side="right")


@dataclasses.dataclass(frozen=True, eq=False)
class LinearScores(ComplexityReadout):
    """The class with the largest features @ weight + bias.

    Parameters   weight   shape (neurons, classes)
                 bias     shape (classes,)
    """

    weight: Floats
    bias: Floats

    def places(self, features: Floats) -> NDArray[np.intp]:
        return np.argmax(features @ self.weight + self.bias, axis=1)


@dataclasses.dataclass(frozen=True)
class NearestMean:
    """The class whose mean is nearest to the mean complexity over neurons; of two classes, the best cut between them.

        x = mean over neurons of C;   label = argmin over classes of |x - mean of x in the class|

    With two classes the cut is moved to where most training samples are right, the class with the larger mean above it; of
    cuts that are equally good the one nearest to the middle of the two means is taken.
    """

    def fit(self, features: ArrayLike, target: ArrayLike) -> Cuts:
        """Features of shape (samples, neurons), whole numbers as labels of shape (samples,).

        Raises       InvalidValue for other shapes, values that are not finite, or fewer than two classes
        """
        found, labels, place = _training(features, target)
        x = found.mean(axis=1)
        means = np.bincount(place, x) / np.bincount(place)
        order = np.argsort(means, kind="stable")
        cuts = (means[order][1:] + means[order][:-1]) / 2.0
        if len(labels) == 2:
            cuts = np.array([_best_cut(x, place == order[1], float(cuts[0]))])
        return Cuts(found.shape[1], labels[order], cuts)


@dataclasses.dataclass(frozen=True)
class LinearDiscriminant:
    """Linear discriminant analysis of the vector of complexities.

        label = argmax over classes of  x' S^-1 m_k - m_k' S^-1 m_k / 2 + log(share of k)

    m_k are the classes' means and S the covariance within classes, shrunk towards a multiple of the unit matrix as far as
    Ledoit and Wolf say. Features are standardised first; those that never change are left out.

    Source       Fisher 1936, doi:10.1111/j.1469-1809.1936.tb02137.x; Ledoit & Wolf 2004, doi:10.1016/S0047-259X(03)00096-4;
                 by scikit-learn
    Deviations   1e-6 of a feature's variance is added within classes, so that features that tell classes apart without any
                 error do not divide by zero
    """

    def fit(self, features: ArrayLike, target: ArrayLike) -> LinearScores:
        """Features of shape (samples, neurons), whole numbers as labels of shape (samples,).

        Raises       InvalidValue for other shapes, values that are not finite, or fewer than two classes
        """
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis  # 1 s

        found, labels, place = _training(features, target)
        weight, bias = np.zeros((found.shape[1], len(labels))), np.log(np.bincount(place) / len(place))
        used = np.ptp(found, axis=0) > 0.0
        if used.any():
            mean, spread = found[:, used].mean(axis=0), found[:, used].std(axis=0)
            fitted = LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=_ShrunkCovariance())
            fitted.fit((found[:, used] - mean) / spread, place)
            slope, offset = fitted.coef_, fitted.intercept_
            if len(labels) == 2:  # scikit-learn then gives the difference of the two scores
                slope, offset = np.vstack([np.zeros_like(slope), slope]), np.array([0.0, offset[0]])
            weight[used] = slope.T / spread[:, None]
            bias = offset - mean @ weight[used]
        return LinearScores(found.shape[1], labels, weight, bias)


class _ShrunkCovariance:
    """What scikit-learn asks of an estimator: the covariance of one class."""

    covariance_: Floats

    def fit(self, x: Floats) -> _ShrunkCovariance:
        from sklearn.covariance import ledoit_wolf

        shrunk = ledoit_wolf(x)[0] if np.ptp(x, axis=0).any() else np.zeros((x.shape[1], x.shape[1]))
        self.covariance_ = shrunk + _FLOOR * np.eye(x.shape[1])
        return self


def _best_cut(x: Floats, above: NDArray[np.bool_], middle: float) -> float:
    """The value with most of `above` at or above it and most others below."""
    order = np.argsort(x, kind="stable")
    values, upper = x[order], above[order]
    right = np.concatenate([[0], np.cumsum(~upper)]) + np.concatenate([np.cumsum(upper[::-1])[::-1], [0]])
    cuts = np.concatenate([[-np.inf], (values[1:] + values[:-1]) / 2.0, [np.inf]])
    real = np.concatenate([[True], values[1:] > values[:-1], [True]])  # no cut can part equal values
    best = real & (right == right[real].max())
    distance = np.where(best, np.abs(cuts - middle), np.inf)
    return float(cuts[best][np.argmin(distance[best])])


def _features(values: ArrayLike) -> Floats:
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 2 or found.shape[1] == 0:
        fix = "a single train per sample is features[:, None]" if found.ndim == 1 else ""
        raise InvalidValue("features", f"shape {found.shape}", "of shape (samples, neurons)", fix)
    if not np.isfinite(found).all():
        raise InvalidValue("features", found[~np.isfinite(found)].flat[0], "finite")
    return found


def _training(features: ArrayLike, target: ArrayLike) -> tuple[Floats, Labels, NDArray[np.intp]]:
    """Features, the labels that occur, and for each sample which of them it has."""
    found, given = _features(features), np.asarray(target)
    if given.shape != found.shape[:1] or given.dtype.kind not in "biu":
        told = f"{given.dtype} of shape {given.shape}"
        raise InvalidValue("fit: target", told, f"whole numbers, one for each of {len(found)} samples")
    labels, place = np.unique(given.astype(np.int64), return_inverse=True)
    if len(labels) < 2:
        raise InvalidValue("fit: target", f"{len(labels)} classes", "of at least two classes")
    return found, labels, place
