"""The compiled event loop equals a plain-Python one, bit for bit, on 350 random small networks."""

import numpy as np
import pytest

import synfire as sf
from synfire.experiments.oracle import simulate

DT, STEPS, REPEATS = 0.5, 80, 50


def lif(rng, n):
    """Heterogeneous in every field but r_m."""
    return sf.LIF(
        tau_m=rng.uniform(5.0, 30.0, n), v_rest=rng.uniform(-68.0, -60.0, n), v_reset=rng.uniform(-75.0, -65.0, n),
        v_threshold=rng.uniform(-55.0, -45.0, n), t_refractory=DT * rng.integers(0, 8, n),
    )  # fmt: skip


def izhikevich(rng, n):
    square = rng.random(n) ** 2
    return sf.Izhikevich(
        a=rng.uniform(0.02, 0.1, n), b=rng.uniform(0.2, 0.25, n), c=-65 + 15 * square, d=8 - 6 * square
    )


def pairs(rng, n_pre, n_post, p=0.2):
    """Explicit synapses in no order, some twice; one population onto itself has autapses."""
    count = max(1, rng.binomial(n_pre * n_post, p))
    return sf.Pairs(rng.integers(0, n_pre, count), rng.integers(0, n_post, count)), count


def weights(rng, count, scale):
    """Of both signs, a fifth of them zero."""
    return rng.normal(0.0, scale, count) * (rng.random(count) < 0.8)


def delays(rng, count, longest):
    return DT * rng.integers(0, longest + 1, count)


def sizes(rng, many):
    return [int(n) for n in rng.integers(1, 9, many)]


def several(rng, many):
    """Never one neuron alone: a field that is equal for all is compiled as one number, another loop for the same test."""
    return [int(n) for n in rng.integers(2, 9, many)]


def everything(seed):
    """Both models, several populations of each, sources, every drive, both synapse kinds, a readout with feedback."""
    rng = np.random.default_rng([0, seed])
    net = sf.Network(dt=DT, seed=seed)
    a, b, c, d, e = sizes(rng, 5)
    leaky = [
        net.population(a, lif(rng, a), initial={"v": rng.uniform(-70.0, -50.0, a)}),
        net.population(b, lif(rng, b)),
    ]
    bursting = [net.population(c, izhikevich(rng, c)), net.population(d, izhikevich(rng, d))]
    noise = net.population(e, sf.Poisson(rate=rng.uniform(0.0, 400.0, e)))
    played = net.population(4, sf.SpikeList(times=rng.uniform(0.0, DT * STEPS, 30), neurons=rng.integers(0, 4, 30)))
    slow, fast = sf.Exponential(tau_syn=float(rng.uniform(2.0, 20.0))), sf.Exponential(tau_syn=1.0)
    listeners = leaky + bursting
    for pre in rng.permutation(6):
        source = [*listeners, noise, played][pre]
        for target in listeners:
            for synapse, scale in ((sf.Delta(), 4.0), (slow, 3.0), (fast, 6.0)):
                how, count = pairs(rng, len(source), len(target))
                options = {"weight": weights(rng, count, scale), "delay": delays(rng, count, 12), "synapse": synapse}
                net.connect(source, target, how, **options)
    net.drive(leaky[0], sf.Current(amplitude=rng.uniform(5.0, 30.0, a)))
    net.drive(bursting[0], sf.GaussianNoise(std=rng.uniform(0.0, 5.0, c), mean=rng.uniform(0.0, 8.0, c)))
    net.drive(leaky[1], sf.Current(amplitude=rng.uniform(5.0, 30.0, b), start=4.0, stop=25.0))
    net.drive(leaky[1][[0]], sf.Current(amplitude=3.0))
    net.drive(
        bursting[1], sf.Waveform(values=rng.normal(5.0, 5.0, (8, 2)), weight=rng.normal(1.0, 0.5, (2, d)), every=2.0)
    )
    net.drive(leaky[0][:1], sf.GaussianNoise(std=2.0))
    std = rng.uniform(0.5, 2.0, c + d) * (rng.random(c + d) < 0.9)  # one feature in ten is left out
    readout = net.readout(
        bursting, 2, sf.ThreeFactor(learning_rate=0.05), every=1.0, tau_trace=20.0, mean=rng.uniform(0.0, 0.5, c + d),
        std=std, weight=rng.normal(0.0, 0.2, (2, c + d)), feedback=rng.normal(0.0, 3.0, (c + d, 2)),
    )  # fmt: skip
    updates = STEPS // 2
    gates = rng.choice([0.0, 0.2, 1.0], (updates, 2))
    return net, {readout: sf.Teaching(rng.normal(size=(updates, 2)), gates, rng.random(updates) < 0.8)}


