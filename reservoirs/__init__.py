"""What a network is: populations and projections, the event loop that runs them, recording, reservoirs."""

import importlib
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from .layered import Feedforward, feedforward
    from .training import Diverged, Fitted, History, Samples, adam, evaluate, fit

_IN_TORCH = {  # loaded when first asked for: torch takes a second, which a script that only simulates should not pay
    "Diverged": "training", "Feedforward": "layered", "Fitted": "training", "History": "training", "Samples": "training",
    "adam": "training", "evaluate": "training", "feedforward": "layered", "fit": "training",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _IN_TORCH:
        return getattr(importlib.import_module(f".{_IN_TORCH[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "AllToAll",
    "Connectivity",
    "Diverged",
    "Driven",
    "Feedforward",
    "Fitted",
    "FixedInDegree",
    "FixedOutDegree",
    "FixedProbability",
    "FixedTotal",
    "History",
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
    "Samples",
    "Scaled",
    "Simulation",
    "SpikeData",
    "Spikes",
    "Teaching",
    "Trace",
    "TraceData",
    "adam",
    "evaluate",
    "feedforward",
    "filtered_spikes",
    "fit",
    "learn_online",
]
