"""Random networks, built once for Synfire and once for Brian2, and how far apart the two end.

Static networks are compared spike by spike. Weights are multiples of 2**-10, whose sums are exact, because Brian2 adds what
arrives at once in an order of its own. What is learnt is compared to 1e-9.
"""

# mypy: ignore-errors

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..neurons import COBA, LIF, Conductance, Current, Delta, Exponential, Izhikevich, SpikeList
from ..plasticity import STDP, HardBounds, RewardModulated, Unbounded
from ..reservoirs import Network, Pairs, Release, Spikes

__all__ = ["KINDS", "Compared"]

DT, DURATION, N = 0.5, 200.0, 40
LONGEST = 20  # delay, steps


class Compared(NamedTuple):
    """How far two runs agree: spikes of ours, whether all are the same, and the largest relative difference of weights."""

    spikes: int
    same: bool
    difference: float


# One operation a line, because Brian2 reorders what stands in one expression.
_HALF = """
square{n} = v * v
slope{n} = 0.04 * square{n}
slope{n} += 5.0 * v
slope{n} += 140.0
slope{n} -= u
slope{n} += i_all
v += h_half * slope{n}
"""
STEPS = {
    "lif": """
left = refractory_left - 1.0
i_all = bias + gain_slow * i_slow
i_all += gain_fast * i_fast
v_inf = r_m * i_all
v_inf = v_rest + v_inf
gap = v - v_inf
gap = gap * decay_m
moved = v_inf + gap
v = int(left > 0.0) * v + int(left <= 0.0) * moved
refractory_left = left * int(left > 0.0)
i_slow = i_slow * keep_slow
i_fast = i_fast * keep_fast
""",
    "izhikevich": f"""
i_all = bias + i_slow
i_all += i_fast
{_HALF.format(n=1)}
{_HALF.format(n=2)}
fall = b * v
fall -= u
fall = a * fall
u += h * fall
i_slow = i_slow * keep_slow
i_fast = i_fast * keep_fast
""",
    "coba": """
left = refractory_left - 1.0
pull_slow = -80.0 - v
pull_fast = 0.0 - v
i_all = i_slow * pull_slow
i_all = bias + i_all
i_one = i_fast * pull_fast
i_all += i_one
leaking = v_rest - v
leaking = dt_leak * leaking
charging = dt_over_c * i_all
leaking += charging
moved = v + leaking
v = int(left > 0.0) * v + int(left <= 0.0) * moved
refractory_left = left * int(left > 0.0)
i_slow = i_slow * keep_slow
i_fast = i_fast * keep_fast
""",
}
_VARIABLES = (
    "v u gain_slow gain_fast i_slow i_fast jump new_slow new_fast bias refractory_left a b c d decay_m v_rest v_reset "
    "v_threshold v_refractory "
    "dt_leak dt_over_c"
)
_RESETS = {
    "lif": "v = v_reset; refractory_left = v_refractory",
    "coba": "v = v_reset; refractory_left = v_refractory",
    "izhikevich": "v = c; u = u + d",
}


def _wiring(rng: np.random.Generator, kinds: dict[str, float], p: float = 0.1) -> dict[str, tuple[Any, ...]]:
    """A projection onto each variable: (pre, post, weight, delay in steps), with multapses."""
    found = {}
    for variable, scale in kinds.items():
        count = rng.binomial(N * N, p)
        pre, post = rng.integers(0, N, count), rng.integers(0, N, count)
        weight = rng.gamma(2.0, abs(scale) / 2.0, count) * np.sign(scale)
        if variable == "v":
            weight = weight * np.where(pre < 0.8 * N, 1.0, -2.0)
        found[variable] = pre, post, np.round(weight * 1024.0) / 1024.0, rng.integers(0, LONGEST + 1, count)
    return found


def _steps(times: Any) -> list[int]:
    return np.round(np.asarray(times) / DT).astype(int).tolist()


# What arrives in a step is summed first, as by us: the sum of multiples of 2**-10 is exact, but added one by one to a current
# that has decayed each addition rounds, and an Izhikevich network amplifies 1e-16 to another spike within 200 ms.
ARRIVALS = {"v": "jump", "i_slow": "new_slow", "i_fast": "new_fast"}


