"""Meta-neurons: models whose own parameters are learned beside the weights, and that fire by chance."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, NamedTuple

from .chance import Stochastic, chance, noisy
from .errors import InvalidValue
from .lif import check_reset, whole_steps
from .maths import Value, exp, where
from .model import warn_if_coarse
from .parameters import any_not_below, parameter

__all__ = [
    "MetaNeuron", "MetaNeuronState", "MetaNeuronStep", "ProbabilisticLIF", "ProbabilisticLIFState", "ProbabilisticLIFStep",
]  # fmt: skip


class ProbabilisticLIFState(NamedTuple):
    """v mV; refractory: steps of silence left; sample: its number; count: steps so far. Shape (..., n)."""

    v: Value
    refractory: Value
    sample: Value
    count: Value


class ProbabilisticLIFStep(NamedTuple):
    """Coefficients of `ProbabilisticLIF` at one dt."""

    decay_m: Value
    r_m: Value
    v_rest: Value
    v_reset: Value
    v_threshold: Value
    refractory_steps: Value
    width: Value
    key: Value

    def integrate(self, state: ProbabilisticLIFState, current: Value) -> ProbabilisticLIFState:
        remaining = state.refractory - 1.0
        v_inf = self.v_rest + self.r_m * current
        v = where(remaining > 0.0, state.v, v_inf + (state.v - v_inf) * self.decay_m)
        return ProbabilisticLIFState(
            where(state.count < 0, state.v, v), where(remaining > 0.0, remaining, 0.0 * remaining), state.sample,
            state.count + 1,
        )  # fmt: skip

    def excess(self, state: ProbabilisticLIFState) -> Value:
        margin = state.v - self.v_threshold
        return where(state.refractory > 0.0, margin, noisy(margin, self.width, self.key, state.sample, state.count))

    def probability(self, state: ProbabilisticLIFState) -> Value:
        made = chance(state.v - self.v_threshold, self.width)
        return where(state.refractory > 0.0, 0.0 * made, made)

    def reset(self, state: ProbabilisticLIFState, spiked: Value) -> ProbabilisticLIFState:
        return ProbabilisticLIFState(
            where(spiked, self.v_reset, state.v),
            where(spiked, self.refractory_steps, state.refractory),
            state.sample,
            state.count,
        )

    def receive(self, state: ProbabilisticLIFState, jump: Value) -> ProbabilisticLIFState:
        return ProbabilisticLIFState(
            where(state.refractory > 0.0, state.v, state.v + jump), state.refractory, state.sample, state.count
        )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ProbabilisticLIF(Stochastic):
    """`LIF` with escape noise: near its threshold it fires by chance.

        tau_m dv/dt = -(v - v_rest) + r_m I;  in each step a spike with probability sigmoid((v - v_threshold) / width)
        spike: v <- v_reset, held for t_refractory

    Parameters   tau_m, r_m, v_rest, v_reset, v_threshold, t_refractory   as `LIF`
                 width   of the noise, mV, >= 0; 0: fires like `LIF`, spike for spike
                 keys    as `Stochastic`
    State        v mV, refractory (steps left), sample and count (whole numbers); shape (..., n)
    Input        current in nA; an `Exponential` synapse as on any other model, `Delta` in mV
    Gradient     `Spiking` takes the probability's derivative for the spike's, p (1 - p) / width by v, and by every learned
                 parameter alike (straight through); of a neuron whose width is 0, the layer's surrogate. A learned width
                 stays at least 1e-3 of what its mean was at first
    Raises       InvalidValue for a field outside its range or v_reset >= v_threshold
    Source       Gerstner et al. 2014, Neuronal Dynamics, ch. 9 (escape noise), doi:10.1017/CBO9781107447615; a meta-neuron
                 called probabilistic: Rudnicka, Szczepanski & Pregowska 2025, arXiv 2508.11674 v1
    Deviations   the paper's own equations were not to be had: the firing law is Synfire's choice. The probability belongs to a
                 step, not to a time: halving dt about doubles the rate of escape. A refractory neuron feels no noise
    """

    tau_m: Value = parameter(20.0, "ms", above=0.0)
    r_m: Value = parameter(1.0, "MOhm", above=0.0)
    v_rest: Value = parameter(-65.0, "mV")
    v_reset: Value = parameter(-65.0, "mV")
    v_threshold: Value = parameter(-50.0, "mV")
    t_refractory: Value = parameter(0.0, "ms", at_least=0.0)
    width: Value = parameter(1.5, "mV", at_least=0.0)

    ordered: ClassVar[tuple[tuple[str, str], ...]] = (("v_reset", "v_threshold"),)

    def check(self) -> None:
        check_reset(self)

    def discretise(self, dt: float) -> ProbabilisticLIFStep:
        """Coefficients at `dt` ms; differentiable in every parameter but t_refractory."""
        warn_if_coarse("ProbabilisticLIF.tau_m", self.tau_m, dt)
        return ProbabilisticLIFStep(
            exp(-dt / self.tau_m), self.r_m, self.v_rest, self.v_reset, self.v_threshold,
            whole_steps(self.t_refractory, dt), self.width, 0 if self.keys is None else self.keys,
        )  # fmt: skip

    def initial_state(self) -> ProbabilisticLIFState:
        """At rest, not refractory, before the first step."""
        return ProbabilisticLIFState(self.v_rest, 0.0, 0, 0)


class MetaNeuronState(NamedTuple):
    """v: potential; u: recovery, both without unit; sample, count as `ProbabilisticLIFState`. Shape (..., n)."""

    v: Value
    u: Value
    sample: Value
    count: Value


class MetaNeuronStep(NamedTuple):
    """Coefficients of `MetaNeuron`; the same at every dt."""

    a: Value
    b: Value
    c: Value
    d: Value
    v_threshold: Value
    width: Value
    key: Value

    def integrate(self, state: MetaNeuronState, current: Value) -> MetaNeuronState:
        small = exp(where(current < 0.0, current, -current))
        drive = where(current < 0.0, small, 1.0 + 0.0 * small) / (1.0 + small)
        low = where(state.v < -5.0, -5.0 + 0.0 * state.v, state.v)
        v = where(low > 5.0, 5.0 + 0.0 * low, low)  # above about 1 the square drives v away
        dv = v * v - v - state.u + drive
        du = self.a * (self.b * v - state.u)
        waits = state.count < 0
        return MetaNeuronState(
            where(waits, state.v, v + dv), where(waits, state.u, state.u + du), state.sample, state.count + 1
        )

    def excess(self, state: MetaNeuronState) -> Value:
        return noisy(state.v - self.v_threshold, self.width, self.key, state.sample, state.count)

    def probability(self, state: MetaNeuronState) -> Value:
        return chance(state.v - self.v_threshold, self.width)

    def reset(self, state: MetaNeuronState, spiked: Value) -> MetaNeuronState:
        return MetaNeuronState(
            where(spiked, self.c, state.v), where(spiked, state.u + self.d, state.u), state.sample, state.count
        )

    def receive(self, state: MetaNeuronState, jump: Value) -> MetaNeuronState:
        return MetaNeuronState(state.v + jump, state.u, state.sample, state.count)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class MetaNeuron(Stochastic):
    """Meta-neuron of second order: a quadratic potential with a recovery variable, made to have its four constants learned.

        each step   v <- v + v^2 - v - u + sigmoid(I),   u <- u + a (b v - u)     (both from the old v, |v| cut to 5)
                    a spike with probability sigmoid((v - v_threshold) / width);  spike: v <- c, u <- u + d

    Parameters   a   rate of recovery, 1 per step, -0.2 to 0.5
                 b   its coupling to v, -0.5 to 0.5
                 c   v after a spike, -0.5 to 0.45, < v_threshold
                 d   what a spike adds to u, -0.2 to 0.3
                 v_threshold   firing threshold
                 width         of the noise at threshold, >= 0; 0: fires at the threshold, by no chance
                 keys          as `Stochastic`
    State        v, u without unit, sample and count (whole numbers); shape (..., n)
    Input        I without unit: the sigmoid brings it into (0, 1), so that I = 0 is a drive of one half, under which the neuron
                 fires; a bias of -2 keeps it quiet. `Delta` synapses add to v
    Gradient     as `ProbabilisticLIF` where width > 0, else the layer's surrogate
    Raises       InvalidValue for a field outside its range or c >= v_threshold
    Source       Cheng, Zhang, Jia & Xu, arXiv 2010.03140, by the authors' public program (a, b, c, d and their start); noise at
                 threshold: as `ProbabilisticLIF`
    Deviations   that Rudnicka et al. 2025 (arXiv 2508.11674) mean this model is an assumption. The program holds parameters for
                 each sample of a batch, here each neuron has one set; it resets at the beginning of the next step, which is the
                 same. Time is counted in steps: dt changes nothing
    """

    a: Value = parameter(0.02, "1", at_least=-0.2, at_most=0.5)
    b: Value = parameter(0.2, "1", at_least=-0.5, at_most=0.5)
    c: Value = parameter(0.0, "1", at_least=-0.5, at_most=0.45)
    d: Value = parameter(0.08, "1", at_least=-0.2, at_most=0.3)
    v_threshold: Value = parameter(0.5, "1")
    width: Value = parameter(0.05, "1", at_least=0.0)

    ordered: ClassVar[tuple[tuple[str, str], ...]] = (("c", "v_threshold"),)

    def check(self) -> None:
        if any_not_below(self.c, self.v_threshold):
            raise InvalidValue(
                "MetaNeuron.c", self.c, f"< v_threshold = {self.v_threshold}", "or it fires at every step"
            )

    def discretise(self, dt: float) -> MetaNeuronStep:
        """Coefficients, the same at any `dt`; differentiable in all."""
        key = 0 if self.keys is None else self.keys
        return MetaNeuronStep(self.a, self.b, self.c, self.d, self.v_threshold, self.width, key)

    def initial_state(self) -> MetaNeuronState:
        """v = 0, u = 0.08, before the first step."""
        return MetaNeuronState(0.0, 0.08, 0, 0)
