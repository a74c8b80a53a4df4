"""Whose state it is: what a network must have in common with the one that left a state, in words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..neurons import Distribution, InvalidValue
from .connectivity import AllToAll, OneToOne, Pairs
from .plasticity_state import rule_name

__all__ = ["check_identity", "identity"]


def identity(simulation: Any) -> NDArray[np.uint8]:
    """Text, as bytes: dt, precision, neurons, synapse kinds, and which synapses a rule changes.

    Parameters of models and rules, static weights and drives may differ: to run on with others is an experiment.
    """
    return np.frombuffer("\n".join(_lines(simulation)).encode(), np.uint8).copy()


def check_identity(simulation: Any, state: Any) -> None:
    """Refuse a state that another network left. Raises InvalidValue that says in what they differ."""
    if "network" not in state:
        raise InvalidValue("state['network']", "missing", "there", "it is another network's state, or an older version's")
    if np.array_equal(state["network"], simulation.identity):
        return
    found = bytes(np.asarray(state["network"], np.uint8)).decode(errors="replace").splitlines()
    for mine, theirs in zip_longest(_lines(simulation), found, fillvalue="nothing more"):
        if mine != theirs:
            raise InvalidValue("state", f"of a network with {theirs}", f"of one with {mine}", "it is another network's state")


def _lines(simulation: Any) -> Iterator[str]:
    yield f"dt = {simulation.dt!r} ms"
    yield f"precision of {np.dtype(simulation.dtype)}"
    for group in simulation.groups:
        yield f"{group.name} neurons: {', '.join(str(population.size) for population in group.members)}"
    for receptor in simulation.receptors:
        kind = "Delta" if receptor.step is None else type(receptor.step).__name__.removesuffix("Step")
        yield f"{kind} synapses on {simulation.groups[receptor.group].name}"
    for link in simulation.links:
        if link.rule is not None:
            wiring = hashlib.sha256()
            for projection in link.projections:
                _hash_wiring(projection, wiring)
            source, target = (simulation.groups[g].name for g in (link.group, simulation.receptors[link.receptor].group))
            yield f"{rule_name(link.rule)} from {source} to {target}, wiring {wiring.hexdigest()[:16]}"
    for readout in simulation.readouts:
        yield f"a readout by {rule_name(readout.rule)}: {readout.channels} channels of {readout.features} neurons"


def _hash_wiring(projection: Any, digest: Any) -> None:
    for part in (projection.pre_view, projection.post_view):
        digest.update(f"{part.population.name}".encode() + part.index.tobytes())
    random = not isinstance(projection.rule, AllToAll | OneToOne | Pairs) or isinstance(projection.delay_given, Distribution)
    digest.update(f"{projection.seed, projection.place}".encode() if random else b"")
    given = [("rule", type(projection.rule).__name__), *sorted(vars(projection.rule).items()), ("delay", projection.delay_given)]
    for name, value in given:
        plain = isinstance(value, int | float | str | np.number | Distribution | None)
        text = repr(value) if plain else type(value).__name__
        digest.update(name.encode() + (value.tobytes() if isinstance(value, np.ndarray) else text.encode()))
