"""How weights change: rules for readouts, each a small verified part."""

from .contract import ReadoutRule
from .recursive_least_squares import ChannelwiseRecursiveLeastSquares, RecursiveLeastSquares
from .ridge import ridge
from .three_factor import PredictionGated, ThreeFactor

__all__ = [
    "ChannelwiseRecursiveLeastSquares",
    "PredictionGated",
    "ReadoutRule",
    "RecursiveLeastSquares",
    "ThreeFactor",
    "ridge",
]
