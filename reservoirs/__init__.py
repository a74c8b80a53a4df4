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
    from .early_exit import EarlyExits, ExitPolicy, exit_early, running_scores
    from .event_copy import EventNetwork, event_network
    from .exit_policies import ConfidenceExit, DynamicConfidence, FixedExit, MarginCutoff, MarginExit
    from .latency import AccuracyLatency, ExitBounds, accuracy_latency, exit_bounds, exit_steps
    from .layered import Feedforward, feedforward
    from .multilayer import perceptron
    from .nir_graph import from_nir, to_nir
    from .optimisers import adam, sgd
    from .snntorch_network import from_snntorch, to_snntorch
    from .training import Diverged, Fitted, History, Samples, evaluate, fit
    from .weights import load_network, save_network

_IN_TORCH = {  # loaded when first asked for: torch takes a second, which a script that only simulates should not pay
    "AccuracyLatency": "latency", "ConfidenceExit": "exit_policies", "Diverged": "training",
    "DynamicConfidence": "exit_policies", "EarlyExits": "early_exit", "EventNetwork": "event_copy",
    "ExitBounds": "latency", "ExitPolicy": "early_exit", "Feedforward": "layered", "Fitted": "training",
    "FixedExit": "exit_policies", "History": "training", "MarginCutoff": "exit_policies",
    "MarginExit": "exit_policies", "Samples": "training", "accuracy_latency": "latency", "adam": "optimisers",
    "dsr_network": "dsr", "evaluate": "training", "event_network": "event_copy", "exit_bounds": "latency",
    "exit_early": "early_exit", "exit_steps": "latency", "feedforward": "layered", "fit": "training",
    "from_nir": "nir_graph", "from_snntorch": "snntorch_network", "load_network": "weights",
    "perceptron": "multilayer", "running_scores": "early_exit", "save_network": "weights", "sgd": "optimisers",
    "to_nir": "nir_graph", "to_snntorch": "snntorch_network",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _IN_TORCH:
        return getattr(importlib.import_module(f".{_IN_TORCH[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "AccuracyLatency",
    "AllToAll",
    "ConfidenceExit",
    "Connectivity",
    "Diverged",
    "Driven",
    "DynamicConfidence",
    "EarlyExits",
    "EventNetwork",
    "ExitBounds",
    "ExitPolicy",
    "Feedforward",
    "Fitted",
    "FixedExit",
    "FixedInDegree",
    "FixedOutDegree",
    "FixedProbability",
    "FixedTotal",
    "History",
    "LiquidState",
    "MarginCutoff",
    "MarginExit",
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
    "accuracy_latency",
    "adam",
    "dsr_network",
    "evaluate",
    "event_network",
    "exit_bounds",
    "exit_early",
    "exit_steps",
    "feedforward",
    "filtered_spikes",
    "fit",
    "from_nir",
    "from_snntorch",
    "learn_online",
    "load_network",
    "perceptron",
    "running_scores",
    "save_network",
    "sgd",
    "to_nir",
    "to_snntorch",
]
