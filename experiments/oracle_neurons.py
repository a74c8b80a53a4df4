"""Neurons and synapses for the plain-Python simulator: the equations of every model, written out again on Python floats.

Only coefficients are taken from the models (`discretise`), which tests check against mathematics.
"""

# mypy: ignore-errors

import math

import numpy as np

from ..neurons import COBA, LIF, AdaptiveCOBA, AdaptiveLIF, AdEx, HodgkinHuxley, Izhikevich, Izhikevich2007

__all__ = ["Neuron", "SynapseState"]


class Neuron:
    """One neuron: its state by name, and its coefficients by name."""

    def __init__(self, population, k, dt):
        def own(value):
            return float(np.broadcast_to(np.asarray(value), (population.size,))[k])

        model = population.model
        self.kind = type(model)
        step, start = model.discretise(dt), model.initial_state()
        self.coefficient = {name: own(value) for name, value in zip(step._fields, step, strict=True)}
        self.state = {name: own(value) for name, value in zip(start._fields, start, strict=True)}
        self.state.update({name: own(value) for name, value in population.initial.items()})
        self.bias = 0.0  # constant currents
        self.synapse = {}  # key of a synapse kind: its state on this neuron

    def integrate(self, current):
        """One step; whether it fires."""
        c, s = self.coefficient, self.state
        if self.kind in (LIF, AdaptiveLIF):
            s["refractory"] = max(s["refractory"] - 1.0, 0.0)
            if s["refractory"] == 0.0:
                v_inf = c["v_rest"] + c["r_m"] * current
                s["v"] = v_inf + (s["v"] - v_inf) * c["decay_m"]
            if self.kind is LIF:
                return s["v"] >= c["v_threshold"]
            s["a"] *= c["decay_a"]
            return s["v"] - (c["v_threshold"] + c["beta"] * s["a"]) >= 0.0
        if self.kind in (COBA, AdaptiveCOBA):
            s["refractory"] = max(s["refractory"] - 1.0, 0.0)
            if s["refractory"] <= c.get("free_steps", 0.0):
                s["v"] += c["dt_leak"] * (c["v_rest"] - s["v"]) + c["dt_over_c"] * current
            if self.kind is COBA:
                return s["v"] >= c["v_threshold"]
            s["theta"] *= c["decay_theta"]
            return s["refractory"] == 0.0 and s["v"] - (c["v_threshold"] + s["theta"]) >= 0.0
        if self.kind is AdEx:
            above = s["v"] - c["e_leak"]
            rise = math.exp((min(s["v"], c["v_cut"]) - c["v_threshold"]) / c["slope"])
            upstroke = c["g_leak"] * c["slope"] * rise
            s["v"] += c["dt_over_c"] * (upstroke - c["g_leak"] * above - s["w"] + current)
            s["w"] += c["dt_over_tau"] * (c["a"] * above - s["w"])
            return s["v"] >= c["v_cut"]
        if self.kind is HodgkinHuxley:
            return self._hodgkin_huxley(current)
        if self.kind is Izhikevich:
            v, u = s["v"], s["u"]
            for _ in range(2):
                v = v + c["dt_half"] * (0.04 * (v * v) + 5.0 * v + 140.0 - u + current)
            s["v"], s["u"] = v, u + c["dt"] * (c["a"] * (c["b"] * v - u))
            return v >= c["v_threshold"]
        if self.kind is Izhikevich2007:
            above = s["v"] - c["v_rest"]
            upstroke = c["k"] * above * (s["v"] - c["v_instant"])
            s["v"] += c["dt_over_c"] * (upstroke - s["u"] + current)
            s["u"] += c["dt_a"] * (c["b"] * above - s["u"])
            return s["v"] >= c["v_threshold"]
        s["margin"] = current - c["level"]
        return s["margin"] >= 0.0

    def _hodgkin_huxley(self, current):
        """Exponential Euler, each equation with the others as they were."""
        c, s, exp = self.coefficient, self.state, math.exp
        x, dt = s["v"] - c["v_t"], c["dt"]
        rates = {
            "m": (0.32 * (13.0 - x) / (exp((13.0 - x) / 4.0) - 1.0), 0.28 * (x - 40.0) / (exp((x - 40.0) / 5.0) - 1.0)),
            "h": (0.128 * exp((17.0 - x) / 18.0), 4.0 / (1.0 + exp((40.0 - x) / 5.0))),
            "n": (0.032 * (15.0 - x) / (exp((15.0 - x) / 5.0) - 1.0), 0.5 * exp((10.0 - x) / 40.0)),
        }
        sodium = c["g_sodium"] * (s["m"] * s["m"] * s["m"]) * s["h"]
        potassium = c["g_potassium"] * ((s["n"] * s["n"]) * (s["n"] * s["n"]))
        total = c["g_leak"] + sodium + potassium
        pull = c["g_leak"] * c["e_leak"] + sodium * c["e_sodium"] + potassium * c["e_potassium"] + current
        v_inf = pull / total
        s["v"] = v_inf + (s["v"] - v_inf) * exp(-c["dt_over_c"] * total)
        for gate, (up, down) in rates.items():
            end = up / (up + down)
            s[gate] = end + (s[gate] - end) * exp(-dt * (up + down))
        s["refractory"] = max(s["refractory"] - 1.0, 0.0)
        return s["refractory"] == 0.0 and s["v"] >= c["v_threshold"]

    def jump(self, weight):
        """A delta synapse's sum of weights arrives."""
        clamped = self.state.get("refractory", 0.0) > self.coefficient.get("free_steps", 0.0)
        if not clamped or self.kind is HodgkinHuxley:
            self.state["v"] += weight

    def reset(self):
        """It fired."""
        c, s = self.coefficient, self.state
        if self.kind is HodgkinHuxley:
            s["refractory"] = c["refractory_steps"]
        elif self.kind is AdEx:
            s["v"], s["w"] = c["v_reset"], s["w"] + c["b"]
        elif "refractory" in s:
            s["v"], s["refractory"] = c["v_reset"], c["refractory_steps"]
            if self.kind is AdaptiveLIF:
                s["a"] += 1.0
            elif self.kind is AdaptiveCOBA:
                s["theta"] += c["theta_plus"]
        elif self.kind is Izhikevich:
            s["v"], s["u"] = c["c"], s["u"] + c["d"]
        elif self.kind is Izhikevich2007:
            s["v"], s["u"] = c["v_reset"], s["u"] + c["d"]


