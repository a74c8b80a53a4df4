"""What goes to snnTorch and comes from it gives equal spikes, equal membranes and equal gradients."""

import numpy as np
import pytest

import synfire as sf

torch = pytest.importorskip("torch")
snntorch = pytest.importorskip("snntorch")
from snntorch import surrogate as theirs  # noqa: E402
from torch import nn  # noqa: E402


def sample(n=20, steps=50, batch=4, seed=1):
    return (torch.rand((steps, batch, n), generator=torch.Generator().manual_seed(seed)) < 0.3).double()


def run(module, x):
    """snnTorch's modules over time; a last membrane's potential, else spikes. Its own surrogates make float32 spikes."""
    outputs = []
    for each in module:
        if hasattr(each, "reset_mem"):
            each.reset_mem()
    for step in x:
        made = step
        for each in module:
            made = each(made.to(x.dtype))
        outputs.append(made[1] if isinstance(made, tuple) else made.to(x.dtype))
    return torch.stack(outputs)


def soft(tau_m=20.0, dt=1.0, distance=15.0):
    return sf.SoftResetLIF(tau_m=tau_m, v_drop=distance / np.exp(-dt / tau_m))


def check(network, x=None, size=None):
    network = network.double().eval()
    x = sample() if x is None else x
    expected = network(x)[0].detach()
    module = sf.to_snntorch(network, size=size)
    found = run(module, x).detach()
    back = sf.from_snntorch(module, dt=network.layers[-1].dt, size=size).double().eval()
    again = back(x)[0].detach()
    for made in (found, again):
        if isinstance(network.layers[-1], sf.Membrane):
            torch.testing.assert_close(made, expected, rtol=1e-12, atol=1e-12 * float(expected.abs().max()))
        else:
            assert float(expected.sum()) > 20
            assert torch.equal(made, expected)
    return module, back


