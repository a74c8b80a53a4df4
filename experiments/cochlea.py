"""From sound to spikes: a bank of filters, hair cells that tire, and one leaky integrate-and-fire neuron per channel.

    outer ear    high frequencies are raised, and the recording is brought to one loudness (`normalise`)
    membrane     all-pole gammatone filters of order four, centre frequencies evenly spaced in equivalent rectangular
                 bandwidths (ERB), gain one at the centre
    hair cell    half-wave rectification and a low-pass of second order, read every ms; a power law; a store of
                 transmitter that release empties and time refills, so that onsets stand out
    neuron       LIF with exact integration at 1 ms; its spikes are counted in frames

Source       R. F. Lyon 1997, All-pole models of auditory filtering; B. R. Glasberg, B. C. J. Moore 1990, Hearing
             Research 47, doi:10.1016/0378-5955(90)90170-T (ERB); the idea of the chain: B. Cramer, Y. Stradmann,
             J. Schemmel, F. Zenke 2022, IEEE TNNLS 33(7), doi:10.1109/TNNLS.2020.3044364
Deviations   simpler than the last: no hydrodynamic model of the membrane, one store instead of three in the hair cell,
             and one neuron per channel hears one hair cell, where theirs hears many; constants are ours, chosen for
             sparse spikes that tell spoken digits apart
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
from numpy.typing import NDArray

from ..neurons import InvalidValue, Parameters, parameter
from .plot import style
from .spike_data import SpikeSet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Cochlea", "cochleagram", "encode", "filter_bank", "normalise", "spikes"]

ORDER = 4  # identical sections of each filter
BROADER = 1.019  # bandwidth of one section over the ERB, which makes the whole filter's ERB right
EMPHASIS = 0.7  # share of the sample before that the outer ear subtracts

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Cochlea(Parameters):
    """What the chain of this module is made of.

    Parameters   channels       how many filters, hair cells and neurons, >= 1
                 rate           of the sound, Hz, a whole multiple of 1000
                 lowest         centre frequency of channel 0, Hz
                 highest        of the last channel, Hz, below half the rate
                 tau_hair       of each of the two low-passes after rectification, ms, > 0
                 exponent       of the power law, > 0; 1 is linear
                 release        share of the store that a drive of 1 empties per ms, >= 0; 0 never tires
                 tau_refill     time constant of refilling the store, ms, > 0
                 gain           of the neuron's input, >= 0
                 tau_m          membrane time constant, ms, > 0
                 t_refractory   rounded to ms, >= 0
    Raises       InvalidValue for a field outside its range
    """

    channels: int = 140
    rate: int = 8000
    lowest: float = parameter(80.0, "Hz", above=0.0)
    highest: float = parameter(3800.0, "Hz", above=0.0)
    tau_hair: float = parameter(0.5, "ms", above=0.0)
    exponent: float = parameter(0.5, "1", above=0.0)
    release: float = parameter(0.1, "1/ms", at_least=0.0)
    tau_refill: float = parameter(50.0, "ms", above=0.0)
    gain: float = parameter(11.0, "1", at_least=0.0)
    tau_m: float = parameter(20.0, "ms", above=0.0)
    t_refractory: float = parameter(5.0, "ms", at_least=0.0)

    def check(self) -> None:
        if self.channels < 1:
            raise InvalidValue("Cochlea.channels", self.channels, ">= 1")
        if self.rate < 1000 or self.rate % 1000:
            raise InvalidValue("Cochlea.rate", self.rate, "a whole multiple of 1000 Hz", "resample the sound")
        if not self.lowest < self.highest < self.rate / 2:
            legal = f"above lowest = {self.lowest:g} and below {self.rate / 2:g} Hz, half the rate"
            raise InvalidValue("Cochlea.highest", self.highest, legal)

    @property
    def frequencies(self) -> Floats:
        """Centre frequencies in Hz, rising, shape (channels,)."""
        low, high = (21.4 * math.log10(1.0 + 0.00437 * f) for f in (self.lowest, self.highest))  # in ERB
        return (10.0 ** (np.linspace(low, high, self.channels) / 21.4) - 1.0) / 0.00437


def filter_bank(cochlea: Cochlea) -> tuple[Floats, Floats, Floats]:
    """Coefficients (gain, a1, a2), each (channels,): y[t] = gain x[t] + a1 y[t-1] + a2 y[t-2], four times in a row."""
    centre = cochlea.frequencies
    bandwidth = BROADER * 24.7 * (1.0 + 0.00437 * centre)
    radius = np.exp(-2.0 * np.pi * bandwidth / cochlea.rate)
    angle = 2.0 * np.pi * centre / cochlea.rate
    a1, a2 = 2.0 * radius * np.cos(angle), -(radius**2)
    turn = np.exp(-1j * angle)
    return np.abs(1.0 - a1 * turn - a2 * turn**2), a1, a2


def normalise(waveform: Floats) -> Floats:
    """x[t] - 0.7 x[t-1], scaled to a root mean square of one; silence stays silence."""
    raised = waveform - EMPHASIS * np.concatenate([np.zeros(1), waveform[:-1]])
    loudness = math.sqrt(np.mean(np.square(raised)))
    return raised / loudness if loudness > 0.0 else raised


def spikes(cochlea: Cochlea, waveform: Any, dt: float = 10.0) -> NDArray[np.uint8]:
    """Spike counts of one sound as loud as it is, shape (frame, channel); the last frame may be heard in part only.

    Parameters   waveform   (sample,), loudness one where it was normalised, at least one ms long
                 dt         the length of a frame, whole ms, 1 to 255
    Raises       InvalidValue for another shape, values that are not finite, or another dt
    """
    sound = np.ascontiguousarray(waveform, dtype=np.float64)
    every = cochlea.rate // 1000
    if sound.ndim != 1 or len(sound) < every:
        raise InvalidValue("spikes: waveform", f"shape {sound.shape}", f"(sample,), at least {every} of them")
    if not np.isfinite(sound).all():
        raise InvalidValue("spikes: waveform", "NaN or infinity", "finite")
    if dt != round(dt) or not 1 <= dt <= 255:
        raise InvalidValue("spikes: dt", dt, "a whole number of ms, 1 to 255")
    drive = _hear(sound, *filter_bank(cochlea), -math.expm1(-1000.0 / (cochlea.rate * cochlea.tau_hair)), every)
    drive **= cochlea.exponent
    counts = np.zeros((-(-len(drive) // round(dt)), cochlea.channels), dtype=np.uint8)
    _fire(
        drive,
        counts,
        round(dt),
        cochlea.release,
        -math.expm1(-1.0 / cochlea.tau_refill),
        cochlea.gain,
        math.exp(-1.0 / cochlea.tau_m),
        round(cochlea.t_refractory),
    )
    return counts


def encode(
    cochlea: Cochlea,
    name: str,
    waveforms: Sequence[Floats],
    labels: NDArray[np.int64],
    classes: tuple[str, ...],
    dt: float = 10.0,
) -> SpikeSet:
    """Many sounds, each brought to the same loudness, as a set for classification.

    Parameters   name, labels, classes   as in `SpikeSet`
                 waveforms, dt           as in `spikes`
    """
    counts = [spikes(cochlea, normalise(np.asarray(waveform)), dt) for waveform in waveforms]
    return SpikeSet(
        name=name,
        frames=np.concatenate(counts) if counts else np.zeros((0, cochlea.channels), dtype=np.uint8),
        offsets=np.concatenate([[0], np.cumsum([len(each) for each in counts])]).astype(np.int64),
        labels=labels,
        classes=classes,
        dt=dt,
    )


def cochleagram(cochlea: Cochlea, waveform: Floats, title: str = "", dt: float = 10.0) -> Figure:
    """A sound above, its spikes below: a mark for every frame of `dt` ms in which a channel spikes."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedFormatter, FixedLocator

    sound = normalise(np.asarray(waveform, dtype=np.float64))
    counts = spikes(cochlea, sound, dt)
    with style():
        figure = Figure(figsize=(5.0, 4.2), layout="constrained")
        above, below = figure.subplots(2, sharex=True, height_ratios=(1, 3))
        above.plot(1000.0 * np.arange(len(sound)) / cochlea.rate, sound, linewidth=0.6)
        above.set_ylabel("sound")
        above.set_title(title)
        below.imshow(
            counts.T, cmap="Greys", origin="lower", aspect="auto", interpolation="nearest",
            extent=(0.0, dt * len(counts), -0.5, cochlea.channels - 0.5),
        )  # fmt: skip
        labelled = [f for f in (100, 200, 500, 1000, 2000, 3500) if cochlea.lowest <= f <= cochlea.highest]
        places = np.interp(labelled, cochlea.frequencies, np.arange(cochlea.channels))
        below.yaxis.set_major_locator(FixedLocator(places.tolist()))
        below.yaxis.set_major_formatter(FixedFormatter([str(f) for f in labelled]))
        below.set_ylabel("centre frequency (Hz)")
        below.set_xlabel("time (ms)")
    return figure


