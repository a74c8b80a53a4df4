"""What a neuron is: parameters, state and one pure step; synapses, sources and encoders."""

if __name__ != "synfire.neurons":  # from the repository's root a bare `import neurons` would make a second set of classes
    raise ImportError("import this package as synfire.neurons, not as neurons")

from .adaptive_coba import AdaptiveCOBA
from .adaptive_lif import AdaptiveLIF
from .adex import AdEx
from .alpha import Alpha
from .coba import COBA
from .conductance import Conductance
from .distribution import Distribution, gamma, lognormal, normal, uniform
from .double_exponential import DoubleExponential
from .encoder import encode_latency, encode_rate
from .errors import InvalidValue, SynfireError, TooLarge, UnknownName, UnreadableFile
from .hodgkin_huxley import HodgkinHuxley
from .izhikevich import Izhikevich
from .izhikevich_2007 import Izhikevich2007
from .lif import LIF
from .maths import Value, exp, where
from .model import Neuron, Step
from .parameters import Parameters, parameter
from .poisson_input import PoissonInput
from .randomness import check_seed, setup_generator
from .source import Current, Drive, GaussianNoise, Poisson, Source, SpikeList, Waveform, steps_in
from .synapse import Delta, Exponential, Synapse

__all__ = [
    "COBA",
    "LIF",
    "AdEx",
    "AdaptiveCOBA",
    "AdaptiveLIF",
    "Alpha",
    "Conductance",
    "Current",
    "Delta",
    "Distribution",
    "DoubleExponential",
    "Drive",
    "Exponential",
    "GaussianNoise",
    "HodgkinHuxley",
    "InvalidValue",
    "Izhikevich",
    "Izhikevich2007",
    "Neuron",
    "Parameters",
    "Poisson",
    "PoissonInput",
    "Source",
    "SpikeList",
    "Step",
    "Synapse",
    "SynfireError",
    "TooLarge",
    "UnknownName",
    "UnreadableFile",
    "Value",
    "Waveform",
    "check_seed",
    "encode_latency",
    "encode_rate",
    "exp",
    "gamma",
    "lognormal",
    "normal",
    "parameter",
    "setup_generator",
    "steps_in",
    "uniform",
    "where",
]
