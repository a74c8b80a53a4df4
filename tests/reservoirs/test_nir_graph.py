"""What goes to NIR, and through one of its files, comes back with the same outputs."""

import sys

import numpy as np
import pytest

import synfire as sf

torch = pytest.importorskip("torch")
nir = pytest.importorskip("nir")


def sample(n=20, steps=50, batch=3, seed=1):
    return (torch.rand((steps, batch, n), generator=torch.Generator().manual_seed(seed)) < 0.3).double()


def check(network, tmp_path, x=None, size=None):
    """Equal outputs after the way through a file; tau_m goes through seconds, which rounds."""
    network = network.double().eval()
    x = sample() if x is None else x
    expected = network.activity(x)[-1]
    graph = sf.to_nir(network, size=size)
    nir.write(tmp_path / "network.nir", graph)
    for given in (graph, nir.read(tmp_path / "network.nir")):
        back = sf.from_nir(given).double().eval()
        found = back.activity(x)[-1]
        if isinstance(network.layers[-1], sf.Membrane):
            torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10 * float(expected.abs().max()))
        else:
            assert float(expected.sum()) > 20
            assert torch.equal(found, expected)
    return graph, back


@pytest.mark.parametrize(
    "options", [{}, {"batch_norm": True}, {"recurrent": True}, {"learn": ("tau_m", "v_threshold")}]
)
@pytest.mark.parametrize("dt", [0.1, 1.0])
def test_a_stack_comes_back(options, dt, tmp_path):
    network = sf.feedforward([20, 30, 15, 5], neuron=sf.LIF(tau_m=10.0), dt=dt, **options)
    _, back = check(network, tmp_path)
    assert back.layers[1].dt == dt


def test_spikes_and_biases_come_back(tmp_path):
    layers = [
        sf.Dense(20, 30, bias=True, gain=200.0),
        sf.Spiking(30, sf.LIF(tau_m=np.arange(5.0, 35.0), v_reset=-70.0)),
    ]
    torch.nn.init.uniform_(layers[0].bias, -0.1, 0.1, generator=torch.Generator().manual_seed(4))
    graph, _ = check(sf.Feedforward(layers), tmp_path)
    assert isinstance(graph.nodes["layer1_in0"], nir.Affine)
    np.testing.assert_allclose(graph.nodes["layer1.lif"].tau, 1e-3 * np.arange(5.0, 35.0))  # seconds


def test_images_come_back(tmp_path):
    layers = [
        sf.Conv(2, 3, 3, stride=2, padding=1, bias=True, gain=150.0), sf.Flatten(), sf.Spiking(48, sf.LIF(tau_m=10.0)),
        sf.Dense(48, 4), sf.Membrane(4, sf.LIF(v_rest=0.0, v_threshold=1.0)),
    ]  # fmt: skip
    graph, _ = check(sf.Feedforward(layers), tmp_path, sample(98).view(50, 3, 2, 7, 7), size=(2, 7, 7))
    assert isinstance(graph.nodes["layer2_in0"], nir.Conv2d)


def test_connections_at_the_end_come_back(tmp_path):
    check(sf.Feedforward([*sf.feedforward([20, 30, 5]).layers[:2], sf.Dense(30, 4)]), tmp_path)


def test_graphs_within_a_graph_are_opened():
    network = sf.feedforward([20, 30, 5], recurrent=True).double()
    graph = sf.to_nir(network)
    neurons, loop = graph.nodes["layer1.lif"], graph.nodes["layer1.w_rec"]
    size = np.array([30])
    inner = nir.NIRGraph(
        nodes={"input": nir.Input({"input": size}), "lif": neurons, "w": loop, "output": nir.Output({"output": size})},
        edges=[("input", "lif"), ("lif", "w"), ("w", "lif"), ("lif", "output")],
    )
    outer = {name: node for name, node in graph.nodes.items() if not name.startswith("layer1.")} | {"rnn": inner}
    edges = [("input", "layer1_in0"), ("layer1_in0", "rnn"), ("rnn", "layer3_in0"), ("layer3_in0", "layer3.lif")]
    nested = nir.NIRGraph(
        nodes=outer, edges=[*edges, ("layer3.lif", "output")], metadata=graph.metadata, type_check=False
    )
    x = sample()
    torch.testing.assert_close(sf.from_nir(nested).double()(x)[0], network(x)[0], rtol=1e-10, atol=1e-10)


