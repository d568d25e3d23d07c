"""Voice quality: how regular the periods are, how much noise there is beside them, and how steep the spectrum falls.

Jitter and shimmer follow the periods one by one through each voiced stretch; the ratio of harmonics to noise comes
from the strength of the pitch. Sources: Boersma (1993); Hillenbrand, Cleveland & Erickson (1994) for the cepstral
peak; Eyben et al. (2016), *The Geneva Minimalistic Acoustic Parameter Set*, for alpha ratio and Hammarberg index.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import fft

from mixedsignals.cues.pitch import PitchTrack

__all__ = ["cepstral_prominence", "harmonicity", "irregularity", "spectral_balance"]

Floats = npt.NDArray[np.float64]

_MOST_RATIO = 1.3
"""Neighbouring periods (or heights) that differ by more than this are no neighbours."""
_FEWEST = 10


def harmonicity(track: PitchTrack) -> float | None:
    """Mean ratio of harmonics to noise over voiced frames, 10 log₁₀ r/(1−r) in dB; None without voice."""
    strength = np.clip(track.strength[track.voiced], 1e-6, 1 - 1e-6)
    return float(np.mean(10 * np.log10(strength / (1 - strength)))) if len(strength) else None


def irregularity(
    samples: npt.NDArray[np.float32], rate: int, track: PitchTrack
) -> tuple[float | None, float | None]:
    """Local jitter and shimmer (%): mean absolute difference of neighbouring periods (heights) over their mean.

    None where fewer than ten pairs of neighbouring periods are found.
    """
    sound = samples.astype(np.float64)
    pairs: list[tuple[float, float, float, float]] = []
    for first, last in _stretches(track):
        pairs += _neighbours(sound, rate, track, first, last)
    if len(pairs) < _FEWEST:
        return None, None
    one, two, high, higher = np.array(pairs).T
    period = np.maximum(one, two) <= _MOST_RATIO * np.minimum(one, two)
    height = period & (np.maximum(high, higher) <= 1.6 * np.minimum(high, higher))
    return _local(one[period], two[period]), _local(high[height], higher[height])


def _local(first: Floats, second: Floats) -> float | None:
    if len(first) < _FEWEST:
        return None
    return float(100 * np.abs(first - second).mean() / (0.5 * (first + second)).mean())


def _stretches(track: PitchTrack) -> Iterator[tuple[int, int]]:
    """First and last frame of every voiced stretch of three frames or more."""
    for voiced, run in itertools.groupby(enumerate(track.voiced.tolist()), key=lambda pair: pair[1]):
        places = [place for place, _ in run]
        if voiced and len(places) >= 3:
            yield places[0], places[-1]


def _neighbours(
    sound: Floats, rate: int, track: PitchTrack, first: int, last: int
) -> list[tuple[float, float, float, float]]:
    """Pairs of neighbouring periods (s) with their heights, along one stretch."""
    begin, end = int(track.times[first] * rate), int(track.times[last] * rate)
    period = rate / track.frequency[first]
    at = float(begin + int(np.argmax(np.abs(sound[begin : begin + max(1, int(period))]))))
    found: list[tuple[float, float]] = []
    while at + 2.5 * period < end:
        step = _next(sound, at, period)
        if step is None:
            break
        found.append((step / rate, _height(sound, at, step)))
        at += step
        frame = min(last, first + int((at / rate - track.times[first]) / (track.times[1] - track.times[0])))
        period = rate / track.frequency[frame]
    return [(a, b, high, higher) for (a, high), (b, higher) in itertools.pairwise(found)]


def _next(sound: Floats, at: float, period: float) -> float | None:
    """Samples to the place that looks most like this one, between .8 and 1.25 periods on; None near the end."""
    width = max(4, int(period))
    start = int(at) - width // 2
    low, high = int(0.8 * period), int(np.ceil(1.25 * period))
    if start < 0 or start + high + width + 1 > len(sound):
        return None
    here = sound[start : start + width]
    view = np.lib.stride_tricks.sliding_window_view(sound[start + low - 1 : start + high + 1 + width], width)
    likeness = view @ here / np.maximum(np.sqrt(np.einsum("ij,ij->i", view, view)), 1e-12)
    best = int(np.argmax(likeness[1:-1])) + 1
    left, centre, right = likeness[best - 1 : best + 2]
    bend = left - 2 * centre + right
    offset = float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5)) if bend < 0 else 0.0
    return best + low - 1 + offset


def _height(sound: Floats, at: float, period: float) -> float:
    """Root mean square over two periods around a place, Hann-weighted, so that it does not hang on single samples."""
    first, last = max(0, int(np.ceil(at - period))), min(len(sound) - 1, int(at + period))
    weights = 0.5 + 0.5 * np.cos(np.pi * (np.arange(first, last + 1) - at) / period)
    return float(np.sqrt(weights @ sound[first : last + 1] ** 2 / weights.sum()))


def cepstral_prominence(samples: npt.NDArray[np.float32], rate: int, track: PitchTrack) -> float | None:
    """Mean height (dB) of the cepstral peak above the line through the cepstrum, over voiced frames; None without."""
    frames = _frames(samples, rate, track.times[track.voiced], 0.04)
    if not len(frames):
        return None
    size = frames.shape[1]
    level = 20 * np.log10(np.abs(fft.rfft(frames * np.hanning(size))) + 1e-9)
    cepstrum = 20 * np.log10(np.abs(fft.irfft(level)) + 1e-9)
    first, last = int(rate / 500), min(int(rate / 75), cepstrum.shape[1] // 2)
    part = cepstrum[:, first:last]
    place = np.arange(first, last) - (first + last - 1) / 2
    slope = part @ place / (place @ place)
    line = part.mean(axis=1, keepdims=True) + slope[:, None] * place
    top = part.argmax(axis=1)
    rows = np.arange(len(part))
    return float(np.mean(part[rows, top] - line[rows, top]))


def spectral_balance(
    samples: npt.NDArray[np.float32], rate: int, track: PitchTrack
) -> tuple[float | None, float | None]:
    """Alpha ratio and Hammarberg index (dB) over voiced frames; None without voice.

    Alpha ratio: energy of 50 to 1,000 Hz over that of 1 to 5 kHz. Hammarberg index: the strongest peak up to 2 kHz over
    the strongest of 2 to 5 kHz. Both are high for a soft voice and low for a pressed one.
    """
    frames = _frames(samples, rate, track.times[track.voiced], 0.04)
    if not len(frames):
        return None, None
    power = np.abs(fft.rfft(frames * np.hanning(frames.shape[1]))) ** 2 + 1e-12
    pitch = fft.rfftfreq(frames.shape[1], 1 / rate)
    low, high = (pitch >= 50) & (pitch < 1000), (pitch >= 1000) & (pitch < 5000)
    under, over = pitch <= 2000, (pitch > 2000) & (pitch <= 5000)
    alpha = 10 * np.log10(power[:, low].sum(axis=1) / power[:, high].sum(axis=1))
    hammarberg = 10 * np.log10(power[:, under].max(axis=1) / power[:, over].max(axis=1))
    return float(alpha.mean()), float(hammarberg.mean())


def _frames(samples: npt.NDArray[np.float32], rate: int, centres: Floats, seconds: float) -> Floats:
    """Frames of sound around the centres (s), (frames, width); those that reach beyond an end are left out."""
    width = round(seconds * rate)
    starts = np.round(centres * rate).astype(np.int64) - width // 2
    starts = starts[(starts >= 0) & (starts + width <= len(samples))]
    found: Floats = samples.astype(np.float64)[starts[:, None] + np.arange(width)]
    return found
