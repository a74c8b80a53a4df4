"""Layers of neurons: what they refuse, what they learn, and that their state is a value that goes in and out."""

import pytest
import torch

import synfire as sf


@pytest.mark.parametrize("kind", [sf.Spiking, sf.Recurrent, sf.Membrane])
def test_a_wrong_number_of_neurons_is_refused(kind):
    with pytest.raises(sf.InvalidValue, match=r"\(time, batch, 4\)"):
        kind(4, sf.LIF())(torch.zeros(3, 2, 5))


def test_a_parameter_that_the_model_does_not_have_cannot_be_learned():
    with pytest.raises(sf.UnknownName, match="tau_x"):
        sf.Spiking(4, sf.LIF(), learn=["tau_x"])


def test_a_call_changes_neither_the_layer_nor_the_state_given():
    layer, x = sf.Recurrent(6, sf.LIF()), torch.full((4, 2, 6), 400.0)
    _, state = layer(x)
    before = state[0].v.clone(), state[1].clone()
    first, _ = layer(x, state)
    again, _ = layer(x, state)
    assert torch.equal(first, again)
    assert torch.equal(state[0].v, before[0])
    assert torch.equal(state[1], before[1])


def test_a_neuron_hears_another_one_step_later():
    layer = sf.Recurrent(2, sf.LIF())
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.0, 1000.0], [0.0, 0.0]]))
    x = torch.zeros(4, 1, 2)
    x[1, 0, 0] = 1000.0
    spikes, (_, last) = layer(x)
    assert spikes[:, 0].tolist() == [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
    assert torch.equal(last, spikes[-1])


def test_learned_parameters_return_to_their_range():
    layer = sf.Spiking(3, sf.LIF(), learn=["tau_m"])
    with torch.no_grad():
        layer.learned["tau_m"].fill_(-5.0)
    layer.constrain()
    assert (layer.learned["tau_m"] > 0.0).all()


def test_layers_of_double_precision_stay_in_it():
    layer, x = sf.Spiking(3, sf.LIF()), torch.zeros(2, 1, 3, dtype=torch.float64)
    spikes, state = layer(x)
    assert spikes.dtype == state.v.dtype == state.refractory.dtype == torch.float64