@pytest.mark.parametrize("neuron", [sf.LIF(tau_m=10.0), soft(tau_m=10.0)], ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_stack_gives_the_same_membranes_and_comes_back(neuron, batch_norm):
    check(sf.feedforward([20, 30, 15, 5], neuron=neuron, batch_norm=batch_norm))


def test_the_spikes_themselves_are_the_same():
    layers = [sf.Dense(20, 30, bias=True, gain=200.0), sf.Spiking(30, sf.LIF(tau_m=10.0))]
    torch.nn.init.uniform_(layers[0].bias, -0.1, 0.1, generator=torch.Generator().manual_seed(4))
    module, _ = check(sf.Feedforward(layers))
    assert isinstance(module[1], snntorch.Leaky)
    assert module[1].reset_mechanism == "zero"


def test_neurons_that_differ_keep_their_own_constants():
    n = np.arange(30)
    neuron = sf.LIF(tau_m=5.0 + n, v_rest=-60.0 - n, v_reset=-60.0 - n, r_m=1.0 + 0.1 * n, v_threshold=-50.0 + 0.1 * n)
    check(sf.Feedforward([sf.Dense(20, 30, gain=300.0), sf.Spiking(30, neuron)]))


def test_recurrent_soft_resets_are_rleaky():
    layers = [sf.Dense(20, 30, gain=250.0), sf.Recurrent(30, soft(tau_m=10.0), gain=50.0)]
    module, back = check(sf.Feedforward(layers))
    assert isinstance(module[1], snntorch.RLeaky)
    assert isinstance(back.layers[1], sf.Recurrent)


def test_images():
    layers = [
        sf.Conv(2, 3, 3, stride=2, padding=1, bias=True, gain=150.0), sf.Flatten(), sf.Spiking(48, sf.LIF(tau_m=10.0)),
        sf.Dense(48, 4), sf.Membrane(4, sf.LIF(v_rest=0.0, v_threshold=1.0)),
    ]  # fmt: skip
    x = sample(98).view(50, 4, 2, 7, 7)
    module, _ = check(sf.Feedforward(layers), x, size=(2, 7, 7))
    assert isinstance(module[0], nn.Conv2d)


SURROGATES = [
    sf.ArcTan(), sf.ArcTan(slope=1.5 * np.pi, height=1.5), sf.FastSigmoid(slope=25.0), sf.Sigmoid(slope=5.0, height=1.25),
    sf.StraightThrough(), sf.Triangular(height=0.3),
]  # fmt: skip


@pytest.mark.parametrize("surrogate", SURROGATES, ids=lambda s: f"{type(s).__name__}({s.slope:.3g}, {s.height:.3g})")
def test_gradients_are_the_same_through_two_layers_of_neurons(surrogate):
    network = sf.feedforward([20, 12, 8, 3], surrogate=surrogate, seed=3).double()
    x, target = sample(), torch.tensor([0, 1, 2, 0])
    network.objective.loss(network(x)[0], target).backward()
    module = sf.to_snntorch(network)
    network.objective.loss(run(module, x), target).backward()
    for ours, there in zip(network.layers[::2], module[::2], strict=True):
        ratio = there.weight.detach().T / ours.weight.detach()  # our gain in their units
        wanted = ours.weight.grad / ratio
        assert float(wanted.abs().max()) > 0.0
        torch.testing.assert_close(there.weight.grad.T, wanted, rtol=1e-9, atol=1e-12 * float(wanted.abs().max()))


GRADIENTS = {
    "atan": (theirs.atan(alpha=3.0), sf.ArcTan), "fast_sigmoid": (theirs.fast_sigmoid(slope=7.0), sf.FastSigmoid),
    "sigmoid": (theirs.sigmoid(slope=5.0), sf.Sigmoid),
    "straight_through": (theirs.straight_through_estimator(), sf.StraightThrough),
}  # fmt: skip


@pytest.mark.parametrize("name", GRADIENTS)
@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_what_is_written_in_snntorch_comes_over_with_its_gradients(name, reset):
    function, kind = GRADIENTS[name]
    torch.manual_seed(5)
    module = nn.Sequential(
        nn.Linear(20, 12), snntorch.Leaky(beta=0.8, threshold=0.4, reset_mechanism=reset, spike_grad=function, init_hidden=True),
        nn.Linear(12, 3, bias=False), snntorch.Leaky(beta=0.9, reset_mechanism="none", init_hidden=True, output=True),
    ).double()  # fmt: skip
    network = sf.from_snntorch(module, dt=0.5)
    assert isinstance(network.layers[1].surrogate, kind)
    assert network.layers[1].dt == 0.5
    x, target = sample(), torch.tensor([0, 1, 2, 0])
    expected = run(module, x)
    found, _ = network(x)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    for outputs in (found, expected):
        network.objective.loss(outputs, target).backward()
    for ours, there in zip(network.layers[::2], module[::2], strict=True):
        assert float(there.weight.grad.abs().max()) > 0.0
        compare_gradients(ours.weight.grad.T, there.weight.grad)
    compare_gradients(network.layers[0].bias.grad, module[0].bias.grad)


def compare_gradients(ours, there):
    """Their surrogates send gradients through float32: 1e-7 at each of 50 steps."""
    torch.testing.assert_close(ours, there, rtol=0.0, atol=5e-6 * float(there.abs().max()))


def test_the_bias_of_recurrent_connections_moves_to_the_connections_before():
    torch.manual_seed(6)
    module = nn.Sequential(
        nn.Linear(20, 12, bias=False), snntorch.RLeaky(beta=0.8, linear_features=12, threshold=0.4, init_hidden=True)
    ).double()
    with pytest.raises(sf.InvalidValue, match="neurons to themselves"):
        sf.from_snntorch(module)
    with torch.no_grad():
        module[1].recurrent.weight.fill_diagonal_(0.0)
    module[1].spk = torch.zeros(0, dtype=torch.float64)
    inner = module[1].spike_grad
    module[1].spike_grad = lambda x: inner(x).double()  # else it hears spikes of float32
    x = sample()
    expected = run(module, x)
    module[1].spike_grad = theirs.atan()
    found, _ = sf.from_snntorch(module)(x)
    assert float(expected.detach().sum()) > 20
    assert torch.equal(found, expected)


def of(neuron, kind=None, **options):
    return sf.Feedforward([sf.Dense(5, 4), (kind or sf.Spiking)(4, neuron, **options)])


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (of(sf.Izhikevich()), "LIF or SoftResetLIF"),
        (of(sf.AdaptiveLIF()), r"layer 1 \(Spiking\): must be LIF or SoftResetLIF, got 'AdaptiveLIF'"),
        (of(sf.LIF(t_refractory=5.0)), "no refractory time"),
        (of(sf.LIF(v_reset=-70.0)), "snnTorch resets to rest"),
        (of(sf.SoftResetLIF(v_drop=15.0)), "divided by exp"),
        (of(sf.LIF(), sf.Recurrent), "SoftResetLIF in a Recurrent"),
        (of(sf.LIF(v_rest=-60.0, v_reset=-60.0), sf.Membrane), "v_rest = 0"),
        (of(sf.SoftResetLIF(), sf.RepresentedSpiking), "have surrogate gradients"),
        (sf.Feedforward([sf.DelayedDense(5, 4, sf.RandomDelay(max_delay=3.0)), sf.Spiking(4, sf.LIF())]), "delays"),
        (sf.Feedforward([sf.Extend(5), sf.Dense(5, 4), sf.Spiking(4, sf.LIF())]), "size"),
        (sf.Feedforward([sf.Dense(5, 4), sf.Spiking(4, sf.LIF()), sf.Count()]), "Count"),
        (sf.Feedforward([sf.Spiking(4, sf.LIF())]), "connections before it"),
    ],
)
def test_what_snntorch_cannot_say_is_refused(network, message):
    with pytest.raises(sf.InvalidValue, match=message):
        sf.to_snntorch(network)


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ([nn.Linear(5, 4), snntorch.Synaptic(alpha=0.9, beta=0.8)], "Linear, Conv2d, Flatten"),
        ([nn.Linear(5, 4), snntorch.Leaky(beta=1.0)], "beta: must be > 0 and < 1"),
        ([nn.Linear(5, 4), snntorch.Leaky(beta=0.9, reset_delay=False)], "reset_delay"),
        ([nn.Linear(5, 4), snntorch.Leaky(beta=0.9, state_quant=lambda v: v)], "state_quant"),
        ([nn.Linear(5, 4), snntorch.Leaky(beta=0.9, graded_spikes_factor=2.0)], "graded_spikes_factor"),
        ([nn.Linear(5, 4), snntorch.Leaky(beta=0.9, spike_grad=theirs.heaviside())], "spike_grad"),
        ([nn.Linear(5, 4), snntorch.Leaky(beta=0.9, reset_mechanism="none"), nn.Linear(4, 2), snntorch.Leaky(beta=0.9)], "last"),
        ([nn.Linear(5, 4), snntorch.RLeaky(beta=0.9, linear_features=4, reset_mechanism="zero")], "reset by subtraction"),
        ([nn.Linear(5, 4), nn.Dropout(), snntorch.Leaky(beta=0.9)], "no exact counterpart"),
        ([nn.Conv2d(1, 2, 3), nn.Flatten(), snntorch.Leaky(beta=0.9)], "give size="),
    ],
)  # fmt: skip
def test_what_synfire_cannot_say_is_refused(modules, message):
    with pytest.raises(sf.InvalidValue, match=message):
        sf.from_snntorch(nn.Sequential(*modules))


def test_a_module_that_is_no_sequence_is_refused():
    with pytest.raises(sf.InvalidValue, match=r"nn\.Sequential"):
        sf.from_snntorch(nn.Linear(3, 2))
