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
    from .dsr import dsr_network
    from .event_copy import EventNetwork, event_network
    from .layered import Feedforward, feedforward
    from .multilayer import perceptron
    from .nir_graph import from_nir, to_nir
    from .optimisers import adam, sgd
    from .snntorch_network import from_snntorch, to_snntorch
    from .training import Diverged, Fitted, History, Samples, evaluate, fit
    from .weights import load_network, save_network

_IN_TORCH = {  # loaded when first asked for: torch takes a second, which a script that only simulates should not pay
    "Diverged": "training", "EventNetwork": "event_copy", "Feedforward": "layered", "Fitted": "training",
    "History": "training", "Samples": "training", "adam": "optimisers", "dsr_network": "dsr", "evaluate": "training",
    "event_network": "event_copy", "feedforward": "layered", "fit": "training", "from_nir": "nir_graph",
    "from_snntorch": "snntorch_network", "load_network": "weights", "perceptron": "multilayer", "save_network": "weights",
    "sgd": "optimisers", "to_nir": "nir_graph", "to_snntorch": "snntorch_network",
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
    "EventNetwork",
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
    "dsr_network",
    "evaluate",
    "event_network",
    "feedforward",
    "filtered_spikes",
    "fit",
    "from_nir",
    "from_snntorch",
    "learn_online",
    "load_network",
    "perceptron",
    "save_network",
    "sgd",
    "to_nir",
    "to_snntorch",
]
