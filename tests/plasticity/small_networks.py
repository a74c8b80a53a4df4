"""What the tests of credit assignment share: small networks in float64, a batch, and the most bytes of tensors alive."""

import weakref

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import synfire as sf
from synfire.neurons.dense import Dense
from synfire.neurons.spiking import Membrane, Recurrent, Spiking

READOUT = {"v_rest": 0.0, "v_reset": -1.0, "v_threshold": 1.0}


def small_network(neuron=None, *, hidden=1, recurrent=False, tau_readout=9.0, bias=True, n=(6, 7, 3)):
    """Dense, neurons, ..., Dense, and a leaky readout unless tau_readout is 0; some spikes in most samples."""
    n_in, n_hidden, n_out = n
    layers = []
    for k in range(hidden):
        kind, options = (Recurrent, {"gain": 60.0}) if recurrent else (Spiking, {})
        size = n_in if k == 0 else n_hidden
        layers += [Dense(size, n_hidden, bias=bias, gain=200.0, seed=1 + k)]
        layers += [kind(n_hidden, neuron or sf.LIF(), seed=2 + k, **options)]
    layers.append(Dense(n_hidden, n_out, bias=bias, gain=5.0, seed=9))
    if tau_readout:
        layers.append(Membrane(n_out, sf.LIF(tau_m=tau_readout, **READOUT)))
    network = sf.Feedforward(layers).double()
    for k, layer in enumerate(layers):
        if getattr(layer, "bias", None) is not None:
            torch.nn.init.normal_(layer.bias, std=0.02, generator=torch.Generator().manual_seed(k))
    return network


def small_batch(time=75, samples=5, n_in=6, n_out=3, seed=0):
    draw = torch.Generator().manual_seed(seed)
    x = (torch.rand((time, samples, n_in), generator=draw) < 0.2).double()
    return sf.Batch(x, torch.randint(0, n_out, (samples,), generator=draw))


def gradients(rule, network, batch):
    return rule.gradients(network, batch, rule.init(network)).gradients


def difference(found, expected):
    """The largest difference of any parameter's gradient, in units of its largest entry."""
    assert list(found) == list(expected)
    return max(
        float((found[name] - expected[name]).abs().max() / expected[name].abs().max().clamp(min=1e-30))
        for name in expected
    )


def by_autodiff(network, batch, *, hold_recurrent=True, adapting=False):
    """(gradients, hidden spikes) of one hidden layer by autodiff; recurrent spikes may be held, adaptation may not be."""
    connections, neurons, *rest = network.layers
    current, _ = connections(batch.x)
    step, spiked = neurons.step(current), torch.zeros_like(current[0])
    state, spikes = neurons.initial_state(current, current.shape[1]), []
    for given in current:
        if isinstance(neurons, Recurrent):
            given = given + neurons.gain * (spiked.detach() if hold_recurrent else spiked) @ neurons.weight
        before = step.integrate(state, given)
        state, spiked = neurons.one_step(step, state, given)
        if adapting:
            state = state._replace(a=before.a + spiked)
        spikes.append(spiked)
    x = torch.stack(spikes)
    for layer in rest:
        x, _ = layer(x)
    loss = network.objective.loss(x, batch.target)
    parameters = dict(network.named_parameters())
    found = torch.autograd.grad(loss, list(parameters.values()), retain_graph=True)
    return dict(zip(parameters, found, strict=True)), torch.stack(spikes)


class PeakBytes(TorchDispatchMode):
    """The most bytes of tensors that were alive at once, without those of `before`."""

    def __init__(self, before):
        super().__init__()
        self.now = self.peak = 0
        self.known = weakref.WeakSet(tensor.untyped_storage() for tensor in before)

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, torch.Tensor):
                self._count(tensor.untyped_storage())
        return made

    def _count(self, storage):
        if storage not in self.known:
            self.known.add(storage)
            self.now += storage.nbytes()
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self._freed, storage.nbytes())

    def _freed(self, size):
        self.now -= size


def peak_bytes(rule, network, time):
    """Of one batch with so many steps, without its data."""
    batch = small_batch(time, samples=8, n_in=network.layers[0].n_in, n_out=2)
    state = rule.init(network)
    with PeakBytes([*batch, *network.parameters()]) as counted:
        rule.gradients(network, batch, state)
    return counted.peak
