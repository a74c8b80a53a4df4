"""What spike trains tell without a network: their counts, read two ways, and the best that can be done.

    counting            logistic regression on the spikes of each channel: one side of a plane per class
    two-sided counting  each class's own mean and variance of the total count: tells classes of equal mean apart
    bayes               the true likelihoods, where the law of the trains is known; nothing is fitted

All are fitted to the training set alone, the penalty of the regression included (five-fold cross-validation within it).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..neurons import InvalidValue
from .spike_classes import SpikeClasses
from .trains import Trains, check_trains

__all__ = ["PENALTIES", "accuracy", "baselines", "linear_readout", "spike_counts", "two_sided_readout"]

PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
"""C of the regression, the inverse of its penalty's weight, from which cross-validation chooses."""
FOLDS = 5
ROUNDING = 1.0 / 12.0  # variance that a whole number cannot do without: that of U(-1/2, 1/2)

Labels = NDArray[np.int64]


def spike_counts(trains: Trains) -> NDArray[np.float64]:
    """Spikes of every train, shape (sample, channel)."""
    return check_trains("spike_counts", trains).spikes.sum(0, dtype=np.float64)


def accuracy(prediction: ArrayLike, target: ArrayLike) -> float:
    """Share of predictions that are right. Raises InvalidValue for none, or another number of targets."""
    said, true = np.asarray(prediction), np.asarray(target)
    if said.shape != true.shape or said.ndim != 1 or not said.size:
        raise InvalidValue("accuracy: prediction", f"shape {said.shape}", f"that of target, {true.shape}, not empty")
    return float((said == true).mean())


def linear_readout(features: ArrayLike, target: Labels, test_features: ArrayLike) -> Labels:
    """Classes of the test samples by multinomial logistic regression on features of any kind.

        P(class | x) ~ exp(w_class . z + b_class)      z: x less its training mean, over its training deviation

    The squared length of w is penalised; by how much is chosen from `PENALTIES` by five-fold cross-validation of the
    training samples (fewer folds where a class has fewer samples), then all of them are fitted.

    Parameters   features        (sample, feature), finite
                 target          (sample,), at least two samples of each of at least two classes
                 test_features   (other sample, feature), at least one sample
    Raises       InvalidValue
    Source       scikit-learn
    """
    x, x_test = _features("linear_readout", features, target, test_features)
    smallest = np.unique(target, return_counts=True)[1]
    if len(smallest) < 2 or smallest.min() < 2:
        legal = "two or more classes, of two or more samples each"
        raise InvalidValue("linear_readout: target", f"classes of {smallest.tolist()} samples", legal)
    import threadpoolctl  # type: ignore[import-untyped]
    from sklearn.linear_model import LogisticRegression  # 1 s
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    chosen = GridSearchCV(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)),
        {"logisticregression__C": PENALTIES},
        cv=StratifiedKFold(min(FOLDS, int(smallest.min())), shuffle=True, random_state=0),
    )
    with threadpoolctl.threadpool_limits(limits=1):  # sums over several threads round differently, and these are short
        return chosen.fit(x, target).predict(x_test).astype(np.int64)


def two_sided_readout(count: ArrayLike, target: Labels, test_count: ArrayLike) -> Labels:
    """Classes of the test samples by normal laws of one number, with a mean and a variance for every class.

        argmax_c  log share_c - log(variance_c) / 2 - (count - mean_c)^2 / (2 variance_c)

    Parameters   count        (sample,) whole numbers, or others on their scale: variances are at least 1/12
                 target       (sample,)
                 test_count   (other sample,), at least one
    Raises       InvalidValue
    """
    x, x_test = _features("two_sided_readout", np.asarray(count)[..., None], target, np.asarray(test_count)[..., None])
    labels = np.unique(target)
    own = [x[target == label, 0] for label in labels]
    mean, share = np.array([each.mean() for each in own]), np.array([len(each) / len(x) for each in own])
    variance = np.maximum(ROUNDING, [each.var() for each in own])
    score = np.log(share) - 0.5 * np.log(variance) - 0.5 * (x_test - mean) ** 2 / variance
    return labels[score.argmax(1)].astype(np.int64)


def baselines(train: Trains, test: Trains, source: SpikeClasses | None = None) -> dict[str, float]:
    """Accuracy on the test set of what needs no network, by name.

    Parameters   source   the law of the trains; None where it is not known, as for recordings: then without "bayes"
    Returns      "counting", "two-sided counting", "bayes"
    Raises       InvalidValue for sets that do not fit together, or do not fit the source
    """
    counts, test_counts = spike_counts(train), spike_counts(test)
    found = {
        "counting": accuracy(linear_readout(counts, train.target, test_counts), test.target),
        "two-sided counting": accuracy(two_sided_readout(counts.sum(1), train.target, test_counts.sum(1)), test.target),
    }
    if source is not None:
        found["bayes"] = accuracy(source.bayes(test), test.target)
    return found


def _features(name: str, features: ArrayLike, target: Any, test_features: ArrayLike) -> tuple[Any, Any]:
    x, x_test = np.asarray(features, dtype=np.float64), np.asarray(test_features, dtype=np.float64)
    if x.ndim != 2 or 0 in x.shape or np.shape(target) != (len(x),):
        found = f"shape {x.shape} with targets of shape {np.shape(target)}"
        raise InvalidValue(f"{name}: features", found, "of shape (sample, feature), one target for each sample")
    if x_test.ndim != 2 or not len(x_test) or x_test.shape[1] != x.shape[1]:
        raise InvalidValue(f"{name}: test_features", f"shape {x_test.shape}", f"of shape (sample, {x.shape[1]})")
    for part, values in (("features", x), ("test_features", x_test)):
        if not np.isfinite(values).all():
            raise InvalidValue(f"{name}: {part}", "NaN or infinity", "finite")
    return x, x_test
