"""The stack of the forward-forward rule: against loops in NumPy, what its layers hear, and that it is saved like any layer."""

import numpy as np
import pytest
import torch

import synfire as sf


def a_stack(hidden=(6, 5, 4), strength=2.5):
    stack = sf.Goodness([8, *hidden], classes=3, strength=strength, seed=1).double()
    draw = torch.Generator().manual_seed(0)
    for layer in stack.layers:
        torch.nn.init.normal_(layer.bias, std=0.2, generator=draw)
    return stack, torch.randn((1, 5, 8), generator=draw, dtype=torch.float64)


def by_hand(stack, x, label):
    """Goodness of every layer for one sample with this label."""
    h = x.copy()
    h[:3] = [stack.strength if c == label else 0.0 for c in range(3)]
    found = []
    for k, layer in enumerate(stack.layers):
        if k:
            h = h / np.sqrt(np.mean(h**2))
        h = np.maximum(h @ layer.weight.detach().numpy() + layer.bias.detach().numpy(), 0.0)
        found.append(np.mean(h**2))
    return found


@pytest.mark.parametrize("hidden", [(6,), (6, 5), (6, 5, 4)])
def test_its_output_is_a_loop_over_samples_and_classes(hidden):
    stack, x = a_stack(hidden)
    output, state = stack(x)
    assert state is None
    for i in range(5):
        for c in range(3):
            layers = by_hand(stack, x[0, i].numpy(), c)
            expected = sum(layers[1:]) if len(hidden) > 1 else layers[0]
            # lengths are kept from 0 by 1e-8 under the root, here up to 1e-6 of the smallest square
            assert float(output[0, i, c].detach()) == pytest.approx(expected, rel=1e-6)


def test_what_stood_where_the_label_is_written_does_not_count_and_the_input_is_left_as_it_was():
    stack, x = a_stack()
    other = x.clone()
    other[..., :3] = 7.0
    kept = other.clone()
    torch.testing.assert_close(stack(x)[0], stack(other)[0], rtol=0.0, atol=0.0)
    assert torch.equal(other, kept)


def test_a_layer_does_not_hear_how_long_the_activity_below_was():
    stack, x = a_stack()
    h = stack.first(x, torch.zeros((1, 5), dtype=torch.long)) + 0.1
    torch.testing.assert_close(stack.above(1, h), stack.above(1, 30.0 * h), rtol=1e-5, atol=0.0)  # 1e-8 under the root
    silent = torch.zeros_like(h, requires_grad=True)
    (slope,) = torch.autograd.grad(stack.above(1, silent).sum(), silent)
    assert bool(torch.isfinite(slope).all())


def test_whole_numbers_and_truth_values_are_inputs_too():
    stack, x = a_stack()
    spikes = x > 0.0
    torch.testing.assert_close(stack(spikes)[0], stack(spikes.double())[0], rtol=0.0, atol=0.0)


def test_weights_are_a_function_of_seed_and_place():
    first, again, other = (sf.Goodness([12, 6, 6], seed=s) for s in (1, 1, 2))
    assert torch.equal(first.layers[1].weight, again.layers[1].weight)
    assert not torch.equal(first.layers[1].weight, other.layers[1].weight)
    assert torch.equal(sf.Goodness([12, 6, 6, 3], seed=1).layers[1].weight, first.layers[1].weight)


def test_a_saved_stack_comes_back_bit_for_bit(tmp_path):
    stack, x = a_stack()
    network = sf.Feedforward([stack]).double()
    back = sf.load_network(sf.save_network(network, tmp_path / "stack.safetensors"))
    assert repr(back) == repr(network)
    assert torch.equal(back(x)[0], network(x)[0])


def test_backpropagation_trains_it_as_any_network():
    stack, x = a_stack()
    found = sf.BPTT().gradients(sf.Feedforward([stack]), sf.Batch(x, torch.arange(5) % 3), None).gradients
    assert len(found) == 6
    assert all(each.abs().max() > 0.0 for each in found.values())


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"sizes": [12]}, "sizes"),
        ({"sizes": [12, 0]}, r"sizes\[1\]"),
        ({"sizes": [8, 6]}, "classes"),
        ({"sizes": [12, 6], "classes": 1}, "classes"),
        ({"sizes": [12, 6], "classes": 2.0}, "classes"),
        ({"sizes": [12, 6], "strength": 0.0}, "strength"),
        ({"sizes": [12, 6], "seed": -1}, "seed"),
    ],
)
def test_refuses_stacks_that_cannot_be(arguments, field):
    with pytest.raises(sf.InvalidValue, match=rf"Goodness\.{field}"):
        sf.Goodness(**arguments)


def test_refuses_other_inputs_by_both_shapes():
    stack, x = a_stack()
    with pytest.raises(sf.InvalidValue, match=r"Goodness: x: must be \(time, batch, 8\)"):
        stack(x[..., 1:])
    with pytest.raises(sf.InvalidValue, match="of one step, got '2 steps'"):
        stack(x.repeat(2, 1, 1))
