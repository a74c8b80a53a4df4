"""Steps of training with orthogonal projection as one would write them down in torch: the peer of the workload `continual`.

Spiking neurons are those of Xiao et al. 2024 (arXiv 2402.11984): leaky, lowered by their threshold, spikes of height
threshold / dt; differentiated through their weighted rate.
"""

from __future__ import annotations

from typing import Any

__all__ = ["Peer", "peer_gradients"]

TAU_M, DT, V_THRESHOLD, FIRE_AT = 1.0, 0.05, 0.3, 0.3


class Peer:
    """One layer's lateral rows as the paper's equations have them."""

    def __init__(self, rows: Any, rate: float) -> None:
        self.rows, self.rate, self.old, self.velocity = rows, rate, 0, rows

    def begin(self, rank: int, draw: Any) -> None:
        """A task: all rows so far are frozen, and new ones come."""
        import torch

        new = torch.nn.init.orthogonal_(torch.empty(rank, self.rows.shape[1]), generator=draw)
        self.old, self.rows = len(self.rows), torch.cat([self.rows, new])
        self.velocity = torch.zeros_like(self.rows)

    def project(self, x: Any) -> Any:
        """The trace x (batch, n) without what earlier tasks' rows answer to."""
        old = self.rows[: self.old]
        return x - (x @ old.t()) @ old

    def learn(self, x: Any) -> None:
        """Five iterations on one batch."""
        for _ in range(5):
            y = x @ self.rows.t()
            change = (y.t() @ (x - y @ self.rows) / len(x)).clamp_(-10.0, 10.0)
            change[: self.old] = 0.0
            self.velocity = 0.9 * self.velocity + 0.1 * change
            self.rows = self.rows + self.rate * self.velocity


def peer_gradients(
    weights: list[Any], subspaces: list[Peer], x: Any, labels: Any, steps: int, projects: bool
) -> list[Any]:
    """Of one batch x (batch, n); the subspaces learn from it, where there are any.

    Parameters   steps   of spiking neurons; 0: rectified rates
    """
    import torch

    if steps:
        taught, heard, slopes = _spikes(weights, x, steps)
        top = taught[-1]
    else:
        heard = [x]
        for weight in weights[:-1]:
            heard.append((heard[-1] @ weight).relu_())
        taught, slopes, top = heard, [(each > 0.0).to(x.dtype) for each in heard[1:]], heard[-1]
    error = (top @ weights[-1]).softmax(1)
    error[torch.arange(len(labels)), labels] -= 1.0
    error, found = error / len(labels), []
    for k in reversed(range(len(weights))):
        trace = top if k == len(weights) - 1 else heard[k]
        if projects:
            trace = subspaces[k].project(trace) if subspaces[k].old else trace
            subspaces[k].learn(taught[k])
        found.append(trace.t() @ error)
        if k:
            error = (error @ weights[k].t()) * slopes[k - 1]
            if steps and k == len(weights) - 1:  # an error that is weighted in time is weighted again
                share = _shares(steps, x)
                error = error * (steps * share.square().sum())
    return found[::-1]


def _spikes(weights: list[Any], x: Any, steps: int) -> tuple[list[Any], list[Any], list[Any]]:
    """Of each connection's input the weighted mean over time and the plain one, (batch, n); of each neuron its slope."""
    import torch

    share = _shares(steps, x)
    inputs, decay = x.expand(steps, *x.shape), float(torch.exp(torch.tensor(-DT / TAU_M)))
    taught, heard, slopes = [x], [x], []
    for weight in weights[:-1]:
        currents = inputs @ weight
        v, fired = torch.zeros_like(currents[0]), []
        for current in currents:
            v = decay * v + (1.0 - decay) * current
            spike = (v >= FIRE_AT * V_THRESHOLD).to(v.dtype)
            v = v - V_THRESHOLD * spike
            fired.append(spike / DT * V_THRESHOLD)
        inputs = torch.stack(fired)
        mean = torch.tensordot(share, currents, 1)
        slopes.append(((mean > 0.0) & (mean < V_THRESHOLD * TAU_M / DT)).to(x.dtype) / TAU_M)
        taught.append(torch.tensordot(share, inputs, 1))
        heard.append(inputs.mean(0))
    return taught, heard, slopes


def _shares(steps: int, like: Any) -> Any:
    import torch

    return torch.softmax(torch.arange(steps, dtype=like.dtype) * (DT / TAU_M), 0)
