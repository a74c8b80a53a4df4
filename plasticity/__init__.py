"""How weights change: rules for synapses in the event loop and for readouts, each a small verified part."""

import importlib
from typing import TYPE_CHECKING, Any

from .bounds import Bounds, HardBounds, PowerBounds, SoftBounds, Unbounded
from .contract import ReadoutRule
from .covariance import Covariance
from .deferred import Deferred
from .failure_rate import optimal_failure_rate
from .fixed_weight import FixedWeight
from .inhibitory_stdp import InhibitorySTDP
from .local import SynapticRule
from .oja import Oja
from .pairing import EveryPair, NearestPair, Pairing
from .probabilistic_release import ProbabilisticRelease
from .recursive_least_squares import ChannelwiseRecursiveLeastSquares, RecursiveLeastSquares
from .reward_modulated import RewardModulated
from .ridge import ridge
from .spike_trains import SpikeTrains
from .stdp import STDP
from .tempotron import Tempotron, TempotronState
from .three_factor import PredictionGated, ThreeFactor
from .triplet_stdp import TripletSTDP
from .tsodyks_markram import TsodyksMarkram

if TYPE_CHECKING:
    from .activity_rows import EachStep, TimeMean
    from .agreement import angle
    from .backpropagation_through_time import BPTT
    from .centralise import Centralise
    from .clip import Clip
    from .continual_backprop import ContinualBackprop
    from .cosine import CosineToFinal
    from .counter_current import CounterCurrent, FeedbackStream, levels_of
    from .credit import Batch, Credit, CreditRule
    from .dale import Dale, dale_weights
    from .delays import Delay, DelayedDense, LearnableDelay, RandomDelay, TwoTapDelay
    from .difference_target import DifferenceTarget
    from .direct_feedback import DirectFeedback
    from .direct_random_target import DirectRandomTarget
    from .elastic_weight_consolidation import ElasticWeightConsolidation
    from .eprop import EProp
    from .exponentiated_gradient import ExponentiatedGradient
    from .feedback import AdaptiveFeedback, RandomFeedback, SymmetricFeedback
    from .feedback_alignment import FeedbackAlignment
    from .fixed_weight_difference_target import FixedWeightDifferenceTarget
    from .forward_forward import ForwardForward
    from .gradient_projection_memory import Energy, GradientProjectionMemory, Ranks
    from .head import HeadCrossEntropy
    from .incremental_predictive_coding import IncrementalPredictiveCoding
    from .lateral import LinearLateral, SpikingLateral
    from .mirror import Mirror
    from .modifier import Modifier, chain
    from .objective import (
        CountCrossEntropy,
        MaxCrossEntropy,
        MeanCrossEntropy,
        MeanSquaredError,
        SquaredError,
        StepCrossEntropy,
        SummedSoftmax,
    )
    from .orthogonal_projection import OrthogonalProjection
    from .ottt import OTTT
    from .predictive_coding import PredictiveCoding
    from .score_function import ScoreFunction
    from .sign_symmetric import SignSymmetric
    from .sltt import SLTT
    from .stream_loss import ClassMembership, NormalisedMembership, Reconstruction
    from .subspace import captured_energy, orthonormality_error, principal_angles, subspaces
    from .tempotron_loss import TempotronLoss
    from .warm_up import WarmUp