def test_a_membrane_follows_the_equation_that_nir_states():
    """tau dv/dt = (v_leak - v) + R I, in seconds, by Euler steps of 1e-6 s: errors of 1e-4."""
    one = np.ones(1)
    graph = nir.NIRGraph.from_list(nir.LI(tau=0.02 * one, r=3.0 * one, v_leak=-2.0 * one))
    v = sf.from_nir(graph, dt=1.0)(torch.full((30, 1, 1), 1.5))[0][:, 0, 0].detach()
    expected, slow = [], -2.0
    for k in range(30_000):
        slow += 1e-6 / 0.02 * ((-2.0 - slow) + 3.0 * 1.5)
        if k % 1000 == 999:
            expected.append(slow)
    np.testing.assert_allclose(v, expected, rtol=0.0, atol=1e-4)


def of(neuron, kind=None, **options):
    return sf.Feedforward([sf.Dense(5, 4), (kind or sf.Spiking)(4, neuron, **options)])


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (of(sf.SoftResetLIF()), "no reset by subtraction"),
        (of(sf.SoftResetLIF(), sf.RepresentedSpiking), "no reset by subtraction"),
        (of(sf.AdaptiveLIF()), r"layer 1 \(Spiking\): must be LIF, got 'AdaptiveLIF'"),
        (of(sf.Izhikevich()), "no second variable"),
        (of(sf.LIF(t_refractory=5.0)), "no refractory time"),
        (of(sf.Izhikevich(), sf.Membrane), "which NIR calls LI"),
        (sf.Feedforward([sf.DelayedDense(5, 4, sf.RandomDelay(max_delay=3.0)), sf.Spiking(4, sf.LIF())]), "delays of synapses"),
        (sf.Feedforward([sf.Dense(5, 4), sf.Spiking(4, sf.LIF()), sf.Count()]), "Count"),
    ],
)  # fmt: skip
def test_what_nir_cannot_say_is_refused(network, message):
    with pytest.raises(sf.InvalidValue, match=message):
        sf.to_nir(network)


ONE = np.ones(4)


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([nir.IF(r=ONE, v_threshold=ONE)], "'if': must be Linear, .* got 'IF'"),
        ([nir.CubaLIF(tau_syn=ONE, tau_mem=ONE, r=ONE, v_leak=ONE, v_threshold=ONE)], "CubaLIF"),
        ([nir.Delay(delay=ONE)], "Delay"),
        ([nir.LIF(tau=ONE, r=ONE, v_leak=ONE, v_threshold=-ONE)], "v_reset"),
        ([nir.LIF(tau=np.ones((2, 2)), r=np.ones((2, 2)), v_leak=np.ones((2, 2)), v_threshold=np.ones((2, 2)))], "Flatten"),
        ([nir.Conv2d((5, 5), np.ones((2, 1, 3, 3)), 1, "same", 1, 1, np.ones(2))], "padding"),
        ([nir.Conv2d((5, 5), np.ones((2, 1, 3, 3)), 1, 0, 2, 1, np.ones(2))], "dilation"),
    ],
)  # fmt: skip
def test_what_synfire_cannot_say_is_refused(nodes, message):
    with pytest.raises(sf.InvalidValue, match=message):
        sf.from_nir(nir.NIRGraph.from_list(*nodes), dt=1.0)


def test_branches_and_longer_loops_are_refused():
    graph = sf.to_nir(sf.feedforward([4, 4, 4]))
    graph.nodes["other"] = nir.Linear(weight=np.eye(4))
    graph.edges += [("input", "other"), ("other", "layer3.lif")]
    with pytest.raises(sf.InvalidValue, match="without branches and loops"):
        sf.from_nir(graph)


def test_a_graph_without_a_step_asks_for_it():
    with pytest.raises(sf.InvalidValue, match="does not say its step"):
        sf.from_nir(nir.NIRGraph.from_list(nir.Linear(weight=np.eye(4))))


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "nir", None)
    with pytest.raises(sf.SynfireError, match=r"pip install 'synfire\[nir\]'"):
        sf.to_nir(sf.feedforward([4, 3]))
