"""The experiments by their names on the command line; each is imported only when it is asked for.

An experiment is a module with

    SUMMARY                 one line
    Config                  frozen, keyword-only dataclass with a field `seed`; validates itself; fields documented
    PRESETS                 {"smoke": Config, "laptop": Config, "paper": Config}
    run(config, record)     computes, writes everything to the `Record`; draws nothing
    figures(record)         draws from the `LoadedRecord` alone; {name: matplotlib Figure}; computes nothing
    tables(record)          likewise, if it has any: {name: Table}, printed after a run and written beside the figures
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from types import ModuleType
from typing import Any

from ..neurons import UnknownName

__all__ = ["EXPERIMENTS", "PRESET_NAMES", "experiment", "preset", "unknown"]

# name on the command line -> module in this package, or, in tests, the module itself
EXPERIMENTS: dict[str, Any] = {
    "brunel-2000": "brunel",
    "continual": "continual",
    "continual-maps": "continual_maps",
    "counter-current": "counter_current",
    "counter-current-autoencoder": "counter_current_autoencoder",
    "counter-current-cnn": "counter_current_cnn",
    "counter-current-rates": "counter_current_rates",
    "counter-current-spiking": "counter_current_spiking",
    "diehl-cook": "diehl_cook",
    "delays": "delays",
    "digits": "digits",
    "early-exit": "early_exit",
    "izhikevich-2003": "izhikevich_2003",
    "lateral-circuit": "lateral_circuit",
    "meta-neurons": "meta_neurons",
    "microcircuit": "microcircuit",
    "plasticity-loss": "plasticity_loss",
    "polychronization": "polychronization",
    "rules": "rules",
    "snn-training": "snn_training",
    "song-abbott": "song_abbott",
    "tempotron-capacity": "tempotron_capacity",
    "vogels-abbott": "vogels_abbott",
    "what-when": "what_when",
}
# Known without importing an experiment, so that a misspelt one is told at once.
PRESET_NAMES = ("smoke", "laptop", "paper")


def experiment(name: str) -> ModuleType | Any:
    """The module of the experiment. Raises UnknownName with the nearest name."""
    if name not in EXPERIMENTS:
        raise unknown("experiment", name, EXPERIMENTS)
    module = EXPERIMENTS[name]
    return importlib.import_module(f".{module}", __package__) if isinstance(module, str) else module


def preset(name: str) -> str:
    """`name`, if it is one of the presets. Raises UnknownName with the nearest name."""
    if name not in PRESET_NAMES:
        raise unknown("--preset", name, PRESET_NAMES)
    return name


def unknown(field: str, value: str, known: Iterable[str]) -> UnknownName:
    """The error for a name that is not among `known`, with the nearest that is."""
    names = list(known)
    nearest = difflib.get_close_matches(value, names, n=1)
    return UnknownName(field, value, names, f"did you mean {nearest[0]}?" if nearest else "")
