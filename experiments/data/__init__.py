"""Sets of images for learning rules: reading them, dividing them, and giving them to `fit` in batches.

`load_images(name)` reads a set, `three_parts(set, seed=0)` makes samples of it to train on, to choose by and to report;
`Augmented` and `Reconstructions` change what an epoch of training sees.
"""

from .augmentation import Augmented
from .catalogue import LOADERS, load_images
from .cifar import load_cifar
from .cifar_jpeg import load_cifar_jpeg
from .digits import load_digits
from .division import divide, split
from .idx import load_idx
from .image_set import ImageSet
from .miniimagenet import load_miniimagenet
from .normalisation import IMAGENET, NORMALISATION, Normalisation
from .notmnist import load_notmnist
from .parts import ImageParts, three_parts
from .samples import Images, Reconstructions
from .stl10 import load_stl10
from .svhn import load_svhn

__all__ = [
    "IMAGENET",
    "LOADERS",
    "NORMALISATION",
    "Augmented",
    "ImageParts",
    "ImageSet",
    "Images",
    "Normalisation",
    "Reconstructions",
    "divide",
    "load_cifar",
    "load_cifar_jpeg",
    "load_digits",
    "load_idx",
    "load_images",
    "load_miniimagenet",
    "load_notmnist",
    "load_stl10",
    "load_svhn",
    "split",
    "three_parts",
]
