"""How weights change: rules for synapses in the event loop and for readouts, each a small verified part."""

from .bounds import Bounds, HardBounds, PowerBounds, SoftBounds, Unbounded
from .contract import ReadoutRule
from .deferred import Deferred
from .inhibitory_stdp import InhibitorySTDP
from .local import SynapticRule
from .oja import Oja
from .pairing import EveryPair, NearestPair, Pairing
from .recursive_least_squares import ChannelwiseRecursiveLeastSquares, RecursiveLeastSquares
from .reward_modulated import RewardModulated
from .ridge import ridge
from .stdp import STDP
from .three_factor import PredictionGated, ThreeFactor
from .triplet_stdp import TripletSTDP
from .tsodyks_markram import TsodyksMarkram

__all__ = [
    "STDP",
    "Bounds",
    "ChannelwiseRecursiveLeastSquares",
    "Deferred",
    "EveryPair",
    "HardBounds",
    "InhibitorySTDP",
    "NearestPair",
    "Oja",
    "Pairing",
    "PowerBounds",
    "PredictionGated",
    "ReadoutRule",
    "RecursiveLeastSquares",
    "RewardModulated",
    "SoftBounds",
    "SynapticRule",
    "ThreeFactor",
    "TripletSTDP",
    "TsodyksMarkram",
    "Unbounded",
    "ridge",
]
