"""A saved network comes back bit for bit, and a file that is anything else is refused by its name."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import synfire as sf

torch = pytest.importorskip("torch")
from safetensors import safe_open  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

MODELS = {
    "LIF": sf.LIF(tau_m=0.1 + 0.2 + 9.0), "SoftResetLIF": sf.SoftResetLIF(v_drop=11.0), "AdaptiveLIF": sf.AdaptiveLIF(beta=0.3),
    "Izhikevich": sf.Izhikevich.chattering(), "spread": sf.LIF(tau_m=sf.uniform(5.0, 30.0)), "AdEx": sf.AdEx.tonic(),
    "array": sf.LIF(tau_m=np.linspace(5.0, 30.0, 4)),
}  # fmt: skip
SURROGATES = [
    sf.ArcTan(slope=0.1), sf.FastSigmoid(), sf.Gaussian(), sf.Sigmoid(), sf.StraightThrough(), sf.Triangular(height=0.3),
]  # fmt: skip
OBJECTIVES = [
    sf.CountCrossEntropy(), sf.MaxCrossEntropy(), sf.MeanSquaredError(), sf.SquaredError(), sf.StepCrossEntropy(),
    sf.SummedSoftmax(),
]  # fmt: skip
DELAYS = [sf.LearnableDelay(max_delay=4.0, freeze=0.5), sf.RandomDelay(max_delay=3.0), sf.TwoTapDelay(max_delay=2.0)]


@st.composite
def stacks(draw):
    layers, n = [], 3
    dt = draw(st.sampled_from([0.25, 0.5, 1.0]))
    if draw(st.booleans()):
        layers += [
            sf.Conv(1, 3, 2, stride=1, padding=draw(st.integers(0, 1)), bias=draw(st.booleans()), gain=0.7),
            sf.Flatten(),
        ]
    for _ in range(draw(st.integers(1, 3))):
        if draw(st.booleans()):
            layers.append(
                sf.Dense(n, 4, bias=draw(st.booleans()), gain=draw(st.floats(0.1, 10.0)), seed=draw(st.integers(0, 9)))
            )
        else:
            layers.append(sf.DelayedDense(n, 4, draw(st.sampled_from(DELAYS)), dt=dt, synapses=draw(st.integers(1, 2))))
        if draw(st.booleans()):
            layers.append(sf.BatchNorm(4, gain=draw(st.floats(0.1, 10.0)), affine=draw(st.booleans())))
        kind, name = draw(st.sampled_from([sf.Spiking, sf.Recurrent])), draw(st.sampled_from(sorted(MODELS)))
        learn = ("tau_m",) if "LIF" in name and draw(st.booleans()) else ()
        surrogate = draw(st.sampled_from(SURROGATES))
        layers.append(kind(4, MODELS[name], dt=dt, surrogate=surrogate, learn=learn, seed=draw(st.integers(0, 9))))
        layers += [sf.Dropout(0.1)] if draw(st.booleans()) else []
        n = 4
    layers += draw(st.sampled_from([[], [sf.Extend(3)], [sf.Count()], [sf.Membrane(4, MODELS["array"], dt=dt)]]))
    network = sf.Feedforward(layers, draw(st.sampled_from(OBJECTIVES)))
    numbers = torch.Generator().manual_seed(draw(st.integers(0, 99)))
    for name, value in network.state_dict().items():
        if value.is_floating_point() and ".learned." not in name and not name.endswith("delay"):
            value.copy_(torch.randn(value.shape, generator=numbers).abs())
    if draw(st.booleans()):
        next(network.parameters()).requires_grad_(False)
    return network.double() if draw(st.booleans()) else network


def same(a, b):
    """Whether two values are the same to the last bit."""
    if dataclasses.is_dataclass(a):
        return type(a) is type(b) and all(same(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    return type(a) is type(b) and a == b


@given(stacks())
@settings(deadline=None, max_examples=40)
def test_a_saved_network_comes_back_bit_for_bit(tmp_path_factory, network):
    path = sf.save_network(network, tmp_path_factory.mktemp("saved") / "network.safetensors")
    back = sf.load_network(path)
    assert not back.training
    kept, found = network.state_dict(), back.state_dict()
    assert list(kept) == list(found)
    for name, value in kept.items():
        assert value.dtype == found[name].dtype
        assert torch.equal(value, found[name])
    assert [p.requires_grad for p in network.parameters()] == [p.requires_grad for p in back.parameters()]
    assert type(back.objective) is type(network.objective)
    for a, b in zip(network.layers, back.layers, strict=True):
        assert type(a) is type(b)
        assert repr(a) == repr(b)
        for field in ("_neuron", "surrogate", "scale", "gain", "delays", "dt", "_range"):
            assert same(getattr(a, field, None), getattr(b, field, None))


def test_a_trained_network_gives_the_same_outputs_and_can_be_trained_on(tmp_path):
    network = sf.feedforward([20, 12, 3], batch_norm=True, dropout=0.1, learn=("tau_m",), recurrent=True)
    x = (torch.rand((20, 12, 20), generator=torch.Generator().manual_seed(2)) < 0.3).float()
    data = x, torch.arange(12) % 3
    trained = sf.fit(network, sf.BPTT(), data, epochs=2, batch=4, progress=False).network
    back = sf.load_network(sf.save_network(trained, tmp_path / "network.safetensors"))
    assert torch.equal(trained(x)[0], back(x)[0])
    further = [
        sf.fit(each, sf.BPTT(), data, epochs=1, batch=4, progress=False).network(x)[0] for each in (trained, back)
    ]
    torch.testing.assert_close(*further, rtol=1e-4, atol=1e-4)  # threads of torch round otherwise


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class MyNeuron(sf.LIF):
    """A user's own."""


