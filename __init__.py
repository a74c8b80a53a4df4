"""Synfire: how could a brain learn this, and how close does it come to backprop?

`import synfire as sf`. Public names are looked up when first used, so that a script pays only for what it touches.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_LAYERS = ("neurons", "plasticity", "reservoirs")
_EXPERIMENT_NAMES = ("plot",)


def __getattr__(name: str) -> Any:
    if name in _EXPERIMENT_NAMES:
        return importlib.import_module(f".experiments.{name}", __name__)
    if not name.startswith("_"):
        for layer in _LAYERS:
            module = importlib.import_module(f".{layer}", __name__)
            if name == layer:
                return module
            if name in module.__all__:
                return getattr(module, name)
    raise AttributeError(f"module 'synfire' has no attribute {name!r}")


def __dir__() -> list[str]:
    names = {n for layer in _LAYERS for n in importlib.import_module(f".{layer}", __name__).__all__}
    return sorted({"__version__", *_EXPERIMENT_NAMES, *_LAYERS, *names})