def one_model_one_number(seed):
    """LIF with equal parameters, equal weights and one delay for all; two populations, projections drawn by rule."""
    rng = np.random.default_rng([1, seed])
    net = sf.Network(dt=DT, seed=seed)
    model = sf.LIF(tau_m=float(rng.uniform(5.0, 30.0)), t_refractory=DT * int(rng.integers(0, 6)), v_reset=-60.0)
    first, second = (net.population(n, model, initial={"v": sf.uniform(-70.0, -45.0)}) for n in sizes(rng, 2))
    delay, weight = DT * int(rng.integers(0, 5)), float(rng.uniform(-3.0, 6.0))
    rules = (sf.FixedProbability(0.4), sf.FixedInDegree(2), sf.AllToAll(autapses=False))
    net.connect(first, [first, second], rules[seed % 3], weight=weight, delay=delay)
    net.connect(second, [second, first], rules[(seed + 1) % 3], weight=weight, delay=delay)
    net.drive(first, sf.Current(amplitude=float(rng.uniform(10.0, 40.0))))
    return net, None


def two_readouts(seed):
    """Izhikevich alone, exponential synapses, two readouts, one over more than 32 features and untaught."""
    rng = np.random.default_rng([2, seed])
    net = sf.Network(dt=DT, seed=seed)
    n, m = int(rng.integers(33, 40)), int(rng.integers(2, 8))
    large, small = net.population(n, izhikevich(rng, n)), net.population(m, izhikevich(rng, m))
    synapse = sf.Exponential(tau_syn=float(rng.uniform(2.0, 10.0)))
    for source, target in ((large, small), (small, large), (large, large)):
        how, count = pairs(rng, len(source), len(target), 0.1)
        options = {"weight": weights(rng, count, 4.0), "delay": delays(rng, count, 300), "synapse": synapse}
        net.connect(source, target, how, **options)  # delays beyond 255 steps are kept in two bytes
    net.drive(large, sf.GaussianNoise(std=4.0, mean=6.0))
    net.drive(small, sf.GaussianNoise(std=4.0, mean=6.0))
    every = DT * int(rng.integers(1, 5))
    taught = net.readout([small, large[::2]], 3, sf.ThreeFactor(learning_rate=0.02), every=every, tau_trace=10.0)
    net.readout(large, 1, sf.ThreeFactor(), every=DT, weight=rng.normal(0.0, 0.1, (1, n)))
    updates = STEPS // taught.every
    return net, {taught: sf.Teaching(rng.normal(size=(updates, 3)), rng.choice([0.0, 1.0], (updates, 3)))}


def delta_chain(seed):
    """Spikes played into LIF through delta synapses of weight enough to fire at once: order within the step decides."""
    rng = np.random.default_rng([3, seed])
    net = sf.Network(dt=DT, seed=seed)
    played = net.population(3, sf.SpikeList(times=rng.uniform(0.0, DT * STEPS, 90), neurons=rng.integers(0, 3, 90)))
    first, second = (net.population(n, lif(rng, n)) for n in sizes(rng, 2))
    for source, target in ((played, first), (first, second), (second, first), (first, first)):
        how, count = pairs(rng, len(source), len(target), 0.5)
        net.connect(source, target, how, weight=weights(rng, count, 20.0), delay=delays(rng, count, 3))
    return net, None


def physical_units(seed):
    """Izhikevich2007 and LIF, currents that rise before they decay, readouts by the rules that remember more."""
    rng = np.random.default_rng([4, seed])
    net = sf.Network(dt=0.1, seed=seed)
    n, m = int(rng.integers(33, 40)), int(rng.integers(2, 8))
    cells, leaky = net.population(n, sf.Izhikevich2007(d=rng.uniform(50.0, 200.0, n))), net.population(m, lif(rng, m))
    rising = sf.DoubleExponential(tau_rise=float(rng.uniform(0.3, 2.0)), tau_syn=float(rng.uniform(3.0, 20.0)))
    for source, target, scale in ((cells, cells, 500.0), (cells, leaky, 5.0), (leaky, cells, 500.0), (leaky, leaky, 5.0)):
        how, count = pairs(rng, len(source), len(target), 0.1)
        delay = 0.1 * rng.integers(0, 20, count)
        net.connect(source, target, how, weight=weights(rng, count, scale), delay=delay, synapse=rising)
    net.drive(cells, sf.GaussianNoise(std=3000.0, mean=6000.0))
    net.drive(leaky, sf.Current(amplitude=60.0))
    rules = (
        sf.RecursiveLeastSquares(alpha=0.1, forgetting=0.9),
        sf.ChannelwiseRecursiveLeastSquares(alpha=10.0),
        sf.PredictionGated(rule=sf.ThreeFactor(learning_rate=0.05), threshold=0.0),
    )
    teach = {}
    for rule in rules:  # side by side in one network: one loop to compile, and every seed has all of them
        back = rng.normal(0.0, 50.0, (n, 2))
        readout = net.readout(cells, 2, rule, every=0.2, tau_trace=5.0, feedback=back)
        updates = STEPS // readout.every
        teach[readout] = sf.Teaching(rng.normal(size=(updates, 2)), rng.choice([0.0, 0.5, 1.0], (updates, 2)))
    return net, teach


