"""What a network is: populations and projections, the event loop that runs them, recording, reservoirs."""

from .connectivity import (
    AllToAll,
    Connectivity,
    FixedInDegree,
    FixedOutDegree,
    FixedProbability,
    FixedTotal,
    OneToOne,
    Pairs,
)
from .network import Network
from .online import learn_online
from .plasticity_state import RuleFault
from .population import Driven, Modulator, Population, PopulationView, Readout, Release, Scaled, Teaching
from .projection import Projection
from .recording import Spikes, Trace
from .reservoir import LiquidState, Reservoir, filtered_spikes
from .result import Result, SpikeData, TraceData
from .running import Running
from .simulation import Simulation

__all__ = [
    "AllToAll",
    "Connectivity",
    "Driven",
    "FixedInDegree",
    "FixedOutDegree",
    "FixedProbability",
    "FixedTotal",
    "LiquidState",
    "Modulator",
    "Network",
    "OneToOne",
    "Pairs",
    "Population",
    "PopulationView",
    "Projection",
    "Readout",
    "Release",
    "Reservoir",
    "Result",
    "RuleFault",
    "Running",
    "Scaled",
    "Simulation",
    "SpikeData",
    "Spikes",
    "Teaching",
    "Trace",
    "TraceData",
    "filtered_spikes",
    "learn_online",
]
