"""How weights change: rules for synapses in the event loop and for readouts, each a small verified part."""

import importlib
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from .agreement import angle
    from .backpropagation_through_time import BPTT
    from .credit import Batch, Credit, CreditRule
    from .delays import Delay, DelayedDense, LearnableDelay, RandomDelay, TwoTapDelay
    from .direct_feedback import DirectFeedback
    from .eprop import EProp
    from .feedback import AdaptiveFeedback, RandomFeedback, SymmetricFeedback
    from .forward_forward import ForwardForward
    from .incremental_predictive_coding import IncrementalPredictiveCoding
    from .modifier import Modifier, chain
    from .objective import CountCrossEntropy, MaxCrossEntropy, SquaredError, StepCrossEntropy, SummedSoftmax
    from .ottt import OTTT
    from .predictive_coding import PredictiveCoding
    from .sltt import SLTT

_IN_TORCH = {  # loaded when first asked for: torch takes a second, which a script that only simulates should not pay
    "AdaptiveFeedback": "feedback", "BPTT": "backpropagation_through_time", "Batch": "credit",
    "CountCrossEntropy": "objective", "Credit": "credit", "CreditRule": "credit", "Delay": "delays",
    "DelayedDense": "delays", "DirectFeedback": "direct_feedback", "EProp": "eprop", "ForwardForward": "forward_forward",
    "IncrementalPredictiveCoding": "incremental_predictive_coding", "LearnableDelay": "delays",
    "MaxCrossEntropy": "objective", "Modifier": "modifier", "OTTT": "ottt", "PredictiveCoding": "predictive_coding",
    "RandomDelay": "delays", "RandomFeedback": "feedback", "SLTT": "sltt", "SquaredError": "objective",
    "StepCrossEntropy": "objective", "SummedSoftmax": "objective", "SymmetricFeedback": "feedback", "TwoTapDelay": "delays",
    "angle": "agreement", "chain": "modifier",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _IN_TORCH:
        return getattr(importlib.import_module(f".{_IN_TORCH[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "BPTT",
    "OTTT",
    "SLTT",
    "STDP",
    "AdaptiveFeedback",
    "Batch",
    "Bounds",
    "ChannelwiseRecursiveLeastSquares",
    "CountCrossEntropy",
    "Credit",
    "CreditRule",
    "Deferred",
    "Delay",
    "DelayedDense",
    "DirectFeedback",
    "EProp",
    "EveryPair",
    "ForwardForward",
    "HardBounds",
    "IncrementalPredictiveCoding",
    "InhibitorySTDP",
    "LearnableDelay",
    "MaxCrossEntropy",
    "Modifier",
    "NearestPair",
    "Oja",
    "Pairing",
    "PowerBounds",
    "PredictionGated",
    "PredictiveCoding",
    "RandomDelay",
    "RandomFeedback",
    "ReadoutRule",
    "RecursiveLeastSquares",
    "RewardModulated",
    "SoftBounds",
    "SquaredError",
    "StepCrossEntropy",
    "SummedSoftmax",
    "SymmetricFeedback",
    "SynapticRule",
    "ThreeFactor",
    "TripletSTDP",
    "TsodyksMarkram",
    "TwoTapDelay",
    "Unbounded",
    "angle",
    "chain",
    "ridge",
]
