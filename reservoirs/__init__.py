"""What a network is: populations and projections, the event loop that runs them, recording, reservoirs."""

from .connectivity import AllToAll, Connectivity, FixedInDegree, FixedProbability, OneToOne, Pairs
from .network import Network
from .online import learn_online
from .population import Driven, Population, PopulationView, Projection, Readout, Teaching
from .recording import Spikes, Trace
from .reservoir import LiquidState, Reservoir, filtered_spikes
from .result import Result, SpikeData, TraceData
from .simulation import Simulation

__all__ = [
    "AllToAll",
    "Connectivity",
    "Driven",
    "FixedInDegree",
    "FixedProbability",
    "LiquidState",
    "Network",
    "OneToOne",
    "Pairs",
    "Population",
    "PopulationView",
    "Projection",
    "Readout",
    "Reservoir",
    "Result",
    "Simulation",
    "SpikeData",
    "Spikes",
    "Teaching",
    "Trace",
    "TraceData",
    "filtered_spikes",
    "learn_online",
]