def test_a_users_own_model_is_handed_over(tmp_path):
    network = sf.Feedforward([sf.Dense(3, 2), sf.Spiking(2, MyNeuron(tau_m=7.0))])
    path = sf.save_network(network, tmp_path / "own.safetensors")
    with pytest.raises(sf.UnreadableFile, match=r"own\.safetensors: layer 1: class: must be one of .*classes=\["):
        sf.load_network(path)
    back = sf.load_network(path, classes=[MyNeuron])
    assert type(back.layers[1].neuron()) is MyNeuron
    assert back.layers[1].neuron().tau_m == 7.0


def test_a_class_that_borrows_a_name_is_refused(tmp_path):
    borrowed = dataclasses.dataclass(frozen=True, kw_only=True, eq=False)(type("LIF", (sf.LIF,), {}))
    with pytest.raises(sf.InvalidValue, match="rename"):
        sf.save_network(sf.Feedforward([sf.Spiking(2, borrowed())]), tmp_path / "x")
    with pytest.raises(sf.InvalidValue, match="rename"):
        sf.load_network(tmp_path / "x", classes=[borrowed])


def test_what_has_no_description_is_refused_and_leaves_no_file(tmp_path):
    class MyLayer(sf.Layer):
        pass

    shared = sf.Dense(3, 3)
    for layers, message in (([MyLayer()], "one of Synfire's layers"), ([shared, shared], "each layer once")):
        with pytest.raises(sf.InvalidValue, match=message):
            sf.save_network(sf.Feedforward(layers), tmp_path / "x")
    assert not list(tmp_path.iterdir())


@pytest.fixture
def saved(tmp_path):
    return sf.save_network(
        sf.feedforward([3, 4, 2], learn=("tau_m",), batch_norm=True), tmp_path / "network.safetensors"
    )


