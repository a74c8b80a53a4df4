"""What intensities are centred on and scaled by, by data set: (intensity - mean) / std, for each channel."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["IMAGENET", "NORMALISATION", "Normalisation"]


class Normalisation(NamedTuple):
    """Mean and standard deviation of intensities in 0..1, one for each channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


IMAGENET = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # what networks on photographs often take
_CIFAR10 = Normalisation((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))

NORMALISATION = {
    "digits": Normalisation((0.3053,), (0.3760,)),  # measured here, over all 1,797 images
    "mnist": Normalisation((0.1307,), (0.3081,)),
    "fashion_mnist": Normalisation((0.2860,), (0.3530,)),
    "kmnist": Normalisation((0.1918,), (0.3483,)),
    "cifar10": _CIFAR10,
    "cifar10_jpeg": _CIFAR10,
    "cifar100": Normalisation((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
    "miniimagenet": IMAGENET,
    "notmnist": Normalisation((0.4254,), (0.4501,)),
    "stl10": IMAGENET,
    "svhn": Normalisation((0.4377, 0.4438, 0.4728), (0.198, 0.201, 0.197)),
}
