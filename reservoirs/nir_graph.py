"""Networks to the Neuromorphic Intermediate Representation and back, as far as it has words for them.

NIR states equations in continuous time and leaves their units and their step to the reader. Here its time is in seconds, its
currents, potentials and resistances in the model's own units (nA, mV, MOhm), and a spike is a current of its weight for one step,
so that the step belongs to the network: it stands in the graph's metadata as `dt`, in seconds.

Source       Pedersen et al. 2024, doi:10.1038/s41467-024-52259-9
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..neurons.dense import Conv, Dense
from ..neurons.errors import InvalidValue, SynfireError
from ..neurons.layer import Layer
from ..neurons.lif import LIF
from ..neurons.normalise import Flatten
from ..neurons.spiking import Membrane, NeuronLayer, Recurrent, Spiking
from ..neurons.surrogate import Surrogate
from ..plasticity.credit import Objective
from .layered import Feedforward
from .stages import Affine, Connection, Flat, model_of, one_dt, size_of_input, stages_of

__all__ = ["from_nir", "to_nir"]

Edges = list[tuple[str, str]]


def _nir() -> Any:
    try:
        import nir
    except ImportError as error:
        raise SynfireError("NIR needs a package that is not installed: pip install 'synfire[nir]'") from error
    return nir


def to_nir(network: Feedforward, *, size: Sequence[int] | None = None) -> Any:
    """A network as a `nir.NIRGraph`, which `nir.write` puts into a file.

    Parameters   network   Dense becomes Linear or Affine, Conv Conv2d, `LIF` LIF, in a Recurrent with a Linear from it to itself,
                           Membrane LI; normalisation is folded into the connections before it
                 size      of one step of the input, (channels, height, width), where it is images
    Raises       InvalidValue naming the layer and what NIR cannot say: other models than LIF, refractory times, delays;
                 SynfireError without the package nir

    Surrogates, the objective and what is learned are not part of NIR. What neurons say to themselves is heard one step later.
    """
    nir = _nir()
    if not isinstance(network, Feedforward):
        raise InvalidValue("to_nir: network", type(network).__name__, "a Feedforward network")
    shape = size_of_input(network.layers, size, "to_nir")
    layers: dict[int, Any] = dict(enumerate(network.layers))
    stages, rest = stages_of(layers, shape, "to_nir")
    nodes: dict[str, Any] = {"input": nir.Input(input_type={"input": np.array(shape)})}
    edges: Edges = []

    def append(name: str, node: Any) -> None:
        edges.append((list(nodes)[-1], name))
        nodes[name] = node

    loops: list[tuple[str, str, Any]] = []
    for stage in stages:
        name = f"layer{stage.place}"
        for k, each in enumerate(stage.connections):
            append(f"{name}_in{k}", _their_connection(nir, each, f"to_nir: before layer {stage.place}"))
        layer = stage.neurons
        append(f"{name}.lif", _their_neurons(nir, layer, f"to_nir: layer {stage.place} ({type(layer).__name__})"))
        if isinstance(layer, Recurrent):
            loops.append((f"{name}.lif", f"{name}.w_rec", nir.Linear(weight=_array((layer.gain * layer.weight).T))))
    for k, each in enumerate(rest):
        append(f"last{k}", _their_connection(nir, each, "to_nir: the last layer"))
    last = nodes[list(nodes)[-1]]
    append("output", nir.Output(output_type={"output": np.array(last.output_type["output"])}))
    for neurons, name, node in loops:
        nodes[name] = node
        edges += [(neurons, name), (name, neurons)]
    return nir.NIRGraph(nodes=nodes, edges=edges, metadata={"dt": 1e-3 * one_dt(network.layers, "to_nir")})


def _array(value: Tensor) -> NDArray[Any]:
    return np.ascontiguousarray(value.detach().cpu().numpy())


def _their_connection(nir: Any, connection: Connection, name: str) -> Any:
    if isinstance(connection, Flat):
        return nir.Flatten(input_type={"input": np.array(connection.size)}, start_dim=0, end_dim=-1)
    bias = None if connection.bias is None else _array(connection.bias)
    if isinstance(connection, Affine):
        if connection.delay is not None:
            raise InvalidValue(
                name, "delays of synapses", "connections without delays", "NIR's Delay is one of a neuron"
            )
        weight = _array(connection.weight.T)
        return nir.Linear(weight=weight) if bias is None else nir.Affine(weight=weight, bias=bias)
    weight = _array(connection.weight)
    return nir.Conv2d(
        input_shape=connection.size[1:], weight=weight, stride=connection.stride, padding=connection.padding, dilation=1,
        groups=1, bias=np.zeros(len(weight), weight.dtype) if bias is None else bias,
    )  # fmt: skip


def _their_neurons(nir: Any, layer: NeuronLayer, name: str) -> Any:
    model = model_of(layer)

    def each(value: Any) -> NDArray[np.float64]:
        return np.broadcast_to(np.asarray(value, np.float64), (layer.n,)).copy()

    if isinstance(layer, Membrane):
        if not isinstance(model, LIF):
            raise InvalidValue(name, type(model).__name__, "the membrane of a LIF, which NIR calls LI")
        return nir.LI(tau=each(1e-3 * model.tau_m), r=each(model.r_m), v_leak=each(model.v_rest))
    if type(model) is not LIF:
        fix = "NIR's LIF resets to a potential, and it has no reset by subtraction, no adaptation, no second variable"
        raise InvalidValue(name, type(model).__name__, "LIF", fix)
    if np.any(np.asarray(model.discretise(layer.dt).refractory_steps) > 1.0):
        raise InvalidValue(name, f"t_refractory = {model.t_refractory} ms", "0: NIR has no refractory time")
    return nir.LIF(
        tau=each(1e-3 * model.tau_m), r=each(model.r_m), v_leak=each(model.v_rest), v_threshold=each(model.v_threshold),
        v_reset=each(model.v_reset),
    )  # fmt: skip


def from_nir(
    graph: Any, *, dt: float | None = None, surrogate: Surrogate | None = None, objective: Objective | None = None
) -> Feedforward:
    """A `nir.NIRGraph`, as `nir.read` gives it, as a network of layers.

    Parameters   graph       a chain from one input to one output of Linear, Affine, Conv2d, Flatten, LIF, LI; a LIF may have a
                             Linear from it to itself; graphs within it are opened
                 dt          step, ms; None: the graph's metadata say it, if Synfire wrote it
                 surrogate, objective   which NIR does not have, as `Spiking` and `Feedforward`
    Raises       InvalidValue naming the node and what has no counterpart; SynfireError without the package nir

    Equations are integrated exactly. Programs that take Euler's step give other numbers, which agree as dt goes to 0. Where a
    membrane is exactly at threshold, Synfire fires and NIR does not.
    """
    nir = _nir()
    if not isinstance(graph, nir.NIRGraph):
        raise InvalidValue("from_nir: graph", type(graph).__name__, "a nir.NIRGraph", "read a file with nir.read(path)")
    if dt is None:
        if "dt" not in graph.metadata:
            raise InvalidValue("from_nir: dt", None, "given, ms: this graph does not say its step")
        dt = float(np.round(1e3 * float(graph.metadata["dt"]), 12))
    nodes, edges = _opened(nir, graph, "")
    loops = _loops(nir, nodes, edges)
    layers: list[Layer] = []
    for name in _chain(nir, nodes, edges):
        layers.append(_layer(nir, nodes[name], loops.get(name), dt, surrogate, f"from_nir: node {name!r}"))
    return Feedforward(layers, objective)


def _opened(nir: Any, graph: Any, prefix: str) -> tuple[dict[str, Any], Edges]:
    """Nodes and edges with those of graphs inside it in their place."""
    nodes: dict[str, Any] = {}
    edges = [(f"{prefix}{a}", f"{prefix}{b}") for a, b in graph.edges]
    for name, node in graph.nodes.items():
        if not isinstance(node, nir.NIRGraph):
            nodes[f"{prefix}{name}"] = node
            continue
        inside, between = _opened(nir, node, f"{prefix}{name}/")
        first, last = ([n for n in node.nodes if isinstance(node.nodes[n], kind)] for kind in (nir.Input, nir.Output))
        if len(first) != 1 or len(last) != 1:
            raise InvalidValue(f"from_nir: node {prefix}{name!r}", "a graph", "one with one input and one output")
        nodes |= inside
        outer = f"{prefix}{name}"
        edges = [
            (f"{outer}/{last[0]}" if a == outer else a, f"{outer}/{first[0]}" if b == outer else b) for a, b in edges
        ] + between
    return nodes, edges


def _loops(nir: Any, nodes: dict[str, Any], edges: Edges) -> dict[str, Any]:
    """The connections from a node of neurons to itself, by its name; they are taken out of nodes and edges."""
    found = {}
    for name in [n for n, node in nodes.items() if isinstance(node, nir.Linear | nir.Affine)]:
        before, after = [a for a, b in edges if b == name], [b for a, b in edges if a == name]
        if len(before) == 1 and before == after and isinstance(nodes[before[0]], nir.LIF):
            found[before[0]] = nodes.pop(name)
            edges.remove((before[0], name))
            edges.remove((name, before[0]))
    return found


def _chain(nir: Any, nodes: dict[str, Any], edges: Edges) -> list[str]:
    """The nodes in order, without inputs and outputs."""
    begins = [n for n, node in nodes.items() if isinstance(node, nir.Input) and not any(b == n for _, b in edges)]
    if len(begins) != 1:
        raise InvalidValue("from_nir: graph", f"inputs {begins}", "one input")
    order = begins
    while following := [b for a, b in edges if a == order[-1]]:
        if len(following) > 1 or following[0] in order or sum(b == following[0] for _, b in edges) > 1:
            raise InvalidValue(
                f"from_nir: node {order[-1]!r}", f"edges to {following}", "a chain, without branches and loops"
            )
        order.append(following[0])
    if len(order) < len(nodes):
        raise InvalidValue(
            "from_nir: graph", f"without a way to {sorted(set(nodes) - set(order))}", "a chain of all nodes"
        )
    return [name for name in order if not isinstance(nodes[name], nir.Input | nir.Output)]


def _layer(nir: Any, node: Any, loop: Any, dt: float, surrogate: Surrogate | None, name: str) -> Layer:
    if isinstance(node, nir.Linear | nir.Affine):
        return _dense(node, name)
    if isinstance(node, nir.Conv2d):
        return _conv(node, name)
    if isinstance(node, nir.Flatten):
        if node.output_type["output"] is not None and len(node.output_type["output"]) != 1:
            raise InvalidValue(name, f"an output of shape {tuple(node.output_type['output'])}", "one row of features")
        return Flatten()
    if not isinstance(node, nir.LIF | nir.LI):
        legal = "Linear, Affine, Conv2d, Flatten, LIF or LI"
        raise InvalidValue(name, type(node).__name__, legal, "Synfire has no exact counterpart")
    if np.ndim(node.tau) != 1:
        raise InvalidValue(name, f"neurons of shape {np.shape(node.tau)}", "of shape (n,)", "put a Flatten before them")
    n = len(node.tau)
    common = {"tau_m": _plain(1e3 * node.tau), "r_m": _plain(node.r), "v_rest": _plain(node.v_leak)}
    if isinstance(node, nir.LI):
        return Membrane(
            n, LIF(**common, v_reset=_plain(node.v_leak - 1.0), v_threshold=_plain(node.v_leak + 1.0)), dt=dt
        )
    model = LIF(**common, v_reset=_plain(node.v_reset), v_threshold=_plain(node.v_threshold))
    if loop is None:
        return Spiking(n, model, dt=dt, surrogate=surrogate)
    weight = np.asarray(loop.weight).T
    if np.any(getattr(loop, "bias", 0.0)) or weight.shape != (n, n) or np.diagonal(weight).any():
        raise InvalidValue(
            f"{name}, to itself", "a bias, self-connections or another size", f"({n}, {n}), 0 on the diagonal"
        )
    made = Recurrent(n, model, dt=dt, surrogate=surrogate)
    made.weight = nn.Parameter(_tensor(weight))
    return made


def _dense(node: Any, name: str) -> Dense:
    weight = np.asarray(node.weight)
    if weight.ndim != 2:
        raise InvalidValue(name, f"weights of shape {weight.shape}", "of shape (n_out, n_in)")
    bias = getattr(node, "bias", None)
    made = Dense(weight.shape[1], weight.shape[0], bias=bias is not None)
    made.weight = nn.Parameter(_tensor(weight.T))
    made.bias = None if bias is None else nn.Parameter(_tensor(bias))
    return made


def _conv(node: Any, name: str) -> Conv:
    n_out, n_in, *kernel = np.shape(node.weight)
    if isinstance(node.padding, str):
        raise InvalidValue(f"{name}.padding", node.padding, "a number of pixels")
    sizes = [tuple(int(k) for k in np.ravel(each)) for each in (kernel, node.stride, node.padding, node.dilation)]
    if any(len(set(each)) != 1 for each in sizes) or set(sizes[3]) != {1} or int(node.groups) != 1:
        found = f"kernel, stride, padding, dilation = {sizes}, groups = {node.groups}"
        raise InvalidValue(name, found, "one kernel size, stride and padding, without dilation or groups")
    bias = bool(np.any(node.bias))
    made = Conv(n_in, n_out, sizes[0][0], stride=sizes[1][0], padding=sizes[2][0], bias=bias)
    made.weight = nn.Parameter(_tensor(node.weight))
    made.bias = nn.Parameter(_tensor(node.bias)) if bias else None
    return made


def _tensor(value: Any) -> Tensor:
    """An array in its own type."""
    return torch.from_numpy(np.array(value))


def _plain(values: Any) -> Any:
    """One number where all are equal, else the array (n,)."""
    array = np.asarray(values, np.float64)
    return float(array[0]) if (array == array[0]).all() else array
