"""Short-term plasticity: what a spike delivers depends on the spikes before it."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

from ..neurons import parameter
from .local import NoTraces, SynapticRule

__all__ = ["Resources", "TsodyksMarkram", "TsodyksMarkramStep"]


class Resources(NamedTuple):
    """used: u, the share that the last spike released; active: y; spent: 1 - x, what is not ready, y included."""

    used: Any
    active: Any
    spent: Any


class TsodyksMarkramStep(NamedTuple):
    """Coefficients of `TsodyksMarkram`: rates per step, and the coupling of y to what is spent."""

    utilisation: Any
    rate_facilitation: Any
    rate_inactivation: Any
    rate_recovery: Any
    coupling: Any

    def decay(self, pre: Resources, steps: Any) -> Resources:
        # z = spent - y recovers: dz/dt = y / tau_in - z / tau_rec, beside dy/dt = -y / tau_in
        left = math.exp(-self.rate_inactivation * steps)
        recovering = math.exp(-self.rate_recovery * steps)
        active = pre.active * left
        inactive = (pre.spent - pre.active) * recovering + pre.active * self.coupling * (recovering - left)
        return Resources(pre.used * math.exp(-self.rate_facilitation * steps), active, inactive + active)

    def transmit(self, weight: Any, pre: Resources) -> Any:
        used = pre.used + self.utilisation * (1.0 - pre.used)
        return weight * (used * (1.0 - pre.spent))

    def spike_pre(self, pre: Resources) -> Resources:
        used = pre.used + self.utilisation * (1.0 - pre.used)
        released = used * (1.0 - pre.spent)
        return Resources(used, pre.active + released, pre.spent + released)

    def on_pre(self, weight: Any, pre: Resources, post: Any) -> Any:
        return weight

    def on_post(self, weight: Any, pre: Resources, post: Any) -> Any:
        return weight

    def spike_post(self, post: Any) -> Any:
        return post


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class TsodyksMarkram(SynapticRule):
    """Depression and facilitation: each spike releases a share u of the resources x that are ready, and delivers w u x.

        a spike: u <- u + U (1 - u), then w u x is delivered, y <- y + u x, x <- x - u x
        between: dx/dt = z / tau_rec,  dy/dt = -y / tau_in,  z = 1 - x - y,  du/dt = -u / tau_fac

    The synaptic current is the synapse kind's business: for the paper's I = A y, give `Exponential(tau_syn=tau_in)` a weight
    of A.

    Parameters   utilisation   U, in [0, 1]
                 tau_rec       recovery, ms, > 0
                 tau_fac       facilitation, ms, > 0; small (1e-3) for none
                 tau_in        inactivation, ms, > 0
    State        weight per synapse; u, y and 1 - x per presynaptic neuron and delay
    Raises       InvalidValue for a field outside its range
    Source       Tsodyks, Pawelzik & Markram 1998, doi:10.1162/089976698300017502; Tsodyks, Uziel & Markram 2000,
                 doi:10.1523/JNEUROSCI.20-01-j0003.2000
    Deviations   one set of parameters for a projection, not one for each synapse; tau_in = tau_rec is not allowed
    """

    utilisation: float = parameter(0.5, "1", at_least=0.0, at_most=1.0)
    tau_rec: float = parameter(800.0, "ms", above=0.0)
    tau_fac: float = parameter(1e-3, "ms", above=0.0)
    tau_in: float = parameter(3.0, "ms", above=0.0)

    def check(self) -> None:
        from ..neurons import InvalidValue

        if self.tau_in == self.tau_rec:
            raise InvalidValue("TsodyksMarkram.tau_in", self.tau_in, f"not tau_rec = {self.tau_rec} ms", "change it a little")

    def discretise(self, dt: float) -> TsodyksMarkramStep:
        coupling = self.tau_rec / (self.tau_rec - self.tau_in)
        return TsodyksMarkramStep(self.utilisation, dt / self.tau_fac, dt / self.tau_in, dt / self.tau_rec, coupling)

    def pre_traces(self) -> Resources:
        return Resources(self.tau_fac, self.tau_in, self.tau_rec)

    def post_traces(self) -> NoTraces:
        return NoTraces()
