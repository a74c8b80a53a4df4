"""Networks that learn by the rates of their spikes: gradients against the source's formulas written out, and a small training."""

import numpy as np
import pytest
import torch

import synfire as sf
from synfire import InvalidValue

TAU, DT, V = 1.0, 0.05, 0.3


@pytest.fixture(autouse=True)
def one_thread():
    """Threads that wait for each other make seconds of milliseconds on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def shown(samples=6, n=5, steps=20, seed=1):
    image = torch.randn((1, samples, n), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return sf.Batch(image.expand(steps, -1, -1), torch.arange(samples) % 3)


def network_of(sizes=(5, 12, 10, 3)):
    return sf.dsr_network(list(sizes), seed=3).double()


def by_hand(weights, back, x, target):
    """Loss, gradients and spikes as amplitudes (0 and V / dt), sample by sample; errors go down through `back`.

    weights, back   of each connection, (n_in, n_out); x (T, batch, n)
    """
    steps, batch, _ = x.shape
    w = np.array([np.exp(-(steps - t) * DT / TAU) for t in range(1, steps + 1)])

    def mean(a):
        return np.tensordot(w, a, 1) / w.sum()

    found, total, heights = [np.zeros_like(each) for each in weights], 0.0, []
    for b in range(batch):
        heard, means = [x[:, b]], []
        for weight in weights[:-1]:
            current = heard[-1] @ weight
            m, out = np.zeros(weight.shape[1]), np.zeros_like(current)
            for t in range(steps):
                m = np.exp(-DT / TAU) * m + (1.0 - np.exp(-DT / TAU)) * current[t]
                s = np.where(m >= 0.3 * V, V, 0.0)
                m = m - s
                out[t] = s / DT
            heard.append(out)
            means.append(mean(current))
        logits = mean(heard[-1] @ weights[-1])
        share = np.exp(logits) / np.exp(logits).sum()
        total -= np.log(share[target[b]]) / batch
        of_logits = (share - np.eye(len(share))[target[b]]) / batch
        error = (w / w.sum())[:, None] * of_logits
        for k in range(len(weights) - 1, -1, -1):
            found[k] += heard[k].T @ error
            if k:
                g = steps * mean(error @ back[k].T)
                inside = (means[k - 1] > 0.0) & (means[k - 1] < V * TAU / DT)
                error = np.array([g / TAU * inside / steps] * steps)
        heights.append(heard[1:])
    return total, found, heights


def weights_of(network):
    return [layer.weight.detach().numpy() for layer in network.layers if isinstance(layer, sf.Dense)]


@pytest.mark.parametrize("rule", [sf.BPTT(), sf.FeedbackAlignment(seed=4), sf.SignSymmetric()])
def test_gradients_are_the_sources_for_every_way_back(rule):
    network, batch = network_of(), shown()
    state, weights = rule.init(network), weights_of(network)
    back = weights
    if isinstance(rule, sf.FeedbackAlignment):
        back = [None, state[2].numpy(), state[4].numpy()]
    if isinstance(rule, sf.SignSymmetric):
        back = [np.sign(weight) / np.sqrt(len(weight)) for weight in weights]
    made = rule.gradients(network, batch, state)
    loss, expected, _ = by_hand(weights, back, batch.x.numpy(), batch.target.numpy())
    assert float(made.loss) == pytest.approx(loss, rel=1e-12)
    for k, each in enumerate(expected):
        assert np.abs(each).max() > 1e-4
        np.testing.assert_allclose(made.gradients[f"layers.{2 * k}.weight"].numpy(), each, rtol=1e-9, atol=1e-13)


def test_spikes_are_the_sources():
    network, batch = network_of(), shown()
    _, _, heights = by_hand(weights_of(network), weights_of(network), batch.x.numpy(), batch.target.numpy())
    found = network.activity(batch.x)
    for k in (0, 1):
        expected = np.stack([each[k] for each in heights], 1)
        assert (expected > 0.0).sum() > 20
        np.testing.assert_array_equal(found[2 * k + 1].numpy(), expected > 0.0)
        assert expected.max() == pytest.approx(network.layers[2 * k + 2].gain)


def test_an_input_that_changes_has_the_same_gradients_as_the_formula():
    network, batch = network_of(), shown()
    batch = sf.Batch(
        batch.x + 0.5 * torch.randn(batch.x.shape, generator=torch.Generator().manual_seed(2)), batch.target
    )
    made = sf.BPTT().gradients(network, batch, None).gradients
    _, expected, _ = by_hand(weights_of(network), weights_of(network), batch.x.numpy(), batch.target.numpy())
    for k, each in enumerate(expected):
        np.testing.assert_allclose(made[f"layers.{2 * k}.weight"].numpy(), each, rtol=1e-9, atol=1e-13)


def test_weights_start_as_torchs_and_depend_on_the_seed_and_place_alone():
    network, wider = sf.dsr_network([400, 60, 60, 10], seed=1), sf.dsr_network([400, 60, 60, 10, 4], seed=1)
    first = network.layers[0].weight.detach()
    assert 0.049 < float(first.abs().max()) <= 0.05
    assert torch.equal(first, wider.layers[0].weight)
    assert not torch.equal(network.layers[2].weight[:, :10], network.layers[4].weight)
    assert [layer.gain for layer in network.layers if isinstance(layer, sf.Dense)] == pytest.approx([1.0, 6.0, 6.0])


def test_a_saved_network_comes_back(tmp_path):
    pytest.importorskip("safetensors")
    network, batch = sf.dsr_network([5, 12, 3], tau_m=2.0, seed=3), shown()
    sf.save_network(network, tmp_path / "dsr.safetensors")
    back = sf.load_network(tmp_path / "dsr.safetensors")
    assert back.objective == sf.MeanCrossEntropy(tau_steps=40.0)
    assert torch.equal(back(batch.x.float())[0], network(batch.x.float())[0])
    network.objective = sf.MeanCrossEntropy()
    sf.save_network(network, tmp_path / "plain.safetensors")
    assert sf.load_network(tmp_path / "plain.safetensors").objective == sf.MeanCrossEntropy()


def test_neurons_fire_the_same_spikes_in_the_event_loop():
    spikes = torch.rand((60, 1, 20), generator=torch.Generator().manual_seed(1)) < 0.3
    network = sf.dsr_network([20, 30, 15, 3], seed=2).double()
    with torch.no_grad():
        network.layers[0].weight *= 6.0
    with pytest.raises(InvalidValue, match="add a Membrane"):
        sf.event_network(network, spikes[:, 0])
    neurons = sf.Feedforward(list(network.layers)[:-1])
    event = sf.event_network(neurons, spikes[:, 0])
    found, expected = event.activity(event.run()), neurons.activity(spikes)
    assert list(found) == [1, 3]
    for place, made in found.items():
        assert made.sum() > 20
        np.testing.assert_array_equal(made, expected[place][:, 0].numpy())


def test_digits_are_learned():
    from sklearn.datasets import load_digits

    bundled = load_digits()
    x = torch.from_numpy((bundled.data - bundled.data.mean()) / bundled.data.std()).float()[None].expand(10, -1, -1)
    target = torch.from_numpy(bundled.target)
    train, test = (x[:, :1400], target[:1400]), (x[:, 1400:], target[1400:])
    network = sf.dsr_network([64, 60, 10], seed=1)
    fitted = sf.fit(network, sf.BPTT(), train, epochs=3, batch=32, optimisers=sf.sgd(0.1), progress=False)
    assert sf.evaluate(fitted.network, test)[1] > 0.8
    assert sf.evaluate(network, test)[1] < 0.3


@pytest.mark.parametrize(
    ("options", "field"),
    [({"dt": 0.0}, "dt"), ({"v_threshold": -1.0}, "v_threshold"), ({"fire_at": 0.0}, "fire_at"), ({"tau_m": True}, "tau_m"),
     ({"sizes": [4]}, "sizes"), ({"seed": -1}, "seed")],
)  # fmt: skip
def test_bad_input_names_the_field(options, field):
    with pytest.raises(InvalidValue, match=f"dsr_network: {field}"):
        sf.dsr_network(**{"sizes": [4, 5, 3], **options})
