"""Tempotrons that go on after a spike, step by step."""

from __future__ import annotations

__all__ = ["run"]


def run(spiked, weight, decay, decay_s, v_0, v_threshold, fired):  # type: ignore[no-untyped-def]
    """Fill fired (time, sample, unit): in each step both sums decay, the threshold is tested, then spikes are heard.

    Parameters   spiked   0 or 1, (time, sample, channel)
                 weight   (channel, unit)
                 decay, decay_s, v_0, v_threshold   of each unit, (unit,)
    """
    time, samples, channels = spiked.shape
    units = weight.shape[1]
    for s in range(samples):
        slow, fast = weight[0] * 0.0, weight[0] * 0.0
        for t in range(time):
            for j in range(units):
                slow[j] *= decay[j]
                fast[j] *= decay_s[j]
                fires = v_0[j] * (slow[j] - fast[j]) >= v_threshold[j]
                fired[t, s, j] = fires
                if fires:
                    slow[j] = 0.0
                    fast[j] = 0.0
            for i in range(channels):
                if spiked[t, s, i]:
                    for j in range(units):
                        slow[j] += weight[i, j]
                        fast[j] += weight[i, j]
