"""What a neuron is: parameters, state and one pure step; synapses, sources and encoders."""

if (
    __name__ != "synfire.neurons"
):  # from the repository's root a bare `import neurons` would make a second set of classes
    raise ImportError("import this package as synfire.neurons, not as neurons")

import importlib
from typing import TYPE_CHECKING, Any

from .adaptive_coba import AdaptiveCOBA
from .adaptive_lif import AdaptiveLIF
from .adex import AdEx
from .alpha import Alpha
from .chance import Stochastic
from .coba import COBA
from .conductance import Conductance
from .distribution import Distribution, gamma, lognormal, normal, uniform
from .double_exponential import DoubleExponential
from .encoder import encode_latency, encode_rate
from .entropy_rate import bernoulli_entropy_rate, markov_entropy_rate, poisson_entropy_rate
from .errors import InvalidValue, SynfireError, TooLarge, UnknownName, UnreadableFile
from .hodgkin_huxley import HodgkinHuxley
from .izhikevich import Izhikevich
from .izhikevich_2007 import Izhikevich2007
from .lif import LIF
from .maths import Value, exp, where
from .meta import MetaNeuron, ProbabilisticLIF
from .model import Neuron, Step
from .parameters import Parameters, parameter
from .poisson_input import PoissonInput
from .pulse import Pulse
from .randomness import check_seed, setup_generator
from .soft_reset_adaptive_lif import SoftResetAdaptiveLIF
from .soft_reset_lif import SoftResetLIF
from .source import Current, Drive, GaussianNoise, Poisson, Source, SpikeList, Waveform, steps_in
from .spike_complexity import complexity, lempel_ziv
from .surrogate import ArcTan, FastSigmoid, Gaussian, Sigmoid, StraightThrough, Surrogate, Triangular
from .synapse import Delta, Exponential, Synapse

if TYPE_CHECKING:
    from .dense import Conv, Dense
    from .goodness import Goodness
    from .layer import Layer
    from .maps import AveragePool, Maps, MaxPool, Unflatten, Upsample
    from .normalise import BatchNorm, Count, Dropout, Extend, FixedNorm, Flatten, fixed_norms
    from .rate import Activation, Elu, Rate, Relu, Tanh
    from .represented_spiking import RepresentedSpiking
    from .residual import Residual
    from .spiking import Membrane, Recurrent, Spiking, spike

_LAYERS = {  # loaded when first asked for: torch takes a second, which a script that only simulates should not pay
    "Activation": "rate", "AveragePool": "maps", "BatchNorm": "normalise", "Conv": "dense", "Count": "normalise",
    "Dense": "dense", "Dropout": "normalise", "Elu": "rate", "Extend": "normalise", "FixedNorm": "normalise",
    "Flatten": "normalise", "Goodness": "goodness", "Layer": "layer", "Maps": "maps", "MaxPool": "maps",
    "Membrane": "spiking", "Rate": "rate", "Recurrent": "spiking", "Relu": "rate",
    "RepresentedSpiking": "represented_spiking", "Residual": "residual", "Spiking": "spiking", "Tanh": "rate",
    "Unflatten": "maps", "Upsample": "maps", "fixed_norms": "normalise", "spike": "spiking",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _LAYERS:
        return getattr(importlib.import_module(f".{_LAYERS[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "COBA",
    "LIF",
    "Activation",
    "AdEx",
    "AdaptiveCOBA",
    "AdaptiveLIF",
    "Alpha",
    "ArcTan",
    "AveragePool",
    "BatchNorm",
    "Conductance",
    "Conv",
    "Count",
    "Current",
    "Delta",
    "Dense",
    "Distribution",
    "DoubleExponential",
    "Drive",
    "Dropout",
    "Elu",
    "Exponential",
    "Extend",
    "FastSigmoid",
    "FixedNorm",
    "Flatten",
    "Gaussian",
    "GaussianNoise",
    "Goodness",
    "HodgkinHuxley",
    "InvalidValue",
    "Izhikevich",
    "Izhikevich2007",
    "Layer",
    "Maps",
    "MaxPool",
    "Membrane",
    "MetaNeuron",
    "Neuron",
    "Parameters",
    "Poisson",
    "PoissonInput",
    "ProbabilisticLIF",
    "Pulse",
    "Rate",
    "Recurrent",
    "Relu",
    "RepresentedSpiking",
    "Residual",
    "Sigmoid",
    "SoftResetAdaptiveLIF",
    "SoftResetLIF",
    "Source",
    "SpikeList",
    "Spiking",
    "Step",
    "Stochastic",
    "StraightThrough",
    "Surrogate",
    "Synapse",
    "SynfireError",
    "Tanh",
    "TooLarge",
    "Triangular",
    "Unflatten",
    "UnknownName",
    "UnreadableFile",
    "Upsample",
    "Value",
    "Waveform",
    "bernoulli_entropy_rate",
    "check_seed",
    "complexity",
    "encode_latency",
    "encode_rate",
    "exp",
    "fixed_norms",
    "gamma",
    "lempel_ziv",
    "lognormal",
    "markov_entropy_rate",
    "normal",
    "parameter",
    "poisson_entropy_rate",
    "setup_generator",
    "spike",
    "steps_in",
    "uniform",
    "where",
]