def test_an_older_file_stays_when_the_new_one_cannot_be_written(saved, monkeypatch):
    import os

    def full(*arguments):
        raise OSError(28, "No space left on device")

    before = saved.read_bytes()
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(sf.SynfireError, match="No space left"):
        sf.save_network(sf.feedforward([3, 2]), saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


@pytest.mark.parametrize("content", [b"", b"12345678", b"no safetensors file at all, but long enough to have a header"])
def test_a_foreign_file_is_refused(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(sf.UnreadableFile, match=r"/x: damaged, or no safetensors file"):
        sf.load_network(tmp_path / "x")


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "x", tmp_path):
        with pytest.raises(sf.UnreadableFile, match="no such file"):
            sf.load_network(path)


@settings(deadline=None, max_examples=60)
@given(share=st.floats(0.0, 0.999))
def test_a_file_cut_anywhere_is_refused(tmp_path_factory, share):
    folder = tmp_path_factory.mktemp("cut")
    path = sf.save_network(sf.feedforward([3, 4, 2]), folder / "x")
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(sf.UnreadableFile):
        sf.load_network(path)


def test_tensors_without_a_description_are_refused(tmp_path):
    save_file({"weight": torch.ones(2)}, tmp_path / "x")
    with pytest.raises(sf.UnreadableFile, match="not written by save_network"):
        sf.load_network(tmp_path / "x")


def changed(path, change):
    """The file with `change(description, tensors)` applied."""
    with safe_open(path, framework="pt") as file:
        description = json.loads(file.metadata()["synfire"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    description = change(description, tensors) or description
    save_file(
        tensors, path, metadata={"synfire": description if isinstance(description, str) else json.dumps(description)}
    )
    return path


def put(*places, value):
    def change(description, tensors):
        inside = description
        for place in places[:-1]:
            inside = inside[place]
        inside[places[-1]] = value

    return change


CHANGES = {
    "no JSON": (lambda d, t: "{", "its description"),
    "deep": (lambda d, t: "[" * 100_000, "its description"),
    "a list": (lambda d, t: [1], "its description"),
    "newer": (put("format", value=2), "format 2, but this Synfire reads 1"),
    "no layers": (put("layers", value=[]), "at least one layer"),
    "unknown layer": (put("layers", 0, "layer", value="Popen"), "layer 0: layer: must be one of"),
    "unknown model": (put("layers", 2, "neuron", "class", value="os.system"), "layer 2: class: must be one of"),
    "missing argument": (lambda d, t: d["layers"][0].pop("gain") and None, "layer 0: Dense"),
    "extra argument": (put("layers", 0, "device", value="meta"), "layer 0: Dense"),
    "extra field": (put("layers", 2, "neuron", "tau", value=1.0), "layer 2: .*tau"),
    "out of range": (put("layers", 2, "neuron", "tau_m", value=-1.0), r"LIF\.tau_m: must be > 0 ms"),
    "not a number": (put("layers", 2, "dt", value="1"), r"Spiking\.dt"),
    "huge": (put("layers", 0, "n_in", value=10**12), "layers.0.weight: must be of shape"),
    "huge and learned": (put("layers", 2, "n", value=10**12), "learned.tau_m"),
    "misfit": (put("layers", 2, "learn", value=["v_rest"]), "'layers.2.learned.v_rest' is missing"),
    "objective": (put("objective", "class", value="LIF"), "its objective"),
    "missing tensor": (lambda d, t: t.pop("layers.1.norm.bias") is None or None, "without .*norm.bias"),
    "missing weight": (lambda d, t: t.pop("layers.0.weight") is None or None, "'layers.0.weight' is missing"),
    "extra tensor": (lambda d, t: t.update(more=torch.ones(1)), "with .*'more'"),
    "shape": (lambda d, t: t.update({"layers.1.norm.bias": torch.ones(7)}), r"norm.bias: must be of shape \(4,\)"),
    "type": (lambda d, t: t.update({"layers.1.norm.bias": torch.ones(4, dtype=torch.int32)}), "norm.bias"),
    "reference": (put("layers", 2, "neuron", "tau_m", value={"tensor": "nothing"}), "'nothing' is missing"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_description_that_cannot_be_is_refused(saved, name):
    change, message = CHANGES[name]
    with pytest.raises(sf.UnreadableFile, match=rf"network\.safetensors: .*{message}"):
        sf.load_network(changed(saved, change))


def test_an_unchanged_description_is_read(saved):
    assert sf.load_network(changed(saved, lambda description, tensors: None)).n_parameters > 0


def test_a_batch_norm_saved_before_it_could_be_plain_still_scales_and_shifts():
    from synfire.reservoirs.description import known_classes, layer_from

    tensors = {"layers.0.norm.running_mean": torch.zeros(3)}
    made = layer_from({"layer": "BatchNorm", "n": 3, "gain": 2.0}, "layers.0", tensors, known_classes(()))
    assert made.affine