_IN_TORCH = {  # loaded when first asked for: torch takes a second, which a script that only simulates should not pay
    "AdaptiveFeedback": "feedback", "BPTT": "backpropagation_through_time", "Batch": "credit",
    "Centralise": "centralise", "ClassMembership": "stream_loss", "Clip": "clip",
    "ContinualBackprop": "continual_backprop", "CosineToFinal": "cosine",
    "CountCrossEntropy": "objective", "CounterCurrent": "counter_current",
    "Credit": "credit", "CreditRule": "credit", "Dale": "dale", "Delay": "delays", "DelayedDense": "delays",
    "DifferenceTarget": "difference_target", "DirectFeedback": "direct_feedback",
    "DirectRandomTarget": "direct_random_target", "EProp": "eprop", "EachStep": "activity_rows",
    "ElasticWeightConsolidation": "elastic_weight_consolidation", "Energy": "gradient_projection_memory",
    "ExponentiatedGradient": "exponentiated_gradient", "FeedbackAlignment": "feedback_alignment",
    "FeedbackStream": "counter_current", "FixedWeightDifferenceTarget": "fixed_weight_difference_target",
    "ForwardForward": "forward_forward", "GradientProjectionMemory": "gradient_projection_memory",
    "HeadCrossEntropy": "head", "IncrementalPredictiveCoding": "incremental_predictive_coding",
    "LearnableDelay": "delays", "LinearLateral": "lateral", "MaxCrossEntropy": "objective",
    "MeanCrossEntropy": "objective", "MeanSquaredError": "objective", "Mirror": "mirror", "Modifier": "modifier",
    "NormalisedMembership": "stream_loss", "OTTT": "ottt", "OrthogonalProjection": "orthogonal_projection",
    "PredictiveCoding": "predictive_coding", "RandomDelay": "delays", "RandomFeedback": "feedback",
    "Ranks": "gradient_projection_memory", "Reconstruction": "stream_loss", "SLTT": "sltt", "ScoreFunction": "score_function",
    "SignSymmetric": "sign_symmetric", "SpikingLateral": "lateral", "SquaredError": "objective",
    "StepCrossEntropy": "objective", "SummedSoftmax": "objective", "SymmetricFeedback": "feedback",
    "TempotronLoss": "tempotron_loss", "TimeMean": "activity_rows", "TwoTapDelay": "delays", "WarmUp": "warm_up",
    "angle": "agreement", "captured_energy": "subspace", "chain": "modifier", "dale_weights": "dale",
    "levels_of": "counter_current", "orthonormality_error": "subspace", "principal_angles": "subspace",
    "subspaces": "subspace",
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
    "Centralise",
    "ChannelwiseRecursiveLeastSquares",
    "ClassMembership",
    "Clip",
    "ContinualBackprop",
    "CosineToFinal",
    "CountCrossEntropy",
    "CounterCurrent",
    "Covariance",
    "Credit",
    "CreditRule",
    "Dale",
    "Deferred",
    "Delay",
    "DelayedDense",
    "DifferenceTarget",
    "DirectFeedback",
    "DirectRandomTarget",
    "EProp",
    "EachStep",
    "ElasticWeightConsolidation",
    "Energy",
    "EveryPair",
    "ExponentiatedGradient",
    "FeedbackAlignment",
    "FeedbackStream",
    "FixedWeight",
    "FixedWeightDifferenceTarget",
    "ForwardForward",
    "GradientProjectionMemory",
    "HardBounds",
    "HeadCrossEntropy",
    "IncrementalPredictiveCoding",
    "InhibitorySTDP",
    "LearnableDelay",
    "LinearLateral",
    "MaxCrossEntropy",
    "MeanCrossEntropy",
    "MeanSquaredError",
    "Mirror",
    "Modifier",
    "NearestPair",
    "NormalisedMembership",
    "Oja",
    "OrthogonalProjection",
    "Pairing",
    "PowerBounds",
    "PredictionGated",
    "PredictiveCoding",
    "ProbabilisticRelease",
    "RandomDelay",
    "RandomFeedback",
    "Ranks",
    "ReadoutRule",
    "Reconstruction",
    "RecursiveLeastSquares",
    "RewardModulated",
    "ScoreFunction",
    "SignSymmetric",
    "SoftBounds",
    "SpikeTrains",
    "SpikingLateral",
    "SquaredError",
    "StepCrossEntropy",
    "SummedSoftmax",
    "SymmetricFeedback",
    "SynapticRule",
    "Tempotron",
    "TempotronLoss",
    "TempotronState",
    "ThreeFactor",
    "TimeMean",
    "TripletSTDP",
    "TsodyksMarkram",
    "TwoTapDelay",
    "Unbounded",
    "WarmUp",
    "angle",
    "captured_energy",
    "chain",
    "dale_weights",
    "levels_of",
    "optimal_failure_rate",
    "orthonormality_error",
    "principal_angles",
    "ridge",
    "subspaces",
]