def conductances(seed):
    """COBA, AdaptiveCOBA and AdaptiveLIF by conductances and alpha currents; Poisson input; late and early arrivals."""
    rng = np.random.default_rng([5, seed])
    net = sf.Network(dt=0.1, seed=seed)
    n, m, k = several(rng, 3)
    coba = net.population(n, sf.COBA(t_refractory=0.3, g_leak=rng.uniform(8.0, 30.0, n)), initial={"v": sf.uniform(-70, -49)})
    silent = sf.AdaptiveCOBA(c_m=150.0, g_leak=10.0, theta_plus=0.5, tau_theta=50.0, t_refractory=0.2, t_silent=0.7)
    threshold = net.population(m, silent)
    leaky = net.population(k, sf.AdaptiveLIF(beta=0.8, tau_a=20.0, tau_m=6.0))
    excite, inhibit = sf.Conductance(tau_syn=2.0), sf.Conductance(tau_syn=4.0, e_reversal=-80.0)
    alpha = sf.Alpha(tau_syn=float(rng.uniform(0.3, 3.0)))
    for source in (coba, threshold, leaky):
        for target, synapse, scale in ((coba, excite, 20.0), (threshold, excite, 20.0), (leaky, alpha, 8.0)):
            net.connect(source, target, p=0.4, weight=scale, delay=1.5, synapse=synapse)
        how, count = pairs(rng, len(source), n)
        delay = 0.1 * rng.integers(0, 20, count)
        net.connect(source, coba, how, weight=rng.uniform(0.0, 30.0, count), delay=delay, synapse=inhibit)
    net.drive(coba, sf.Current(amplitude=rng.uniform(100.0, 700.0, n)))
    net.drive(threshold, sf.PoissonInput(rate=400.0, n=10, weight=4.0, synapse=excite))
    net.drive(leaky, sf.Current(amplitude=30.0))
    net.drive(coba[: n // 2 + 1], sf.PoissonInput(rate=50.0, n=100, weight=0.3))
    return net, None


def exponentials(seed):
    """AdEx and Hodgkin-Huxley neurons, by conductances and jumps."""
    rng = np.random.default_rng([6, seed])
    net = sf.Network(dt=0.2, seed=seed)
    n, m = several(rng, 2)
    soft = net.population(n, sf.AdEx(tau_w=rng.uniform(20.0, 150.0, n)), initial={"v": sf.uniform(-70, -45)})
    hodgkin = net.population(m, sf.HodgkinHuxley(g_leak=rng.uniform(8.0, 12.0, m)), initial={"v": sf.uniform(-65, -40)})
    excite = sf.Conductance(tau_syn=5.0)
    for source in (soft, hodgkin):
        for target in (soft, hodgkin):
            net.connect(source, target, p=0.5, weight=6.0, delay=sf.uniform(0.0, 4.0), synapse=excite)
            net.connect(source, target, p=0.2, weight=1.0, delay=0.2)
    net.drive(soft, sf.Current(amplitude=rng.uniform(1500.0, 5000.0, n)))
    net.drive(hodgkin, sf.Current(amplitude=rng.uniform(500.0, 2000.0, m)))
    return net, None


@pytest.mark.parametrize(
    "make",
    [everything, one_model_one_number, two_readouts, delta_chain, physical_units, conductances, exponentials],
    ids=lambda f: f.__name__,
)
def test_compiled_loop_equals_plain_python_bit_for_bit(make):
    spikes = 0
    for seed in range(REPEATS):
        net, teach = make(seed)
        expected = simulate(net, STEPS, teach)
        variables = list(expected.traces)
        record = [sf.Trace(net.populations[p], x) for p, x in variables] + [sf.Spikes(p) for p in net.populations]
        result = net.run(net.dt * STEPS, record=record, teach=teach)
        for population in net.populations:
            found = result.spikes(population)
            steps = np.round(found.times / net.dt).astype(int).tolist()
            assert list(zip(steps, found.neurons.tolist(), strict=True)) == expected.spikes[population.number]
        for p, x in variables:
            assert result.trace(net.populations[p], x).values.tolist() == expected.traces[p, x]
        check_final(net, result, expected)
        assert [output.tolist() for output in result.outputs] == expected.outputs
        for number, weight in enumerate(expected.weights):
            assert result.state[f"readout{number}.weight"].tolist() == weight
        spikes += sum(len(train) for p, train in expected.spikes.items() if not is_source(net.populations[p]))
    assert spikes > 20 * REPEATS  # the networks are not silent


def is_source(population):
    return isinstance(population.model, sf.Source)


def check_final(net, result, expected):
    """The state that a run leaves: neurons, and synaptic currents."""
    begins = {}
    for population in net.populations:
        group = type(population.model).__name__.lower()
        first = begins.get(group, 0)
        begins[group] = last = first + population.size
        for (p, x), values in expected.final.items():
            if p == population.number:
                assert result.state[f"{group}.{x}"][first:last].tolist() == values
        for variable in ("current", "rising"):
            kinds = [v for (p, _, x), v in expected.synapses.items() if (p, x) == (population.number, variable)]
            names = [n for n in result.state if n.startswith(f"{group}.synapse") and n.endswith(f".{variable}")]
            assert sorted(result.state[name][first:last].tolist() for name in names) == sorted(kinds)
