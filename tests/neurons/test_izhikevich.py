"""Izhikevich's neuron against the paper: its equations, its types, its network."""

import numpy as np
import pytest

import synfire as sf

PUBLISHED = {  # a, b, c, d of the 2003 paper's figure 2
    "regular_spiking": (0.02, 0.2, -65.0, 8.0),
    "intrinsically_bursting": (0.02, 0.2, -55.0, 4.0),
    "chattering": (0.02, 0.2, -50.0, 2.0),
    "fast_spiking": (0.1, 0.2, -65.0, 2.0),
    "low_threshold_spiking": (0.02, 0.25, -65.0, 2.0),
    "resonator": (0.1, 0.26, -65.0, 2.0),
    "thalamo_cortical": (0.02, 0.25, -65.0, 0.05),
}


def plain_loop(a, b, c, d, current, dt, steps):
    """Spike steps of one neuron, and v at the start of each step: the paper's program in plain Python."""
    v, u = -65.0, b * -65.0
    spikes, trace = [], []
    for t in range(steps):
        trace.append(v)
        v = v + dt / 2.0 * (0.04 * (v * v) + 5.0 * v + 140.0 - u + current)
        v = v + dt / 2.0 * (0.04 * (v * v) + 5.0 * v + 140.0 - u + current)
        u = u + dt * (a * (b * v - u))
        if v >= 30.0:
            spikes.append(t)
            v, u = c, u + d
    return spikes, trace


@pytest.mark.parametrize("dt", [0.25, 1.0])
def test_all_published_types_equal_a_plain_loop_bit_for_bit(dt):
    a, b, c, d = (np.array(column) for column in zip(*PUBLISHED.values(), strict=True))
    currents = np.array([6.0, 10.0, 14.0])
    columns = [np.repeat(x, 3) for x in (a, b, c, d)]
    net = sf.Network(dt=dt)
    names = ("a", "b", "c", "d")
    cells = net.population(21, sf.Izhikevich(**dict(zip(names, columns, strict=True))))
    net.drive(cells, sf.Current(amplitude=np.tile(currents, 7)))
    result = net.run(300.0, record=[sf.Spikes(cells), sf.Trace(cells, "v")])
    times, neurons = result.spikes(cells)
    values = result.trace(cells, "v").values
    for k in range(21):
        spikes, trace = plain_loop(*(float(x[k]) for x in columns), float(currents[k % 3]), dt, round(300.0 / dt))
        assert len(spikes) > 1
        assert (times[neurons == k] / dt).tolist() == spikes
        assert values[:, k].tolist() == trace


@pytest.mark.parametrize("name", PUBLISHED)
def test_preset_is_the_published_one(name):
    model = getattr(sf.Izhikevich, name)()
    assert (model.a, model.b, model.c, model.d, model.v_threshold) == (*PUBLISHED[name], 30.0)


def spikes_of(name, current, steps=1000, dt=0.5):
    a, b, c, d = PUBLISHED[name]
    return np.array(plain_loop(a, b, c, d, current, dt, steps)[0]) * dt


def test_types_behave_as_they_are_named():
    regular, chattering, fast = (np.diff(spikes_of(n, 10.0)) for n in ("regular_spiking", "chattering", "fast_spiking"))
    assert regular[-1] > 1.5 * regular[0]  # adapts
    assert chattering.min() < 0.2 * chattering.max()  # bursts
    assert fast[-1] < 0.5 * regular[-1]  # fires fast
    assert abs(fast[-1] - fast[2]) <= 1.0  # without adapting: within the rounding to dt


def test_spread_of_the_2003_paper_uses_one_r_per_neuron():
    rng = np.random.default_rng(0)
    excitatory = sf.Izhikevich.heterogeneous_excitatory().sample(2000, rng)
    square = (excitatory.c + 65.0) / 15.0
    np.testing.assert_allclose(excitatory.d, 8.0 - 6.0 * square, rtol=1e-12)  # a few roundings
    assert square.min() >= 0.0
    assert square.max() <= 1.0
    assert np.sqrt(square).mean() == pytest.approx(0.5, abs=4 * np.sqrt(1 / 12 / 2000))  # 4 sigma of a uniform's mean
    inhibitory = sf.Izhikevich.heterogeneous_inhibitory().sample(2000, rng)
    np.testing.assert_allclose(inhibitory.b, 0.25 - 0.05 * (inhibitory.a - 0.02) / 0.08, rtol=1e-12)
    assert (excitatory.a, excitatory.b, inhibitory.c, inhibitory.d) == (0.02, 0.2, -65.0, 2.0)


def test_network_of_the_2003_paper_has_its_rates_and_rhythm():
    """All to all, dt = 1 ms. A weight is a current of one step: an exponential of which only the first step counts."""
    net = sf.Network(dt=1.0, seed=1)
    excitatory = net.population(800, sf.Izhikevich.heterogeneous_excitatory())
    inhibitory = net.population(200, sf.Izhikevich.heterogeneous_inhibitory())
    both = [excitatory, inhibitory]
    with pytest.warns(RuntimeWarning, match="tau_syn"):
        one_step = sf.Exponential(tau_syn=0.02)
        net.connect(excitatory, both, sf.AllToAll(), weight=sf.uniform(0.0, 0.5), synapse=one_step)
        net.connect(inhibitory, both, sf.AllToAll(), weight=sf.uniform(-1.0, 0.0), synapse=one_step)
        net.drive(excitatory, sf.GaussianNoise(std=5.0))
        net.drive(inhibitory, sf.GaussianNoise(std=2.0))
        result = net.run(4000.0, record=[sf.Spikes(excitatory), sf.Spikes(inhibitory)])
    late = [result.spikes(p).times for p in both]
    late = [times[times >= 200.0] for times in late]
    # accepted range of rates and of the dominant frequency: specs/classic_neuroscience_experiments.md, section 3
    assert 5.5 <= len(late[0]) / 800 / 3.8 <= 9.5
    assert 5.5 <= len(late[1]) / 200 / 3.8 <= 9.5
    counts = np.bincount(np.concatenate(late).astype(int) - 200, minlength=3800).astype(float)
    power = np.abs(np.fft.rfft(counts - counts.mean())) ** 2
    smooth = np.convolve(power, np.ones(7) / 7, mode="same")  # over 7 bins of 0.26 Hz
    frequency = np.fft.rfftfreq(3800, 1e-3)
    assert 6.0 <= frequency[np.argmax(smooth)] <= 12.0