@numba.njit(cache=True, nogil=True)
def _hear(sound: Any, gain: Any, a1: Any, a2: Any, smoothing: float, every: int) -> Any:
    """Rectified and low-passed output of the filter bank at every `every`-th sample, (ms, channel)."""
    channels = gain.size
    y1, y2 = np.zeros((ORDER, channels)), np.zeros((ORDER, channels))  # one and two samples ago
    first, second = np.zeros(channels), np.zeros(channels)
    heard = np.empty((sound.size // every, channels))
    for t in range(heard.shape[0] * every):
        for c in range(channels):
            y = sound[t]
            for section in range(ORDER):
                y = gain[c] * y + a1[c] * y1[section, c] + a2[c] * y2[section, c]
                y2[section, c] = y1[section, c]
                y1[section, c] = y
            first[c] += smoothing * (max(y, 0.0) - first[c])
            second[c] += smoothing * (first[c] - second[c])
        if (t + 1) % every == 0:
            for c in range(channels):
                heard[t // every, c] = max(second[c], 0.0)
    return heard


@numba.njit(cache=True, nogil=True)
def _fire(
    drive: Any, counts: Any, steps: int, release: float, refill: float, gain: float, decay: float, refractory: int
) -> None:
    """Let each channel's neuron fire into `counts` (frame, channel), `steps` ms per frame."""
    channels = drive.shape[1]
    store, v, waiting = np.ones(channels), np.zeros(channels), np.zeros(channels, dtype=np.int64)
    for t in range(drive.shape[0]):
        for c in range(channels):
            released = store[c] * min(release * drive[t, c], 1.0)
            current = gain * drive[t, c] * store[c]
            store[c] += refill * (1.0 - store[c]) - released
            if waiting[c] > 0:
                waiting[c] -= 1
                continue
            v[c] = current + (v[c] - current) * decay
            if v[c] >= 1.0:
                counts[t // steps, c] += 1
                v[c] = 0.0
                waiting[c] = refractory