class _Brian:
    """A group whose step is written out, in Brian2 without compilation and with expressions left as they are."""

    def __init__(self, kind: str, values: dict[str, Any], constants: dict[str, float], n: int = N) -> None:
        import brian2

        self.b2 = brian2
        brian2.prefs.codegen.target, brian2.prefs.codegen.loop_invariant_optimisations = "numpy", False
        brian2.defaultclock.dt = DT * brian2.ms
        self.constants = constants
        equations = "\n".join(f"{name} : 1" for name in _VARIABLES.split())
        threshold = "v >= 30.0" if kind == "izhikevich" else "v >= v_threshold"
        self.group = brian2.NeuronGroup(n, equations, threshold=threshold, reset=_RESETS[kind], namespace=constants)
        self.group.set_states(values)
        step = self.group.run_regularly(STEPS[kind], dt=DT * brian2.ms, when="groups")
        free = "int(refractory_left <= 0.0)"
        strike = self.group.run_regularly(
            f"v = v + jump * {free}; jump = 0; i_slow += new_slow; new_slow = 0; i_fast += new_fast; new_fast = 0",
            dt=DT * brian2.ms, when="after_synapses",
        )  # fmt: skip
        self.monitor = brian2.SpikeMonitor(self.group)
        self.network = brian2.Network(self.group, self.monitor, step, strike)

    def connect(self, source: Any, pre: Any, post: Any, weight: Any, delay: Any, variable: str, **more: Any) -> Any:
        target = ARRIVALS[variable]
        options = {"model": "w : 1", "on_pre": f"{target}_post += w"} | more
        made = self.b2.Synapses(source, self.group, **options)
        made.connect(i=pre, j=post)
        made.w = weight
        (made.pre if "on_post" in more else made).delay = np.asarray(delay) * DT * self.b2.ms
        self.network.add(made)
        return made

    def run(self) -> list[tuple[int, int]]:
        self.network.run(DURATION * self.b2.ms)
        return sorted(zip(_steps(self.monitor.t / self.b2.ms), np.asarray(self.monitor.i).tolist(), strict=True))


def _own_spikes(result: Any, cells: Any) -> list[tuple[int, int]]:
    times, neurons = result.spikes(cells)
    return sorted(zip(_steps(times), neurons.tolist(), strict=True))


def _static(kind: str, seed: int) -> Compared:
    rng = np.random.default_rng([{"lif": 1, "izhikevich": 2, "coba": 3}[kind], seed])
    tau = {"i_slow": float(rng.uniform(5.0, 20.0)), "i_fast": float(rng.uniform(1.0, 4.0))}
    start = rng.uniform(-75.0, -50.0, N)
    constants = {f"keep_{name[2:]}": float(np.exp(-DT / value)) for name, value in tau.items()}
    constants |= {"h": DT, "h_half": DT / 2.0}
    kinds: dict[str, Any] = {"v": Delta()} | {name: Exponential(tau_syn=value) for name, value in tau.items()}
    scales = {"v": 1.0, "i_slow": 0.7, "i_fast": 1.5}
    values: dict[str, Any] = {"v": start}
    if kind == "izhikevich":
        square = rng.random(N) ** 2
        parameters = {"a": rng.uniform(0.02, 0.1, N), "b": np.full(N, 0.2), "c": -65 + 15 * square, "d": 8 - 6 * square}
        model: Any = Izhikevich(**parameters)
        values |= parameters | {"u": parameters["b"] * -65.0, "bias": rng.uniform(3.0, 12.0, N)}
    else:
        levels = {
            "v_rest": rng.uniform(-68.0, -62.0, N), "v_reset": rng.uniform(-75.0, -65.0, N),
            "v_threshold": rng.uniform(-55.0, -48.0, N), "t_refractory": DT * rng.integers(0, 10, N),
        }  # fmt: skip
        if kind == "lif":
            model, bias = LIF(tau_m=rng.uniform(8.0, 30.0, N), r_m=1.5, **levels), rng.uniform(5.0, 20.0, N)
        else:
            model, bias = COBA(c_m=rng.uniform(150.0, 300.0, N), **levels), rng.uniform(150.0, 400.0, N)
            kinds["i_slow"] = Conductance(tau_syn=tau["i_slow"], e_reversal=-80.0)
            kinds["i_fast"] = Conductance(tau_syn=tau["i_fast"])
            scales = {"v": 1.0, "i_slow": 4.0, "i_fast": 4.0}
        step = model.discretise(DT)
        values |= {"bias": bias, "v_refractory": step.refractory_steps}
        values |= {name: levels[name] for name in ("v_rest", "v_reset", "v_threshold")}
        if kind == "lif":
            values["decay_m"] = step.decay_m
            constants["r_m"] = 1.5
            for name, value in tau.items():
                gain = model.exponential_gain(DT, value)  # differs between neurons: their own tau_m
                values[f"gain_{name[2:]}"] = gain
        else:
            values |= {"dt_leak": step.dt_leak, "dt_over_c": step.dt_over_c}
    synapses = _wiring(rng, scales)
    net = Network(dt=DT)
    cells = net.population(N, model, initial={"v": start})
    net.drive(cells, Current(amplitude=values["bias"]))
    for variable in ("v", "i_slow", "i_fast"):
        pre, post, weight, delay = synapses[variable]
        net.connect(cells, cells, Pairs(pre, post), weight=weight, delay=DT * delay, synapse=kinds[variable])
    found = _own_spikes(net.run(DURATION, record=[Spikes(cells)], progress=False), cells)
    other = _Brian(kind, values, constants)
    for variable, (pre, post, weight, delay) in synapses.items():
        other.connect(other.group, pre, post, weight, delay, variable)
    return Compared(len(found), found == other.run(), 0.0)


