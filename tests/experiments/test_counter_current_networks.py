"""The networks of `counter-current-cnn` and `counter-current-autoencoder`: layer by layer as the specification has them, and
the gradients of counter-current learning through them, against torch with one stream held."""

import itertools

import pytest
import torch
from torch.nn import functional

import synfire as sf
from synfire.experiments.counter_current_networks import autoencoder, autoencoder_stream, pooled_cnn, pooled_cnn_stream

CHANNELS = (4, 5, 6)


def names(layers):
    return [type(layer).__name__ for layer in layers]


def test_the_papers_cnn_layer_by_layer():
    network, stream = pooled_cnn(10, seed=1), pooled_cnn_stream(10, seed=1)
    assert names(network.layers) == ["Conv", "Rate", "MaxPool"] * 5 + ["Flatten", "Dense"]
    spread = ["Upsample", "Conv", "Rate"] * 4 + ["Upsample", "Conv"]
    assert names(stream) == ["Dense", "Rate", "Unflatten", *spread]
    widths = [3, 128, 128, 256, 256, 512]
    forward = [layer for layer in network.layers if isinstance(layer, sf.Conv)]
    back = [layer for layer in stream if isinstance(layer, sf.Conv)]
    assert [(c.channels_in, c.channels_out) for c in forward] == list(itertools.pairwise(widths))
    assert [(c.channels_out, c.channels_in) for c in back[::-1]] == list(itertools.pairwise(widths))
    for layer in (*forward, *back):
        assert (layer.kernel, layer.stride, layer.padding, layer.bias) == (3, 1, 1, None)
        bound = (9 * layer.channels_in) ** -0.5
        assert 0.97 * bound < layer.weight.abs().max() <= bound
        assert layer.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)
    assert (network.layers[-1].n_in, network.layers[-1].n_out, network.layers[-1].bias) == (512, 10, None)
    assert (stream[0].n_in, stream[0].n_out, stream[0].bias) == (10, 512, None)
    assert isinstance(network.objective, sf.StepCrossEntropy)
    assert all(layer.activation == sf.Elu() for layer in (*network.layers, *stream) if isinstance(layer, sf.Rate))
    assert all(layer.factor == 2 for layer in (*network.layers, *stream) if isinstance(layer, sf.MaxPool | sf.Upsample))