class SynapseState:
    """What one synapse kind has on one neuron."""

    def __init__(self, step, size, k):
        self.c = {n: float(np.broadcast_to(np.asarray(x), (size,))[k]) for n, x in step._asdict().items()}
        self.rises = "gain_rising" in self.c
        opens = "e_reversal" in self.c
        self.state = {"current": 0.0, "rising": 0.0} if self.rises else {"conductance" if opens else "current": 0.0}

    def pass_on(self, v):
        """The current into a neuron at v in this step; then one step of decay."""
        c, s = self.c, self.state
        if "e_reversal" in c:
            into = s["conductance"] * (c["e_reversal"] - v)
            s["conductance"] *= c["decay_syn"]
            return into
        if "peak" in c:
            into = c["gain"] * s["current"] + c["gain_rising"] * s["rising"]
            s["current"] = (s["current"] + s["rising"] * c["follow"]) * c["decay_syn"]
            s["rising"] *= c["decay_syn"]
            return into
        if not self.rises:
            into = c["gain"] * s["current"]
            s["current"] *= c["decay_syn"]
            return into
        into = c["gain"] * s["current"] + c["gain_rising"] * s["rising"]
        s["current"] = s["current"] * c["decay_rise"] + s["rising"] * c["follow"]
        s["rising"] *= c["decay_syn"]
        return into

    def arrive(self, weight):
        variable = "rising" if self.rises else next(iter(self.state))
        self.state[variable] += weight * self.c["peak"] if "peak" in self.c else weight
