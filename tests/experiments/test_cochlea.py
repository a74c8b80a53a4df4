"""The cochlea's parts against SciPy and closed forms, and what it makes of tones, noise and silence."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from synfire.experiments import cochlea as module
from synfire.experiments.cochlea import Cochlea, cochleagram, encode, filter_bank, normalise, spikes
from synfire.neurons import InvalidValue

EAR = Cochlea()


def tone(frequency: float, seconds: float = 0.4, rate: int = 8000) -> np.ndarray:
    return math.sqrt(2.0) * np.sin(2.0 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)


def response(ear: Cochlea, frequency: float) -> np.ndarray:
    """Gain of every filter at one frequency."""
    gain, a1, a2 = filter_bank(ear)
    turn = np.exp(-2j * np.pi * frequency / ear.rate)
    return np.abs(gain / (1.0 - a1 * turn - a2 * turn**2)) ** 4


def test_filters_are_what_scipy_makes_of_their_coefficients() -> None:
    ear = Cochlea(channels=7)
    sound = np.random.default_rng(0).normal(size=800)
    heard = module._hear(sound, *filter_bank(ear), 0.3, 8)
    for c, (gain, a1, a2) in enumerate(zip(*filter_bank(ear), strict=True)):
        filtered = signal.sosfilt(np.tile([gain, 0.0, 0.0, 1.0, -a1, -a2], (4, 1)), sound)
        smooth = signal.sosfilt(np.tile([0.3, 0.0, 0.0, 1.0, -0.7, 0.0], (2, 1)), np.maximum(filtered, 0.0))
        # Both sum the same few numbers in another order.
        np.testing.assert_allclose(heard[:, c], smooth[7::8], rtol=1e-9, atol=1e-12)


@given(st.integers(2, 200), st.floats(50.0, 300.0), st.floats(1000.0, 3900.0))
def test_frequencies_rise_from_the_lowest_to_the_highest(channels: int, lowest: float, highest: float) -> None:
    frequencies = Cochlea(channels=channels, lowest=lowest, highest=highest).frequencies
    np.testing.assert_allclose(frequencies[[0, -1]], [lowest, highest], rtol=1e-9)
    assert (np.diff(frequencies) > 0.0).all()


def test_every_filter_has_gain_one_at_its_centre_and_the_bandwidth_of_the_ear() -> None:
    ear = Cochlea(channels=30, lowest=300.0, highest=2500.0)
    grid = np.linspace(1.0, 3999.0, 8000)
    gains = np.array([response(ear, frequency) for frequency in grid])  # (frequency, channel)
    for c, centre in enumerate(ear.frequencies):
        assert response(ear, centre)[c] == pytest.approx(1.0, rel=1e-12)
        bandwidth = np.square(gains[:, c]).sum() * (grid[1] - grid[0])
        # The factor 1.019 belongs to the continuous filter around a high centre; the all-pole filter's skirt below a
        # low centre is shallower (7 % too broad at 300 Hz), and half the rate reflects the upper one (20 % at 3 kHz).
        assert bandwidth == pytest.approx(24.7 * (1.0 + 0.00437 * centre), rel=0.1)


@settings(max_examples=20, deadline=None)
@given(st.floats(200.0, 3500.0))
def test_a_tone_excites_the_channel_of_its_frequency_most(frequency: float) -> None:
    nearest = np.argmin(np.abs(EAR.frequencies - frequency))
    assert abs(int(np.argmax(response(EAR, frequency))) - nearest) <= 2
    counts = spikes(EAR, 0.2 * tone(frequency)).sum(axis=0, dtype=np.int64)
    loudest = np.flatnonzero(counts == counts.max())
    assert abs(loudest.mean() - nearest) <= 4  # several fire alike; the filter is steeper above than below its centre
    assert counts.sum() == counts[max(nearest - 30, 0) : nearest + 30].sum()


def test_louder_is_more_spikes_until_it_is_normalised() -> None:
    sound = np.random.default_rng(1).normal(size=4000)
    totals = [int(spikes(EAR, loudness * sound).sum()) for loudness in (0.03, 0.3, 1.0, 3.0)]
    assert totals == sorted(totals)
    assert len(set(totals)) == 4
    quiet, loud = (spikes(EAR, normalise(loudness * sound)) for loudness in (0.125, 8.0))
    np.testing.assert_array_equal(quiet, loud)  # powers of two: not one bit differs


def test_silence_makes_no_spikes_and_no_division_by_zero() -> None:
    silence = np.zeros(800)
    np.testing.assert_array_equal(normalise(silence), silence)
    assert spikes(EAR, silence).shape == (10, 140)
    assert not spikes(EAR, silence).any()


@given(st.integers(0, 2**32 - 1), st.integers(10, 400))
def test_normalised_sounds_have_loudness_one(seed: int, length: int) -> None:
    sound = normalise(np.random.default_rng(seed).normal(size=length))
    assert math.sqrt(np.mean(sound**2)) == pytest.approx(1.0, rel=1e-12)


def test_the_hair_cell_answers_the_onset_most_and_never_tires_without_release() -> None:
    sound = tone(1000.0, 1.0)
    channel = int(np.argmin(np.abs(EAR.frequencies - 1000.0)))
    tiring = spikes(EAR, sound, dt=100.0)[:, channel]
    assert tiring[0] > tiring[5] > 0
    steady = spikes(Cochlea(release=0.0), sound, dt=100.0)[1:, channel]
    assert int(steady.max()) - int(steady.min()) <= 1


def test_a_steady_drive_fires_at_the_rate_of_the_closed_form() -> None:
    """LIF under constant current I: one spike every refractory + ceil(-tau_m ln(1 - 1/I)) steps of 1 ms."""
    for current, refractory in ((1.2, 5), (2.0, 0), (5.0, 3)):
        counts = np.zeros((1, 1), dtype=np.uint8)
        interval = refractory + math.ceil(-20.0 * math.log(1.0 - 1.0 / current))
        steps = 5 * interval + interval // 2
        module._fire(np.full((steps, 1), current), counts, steps, 0.0, 0.0, 1.0, math.exp(-1.0 / 20.0), refractory)
        assert counts[0, 0] == 5


def test_frames_only_sum_the_spikes_of_their_milliseconds() -> None:
    sound = normalise(np.random.default_rng(2).normal(size=8 * 95))
    fine, coarse = spikes(EAR, sound, 1.0), spikes(EAR, sound, 10.0)
    assert (len(fine), len(coarse)) == (95, 10)
    padded = np.concatenate([fine, np.zeros((5, 140), np.uint8)])
    np.testing.assert_array_equal(padded.reshape(10, 10, 140).sum(axis=1), coarse)
    assert fine.max() == 1


def test_a_set_holds_each_sound_as_it_is_alone() -> None:
    sounds = [tone(500.0, 0.1), 3.0 * tone(2000.0, 0.25)]
    data = encode(EAR, "tones", sounds, np.array([0, 1]), ("low", "high"))
    again = encode(EAR, "tones", sounds, np.array([0, 1]), ("low", "high"))
    np.testing.assert_array_equal(data.frames, again.frames)
    np.testing.assert_array_equal(data.durations, [10, 25])
    np.testing.assert_array_equal(data.batch([1])[0][:, 0], spikes(EAR, normalise(sounds[1])))


def test_the_figure_shows_the_sound_above_its_spikes() -> None:
    figure = cochleagram(EAR, tone(440.0), "a tone")
    above, below = figure.axes
    assert above.get_title(loc="left") == "a tone"
    shown = np.asarray(below.images[0].get_array())
    np.testing.assert_array_equal(shown.T, spikes(EAR, normalise(tone(440.0))))


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"channels": 0}, "channels"),
        ({"rate": 11025}, "rate"),
        ({"lowest": 0.0}, "lowest"),
        ({"lowest": 3900.0}, "highest"),
        ({"highest": 4000.0}, "highest"),
        ({"tau_m": 0.0}, "tau_m"),
        ({"release": -0.1}, "release"),
    ],
)
def test_impossible_ears_are_refused(wrong: dict[str, float], field: str) -> None:
    with pytest.raises(InvalidValue, match=rf"Cochlea\.{field}"):
        Cochlea(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("sound", [np.zeros(7), np.zeros((2, 100)), np.array([np.nan] * 100)])
def test_what_is_no_sound_is_refused(sound: np.ndarray) -> None:
    with pytest.raises(InvalidValue, match="waveform"):
        spikes(EAR, sound)


@pytest.mark.parametrize("dt", [0.0, 0.5, 256.0])
def test_frames_of_other_lengths_are_refused(dt: float) -> None:
    with pytest.raises(InvalidValue, match="dt"):
        spikes(EAR, np.zeros(100), dt)