def test_the_baselines_cnn_normalises_the_input_of_each_convolution_and_learns_nothing_by_it():
    plain, network = (
        pooled_cnn(10, channels=CHANNELS, seed=2),
        pooled_cnn(10, channels=CHANNELS, normalise=True, seed=2),
    )
    assert names(network.layers) == ["BatchNorm", "Conv", "Rate", "MaxPool"] * 3 + ["Flatten", "Dense"]
    assert [layer.n for layer in network.layers if isinstance(layer, sf.BatchNorm)] == [3, 4, 5]
    for one, other in zip(plain.parameters(), network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_levels_of_the_cnn_are_compared_after_pooling_and_before_spreading():
    network = pooled_cnn(10, channels=(2, 3, 4, 5, 6))
    stream = sf.CounterCurrent(feedback=lambda _: pooled_cnn_stream(10, channels=(2, 3, 4, 5, 6))).init(network)
    levels = sf.levels_of(network, stream, torch.rand(1, 7, 3, 32, 32), torch.eye(10)[None])
    wanted = [(3, 32, 32), (2, 16, 16), (3, 8, 8), (4, 4, 4), (5, 2, 2), (6,)]
    assert [tuple(a.shape[1:]) for a, _ in levels] == [tuple(b.shape[1:]) for _, b in levels] == wanted
    assert {len(a) for a, _ in levels} == {7}
    assert {len(b) for _, b in levels} == {10}


def test_the_papers_autoencoder_layer_by_layer():
    layers = autoencoder(channels=(8, 12, 16, 20), seed=3).layers
    half, back = ["Conv", "BatchNorm", "Rate"] * 4, ["Upsample", "Conv", "BatchNorm", "Rate"] * 3
    assert names(layers) == [*half, *back, "Upsample", "Conv"]
    convolutions = [layer for layer in layers if isinstance(layer, sf.Conv)]
    widths = [3, 8, 12, 16, 20, 16, 12, 8, 3]
    assert [c.channels_in for c in convolutions] == widths[:-1]
    assert [c.channels_out for c in convolutions] == widths[1:]
    assert [c.stride for c in convolutions] == [2] * 4 + [1] * 4
    assert all((c.kernel, c.padding) == (3, 1) and not c.bias.any() for c in convolutions)
    assert all(layer.activation == sf.Relu() for layer in layers if isinstance(layer, sf.Rate))
    for k, layer in enumerate(convolutions[:-1]):
        weight = layer.weight if len(layer.weight) >= layer.weight.shape[1] else layer.weight.transpose(0, 1)
        rows = weight.flatten(1) / (1.0 if k < 4 else 1e-3)
        gram = rows @ rows.T if rows.shape[0] <= rows.shape[1] else rows.T @ rows
        torch.testing.assert_close(gram, torch.eye(len(gram)), rtol=0.0, atol=1e-5)  # float32
    assert not convolutions[-1].weight.any()
    assert all(not layer.affine for layer in layers if isinstance(layer, sf.BatchNorm))


def test_the_autoencoders_stream_is_the_same_network_with_other_weights_and_their_levels_meet():
    network, stream = autoencoder(channels=CHANNELS, seed=1), autoencoder_stream(channels=CHANNELS, seed=1)
    assert names(network.layers) == names(stream)
    assert not torch.equal(network.layers[0].weight, stream[0].weight)
    state = sf.CounterCurrent(loss=sf.Reconstruction(), feedback=lambda _: stream).init(network)
    images = torch.rand(1, 2, 3, 16, 16)
    levels = sf.levels_of(network, state, images, images)
    wanted = [(3, 16, 16), (4, 8, 8), (5, 4, 4), (6, 2, 2), (5, 4, 4), (4, 8, 8)]
    assert [tuple(a.shape[1:]) for a, _ in levels] == [tuple(b.shape[1:]) for _, b in levels] == wanted


def cnn_levels(weights, x):
    """Forward levels and logits in plain torch, every level's input held."""
    made = [x]
    for weight in weights[:-1]:
        made.append(functional.max_pool2d(functional.elu(functional.conv2d(made[-1].detach(), weight, padding=1)), 2))
    return [*made[:-1], made[-1].flatten(1)], made[-1].flatten(1).detach() @ weights[-1]


def cnn_back(weights, classes, deepest):
    """Feedback levels, from the lowest up."""
    made = [functional.elu(torch.eye(classes, dtype=torch.float64) @ weights[0])]
    maps = made[0].view(classes, *deepest)
    for k, weight in enumerate(weights[1:]):
        maps = functional.conv2d(functional.interpolate(maps.detach(), scale_factor=2.0), weight, padding=1)
        maps = functional.elu(maps) if k < len(weights) - 2 else maps
        made.append(maps)
    return made[::-1]


def pattern(maps):
    away = maps - maps.mean((2, 3), keepdim=True)
    return away / (away.norm(dim=(2, 3), keepdim=True) + 1e-8)


def hourglass_levels(parameters, x, depth):
    made = [x]
    for k in range(2 * depth):
        weight, bias = parameters[2 * k : 2 * k + 2]
        held = made[-1].detach()
        if k < depth:
            maps = functional.conv2d(held, weight, bias, stride=2, padding=1)
        else:
            maps = functional.conv2d(functional.interpolate(held, scale_factor=2.0), weight, bias, padding=1)
        if k < 2 * depth - 1:
            mean, variance = maps.mean((0, 2, 3), keepdim=True), maps.var((0, 2, 3), correction=0, keepdim=True)
            maps = functional.relu((maps - mean) / (variance + 1e-5).sqrt())
        made.append(maps)
    return made


def check(found, prefix, module, total):
    """Gradients of one stream are those of a loss in which the other stream is a constant."""
    named = dict(module.named_parameters())
    wanted = torch.autograd.grad(total, list(named.values()), allow_unused=True)
    for name, value in zip(named, wanted, strict=True):
        assert value is not None and value.abs().sum() > 0, name
        torch.testing.assert_close(found[prefix + name], value, rtol=1e-8, atol=1e-12)


def test_counter_current_gradients_of_the_cnn_are_autograds_with_one_stream_held():
    network = pooled_cnn(4, channels=(4, 5), side=8, seed=3).double()
    rule = sf.CounterCurrent(
        loss=sf.NormalisedMembership(), feedback=lambda _: pooled_cnn_stream(4, channels=(4, 5), side=8, seed=3)
    )
    stream = rule.init(network)
    x = torch.randn(1, 6, 3, 8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    batch = sf.Batch(x, torch.arange(6) % 4)
    found = rule.gradients(network, batch, stream).gradients
    member = functional.one_hot(batch.target, 4).double()
    for own, prefix in ((network, ""), (stream, "rule.")):
        a, logits = cnn_levels(list(network.parameters()), x[0])
        b = cnn_back(list(stream.parameters()), 4, (5, 2, 2))
        total = functional.cross_entropy(logits, batch.target) if own is network else 0.0
        for a_l, b_l in zip(a, b, strict=True):
            one, other = a_l.flatten(1), b_l.flatten(1)
            one, other = (one, other.detach()) if own is network else (one.detach(), other)
            one, other = (rows / (rows.norm(dim=1, keepdim=True) + 1e-8) for rows in (one, other))
            total = total + functional.mse_loss(one @ other.T, member)
            for rows in (one, other):
                total = total + 0.5 * functional.mse_loss(rows @ rows.T, torch.eye(len(rows), dtype=torch.float64))
        check(found, prefix, own, total)


def test_counter_current_gradients_of_the_autoencoder_are_autograds_with_one_stream_held():
    network = autoencoder(channels=(4, 6), seed=1).double()
    rule = sf.CounterCurrent(loss=sf.Reconstruction(), feedback=lambda _: autoencoder_stream(channels=(4, 6), seed=1))
    stream = rule.init(network)
    drawn = torch.Generator().manual_seed(2)
    with torch.no_grad():  # the last layers start at 0, biases too
        for value in (*network.parameters(), *stream.parameters()):
            value.add_(0.1 * torch.randn(value.shape, generator=drawn, dtype=torch.float64))
    x = torch.rand(1, 5, 3, 8, 8, generator=drawn, dtype=torch.float64)
    found = rule.gradients(network, sf.Batch(x, x), stream).gradients
    for own, prefix in ((network, ""), (stream, "rule.")):
        a = hourglass_levels(list(network.parameters()), x[0], 2)
        b = hourglass_levels(list(stream.parameters()), x[0], 2)[::-1]
        total = 0.0
        for level, (a_l, b_l) in enumerate(zip(a, b, strict=True)):
            one, other = (a_l, b_l.detach()) if own is network else (a_l.detach(), b_l)
            apart = functional.mse_loss(one, other)
            if 0 < level < 4:
                apart = apart + functional.mse_loss(pattern(one), pattern(other))
            total = total + a_l.shape[2] * apart
        # a bias before normalisation moves nothing: its gradient is 0 but for rounding
        last = len(list(own.parameters())) - 1
        named = list(own.named_parameters())
        kept = [(name, value) for k, (name, value) in enumerate(named) if k == last or not name.endswith("bias")]
        wanted = torch.autograd.grad(total, [value for _, value in kept])
        for (name, _), value in zip(kept, wanted, strict=True):
            assert value.abs().sum() > 0, name
            torch.testing.assert_close(found[prefix + name], value, rtol=1e-7, atol=1e-12)
        for name, value in named:
            if name not in dict(kept):
                assert found[prefix + name].abs().max() < 1e-10 * max(g.abs().max() for g in wanted), value


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: pooled_cnn(10, side=48), "side: must be a multiple of 32"),
        (lambda: pooled_cnn_stream(10, channels=()), "channels"),
        (lambda: pooled_cnn(10, seed=-1), "pooled_cnn: seed"),
        (lambda: autoencoder_stream(seed=1.5), "autoencoder_stream: seed"),
    ],
)
def test_what_cannot_be_is_refused(make, said):
    with pytest.raises(sf.InvalidValue, match=said):
        make()
