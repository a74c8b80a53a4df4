"""OTTT: what its traces are, to what it reduces, and what it refuses. Its equations in NumPy are in test_sltt."""

import pytest
import torch
from small_networks import by_autodiff, difference, gradients, small_batch, small_network

import synfire as sf
from synfire.neurons.dense import Conv, Dense
from synfire.neurons.normalise import Flatten
from synfire.neurons.spiking import Membrane, Spiking

FAST = 1e-3  # ms: a membrane that forgets within the step


def test_one_layer_of_soft_resets_and_a_readout_without_memory_is_backpropagation_through_time():
    network, batch = small_network(sf.SoftResetLIF(), tau_readout=0.0), small_batch()
    assert difference(gradients(sf.OTTT(), network, batch), gradients(sf.BPTT(), network, batch)) < 1e-12


def test_recurrent_spikes_have_a_trace_too():
    """With recurrent spikes held, one recurrent layer of soft resets is exact too."""
    network, batch = small_network(sf.SoftResetLIF(), recurrent=True, tau_readout=0.0), small_batch()
    expected, _ = by_autodiff(network, batch)
    assert difference(gradients(sf.OTTT(), network, batch), expected) < 1e-12


@pytest.mark.filterwarnings("ignore:LIF.tau_m")
def test_without_leak_it_is_sltt():
    network, batch = small_network(sf.LIF(tau_m=FAST), hidden=2, tau_readout=FAST), small_batch()
    found = gradients(sf.OTTT(), network, batch)
    assert difference(found, gradients(sf.SLTT(), network, batch)) < 1e-12
    assert difference(found, gradients(sf.BPTT(), network, batch)) < 1e-12  # then nothing is remembered


def test_points_nearer_to_backpropagation_than_sltt_does():
    network, batch = small_network(hidden=2), small_batch()
    exact = gradients(sf.BPTT(), network, batch)
    ottt, sltt = (sf.angle(gradients(rule, network, batch), exact).overall for rule in (sf.OTTT(), sf.SLTT()))
    assert ottt < sltt < 90.0


def test_convolutions_are_traced():
    draw = torch.Generator().manual_seed(0)
    neurons = Spiking(2 * 3 * 3, sf.SoftResetLIF())
    layers = [Conv(1, 2, 3, bias=True, gain=200.0, seed=1), Flatten(), neurons, Dense(18, 3, seed=2)]
    network = sf.Feedforward(layers).double()
    x = (torch.rand((20, 4, 1, 5, 5), generator=draw) < 0.2).double()
    batch = sf.Batch(x, torch.randint(0, 3, (4,), generator=draw))
    assert difference(gradients(sf.OTTT(), network, batch), gradients(sf.BPTT(), network, batch)) < 1e-12


def test_truth_values_are_spikes():
    network, batch = small_network(), small_batch()
    whole = batch._replace(x=batch.x.bool())
    for rule in (sf.OTTT(), sf.SLTT(), sf.EProp(), sf.DirectFeedback()):
        assert difference(gradients(rule, network, whole), gradients(rule, network, batch)) < 1e-12


def test_refuses_neurons_without_one_leak():
    cases = {
        "neurons with a leak": Spiking(7, sf.Izhikevich()),
        "one tau_m": Spiking(7, sf.LIF(tau_m=sf.uniform(5.0, 20.0))),
        "tau_m": Spiking(7, sf.LIF(), learn=["tau_m"]),
    }
    for message, neurons in cases.items():
        with pytest.raises(sf.InvalidValue, match=rf"OTTT: layer 1: .*{message}"):
            sf.OTTT().init(sf.Feedforward([Dense(6, 7), neurons, Dense(7, 3)]))
    readout = Membrane(3, sf.LIF(tau_m=sf.uniform(5.0, 20.0)))
    with pytest.raises(sf.InvalidValue, match="OTTT: layer 3"):
        sf.OTTT().init(sf.Feedforward([Dense(6, 7), Spiking(7, sf.LIF()), Dense(7, 3), readout]))