def _learning(kind: str, seed: int) -> Compared:
    """Played spikes onto LIF through plastic synapses with delays; jumps make the neurons fire."""
    rng = np.random.default_rng([{"stdp": 4, "three-factor": 5}[kind], seed])
    played = np.unique(np.stack([rng.integers(0, int(DURATION / DT), 400), rng.integers(0, N, 400)]), axis=1)
    count = rng.binomial(N * N, 0.15)
    pre, post = np.divmod(rng.choice(N * N, count, replace=False), N)
    weight, delay = rng.uniform(0.2, 0.8, count), rng.integers(1, LONGEST + 1, count)
    kick = rng.integers(0, N, 60), rng.integers(0, N, 60)
    tau_plus, tau_minus = float(rng.uniform(5.0, 30.0)), float(rng.uniform(5.0, 30.0))
    up, down = float(rng.uniform(0.01, 0.1)), float(rng.uniform(0.01, 0.1))
    bias = rng.uniform(10.0, 20.0, N)
    pair = STDP(
        tau_plus=tau_plus, tau_minus=tau_minus, potentiation=up, depression=down,
        bounds=HardBounds() if kind == "stdp" else Unbounded(),
    )  # fmt: skip
    model = LIF(tau_m=12.0, t_refractory=2.0)
    net = Network(dt=DT)
    source = net.population(N, SpikeList(times=played[0] * DT, neurons=played[1]))
    cells = net.population(N, model)
    net.drive(cells, Current(amplitude=bias))
    net.connect(source, cells, Pairs(*kick), weight=30.0, delay=DT)
    release, options = {}, {"plasticity": pair}
    tau_e, tau_m, baseline = float(rng.uniform(20.0, 200.0)), float(rng.uniform(10.0, 50.0)), float(rng.uniform(0.0, 0.02))
    at, amount = np.sort(rng.integers(0, int(DURATION / DT), 12)), rng.normal(0.0, 0.05, 12)
    if kind == "three-factor":
        modulator = net.modulator(tau=tau_m, baseline=baseline)
        options = {"plasticity": RewardModulated(rule=pair, eligibility=tau_e, bounds=Unbounded()), "modulator": modulator}
        release = {modulator: Release(at * DT, amount)}
    options |= {"weight": weight, "delay": DT * delay, "synapse": Exponential(tau_syn=5.0)}
    (learnt,) = net.connect(source, cells, Pairs(pre, post), **options)
    result = net.run(DURATION, record=[Spikes(cells)], release=release, progress=False)
    step = model.discretise(DT)
    constants = {"keep_slow": float(np.exp(-DT / 5.0)), "keep_fast": 1.0, "r_m": 1.0}
    values = {
        "v": -65.0, "v_rest": -65.0, "v_reset": -65.0, "v_threshold": -50.0, "v_refractory": step.refractory_steps,
        "decay_m": step.decay_m, "bias": bias, "gain_slow": float(model.exponential_gain(DT, 5.0)),
    }  # fmt: skip
    other = _Brian("lif", values, constants)
    b2 = other.b2
    players = b2.SpikeGeneratorGroup(N, played[1], played[0] * DT * b2.ms)
    other.network.add(players)
    other.connect(players, *kick, 30.0, np.ones(60), "v")
    traces = """
dx/dt = -x / tau_plus : 1 (event-driven)
dy/dt = -y / tau_minus : 1 (event-driven)
w : 1
eligibility : 1
"""
    names = {"tau_plus": tau_plus * b2.ms, "tau_minus": tau_minus * b2.ms, "up": up, "down": down}
    if kind == "stdp":
        on_pre, on_post = "new_slow_post += w; w = clip(w - down * y, 0, 1); x += 1", "w = clip(w + up * x, 0, 1); y += 1"
    else:
        on_pre, on_post = "new_slow_post += w; eligibility -= down * y; x += 1", "eligibility += up * x; y += 1"
        level, m = np.zeros(int(DURATION / DT)), 0.0
        for t in range(len(level)):
            m += amount[at == t].sum()
            level[t] = baseline + m
            m *= np.exp(-DT / tau_m)
        names |= {"level": b2.TimedArray(level, dt=DT * b2.ms), "over": -tau_e * np.expm1(-DT / tau_e)}
        names |= {"keep": np.exp(-DT / tau_e)}
    more = {"model": traces, "on_pre": on_pre, "on_post": on_post, "namespace": names}
    made = other.connect(players, pre, post, weight, delay, "i_slow", **more)
    if kind == "three-factor":
        made.run_regularly("w += level(t) * eligibility * over; eligibility = eligibility * keep", dt=DT * b2.ms, when="end")
        for each in made.contained_objects:
            if each not in other.network.objects:
                other.network.add(each)
    expected = other.run()
    found = _own_spikes(result, cells)
    wanted = np.asarray(made.w)
    difference = float(np.max(np.abs(result.weights(learnt) - wanted) / np.maximum(np.abs(wanted), 1e-3)))
    return Compared(len(found), found == expected and difference < 1e-9, difference)


KINDS = {
    "lif": lambda seed: _static("lif", seed),
    "izhikevich": lambda seed: _static("izhikevich", seed),
    "coba": lambda seed: _static("coba", seed),
    "stdp": lambda seed: _learning("stdp", seed),
    "three-factor": lambda seed: _learning("three-factor", seed),
}
"""What is compared with Brian2: name -> function of a seed."""
