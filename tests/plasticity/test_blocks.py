"""Blocks: which layers belong together."""

import pytest
import torch
from torch import nn

import synfire as sf
from synfire.plasticity.blocks import blocks_of, own_parameters, through


def names(network):
    return [[type(layer).__name__ for layer in block] for block in blocks_of("Rule", network)]


def test_a_block_is_connections_and_what_follows_up_to_the_next():
    network = sf.Feedforward(
        [
            sf.Dropout(0.1), sf.Conv(1, 2, 3, padding=1), sf.Rate(sf.Elu()), sf.MaxPool(2), sf.Conv(2, 3, 3, padding=1),
            sf.Rate(sf.Elu()), sf.Flatten(), sf.Dense(12, 4),
        ]
    )  # fmt: skip
    assert names(network) == [["Dropout", "Conv", "Rate", "MaxPool"], ["Conv", "Rate", "Flatten"], ["Dense"]]


def test_what_spreads_a_map_belongs_to_the_connections_after_it():
    layers = [
        sf.Dense(4, 12), sf.Rate(sf.Elu()), sf.Unflatten(3, 2, 2), sf.Upsample(2), sf.Conv(3, 2, 3, padding=1),
        sf.Rate(sf.Elu()), sf.Upsample(2), sf.Conv(2, 1, 3, padding=1), sf.Upsample(1),
    ]  # fmt: skip
    assert names(sf.Feedforward(layers)) == [
        ["Dense", "Rate"],
        ["Unflatten", "Upsample", "Conv", "Rate"],
        ["Upsample", "Conv", "Upsample"],
    ]


def test_the_blocks_one_after_the_other_are_the_network():
    network = sf.feedforward([6, 5, 4, 3], seed=1)
    x = (torch.rand(7, 2, 6) < 0.5).float()
    made = x
    for block in blocks_of("Rule", network):
        made = through(block, made)
    assert torch.equal(made, network(x)[0])


def test_parameters_of_a_block_keep_their_names_and_frozen_ones_are_left_out():
    network = sf.perceptron([6, 5, 3], bias=True)
    network.layers[0].bias.requires_grad_(False)
    first, last = blocks_of("Rule", network)
    assert list(own_parameters(network, first)) == ["layers.0.weight"]
    assert list(own_parameters(network, last)) == ["layers.2.weight", "layers.2.bias"]


def test_a_network_without_connections_is_refused():
    with pytest.raises(sf.InvalidValue, match="Rule: network"):
        blocks_of("Rule", sf.Feedforward([sf.Rate(sf.Tanh())]))


def test_layers_may_be_any_modules():
    class Stack:
        layers = nn.ModuleList([sf.Dense(2, 2), nn.Identity()])

    assert names(Stack()) == [["Dense", "Identity"]]
